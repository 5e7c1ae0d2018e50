//! Small files that ask for much: refused, or answered within bounded memory.

use crate::engine::native::trial::engines::native;
use crate::engine::native::trial::maker::{Bound, Graph, Maker};
use crate::engine::native::trial::onnx::{Bytes, Given, node, port, small_numbers, tensor};
use crate::engine::native::trial::source::Source;
use crate::engine::native::value::{Data, Kind};

/// Bytes that a refusal may take.
const MOST: u64 = 1 << 30;

fn maker() -> Maker<'static> {
    Maker::new(Source::Seed(1)).of_opset([21, 5])
}

/// What comes of it, and how much memory it took.
fn tried(graph: &Graph) -> Result<usize, String> {
    let mut found = Err(String::new());
    let counted = allocation_counter::measure(|| found = native(graph).map(|answers| answers.len()));
    assert!(counted.bytes_max < MOST, "{} bytes for {:?}", counted.bytes_max, graph.operators);
    found
}

fn any(shape: Vec<usize>) -> [(Kind, Vec<usize>, Bound); 1] {
    [(Kind::Float32, shape, Bound::Bits)]
}

/// A graph that begins with so many ones, made by a small node.
fn filled(shape: &[i64], go_on: impl FnOnce(&mut Maker<'_>, &str)) -> Graph {
    let mut maker = maker();
    let lengths = maker.ints(shape);
    maker.node("ConstantOfShape", &[&lengths.name], &any(vec![]), &[]);
    let name = maker.pool[0].name.clone();
    go_on(&mut maker, &name);
    maker.finish()
}

#[test]
fn shapes_that_overflow_or_hide_behind_a_zero_are_refused() {
    for shape in [
        &[i64::MAX, i64::MAX][..],
        &[1 << 40],
        &[0, 1 << 40],
        &[1 << 20, 0, 1 << 20],
        &[1 << 32, 1 << 32, 0],
        &[-1],
        &[i64::MIN],
        &[1 << 13, 1 << 13],
        &[1; 17],
    ] {
        let graph = filled(shape, |maker, name| maker.node("Abs", &[name], &any(vec![]), &[]));
        assert!(tried(&graph).is_err(), "{shape:?}");
    }
}

#[test]
fn an_expansion_that_is_repeated_is_refused() {
    for operator in ["Tile", "Expand"] {
        let graph = filled(&[64], |maker, name| {
            let mut last = name.to_owned();
            for _ in 0..40 {
                let times = maker.ints(
                    &[if operator == "Tile" { 1 << 12 } else { 1 << 23 }, 1][..if operator == "Tile" { 1 } else { 2 }],
                );
                maker.node(operator, &[&last, &times.name], &any(vec![]), &[]);
                last = maker.pool.last().unwrap().name.clone();
            }
        });
        assert!(tried(&graph).is_err(), "{operator}");
    }
}

#[test]
fn products_of_many_small_matrices_are_refused() {
    let graph = filled(&[1 << 12, 1, 1, 1], |maker, left| {
        let left = left.to_owned();
        let lengths = maker.ints(&[1 << 22, 1, 1]);
        maker.node("ConstantOfShape", &[&lengths.name], &any(vec![]), &[]);
        let right = maker.pool.last().unwrap().name.clone();
        maker.node("MatMul", &[&left, &right], &any(vec![]), &[]);
    });
    assert!(tried(&graph).unwrap_err().contains("too large"));
}

#[test]
fn work_without_end_is_refused() {
    let many = |operator: &'static str, nodes: usize| {
        filled(&[1 << 22], move |maker, name| {
            for _ in 0..nodes {
                maker.node(operator, &[name], &any(vec![]), &[]);
            }
        })
    };
    assert!(tried(&many("ReduceSum", 3000)).unwrap_err().contains("too much"));
    let largest = filled(&[1 << 22], |maker, name| {
        let count = maker.ints(&[1 << 21]);
        maker.node("TopK", &[name, &count.name], &any(vec![]), &[]);
    });
    assert!(tried(&largest).unwrap_err().contains("too long"));
    let product = filled(&[1 << 11, 1 << 11], |maker, name| {
        let mut last = name.to_owned();
        for _ in 0..3 {
            maker.node("MatMul", &[&last, name], &any(vec![]), &[]);
            last = maker.pool.last().unwrap().name.clone();
        }
    });
    assert!(tried(&product).unwrap_err().contains("too"));
}

