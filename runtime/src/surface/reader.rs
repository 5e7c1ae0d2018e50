//! Surface and index files -> checked rows; the rules of `train/surface_reader.py`, in its words.

use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use jiff::civil::Date;

use crate::error::Error;
use crate::io::files::read_limited;
use crate::io::lines::Lines;
use crate::surface::features::{CALL, NO_TENOR, NO_VOLUME, PUT, Quote, UNKNOWN, within_bounds};

/// Of the unpacked text.
const MAX_BYTES: u64 = 1 << 30;
/// How the refusal of another kind of file begins.
pub(crate) const NOT_A_SURFACE: &str = "row 1: not the header of a surface file";
const SNAPSHOT: [&str; 7] = ["symbol", "strike", "timetoexpiry", "impliedvol", "moneyness", "optiontype", "volume"];
const OLD: [&str; 5] = ["date", "strike", "implied_vol", "volume", "moneyness"];
const INDEX: [&str; 2] = ["date", "close"];
const INDEX_ALL: [&str; 5] = ["date", "close", "open", "high", "low"];
const HEADERS: &str = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume (with or without a leading \
                       Date), date,strike,implied_vol,volume,moneyness, or date,close";

/// The kind of file, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The engine's, with or without dates.
    Engine,
    /// The old script's.
    Old,
    /// Dates and levels in percent.
    Index,
}

/// One checked row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// `None` in an undated file.
    pub(super) date: Option<Date>,
    pub(super) quote: Quote,
    /// Line of the file.
    pub(super) line: u64,
}

/// Where each column stands.
#[derive(Debug, Clone, Copy, Default)]
struct Columns {
    date: Option<usize>,
    symbol: Option<usize>,
    strike: Option<usize>,
    tenor: Option<usize>,
    iv: Option<usize>,
    moneyness: Option<usize>,
    kind: Option<usize>,
    volume: Option<usize>,
}

/// The text of a plain or gzip file.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    let refused = |reason: &str| Error::Surface { path: path.to_path_buf(), reason: reason.to_owned() };
    let mut data = read_limited(path, MAX_BYTES)?;
    if data.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(data.as_slice())
            .take(MAX_BYTES + 1)
            .read_to_end(&mut unpacked)
            .map_err(|_| refused("the gzip data is cut short or damaged; fetch the file again"))?;
        data = unpacked;
    }
    if data.len() as u64 > MAX_BYTES {
        return Err(refused(&format!("more than {MAX_BYTES} bytes of text; split the file")));
    }
    let text = String::from_utf8(data).map_err(|_| refused("not a CSV file: it is not UTF-8 text"))?;
    if text.trim_ascii().is_empty() {
        return Err(refused("the file is empty"));
    }
    if text.contains('\0') {
        return Err(refused("not a CSV file: it holds NUL bytes"));
    }
    Ok(text)
}

/// Reads and checks one row after the other.
pub(super) struct Rows<'a> {
    path: &'a Path,
    lines: csv::Reader<&'a [u8]>,
    record: StringRecord,
    lines_seen: Lines,
    shape: Shape,
    width: usize,
    at: Columns,
    line: u64,
    american: Option<bool>,
    date_text: String,
    date: Option<Date>,
    symbol: Option<String>,
    limit: Date,
}

