//! Tree ensembles of both versions, and LabelEncoder.

use crate::engine::native::trial::maker::{Bound, Maker};
use crate::engine::native::trial::onnx::{Given, small_numbers, tensor};
use crate::engine::native::trial::values::{Taste, values};
use crate::engine::native::value::{Data, Kind};

/// A tree: a split with both sides, or a leaf.
enum Tree {
    Leaf(usize),
    Split { feature: usize, threshold: f64, mode: usize, missing: bool, sides: Box<[Tree; 2]> },
}

impl Tree {
    /// The same splits with leaves of their own.
    fn twin(&self, leaves: &mut usize) -> Self {
        match self {
            Self::Leaf(_) => {
                *leaves += 1;
                Self::Leaf(*leaves - 1)
            }
            Self::Split { feature, threshold, mode, missing, sides } => {
                let sides = Box::new([sides[0].twin(leaves), sides[1].twin(leaves)]);
                Self::Split { feature: *feature, threshold: *threshold, mode: *mode, missing: *missing, sides }
            }
        }
    }

    fn each_leaf(&self, take: &mut impl FnMut(usize)) {
        match self {
            Self::Leaf(leaf) => take(*leaf),
            Self::Split { sides, .. } => sides.iter().for_each(|side| side.each_leaf(take)),
        }
    }
}

/// Numbers that rows hold too, so that ties occur.
const THRESHOLDS: [f64; 8] = [0.0, -0.0, 1.0, 0.5, -1.0, 2.5, 3.0, 1e-40];

struct Forest<'m, 's> {
    maker: &'m mut Maker<'s>,
    features: usize,
    modes: Vec<usize>,
    /// How often a tree ends before its depth, in percent.
    ends: usize,
    leaves: usize,
}

impl Forest<'_, '_> {
    fn tree(&mut self, depth: usize) -> Tree {
        if depth == 0 || self.maker.source.chance(self.ends) {
            self.leaves += 1;
            return Tree::Leaf(self.leaves - 1);
        }
        let source = &mut self.maker.source;
        let threshold = match source.below(12) {
            0..=5 => source.pick(&THRESHOLDS),
            6 => source.pick(&[f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324]),
            _ => source.share() * 6.0 - 3.0,
        };
        let (feature, mode, missing) = (source.below(self.features), source.pick(&self.modes), source.chance(30));
        let sides = Box::new([self.tree(depth - 1), self.tree(depth - 1)]);
        Tree::Split { feature, threshold, mode, missing, sides }
    }
}

#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<usize>,
    values: Vec<f64>,
    missing: Vec<i64>,
    sides: [Vec<i64>; 2],
    leaf_sides: [Vec<i64>; 2],
    leaf_nodes: Vec<(i64, i64, usize)>,
}

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(0)
}

impl Lists {
    /// Version 5: splits and leaves apart. Gives the place of the split.
    fn split_apart(&mut self, tree: &Tree) -> (i64, i64) {
        let Tree::Split { feature, threshold, mode, missing, sides } = tree else {
            let Tree::Leaf(leaf) = tree else { return (0, 0) };
            return (int(*leaf), 1);
        };
        let place = self.values.len();
        self.push(*feature, *threshold, *mode, *missing);
        for (side, tree) in sides.iter().enumerate() {
            let (found, leaf) = self.split_apart(tree);
            self.sides[side][place] = found;
            self.leaf_sides[side][place] = leaf;
        }
        (int(place), 0)
    }

    fn push(&mut self, feature: usize, threshold: f64, mode: usize, missing: bool) {
        self.features.push(int(feature));
        self.values.push(threshold);
        self.modes.push(mode);
        self.missing.push(i64::from(missing));
        for side in 0..2 {
            self.sides[side].push(0);
            self.leaf_sides[side].push(0);
        }
    }

