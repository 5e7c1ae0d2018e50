//! Which layout trees are given.

use crate::engine::native::operators::number::Float;
use crate::engine::native::trees::forest::Forest;
use crate::engine::native::trees::masks::Masks;
use crate::engine::native::trees::ranked::Ranked;
use crate::engine::native::trees::ranks::Rows;
use crate::engine::native::trees::splits::{Side, Split};
use crate::engine::native::trees::walk::{many_rows, one_row};

/// Trees, laid out for single rows and for blocks of rows.
#[derive(Debug)]
pub(crate) enum Trees {
    /// Small ones, without a walk.
    Masks(Masks),
    /// Walks over ranks.
    Ranked(Ranked),
    /// Walks over numbers; over ranks for several rows, where that is possible.
    Plain(Forest, Option<Ranked>),
}

impl Trees {
    /// Lays trees out. An error says what is wrong with them.
    pub(crate) fn of(splits: &[Split], roots: &[Side], payloads: &[f64], width: usize) -> Result<Self, String> {
        if let Some(masks) = Masks::of(splits, roots, payloads, width) {
            return Ok(Self::Masks(masks));
        }
        match Ranked::of(splits, roots, payloads, width) {
            Some(ranked) if !ranked.is_dear() => Ok(Self::Ranked(ranked)),
            ranked => Ok(Self::Plain(Forest::of(splits, roots, payloads, width)?, ranked)),
        }
    }

    /// Places of working memory for so many rows.
    pub(crate) fn words(&self, rows: usize) -> usize {
        match self {
            Self::Masks(masks) => masks.words(rows),
            Self::Ranked(ranked) | Self::Plain(_, Some(ranked)) => ranked.words(rows),
            Self::Plain(_, None) => 0,
        }
    }

    /// Whether so many rows are read with a last number more, minus infinity.
    pub(crate) fn is_padded(&self, rows: usize) -> bool {
        match self {
            Self::Masks(_) | Self::Ranked(_) => false,
            Self::Plain(_, ranked) => rows == 1 || ranked.is_none(),
        }
    }

    /// The columns that are looked at in so many rows.
    pub(crate) fn features(&self, rows: usize, width: usize) -> Vec<usize> {
        match self {
            Self::Plain(..) if self.is_padded(rows) => (0..width).collect(),
            Self::Masks(masks) => masks.features().collect(),
            Self::Ranked(ranked) | Self::Plain(_, Some(ranked)) => ranked.features().collect(),
            Self::Plain(_, None) => Vec::new(),
        }
    }

    /// The payloads of each row's leaves, some trees at a time, in the trees' order for each row.
    #[inline]
    pub(crate) fn each<T: Float>(
        &self,
        rows: &Rows<'_, T>,
        padded: &[f64],
        words: &mut [u32],
        mut take: impl FnMut(usize, &[f64]),
    ) {
        match self {
            Self::Plain(forest, _) if rows.count == 1 => one_row(forest, padded, |payload| take(0, &[payload])),
            Self::Masks(masks) => masks.each(rows, words, take),
            Self::Ranked(ranked) | Self::Plain(_, Some(ranked)) => ranked.each(rows, words, take),
            Self::Plain(forest, None) => many_rows(forest, padded, |row, payload| take(row, &[payload])),
        }
    }
}
