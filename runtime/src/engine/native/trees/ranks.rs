//! Numbers as ranks: how many thresholds of their column lie below them. `x <= threshold` is then a comparison of small
//! whole numbers, and exact.

use std::collections::BTreeMap;

use crate::engine::native::operators::number::Float;
use crate::engine::native::trees::splits::Split;

/// Rows whose ranks are looked for together.
const TOGETHER: usize = 8;
/// Thresholds that are looked at together for one row: two lines of the cache.
const NODE: usize = 16;

/// The thresholds of a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) feature: usize,
    /// How many there are.
    pub(crate) count: usize,
    /// In order, each once; filled up with infinities, below which every number is, to one less than a power of two.
    sorted: Vec<f64>,
    /// The same, for a single row, as a tree of nodes whose children follow from their place, filled up with infinities, below which every
    /// number is: the root, the nodes below it, and so on; last those that hold all thresholds. Above them stand the first
    /// thresholds of their children, without that of the first child.
    nodes: Vec<[f64; NODE]>,
    /// Where the nodes of each level begin.
    levels: Vec<usize>,
}

impl Column {
    /// The columns that splits look at, in order.
    pub(crate) fn all(splits: &[Split]) -> Vec<Self> {
        let mut found: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for split in splits {
            found.entry(split.feature).or_default().push(split.threshold);
        }
        let column = |(feature, mut sorted): (usize, Vec<f64>)| {
            sorted.sort_unstable_by(f64::total_cmp);
            // 0 and -0 are one threshold.
            sorted.dedup_by(|one, other| one == other);
            Self::of(feature, sorted)
        };
        found.into_iter().map(column).collect()
    }

    fn of(feature: usize, mut sorted: Vec<f64>) -> Self {
        let node = |keys: &mut dyn Iterator<Item = f64>| std::array::from_fn(|_| keys.next().unwrap_or(f64::INFINITY));
        let mut above = vec![sorted.chunks(NODE).map(|keys| node(&mut keys.iter().copied())).collect::<Vec<_>>()];
        // Of each node of the level the least threshold below it.
        let mut least: Vec<f64> = sorted.iter().copied().step_by(NODE).collect();
        while least.len() > 1 {
            above.push(least.chunks(NODE + 1).map(|keys| node(&mut keys.iter().copied().skip(1))).collect());
            least = least.into_iter().step_by(NODE + 1).collect();
        }
        let (mut nodes, mut levels) = (Vec::new(), Vec::new());
        for level in above.into_iter().rev() {
            levels.push(nodes.len());
            nodes.extend(level);
        }
        let count = sorted.len();
        sorted.resize((count + 1).next_power_of_two() - 1, f64::INFINITY);
        Self { feature, count, sorted, nodes, levels }
    }

    /// Which of them a threshold is.
    pub(crate) fn place(&self, threshold: f64) -> usize {
        self.sorted[..self.count].partition_point(|known| *known < threshold)
    }

    /// How much a rank costs, in steps of a walk.
    pub(crate) fn steps(&self) -> usize {
        self.levels.len() * 4
    }

    /// How many thresholds lie below each number; below NaN lies none.
    #[inline]
    fn below_each<const N: usize>(&self, values: [f64; N]) -> [u32; N] {
        let sorted = self.sorted.as_slice();
        let mut at = [0_usize; N];
        // Sums of truths and no branches: which side a number is on nobody can foresee.
        for step in (0..(sorted.len() + 1).trailing_zeros()).rev() {
            for (at, value) in at.iter_mut().zip(values) {
                *at += usize::from(sorted[*at + (1 << step) - 1] < value) << step;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are not so many thresholds")]
        at.map(|at| at as u32)
    }

    /// As [`below_each`](Self::below_each), of one number: few steps that wait for memory.
    #[inline]
    fn below(&self, value: f64) -> u32 {
        let (mut place, mut less) = (0, 0);
        for (depth, level) in self.levels.iter().enumerate() {
            place = if depth == 0 { 0 } else { place * (NODE + 1) + less };
            let truths = self.nodes[level + place].map(|threshold| u64::from(threshold < value));
            #[expect(clippy::cast_possible_truncation, reason = "sixteen at most")]
            let sum = truths.iter().sum::<u64>() as usize;
            less = sum;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are not so many thresholds")]
        let rank = (place * NODE + less) as u32;
        rank
    }

    /// The rank of each row in this column, given to `put` with the row and whether the number is NaN.
    #[inline]
    pub(crate) fn each<T: Float>(&self, rows: &Rows<'_, T>, mut put: impl FnMut(usize, u32, bool)) {
        let (values, stride) = (&rows.values[rows.starts[self.feature] as usize..], rows.stride);
        let value = |row: usize| values[row * stride].to_f64();
        let mut row = 0;
        while row + TOGETHER <= rows.count {
            let values: [f64; TOGETHER] = std::array::from_fn(|more| value(row + more));
            for (more, (rank, value)) in self.below_each(values).into_iter().zip(values).enumerate() {
                put(row + more, rank, value.is_nan());
            }
            row += TOGETHER;
        }
        for row in row..rows.count {
            put(row, self.below(value(row)), value(row).is_nan());
        }
    }
}

/// Rows of numbers, wherever their columns stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    /// Where the first row's number of each column stands.
    pub(crate) starts: &'a [u32],
    /// How far a number is from that of the next row.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::native::trees::splits::Side;

    proptest! {
        #[test]
        fn a_rank_says_what_the_number_says(
            thresholds in prop::collection::vec(prop_oneof![any::<f64>(), (-3..3_i8).prop_map(f64::from)], 1..700),
            values in prop::collection::vec(prop_oneof![any::<f64>(), (-3..3_i8).prop_map(f64::from)], 1..40),
        ) {
            let thresholds: Vec<f64> = thresholds.into_iter().filter(|threshold| !threshold.is_nan()).collect();
            prop_assume!(!thresholds.is_empty());
            let split = |threshold: &f64| Split {
                feature: 0, threshold: *threshold, left: Side::Leaf(0), right: Side::Leaf(0), nan_left: false,
            };
            let columns = Column::all(&thresholds.iter().map(split).collect::<Vec<_>>());
            let values = [values, thresholds.clone(), vec![f64::NAN, -0.0, 0.0, f64::INFINITY]].concat();
            let rows = Rows { values: &values, starts: &[0], stride: 1, count: values.len() };
            columns[0].each(&rows, |row, rank, nan| {
                assert_eq!(nan, values[row].is_nan());
                for threshold in &thresholds {
                    let left = rank as usize <= columns[0].place(*threshold);
                    assert!(nan || left == (values[row] <= *threshold), "{} {threshold}", values[row]);
                }
            });
        }
    }
}
