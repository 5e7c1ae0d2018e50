//! Quotes that are left out, each for one reason; `rules.py` of `train/` alike.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::chain::moments::{UNKNOWN_DAY, date_of, weekday};
use crate::chain::quote_rows::{Quotes, Raw};
use crate::surface::calendar::Calendar;

pub(super) const ARBITRAGE: &str = "arbitrage";
pub(super) const NO_FORWARD: &str = "no forward";
pub(super) const NO_VOLATILITY: &str = "no volatility";

/// How many quotes were left out, by reason.
#[derive(Debug, Default)]
pub(super) struct LeftOut(Vec<(&'static str, usize)>);

impl LeftOut {
    pub(super) fn add(&mut self, reason: &'static str, count: usize) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            _ if count == 0 => {}
            Some((_, known)) => *known += count,
            None => self.0.push((reason, count)),
        }
    }

    /// The commonest first.
    pub(super) fn sorted(mut self) -> Vec<(&'static str, usize)> {
        self.0.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        self.0
    }
}

/// Takes quotes away by the first reason that fits, and sorts the others by day, expiry, root, strike and side.
pub(super) fn leave_out(quotes: &mut Quotes, left_out: &mut LeftOut, calendar: Calendar) {
    let adjusted: Vec<bool> = quotes.roots.iter().map(|root| root.ends_with(|c: char| c.is_ascii_digit())).collect();
    let mut newest: HashMap<i32, i32> = HashMap::new();
    for row in &quotes.rows {
        let newest = newest.entry(row.day).or_insert(row.quoted);
        *newest = row.quoted.max(*newest);
    }
    let two_sided =
        quotes.rows.iter().any(|row| row.bid.is_finite()) && quotes.rows.iter().any(|row| row.ask.is_finite());
    let priced = quotes.rows.iter().any(|row| row.middle.is_finite());
    let mut closed: HashMap<i32, Option<&'static str>> = HashMap::new();
    if !quotes.coin {
        for row in &quotes.rows {
            closed.entry(row.day).or_insert_with(|| {
                let holiday = if weekday(row.day) >= 5 { "weekend" } else { "holiday" };
                calendar.closed(date_of(row.day)).map(|_| holiday)
            });
        }
    }
    let reason = |row: &Raw| -> Option<&'static str> {
        if let Some(closed) = closed.get(&row.day).copied().flatten() {
            return Some(closed);
        }
        if row.expiry <= row.day {
            return Some("expired");
        }
        if !(row.strike > 0.0 && row.strike.is_finite()) {
            return Some("no strike");
        }
        if two_sided {
            if row.ask.is_nan() {
                return Some("no price");
            }
            if row.bid.is_nan() || row.bid <= 0.0 {
                return Some("no bid");
            }
            if row.bid > row.ask {
                return Some("crossed");
            }
            if row.ask - row.bid > row.middle {
                return Some("wide");
            }
        } else if priced && (row.middle.is_nan() || row.middle <= 0.0) {
            return Some("no price");
        }
        if row.quoted != UNKNOWN_DAY && newest.get(&row.day).is_some_and(|newest| row.quoted < newest - 1) {
            return Some("stale");
        }
        adjusted.get(usize::from(row.root)).copied().unwrap_or(false).then_some("adjusted")
    };
    quotes.rows.retain(|row| {
        let why = reason(row);
        if let Some(why) = why {
            left_out.add(why, 1);
        }
        why.is_none()
    });
    quotes.rows.sort_by(order);
    let repeated = repeated(&quotes.rows);
    let mut at = 0;
    quotes.rows.retain(|_| {
        at += 1;
        !repeated[at - 1]
    });
    left_out.add("repeated", repeated.iter().filter(|one| **one).count());
}

fn order(one: &Raw, other: &Raw) -> Ordering {
    (one.day, one.expiry, one.root)
        .cmp(&(other.day, other.expiry, other.root))
        .then(one.strike.total_cmp(&other.strike))
        .then(one.call.cmp(&other.call))
}

/// All of a contract that has several prices; of one that stands twice with the same price all but the first.
fn repeated(rows: &[Raw]) -> Vec<bool> {
    let mut found = Vec::with_capacity(rows.len());
    for same in rows.chunk_by(|a, b| order(a, b).is_eq()) {
        let price = same[0].middle;
        let differ = same.iter().any(|row| row.middle != price && row.middle.is_finite());
        found.extend((0..same.len()).map(|at| differ || at > 0));
    }
    found
}