    /// Version 3: leaves are nodes.
    fn all_nodes(&mut self, tree: &Tree, number: i64, next: &mut i64) -> i64 {
        let (id, place) = (*next, self.values.len());
        *next += 1;
        self.trees.push(number);
        self.ids.push(id);
        match tree {
            Tree::Leaf(leaf) => {
                self.push(0, 0.0, LEAF, false);
                self.leaf_nodes.push((number, id, *leaf));
            }
            Tree::Split { feature, threshold, mode, missing, sides } => {
                self.push(*feature, *threshold, *mode, *missing);
                for side in 0..2 {
                    self.sides[side][place] = self.all_nodes(&sides[side], number, next);
                }
            }
        }
        id
    }
}

const LEAF: usize = 7;
const WORDS: [&str; 8] =
    ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"];

fn weights(maker: &mut Maker<'_>, len: usize) -> Vec<f64> {
    (0..len)
        .map(|_| match maker.source.below(10) {
            0 => maker.source.pick(&[0.0, -0.0, 1e16, -1e16, 1e300, f64::INFINITY]),
            1 => 0.1,
            _ => (maker.source.share() - 0.5) * 10_f64.powi(i32::try_from(maker.source.between(-6, 9)).unwrap_or(0)),
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "rounds")]
fn typed(kind: Kind, numbers: &[f64]) -> Data {
    if kind == Kind::Float64 {
        Data::Float64(numbers.into())
    } else {
        Data::Float32(numbers.iter().map(|&number| number as f32).collect())
    }
}

/// Rows, half of their numbers thresholds.
fn rows(maker: &mut Maker<'_>, kind: Kind, shape: [usize; 2]) -> String {
    let numbers: Vec<f64> = (0..shape[0] * shape[1])
        .map(|_| match maker.source.below(10) {
            0..=4 => maker.source.pick(&THRESHOLDS),
            5 => maker.source.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]),
            _ => maker.source.share() * 6.0 - 3.0,
        })
        .collect();
    maker.input(kind, &shape, typed(kind, &numbers)).name
}

