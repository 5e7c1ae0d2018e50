//! On which days something can have been observed; `train/core/tables/calendar.py` says the same, by the
//! same table, which `tests/data/make_exchange_days.py` writes.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::civil::{Date, Weekday};

/// No date lies before it: what does is a mistake of the clock or of the format.
pub(crate) const FIRST_DAY: Date = jiff::civil::date(1970, 1, 1);

const TABLE: &str = include_str!("exchange_days.txt");
const WEEKDAYS: &str = "weekdays";
const EVERY_DAY: &str = "24/7";

/// Which days are trading days.
///
/// # Examples
/// ```
/// use dollarbill_ml::surface::Calendar;
/// let christmas = jiff::civil::date(2024, 12, 25);
/// let closed = |name: &str| Calendar::of_name(name).unwrap().closed(christmas);
/// assert_eq!(closed("24/7"), None);
/// assert_eq!(closed("weekdays"), None);
/// assert_eq!(closed("XNYS").unwrap(), "no session of XNYS");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calendar(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Weekdays,
    EveryDay,
    Exchange(usize),
}

/// An exchange whose holidays are known.
struct Exchange {
    name: &'static str,
    first: Date,
    last: Date,
    holidays: BTreeSet<Date>,
}

impl Calendar {
    /// `weekdays` (the default), `24/7` for markets that never close, or the code (MIC) of an exchange, in any case.
    ///
    /// # Errors
    /// There is no calendar of that name; names those that there are.
    pub fn of_name(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(WEEKDAYS) {
            return Ok(Self(Kind::Weekdays));
        }
        if name == EVERY_DAY {
            return Ok(Self(Kind::EveryDay));
        }
        let found = exchanges().iter().position(|exchange| exchange.name.eq_ignore_ascii_case(name));
        found.map(|at| Self(Kind::Exchange(at))).ok_or_else(|| {
            let known: Vec<_> = exchanges().iter().map(|exchange| exchange.name).collect();
            format!("must be {WEEKDAYS}, {EVERY_DAY} or an exchange ({}), found '{name}'", known.join(", "))
        })
    }

    /// As [`Calendar::of_name`] takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Weekdays => WEEKDAYS,
            Kind::EveryDay => EVERY_DAY,
            Kind::Exchange(_) => self.exchange().map_or("", |exchange| exchange.name),
        }
    }

    /// Why the day is no trading day; `None` for one that is. A day outside of [`Calendar::span`] is judged by weekdays.
    #[must_use]
    pub fn closed(self, date: Date) -> Option<String> {
        if self.0 == Kind::EveryDay {
            return None;
        }
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return Some("a Saturday or Sunday".to_owned());
        }
        let exchange = self.exchange()?;
        exchange.holidays.contains(&date).then(|| format!("no session of {}", exchange.name))
    }

    /// The days for which holidays are known; `None` where no table is needed.
    #[must_use]
    pub fn span(self) -> Option<(Date, Date)> {
        self.exchange().map(|exchange| (exchange.first, exchange.last))
    }

    /// What to say of days outside of the table.
    pub(crate) fn not_judged(self, dates: impl Iterator<Item = Date>) -> Option<String> {
        let (first, last) = self.span()?;
        let (mut all, mut outside) = (0_usize, 0_usize);
        for date in dates {
            all += 1;
            outside += usize::from(date < first || date > last);
        }
        (outside > 0).then(|| {
            format!(
                "calendar {}: holidays are known from {first} to {last}; {outside} of {all} days lie outside, judged by \
                 weekdays alone",
                self.name()
            )
        })
    }

    /// Why nothing can have been observed on that day; `None` for a day on which something can.
    pub(crate) fn no_trading_day(self, date: Date) -> Option<String> {
        if date < FIRST_DAY {
            return Some("lies before 1970-01-01".to_owned());
        }
        if let Some(reason) = self.closed(date) {
            return Some(format!("is {reason}, no trading day"));
        }
        (date > latest_day()).then(|| "lies in the future".to_owned())
    }

    fn exchange(self) -> Option<&'static Exchange> {
        let Kind::Exchange(at) = self.0 else { return None };
        exchanges().get(at)
    }
}

/// The table, read once. A line begins with an exchange and its span, or with a year and holidays of it.
fn exchanges() -> &'static [Exchange] {
    static READ: OnceLock<Vec<Exchange>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut all: Vec<Exchange> = Vec::new();
        for line in TABLE.lines() {
            let words: Vec<&'static str> = line.split(' ').collect();
            match (words.as_slice(), all.last_mut()) {
                ([name, first, last], _) if !name.starts_with(|c: char| c.is_ascii_digit()) => {
                    if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
                        all.push(Exchange { name, first, last, holidays: BTreeSet::new() });
                    }
                }
                ([year, days @ ..], Some(exchange)) => {
                    exchange.holidays.extend(days.iter().filter_map(|day| {
                        let (month, day) = (day.get(..2)?.parse().ok()?, day.get(2..)?.parse().ok()?);
                        Date::new(year.parse().ok()?, month, day).ok()
                    }));
                }
                _ => {}
            }
        }
        all
    })
}

/// Today, or tomorrow: it is tomorrow somewhere already.
pub(crate) fn latest_day() -> Date {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.tomorrow().unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let words: usize =
            TABLE.lines().filter(|line| line.starts_with(['1', '2'])).map(|line| line.split(' ').count() - 1).sum();
        assert_eq!(exchanges().iter().map(|exchange| exchange.holidays.len()).sum::<usize>(), words);
        assert!(words > 5000);
        for exchange in exchanges() {
            assert_eq!(Calendar::of_name(&exchange.name.to_lowercase()).unwrap().name(), exchange.name);
        }
    }

    #[test]
    fn a_calendar_that_is_not_known_is_refused_with_those_that_are() {
        let reason = Calendar::of_name("XNY").unwrap_err();
        assert!(reason.starts_with("must be weekdays, 24/7 or an exchange (BVMF, ") && reason.ends_with("found 'XNY'"));
    }
}
