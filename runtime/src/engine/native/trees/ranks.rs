//! Numbers as ranks: how many thresholds of their column lie below them. `x <= threshold` is then a comparison of small
//! whole numbers, and exact.

use std::collections::BTreeMap;

use crate::engine::native::operators::number::Float;
use crate::engine::native::trees::splits::Split;

/// Rows whose ranks are looked for together.
const TOGETHER: usize = 8;

/// The thresholds of a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) feature: usize,
    /// How many there are.
    pub(crate) count: usize,
    /// In order, each once; filled up with infinities, below which every number is, to one less than a power of two.
    sorted: Vec<f64>,
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
            let count = sorted.len();
            sorted.resize((count + 1).next_power_of_two() - 1, f64::INFINITY);
            Self { feature, count, sorted }
        };
        found.into_iter().map(column).collect()
    }

    /// Which of them a threshold is.
    pub(crate) fn place(&self, threshold: f64) -> usize {
        self.sorted[..self.count].partition_point(|known| *known < threshold)
    }

    /// How many comparisons a rank takes.
    pub(crate) fn steps(&self) -> u32 {
        (self.sorted.len() + 1).trailing_zeros()
    }

    /// How many thresholds lie below each number; below NaN lies none.
    #[inline]
    fn below<const N: usize>(&self, values: [f64; N]) -> [u32; N] {
        let sorted = self.sorted.as_slice();
        let mut at = [0_usize; N];
        // Sums of truths and no branches: which side a number is on nobody can foresee.
        for step in (0..self.steps()).rev() {
            for (at, value) in at.iter_mut().zip(values) {
                *at += usize::from(sorted[*at + (1 << step) - 1] < value) << step;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are not so many thresholds")]
        at.map(|at| at as u32)
    }

    /// The rank of each row in this column, given to `put` with the row and whether the number is NaN.
    #[inline]
    pub(crate) fn each<T: Float>(&self, rows: &Rows<'_, T>, mut put: impl FnMut(usize, u32, bool)) {
        let (values, stride) = (&rows.values[rows.starts[self.feature] as usize..], rows.stride);
        let value = |row: usize| values[row * stride].to_f64();
        let mut row = 0;
        while row + TOGETHER <= rows.count {
            let values: [f64; TOGETHER] = std::array::from_fn(|more| value(row + more));
            let found = self.below(values);
            for (more, (rank, value)) in found.into_iter().zip(values).enumerate() {
                put(row + more, rank, value.is_nan());
            }
            row += TOGETHER;
        }
        for row in row..rows.count {
            let [rank] = self.below([value(row)]);
            put(row, rank, value(row).is_nan());
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
            thresholds in prop::collection::vec(prop_oneof![any::<f64>(), (-3..3_i8).prop_map(f64::from)], 1..40),
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
