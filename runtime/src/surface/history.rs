//! The days of a surface file.

use std::path::Path;

use jiff::civil::Date;

use crate::chain::read::{self, Chain, is_chain};
use crate::chain::reading::ChainReading;
use crate::error::Error;
use crate::surface::calendar::Calendar;
use crate::surface::columns::{Kind, Shape, Unit};
use crate::surface::day::{N_DAILY, SurfaceDay};
use crate::surface::features::{CALL, NO_VOLUME, PUT, Quote, daily_features};
use crate::surface::name::symbol_of;
use crate::surface::plausible::judgement::{Judgement, rows_left_out};
use crate::surface::plausible::quotes::{Mark, mark, not_observed};
use crate::surface::quotes::{OptionKind, SurfaceQuote};
use crate::surface::reader::SurfaceFile;
use crate::surface::row_reader::{LeftOut, Other, Row, Rows};
use crate::surface::symbol::checked_symbol;

/// Moneyness may fall by so much with rising strike: rounding, and a spot that moved between two expiries.
const SPOT_DRIFT: f64 = 0.005;
/// Of one day; the largest real chain has a tenth of it.
const MOST_ROWS: usize = 250_000;
/// Days that say how many quotes are usual.
const RECENT: usize = 10;
/// A day with less than a tenth of the usual quotes, which are so many at least, was cut off.
const FEW: f64 = 10.0;
const USUAL: f64 = 20.0;
const NO_CLEAN: &str =
    "no expiry has 3 strikes with a clean implied volatility (0.01 to 5, as a decimal) near the money";

/// How the refusal of a file of junk begins.
pub(crate) const NO_USABLE_DAY: &str = "no usable day";
/// What a surface file holds: at least one day, oldest first, no day twice.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceHistory {
    /// The usable days.
    pub days: Vec<SurfaceDay>,
    /// Which days were left out, and why.
    pub dropped: Vec<String>,
    /// How the file was read and what was left out of it.
    pub notes: Vec<String>,
}

/// What to read of a file that needs a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The symbol to read of a file that holds several.
    pub symbol: Option<String>,
    /// Read what is drastic (units that change, an index that may be a price) and note it.
    pub accept: bool,
    /// Which days are trading days; `None`: as the config says, else weekdays.
    pub calendar: Option<Calendar>,
}

/// Reads a table, plain or packed by gzip or zstd: the engine's snapshot, the same with dates, the old script's, or an index history
/// (`date`, `close` in percent), in the spellings that spreadsheets and vendors use.
///
/// # Errors
/// The file cannot be read, a row is wrong (row and column are named), no day is usable, or what it holds is not
/// plausible.
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
    read_history_as(path, &Reading::default())
}

/// As [`read_history`], of one symbol of several, or of what is not plausible.
///
/// # Errors
/// As [`read_surface`].
pub fn read_history_as(path: &Path, reading: &Reading) -> Result<SurfaceHistory, Error> {
    read_history_on(path, reading, None)
}

/// As [`read_history_as`]; `date` is the day of a chain that does not say it.
pub(crate) fn read_history_on(path: &Path, reading: &Reading, date: Option<Date>) -> Result<SurfaceHistory, Error> {
    let calendar = reading.calendar.unwrap_or_default();
    if is_chain(path) {
        let symbol = reading.symbol.clone();
        let asked = ChainReading { symbol, date, accept: reading.accept, calendar, ..ChainReading::default() };
        return of_chain(path, &read::read(path, &asked)?, calendar, reading.accept);
    }
    let file = SurfaceFile::open(path, reading.symbol.as_deref())?;
    let mut rows = Rows::of(&file)?;
    let mut days = Days {
        path,
        index: file.shape().kind_of_file == Kind::Index,
        judgement: Judgement::new(path, file.shape().moneyness_unit),
        calendar,
        seen: Vec::new(),
        kept: Vec::new(),
        dropped: Vec::new(),
        previous: Vec::new(),
    };
    let mut today: Vec<Row> = Vec::new();
    let mut newer = Newer { path, days: Vec::new(), rows: 0 };
    while let Some(row) = rows.next_row()? {
        if today.first().is_some_and(|first| first.date != row.date) {
            if rows.newest_first() {
                newer.hold(&mut today)?;
            } else {
                days.add(&mut today)?;
                today.clear();
            }
        }
        if today.len() >= MOST_ROWS {
            let reason = format!("row {}: more than {MOST_ROWS} rows of one day; is the date missing?", row.line);
            return Err(Error::Surface { path: path.to_path_buf(), reason });
        }
        today.push(row);
    }
    if !today.is_empty() {
        newer.days.push(today);
    }
    for mut day in newer.days.into_iter().rev() {
        days.add(&mut day)?;
    }
    let symbol = match (rows.symbol(), &reading.symbol) {
        (Some(symbol), _) => symbol.to_owned(),
        (None, Some(asked)) => checked_symbol(asked)?,
        (None, None) => symbol_of(path),
    };
    let (shape, not_compared) = (file.shape(), file.no_expiries.as_deref());
    days.history(&symbol, (rows.left_out(), not_compared), shape, reading.accept)
}

