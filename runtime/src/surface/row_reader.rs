//! One record of a surface file -> a checked row; the rules of `surfaces/row_reader.py` of the training, in its words.

use std::collections::BTreeMap;

use csv::StringRecord;
use jiff::civil::Date;

use crate::error::Error;
use crate::io::cells::read_number;
use crate::surface::calendar::{FIRST_DAY, latest_day};
use crate::surface::columns::{Kind, Unit};
use crate::surface::features::{CALL, NO_TENOR, NO_VOLUME, PUT, Quote, UNKNOWN, within_bounds};
use crate::surface::reader::{SurfaceFile, short};
use crate::surface::table::Records;

const NO_IV: &str = "without an implied volatility";
const EXPIRED: &str = "of an expiry that has passed";
const NO_LEVEL: &str = "without a level";
const LOW_IV: &str = "with an implied volatility of 0.01 or less";
const HIGH_IV: &str = "with an implied volatility of 5 (500 %) or more";
/// Of rows that are not left out.
pub(super) const UNKNOWN_VOLUME: &str = "with a volume that is no number or negative, which counts as unknown";

/// How many rows were of no use, and the first of them, by reason.
pub(super) type LeftOut = BTreeMap<&'static str, (usize, u64)>;

/// One checked row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// `None` in an undated file.
    pub(super) date: Option<Date>,
    pub(super) quote: Quote,
    /// Line of the file.
    pub(super) line: u64,
    pub(super) other: Other,
}

/// What columns that are not read say of a row; 0: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Other {
    /// To the date of expiry.
    pub(super) years: f64,
    pub(super) price: f64,
    pub(super) spot: f64,
    /// Whether moneyness is there beside the spot price.
    pub(super) both: bool,
}

/// Reads and checks one row after the other.
pub(super) struct Rows<'a> {
    file: &'a SurfaceFile,
    records: Records<'a>,
    record: StringRecord,
    line: u64,
    date_text: String,
    date: Option<Date>,
    /// What the second day says; `None` before.
    newest_first: Option<bool>,
    symbol: Option<String>,
    limit: Date,
    /// Of columns that may stand in percent: whether they do, and the first row that says so.
    spelled: BTreeMap<usize, (bool, u64)>,
    left_out: LeftOut,
}

impl<'a> Rows<'a> {
    /// The rows of a file, or of the symbol asked for.
    pub(super) fn of(file: &'a SurfaceFile) -> Result<Self, Error> {
        let mut record = StringRecord::new();
        let mut records = file.table.records()?;
        records.next(&mut record)?;
        Ok(Self {
            file,
            records,
            record,
            line: 1,
            date_text: String::new(),
            date: None,
            newest_first: None,
            symbol: None,
            limit: latest_day(),
            spelled: BTreeMap::new(),
            left_out: LeftOut::new(),
        })
    }

    /// The symbol in the rows read so far.
    pub(super) fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// Whether the second day that was read is older than the first.
    pub(super) fn newest_first(&self) -> bool {
        self.newest_first.unwrap_or(false)
    }

