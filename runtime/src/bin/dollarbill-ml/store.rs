//! What the commands on the history store do.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use dollarbill_ml::history::HistoryStore;
use dollarbill_ml::surface::DAILY_FEATURES;
use dollarbill_ml::{Config, Error, Observing};
use jiff::civil::Date;

use crate::out::print;

pub(crate) fn observe(config: &Config, surface: &Path, date: Option<Date>, how: &Observing) -> Result<(), Error> {
    let kept = dollarbill_ml::observe_as(config, surface, date, how)?;
    let store = config.history_path.display();
    for line in kept.skipped {
        let _ = writeln!(io::stderr(), "skipped: {line}");
    }
    for line in kept.notes {
        let _ = writeln!(io::stderr(), "note: {line}");
    }
    for one in kept.symbols {
        let days = if one.stored_days == 1 {
            one.first.to_string()
        } else {
            format!("{} days from {} to {}", one.stored_days, one.first, one.last)
        };
        if one.replaced_days > 0 {
            let days = if one.replaced_days == 1 { "day" } else { "days" };
            let _ = writeln!(io::stderr(), "warning: {} {days} of {} replaced", one.replaced_days, one.symbol);
        }
        let _ = writeln!(io::stderr(), "{} {days} kept in {store}; {} days known", one.symbol, one.known_days);
    }
    Ok(())
}

pub(crate) fn days(config: &Config, symbol: Option<&str>) -> Result<(), Error> {
    let store = HistoryStore::open_existing(&config.history_path)?;
    let mut text = String::new();
    if let Some(symbol) = symbol {
        let symbol = symbol.to_ascii_uppercase();
        let days = store.days(&symbol, usize::MAX)?;
        if days.is_empty() {
            let reason = format!("holds no day of {symbol}; `dollarbill-ml days` lists what it holds");
            return Err(Error::History { path: config.history_path.clone(), reason });
        }
        let _ = writeln!(text, "date,{}", DAILY_FEATURES.join(","));
        for day in days {
            text += &day.date.map(|date| date.to_string()).unwrap_or_default();
            for value in day.features {
                let known = if value.is_nan() { String::new() } else { format!("{value:?}") };
                let _ = write!(text, ",{known}");
            }
            text.push('\n');
        }
    } else {
        text += "symbol,days,first,last\n";
        for (symbol, days, first, last) in store.symbols()? {
            let _ = writeln!(text, "{symbol},{days},{first},{last}");
        }
    }
    print(&text)
}

pub(crate) fn forget(config: &Config, symbol: &str, date: Date) -> Result<(), Error> {
    let symbol = symbol.to_ascii_uppercase();
    HistoryStore::open_existing(&config.history_path)?.forget(&symbol, date)?;
    let _ = writeln!(io::stderr(), "{symbol} {date} removed from {}", config.history_path.display());
    Ok(())
}
