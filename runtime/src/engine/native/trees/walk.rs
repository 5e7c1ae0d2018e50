//! From roots to leaves: several walks at a time without a branch, so that the processor need not wait for one of them.

use crate::engine::native::trees::forest::{Forest, Node, Root};

/// Walks that go together.
pub(crate) const TOGETHER: usize = 8;
/// After so many steps it is looked whether all have arrived.
const LOOK_EVERY: u32 = 4;

/// One step of a walk.
#[inline]
fn step<const NAN: bool>(node: &Node, value: f64) -> u32 {
    let left = value <= node.threshold || (NAN && node.nan_left && value.is_nan());
    node.left + u32::from(!left)
}

/// Steps until all have arrived; `value` gives the number that walk `i` compares.
#[inline]
fn walk<const NAN: bool, const N: usize>(
    nodes: &[Node],
    at: &mut [u32; N],
    depth: u32,
    value: impl Fn(usize, u16) -> f64,
) {
    let mut left = depth;
    while left > 0 {
        let steps = left.min(LOOK_EVERY);
        for _ in 0..steps {
            for (walk, at) in at.iter_mut().enumerate() {
                let node = &nodes[*at as usize];
                *at = step::<NAN>(node, value(walk, node.feature));
            }
        }
        left -= steps;
        if left > 0 && at.iter().all(|&at| nodes[at as usize].left == at) {
            return;
        }
    }
}

/// The payloads of one row's leaves, tree by tree. `row` has a last number more: minus infinity.
#[inline]
pub(crate) fn one_row(forest: &Forest, row: &[f64], mut take: impl FnMut(f64)) {
    if forest.asks_nan {
        trees_of_row::<true>(forest, row, &mut take);
    } else {
        trees_of_row::<false>(forest, row, &mut take);
    }
}

fn trees_of_row<const NAN: bool>(forest: &Forest, row: &[f64], take: &mut impl FnMut(f64)) {
    let nodes = forest.nodes.as_slice();
    let row = &row[..=forest.width];
    let value = |_: usize, feature: u16| row[usize::from(feature)];
    let groups = forest.roots.chunks_exact(TOGETHER);
    let rest = groups.remainder();
    for roots in groups {
        let mut at = [0; TOGETHER];
        at.iter_mut().zip(roots).for_each(|(at, root)| *at = root.node);
        let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
        walk::<NAN, TOGETHER>(nodes, &mut at, depth, value);
        for at in at {
            take(nodes[at as usize].threshold);
        }
    }
    for root in rest {
        let mut at = [root.node];
        walk::<NAN, 1>(nodes, &mut at, root.depth, value);
        take(nodes[at[0] as usize].threshold);
    }
}

/// The payloads of many rows' leaves: all rows of one tree, then those of the next.
pub(crate) fn many_rows(forest: &Forest, rows: &[f64], mut take: impl FnMut(usize, f64)) {
    for &root in &forest.roots {
        if forest.asks_nan {
            rows_of_tree::<true>(forest, root, rows, &mut take);
        } else {
            rows_of_tree::<false>(forest, root, rows, &mut take);
        }
    }
}

fn rows_of_tree<const NAN: bool>(forest: &Forest, root: Root, rows: &[f64], take: &mut impl FnMut(usize, f64)) {
    let (nodes, wide) = (forest.nodes.as_slice(), forest.width + 1);
    let groups = rows.chunks_exact(TOGETHER * wide);
    let rest = groups.remainder();
    let done = rows.len() / (TOGETHER * wide) * TOGETHER;
    for (group, rows) in groups.enumerate() {
        let mut at = [root.node; TOGETHER];
        walk::<NAN, TOGETHER>(nodes, &mut at, root.depth, |walk, feature| rows[walk * wide + usize::from(feature)]);
        for (walk, &at) in at.iter().enumerate() {
            take(group * TOGETHER + walk, nodes[at as usize].threshold);
        }
    }
    for (number, row) in rest.chunks_exact(wide).enumerate() {
        let mut at = [root.node];
        walk::<NAN, 1>(nodes, &mut at, root.depth, |_, feature| row[usize::from(feature)]);
        take(done + number, nodes[at[0] as usize].threshold);
    }
}
