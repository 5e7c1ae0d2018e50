//! Files and folders of snapshots -> days for the history store; the rules of `store/observe.py` of the training, in
//! its words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::chain::reading::NOT_A_CHAIN;
use crate::config::settings::Config;
use crate::error::Error;
use crate::io::files::io_error;
use crate::store::history::HistoryStore;
use crate::surface::columns::NOT_A_SURFACE;
use crate::surface::day::{N_DAILY, SurfaceDay};
use crate::surface::history::{NO_USABLE_DAY, Reading, SurfaceHistory, read_history_as, read_history_on};
use crate::surface::name::{UNKNOWN_SYMBOL, date_in_name};
use crate::surface::plausible::levels::{level_change, quotes_change};
use crate::surface::symbol::checked_symbol;

/// What was kept of observed files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observed {
    /// Each symbol, in alphabetical order.
    pub symbols: Vec<ObservedSymbol>,
    /// What was left out, and why: one line each.
    pub skipped: Vec<String>,
    /// How the files were read, and what else was left out of them.
    pub notes: Vec<String>,
}

/// How to observe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observing {
    /// What to read of a file.
    pub reading: Reading,
    /// A day that the store holds with other values is an error, and nothing is kept.
    pub no_replace: bool,
}

/// What was kept of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObservedSymbol {
    /// The symbol, in upper case.
    pub symbol: String,
    /// How many days were stored just now.
    pub stored_days: usize,
    /// The first of them.
    pub first: Date,
    /// The last of them.
    pub last: Date,
    /// How many days of the symbol the store now knows.
    pub known_days: usize,
    /// How many of the days just stored took the place of other values of the same day.
    pub replaced_days: usize,
}

/// A day and the file that it stands in.
struct Found {
    day: SurfaceDay,
    date: Date,
    path: PathBuf,
}

/// Keeps the days of a surface file, or of all surface files in a folder, in the history store of the config: all of
/// them in one transaction, or none.
///
/// A file with a `Date` column gives each of its days. An undated snapshot is of the day `date`, else of the one in its
/// name (`tsla_2024-03-04.csv`). Of a folder, what is no CSV file of a surface, has no date or is of no trading day is
/// left out and listed; a wrong row, or a day that stands in two files, is an error.
///
/// # Errors
/// [`Error::Io`] or [`Error::Surface`] when a file is wrong, has no date or another one than `date`, [`Error::Symbol`]
/// when it names no symbol, [`Error::History`] when the store cannot be written or no day can be observed on the date;
/// nothing is kept then.
///
/// # Examples
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let snapshot = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/surfaces/snapshot.csv");
/// let mut config = dollarbill_ml::Config::find(None)?;
/// # config.history_path = folder.path().join("history.sqlite");
/// let kept = dollarbill_ml::observe(&config, &snapshot, Some(jiff::civil::date(2024, 3, 4)))?;
/// assert_eq!(kept.symbols[0].known_days, 1);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn observe(config: &Config, path: &Path, date: Option<Date>) -> Result<Observed, Error> {
    observe_as(config, path, date, &Observing::default())
}

/// As [`observe`], of one symbol of several, of what is not plausible, or without replacing any day.
///
/// # Errors
/// As [`observe`], and when a day would be replaced that must not be.
pub fn observe_as(config: &Config, path: &Path, date: Option<Date>, how: &Observing) -> Result<Observed, Error> {
    let mut said = Said::default();
    let calendar = how.reading.calendar.unwrap_or(config.calendar);
    let reading = &Reading { calendar: Some(calendar), ..how.reading.clone() };
    let found = if path.is_dir() {
        if date.is_some() {
            return Err(refuse(path, "is a folder, its files carry their dates; leave --date out"));
        }
        folder(path, reading, &mut said)?
    } else {
        days_of(path, read_history_on(path, reading, date)?, date, &mut said)?
    };
    check_twice(&found)?;
    if let Some(parent) = config.history_path.parent() {
        std::fs::create_dir_all(parent).map_err(io_error("write", parent))?;
    }
    let store = HistoryStore::open(&config.history_path)?;
    let days: Vec<_> = found.iter().map(|found| SurfaceDay { date: Some(found.date), ..found.day.clone() }).collect();
    for (drastic, line) in changes(&store, &found)? {
        if drastic && !how.reading.accept {
            let reason = format!("{line} If it is right, add --accept; nothing is stored");
            return Err(Error::History { path: config.history_path.clone(), reason });
        }
        said.notes.push(line);
    }
    let replaced = replaced(&store, &days)?;
    if let (true, Some((symbol, dates))) = (how.no_replace, replaced.first_key_value()) {
        let reason = format!(
            "{} day{} of {symbol} would be replaced, the first is {}; leave --no-replace out to replace them",
            dates.len(),
            if dates.len() > 1 { "s" } else { "" },
            dates.first().map(Date::to_string).unwrap_or_default()
        );
        return Err(Error::History { path: config.history_path.clone(), reason });
    }
    store.observe_all_by(&days, calendar)?;
    Ok(Observed { symbols: summary(&store, &found, &replaced)?, skipped: said.skipped, notes: said.notes })
}

