//! The operators of ai.onnx.ml that hold trees: TreeEnsemble (5) and TreeEnsembleRegressor (3).

use std::collections::HashMap;

use crate::engine::native::build::{Call, Lowered, one};
use crate::engine::native::operators::each_float;
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::read::Attribute;
use crate::engine::native::scratch::{Element, Source};
use crate::engine::native::trees::forest::Forest;
use crate::engine::native::trees::splits::{Mode, Side, Split};
use crate::engine::native::trees::walk::{many_rows, one_row};
use crate::engine::native::value::{Data, Kind, Spot};

/// How the leaves of all trees become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Average,
    Sum,
    Least,
    Greatest,
}

/// An ensemble read: splits, roots, and of each leaf what it adds to which target.
struct Ensemble {
    splits: Vec<Split>,
    roots: Vec<Side>,
    leaves: Vec<Vec<(usize, f64)>>,
    targets: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
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

/// TreeEnsemble of ai.onnx.ml 5.
pub(crate) fn tree_ensemble(call: &mut Call<'_>) -> Lowered {
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
    let ensemble = Ensemble {
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
    };
    let kind = call.input(0)?.kind;
    each_float!(call, kind, T => planted::<T, T>(call, &ensemble, |value| value))
}

/// TreeEnsembleRegressor of ai.onnx.ml 3: float32 out, whatever comes in.
#[expect(clippy::cast_possible_truncation, reason = "what the operator does")]
pub(crate) fn tree_ensemble_regressor(call: &mut Call<'_>) -> Lowered {
    if call.text("post_transform", "NONE")? != "NONE" {
        return Err("with a post_transform is not known".to_owned());
    }
    let ensemble = old_ensemble(call)?;
    match call.input(0)?.kind {
        Kind::Float64 => planted::<f64, f32>(call, &ensemble, |value| value as f32),
        Kind::Float32 => planted::<f32, f32>(call, &ensemble, |value| value),
        other => Err(call.unknown_type(other)),
    }
}

/// A list of float32 numbers, or of doubles where its tensor is given.
fn either(call: &Call<'_>, name: &str) -> Result<Vec<f64>, String> {
    if let Some(values) = numbers(call, &format!("{name}_as_tensor"))? {
        return Ok(values);
    }
    Ok(call.floats_attribute(name)?.unwrap_or_default().iter().map(|&value| f64::from(value)).collect())
}

fn old_ensemble(call: &Call<'_>) -> Result<Ensemble, String> {
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

/// What a leaf adds, with its target.
struct Payloads<T> {
    parts: Vec<(usize, T)>,
    ranges: Vec<std::ops::Range<usize>>,
}

/// Adds the steps: rows with the column of the leaves, then the walks. Numbers are added up as `T`.
fn planted<T: Float, U: Element + Copy>(
    call: &mut Call<'_>,
    ensemble: &Ensemble,
    end: impl Fn(T) -> U + Send + Sync + 'static,
) -> Lowered {
    let [rows, width] = *call.input(0)?.shape else { return Err("needs rows of columns".to_owned()) };
    let targets = ensemble.targets;
    if targets == 0 || ensemble.roots.is_empty() || ![0, targets].contains(&ensemble.base.len()) {
        return Err("has no target, no tree, or another number of base values".to_owned());
    }
    if ensemble.leaves.iter().flatten().any(|(target, _)| *target >= targets) {
        return Err("a target is out of range".to_owned());
    }
    let source = call.source::<T>(0)?;
    let wide = width + 1;
    let padded = call.builder.step(Kind::Float64, vec![rows, wide], move |out: &mut [f64], scratch| {
        for (out, row) in out.chunks_exact_mut(wide).zip(source.get(scratch).chunks_exact(width.max(1))) {
            out.iter_mut().zip(row).for_each(|(out, value)| *out = value.to_f64());
            out[width] = f64::NEG_INFINITY;
        }
    })?;
    let padded = Source::<f64>::of(&padded).ok_or("is of another type")?;
    let base: Vec<T> = ensemble.base.iter().map(|&value| T::of_f64(value)).collect();
    let (aggregate, trees) = (ensemble.aggregate, ensemble.roots.len());
    let last = move |total: T, target: usize| {
        let total = if aggregate == Aggregate::Average { total.div(T::of_count(trees)) } else { total };
        // Also where there is none: -0 becomes 0.
        end(total.add(base.get(target).copied().unwrap_or(T::ZERO)))
    };
    // Nothing but sums of one number from each leaf: the number stands in the leaf.
    let single = targets == 1 && ensemble.leaves.iter().all(|leaf| leaf.len() == 1);
    if single && matches!(aggregate, Aggregate::Sum | Aggregate::Average) {
        let payloads: Vec<f64> = ensemble.leaves.iter().map(|leaf| leaf[0].1).collect();
        let forest = Forest::of(&ensemble.splits, &ensemble.roots, &payloads, width)?;
        return single_target(call, forest, padded, rows, last);
    }
    // A target without a leaf stays 0 in onnxruntime.
    let complete = |leaf: &Vec<(usize, f64)>| (0..targets).all(|target| leaf.iter().any(|(found, _)| *found == target));
    if !ensemble.base.is_empty() && !ensemble.leaves.iter().all(complete) {
        return Err("has base values, and leaves that do not have every target".to_owned());
    }
    let mut payloads = Payloads { parts: Vec::new(), ranges: Vec::new() };
    for leaf in &ensemble.leaves {
        if leaf.iter().any(|(_, weight)| weight.is_nan()) {
            return Err("a leaf is NaN".to_owned());
        }
        let start = payloads.parts.len();
        payloads.parts.extend(leaf.iter().map(|&(target, weight)| (target, T::of_f64(weight))));
        payloads.ranges.push(start..payloads.parts.len());
    }
    let numbers = (0..ensemble.leaves.len()).map(|leaf| u32::try_from(leaf).map(f64::from));
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>().map_err(|_| "has too many leaves")?;
    let forest = Forest::of(&ensemble.splits, &ensemble.roots, &numbers, width)?;
    several_targets(call, forest, padded, (rows, targets), payloads, aggregate, last)
}

fn single_target<T: Float, U: Element + Copy>(
    call: &mut Call<'_>,
    forest: Forest,
    rows: Source<f64>,
    count: usize,
    end: impl Fn(T, usize) -> U + Send + Sync + 'static,
) -> Lowered {
    if count == 1 {
        return one(call.builder.step(U::KIND, vec![1, 1], move |out: &mut [U], scratch| {
            let mut total = T::ZERO;
            one_row(&forest, rows.get(scratch), |payload| total = total.add(T::of_f64(payload)));
            out.fill(end(total, 0));
        })?);
    }
    let totals = call.builder.step(T::KIND, vec![count, 1], move |out: &mut [T], scratch| {
        out.fill(T::ZERO);
        many_rows(&forest, rows.get(scratch), |row, payload| out[row] = out[row].add(T::of_f64(payload)));
    })?;
    let totals = Source::<T>::of(&totals).ok_or("is of another type")?;
    one(call.builder.step(U::KIND, vec![count, 1], move |out: &mut [U], scratch| {
        out.iter_mut().zip(totals.get(scratch)).for_each(|(out, total)| *out = end(*total, 0));
    })?)
}

fn several_targets<T: Float, U: Element + Copy>(
    call: &mut Call<'_>,
    forest: Forest,
    rows: Source<f64>,
    (count, targets): (usize, usize),
    payloads: Payloads<T>,
    aggregate: Aggregate,
    end: impl Fn(T, usize) -> U + Send + Sync + 'static,
) -> Lowered {
    let unset = match aggregate {
        Aggregate::Average | Aggregate::Sum => T::ZERO,
        Aggregate::Least => T::of_f64(f64::INFINITY),
        Aggregate::Greatest => T::of_f64(f64::NEG_INFINITY),
    };
    // A target that no leaf of a row has stays 0 in onnxruntime; that no target stays without is looked at here.
    let complete = payloads.ranges.iter().all(|range| {
        (0..targets).all(|target| payloads.parts[range.clone()].iter().any(|(found, _)| *found == target))
    });
    if unset != T::ZERO && !complete {
        return Err("takes the extreme of leaves that do not have every target".to_owned());
    }
    let totals = call.builder.step(T::KIND, vec![count, targets], move |out: &mut [T], scratch| {
        out.fill(unset);
        many_rows(&forest, rows.get(scratch), |row, payload| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number of a leaf")]
            let leaf = payload as usize;
            for (target, weight) in &payloads.parts[payloads.ranges[leaf].clone()] {
                let total = &mut out[row * targets + target];
                *total = match aggregate {
                    Aggregate::Average | Aggregate::Sum => total.add(*weight),
                    Aggregate::Least => Number::lesser(*total, *weight),
                    Aggregate::Greatest => Number::greater(*total, *weight),
                };
            }
        });
    })?;
    let totals = Source::<T>::of(&totals).ok_or("is of another type")?;
    one(call.builder.step(U::KIND, vec![count, targets], move |out: &mut [U], scratch| {
        for (place, (out, total)) in out.iter_mut().zip(totals.get(scratch)).enumerate() {
            *out = end(*total, place % targets);
        }
    })?)
}
