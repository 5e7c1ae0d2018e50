//! Dates as tables hold them; the rules of `dates.py` of `train/`.
//!
//! ISO with or without time and zone, YYYYMMDD, YYYY/MM/DD, M/D/YYYY or D/M/YYYY (also with two digits of the year)
//! where the whole file settles the order, D.M.YYYY, months by name, the day numbers of spreadsheets, and seconds since
//! 1970 (also in thousandths and finer). The day is the one written, whatever the zone; that of a count of seconds is
//! UTC's.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

const KNOWN: &str = "YYYY-MM-DD, YYYY/MM/DD, YYYYMMDD, MM/DD/YYYY or DD/MM/YYYY (or YY), DD.MM.YYYY, 13-Oct-2026, \
                     Oct 13, 2026, a spreadsheet's day number, or seconds since 1970";
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SHORT_NAMES: [&str; 4] = ["sept", "tues", "thur", "thurs"];
const EPOCH: Date = jiff::civil::date(1899, 12, 30);
const UNIX: Date = jiff::civil::date(1970, 1, 1);
const ZONES: [(&str, i32); 6] = [("Z", 0), ("UTC", 0), ("GMT", 0), ("EST", -300), ("EDT", -240), ("ET", -300)];

/// Minutes by which the clock of one place differs within a year.
const SUMMER: i32 = 60;
/// Remainders of a spreadsheet's day numbers by 7.
const SATURDAY: u32 = 0;
const SUNDAY: u32 = 1;
const MONDAY: u32 = 2;
/// The years of a file are fewer than its days: by this factor, where nothing else tells one from the other.
const FEWER: usize = 3;
/// Seconds after midnight UTC during which New York has another day.
const NEW_YORK: u32 = 4 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Iso,
    YearFirst,
    Compact,
    Slashed,
    /// With slashes and two digits of the year.
    Short,
    Dotted,
    Named,
    Serial,
    /// Whole days since 1970, seconds of the day, 0.
    Seconds,
}

type Parts = [u32; 3];

/// Where year, month and day stand in the three numbers of a date with slashes.
type Order = [usize; 3];
const MONTH_FIRST: Order = [2, 0, 1];
const DAY_FIRST: Order = [2, 1, 0];
const YEAR_FIRST: Order = [0, 1, 2];

/// The format of a date and its three numbers in the order written (months by name: day, month, year); `None` where it
/// is none that is known.
fn classify(text: &str) -> Option<(Format, Parts)> {
    if !text.is_ascii() {
        return None;
    }
    if let Some(found) = one_number(text) {
        return Some(found);
    }
    let (head, time) = split(text);
    if !time.is_empty() && !is_time(time) {
        return named(text);
    }
    for (mark, format, lengths) in [
        ('-', Format::Iso, [4, 2, 2]),
        ('/', Format::YearFirst, [4, -2, -2]),
        ('.', Format::Dotted, [-2, -2, 4]),
        ('/', Format::Slashed, [-2, -2, 4]),
        ('/', Format::Short, [-2, -2, 2]),
    ] {
        if let Some(numbers) = numbers(&head.split(mark).collect::<Vec<_>>(), lengths) {
            return Some((format, numbers));
        }
    }
    if !time.is_empty() && head.len() == 8 && is_digits(head) {
        return compact(head);
    }
    named(text)
}

/// A date that is one number, with or without decimals.
fn one_number(text: &str) -> Option<(Format, Parts)> {
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
        Some(_) => return None,
        None => (text, ""),
    };
    if whole.is_empty() || !is_digits(whole) || !is_digits(decimals) {
        return None;
    }
    match whole.len() {
        8 if decimals.bytes().all(|digit| digit == b'0') => compact(whole),
        5 => Some((Format::Serial, [whole.parse().ok()?, 0, 0])),
        10 | 13 | 16 | 19 if whole.starts_with(['1', '2']) => {
            let seconds: u32 = whole.get(..10)?.parse().ok()?;
            Some((Format::Seconds, [seconds / 86400, seconds % 86400, 0]))
        }
        _ => None,
    }
}

fn compact(digits: &str) -> Option<(Format, Parts)> {
    let part = |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse().ok());
    let century = digits.starts_with("19") || digits.starts_with("20");
    if century { Some((Format::Compact, [part(0..4)?, part(4..6)?, part(6..8)?])) } else { None }
}

