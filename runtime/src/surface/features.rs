//! One day's quotes -> the seven daily features. What they mean and where they come from is written in
//! `surfaces/daily_features.py` of the training; this repeats it operation by operation, with correctly rounded operators only.

#![expect(clippy::float_cmp, reason = "equal numbers of a file are equal to the bit")]

use std::cmp::Ordering;

use crate::surface::day::N_DAILY;

pub(super) const IV_LOW: f64 = 0.01;
pub(super) const IV_HIGH: f64 = 5.0;
const SHORTEST: f64 = 0.0027;
const EDGES: [f64; 6] = [0.875, 0.925, 0.975, 1.025, 1.075, 1.125];
/// Strike over spot at the nodes of the grid.
pub(crate) const NODES: [f64; 5] = [0.90, 0.95, 1.00, 1.05, 1.10];
/// Calendar days to expiry of the grid's tenors.
pub(crate) const TENOR_DAYS: [u32; 5] = [30, 60, 91, 182, 365];
const CALL_FROM: f64 = 0.98;
const PUT_TO: f64 = 1.02;
const TENORS: [f64; 5] = [30.0 / 365.0, 60.0 / 365.0, 91.0 / 365.0, 182.0 / 365.0, 1.0];
const SLOPE_FROM: f64 = 0.125;
const SLOPE_TO: f64 = 0.2;
const MIN_STRIKES: usize = 3;

pub(super) const NO_TENOR: f64 = -1.0;
pub(super) const NO_VOLUME: f64 = -1.0;
#[cfg(feature = "files")]
pub(super) const UNKNOWN: u8 = 0;
pub(super) const CALL: u8 = 1;
pub(super) const PUT: u8 = 2;

/// Whether an implied volatility lies strictly between the bounds at which solvers give up.
pub(crate) fn within_bounds(iv: f64) -> bool {
    iv > IV_LOW && iv < IV_HIGH
}

/// One row of a surface file; no field is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quote {
    /// Years; [`NO_TENOR`] where the file has none.
    pub(super) tenor: f64,
    pub(super) strike: f64,
    /// [`UNKNOWN`], [`CALL`] or [`PUT`].
    pub(super) kind: u8,
    pub(super) iv: f64,
    /// Contracts; [`NO_VOLUME`] where it is empty.
    pub(super) volume: f64,
    pub(super) moneyness: f64,
}

impl Quote {
    /// The order in which a day's quotes are looked at, field by field.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.tenor
            .total_cmp(&other.tenor)
            .then(self.strike.total_cmp(&other.strike))
            .then(self.kind.cmp(&other.kind))
            .then(self.iv.total_cmp(&other.iv))
            .then(self.volume.total_cmp(&other.volume))
            .then(self.moneyness.total_cmp(&other.moneyness))
    }

    pub(super) fn is_clean(&self) -> bool {
        within_bounds(self.iv)
            && (self.tenor == NO_TENOR || self.tenor >= SHORTEST)
            && EDGES[0] <= self.moneyness
            && self.moneyness < EDGES[5]
            && (self.kind != CALL || self.moneyness >= CALL_FROM)
            && (self.kind != PUT || self.moneyness <= PUT_TO)
    }

    /// Why the quote is of no use to its day: an index of the judgement's causes.
    #[cfg(feature = "files")]
    pub(super) fn cause(&self) -> usize {
        if self.is_clean() {
            6
        } else if self.iv == 0.0 {
            0
        } else if self.tenor != NO_TENOR && self.tenor < SHORTEST {
            1
        } else if self.iv >= IV_HIGH {
            2
        } else if self.iv <= IV_LOW {
            3
        } else if EDGES[0] <= self.moneyness && self.moneyness < EDGES[5] {
            5
        } else {
            4
        }
    }

    /// The node of a clean quote.
    fn bucket(&self) -> usize {
        EDGES[1..5].iter().filter(|edge| self.moneyness >= **edge).count()
    }
}

/// The nodes of one expiry; `seen`: which of them have quotes of their own.
struct Expiry {
    tenor: f64,
    nodes: [f64; 5],
    seen: [bool; 5],
    quotes: u32,
}

