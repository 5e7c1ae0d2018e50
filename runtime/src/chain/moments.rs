//! Cells that hold days or moments -> days since 1970; `Days` of `cells.py` of `train/` alike.

use std::collections::HashMap;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::surface::dates::DateColumn;

/// No day stands there.
pub(super) const UNKNOWN_DAY: i32 = -1;
/// New York's clock without summer time: no session crosses its midnight.
pub(super) const NEW_YORK_HOURS: i64 = -5;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const MISSING: [&str; 9] = ["", "nan", "na", "n/a", "null", "none", "-", "nat", "<na>"];

/// The date of a count of days.
pub(super) fn date_of(number: i32) -> Date {
    EPOCH.checked_add(i64::from(number).days()).unwrap_or(EPOCH)
}

/// Days since 1970.
pub(super) fn number_of(date: Date) -> i32 {
    (date - EPOCH).get_days()
}

/// Monday 0 to Sunday 6.
pub(super) fn weekday(number: i32) -> i32 {
    (number + 3).rem_euclid(7)
}

/// The days of one column, settled by all of its different texts.
pub(super) struct Days {
    hours: i64,
    utc: bool,
    column: DateColumn,
    texts: HashMap<String, i32>,
    /// Texts that the whole column settles, as they stand and without a zone.
    plain: Vec<(String, String)>,
}

impl Days {
    pub(super) fn new(hours: i64, utc: bool) -> Self {
        Self { hours, utc, column: DateColumn::default(), texts: HashMap::new(), plain: Vec::new() }
    }

    /// Looks at one more cell; what is wrong with it, if anything.
    pub(super) fn see(&mut self, text: &str) -> Result<(), String> {
        if self.texts.contains_key(text) {
            return Ok(());
        }
        let clean = text.trim();
        let mut day = UNKNOWN_DAY;
        if MISSING.iter().any(|word| clean.eq_ignore_ascii_case(word)) {
        } else if let Some(seconds) = epoch(clean) {
            let shifted = seconds? + 3600 * self.hours;
            day = i32::try_from(shifted.div_euclid(86400)).unwrap_or(UNKNOWN_DAY);
        } else {
            let zones = [" EST", " EDT", " ET"];
            let clean = zones.iter().find_map(|zone| clean.strip_suffix(zone)).unwrap_or(clean).trim_end();
            if let Some(problem) = self.column.see(clean) {
                return Err(problem);
            }
            self.plain.push((text.to_owned(), clean.to_owned()));
        }
        self.texts.insert(text.to_owned(), day);
        Ok(())
    }

    /// Once all was seen: reads what depends on the whole column.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        if let Some(doubt) = self.column.doubt() {
            return Err(doubt);
        }
        for (text, clean) in std::mem::take(&mut self.plain) {
            let day = self.column.read(&clean);
            let mut number = number_of(day.ok_or_else(|| format!("'{}' is not a day of the calendar", few(&text)))?);
            let zulu =
                self.utc || clean.ends_with('Z') || ["+00:00", "UTC", "GMT"].iter().any(|zone| clean.ends_with(zone));
            let hour = clean.find(':').and_then(|at| clean.get(at.checked_sub(2)?..at)?.parse::<i64>().ok());
            if zulu && !clean.contains("PM") && hour.is_some_and(|hour| hour + self.hours < 0) {
                number -= 1;
            }
            self.texts.insert(text, number);
        }
        Ok(())
    }

    /// Days since 1970; [`UNKNOWN_DAY`] where none stands.
    pub(super) fn day(&self, text: &str) -> i32 {
        self.texts.get(text).copied().unwrap_or(UNKNOWN_DAY)
    }
}

/// Seconds since 1970 of a whole number in s, ms, us or ns.
fn epoch(text: &str) -> Option<Result<i64, String>> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(9..=19).contains(&whole.len()) || !digits(whole) || !decimals.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let Ok(number) = whole.parse::<i64>() else {
        return Some(Err(format!("'{}' is no time since 1970", few(text))));
    };
    let scales = [1_i64, 1_000, 1_000_000, 1_000_000_000];
    let fits =
        scales.iter().map(|scale| number / scale).find(|seconds| (100_000_000..10_000_000_000).contains(seconds));
    Some(fits.ok_or_else(|| format!("'{}' is no time since 1970", few(text))))
}

/// At most 40 characters of what was found.
pub(super) fn few(text: &str) -> String {
    text.trim().chars().take(40).collect()
}
