//! Tree ensembles as attributes write them, read strictly.

use std::collections::HashMap;

use crate::engine::native::build::Call;
use crate::engine::native::read::Attribute;
use crate::engine::native::trees::splits::{Mode, Side, Split};
use crate::engine::native::value::{Data, Spot};

/// How the leaves of all trees become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Average,
    Sum,
    Least,
    Greatest,
}

/// An ensemble read: splits, roots, and of each leaf what it adds to which target.
pub(crate) struct Ensemble {
    pub(crate) splits: Vec<Split>,
    pub(crate) roots: Vec<Side>,
    pub(crate) leaves: Vec<Vec<(usize, f64)>>,
    pub(crate) targets: usize,
    pub(crate) base: Vec<f64>,
    pub(crate) aggregate: Aggregate,
}

/// A whole number that counts or names a place.
fn place(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| "a number is negative".to_owned())
}

fn ints<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a [i64], String> {
    call.ints_attribute(name)?.ok_or_else(|| format!("has no attribute '{name}'"))
}

/// The numbers of a tensor of either floating-point type, or uint8.
fn numbers(call: &Call<'_>, name: &str) -> Result<Option<Vec<f64>>, String> {
    let Some(value) = call.tensor_attribute(name)? else { return Ok(None) };
    let Spot::Constant(data) = &value.spot else { return Ok(None) };
    #[expect(clippy::cast_precision_loss, reason = "modes are numbers up to 6")]
    Ok(Some(match data {
        Data::Float64(values) => values.to_vec(),
        Data::Float32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        Data::Int64(values) => values.iter().map(|&value| value as f64).collect(),
        Data::Bool(_) | Data::Text(_) => return Err(format!("attribute '{name}' holds no numbers")),
    }))
}

/// The attributes of TreeEnsemble.
pub(crate) fn new_ensemble(call: &Call<'_>) -> Result<Ensemble, String> {
    call.only(&[
        "aggregate_function",
        "leaf_targetids",
        "leaf_weights",
        "n_targets",
        "nodes_falseleafs",
        "nodes_falsenodeids",
        "nodes_featureids",
        "nodes_hitrates",
        "nodes_missing_value_tracks_true",
        "nodes_modes",
        "nodes_splits",
        "nodes_trueleafs",
        "nodes_truenodeids",
        "post_transform",
        "tree_roots",
    ])?;
    if call.int("post_transform", 0)? != 0 {
        return Err("with a post_transform is not known".to_owned());
    }
    let features = ints(call, "nodes_featureids")?;
    let count = features.len();
    let splits = numbers(call, "nodes_splits")?.ok_or("has no nodes_splits")?;
    let modes = match call.tensor_attribute("nodes_modes")?.map(|value| &value.spot) {
        Some(Spot::Constant(Data::Int64(modes))) => modes.to_vec(),
        _ => return Err("has no nodes_modes".to_owned()),
    };
    let missing = call.ints_attribute("nodes_missing_value_tracks_true")?.unwrap_or_default();
    let (on_true, on_false) = (ints(call, "nodes_truenodeids")?, ints(call, "nodes_falsenodeids")?);
    let (true_leaf, false_leaf) = (ints(call, "nodes_trueleafs")?, ints(call, "nodes_falseleafs")?);
    let lengths = [splits.len(), modes.len(), on_true.len(), on_false.len(), true_leaf.len(), false_leaf.len()];
    if lengths != [count; 6] || ![0, count].contains(&missing.len()) {
        return Err("has lists of different lengths".to_owned());
    }
    let side =
        |node: i64, leaf: i64| place(node).map(|place| if leaf == 0 { Side::Split(place) } else { Side::Leaf(place) });
    let mut found = Vec::with_capacity(count);
    for node in 0..count {
        let sides = (side(on_true[node], true_leaf[node])?, side(on_false[node], false_leaf[node])?);
        let nan_true = missing.get(node).is_some_and(|&flag| flag != 0);
        found.push(Split::of(Mode::of_number(modes[node])?, place(features[node])?, splits[node], sides, nan_true)?);
    }
    let weights = numbers(call, "leaf_weights")?.ok_or("has no leaf_weights")?;
    let ids = ints(call, "leaf_targetids")?;
    if ids.len() != weights.len() {
        return Err("has lists of different lengths".to_owned());
    }
    let leaves = ids.iter().zip(weights).map(|(&id, weight)| Ok(vec![(place(id)?, weight)]));
    let roots = ints(call, "tree_roots")?.iter().map(|&root| place(root).map(Side::Split));
    Ok(Ensemble {
        splits: found,
        roots: roots.collect::<Result<_, _>>()?,
        leaves: leaves.collect::<Result<_, String>>()?,
        targets: place(call.int("n_targets", 1)?)?,
        base: Vec::new(),
        aggregate: match call.int("aggregate_function", 1)? {
            0 => Aggregate::Average,
            1 => Aggregate::Sum,
            2 => Aggregate::Least,
            3 => Aggregate::Greatest,
            other => return Err(format!("aggregate_function {other} is not known")),
        },
    })
}

