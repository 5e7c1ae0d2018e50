//! What a day's rows tell of their own units; `plausibility.py` of `train/` alike, operation by
//! operation.
//!
//! Strike over moneyness is the spot, one number on one day: what makes it constant is how moneyness is written. A
//! contract with two volatilities on one day, volatilities that did not move overnight, and the ladder of halves that a
//! data source shows while its market is closed are no observation.

use std::collections::{BTreeMap, HashSet};

use crate::surface::day::COPY_QUOTES;
use crate::surface::features::{NO_TENOR, Quote, within_bounds};

pub(crate) const RATIO: &str = "strike / spot";
pub(crate) const PERCENT: &str = "strike / spot in percent";
pub(crate) const LOGARITHM: &str = "the logarithm of strike / spot";
pub(crate) const INVERSE: &str = "spot / strike";
const OFFSET: &str = "strike / spot - 1";
/// Of no day that anybody can read.
pub(crate) const NOT_ONE: &str = "no number that strike and one spot make";
/// Spread of the spot within a day: rounded moneyness and a spot that moves; no doubt.
const LOOSE: f64 = 0.02;
const TIGHT: f64 = 0.005;
/// A median moneyness above it stands in percent.
const PERCENT_FROM: f64 = 5.0;
/// Quotes from which on a share says something.
pub(crate) const ENOUGH: usize = COPY_QUOTES as usize;
const LADDER: [f64; 8] = [0.007_812_5, 0.015_625, 0.031_25, 0.062_5, 0.125, 0.25, 0.5, 1.0];

/// Strike, type and volatility of a quote.
pub(crate) type Mark = (u64, u8, u64);

pub(crate) fn mark(quote: &Quote) -> Mark {
    (quote.strike.to_bits(), quote.kind, quote.iv.to_bits())
}

/// How moneyness is written, by the spot or by the forward of each expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Convention {
    pub(crate) written: &'static str,
    pub(crate) forward: bool,
}

impl std::fmt::Display for Convention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.forward {
            f.write_str(&self.written.replace("spot", "the forward of its expiry"))
        } else {
            f.write_str(self.written)
        }
    }
}

/// How the moneyness of a day is written; `None` where too few rows tell.
pub(crate) fn convention(quotes: &[Quote]) -> Option<Convention> {
    if !can_tell(quotes) {
        return None;
    }
    if let Some(written) = written(quotes, LOOSE) {
        return Some(Convention { written, forward: false });
    }
    let mut expiries: BTreeMap<u64, Vec<Quote>> = BTreeMap::new();
    for quote in quotes {
        expiries.entry(quote.tenor.to_bits()).or_default().push(*quote);
    }
    if expiries.len() > 1 {
        let mut found = expiries.values().filter(|group| can_tell(group)).map(|group| written(group, TIGHT));
        if let Some(Some(first)) = found.next() {
            if found.all(|other| other == Some(first)) {
                return Some(Convention { written: first, forward: true });
            }
        }
    }
    Some(Convention { written: NOT_ONE, forward: false })
}

fn can_tell(quotes: &[Quote]) -> bool {
    let strikes: HashSet<u64> = quotes.iter().map(|quote| quote.strike.to_bits()).collect();
    quotes.len() >= 3 && strikes.len() >= 3
}

/// What makes strike over moneyness one number.
fn written(quotes: &[Quote], most: f64) -> Option<&'static str> {
    let mut moneyness: Vec<f64> = quotes.iter().map(|quote| quote.moneyness).collect();
    moneyness.sort_by(f64::total_cmp);
    let (lowest, highest) = (*moneyness.first()?, *moneyness.last()?);
    let steady = |most: f64, spot: &dyn Fn(&Quote) -> f64| spread(quotes.iter().map(spot).collect()) <= most;
    if lowest > 0.0 && steady(most, &|quote| quote.strike / quote.moneyness) {
        return Some(if moneyness[moneyness.len() / 2] > PERCENT_FROM { PERCENT } else { RATIO });
    }
    if lowest > -3.0 && highest < 3.0 {
        if steady(TIGHT, &|quote| quote.strike / exponential(quote.moneyness)) {
            return Some(LOGARITHM);
        }
        if lowest > -1.0 && steady(TIGHT, &|quote| quote.strike / (1.0 + quote.moneyness)) {
            return Some(OFFSET);
        }
    }
    (lowest > 0.0 && steady(TIGHT, &|quote| quote.strike * quote.moneyness)).then_some(INVERSE)
}

