//! Bytes of a table -> records of cells, a piece at a time; the rules of
//! `table.py` of `train/`.
//!
//! Plain, gzip or zstd by content, UTF-8 or UTF-16 by its mark, parted by comma, semicolon, tab or bar: whichever the header
//! has most of. Memory does not grow with the file: what unpacks to far more than any table does is refused early.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::StringRecord;

use crate::error::Error;
use crate::io::files::{io_error, open_regular};
use crate::io::lines::Lines;
use crate::io::unpacked::Packing;

/// Of the unpacked text.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes of text from which on the ratio counts.
const BOMB_FROM: u64 = 1 << 26;
/// Text bytes for one packed byte; real tables have 5 to 20.
const BOMB_RATIO: u64 = 200;
const LONGEST_LINE: u64 = 1 << 17;
/// A field in quotes may span lines; one without an end would span the file.
const LONGEST_RECORD: u64 = 1 << 20;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const NOT_TEXT: &str = "not a CSV file: it is not UTF-8 text";

/// What is wrong with a file, on its way through `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Problem(String);

fn problem(reason: impl Into<String>) -> io::Error {
    io::Error::other(Problem(reason.into()))
}

/// A file whose beginning was looked at; each [`Table::records`] begins anew.
pub(crate) struct Table {
    path: PathBuf,
    size: u64,
    delimiter: u8,
    skip: bool,
}

impl Table {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let size = open_regular(path)?.metadata().map_err(io_error("read", path))?.len();
        if size > MAX_BYTES {
            return Err(Error::TooLarge { path: path.to_path_buf(), bytes: size, limit: MAX_BYTES });
        }
        let mut table = Self { path: path.to_path_buf(), size, delimiter: b',', skip: false };
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
        let seen = Rc::new(Seen::default());
        let source = self.source(Rc::clone(&seen)).map_err(|error| self.explain(error))?;
        let reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(self.delimiter).from_reader(source);
        Ok(Records { table: self, reader, seen, begun: false, skip: self.skip })
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
        if packing == Packing::Parquet {
            return Err(problem("is in Parquet, which is read by Python only; write the table as CSV"));
        }
        let inner = packing.unpack(file);
        let most = if packing == Packing::Plain { MAX_BYTES } else { BOMB_FROM.max(BOMB_RATIO * self.size) };
        Ok(Source {
            inner,
            packing,
            most,
            seen,
            text: Text::Unknown,
            raw: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            line: 0,
            ended: false,
        })
    }

    fn refuse(&self, reason: &str) -> Error {
        Error::Surface { path: self.path.clone(), reason: reason.to_owned() }
    }

    fn explain(&self, error: io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Problem>()) {
            Some(Problem(reason)) => self.refuse(reason),
            None => io_error("read", &self.path)(error),
        }
    }
}

/// What the source tells the records.
#[derive(Debug, Default)]
struct Seen {
    lines: RefCell<Lines>,
    bytes: Cell<u64>,
    /// Where the last record ended.
    record: Cell<u64>,
}

/// The records of a table.
pub(crate) struct Records<'a> {
    table: &'a Table,
    reader: csv::Reader<Source>,
    seen: Rc<Seen>,
    begun: bool,
    skip: bool,
}

impl Records<'_> {
    /// The next record that is not blank, and its line as an editor shows it; `None` at the end.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, Error> {
        loop {
            let more = self.reader.read_record(record).map_err(|error| self.explain(error))?;
            if !more {
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

    fn explain(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => self.table.explain(error),
            csv::ErrorKind::Utf8 { .. } => self.table.refuse(NOT_TEXT),
            other => self.table.refuse(&format!("not a CSV file: {other:?}")),
        }
    }
}

/// How the bytes stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Unknown,
    Utf8,
    Utf16 { big: bool },
}

/// The unpacked text as UTF-8, within limits.
struct Source {
    inner: Box<dyn BufRead>,
    packing: Packing,
    most: u64,
    seen: Rc<Seen>,
    text: Text,
    /// Bytes of UTF-16 that are not yet decoded.
    raw: Vec<u8>,
    ready: Vec<u8>,
    taken: usize,
    /// Bytes since the last line end.
    line: u64,
    ended: bool,
}

impl Source {
    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; 1 << 16];
        let mut count = self.pull(&mut chunk)?;
        if self.text == Text::Unknown {
            // A mark can come in pieces.
            while count < 3 {
                let more = self.pull(&mut chunk[count..])?;
                if more == 0 {
                    break;
                }
                count += more;
            }
            self.text = match chunk[..count] {
                [0xff, 0xfe, ..] => Text::Utf16 { big: false },
                [0xfe, 0xff, ..] => Text::Utf16 { big: true },
                _ => Text::Utf8,
            };
            let mark = if self.text != Text::Utf8 {
                2
            } else if chunk.starts_with(&[0xef, 0xbb, 0xbf]) {
                3
            } else {
                0
            };
            chunk.drain(..mark);
            count -= mark;
        }
        chunk.truncate(count);
        self.ended = count == 0;
        self.taken = 0;
        self.ready = match self.text {
            Text::Utf16 { big } => self.decode(&chunk, big)?,
            _ => chunk,
        };
        self.check()
    }

    fn pull(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if self.packing != Packing::Plain => {
                    let name = self.packing.name();
                    return Err(problem(format!("the {name} data is cut short or damaged; fetch the file again")));
                }
                other => return other,
            }
        }
    }

    fn decode(&mut self, chunk: &[u8], big: bool) -> io::Result<Vec<u8>> {
        let end = chunk.is_empty();
        self.raw.extend_from_slice(chunk);
        let mut units: Vec<u16> = self
            .raw
            .chunks_exact(2)
            .map(
                |pair| {
                    if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) }
                },
            )
            .collect();
        // The first half of a pair waits for the second.
        if !end && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            units.pop();
        }
        self.raw.drain(..2 * units.len());
        if end && !self.raw.is_empty() {
            return Err(problem(NOT_TEXT));
        }
        let text: Result<String, _> = char::decode_utf16(units).collect();
        let text = text.map_err(|_| problem(NOT_TEXT))?;
        Ok(text.into_bytes())
    }

    fn check(&mut self) -> io::Result<()> {
        if self.ready.contains(&0) {
            return Err(problem("not a CSV file: it holds NUL bytes"));
        }
        self.seen.lines.borrow_mut().read(&self.ready);
        for byte in &self.ready {
            self.line = if *byte == b'\n' || *byte == b'\r' { 0 } else { self.line + 1 };
            if self.line >= LONGEST_LINE {
                return Err(problem(format!("not a CSV file: a line is longer than {LONGEST_LINE} characters")));
            }
        }
        let total = self.seen.bytes.get() + self.ready.len() as u64;
        self.seen.bytes.set(total);
        if total > MAX_BYTES {
            return Err(problem(format!("more than {MAX_BYTES} bytes of text; split the file")));
        }
        if total > self.most {
            return Err(problem(format!(
                "unpacks to more than {BOMB_RATIO} times its size, as no table does; fetch the file again"
            )));
        }
        if total.saturating_sub(self.seen.record.get()) > LONGEST_RECORD && self.seen.record.get() > 0 {
            return Err(problem("not a CSV file: a quote is opened and not closed"));
        }
        Ok(())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Half a character is not the end.
        while self.taken == self.ready.len() && !self.ended {
            self.fill()?;
        }
        let rest = &self.ready[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}
