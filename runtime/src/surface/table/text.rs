//! Bytes of a table as UTF-8 text within limits, and what is seen on the way.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use crate::io::lines::Lines;
use crate::io::unpacked::{Packing, Sizes, WindowTooLong};

const LONGEST_LINE: u64 = 1 << 17;
/// A field in quotes may span lines; one without an end would span the file.
const LONGEST_RECORD: u64 = 1 << 20;
pub(super) const NOT_TEXT: &str = "not a CSV file: it is not UTF-8 text";

/// What is wrong with a file, on its way through `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Problem(pub(super) String);

pub(super) fn problem(reason: impl Into<String>) -> io::Error {
    io::Error::other(Problem(reason.into()))
}

/// What the source tells the records.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: RefCell<Lines>,
    bytes: Cell<u64>,
    /// Where the last record ended.
    pub(super) record: Cell<u64>,
}

/// How the bytes stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Unknown,
    Utf8,
    Utf16 { big: bool },
}

/// The unpacked text as UTF-8, within limits.
pub(super) struct Source {
    inner: Box<dyn BufRead>,
    packing: Packing,
    sizes: Sizes,
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
    pub(super) fn new(inner: Box<dyn BufRead>, packing: Packing, size: u64, seen: Rc<Seen>) -> Self {
        let sizes = if packing == Packing::Plain { Sizes::plain() } else { Sizes::new(size) };
        Self {
            inner,
            packing,
            sizes,
            seen,
            text: Text::Unknown,
            raw: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            line: 0,
            ended: false,
        }
    }

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
                Err(error) if error.get_ref().and_then(|inner| inner.downcast_ref::<WindowTooLong>()).is_some() => {
                    return Err(problem(error.to_string()));
                }
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
        // Python strips these as if they were blanks.
        if self.ready.iter().any(|byte| (0x1c..=0x1f).contains(byte)) {
            return Err(problem("not a CSV file: it holds control characters"));
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
        self.sizes.add(self.ready.len() as u64).map_err(problem)?;
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