pub(crate) fn ensemble(maker: &mut Maker<'_>) {
    let kind = maker.float_kind();
    let features = maker.source.pick(&[1, 2, 3, 4, 1, 2, 3, 12]);
    let count = maker.source.pick(&[1, 2, 3, 5, 8, 9, 17]);
    // Now and then trees that are large, or many: the engine lays them out otherwise.
    let large = maker.source.chance(12);
    let (count, depth, ends) = match (large, maker.source.chance(50)) {
        (false, _) => (count, maker.source.pick(&[1, 2, 3, 4, 6]), 25),
        (true, true) => (1 + maker.source.below(9), 8 + maker.source.below(3), 8),
        (true, false) => (40 + maker.source.below(100), 5, 15),
    };
    let modes = match maker.source.below(8) {
        0..=3 => vec![0],
        4 => vec![maker.source.below(4)],
        5 => vec![0, 1, 2, 3],
        6 => vec![maker.source.below(6)],
        _ => vec![0, 1, 2, 3, 4, 5],
    };
    let old = maker.opset[1] < 5 || maker.source.chance(20);
    let mut forest = Forest { maker, features, modes, ends, leaves: 0 };
    let mut trees: Vec<Tree> = (0..count).map(|_| forest.tree(depth)).collect();
    let mut leaves = forest.leaves;
    if !old {
        // A tree begins with a split there: a lone leaf becomes a split with two.
        for tree in &mut trees {
            if let Tree::Leaf(leaf) = tree {
                let sides = Box::new([Tree::Leaf(*leaf), Tree::Leaf(leaves)]);
                leaves += 1;
                *tree = Tree::Split { feature: 0, threshold: 0.5, mode: 0, missing: false, sides };
            }
        }
    }
    let height = maker.source.pick(&[1, 1, 2, 3, 8, 9, 19, 70]);
    let name = rows(maker, kind, [height, features]);
    let targets = maker.source.pick(&[1, 1, 1, 2, 3]);
    // As a classifier is written: each tree once for each target, next to each other or one target after the other.
    let twins = targets > 1 && maker.source.chance(50);
    if twins {
        let singles = trees.len();
        for _ in 1..targets {
            let more: Vec<Tree> = trees[..singles].iter().map(|tree| tree.twin(&mut leaves)).collect();
            trees.extend(more);
        }
        if maker.source.chance(50) {
            let mut numbered: Vec<(usize, Tree)> = trees.into_iter().enumerate().collect();
            numbered.sort_by_key(|(number, _)| (number % singles, number / singles));
            trees = numbered.into_iter().map(|(_, tree)| tree).collect();
        }
    }
    let aggregate = maker.source.pick(&[1, 1, 1, 0, 2, 3]);
    let post = if maker.source.chance(6) { 1 + maker.source.below(4) } else { 0 };
    let weights = weights(maker, leaves);
    let mut ids: Vec<i64> = (0..leaves).map(|_| int(maker.source.below(targets))).collect();
    if twins && maker.source.chance(80) {
        for (number, tree) in trees.iter().enumerate() {
            tree.each_leaf(&mut |leaf| ids[leaf] = int(number % targets));
        }
    }
    let missing = maker.source.chance(60);
    if old {
        old_ensemble(maker, kind, &trees, (&name, height), (targets, &ids), (&weights, aggregate, post, missing));
        return;
    }
    let mut lists = Lists::default();
    let roots: Vec<i64> = trees.iter().map(|tree| lists.split_apart(tree).0).collect();
    let list = |numbers: &[f64]| Given::Tensor(tensor("t", kind, &[numbers.len()], &typed(kind, numbers), true));
    let small: Vec<u8> = lists.modes.iter().map(|&mode| u8::try_from(mode).unwrap_or(0)).collect();
    let [on_true, on_false] = lists.sides;
    let [true_leaf, false_leaf] = lists.leaf_sides;
    let mut attributes = vec![
        ("aggregate_function", Given::Int(aggregate)),
        ("leaf_targetids", Given::Ints(ids)),
        ("leaf_weights", list(&weights)),
        ("n_targets", Given::Int(int(targets))),
        ("nodes_falseleafs", Given::Ints(false_leaf)),
        ("nodes_falsenodeids", Given::Ints(on_false)),
        ("nodes_featureids", Given::Ints(lists.features)),
        ("nodes_modes", Given::Tensor(small_numbers(&small))),
        ("nodes_splits", list(&lists.values)),
        ("nodes_trueleafs", Given::Ints(true_leaf)),
        ("nodes_truenodeids", Given::Ints(on_true)),
        ("post_transform", Given::Int(int(post))),
        ("tree_roots", Given::Ints(roots)),
    ];
    if missing {
        attributes.push(("nodes_missing_value_tracks_true", Given::Ints(lists.missing)));
    }
    let output = (kind, vec![height, targets], Bound::Bits);
    maker.node("ai.onnx.ml.TreeEnsemble", &[&name], &[output], &attributes);
}

