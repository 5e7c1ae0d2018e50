//! On which days something can have been observed.

use jiff::civil::{Date, Weekday};

/// No date lies before it: what does is a mistake of the clock or of the format.
pub(crate) const FIRST_DAY: Date = jiff::civil::date(1970, 1, 1);

/// Why nothing can have been observed on that day; `None` for a day on which something can.
pub(crate) fn no_trading_day(date: Date) -> Option<&'static str> {
    if date < FIRST_DAY {
        Some("lies before 1970-01-01")
    } else if is_weekend(date) {
        Some("is a Saturday or Sunday, no trading day")
    } else if date > latest_day() {
        Some("lies in the future")
    } else {
        None
    }
}

/// Today, or tomorrow: it is tomorrow somewhere already.
pub(crate) fn latest_day() -> Date {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.tomorrow().unwrap_or(today)
}

/// Whether no exchange trades on that day of the week.
pub(crate) fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}