impl<'a> Rows<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut record = StringRecord::new();
        lines.read_record(&mut record).map_err(|error| not_csv(path, &error))?;
        let (shape, at) = shape(path, &record)?;
        let width = record.len();
        let mut lines_seen = Lines::default();
        lines_seen.read(text.as_bytes());
        Ok(Self {
            path,
            lines,
            record,
            lines_seen,
            shape,
            width,
            at,
            line: 1,
            american: None,
            date_text: String::new(),
            date: None,
            symbol: None,
            limit: crate::surface::calendar::latest_day(),
        })
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The symbol in the rows read so far.
    pub(super) fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        let mut record = std::mem::take(&mut self.record);
        let more = self.lines.read_record(&mut record).map_err(|error| not_csv(self.path, &error))?;
        self.line = self.lines_seen.of_record(self.lines.position().byte());
        let row = if more { Some(self.row(&record)?) } else { None };
        self.record = record;
        Ok(row)
    }

    fn row(&mut self, record: &StringRecord) -> Result<Row, Error> {
        if record.len() != self.width {
            let problem = format!("has {} fields, the header has {}; is the file cut short?", record.len(), self.width);
            return Err(self.error(None, &problem));
        }
        let at = self.at;
        let field = |column: Option<usize>| column.and_then(|column| record.get(column)).map(str::trim);
        let date = field(at.date).map(|text| self.read_date(text)).transpose()?;
        let line = self.line;
        if self.shape == Shape::Index {
            let iv = self.positive(field(at.iv), "close")? / 100.0;
            if !within_bounds(iv) {
                return Err(self.error(Some("close"), "must be an implied volatility in percent, 1 to 500"));
            }
            let quote = Quote { tenor: NO_TENOR, strike: 1.0, kind: UNKNOWN, iv, volume: NO_VOLUME, moneyness: 1.0 };
            return Ok(Row { date, quote, line });
        }
        if let Some(text) = field(at.symbol) {
            self.read_symbol(text)?;
        }
        let strike = self.positive(field(at.strike), "strike")?;
        let tenor = match field(at.tenor) {
            None => NO_TENOR,
            text => self.positive(text, "timetoexpiry")?,
        };
        let iv = self.positive(field(at.iv), if self.shape == Shape::Old { "implied_vol" } else { "impliedvol" })?;
        let moneyness = self.positive(field(at.moneyness), "moneyness")?;
        let kind = field(at.kind).map_or(Ok(UNKNOWN), |text| self.read_kind(text))?;
        let volume = self.read_volume(field(at.volume).unwrap_or_default())?;
        Ok(Row { date, quote: Quote { tenor, strike, kind, iv, volume, moneyness }, line })
    }

    fn read_date(&mut self, text: &str) -> Result<Date, Error> {
        if let Some(date) = self.date.filter(|_| self.date_text == text) {
            return Ok(date);
        }
        let error = |problem: String| self.error(Some("date"), &problem);
        let (parts, american) = match (digits(text, '-', [4, 2, 2]), digits(text, '/', [2, 2, 4])) {
            (Some(parts), _) => (parts, false),
            (None, Some([month, day, year])) => ([year, month, day], true),
            (None, None) => {
                return Err(error(format!("must be YYYY-MM-DD (or MM/DD/YYYY), found '{}'", short(text))));
            }
        };
        if self.american.is_some_and(|before| before != american) {
            return Err(error(format!("'{text}' is written in another format than the rows before; use one")));
        }
        let date = i8::try_from(parts[1])
            .ok()
            .zip(i8::try_from(parts[2]).ok())
            .filter(|_| parts[0] > 0)
            .and_then(|(month, day)| Date::new(parts[0], month, day).ok())
            .ok_or_else(|| error(format!("'{text}' is not a day of the calendar")))?;
        if date > self.limit {
            return Err(error(format!("'{text}' lies in the future")));
        }
        if date < crate::surface::calendar::FIRST_DAY {
            return Err(error(format!("'{text}' lies before {}", crate::surface::calendar::FIRST_DAY)));
        }
        if let Some(before) = self.date.filter(|before| date < *before) {
            return Err(error(format!("'{text}' comes after {before}; sort the rows by date, oldest first")));
        }
        self.american = Some(american);
        text.clone_into(&mut self.date_text);
        self.date = Some(date);
        Ok(date)
    }

    fn read_symbol(&mut self, text: &str) -> Result<(), Error> {
        match &self.symbol {
            Some(before) if before == text => Ok(()),
            _ if !is_symbol(text) => {
                let problem = format!("must be 1 to 16 letters, digits, or one of . - _ ^, found '{}'", short(text));
                Err(self.error(Some("symbol"), &problem))
            }
            Some(before) => {
                let problem = format!("'{text}' after '{before}'; one symbol per file");
                Err(self.error(Some("symbol"), &problem))
            }
            None => {
                self.symbol = Some(text.to_owned());
                Ok(())
            }
        }
    }

    fn read_kind(&self, text: &str) -> Result<u8, Error> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("call") || is("c") {
            Ok(CALL)
        } else if is("put") || is("p") {
            Ok(PUT)
        } else {
            Err(self.error(Some("optiontype"), &format!("must be Call or Put, found '{}'", short(text))))
        }
    }

    fn read_volume(&self, text: &str) -> Result<f64, Error> {
        if ["", "nan", "na", "none"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Ok(NO_VOLUME);
        }
        let volume = self.number(text, "volume")?;
        if volume < 0.0 {
            return Err(self.error(Some("volume"), &format!("must not be negative, found {text}")));
        }
        Ok(volume)
    }

    fn positive(&self, text: Option<&str>, column: &str) -> Result<f64, Error> {
        let text = text.unwrap_or_default();
        let number = self.number(text, column)?;
        if number <= 0.0 {
            return Err(self.error(Some(column), &format!("must be greater than zero, found {text}")));
        }
        Ok(number)
    }

    fn number(&self, text: &str, column: &str) -> Result<f64, Error> {
        if text.is_empty() {
            return Err(self.error(Some(column), "is missing"));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.error(Some(column), &format!("must be a finite number, found '{}'", short(text)))),
        }
    }

    fn error(&self, column: Option<&str>, problem: &str) -> Error {
        let column = column.map(|name| format!("column {name}: ")).unwrap_or_default();
        Error::Surface { path: self.path.to_path_buf(), reason: format!("row {}: {column}{problem}", self.line) }
    }
}

fn not_csv(path: &Path, error: &csv::Error) -> Error {
    Error::Surface { path: path.to_path_buf(), reason: format!("not a CSV file: {error}") }
}

fn shape(path: &Path, header: &StringRecord) -> Result<(Shape, Columns), Error> {
    let refused = |reason: String| Error::Surface { path: path.to_path_buf(), reason };
    let names: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(refused(format!("row 1: column '{twice}' stands twice")));
    }
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    let has = |wanted: &[&str]| wanted.iter().all(|name| at(name).is_some());
    let common = Columns {
        date: at("date"),
        strike: at("strike"),
        moneyness: at("moneyness"),
        volume: at("volume"),
        ..Columns::default()
    };
    if has(&SNAPSHOT) {
        let columns = Columns {
            symbol: at("symbol"),
            tenor: at("timetoexpiry"),
            iv: at("impliedvol"),
            kind: at("optiontype"),
            ..common
        };
        return Ok((Shape::Engine, columns));
    }
    if has(&OLD) {
        return Ok((Shape::Old, Columns { iv: at("implied_vol"), ..common }));
    }
    if has(&INDEX) && names.iter().all(|name| INDEX_ALL.contains(&name.as_str())) {
        return Ok((Shape::Index, Columns { date: at("date"), iv: at("close"), ..Columns::default() }));
    }
    let found: String = header.iter().collect::<Vec<_>>().join(",").chars().take(200).collect();
    Err(refused(format!("{NOT_A_SURFACE}: '{found}'; expected {HEADERS}")))
}

/// The three numbers of a date whose parts have exactly so many ASCII digits.
fn digits(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i16; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_symbol(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_^".contains(&byte))
}

/// At most 40 characters of what was found.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
