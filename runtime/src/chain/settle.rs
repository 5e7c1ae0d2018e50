//! Day, symbol and units of a chain, settled by the whole file; `chain.py` of `train/` alike.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;

use crate::chain::columns::{Meaning, same_symbol};
use crate::chain::moments::{UNKNOWN_DAY, date_of, number_of};
use crate::chain::parity::median;
use crate::chain::quote_rows::{Quotes, Raw};
use crate::chain::reading::refuse;
use crate::error::Error;
use crate::surface::calendar::{Calendar, latest_day};
use crate::surface::symbol::checked_symbol;

/// A median implied volatility of a file above it stands in percent.
const PERCENT_FROM: f64 = 3.0;
/// Symbols that a message names.
const NAMED: usize = 5;
const WORDS: [&str; 8] = ["chain", "chains", "option", "options", "quotes", "data", "export", "download"];

pub(super) fn settle_days(
    path: &Path,
    quotes: &mut Quotes,
    date: Option<Date>,
    calendar: Calendar,
) -> Result<(), Error> {
    let mut opened: HashMap<i32, i32> = HashMap::new();
    let coin = quotes.coin;
    for row in &mut quotes.rows {
        if row.day == UNKNOWN_DAY && row.moment != UNKNOWN_DAY {
            // Quotes that are fetched on a weekend are those of the Friday before.
            row.day = if coin {
                row.moment
            } else {
                *opened.entry(row.moment).or_insert_with(|| open_day(row.moment, calendar))
            };
        }
    }
    let newest = quotes.rows.iter().map(|row| row.day).max().unwrap_or(UNKNOWN_DAY);
    if newest == UNKNOWN_DAY {
        let given = date.map_or_else(|| day_in_name(path), |date| Ok(Some(date)))?;
        let given = given.ok_or_else(|| {
            refuse(path, "of which day are its quotes? Add --date YYYY-MM-DD, or call it spy_2024-03-04.csv".to_owned())
        })?;
        quotes.rows.iter_mut().for_each(|row| row.day = number_of(given));
    } else if quotes.moments {
        // Times of one snapshot: it is of the newest.
        quotes.rows.iter_mut().for_each(|row| row.day = newest);
    }
    let unknown = quotes.rows.iter().filter(|row| row.day == UNKNOWN_DAY).count();
    if unknown > 0 {
        return Err(refuse(path, format!("{unknown} quotes have no day; fill it in")));
    }
    if let Some(date) = date
        && let Some(other) = quotes.rows.iter().find(|row| row.day != number_of(date))
    {
        return Err(refuse(path, format!("has a day of its own, {}; leave --date out", date_of(other.day))));
    }
    let newest = date_of(quotes.rows.iter().map(|row| row.day).max().unwrap_or_default());
    if newest > latest_day() { Err(refuse(path, format!("{newest} lies in the future"))) } else { Ok(()) }
}

/// The last trading day up to that one.
fn open_day(mut day: i32, calendar: Calendar) -> i32 {
    while day > 0 && calendar.closed(date_of(day)).is_some() {
        day -= 1;
    }
    day
}

/// A date in a file's name, YYYY-MM-DD or YYYYMMDD.
fn day_in_name(path: &Path) -> Result<Option<Date>, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = name.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut found: Option<Date> = None;
    for start in 0..bytes.len() {
        if start > 0 && digit(start - 1) {
            continue;
        }
        for (length, format) in [(10, "%Y-%m-%d"), (8, "%Y%m%d")] {
            let Some(text) = name.get(start..start + length).filter(|_| !digit(start + length)) else { continue };
            let shaped = text.bytes().enumerate().all(|(at, byte)| {
                if length == 10 && (at == 4 || at == 7) { byte == b'-' } else { byte.is_ascii_digit() }
            });
            let Some(date) = shaped.then(|| Date::strptime(format, text).ok()).flatten() else { continue };
            if found.is_some_and(|before| before != date) {
                return Err(refuse(path, "its name holds two dates; keep one".to_owned()));
            }
            found = Some(date);
        }
    }
    Ok(found)
}

