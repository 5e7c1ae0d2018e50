//! Makes a random graph of up to four nodes.

use crate::engine::native::trial::maker::{Graph, Maker};
use crate::engine::native::trial::source::Source;
use crate::engine::native::trial::{elementwise, moves, networks, sums, trees};

const NODES: [fn(&mut Maker<'_>); 28] = [
    elementwise::unary,
    elementwise::unary,
    elementwise::truths,
    elementwise::binary,
    elementwise::binary,
    elementwise::several,
    elementwise::choose,
    elementwise::clip,
    elementwise::cast,
    moves::concat,
    moves::transpose,
    moves::reshape,
    moves::reaxis,
    moves::known,
    moves::repeat,
    moves::split,
    moves::pad,
    moves::slice,
    moves::gather,
    sums::reduce,
    sums::cumsum,
    sums::matmul,
    sums::gemm,
    sums::softmax,
    sums::extreme,
    sums::top_k,
    networks::recurrent,
    trees::label_encoder,
];

/// The graph that a source of choices gives.
pub(crate) fn graph(source: Source<'_>) -> Graph {
    let mut maker = Maker::new(source);
    // Trees are what matters most.
    if maker.source.chance(12) {
        trees::ensemble(&mut maker);
    } else {
        let first = maker.source.pick(&NODES);
        first(&mut maker);
    }
    for _ in 0..maker.source.below(4) {
        let next = maker.source.pick(&NODES);
        next(&mut maker);
    }
    maker.finish()
}
