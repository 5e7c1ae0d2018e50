//! The days that a forecast rests on, wherever they come from.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::calendar::Calendar;
use crate::surface::day::{N_DAILY, SurfaceDay, is_copy};
use crate::surface::plausible::levels::{level_change, quotes_change};

/// Calendar days between two neighbours that no run of holidays explains.
const LONGEST_GAP: i32 = 10;
/// The newest days whose gaps and jumps are worth a warning.
const LOOKED_AT: usize = 10;
/// The days of a forecast, and what to say of them.
pub(crate) struct KnownDays {
    /// Oldest first, no day twice.
    pub(crate) days: Vec<SurfaceDay>,
    /// Where they come from.
    pub(crate) place: String,
    /// What to do if they are too few.
    pub(crate) todo: String,
    pub(crate) warnings: Vec<String>,
    /// How the file was read and what was left out of it.
    pub(crate) notes: Vec<String>,
    /// Kept in a file or in the store, so that there is time to score the model on them.
    pub(crate) stored: bool,
}

impl KnownDays {
    pub(crate) fn new(
        days: BTreeMap<Date, SurfaceDay>,
        mut place: String,
        todo: String,
        mut warnings: Vec<String>,
        accept: bool,
    ) -> Result<Self, Error> {
        let count = days.len();
        let mut kept: Vec<SurfaceDay> = Vec::with_capacity(count);
        for day in days.into_values() {
            // A holiday's copy, or the snapshot that was observed already.
            if kept.last().is_none_or(|before| !is_copy(&day, before)) {
                kept.push(day);
            }
        }
        if kept.len() < count {
            let _ = write!(place, " (copies of the day before left out: {})", count - kept.len());
        }
        for pair in kept[kept.len().saturating_sub(LOOKED_AT)..].windows(2) {
            if let [SurfaceDay { date: Some(one), .. }, SurfaceDay { date: Some(other), .. }] = pair {
                let gap = (*other - *one).get_days();
                if gap > LONGEST_GAP {
                    warnings.push(format!("{one} and {other} are {gap} days apart and count as neighbours"));
                }
            }
        }
        warnings.extend(jumps(&kept, &place, accept)?);
        Ok(Self { days: kept, place, todo, warnings, notes: Vec::new(), stored: false })
    }

    /// A forecast for the days after one long past is of no use to somebody who trades today.
    #[cfg(all(feature = "files", feature = "history"))]
    pub(crate) fn with_age(mut self, today: Date) -> Self {
        if let Some(newest) = self.days.last().and_then(|day| day.date) {
            let age = (today - newest).get_days();
            if age > LONGEST_GAP {
                self.warnings.push(format!("the newest day known is {newest}, {age} days ago"));
            }
        }
        self
    }

    /// The one day that a fake knows.
    #[cfg(all(feature = "files", feature = "history"))]
    pub(crate) fn of_fake(symbol: String, average_iv: f64) -> Self {
        let mut features = [f64::NAN; N_DAILY];
        features[0] = average_iv;
        let place = format!("symbol {symbol}");
        let days = vec![SurfaceDay { date: None, symbol, features }];
        let todo = "give the fake a sound average_iv".to_owned();
        Self { days, place, todo, warnings: Vec::new(), notes: Vec::new(), stored: false }
    }

    /// Days that the caller holds: all of one symbol, each with its date, oldest first.
    pub(crate) fn of_memory(days: &[SurfaceDay], calendar: Calendar) -> Result<Self, Error> {
        let mut by_date = BTreeMap::new();
        for (index, day) in days.iter().enumerate() {
            let refuse = |reason: String| Error::Input { place: format!("day {index}"), reason };
            let date = day.date.ok_or_else(|| refuse("has no date".to_owned()))?;
            if let Some(reason) = calendar.no_trading_day(date) {
                return Err(refuse(format!("{date} {reason}")));
            }
            if !days[0].symbol.eq_ignore_ascii_case(&day.symbol) {
                return Err(refuse(format!("is of {}, day 0 of {}", day.symbol, days[0].symbol)));
            }
            if let Some((before, _)) = by_date.last_key_value().filter(|(before, _)| date <= **before) {
                return Err(refuse(format!("{date} comes after {before}; give each day once, oldest first")));
            }
            let average = day.features[0];
            if average <= 0.0 || average.is_infinite() {
                return Err(refuse(format!("avg_iv is {average}, must be an implied volatility as a decimal, or NaN")));
            }
            by_date.insert(date, day.clone());
        }
        let symbol = days.first().map_or("no symbol", |day| day.symbol.as_str());
        // What the caller holds is as he says it is; a jump is a warning.
        Self::new(by_date, format!("days of {symbol}"), "more days are needed".to_owned(), Vec::new(), true)
    }
}

/// Warnings for what moved overnight as markets seldom do; an error where none ever did.
fn jumps(kept: &[SurfaceDay], place: &str, accept: bool) -> Result<Vec<String>, Error> {
    let levels: Vec<(Date, f64)> = kept.iter().filter_map(|day| Some((day.date?, day.features[0]))).collect();
    let newest = &levels[levels.len().saturating_sub(LOOKED_AT)..];
    let mut found: Vec<(bool, String)> = newest.windows(2).filter_map(|pair| level_change(pair[0], pair[1])).collect();
    if let Some((last, older)) = kept.split_last() {
        let before: Vec<f64> = older.iter().map(|day| day.features[N_DAILY - 1]).collect();
        found.extend(last.date.and_then(|date| quotes_change(date, last.features[N_DAILY - 1], &before)));
    }
    let mut lines = Vec::new();
    for (drastic, text) in found {
        if drastic && !accept {
            let reason = format!("{text} If it is right, add --accept");
            return Err(Error::Surface { path: PathBuf::from(place), reason });
        }
        lines.push(text);
    }
    Ok(lines)
}