/// 13-Oct-2026, 13OCT26, Oct 13, 2026, 2026-Oct-13, with or without the day of the week before and a time behind.
fn named(text: &str) -> Option<(Format, Parts)> {
    let mut tokens: Vec<String> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && tokens.len() < 3 {
        if at > 0 && b" ,-./".contains(&bytes[at]) {
            at += 1;
            continue;
        }
        let letters = bytes[at].is_ascii_alphabetic();
        let alike = |byte: &&u8| byte.is_ascii_alphanumeric() && byte.is_ascii_alphabetic() == letters;
        let length = bytes[at..].iter().take_while(alike).count();
        if length == 0 {
            return None;
        }
        let token = text[at..at + length].to_ascii_lowercase();
        at += length;
        if !tokens.is_empty() || place(&token, &DAYS).is_none() {
            tokens.push(token);
        }
    }
    let rest = &text[at..];
    let [first, second, third] = tokens.as_slice() else { return None };
    let time = rest.strip_prefix([' ', 'T']).is_some_and(is_time);
    if !rest.is_empty() && !time {
        return None;
    }
    let (month, day, year) = match (place(second, &MONTHS), place(first, &MONTHS)) {
        (Some(month), _) if first.len() == 4 => (month, third, first),
        (Some(month), _) => (month, first, third),
        (None, Some(month)) => (month, second, third),
        (None, None) => return None,
    };
    let fits = is_digits(day) && is_digits(year) && day.len() <= 2 && matches!(year.len(), 2 | 4);
    if !fits {
        return None;
    }
    let number: u32 = year.parse().ok()?;
    let year = if year.len() == 2 { full(number) } else { number };
    Some((Format::Named, [day.parse().ok()?, month, year]))
}

/// Which of the names it is, counted from 1, whole or by its first three letters.
fn place(token: &str, names: &[&str]) -> Option<u32> {
    if token.len() != 3 && !names.contains(&token) && !SHORT_NAMES.contains(&token) {
        return None;
    }
    let start = token.get(..3)?;
    (1..).zip(names).find(|(_, name)| name.starts_with(start)).map(|(at, _)| at)
}

/// Of two digits; listed options began in 1973.
fn full(year: u32) -> u32 {
    year + if year >= 70 { 1900 } else { 2000 }
}

fn split(text: &str) -> (&str, &str) {
    let mut digit = false;
    for (at, letter) in text.char_indices() {
        if letter == ' ' || (letter == 'T' && digit) {
            return (&text[..at], &text[at + 1..]);
        }
        digit = letter.is_ascii_digit();
    }
    (text, "")
}

fn is_time(text: &str) -> bool {
    let Some((hour, _)) = text.split_once(':') else { return false };
    text.len() >= 4
        && matches!(hour.len(), 1 | 2)
        && is_digits(hour)
        && text.bytes().all(|byte| b"0123456789:.+-ZUTCGMAPESDapm ".contains(&byte))
}

