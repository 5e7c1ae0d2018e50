//! Which days a forecast rests on: those observed, a dated file's, and the engine's undated snapshot as the newest one.
//! `train/volatility_predictor/store/known_days.py` follows the same rules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz};

use crate::chain::read::is_chain;
use crate::config::settings::Config;
use crate::error::Error;
use crate::io::files::io_error;
use crate::models::volatility_predictor::known::KnownDays;
use crate::store::day_cache::{DayCache, Stored};
use crate::surface::calendar::Calendar;
use crate::surface::day::SurfaceDay;
use crate::surface::history::{Reading, SurfaceHistory, read_history_as, read_history_on};
use crate::surface::name::{date_in_name, symbol_of};
use crate::surface::symbol::{checked_symbol, name_in_file};

/// A modification time counts by this clock: New York's without summer time, whose midnight no trading session crosses.
const CLOCK: tz::Offset = tz::offset(-5);

/// The days of `symbol`: the store's, and on top of them its file in the data folder.
pub(crate) fn of_symbol(
    config: &Config,
    kept: &DayCache,
    symbol: &str,
    date: Option<Date>,
    accept: bool,
) -> Result<KnownDays, Error> {
    let symbol = checked_symbol(symbol)?;
    let mut notes = Vec::new();
    let file = config.data_dir.join(format!("{}_vol_surface.csv", name_in_file(&symbol)));
    let mut days = stored(config, kept, &symbol)?;
    let mut warnings = Vec::new();
    let mut place = format!("symbol {symbol}");
    // A folder that may not be entered is an error, not a file that is not there.
    let is_there = file.try_exists().map_err(io_error("look for", &file))?;
    if is_there {
        let found = read_history_as(&file, &Reading { symbol: None, accept, calendar: Some(config.calendar) })?;
        check_symbol(&file, &found.days, &symbol)?;
        notes.clone_from(&found.notes);
        if let [snapshot @ SurfaceDay { date: None, .. }] = found.days.as_slice() {
            if days.is_empty() {
                place = format!("{}: a snapshot without a date (no history)", file.display());
            }
            let late = add_newest(
                &mut days,
                SurfaceDay { symbol: symbol.clone(), ..snapshot.clone() },
                &file,
                date,
                config.calendar,
            );
            match late {
                // The store knows more than a file that nobody renewed; a date that was asked for must not be ignored.
                Err(Refusal::Older(reason)) if date.is_none() => {
                    warnings.push(format!("{}: {reason}; it is left out", file.display()));
                }
                other => other.map_err(|refusal| refusal.error(&file))?,
            }
        } else {
            no_date_wanted(&file, date)?;
            warnings.extend(dropped_last(&found));
            days.extend(found.days.into_iter().filter_map(|day| Some((day.date?, day))));
        }
    } else if date.is_some() {
        return Err(refuse(&file, "is not there, so --date has nothing to date"));
    } else if days.is_empty() {
        let (store, file) = (config.history_path.display(), file.display());
        place = format!("{place}: never observed (no day in history store {store}, no file {file})");
    }
    let known = KnownDays::new(days, place, todo(is_there.then_some(file.as_path()), &symbol), warnings, accept)?;
    Ok(KnownDays { notes, ..known }.with_age(Timestamp::now().to_zoned(tz::TimeZone::fixed(CLOCK)).date()))
}

/// The days of a dated file; or an undated snapshot on top of what the store holds of its symbol.
pub(crate) fn of_file(
    config: &Config,
    kept: &DayCache,
    path: &Path,
    date: Option<Date>,
    reading: &Reading,
) -> Result<KnownDays, Error> {
    let chain = is_chain(path);
    let calendar = reading.calendar.unwrap_or(config.calendar);
    let reading = &Reading { calendar: Some(calendar), ..reading.clone() };
    let mut found = read_history_on(path, reading, if chain { date } else { None })?;
    let mut date = date;
    if let (true, [day]) = (chain, found.days.as_mut_slice()) {
        // A chain of one day is a snapshot that says its day.
        date = day.date.take();
    }
    let [snapshot @ SurfaceDay { date: None, .. }] = found.days.as_slice() else {
        no_date_wanted(path, date)?;
        let (warnings, notes) = (dropped_last(&found).into_iter().collect(), found.notes);
        let days = found.days.into_iter().filter_map(|day| Some((day.date?, day))).collect();
        let todo = format!("{}a file with more days is needed", left_out(&notes));
        let known = KnownDays::new(days, path.display().to_string(), todo, warnings, reading.accept)?;
        return Ok(KnownDays { notes, ..known });
    };
    let symbol = checked_symbol(&snapshot.symbol)?;
    let mut days = stored(config, kept, &symbol)?;
    let mut place = path.display().to_string();
    place += if chain && days.is_empty() {
        ": an option chain of one day (no history)"
    } else if days.is_empty() {
        ": a snapshot without a date (no history)"
    } else {
        " and the days observed"
    };
    add_newest(&mut days, SurfaceDay { symbol: symbol.clone(), ..snapshot.clone() }, path, date, calendar)
        .map_err(|refusal| refusal.error(path))?;
    let known = KnownDays::new(days, place, todo(Some(path), &symbol), Vec::new(), reading.accept)?;
    Ok(KnownDays { notes: found.notes, ..known })
}