/// What there is to say of the files.
#[derive(Default)]
struct Said {
    skipped: Vec<String>,
    notes: Vec<String>,
}

/// What moved as it seldom does between days found and their neighbours in the store; true where it is drastic.
///
/// What stands in one file alone was looked at when that was read; of it only the counts of quotes are.
fn changes(store: &HistoryStore, found: &[Found]) -> Result<Vec<(bool, String)>, Error> {
    let mut by_symbol: BTreeMap<&str, BTreeMap<Date, &Found>> = BTreeMap::new();
    for one in found {
        by_symbol.entry(&one.day.symbol).or_default().insert(one.date, one);
    }
    let mut said = Vec::new();
    for (symbol, own) in by_symbol {
        let stored = store.days(symbol, usize::MAX)?;
        let mut days: BTreeMap<Date, [f64; N_DAILY]> =
            stored.iter().filter_map(|day| Some((day.date?, day.features))).collect();
        days.extend(own.iter().map(|(date, found)| (*date, found.day.features)));
        let mut last: Option<(Date, f64)> = None;
        let mut quotes = Vec::with_capacity(days.len());
        for (date, features) in days {
            let level = (date, features[0]);
            if let Some(before) = last {
                let pair = (own.get(&before.0), own.get(&date));
                let one_file = matches!(pair, (Some(one), Some(other)) if one.path == other.path);
                if !one_file && (pair.0.is_some() || pair.1.is_some()) {
                    said.extend(
                        level_change(before, level).map(|(drastic, text)| (drastic, format!("{symbol}: {text}"))),
                    );
                }
            }
            if own.contains_key(&date) {
                let change = quotes_change(date, features[N_DAILY - 1], &quotes);
                said.extend(change.map(|(drastic, text)| (drastic, format!("{symbol}: {text}"))));
            }
            quotes.push(features[N_DAILY - 1]);
            last = Some(level);
        }
    }
    Ok(said)
}

/// The days that the store holds with other values, by symbol.
fn replaced(store: &HistoryStore, days: &[SurfaceDay]) -> Result<BTreeMap<String, Vec<Date>>, Error> {
    let mut known: BTreeMap<&str, BTreeMap<Date, [f64; N_DAILY]>> = BTreeMap::new();
    let mut replaced: BTreeMap<String, Vec<Date>> = BTreeMap::new();
    // By value: the store knows one zero.
    let same = |one: &[f64; N_DAILY], other: &[f64; N_DAILY]| {
        one.iter().zip(other).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    };
    for day in days {
        if !known.contains_key(day.symbol.as_str()) {
            let stored = store.days(&day.symbol, usize::MAX)?;
            let stored = stored.iter().filter_map(|day| Some((day.date?, day.features))).collect();
            known.insert(&day.symbol, stored);
        }
        let before = day.date.and_then(|date| Some((date, known.get(day.symbol.as_str())?.get(&date)?)));
        if let Some((date, _)) = before.filter(|(_, features)| !same(features, &day.features)) {
            replaced.entry(day.symbol.clone()).or_default().push(date);
        }
    }
    Ok(replaced)
}

fn folder(path: &Path, reading: &Reading, said: &mut Said) -> Result<Vec<Found>, Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io_error("read", path))? {
        files.push(entry.map_err(io_error("read", path))?.path());
    }
    files.sort();
    let mut found = Vec::new();
    for file in files {
        match candidate(&file, reading)? {
            Ok(history) => found.extend(days_of(&file, history, None, said)?),
            Err(reason) => said.skipped.push(format!("{}: {reason}", file.display())),
        }
    }
    if found.is_empty() {
        let first = said.skipped.first().map(|line| format!(" (left out: {line})")).unwrap_or_default();
        let todo = "call its files tsla_2024-03-04.csv or the like";
        return Err(refuse(path, &format!("a folder without a dated snapshot{first}; {todo}")));
    }
    found.sort_by(|a, b| (&a.day.symbol, a.date).cmp(&(&b.day.symbol, b.date)));
    Ok(found)
}