/// Strike over spot.
pub(crate) fn as_ratio(moneyness: f64, written: &str) -> f64 {
    match written {
        PERCENT => moneyness / 100.0,
        LOGARITHM => exponential(moneyness),
        INVERSE => 1.0 / moneyness,
        OFFSET => 1.0 + moneyness,
        _ => moneyness,
    }
}

/// For small x, by operations that every machine rounds alike.
fn exponential(x: f64) -> f64 {
    (1..=30).rev().fold(1.0, |total, n| 1.0 + x * total / f64::from(n))
}

/// From the lowest tenth to the highest, relative to the median.
fn spread(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let tenth = values.len() / 10;
    (values[values.len() - 1 - tenth] - values[tenth]) / values[values.len() / 2]
}

/// Why a day's quotes (sorted, no row twice) are no observation of that day (true), or may be none (false); `None` when
/// they are one.
pub(crate) fn not_observed(quotes: &[Quote], before: &[Mark]) -> Option<(bool, String)> {
    if quotes.len() >= ENOUGH && quotes.iter().map(mark).eq(before.iter().copied()) {
        return Some((true, "a copy of the day before".to_owned()));
    }
    let sound: Vec<&Quote> = quotes.iter().filter(|quote| within_bounds(quote.iv)).collect();
    let count = sound.len();
    if count < ENOUGH {
        return None;
    }
    let (contracts, twice) = contracts(&sound);
    if contracts >= ENOUGH && 2 * twice >= contracts {
        let text = format!("two snapshots in one: {twice} of {contracts} contracts have two implied volatilities");
        return Some((true, text));
    }
    let step = |quote: &&Quote| LADDER.iter().position(|step| (quote.iv - step).abs() <= 0.0001);
    let placed: Vec<usize> = sound.iter().filter_map(step).collect();
    let steps: HashSet<&usize> = placed.iter().collect();
    if steps.len() >= 3 && 5 * placed.len() >= 4 * count {
        let placed = placed.len();
        let text =
            format!("{placed} of {count} implied volatilities are placeholders (0.0625, 0.125, 0.25 and the like)");
        return Some((true, text));
    }
    let old: HashSet<&Mark> = before.iter().collect();
    let stale = sound.iter().filter(|quote| old.contains(&mark(quote))).count();
    // Rounded volatilities repeat by chance; a day that has few different ones tells nothing.
    let distinct: HashSet<u64> = sound.iter().map(|quote| quote.iv.to_bits()).collect();
    if 5 * distinct.len() < 4 * count {
        return None;
    }
    let text = format!("{stale} of {count} quotes have the implied volatility of the day before to the last digit");
    // Real markets show 0.03 to 0.25 over a holiday, and 0.03 at most on other days.
    if 2 * stale > count {
        return Some((true, text));
    }
    if stale >= ENOUGH && 10 * stale > count {
        return Some((false, format!("{text}: is it a holiday's copy?")));
    }
    (twice > 0 && 20 * twice >= contracts).then(|| {
        let text = format!("{twice} of {contracts} contracts have two implied volatilities: are two snapshots in one?");
        (false, text)
    })
}

/// How many contracts there are, and how many of them have more than one volatility; of files with expiries.
fn contracts(quotes: &[&Quote]) -> (usize, usize) {
    let mut found: BTreeMap<(u64, u64, u8), (u64, bool)> = BTreeMap::new();
    for quote in quotes.iter().filter(|quote| quote.tenor != NO_TENOR) {
        let iv = quote.iv.to_bits();
        let entry = found.entry((quote.tenor.to_bits(), quote.strike.to_bits(), quote.kind)).or_insert((iv, false));
        entry.1 |= entry.0 != iv;
    }
    (found.len(), found.values().filter(|(_, twice)| *twice).count())
}