/// The features of one day's quotes, sorted and without repeats; `None` when no expiry is usable.
pub(super) fn daily_features(quotes: &[Quote]) -> Option<[f64; N_DAILY]> {
    let clean: Vec<Quote> = quotes.iter().copied().filter(Quote::is_clean).collect();
    let expiries: Vec<Expiry> = clean.chunk_by(|a, b| a.tenor == b.tenor).filter_map(expiry).collect();
    let (first, last) = (expiries.first()?, expiries.last()?);
    let grid = TENORS.map(|tenor| std::array::from_fn::<f64, 5, _>(|node| at_tenor(&expiries, node, tenor)));
    let mut total = 0.0;
    for row in &grid {
        for iv in row {
            total += iv;
        }
    }
    let (at_money, month) = (grid[0][2], TENORS[0]);
    let wings = || expiries.iter().filter(|expiry| expiry.seen[1] && expiry.seen[3]);
    let skews: Vec<_> = wings().map(|expiry| (expiry.tenor, expiry.nodes[1] - expiry.nodes[3])).collect();
    let bends: Vec<_> = wings()
        .filter(|expiry| expiry.seen[2])
        .map(|expiry| (expiry.tenor, f64::midpoint(expiry.nodes[1], expiry.nodes[3]) - expiry.nodes[2]))
        .collect();
    let sloped = first.tenor <= SLOPE_FROM && last.tenor >= SLOPE_TO;
    Some([
        total / 25.0,
        at_money,
        linear(&skews, month),
        linear(&bends, month),
        if sloped { grid[2][2] - at_money } else { f64::NAN },
        volume(quotes),
        f64::from(expiries.iter().map(|expiry| expiry.quotes).sum::<u32>()),
    ])
}

fn expiry(quotes: &[Quote]) -> Option<Expiry> {
    let strikes = quotes.chunk_by(|a, b| a.strike == b.strike).count();
    if strikes < MIN_STRIKES {
        return None;
    }
    let mut buckets: [Vec<f64>; 5] = Default::default();
    for quote in quotes {
        buckets[quote.bucket()].push(quote.iv);
    }
    let seen = std::array::from_fn(|node| !buckets[node].is_empty());
    if !(seen[1] || seen[2] || seen[3]) {
        return None;
    }
    let known: Vec<_> =
        NODES.iter().zip(&mut buckets).filter_map(|(node, bucket)| Some((*node, median(bucket)?))).collect();
    let count = u32::try_from(quotes.len()).unwrap_or(u32::MAX);
    Some(Expiry { tenor: quotes.first()?.tenor, nodes: NODES.map(|node| linear(&known, node)), seen, quotes: count })
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// Piecewise linear through `points` (x ascending), constant beyond the ends; NaN without points.
fn linear(points: &[(f64, f64)], x: f64) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return f64::NAN };
    if x <= first.0 {
        return first.1;
    }
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if x == x1 {
            return y1;
        }
        if x < x1 {
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0));
        }
    }
    last.1
}

/// The implied volatility of `node` at `tenor`, linear in total variance, constant beyond the ends.
fn at_tenor(expiries: &[Expiry], node: usize, tenor: f64) -> f64 {
    let (Some(first), Some(last)) = (expiries.first(), expiries.last()) else { return f64::NAN };
    if tenor <= first.tenor {
        return first.nodes[node];
    }
    if tenor >= last.tenor {
        return last.nodes[node];
    }
    let variances: Vec<_> =
        expiries.iter().map(|expiry| (expiry.tenor, expiry.nodes[node] * expiry.nodes[node] * expiry.tenor)).collect();
    (linear(&variances, tenor) / tenor).sqrt()
}

fn volume(quotes: &[Quote]) -> f64 {
    let mut total = None;
    for quote in quotes.iter().filter(|quote| quote.volume != NO_VOLUME) {
        total = Some(total.unwrap_or(0.0) + quote.volume);
    }
    total.unwrap_or(f64::NAN)
}
