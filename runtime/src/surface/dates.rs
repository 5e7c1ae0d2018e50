//! Dates as tables hold them; the rules of `dates.py` of `train/`.
//!
//! ISO with or without time and zone, YYYYMMDD, YYYY/MM/DD, M/D/YYYY or D/M/YYYY where the whole file settles the order,
//! D.M.YYYY, 4-Mar-2024, and the day numbers of spreadsheets. The day is the one written, whatever the zone.

use jiff::ToSpan;
use jiff::civil::Date;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const EPOCH: Date = jiff::civil::date(1899, 12, 30);

/// Minutes by which the clock of one place differs within a year.
const SUMMER: i32 = 60;
/// Remainders of a spreadsheet's day numbers by 7.
const SATURDAY: u32 = 0;
const SUNDAY: u32 = 1;
const MONDAY: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Iso,
    YearFirst,
    Compact,
    Slashed,
    Dotted,
    Named,
    Serial,
}

type Parts = [u32; 3];

/// The format of a date and its three numbers in the order written; `None` where it is none that is known.
fn classify(text: &str) -> Option<(Format, Parts)> {
    let (head, time) = split(text);
    if !time.is_empty() && !is_time(time.as_bytes()) {
        return None;
    }
    if time.is_empty() && !head.is_empty() && is_digits(head) {
        let part = |range: std::ops::Range<usize>| head.get(range).and_then(|part| part.parse().ok());
        return match head.len() {
            8 if head.starts_with("19") || head.starts_with("20") => {
                Some((Format::Compact, [part(0..4)?, part(4..6)?, part(6..8)?]))
            }
            5 => Some((Format::Serial, [part(0..5)?, 0, 0])),
            _ => None,
        };
    }
    for (mark, format, lengths) in [
        ('-', Format::Iso, [4, 2, 2]),
        ('/', Format::YearFirst, [4, -2, -2]),
        ('.', Format::Dotted, [-2, -2, 4]),
        ('/', Format::Slashed, [-2, -2, 4]),
    ] {
        if let Some(numbers) = numbers(&head.split(mark).collect::<Vec<_>>(), lengths) {
            return Some((format, numbers));
        }
    }
    let mut parts: Vec<&str> = head.split('-').collect();
    let name = parts.get(1)?.to_ascii_lowercase();
    let month = (1 + MONTHS.iter().position(|month| *month == name)?).to_string();
    parts[1] = &month;
    numbers(&parts, [-2, -2, 4]).map(|numbers| (Format::Named, numbers))
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

fn is_time(text: &[u8]) -> bool {
    text.len() >= 5
        && text[2] == b':'
        && text[..2].iter().all(u8::is_ascii_digit)
        && text.iter().all(|byte| b"0123456789:.+-ZUTC ".contains(byte))
}

/// Minutes east of UTC; `None` where it is not said.
fn zone_of(time: &str) -> Option<i32> {
    if time.ends_with('Z') || time.ends_with("UTC") {
        return Some(0);
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
    month_first: bool,
    day_first: bool,
    example: String,
    last: String,
    /// Minutes east of UTC (`None`: not said) of the first cell with a time, and the cell.
    zone: Option<(Option<i32>, String)>,
    /// Of day numbers, whether each remainder by 7 is there.
    weekdays: [bool; 7],
}

impl DateColumn {
    /// Looks at one more cell; what is wrong with it, if anything.
    pub(crate) fn see(&mut self, text: &str) -> Option<String> {
        if self.format.is_some() && text == self.last {
            return None;
        }
        let short: String = text.chars().take(40).collect();
        let Some((format, parts)) = classify(text) else {
            return Some(format!("must be YYYY-MM-DD (or MM/DD/YYYY), found '{short}'"));
        };
        if self.format.is_some_and(|before| before != format) {
            return Some(format!("'{short}' is written in another format than the rows before; use one"));
        }
        self.format = Some(format);
        text.clone_into(&mut self.last);
        if format == Format::Slashed {
            self.day_first |= parts[0] > 12;
            self.month_first |= parts[1] > 12;
            if self.example.is_empty() {
                text.clone_into(&mut self.example);
            }
        } else if format == Format::Serial {
            self.weekdays[parts[0] as usize % 7] = true;
        }
        self.other_zone(text)
    }

    /// What is wrong with the time zone of a cell: a day is that of one clock.
    fn other_zone(&mut self, text: &str) -> Option<String> {
        let (_, time) = split(text);
        if time.is_empty() {
            return None;
        }
        let zone = zone_of(time);
        let (before, first) = self.zone.get_or_insert_with(|| (zone, text.to_owned()));
        let near = zone.zip(*before).is_some_and(|(zone, before)| (zone - before).abs() <= SUMMER);
        if zone == *before || near {
            return None;
        }
        let few = |text: &str| text.chars().take(40).collect::<String>();
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
        if self.format != Some(Format::Slashed) || self.day_first != self.month_first {
            return None;
        }
        if self.day_first {
            return Some("some rows have the day first and some the month; write YYYY-MM-DD".to_owned());
        }
        let (_, [one, other, year]) = classify(&self.example)?;
        let example: String = self.example.chars().take(40).collect();
        Some(format!(
            "'{example}' can be read as {year:04}-{one:02}-{other:02} and as {year:04}-{other:02}-{one:02}, and no row \
             settles which; write YYYY-MM-DD"
        ))
    }

    /// The day of a cell that was seen; `None` where the calendar has no such day.
    pub(crate) fn read(&self, text: &str) -> Option<Date> {
        let (format, [a, b, c]) = classify(text)?;
        match format {
            Format::Serial => EPOCH.checked_add(i64::from(a).days()).ok(),
            Format::Dotted | Format::Named => day(c, b, a),
            Format::Slashed if self.day_first => day(c, b, a),
            Format::Slashed => day(c, a, b),
            Format::Iso | Format::YearFirst | Format::Compact => day(a, b, c),
        }
    }
}

fn day(year: u32, month: u32, day: u32) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