/// Why most of the days that were left out are not known, the first part of what to do about it.
fn left_out(notes: &[String]) -> String {
    let of_days = |note: &&String| {
        let rest = note.strip_prefix("left out: ").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        rest.is_some_and(|rest| rest.starts_with(" day: ") || rest.starts_with(" days: "))
    };
    notes.iter().find(of_days).map(|note| format!("{note}; ")).unwrap_or_default()
}

/// A warning when the last days of the file were of no use: the forecast is for the days after an older one.
fn dropped_last(found: &SurfaceHistory) -> Option<String> {
    let newest = found.days.last()?.date?.to_string();
    let late: Vec<&str> = found
        .dropped
        .iter()
        .map(String::as_str)
        .filter(|line| line.get(..newest.len()).is_some_and(|date| date > newest.as_str()))
        .collect();
    let more = if late.len() > 3 { format!(" and {} more", late.len() - 3) } else { String::new() };
    let named = late[..late.len().min(3)].join("; ");
    (!late.is_empty())
        .then(|| format!("the forecast rests on {newest}: the days after it were left out: {named}{more}"))
}

fn stored(config: &Config, kept: &DayCache, symbol: &str) -> Result<Stored, Error> {
    kept.days(&config.history_path, symbol).map(Arc::unwrap_or_clone)
}

/// Why a snapshot is not the newest day.
enum Refusal {
    Older(String),
    Wrong(Error),
}

impl Refusal {
    fn error(self, path: &Path) -> Error {
        match self {
            Self::Older(reason) => refuse(path, &format!("{reason}; name the day it shows with --date")),
            Self::Wrong(error) => error,
        }
    }
}

/// Puts an undated snapshot on top of the days observed; one of the same date gives way.
fn add_newest(
    days: &mut Stored,
    day: SurfaceDay,
    path: &Path,
    date: Option<Date>,
    calendar: Calendar,
) -> Result<(), Refusal> {
    let (own, source) = match date {
        Some(date) => (date, "--date"),
        None => match date_in_name(path).map_err(Refusal::Wrong)? {
            Some(date) => (date, "in its name"),
            None => (modified(path, calendar).map_err(Refusal::Wrong)?, "its modification time"),
        },
    };
    if let Some(reason) = calendar.no_trading_day(own) {
        return Err(Refusal::Wrong(refuse(path, &format!("{own} ({source}) {reason}"))));
    }
    if let Some((last, _)) = days.last_key_value().filter(|(last, _)| own < **last) {
        return Err(Refusal::Older(format!("is of {own} ({source}), older than the newest day observed, {last}")));
    }
    days.insert(own, SurfaceDay { date: Some(own), ..day });
    Ok(())
}

/// The trading day of a file's modification time: any other day counts as the last one before it.
fn modified(path: &Path, calendar: Calendar) -> Result<Date, Error> {
    let time = std::fs::metadata(path).and_then(|found| found.modified()).map_err(io_error("read", path))?;
    let stamp = Timestamp::try_from(time).map_err(|_| refuse(path, "its modification time is no date; add --date"))?;
    let mut date = stamp.to_zoned(tz::TimeZone::fixed(CLOCK)).date();
    while calendar.closed(date).is_some() {
        date = date.checked_sub(1.day()).map_err(|_| refuse(path, "its modification time is no date; add --date"))?;
    }
    Ok(date)
}

/// The rows may name another symbol than the file does, and then nobody knows whose day it is.
fn check_symbol(path: &Path, found: &[SurfaceDay], symbol: &str) -> Result<(), Error> {
    let other = found.first().map(|day| day.symbol.to_ascii_uppercase()).unwrap_or_default();
    if other == symbol || other == symbol_of(path) {
        return Ok(());
    }
    Err(refuse(path, &format!("its rows are of {other}, not of {symbol}")))
}

fn no_date_wanted(path: &Path, date: Option<Date>) -> Result<(), Error> {
    if date.is_none() { Ok(()) } else { Err(refuse(path, "the file has dates of its own; leave --date out")) }
}

fn todo(path: Option<&Path>, symbol: &str) -> String {
    let snapshot = path.map_or_else(|| PathBuf::from("SNAPSHOT.csv"), Path::to_path_buf);
    format!(
        "run `dollarbill-ml observe {} --date YYYY-MM-DD` each day, then `dollarbill-ml predict --symbol {symbol}`",
        snapshot.display()
    )
}

fn refuse(path: &Path, reason: &str) -> Error {
    Error::Surface { path: path.to_path_buf(), reason: reason.to_owned() }
}