/// Minutes east of UTC; `None` where it is not said.
fn zone_of(time: &str) -> Option<i32> {
    if let Some((_, minutes)) = ZONES.iter().find(|(name, _)| time.ends_with(name)) {
        return Some(*minutes);
    }
    let at = time.rfind(['+', '-'])?;
    let digits: String = time[at + 1..].chars().filter(|c| *c != ':').collect();
    let colon = time[at + 1..].find(':').is_none_or(|colon| colon == 2);
    if !(digits.len() == 2 || digits.len() == 4) || !is_digits(&digits) || !colon || time.ends_with(':') {
        return None;
    }
    let minutes = 60 * digits[..2].parse::<i32>().ok()? + digits[2..].parse::<i32>().unwrap_or(0);
    Some(if time[at..].starts_with('-') { -minutes } else { minutes })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The numbers, if each has its length; a negative length: that many digits at most.
fn numbers(parts: &[&str], lengths: [isize; 3]) -> Option<Parts> {
    if parts.len() != 3 {
        return None;
    }
    let mut found = [0; 3];
    for ((number, part), length) in found.iter_mut().zip(parts).zip(lengths) {
        let fits = if length > 0 { part.len() == length.unsigned_abs() } else { part.len() <= length.unsigned_abs() };
        if part.is_empty() || !fits || !is_digits(part) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    Some(found)
}

/// What the dates of a column seen so far tell of its format.
#[derive(Debug, Default)]
pub(crate) struct DateColumn {
    format: Option<Format>,
    example: String,
    last: String,
    /// Of dates with slashes, the different numbers at each place, and the order once it was asked for.
    seen: [BTreeSet<u32>; 3],
    order: std::cell::Cell<Option<Order>>,
    /// Minutes east of UTC (`None`: not said) of the first cell with a time, and the cell.
    zone: Option<(Option<i32>, String)>,
    /// Of day numbers, whether each remainder by 7 is there.
    weekdays: [bool; 7],
    /// The first count of seconds at which New York has another day.
    evening: String,
}

impl DateColumn {
    /// Looks at one more cell; what is wrong with it, if anything.
    pub(crate) fn see(&mut self, text: &str) -> Option<String> {
        if self.format.is_some() && text == self.last {
            return None;
        }
        let short: String = text.chars().take(40).collect();
        let Some((format, parts)) = classify(text) else {
            return Some(format!("must be a date ({KNOWN}), found '{short}'"));
        };
        if self.format.is_some_and(|before| before != format) {
            return Some(format!("'{short}' is written in another format than the rows before; use one"));
        }
        self.format = Some(format);
        text.clone_into(&mut self.last);
        self.order.set(None);
        match format {
            Format::Slashed | Format::Short => {
                for (numbers, number) in self.seen.iter_mut().zip(parts) {
                    numbers.insert(number);
                }
                if self.example.is_empty() {
                    text.clone_into(&mut self.example);
                }
            }
            Format::Serial => self.weekdays[parts[0] as usize % 7] = true,
            Format::Seconds if (1..NEW_YORK).contains(&parts[1]) && self.evening.is_empty() => {
                text.clone_into(&mut self.evening);
            }
            _ => {}
        }
        self.other_zone(text)
    }

    /// What is wrong with the time zone of a cell: a day is that of one clock.
    fn other_zone(&mut self, text: &str) -> Option<String> {
        if !text.contains(':') {
            return None;
        }
        let zone = zone_of(text);
        let (before, first) = self.zone.get_or_insert_with(|| (zone, text.to_owned()));
        let near = zone.zip(*before).is_some_and(|(zone, before)| (zone - before).abs() <= SUMMER);
        if zone == *before || near {
            return None;
        }
        let (text, first) = (few(text), few(first));
        Some(format!("'{text}' is of another time zone than '{first}'; write the days of one clock"))
    }

    /// Why the days are not settled, once every cell was seen: the order of day and month, or the first day.
    pub(crate) fn doubt(&self) -> Option<String> {
        let is = |day: u32| self.weekdays[day as usize];
        if is(SATURDAY) && !is(SUNDAY) && !is(MONDAY) {
            return Some(
                "its day numbers fall on Saturdays and never on a Monday: does the spreadsheet count from 1904? Write \
                 YYYY-MM-DD"
                    .to_owned(),
            );
        }
        if !self.evening.is_empty() {
            let evening = few(&self.evening);
            return Some(format!(
                "'{evening}' seconds since 1970 are another day in New York than by UTC; write YYYY-MM-DD"
            ));
        }
        let format = self.format.filter(|format| matches!(format, Format::Slashed | Format::Short))?;
        let orders = self.orders(format);
        match orders.as_slice() {
            [] if format == Format::Short => {
                Some("no order of day, month and year fits every row; write YYYY-MM-DD".to_owned())
            }
            [] => Some("some rows have the day first and some the month; write YYYY-MM-DD".to_owned()),
            [_] => None,
            orders => {
                let (_, numbers) = classify(&self.example)?;
                let iso = |order: &Order| {
                    let [year, month, day] = order.map(|at| numbers[at]);
                    let year = if format == Format::Short { full(year) } else { year };
                    format!("{year:04}-{month:02}-{day:02}")
                };
                let mut readings: Vec<String> = Vec::new();
                for reading in orders.iter().map(iso) {
                    if !readings.contains(&reading) {
                        readings.push(reading);
                    }
                }
                let (example, readings) = (few(&self.example), readings.join(" and as "));
                Some(format!("'{example}' can be read as {readings}, and no row settles which; write YYYY-MM-DD"))
            }
        }
    }

    /// The orders of year, month and day that every date with slashes can have.
    fn orders(&self, format: Format) -> Vec<Order> {
        let most = |at: usize| self.seen[at].last().copied().unwrap_or(0);
        if format != Format::Short {
            return [MONTH_FIRST, DAY_FIRST].into_iter().filter(|[_, month, _]| most(*month) <= 12).collect();
        }
        let fits = |[_, month, day]: &Order| most(*month) <= 12 && most(*day) <= 31;
        let mut orders: Vec<Order> = [MONTH_FIRST, DAY_FIRST, YEAR_FIRST].into_iter().filter(fits).collect();
        let (first, last) = (self.seen[0].len(), self.seen[2].len());
        if first >= FEWER * last {
            orders.retain(|[year, ..]| *year == 2);
        } else if last >= FEWER * first {
            orders.retain(|[year, ..]| *year == 0);
        }
        orders
    }

    /// The day of a cell that was seen; `None` where the calendar has no such day.
    pub(crate) fn read(&self, text: &str) -> Option<Date> {
        let (format, numbers) = classify(text)?;
        let [a, b, c] = numbers;
        match format {
            Format::Serial => EPOCH.checked_add(i64::from(a).days()).ok(),
            Format::Seconds => UNIX.checked_add(i64::from(a).days()).ok(),
            Format::Dotted | Format::Named => day(c, b, a),
            Format::Slashed | Format::Short => {
                let order = self.order.get().unwrap_or_else(|| *self.orders(format).first().unwrap_or(&MONTH_FIRST));
                self.order.set(Some(order));
                let [year, month, of_month] = order.map(|at| numbers[at]);
                day(if format == Format::Short { full(year) } else { year }, month, of_month)
            }
            Format::Iso | Format::YearFirst | Format::Compact => day(a, b, c),
        }
    }
}

/// At most 40 characters of what was found.
fn few(text: &str) -> String {
    text.chars().take(40).collect()
}

fn day(year: u32, month: u32, day: u32) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