fn old_ensemble(
    maker: &mut Maker<'_>,
    kind: Kind,
    trees: &[Tree],
    (name, height): (&str, usize),
    (targets, ids): (usize, &[i64]),
    (weights, aggregate, post, missing): (&[f64], i64, usize, bool),
) {
    let mut lists = Lists::default();
    for (number, tree) in trees.iter().enumerate() {
        lists.all_nodes(tree, int(number), &mut 0);
    }
    let doubles = kind == Kind::Float64;
    let mut attributes = Vec::new();
    let mut list = |plain: &'static str, tensor_name: &'static str, numbers: &[f64]| {
        if doubles {
            attributes
                .push((tensor_name, Given::Tensor(tensor("t", kind, &[numbers.len()], &typed(kind, numbers), true))));
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "rounds")]
            attributes.push((plain, Given::Floats(numbers.iter().map(|&number| number as f32).collect())));
        }
    };
    list("nodes_values", "nodes_values_as_tensor", &lists.values);
    let of_leaves: Vec<f64> = lists.leaf_nodes.iter().map(|&(_, _, leaf)| weights[leaf]).collect();
    list("target_weights", "target_weights_as_tensor", &of_leaves);
    if maker.source.chance(40) {
        let base: Vec<f64> = (0..targets).map(|_| maker.source.share() * 4.0 - 2.0).collect();
        list("base_values", "base_values_as_tensor", &base);
    }
    let words = |names: &[&str], number: usize| Given::Text(names[number].to_owned());
    let [on_true, on_false] = lists.sides;
    attributes.extend([
        ("aggregate_function", words(&["AVERAGE", "SUM", "MIN", "MAX"], usize::try_from(aggregate).unwrap_or(1))),
        ("n_targets", Given::Int(int(targets))),
        ("nodes_falsenodeids", Given::Ints(on_false)),
        ("nodes_featureids", Given::Ints(lists.features)),
        ("nodes_modes", Given::Texts(lists.modes.iter().map(|&mode| WORDS[mode].to_owned()).collect())),
        ("nodes_nodeids", Given::Ints(lists.ids)),
        ("nodes_treeids", Given::Ints(lists.trees)),
        ("nodes_truenodeids", Given::Ints(on_true)),
        ("post_transform", words(&["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"], post)),
        ("target_ids", Given::Ints(lists.leaf_nodes.iter().map(|&(_, _, leaf)| ids[leaf]).collect())),
        ("target_nodeids", Given::Ints(lists.leaf_nodes.iter().map(|&(_, id, _)| id).collect())),
        ("target_treeids", Given::Ints(lists.leaf_nodes.iter().map(|&(tree, _, _)| tree).collect())),
    ]);
    if missing {
        attributes.push(("nodes_missing_value_tracks_true", Given::Ints(lists.missing)));
    }
    let output = (Kind::Float32, vec![height, targets], Bound::Bits);
    maker.node("ai.onnx.ml.TreeEnsembleRegressor", &[name], &[output], &attributes);
}

pub(crate) fn label_encoder(maker: &mut Maker<'_>) {
    let tensors = maker.opset[1] >= 4;
    let kinds: &[Kind] = if tensors {
        &[Kind::Text, Kind::Int64, Kind::Float32, Kind::Float64]
    } else {
        &[Kind::Text, Kind::Int64, Kind::Float32]
    };
    let (from, to) = (maker.source.pick(kinds), maker.source.pick(kinds));
    let count = 1 + maker.source.below(5);
    let mut attributes = Vec::new();
    for (kind, names) in [
        (from, ["keys_strings", "keys_int64s", "keys_floats", "keys_tensor"]),
        (to, ["values_strings", "values_int64s", "values_floats", "values_tensor"]),
    ] {
        let data = values(&mut maker.source, kind, count, Taste::Any);
        let as_tensor = kind == Kind::Float64 || (tensors && maker.source.chance(20));
        attributes.push(match (&data, as_tensor) {
            (Data::Text(texts), false) => (names[0], Given::Texts(texts.to_vec())),
            (Data::Int64(numbers), false) => (names[1], Given::Ints(numbers.to_vec())),
            (Data::Float32(numbers), false) => (names[2], Given::Floats(numbers.to_vec())),
            _ => (names[3], Given::Tensor(tensor("t", kind, &[count], &data, true))),
        });
    }
    if maker.source.chance(50) {
        attributes.push(match to {
            Kind::Text => ("default_string", Given::Text("none".to_owned())),
            Kind::Int64 => ("default_int64", Given::Int(-7)),
            Kind::Float32 => ("default_float", Given::Float(0.25)),
            _ => ("default_tensor", Given::Tensor(tensor("t", to, &[1], &Data::Float64([0.25].into()), true))),
        });
    }
    let value = maker.some(from, 3);
    maker.node("ai.onnx.ml.LabelEncoder", &[&value.name], &[(to, value.shape, Bound::Bits)], &attributes);
}
