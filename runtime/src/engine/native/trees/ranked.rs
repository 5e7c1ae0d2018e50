//! Walks over ranks: nodes of eight bytes, a leaf leads to itself. Several walks go together without a branch.

use crate::engine::native::operators::number::Float;
use crate::engine::native::trees::plant::{Node, Planted, plant};
use crate::engine::native::trees::ranks::{Column, Rows};
use crate::engine::native::trees::splits::{Side, Split};

/// Walks of several rows that go together.
const TOGETHER: usize = 8;
/// Walks of one row, which wait for memory, not for the processor.
const TREES: usize = 16;
/// After so many steps it is looked whether all have arrived.
const LOOK_EVERY: u32 = 4;

/// A column, and the words of a row that hold its rank: one with NaN below all thresholds, one with NaN above.
#[derive(Debug)]
struct Port {
    column: Column,
    words: [Option<u16>; 2],
}

/// Trees of any size.
#[derive(Debug)]
pub(crate) struct Ranked {
    ports: Vec<Port>,
    /// Words of a row; the last is the leaves'.
    wide: usize,
    trees: Planted,
}

impl Ranked {
    /// `None` where the trees are not of this kind, or not sound.
    pub(crate) fn of(splits: &[Split], roots: &[Side], payloads: &[f64], width: usize) -> Option<Self> {
        let sound =
            splits.iter().all(|split| split.feature < width) && !payloads.iter().any(|payload| payload.is_nan());
        let columns = Column::all(splits);
        // A rank more than there are thresholds must fit.
        if !sound || columns.iter().any(|column| column.count >= usize::from(u16::MAX)) {
            return None;
        }
        let mut wide = 0_u16;
        let mut ports = Vec::with_capacity(columns.len());
        for column in columns {
            let mut words = [None; 2];
            for (word, nan_left) in words.iter_mut().zip([true, false]) {
                if splits.iter().any(|split| split.feature == column.feature && split.nan_left == nan_left) {
                    *word = Some(wide);
                    wide = wide.checked_add(1)?;
                }
            }
            ports.push(Port { column, words });
        }
        let trees = plant(splits, roots, payloads, wide, |split| {
            let place = ports.binary_search_by_key(&split.feature, |port| port.column.feature).ok()?;
            let port = &ports[place];
            let rank = u16::try_from(port.column.place(split.threshold)).ok()?;
            Some((rank, port.words[usize::from(!split.nan_left)]?))
        })?;
        Some(Self { ports, wide: usize::from(wide) + 1, trees })
    }

    /// Whether the ranks of a row cost more than they save.
    pub(crate) fn is_dear(&self) -> bool {
        let steps: usize = self.ports.iter().map(|port| port.column.steps()).sum();
        let visits: u64 = self.trees.roots.iter().map(|root| u64::from(root.depth)).sum();
        steps as u64 * 2 > visits
    }

    /// The columns that it looks at.
    pub(crate) fn features(&self) -> impl Iterator<Item = usize> {
        self.ports.iter().map(|port| port.column.feature)
    }

    /// Places of working memory for so many rows.
    pub(crate) fn words(&self, rows: usize) -> usize {
        rows * self.wide
    }

    fn rank<T: Float>(&self, rows: &Rows<'_, T>, words: &mut [u32]) {
        let wide = self.wide;
        words.iter_mut().skip(wide - 1).step_by(wide).for_each(|word| *word = 0);
        for port in &self.ports {
            let [below, above] = port.words.map(|word| word.map(usize::from));
            port.column.each(rows, |row, rank, is_nan| {
                let words = &mut words[row * wide..(row + 1) * wide];
                if let Some(word) = below {
                    words[word] = rank;
                }
                if let Some(word) = above {
                    words[word] = if is_nan { u32::MAX } else { rank };
                }
            });
        }
    }

    /// The payloads of each row's leaves, some trees at a time, in the trees' order for each row.
    pub(crate) fn each<T: Float>(&self, rows: &Rows<'_, T>, words: &mut [u32], mut take: impl FnMut(usize, &[f64])) {
        self.rank(rows, words);
        let Planted { nodes, payloads, roots } = &self.trees;
        let wide = self.wide;
        if words.len() == wide {
            let groups = roots.chunks_exact(TREES);
            let rest = groups.remainder();
            for roots in groups {
                let mut at: [u32; TREES] = std::array::from_fn(|walk| roots[walk].node);
                let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
                walk(nodes, &mut at, depth, |_, word| words[usize::from(word)]);
                take(0, &at.map(|at| payloads.of(nodes, at)));
            }
            for root in rest {
                let mut at = [root.node];
                walk(nodes, &mut at, root.depth, |_, word| words[usize::from(word)]);
                take(0, &[payloads.of(nodes, at[0])]);
            }
            return;
        }
        for root in roots {
            let groups = words.chunks_exact(TOGETHER * wide);
            let rest = groups.remainder();
            let mut row = 0;
            for group in groups {
                let rows: [&[u32]; TOGETHER] = std::array::from_fn(|walk| &group[walk * wide..(walk + 1) * wide]);
                let mut at = [root.node; TOGETHER];
                walk(nodes, &mut at, root.depth, |walk, word| rows[walk][usize::from(word)]);
                at.iter().enumerate().for_each(|(walk, &at)| take(row + walk, &[payloads.of(nodes, at)]));
                row += TOGETHER;
            }
            for words in rest.chunks_exact(wide) {
                let mut at = [root.node];
                walk(nodes, &mut at, root.depth, |_, word| words[usize::from(word)]);
                take(row, &[payloads.of(nodes, at[0])]);
                row += 1;
            }
        }
    }
}

/// Steps until all have arrived; `rank` gives the rank that a walk compares.
#[inline]
fn walk<const N: usize>(nodes: &[Node], at: &mut [u32; N], depth: u32, rank: impl Fn(usize, u16) -> u32) {
    let mut left = depth;
    while left > 0 {
        let steps = left.min(LOOK_EVERY);
        for _ in 0..steps {
            for (walk, at) in at.iter_mut().enumerate() {
                let node = nodes[*at as usize];
                *at = node.left + u32::from(rank(walk, node.word) > u32::from(node.rank));
            }
        }
        left -= steps;
        if left > 0 && at.iter().all(|&at| nodes[at as usize].left == at) {
            return;
        }
    }
}
