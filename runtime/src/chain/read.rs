//! A chain file -> its days; `chain.py` of `train/` alike.

use std::collections::HashSet;
use std::path::Path;

use crate::chain::columns::{Meaning, find_columns};
use crate::chain::day::{ChainDay, make_day};
use crate::chain::document::Document;
use crate::chain::json_document::is_json;
use crate::chain::moments::date_of;
use crate::chain::quotes::read_quotes;
use crate::chain::reading::{ChainReading, refuse};
use crate::chain::rules::{ARBITRAGE, LeftOut, leave_out};
use crate::chain::settle::{settle_days, settle_symbol, units};
use crate::error::Error;
use crate::surface::columns::read_header;

/// One symbol's days.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The symbol, in upper case.
    pub symbol: String,
    /// Each day with at least one tradeable quote, oldest first.
    pub days: Vec<ChainDay>,
    /// Quotes of the symbol in the file.
    pub read: usize,
    /// How many quotes were left out, by reason: the commonest first.
    pub left_out: Vec<(&'static str, usize)>,
    /// How the file was read.
    pub notes: Vec<String>,
}

impl Chain {
    /// What was left out and how the file was read, one line each.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let total: usize = self.left_out.iter().map(|(_, count)| count).sum();
        let parts: Vec<String> = self.left_out.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let left = format!("left out: {total} of {} quotes: {}", self.read, parts.join(", "));
        (total > 0).then_some(left).into_iter().chain(self.notes.iter().cloned()).collect()
    }
}

/// Reads a chain file of any vendor.
///
/// # Errors
/// [`Error::Io`], [`Error::TooLarge`]; [`Error::Surface`]: it is no chain, a cell is wrong (row and column are named), or
/// its symbol, its day or its units are not known (what to add is named); [`Error::Symbol`].
///
/// # Examples
/// ```
/// use dollarbill_ml::chain::{ChainReading, read};
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/chains/exact/exact.csv");
/// let chain = read(path.as_ref(), &ChainReading::default())?;
/// assert_eq!(chain.symbol, "SPY");
/// let day = &chain.days[0];
/// assert!((day.expiries[0].forward - 451.400_256).abs() < 1e-6);
/// let signals = day.signals(|_| Some(0.2));
/// assert_eq!(signals.len(), day.quotes.len());
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn read(path: &Path, reading: &ChainReading) -> Result<Chain, Error> {
    let mut quotes = read_quotes(path, reading.model_iv.as_deref())?;
    let mut notes = Vec::new();
    settle_days(path, &mut quotes, reading.date, reading.calendar)?;
    let symbol = settle_symbol(path, &mut quotes, reading.symbol.as_deref())?;
    units(path, &mut quotes, &mut notes)?;
    let read = quotes.rows.len();
    let mut left_out = LeftOut::default();
    leave_out(&mut quotes, &mut left_out, reading.calendar);
    let has = |meaning: Meaning| quotes.has[meaning as usize];
    if !has(Meaning::Bid) || !has(Meaning::Ask) {
        let which = [(Meaning::Mark, "mark"), (Meaning::Last, "last")].into_iter().find(|(meaning, _)| has(*meaning));
        notes.push(which.map_or_else(
            || "no prices: its own volatilities".to_owned(),
            |(_, which)| format!("no bid and ask: the {which} price is used"),
        ));
    }
    let mut days = Vec::new();
    let dates = quotes.rows.chunk_by(|a, b| a.day == b.day).filter_map(|part| part.first());
    notes.extend(reading.calendar.not_judged(dates.map(|row| date_of(row.day))));
    for part in quotes.rows.chunk_by(|a, b| a.day == b.day) {
        days.extend(make_day(path, part, reading, &mut left_out, &mut notes)?);
    }
    let left_out = left_out.sorted();
    let broken = left_out.iter().find(|(reason, _)| *reason == ARBITRAGE).map_or(0, |(_, count)| *count);
    if 2 * broken > read && !reading.accept {
        return Err(refuse(
            path,
            format!(
                "{broken} of {read} quotes have prices that no volatility gives: are prices, strikes and spot of one unit \
                 and one day? If it is right, add --accept"
            ),
        ));
    }
    let mut seen = HashSet::new();
    notes.retain(|note| seen.insert(note.clone()));
    Ok(Chain { symbol, days, read, left_out, notes })
}

/// Whether a file holds bid, ask and dates of expiry, or is no surface file and has the columns of a chain.
pub(crate) fn is_chain(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let Ok(document) = Document::open(path) else { return is_json(path) };
    let first = document.first().ok().flatten().unwrap_or_default();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let places = find_columns(&document.header, &first);
    let has = |meaning: Meaning| places[meaning as usize].is_some();
    let priced = has(Meaning::Bid) && has(Meaning::Ask);
    let dated = has(Meaning::Expiry) || has(Meaning::Contract);
    let header = csv::StringRecord::from(document.header.clone());
    (priced && dated) || ((priced || dated) && read_header(path, &header).is_err())
}