/// A list of float32 numbers, or of doubles where its tensor is given.
fn either(call: &Call<'_>, name: &str) -> Result<Vec<f64>, String> {
    if let Some(values) = numbers(call, &format!("{name}_as_tensor"))? {
        return Ok(values);
    }
    Ok(call.floats_attribute(name)?.unwrap_or_default().iter().map(|&value| f64::from(value)).collect())
}

/// The attributes of the older operators.
pub(crate) fn old_ensemble(call: &Call<'_>) -> Result<Ensemble, String> {
    let (trees, nodes) = (ints(call, "nodes_treeids")?, ints(call, "nodes_nodeids")?);
    let (features, count) = (ints(call, "nodes_featureids")?, trees.len());
    let (on_true, on_false) = (ints(call, "nodes_truenodeids")?, ints(call, "nodes_falsenodeids")?);
    let modes = call.texts_attribute("nodes_modes")?.ok_or("has no nodes_modes")?;
    let values = either(call, "nodes_values")?;
    let missing = call.ints_attribute("nodes_missing_value_tracks_true")?.unwrap_or_default();
    let lengths = [nodes.len(), features.len(), on_true.len(), on_false.len(), modes.len(), values.len()];
    if lengths != [count; 6] || ![0, count].contains(&missing.len()) {
        return Err("has lists of different lengths".to_owned());
    }
    let mut sides: HashMap<(i64, i64), Side> = HashMap::with_capacity(count);
    let (mut inner, mut ends) = (0, 0);
    for (index, key) in trees.iter().copied().zip(nodes.iter().copied()).enumerate() {
        let (next, side): (&mut usize, fn(usize) -> Side) =
            if modes[index] == "LEAF" { (&mut ends, Side::Leaf) } else { (&mut inner, Side::Split) };
        if sides.insert(key, side(*next)).is_some() {
            return Err("a node stands twice".to_owned());
        }
        *next += 1;
    }
    let find = |tree: i64, node: i64| sides.get(&(tree, node)).copied().ok_or("a node is out of range");
    let (mut splits, mut roots, mut last) = (Vec::with_capacity(inner), Vec::new(), None);
    for index in 0..count {
        let tree = trees[index];
        // The first node of each tree is its root, and trees stand one after the other.
        if last != Some(tree) {
            if nodes[index] != 0 || last.is_some_and(|last| tree < last) {
                return Err("its trees are not in order".to_owned());
            }
            roots.push(find(tree, 0)?);
            last = Some(tree);
        }
        if modes[index] == "LEAF" {
            continue;
        }
        let both = (find(tree, on_true[index])?, find(tree, on_false[index])?);
        let nan_true = missing.get(index).is_some_and(|&flag| flag != 0);
        splits.push(Split::of(Mode::of_word(&modes[index])?, place(features[index])?, values[index], both, nan_true)?);
    }
    let (of_tree, of_node, ids) =
        (ints(call, "target_treeids")?, ints(call, "target_nodeids")?, ints(call, "target_ids")?);
    let weights = either(call, "target_weights")?;
    if [of_tree.len(), of_node.len(), ids.len()] != [weights.len(); 3] {
        return Err("has lists of different lengths".to_owned());
    }
    let mut leaves = vec![Vec::new(); ends];
    for (index, &weight) in weights.iter().enumerate() {
        let Side::Leaf(leaf) = find(of_tree[index], of_node[index])? else {
            return Err("a split has a weight".to_owned());
        };
        leaves[leaf].push((place(ids[index])?, weight));
    }
    let aggregate = match call.text("aggregate_function", "SUM")? {
        "AVERAGE" => Aggregate::Average,
        "SUM" => Aggregate::Sum,
        "MIN" => Aggregate::Least,
        "MAX" => Aggregate::Greatest,
        other => return Err(format!("aggregate_function {other} is not known")),
    };
    let Some(Attribute::Int(targets)) = call.attributes.get("n_targets") else {
        return Err("has no n_targets".to_owned());
    };
    Ok(Ensemble { splits, roots, leaves, targets: place(*targets)?, base: either(call, "base_values")?, aggregate })
}
