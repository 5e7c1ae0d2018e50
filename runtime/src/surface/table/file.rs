//! Bytes of a table -> records of cells, a piece at a time; the rules of
//! `table.py` of `train/`.
//!
//! Plain, gzip, zstd or (with the feature `parquet`) Parquet by content, UTF-8 or UTF-16 by its mark, parted by comma, semicolon, tab or bar: whichever the header
//! has most of. Memory does not grow with the file: what unpacks to far more than any table does is refused early.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
#[cfg(feature = "parquet")]
use std::sync::Arc;

use csv::StringRecord;

use crate::error::Error;
use crate::io::files::{io_error, open_regular};
#[cfg(feature = "parquet")]
use crate::io::parquet::{ParquetFile, ParquetRecords};
#[cfg(not(feature = "parquet"))]
use crate::io::unpacked::NO_PARQUET;
use crate::io::unpacked::{MAX_BYTES, Packing};
#[cfg(not(feature = "parquet"))]
use crate::surface::table::text::problem;
use crate::surface::table::text::{NOT_TEXT, Problem, Seen, Source};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file whose beginning was looked at; each [`Table::records`] begins anew.
pub(crate) struct Table {
    path: PathBuf,
    size: u64,
    delimiter: u8,
    skip: bool,
    #[cfg(feature = "parquet")]
    parquet: Option<Arc<ParquetFile>>,
}

impl Table {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let size = open_regular(path)?.metadata().map_err(io_error("read", path))?.len();
        if size > MAX_BYTES {
            return Err(Error::TooLarge { path: path.to_path_buf(), bytes: size, limit: MAX_BYTES });
        }
        let mut table = Self {
            path: path.to_path_buf(),
            size,
            delimiter: b',',
            skip: false,
            #[cfg(feature = "parquet")]
            parquet: None,
        };
        #[cfg(feature = "parquet")]
        if table.packing().map_err(io_error("read", path))? == Packing::Parquet {
            let file = ParquetFile::open(path).map_err(|reason| table.refuse(&reason))?;
            table.parquet = Some(Arc::new(file));
            return Ok(table);
        }
        let first = table.first_line().map_err(|error| table.explain(error))?;
        let Some(first) = first else { return Err(table.refuse("the file is empty")) };
        let trimmed = first.trim_ascii();
        if trimmed.len() == 5 && trimmed[..4].eq_ignore_ascii_case(b"sep=") {
            table.delimiter = trimmed[4];
            table.skip = true;
        } else {
            let count = |mark: u8| first.split(|byte| *byte == mark).count();
            // Of equal counts the first.
            table.delimiter = DELIMITERS.into_iter().rev().max_by_key(|mark| count(*mark)).unwrap_or(b',');
        }
        Ok(table)
    }

    /// Whether cells are parted by commas, so that a comma inside of one is rare.
    pub(crate) fn by_comma(&self) -> bool {
        self.delimiter == b','
    }

    /// The records from the header on.
    pub(crate) fn records(&self) -> Result<Records<'_>, Error> {
        #[cfg(feature = "parquet")]
        if let Some(file) = &self.parquet {
            let rows = Rows::Parquet(Box::new(file.records()));
            return Ok(Records { table: self, rows, ahead: VecDeque::new() });
        }
        let seen = Rc::new(Seen::default());
        let source = self.source(Rc::clone(&seen)).map_err(|error| self.explain(error))?;
        let reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(self.delimiter).from_reader(source);
        let rows = Rows::Text(Box::new(Text { reader, seen, begun: false, skip: self.skip }));
        let mut records = Records { table: self, rows, ahead: VecDeque::new() };
        records.one_header()?;
        Ok(records)
    }

    #[cfg(feature = "parquet")]
    fn packing(&self) -> io::Result<Packing> {
        Ok(Packing::of(BufReader::new(File::open(&self.path)?).fill_buf()?))
    }

    fn first_line(&self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        for byte in BufReader::new(self.source(Rc::new(Seen::default()))?).bytes() {
            let byte = byte?;
            if byte != b'\n' && byte != b'\r' {
                line.push(byte);
            } else if line.trim_ascii().is_empty() {
                line.clear();
            } else {
                break;
            }
        }
        Ok(Some(line).filter(|line| !line.trim_ascii().is_empty()))
    }

    fn source(&self, seen: Rc<Seen>) -> io::Result<Source> {
        let mut file = BufReader::new(File::open(&self.path)?);
        let packing = Packing::of(file.fill_buf()?);
        #[cfg(not(feature = "parquet"))]
        if packing == Packing::Parquet {
            return Err(problem(NO_PARQUET));
        }
        Ok(Source::new(packing.unpack(file), packing, self.size, seen))
    }

    fn refuse(&self, reason: &str) -> Error {
        Error::Surface { path: self.path.clone(), reason: reason.to_owned() }
    }

    fn explain_csv(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => self.explain(error),
            csv::ErrorKind::Utf8 { .. } => self.refuse(NOT_TEXT),
            other => self.refuse(&format!("not a CSV file: {other:?}")),
        }
    }

    fn explain(&self, error: io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Problem>()) {
            Some(Problem(reason)) => self.refuse(reason),
            None => io_error("read", &self.path)(error),
        }
    }
}