/// Days of a file with the newest first, held until it is read: what a day is depends on those before it.
struct Newer<'a> {
    path: &'a Path,
    days: Vec<Vec<Row>>,
    rows: usize,
}

impl Newer<'_> {
    fn hold(&mut self, day: &mut Vec<Row>) -> Result<(), Error> {
        self.rows += day.len();
        if self.rows > MOST_ROWS {
            let line = day.last().map_or(0, |row| row.line);
            let reason = format!(
                "row {line}: more than {MOST_ROWS} rows with the newest day first; sort the rows by date, oldest first"
            );
            return Err(Error::Surface { path: self.path.to_path_buf(), reason });
        }
        self.days.push(std::mem::take(day));
        Ok(())
    }
}

/// The surface days of a chain, judged as those of a surface file are.
fn of_chain(path: &Path, chain: &Chain, calendar: Calendar, accept: bool) -> Result<SurfaceHistory, Error> {
    let mut days = Days {
        path,
        index: false,
        judgement: Judgement::new(path, Unit::Plain),
        calendar,
        seen: Vec::new(),
        kept: Vec::new(),
        dropped: Vec::new(),
        previous: Vec::new(),
    };
    for day in &chain.days {
        if day.quotes.iter().any(|quote| quote.middle.is_finite()) {
            days.judgement.inverted();
        }
        let row = |(at, quote): (usize, SurfaceQuote)| Row {
            date: Some(day.date),
            quote: Quote {
                tenor: quote.years,
                strike: quote.strike,
                kind: if quote.kind == OptionKind::Call { CALL } else { PUT },
                iv: quote.implied_volatility,
                volume: quote.volume.unwrap_or(NO_VOLUME),
                moneyness: quote.strike / day.spot,
            },
            line: at as u64 + 1,
            other: Other::default(),
        };
        let mut rows: Vec<Row> = day.surface().into_iter().enumerate().map(row).collect();
        if !rows.is_empty() {
            days.add(&mut rows)?;
        }
    }
    let said = chain.said();
    if days.seen.is_empty() {
        let reason =
            ["no usable day: no quote is left".to_owned()].into_iter().chain(said).collect::<Vec<_>>().join("; ");
        return Err(Error::Surface { path: path.to_path_buf(), reason });
    }
    let found = days.history(&chain.symbol, (&LeftOut::new(), None), &Shape::default(), accept);
    let mut history = found.map_err(|error| match (error, said.first()) {
        (Error::Surface { path, reason }, Some(left)) => Error::Surface { path, reason: format!("{reason}; {left}") },
        (error, _) => error,
    })?;
    history.notes.splice(0..0, said);
    Ok(history)
}

/// Collects the days of one file.
struct Days<'a> {
    path: &'a Path,
    index: bool,
    judgement: Judgement,
    calendar: Calendar,
    seen: Vec<Date>,
    kept: Vec<(Option<Date>, [f64; N_DAILY])>,
    dropped: Vec<String>,
    previous: Vec<Mark>,
}