    /// The rows so far that were of no use.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let mut record = std::mem::take(&mut self.record);
        let row = self.next_of(&mut record);
        self.record = record;
        row
    }

    fn next_of(&mut self, record: &mut StringRecord) -> Result<Option<Row>, Error> {
        while let Some(line) = self.records.next(record)? {
            self.line = line;
            if record.len() != self.file.shape.names.len() {
                return Err(self.error(None, "is not what it was a moment ago; is the file being written?"));
            }
            if let Some(at) = self.file.shape.symbol {
                let text = record[at].trim();
                let several = self.file.symbols.len() > 1;
                if several && self.file.only.as_ref().is_some_and(|only| text.to_uppercase() != *only) {
                    continue;
                }
                if self.symbol.as_deref() != Some(text) {
                    self.symbol = Some(text.to_owned());
                }
            }
            if let Some(row) = self.row(record)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn row(&mut self, record: &StringRecord) -> Result<Option<Row>, Error> {
        let file = self.file;
        let shape = &file.shape;
        let line = self.line;
        let date = shape.date.map(|at| self.read_date(record[at].trim())).transpose()?;
        if shape.kind_of_file == Kind::Index {
            let Some(level) = self.number(record, shape.iv, None)? else {
                self.count(NO_LEVEL);
                return Ok(None);
            };
            let iv = level / 100.0;
            if !within_bounds(iv) {
                return Err(self.error(shape.iv, "must be an implied volatility in percent, 1 to 500"));
            }
            let quote = Quote { tenor: NO_TENOR, strike: 1.0, kind: UNKNOWN, iv, volume: NO_VOLUME, moneyness: 1.0 };
            return Ok(Some(Row { date, quote, line, other: Other::default() }));
        }
        let strike = self.positive(record, shape.strike)?;
        let tenor = if shape.tenor.is_some() { self.tenor(record, date)? } else { NO_TENOR };
        let iv = self.iv(record)?;
        let moneyness = self.moneyness(record, strike)?;
        let kind = shape.kind.map_or(Ok(UNKNOWN), |at| self.read_kind(record[at].trim()))?;
        let volume = self.volume(record);
        let other = self.other(record, date);
        Ok(Some(Row { date, quote: Quote { tenor, strike, kind, iv, volume, moneyness }, line, other }))
    }

    fn other(&self, record: &StringRecord, date: Option<Date>) -> Other {
        let shape = &self.file.shape;
        let expiry = shape.expiry.filter(|_| self.file.no_expiries.is_none());
        let years = if let (Some(at), Some(date)) = (expiry, date) {
            let expiry = self.file.expiries.read(record[at].trim());
            expiry.map_or(0.0, |expiry| f64::from((expiry - date).get_days()) / 365.0)
        } else {
            self.compared(record, shape.days) / 365.0
        };
        let [mut price, bid, ask] = [shape.price, shape.bid, shape.ask].map(|at| self.compared(record, at));
        if bid > 0.0 && ask >= bid {
            price = (bid + ask) / 2.0;
        }
        let spot = self.compared(record, shape.spot);
        Other { years, price, spot, both: shape.moneyness.is_some() }
    }

    /// The number of a cell; 0 where it holds none above 0.
    fn compared(&self, record: &StringRecord, at: Option<usize>) -> f64 {
        let found = at.and_then(|at| read_number(record[at].trim(), self.file.comma[at]));
        found.map(|(number, _)| number).filter(|number| *number > 0.0 && number.is_finite()).unwrap_or(0.0)
    }

    fn read_date(&mut self, text: &str) -> Result<Date, Error> {
        if let Some(date) = self.date.filter(|_| self.date_text == text) {
            return Ok(date);
        }
        let error = |problem: String| self.error(self.file.shape.date, &problem);
        let date = self.file.dates.read(text).ok_or_else(|| error(format!("'{text}' is not a day of the calendar")))?;
        if date > self.limit {
            return Err(error(format!("'{text}' lies in the future")));
        }
        if date < FIRST_DAY {
            return Err(error(format!("'{text}' lies before {FIRST_DAY}")));
        }
        if let Some(before) = self.date.filter(|before| date != *before) {
            let older = date < before;
            if older != self.newest_first.unwrap_or(older) {
                return Err(error(format!("'{text}' comes after {before}; sort the rows by date, oldest first")));
            }
            self.newest_first = Some(older);
        }
        text.clone_into(&mut self.date_text);
        self.date = Some(date);
        Ok(date)
    }

    /// Years; 0 of an expiry that has passed, or that nobody knows.
    fn tenor(&mut self, record: &StringRecord, date: Option<Date>) -> Result<f64, Error> {
        let shape = &self.file.shape;
        let years = if shape.tenor_unit == Unit::Expiry {
            let text = shape.tenor.map(|at| record[at].trim()).unwrap_or_default();
            let days = self.file.expiries.read(text).zip(date).map(|(expiry, date)| (expiry - date).get_days());
            let days =
                days.ok_or_else(|| self.error(shape.tenor, &format!("'{text}' is not a day of the calendar")))?;
            Some(f64::from(days) / 365.0)
        } else {
            let number = self.number(record, shape.tenor, None)?;
            if shape.tenor_unit == Unit::Days { number.map(|days| days / 365.0) } else { number }
        };
        if let Some(years) = years.filter(|years| *years > 0.0) {
            return Ok(years);
        }
        self.count(EXPIRED);
        Ok(0.0)
    }

    /// As a decimal; 0 where the solver failed.
    fn iv(&mut self, record: &StringRecord) -> Result<f64, Error> {
        let shape = &self.file.shape;
        let text = shape.iv.map(|at| record[at].trim()).unwrap_or_default();
        let mut found = self.any_number(record, shape.iv, Some(100.0))?;
        if shape.iv_unit == Unit::Percent && !text.ends_with('%') {
            found = found.map(|iv| iv / 100.0);
        }
        if let Some(iv) = found.filter(|iv| *iv > 0.0 && iv.is_finite()) {
            if !within_bounds(iv) {
                self.count(if iv < 1.0 { LOW_IV } else { HIGH_IV });
            }
            return Ok(iv);
        }
        self.count(NO_IV);
        Ok(0.0)
    }

    fn moneyness(&mut self, record: &StringRecord, strike: f64) -> Result<f64, Error> {
        let shape = &self.file.shape;
        if shape.moneyness.is_none() {
            return Ok(strike / self.positive(record, shape.spot)?);
        }
        let found = self.number(record, shape.moneyness, Some(100.0))?;
        found.ok_or_else(|| self.error(shape.moneyness, "is missing"))
    }

    fn read_kind(&self, text: &str) -> Result<u8, Error> {
        let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is(["call", "c", "calls", "ce"]) {
            Ok(CALL)
        } else if is(["put", "p", "puts", "pe"]) {
            Ok(PUT)
        } else {
            Err(self.error(self.file.shape.kind, &format!("must be Call or Put, found '{}'", short(text))))
        }
    }

    /// Contracts traded; one that is no number or negative is unknown: what the row says of prices is no worse.
    fn volume(&mut self, record: &StringRecord) -> f64 {
        let found = self.file.shape.volume.and_then(|at| read_number(record[at].trim(), self.file.comma[at]));
        let Some((volume, percent)) = found else { return NO_VOLUME };
        if percent || !(0.0..f64::INFINITY).contains(&volume) {
            self.count(UNKNOWN_VOLUME);
            return NO_VOLUME;
        }
        volume
    }

    fn positive(&mut self, record: &StringRecord, at: Option<usize>) -> Result<f64, Error> {
        let number = self.number(record, at, None)?.ok_or_else(|| self.error(at, "is missing"))?;
        if number <= 0.0 {
            let text = at.map(|at| record[at].trim()).unwrap_or_default();
            return Err(self.error(at, &format!("must be greater than zero, found {text}")));
        }
        Ok(number)
    }

    /// As [`Rows::any_number`], but finite.
    fn number(
        &mut self,
        record: &StringRecord,
        at: Option<usize>,
        per_cent: Option<f64>,
    ) -> Result<Option<f64>, Error> {
        let found = self.any_number(record, at, per_cent)?;
        if found.is_some_and(f64::is_infinite) { Err(self.no_number(record, at)) } else { Ok(found) }
    }

    /// The number of a cell, `None` where it is missing; `per_cent` divides what ends in %, which else is none.
    fn any_number(
        &mut self,
        record: &StringRecord,
        at: Option<usize>,
        per_cent: Option<f64>,
    ) -> Result<Option<f64>, Error> {
        let Some(column) = at else { return Ok(None) };
        let Some((value, signed)) = read_number(record[column].trim(), self.file.comma[column]) else {
            return Ok(None);
        };
        let found = match (value.is_nan(), signed, per_cent) {
            (false, false, _) => value,
            (false, true, Some(hundred)) => value / hundred,
            _ => return Err(self.no_number(record, at)),
        };
        if per_cent.is_some() && value != 0.0 && value.is_finite() {
            let (before, first) = *self.spelled.entry(column).or_insert((signed, self.line));
            if before != signed {
                let text = short(record[column].trim());
                let (this, that) = if signed { ("in", "without") } else { ("without", "in") };
                let problem = format!("'{text}' stands {this} percent, and row {first} {that} it; write one unit");
                return Err(self.error(at, &problem));
            }
        }
        Ok(Some(found))
    }

    fn no_number(&self, record: &StringRecord, at: Option<usize>) -> Error {
        let text = at.map(|at| record[at].trim()).unwrap_or_default();
        self.error(at, &format!("must be a finite number, found '{}'", short(text)))
    }

    fn count(&mut self, reason: &'static str) {
        self.left_out.entry(reason).or_insert((0, self.line)).0 += 1;
    }

    fn error(&self, column: Option<usize>, problem: &str) -> Error {
        self.file.error(self.line, column, problem)
    }
}