/// What a file of a folder holds, or why it is no dated snapshot; an error where it is one that is wrong.
fn candidate(path: &Path, reading: &Reading) -> Result<Result<SurfaceHistory, String>, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is = |reason: &str| Ok(Err(reason.to_owned()));
    if path.is_dir() {
        return is("a folder");
    }
    if name.starts_with('.') {
        return is("a hidden file");
    }
    let unpacked = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    if ![".csv", ".json", ".parquet"].iter().any(|end| unpacked.ends_with(end)) {
        return is("neither .csv, .json nor .parquet (packed: .gz, .zst)");
    }
    let history = match read_history_as(path, reading) {
        Err(Error::Surface { reason, .. }) if reason.starts_with(NOT_A_SURFACE) || reason.starts_with(NOT_A_CHAIN) => {
            return is("not a surface file by its header");
        }
        Err(Error::Surface { reason, .. }) if reason.starts_with(NO_USABLE_DAY) => return Ok(Err(reason)),
        other => other?,
    };
    if history.days.iter().any(|day| day.date.is_some()) {
        return Ok(Ok(history));
    }
    match date_in_name(path)? {
        None => is("a snapshot without a date in its rows or its name"),
        Some(date) => Ok(match reading.calendar.unwrap_or_default().closed(date) {
            Some(reason) => Err(format!("{date}: {reason}")),
            None => Ok(history),
        }),
    }
}

/// The days of one file, each with its date.
fn days_of(path: &Path, history: SurfaceHistory, date: Option<Date>, said: &mut Said) -> Result<Vec<Found>, Error> {
    let (named, single) = (date_in_name(path)?, history.days.len() == 1);
    if let (Some(_), false) = (date, single) {
        return Err(refuse(path, "holds more than one day; observe takes the snapshot of one"));
    }
    said.skipped.extend(history.dropped.iter().map(|reason| format!("{}: {reason}", path.display())));
    // Each day that was left out has its own line.
    let of_rows = history.notes.iter().filter(|note| !(note.starts_with("left out: ") && note.contains(" day")));
    said.notes.extend(of_rows.map(|note| format!("{}: {note}", path.display())));
    let mut found = Vec::new();
    for mut day in history.days {
        day.symbol = checked_symbol(&day.symbol)?;
        if day.symbol == UNKNOWN_SYMBOL {
            return Err(refuse(
                path,
                "neither its rows nor its name give one symbol; call it tsla_2024-03-04.csv, or add --symbol",
            ));
        }
        let date = match (day.date, date.or(named)) {
            (None, None) => {
                return Err(refuse(
                    path,
                    "a snapshot without a date; add --date YYYY-MM-DD, or call it tsla_2024-03-04.csv or the like",
                ));
            }
            (Some(own), Some(other)) if single && own != other => {
                return Err(refuse(path, &format!("is dated {own}, not {other}")));
            }
            (Some(date), _) | (None, Some(date)) => date,
        };
        found.push(Found { day, date, path: path.to_path_buf() });
    }
    Ok(found)
}

/// A day that stands in two files has two values, and nobody could say which is right.
fn check_twice(found: &[Found]) -> Result<(), Error> {
    for pair in found.windows(2) {
        let [one, other] = pair else { continue };
        if (one.date, &one.day.symbol) == (other.date, &other.day.symbol) {
            let reason = format!(
                "holds {} of {}, and so does {}; keep one of them; nothing is stored",
                other.date,
                other.day.symbol,
                one.path.display()
            );
            return Err(refuse(&other.path, &reason));
        }
    }
    Ok(())
}

fn summary(
    store: &HistoryStore,
    found: &[Found],
    replaced: &BTreeMap<String, Vec<Date>>,
) -> Result<Vec<ObservedSymbol>, Error> {
    let mut dates: BTreeMap<&str, Vec<Date>> = BTreeMap::new();
    for found in found {
        dates.entry(&found.day.symbol).or_default().push(found.date);
    }
    let mut symbols = Vec::new();
    for (symbol, dates) in dates {
        let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) else { continue };
        symbols.push(ObservedSymbol {
            symbol: symbol.to_owned(),
            stored_days: dates.len(),
            first: *first,
            last: *last,
            known_days: store.days(symbol, usize::MAX)?.len(),
            replaced_days: replaced.get(symbol).map_or(0, Vec::len),
        });
    }
    Ok(symbols)
}

fn refuse(path: &Path, reason: &str) -> Error {
    Error::Surface { path: path.to_path_buf(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_survives_being_written_and_read() {
        let symbol = ObservedSymbol {
            replaced_days: 0,
            symbol: "TSLA".to_owned(),
            stored_days: 2,
            first: jiff::civil::date(2024, 3, 4),
            last: jiff::civil::date(2024, 3, 5),
            known_days: 300,
        };
        let observed =
            Observed { symbols: vec![symbol], skipped: vec!["x.csv: neither".to_owned()], notes: Vec::new() };
        let text = serde_json::to_string(&observed).unwrap();
        assert!(text.contains("\"first\":\"2024-03-04\""), "{text}");
        assert_eq!(serde_json::from_str::<Observed>(&text).unwrap(), observed);
    }
}