impl Days<'_> {
    fn add(&mut self, rows: &mut [Row]) -> Result<(), Error> {
        let date = rows.first().and_then(|row| row.date);
        let mut outcome = if self.index { Ok(self.index_day(rows)?) } else { self.surface_day(date, rows)? };
        self.seen.extend(date);
        if let Some(reason) = date.and_then(|date| self.calendar.closed(date)) {
            outcome = Err(reason);
        }
        match outcome.and_then(|features| self.whole(features)) {
            Ok(features) => self.kept.push((date, features)),
            Err(reason) => {
                self.judgement.dropped(date, &reason);
                self.dropped.push(date.map_or_else(|| reason.clone(), |date| format!("{date}: {reason}")));
            }
        }
        Ok(())
    }

    fn history(
        self,
        symbol: &str,
        (left_out, not_compared): (&LeftOut, Option<&str>),
        shape: &Shape,
        accept: bool,
    ) -> Result<SurfaceHistory, Error> {
        if self.kept.is_empty() {
            let rows = rows_left_out(left_out).into_iter().next().filter(|_| self.dropped.is_empty());
            let reason = rows.unwrap_or_else(|| self.judgement.commonest_reason());
            let cause = if self.dropped.is_empty() { String::new() } else { self.judgement.commonest_cause() };
            let reason = format!("{NO_USABLE_DAY}: {reason}{cause}");
            return Err(Error::Surface { path: self.path.to_path_buf(), reason });
        }
        let levels: Vec<_> = self.kept.iter().map(|(date, features)| (*date, features[0])).collect();
        let mut notes = self.judgement.notes(&levels, not_compared, left_out, shape, accept)?;
        notes.extend(self.calendar.not_judged(self.seen.into_iter()));
        let day = |(date, features)| SurfaceDay { date, symbol: symbol.to_owned(), features };
        Ok(SurfaceHistory { days: self.kept.into_iter().map(day).collect(), dropped: self.dropped, notes })
    }

    /// The features, or why a day with far fewer quotes than those before it is none.
    fn whole(&self, features: [f64; N_DAILY]) -> Result<[f64; N_DAILY], String> {
        let from = self.kept.len().saturating_sub(RECENT);
        let mut recent: Vec<f64> = self.kept[from..].iter().map(|(_, features)| features[N_DAILY - 1]).collect();
        recent.sort_by(f64::total_cmp);
        let usual = if recent.len() >= 3 { recent[recent.len() / 2] } else { 0.0 };
        let quotes = features[N_DAILY - 1];
        if usual >= USUAL && quotes * FEW < usual {
            return Err(format!("{quotes:.0} clean quotes, the days before it had {usual:.0}"));
        }
        Ok(features)
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
    fn surface_day(&mut self, date: Option<Date>, rows: &mut [Row]) -> Result<Result<[f64; N_DAILY], String>, Error> {
        self.judgement.as_ratios(date, rows);
        self.check_moneyness(rows)?;
        let mut quotes: Vec<Quote> = rows.iter().map(|row| row.quote).collect();
        quotes.sort_by(Quote::order);
        quotes.dedup();
        let Some(features) = daily_features(&quotes) else {
            self.judgement.unusable(rows);
            return Ok(Err(NO_CLEAN.to_owned()));
        };
        if date.and_then(|date| self.calendar.closed(date)).is_none() {
            match not_observed(&quotes, &self.previous) {
                Some((true, reason)) => return Ok(Err(reason)),
                Some((false, doubt)) => self.judgement.doubtful(date, &doubt),
                None => {}
            }
            self.previous = quotes.iter().map(mark).collect();
        }
        Ok(Ok(features))
    }

    fn check_moneyness(&self, rows: &[Row]) -> Result<(), Error> {
        let mut ordered: Vec<&Row> = rows.iter().collect();
        let by_forward = self.judgement.by_forward();
        let expiry = |row: &Row| if by_forward { row.quote.tenor } else { 0.0 };
        ordered.sort_by(|a, b| {
            expiry(a)
                .total_cmp(&expiry(b))
                .then(a.quote.strike.total_cmp(&b.quote.strike))
                .then(a.quote.moneyness.total_cmp(&b.quote.moneyness))
        });
        let Some(mut highest) = ordered.first().copied() else { return Ok(()) };
        for row in ordered {
            if expiry(row).to_bits() != expiry(highest).to_bits() {
                highest = row;
            }
            let (quote, top) = (&row.quote, &highest.quote);
            if quote.moneyness <= 0.0 {
                let reason = format!(
                    "row {}: column moneyness: must be greater than zero, found {:?}",
                    row.line, quote.moneyness
                );
                return Err(Error::Surface { path: self.path.to_path_buf(), reason });
            }
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