/// The symbol; rows of others are taken away.
pub(super) fn settle_symbol(path: &Path, quotes: &mut Quotes, asked: Option<&str>) -> Result<String, Error> {
    let clean = |name: &str| same_symbol(name.trim_start_matches(['^', '_']));
    let digit = |name: &str| name.ends_with(|c: char| c.is_ascii_digit());
    let stem = |name: &str| if digit(name) { name[..name.len() - 1].to_owned() } else { name.to_owned() };
    let mut named: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if !name.is_empty() && !named.contains(&name) {
            named.push(name);
        }
    };
    let by_underlying = quotes.underlyings.iter().any(|name| !name.is_empty());
    if by_underlying {
        quotes.underlyings.iter().for_each(|name| add(clean(name)));
    } else if quotes.shared_underlying.is_empty() {
        quotes.roots.iter().for_each(|root| add(stem(&same_symbol(root))));
    } else {
        add(clean(&quotes.shared_underlying.to_uppercase()));
    }
    let all = named.clone();
    named.retain(|name| !(digit(name) && all.contains(&stem(name))));
    if named.is_empty() && asked.is_none() {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let word = file.split(['_', ' ', '.']).next().unwrap_or_default().to_owned();
        let fits = (1..=6).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'^');
        if !fits || WORDS.contains(&word.to_ascii_lowercase().as_str()) {
            return Err(refuse(path, "names no symbol; add --symbol".to_owned()));
        }
        named.push(word.to_ascii_uppercase());
    }
    let listed = named[..named.len().min(NAMED)].join(", ");
    let name = match asked {
        Some(asked) => checked_symbol(asked)?,
        None if named.len() > 1 => {
            let more = if named.len() > NAMED { ", ..." } else { "" };
            let count = named.len();
            return Err(refuse(path, format!("{count} symbols in one file: {listed}{more}; name one with --symbol")));
        }
        None => checked_symbol(&named[0])?,
    };
    // BRK-B is BRK.B and BRKB.
    let letters = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let own = letters(&name);
    if !named.is_empty() && !named.iter().any(|one| letters(one) == own) {
        return Err(refuse(path, format!("holds no quote of {name}; it is of {listed}")));
    }
    if named.len() > 1 {
        let mine = |name: &str| letters(&stem(name)) == own || letters(name) == own;
        let roots: Vec<bool> = quotes.roots.iter().map(|root| mine(&same_symbol(root))).collect();
        let underlyings: Vec<bool> = quotes.underlyings.iter().map(|name| letters(&clean(name)) == own).collect();
        quotes.rows.retain(|row| {
            let kept = if by_underlying {
                underlyings.get(usize::from(row.underlying))
            } else {
                roots.get(usize::from(row.root))
            };
            kept.copied().unwrap_or(false)
        });
    }
    Ok(name)
}

/// Strikes in thousandths, volatilities in percent; settled by the whole file.
pub(super) fn units(path: &Path, quotes: &mut Quotes, notes: &mut Vec<String>) -> Result<(), Error> {
    let of = |take: &dyn Fn(&Raw) -> f64| -> Vec<f64> {
        quotes.rows.iter().map(take).filter(|value| value.is_finite()).collect()
    };
    let ratio = median(of(&|row| row.strike / row.spot));
    if quotes.thousandths.is_none() && ratio.is_finite() {
        quotes.thousandths = Some(ratio > 200.0);
    }
    let strikes = of(&|row| row.strike);
    if quotes.thousandths.is_none() && !strikes.is_empty() && strikes.iter().all(|k| *k >= 1000.0 && k % 500.0 == 0.0) {
        return Err(refuse(
            path,
            "its strikes can be read as dollars and as thousandths, and neither a contract's symbol nor a spot price \
             settles which; add a column spot"
                .to_owned(),
        ));
    }
    let volatilities: Vec<f64> = of(&|row| row.iv).into_iter().filter(|iv| *iv > 0.0).collect();
    let percent = quotes.coin || (!quotes.percent && median(volatilities) > PERCENT_FROM);
    let thousandths = quotes.thousandths == Some(true) && !quotes.has[Meaning::Contract as usize];
    for row in &mut quotes.rows {
        if thousandths {
            row.strike /= 1000.0;
        }
        if percent {
            row.iv /= 100.0;
        }
    }
    if thousandths {
        notes.push("strikes are read as thousandths".to_owned());
    }
    Ok(())
}
