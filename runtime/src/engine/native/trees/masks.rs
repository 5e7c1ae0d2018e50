//! Small trees without a walk: for each column and rank, which leaves of each tree are still possible. A row's leaves are
//! what all of its columns leave over: of each tree the first from the left.

use crate::engine::native::operators::number::Float;
use crate::engine::native::trees::ranks::{Column, Rows};
use crate::engine::native::trees::splits::{Side, Split};

/// Trees whose masks stand together: a line of the cache.
const TOGETHER: usize = 8;
/// Lines of all masks together: 4 MiB.
const MOST_LINES: usize = 1 << 16;

type Line = [u64; TOGETHER];

/// Trees of up to 64 leaves.
#[derive(Debug)]
pub(crate) struct Masks {
    columns: Vec<Column>,
    /// Lines of one group of trees: for each column its ranks, then NaN.
    lines: usize,
    /// Group after group.
    table: Vec<Line>,
    /// Where the leaves of each tree begin.
    bases: Vec<u32>,
    /// What the leaves hold, from left to right, tree by tree.
    values: Vec<f64>,
}

/// One tree as it is looked through.
struct Tree<'a> {
    splits: &'a [Split],
    seen: &'a mut [bool],
    leaves: Vec<usize>,
    /// Splits, and the leaves on the left of each.
    parts: Vec<(usize, u64)>,
}

impl Tree<'_> {
    /// `None` for a tree that is too large or not sound; the walks say what is wrong with it.
    fn visit(&mut self, side: Side) -> Option<()> {
        match side {
            Side::Leaf(leaf) => {
                self.leaves.push(leaf);
                (self.leaves.len() <= 64).then_some(())
            }
            Side::Split(number) => {
                let split = self.splits.get(number)?;
                if self.parts.len() >= 63 || std::mem::replace(self.seen.get_mut(number)?, true) {
                    return None;
                }
                let (own, from) = (self.parts.len(), self.leaves.len());
                self.parts.push((number, 0));
                self.visit(split.left)?;
                self.parts[own].1 = (from..self.leaves.len()).fold(0, |mask, leaf| mask | 1 << leaf);
                self.visit(split.right)
            }
        }
    }
}

impl Masks {
    /// `None` where the trees are not of this kind.
    pub(crate) fn of(splits: &[Split], roots: &[Side], payloads: &[f64], width: usize) -> Option<Self> {
        if splits.iter().any(|split| split.feature >= width) || payloads.iter().any(|payload| payload.is_nan()) {
            return None;
        }
        let columns = Column::all(splits);
        // Each column has a rank more than thresholds, and NaN.
        let lines = columns.iter().map(|column| column.count + 2).sum::<usize>();
        let groups = roots.len().div_ceil(TOGETHER);
        if lines == 0 || lines.checked_mul(groups).is_none_or(|all| all > MOST_LINES) {
            return None;
        }
        let mut masks = Self {
            columns,
            lines,
            table: vec![[u64::MAX; TOGETHER]; lines * groups],
            bases: Vec::with_capacity(roots.len()),
            values: Vec::new(),
        };
        let mut seen = vec![false; splits.len()];
        for (number, root) in roots.iter().enumerate() {
            let mut tree = Tree { splits, seen: &mut seen, leaves: Vec::new(), parts: Vec::new() };
            tree.visit(*root)?;
            let Tree { leaves, parts, .. } = tree;
            masks.bases.push(u32::try_from(masks.values.len()).ok()?);
            for leaf in leaves {
                masks.values.push(*payloads.get(leaf)?);
            }
            for (split, left) in parts {
                masks.plant(number, &splits[split], left)?;
            }
        }
        masks.settle();
        Some(masks)
    }

    /// Right of the split, its left leaves are out; written where that begins.
    fn plant(&mut self, tree: usize, split: &Split, left: u64) -> Option<()> {
        let mut start = tree / TOGETHER * self.lines;
        for column in &self.columns {
            if column.feature == split.feature {
                self.table.get_mut(start + column.place(split.threshold) + 1)?[tree % TOGETHER] &= !left;
                if !split.nan_left {
                    self.table.get_mut(start + column.count + 1)?[tree % TOGETHER] &= !left;
                }
            }
            start += column.count + 2;
        }
        Some(())
    }

    /// What is out at a rank is out at all above it.
    fn settle(&mut self) {
        let mut rest = self.table.as_mut_slice();
        while !rest.is_empty() {
            for column in &self.columns {
                let (lines, more) = rest.split_at_mut(column.count + 2);
                let mut line = [u64::MAX; TOGETHER];
                for next in &mut lines[..=column.count] {
                    line.iter_mut().zip(&mut *next).for_each(|(mask, next)| *mask &= *next);
                    *next = line;
                }
                rest = more;
            }
        }
    }

    /// The columns that it looks at.
    pub(crate) fn features(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.feature)
    }

    /// Places of working memory for so many rows.
    pub(crate) fn words(&self, rows: usize) -> usize {
        rows * self.columns.len()
    }

    /// The payloads of each row's leaves, some trees at a time, in the trees' order for each row.
    #[inline]
    pub(crate) fn each<T: Float>(&self, rows: &Rows<'_, T>, words: &mut [u32], mut take: impl FnMut(usize, &[f64])) {
        let wide = self.columns.len();
        let mut start = 0;
        for (number, column) in self.columns.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "there are not so many lines")]
            let (first, nan) = (start as u32, (start + column.count + 1) as u32);
            column.each(rows, |row, rank, is_nan| {
                words[row * wide + number] = if is_nan { nan } else { first + rank };
            });
            start += column.count + 2;
        }
        for (table, bases) in self.table.chunks_exact(self.lines).zip(self.bases.chunks(TOGETHER)) {
            for (row, words) in words.chunks_exact(wide).enumerate() {
                let mut left = [u64::MAX; TOGETHER];
                for &word in words {
                    let line = &table[word as usize];
                    for (left, mask) in left.iter_mut().zip(line) {
                        *left &= mask;
                    }
                }
                let mut payloads = [0.0; TOGETHER];
                for (payload, (left, base)) in payloads.iter_mut().zip(left.iter().zip(bases)) {
                    *payload = self.values[(base + left.trailing_zeros()) as usize];
                }
                take(row, &payloads[..bases.len()]);
            }
        }
    }
}