/// The records of a table.
pub(crate) struct Records<'a> {
    table: &'a Table,
    rows: Rows,
    /// Read already, to find the header.
    ahead: VecDeque<(u64, StringRecord)>,
}

enum Rows {
    Text(Box<Text>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetRecords>),
}

struct Text {
    reader: csv::Reader<Source>,
    seen: Rc<Seen>,
    begun: bool,
    skip: bool,
}

impl Records<'_> {
    /// The next record that is not blank, and its line as an editor shows it; `None` at the end.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, Error> {
        if let Some((line, read)) = self.ahead.pop_front() {
            *record = read;
            return Ok(Some(line));
        }
        self.read(record)
    }

    /// Reads ahead to the end of the header: yfinance writes three lines (Price, Ticker, Date) for one.
    fn one_header(&mut self) -> Result<(), Error> {
        let is = |record: &StringRecord, words: &[&str]| {
            let first = record.get(0).unwrap_or_default().trim();
            words.iter().any(|word| first.eq_ignore_ascii_case(word))
        };
        let mut record = StringRecord::new();
        while self.ahead.len() < 3 {
            let Some(line) = self.read(&mut record)? else { break };
            self.ahead.push_back((line, record.clone()));
            if !is(&self.ahead[0].1, &["price"]) {
                break;
            }
        }
        if let [(line, names), (_, tickers), (_, last)] = self.ahead.make_contiguous() {
            let of_one = tickers.len() > 1 && tickers.iter().skip(1).all(|ticker| ticker.trim() == tickers[1].trim());
            let empty = last.iter().skip(1).all(|cell| cell.trim().is_empty());
            if is(tickers, &["ticker"]) && of_one && is(last, &["date", "datetime"]) && empty {
                let header: StringRecord = last.iter().take(1).chain(names.iter().skip(1)).collect();
                self.ahead = VecDeque::from([(*line, header)]);
            }
        }
        Ok(())
    }

    fn read(&mut self, record: &mut StringRecord) -> Result<Option<u64>, Error> {
        match &mut self.rows {
            Rows::Text(text) => text.next(record).map_err(|error| self.table.explain_csv(error)),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.next(record).map_err(|reason| self.table.refuse(&reason)),
        }
    }
}

impl Text {
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, csv::Error> {
        loop {
            if !self.reader.read_record(record)? {
                return Ok(None);
            }
            let position = self.reader.position().byte();
            self.seen.record.set(position);
            let line = self.seen.lines.borrow_mut().of_record(position);
            if !self.begun && record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if std::mem::take(&mut self.skip) {
                continue;
            }
            self.begun = true;
            return Ok(Some(line));
        }
    }
}