#[test]
fn more_parts_than_a_file_needs_are_refused() {
    for field in [1, 5, 11, 12] {
        let mut graph = Bytes::default();
        for _ in 0..1_000_000 {
            graph.part(field, &[]);
        }
        let mut model = Bytes::default();
        model.part(7, &graph.0).part(8, &Bytes::default().int(2, 21).0.clone());
        let graph = Graph { bytes: model.0, operators: vec![], opset: [21, 0], inputs: vec![], outputs: vec![] };
        assert!(tried(&graph).is_err(), "{field}");
    }
    let mut graph = Bytes::default();
    for number in 0..40_000 {
        graph.part(1, &node("Abs", &[&format!("v{number}")], &[format!("v{}", number + 1)], &[]));
    }
    graph.part(11, &port("v0", Kind::Float32, &[Some(1)])).part(12, &port("v40000", Kind::Float32, &[Some(1)]));
    let mut model = Bytes::default();
    model.part(7, &graph.0).part(8, &Bytes::default().int(2, 21).0.clone());
    let graph = Graph { bytes: model.0, operators: vec![], opset: [21, 0], inputs: vec![], outputs: vec![] };
    assert!(tried(&graph).unwrap_err().contains("nodes"));
}

/// A tree as a chain: the depth of its leaves is the number of splits. `last` is where the last split leads.
fn chain(splits: usize, last: i64, last_leaf: i64) -> Graph {
    let mut maker = maker();
    let data = Data::Float64([0.5, 2e9].into());
    let rows = maker.input(Kind::Float64, &[2, 1], data);
    let numbers: Vec<f64> = (0..splits).map(|number| f64::from(u32::try_from(number).unwrap())).collect();
    let list = |numbers: Vec<f64>| {
        Given::Tensor(tensor("t", Kind::Float64, &[numbers.len()], &Data::Float64(numbers.into()), true))
    };
    let mut next: Vec<i64> = (1..=i64::try_from(splits).unwrap()).collect();
    *next.last_mut().unwrap() = last;
    let mut ends = vec![0; splits];
    *ends.last_mut().unwrap() = last_leaf;
    let attributes = [
        ("leaf_targetids", Given::Ints(vec![0, 0])),
        ("leaf_weights", list(vec![1.0, 2.0])),
        ("nodes_falseleafs", Given::Ints(ends)),
        ("nodes_falsenodeids", Given::Ints(next)),
        ("nodes_featureids", Given::Ints(vec![0; splits])),
        ("nodes_modes", Given::Tensor(small_numbers(&vec![0; splits]))),
        ("nodes_splits", list(numbers)),
        ("nodes_trueleafs", Given::Ints(vec![1; splits])),
        ("nodes_truenodeids", Given::Ints(vec![0; splits])),
        ("tree_roots", Given::Ints(vec![0])),
    ];
    let output = (Kind::Float64, vec![2, 1], Bound::Bits);
    maker.node("ai.onnx.ml.TreeEnsemble", &[&rows.name], &[output], &attributes);
    maker.finish()
}

#[test]
fn a_very_deep_tree_is_walked_to_its_end() {
    for splits in [1, 63, 64, 65, 1000, 200_000] {
        let graph = chain(splits, 1, 1);
        assert!(tried(&graph).is_ok(), "{splits}");
        let Data::Float64(found) = &native(&graph).unwrap()[0].data else { panic!() };
        assert_eq!(found[..], [if splits == 1 { 2.0 } else { 1.0 }, 2.0], "{splits}");
    }
}

#[test]
fn a_tree_that_leads_back_or_out_is_refused() {
    for splits in [2, 64, 1000] {
        for (last, leaf) in [(0, 0), (1, 0), (-1, 0), (-1, 1), (2, 1), (1 << 40, 0), (i64::MIN, 1), (i64::MAX, 0)] {
            assert!(tried(&chain(splits, last, leaf)).is_err(), "{splits} {last} {leaf}");
        }
    }
}
