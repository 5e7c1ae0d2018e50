//! The days of a surface file.

use std::path::Path;

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::calendar::is_weekend;
use crate::surface::day::{COPY_QUOTES, N_DAILY, SurfaceDay};
use crate::surface::features::{Quote, daily_features};
use crate::surface::name::symbol_of;
use crate::surface::reader::{self, Row, Shape};

/// Moneyness may fall by so much with rising strike: rounding, and a spot that moved between two expiries.
const SPOT_DRIFT: f64 = 0.005;

/// How the refusal of a file of junk begins.
pub(crate) const NO_USABLE_DAY: &str = "no usable day";
/// What a surface file holds: at least one day, oldest first, no day twice.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceHistory {
    /// The usable days.
    pub days: Vec<SurfaceDay>,
    /// Which days were left out, and why.
    pub dropped: Vec<String>,
}

/// Reads a plain or gzip CSV file: the engine's snapshot, the same with dates, the old script's, or an index history
/// (`date`, `close` in percent).
///
/// # Errors
/// The file cannot be read, a row is wrong (row and column are named), or no day is usable.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), dollarbill_ml::Error> {
/// let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/surfaces");
/// let days = dollarbill_ml::surface::read_surface(&folder.join("dated.csv"))?;
/// assert!(days.iter().all(|day| day.date.is_some() && day.features[0] > 0.0));
/// # Ok(())
/// # }
/// ```
pub fn read_surface(path: &Path) -> Result<Vec<SurfaceDay>, Error> {
    read_history(path).map(|history| history.days)
}

/// As [`read_surface`], and says which days were left out.
///
/// # Errors
/// As [`read_surface`].
pub fn read_history(path: &Path) -> Result<SurfaceHistory, Error> {
    let text = reader::read_text(path)?;
    let mut rows = reader::Rows::new(path, &text)?;
    let mut days = Days { path, index: rows.shape() == Shape::Index, ..Days::new(path) };
    let mut today: Vec<Row> = Vec::new();
    while let Some(row) = rows.next_row()? {
        if today.first().is_some_and(|first| first.date != row.date) {
            days.add(&today)?;
            today.clear();
        }
        today.push(row);
    }
    if !today.is_empty() {
        days.add(&today)?;
    }
    let symbol = rows.symbol().map_or_else(|| symbol_of(path), str::to_owned);
    days.history(&symbol)
}

/// Collects the days of one file.
struct Days<'a> {
    path: &'a Path,
    index: bool,
    kept: Vec<(Option<Date>, [f64; N_DAILY])>,
    dropped: Vec<String>,
    previous: Vec<(f64, u8, f64)>,
}

impl<'a> Days<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, index: false, kept: Vec::new(), dropped: Vec::new(), previous: Vec::new() }
    }

    fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        let date = rows.first().and_then(|row| row.date);
        let outcome = if self.index { Ok(self.index_day(rows)?) } else { self.surface_day(date, rows)? };
        match (date, outcome) {
            (Some(date), _) if is_weekend(date) => self.dropped.push(format!("{date}: a Saturday or Sunday")),
            (date, Ok(features)) => self.kept.push((date, features)),
            (Some(date), Err(reason)) => self.dropped.push(format!("{date}: {reason}")),
            (None, Err(reason)) => self.dropped.push(reason.to_owned()),
        }
        Ok(())
    }

    fn history(self, symbol: &str) -> Result<SurfaceHistory, Error> {
        if self.kept.is_empty() {
            let reason = self.dropped.first().map_or("it has a header and no rows", String::as_str);
            let reason = format!("{NO_USABLE_DAY}: {reason}");
            return Err(Error::Surface { path: self.path.to_path_buf(), reason });
        }
        let day = |(date, features)| SurfaceDay { date, symbol: symbol.to_owned(), features };
        Ok(SurfaceHistory { days: self.kept.into_iter().map(day).collect(), dropped: self.dropped })
    }

    #[expect(clippy::float_cmp, reason = "the same text is the same number")]
    fn index_day(&self, rows: &[Row]) -> Result<[f64; N_DAILY], Error> {
        let first = rows.first().map_or(f64::NAN, |row| row.quote.iv);
        if let Some(row) = rows.iter().find(|row| row.quote.iv != first) {
            let date = row.date.map(|date| date.to_string()).unwrap_or_default();
            let reason = format!("row {}: column date: {date} has two different levels", row.line);
            return Err(Error::Surface { path: self.path.to_path_buf(), reason });
        }
        let mut features = [f64::NAN; N_DAILY];
        features[0] = first;
        features[N_DAILY - 1] = 1.0;
        Ok(features)
    }

    /// The day's features, or why it is left out.
    fn surface_day(&mut self, date: Option<Date>, rows: &[Row]) -> Result<Result<[f64; N_DAILY], &'static str>, Error> {
        self.check_moneyness(rows)?;
        let mut quotes: Vec<Quote> = rows.iter().map(|row| row.quote).collect();
        quotes.sort_by(Quote::order);
        quotes.dedup();
        let Some(features) = daily_features(&quotes) else {
            return Ok(Err(
                "no expiry has 3 strikes with a clean implied volatility (0.01 to 5, as a decimal) near the money",
            ));
        };
        if date.is_some_and(|date| !is_weekend(date)) {
            let marks: Vec<_> = quotes.iter().map(|quote| (quote.strike, quote.kind, quote.iv)).collect();
            if marks.len() >= COPY_QUOTES as usize && marks == self.previous {
                return Ok(Err("a copy of the day before"));
            }
            self.previous = marks;
        }
        Ok(Ok(features))
    }

    fn check_moneyness(&self, rows: &[Row]) -> Result<(), Error> {
        let mut ordered: Vec<&Row> = rows.iter().collect();
        ordered.sort_by(|a, b| {
            a.quote.strike.total_cmp(&b.quote.strike).then(a.quote.moneyness.total_cmp(&b.quote.moneyness))
        });
        let Some(mut highest) = ordered.first().copied() else { return Ok(()) };
        for row in ordered {
            let (quote, top) = (&row.quote, &highest.quote);
            if quote.moneyness >= top.moneyness {
                highest = row;
            } else if quote.moneyness < top.moneyness - SPOT_DRIFT {
                let reason = format!(
                    "row {}: column moneyness: {:?} at strike {:?}, but {:?} at strike {:?}: it is strike / spot and \
                     must rise with the strike",
                    row.line, quote.moneyness, quote.strike, top.moneyness, top.strike
                );
                return Err(Error::Surface { path: self.path.to_path_buf(), reason });
            }
        }
        Ok(())
    }
}
