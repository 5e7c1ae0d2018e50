//! A row's answer does not depend on how many rows are asked at a time, nor on where it stands among them.

use crate::engine::native::trial::engines::{Answer, native};
use crate::engine::native::trial::maker::{Bound, Graph, Maker};
use crate::engine::native::trial::onnx::Given;
use crate::engine::native::trial::source::Source;
use crate::engine::native::trial::trees;
use crate::engine::native::trial::values::Taste;
use crate::engine::native::value::Data;

fn part(data: &Data, places: &[usize], wide: usize) -> Data {
    let all = || places.iter().flat_map(|&row| row * wide..(row + 1) * wide);
    match data {
        Data::Float64(values) => Data::Float64(all().map(|place| values[place]).collect()),
        Data::Float32(values) => Data::Float32(all().map(|place| values[place]).collect()),
        Data::Int64(values) => Data::Int64(all().map(|place| values[place]).collect()),
        Data::Bool(values) => Data::Bool(all().map(|place| values[place]).collect()),
        Data::Text(values) => Data::Text(all().map(|place| values[place].clone()).collect()),
    }
}

fn bits(data: &Data) -> Vec<u64> {
    match data {
        Data::Float64(values) => values.iter().map(|value| value.to_bits()).collect(),
        Data::Float32(values) => values.iter().map(|value| value.to_bits().into()).collect(),
        other => panic!("{other:?}"),
    }
}

/// The graph with some of its rows, in this order.
fn with_rows(graph: &Graph, rows: &[usize]) -> Graph {
    let mut graph = graph.clone();
    for input in &mut graph.inputs {
        let wide = input.shape[1..].iter().product();
        input.data = part(&input.data, rows, wide);
        input.shape[0] = rows.len();
    }
    graph
}

/// Compares the answers of the rows one by one, in another order, and in blocks, with those of all at once.
fn check(seed: u64, graph: &Graph) -> bool {
    let Ok(whole) = native(graph) else { return false };
    let count = graph.inputs[0].shape[0];
    let backwards: Vec<usize> = (0..count).rev().collect();
    let mut orders: Vec<Vec<usize>> = (0..count).map(|row| vec![row]).collect();
    orders.extend([backwards, vec![count - 1; 9], (0..count).flat_map(|row| [row, 0]).collect()]);
    orders.extend([2, 3, 7, 8].map(|size| (0..count.min(size)).collect::<Vec<_>>()));
    for rows in orders {
        let found: Vec<Answer> = native(&with_rows(graph, &rows)).unwrap();
        for (found, whole) in found.iter().zip(&whole) {
            let expected = part(&whole.data, &rows, whole.shape[1..].iter().product());
            assert_eq!(bits(&found.data), bits(&expected), "seed {seed}, rows {rows:?}: {:?}", graph.operators);
        }
    }
    true
}

#[test]
fn trees_give_a_row_the_same_bits_wherever_it_stands() {
    let mut checked = 0;
    for seed in 0..600 {
        let mut maker = Maker::new(Source::Seed(seed)).with_free_axes();
        trees::ensemble(&mut maker);
        checked += usize::from(check(seed, &maker.finish()));
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn dense_layers_give_a_row_the_same_bits_wherever_it_stands() {
    for seed in 0..200 {
        let mut maker = Maker::new(Source::Seed(seed)).with_free_axes();
        let kind = maker.float_kind();
        let (rows, wide, middle) = (1 + maker.source.below(20), 1 + maker.source.below(9), 1 + maker.source.below(17));
        let data = crate::engine::native::trial::values::values(&mut maker.source, kind, rows * wide, Taste::Plain);
        let input = maker.input(kind, &[rows, wide], data);
        let mut last = input.name;
        for (from, to, activation) in [(wide, middle, "Tanh"), (middle, 3, "Softmax"), (3, 1, "Sigmoid")] {
            let weights =
                crate::engine::native::trial::values::values(&mut maker.source, kind, from * to, Taste::Plain);
            let weights = maker.constant(kind, &[from, to], &weights).name;
            let bias = crate::engine::native::trial::values::values(&mut maker.source, kind, to, Taste::Plain);
            let bias = maker.constant(kind, &[to], &bias).name;
            let output = (kind, vec![rows, to], Bound::Bits);
            maker.node("Gemm", &[&last, &weights, &bias], &[output.clone()], &[("alpha", Given::Float(0.5))]);
            last = maker.pool.last().unwrap().name.clone();
            maker.node(activation, &[&last], &[output], &[]);
            last = maker.pool.last().unwrap().name.clone();
        }
        assert!(check(seed, &maker.finish()), "seed {seed}");
    }
}
