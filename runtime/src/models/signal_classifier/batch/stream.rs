//! Files of signals, as CSV or as one JSON object a line: answered in a stream, so they may be larger than memory.

use std::io::{self, BufRead, Read, Write};

use crate::error::Error;
use crate::io::decoded::decoded;
use crate::io::guard::Guard;
use crate::models::signal_classifier::answer::{Classification, TrainedOn};
use crate::models::signal_classifier::batch::columns::check_other;
use crate::models::signal_classifier::batch::columns::{ADDED, columns_of};
use crate::models::signal_classifier::batch::summary::Summary;
use crate::models::signal_classifier::contract::Limits;
use crate::models::signal_classifier::given::raw_signal::{RawSignal, from_text_fields};
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::ml_service::MlService;

/// Rows that are answered at a time.
const CHUNK: usize = 4096;
/// The longest row that is read, in bytes.
const LONGEST_ROW: usize = 1 << 20;

/// Answers a file of signals: the same rows in the same order, with `confidence`, `recommendation`, `source`, `warnings`
/// and `trained_on` added; in CSV the warnings of a row are texts joined by `; ` and what does not apply is empty, in
/// NDJSON they are a list and it is null.
///
/// CSV or NDJSON is recognised by the first character, gzip by its first bytes; a byte order mark is passed over. A CSV
/// header may spell the fields in another case, with spaces or hyphens. Whatever else a row holds passes through
/// untouched. Confidences are written in the shortest form that reads
/// back to the same float64. `progress` is told the number of rows answered so far.
///
/// # Errors
/// [`Error::Rows`] or [`Error::Signal`] with `name` and the number of the row, which is the line of the file;
/// [`Error::Io`] when `output` cannot be written. Rows before the one at fault are then written already.
///
/// # Examples
/// ```
/// use dollarbill_ml::{Config, MlService, batch};
/// let ml = MlService::open(&Config::find(None)?)?;
/// let file = "symbol,edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry\n\
///             TSLA,15.5,0.65,0.004,45.2,-8.5,1200,8500,45\n";
/// let mut answered = Vec::new();
/// let summary = batch::classify_stream(&ml, file.as_bytes(), &mut answered, "signals.csv", |_| {})?;
/// assert_eq!(summary.rows, 1);
/// assert!(String::from_utf8_lossy(&answered).starts_with("symbol,edge_percent,"));
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn classify_stream(
    service: &MlService,
    input: impl BufRead,
    output: impl Write,
    name: &str,
    progress: impl FnMut(u64),
) -> Result<Summary, Error> {
    let mut input = decoded(input).map_err(|error| cannot("read", name, error))?;
    let start = input.fill_buf().map_err(|error| cannot("read", name, error))?;
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut stream = Stream { service, name, output, progress, summary: Summary::default(), answers: Vec::new() };
    match first {
        None => return Err(rows_error(name, None, "is empty; must hold signals as CSV or NDJSON")),
        Some(b'{') => stream.ndjson(input)?,
        Some(_) => stream.csv(input)?,
    }
    stream.output.flush().map_err(|error| cannot("write", name, error))?;
    if stream.summary.rows == 0 {
        return Err(rows_error(name, None, "has a header and no rows"));
    }
    Ok(stream.summary)
}

struct Stream<'a, W, P> {
    service: &'a MlService,
    name: &'a str,
    output: W,
    progress: P,
    summary: Summary,
    answers: Vec<Classification>,
}

impl<W: Write, P: FnMut(u64)> Stream<'_, W, P> {
    fn answer(&mut self, signals: &[TradeSignal], rows: &[u64]) -> Result<(), Error> {
        // Every signal is within the contract's limits already; the manifest's may be narrower.
        self.service.classify_batch(signals, &mut self.answers).map_err(|error| match error {
            Error::Signal { place, reason } => {
                let index = place.rsplit(' ').next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
                signal_error(self.name, rows.get(index).copied().unwrap_or_default(), reason)
            }
            other => other,
        })
    }

    fn count(&mut self, signals: &[TradeSignal]) {
        self.summary.count(signals, &self.answers);
        (self.progress)(self.summary.rows);
    }

    fn csv(&mut self, input: impl BufRead) -> Result<(), Error> {
        let guard = Guard::new(LONGEST_ROW);
        let guarded = guard.around(input);
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(guarded);
        let wrong = |error: &csv::Error, row| csv_error(self.name, row, error);
        let header = reader.headers().map_err(|error| wrong(&error, None))?.clone();
        let columns =
            columns_of(header.iter()).map_err(|reason| rows_error(self.name, None, &format!("header: {reason}")))?;
        let name = self.name.to_owned();
        let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(Vec::new());
        let head = header.iter().chain(ADDED);
        writer.write_record(head).map_err(|error| csv_error(&name, None, &error))?;
        let limits = Limits::contract();
        let (mut records, mut signals) = (vec![csv::StringRecord::new(); CHUNK], Vec::with_capacity(CHUNK));
        let mut rows = Vec::with_capacity(CHUNK);
        loop {
            signals.clear();
            rows.clear();
            while signals.len() < CHUNK {
                guard.next_row();
                let record = &mut records[signals.len()];
                let more = reader.read_record(record);
                let row = guard.line(reader.position().byte());
                if !more.map_err(|error| csv_error(&name, Some(row), &error))? {
                    break;
                }
                rows.push(row);
                let signal = from_text_fields(record, &columns, &limits);
                signals.push(signal.map_err(|reason| signal_error(&name, row, reason))?);
            }
            if signals.is_empty() {
                break;
            }
            self.answer(&signals, &rows)?;
            for (record, answer) in records.iter().zip(&self.answers) {
                let confidence = format!("{:?}", answer.confidence);
                let warnings: Vec<_> = answer.warnings.iter().map(|warning| warning.to_string()).collect();
                let warnings = warnings.join("; ");
                let trained_on = answer.trained_on.map_or("", TrainedOn::as_str);
                let (word, source) = (answer.recommendation.as_str(), answer.source.as_str());
                let added = [confidence.as_str(), word, source, &warnings, trained_on];
                let fields = record.iter().chain(added);
                writer.write_record(fields).map_err(|error| csv_error(&name, None, &error))?;
            }
            self.count(&signals);
            writer.flush().map_err(|error| cannot("write", &name, error))?;
            let bytes =
                writer.into_inner().map_err(|error| cannot("write", &name, io::Error::other(error.to_string())))?;
            self.output.write_all(&bytes).map_err(|error| cannot("write", &name, error))?;
            writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(emptied(bytes));
        }
        let bytes = writer.into_inner().map_err(|error| cannot("write", &name, io::Error::other(error.to_string())))?;
        self.output.write_all(&bytes).map_err(|error| cannot("write", &name, error))
    }

    fn ndjson(&mut self, mut input: impl BufRead) -> Result<(), Error> {
        let limits = Limits::contract();
        let name = self.name.to_owned();
        let (mut lines, mut signals, mut row) = (vec![String::new(); CHUNK], Vec::with_capacity(CHUNK), 0);
        let mut rows = Vec::with_capacity(CHUNK);
        loop {
            signals.clear();
            rows.clear();
            while signals.len() < CHUNK {
                let line = &mut lines[signals.len()];
                let more = read_line(&mut input, line).map_err(|error| rows_error(&name, Some(row + 1), &error))?;
                if !more {
                    break;
                }
                row += 1;
                if line.trim().is_empty() {
                    continue;
                }
                rows.push(row);
                let signal = RawSignal::parse(line).and_then(|raw| raw.signal_of_row(&limits, check_other));
                signals.push(signal.map_err(|reason| signal_error(&name, row, reason))?);
            }
            if signals.is_empty() {
                return Ok(());
            }
            self.answer(&signals, &rows)?;
            let mut text = String::with_capacity(CHUNK * 256);
            for (line, answer) in lines.iter().zip(&self.answers) {
                use std::fmt::Write;
                // A signal is an object with fields: it ends in a brace with something before it.
                let line = line.trim();
                let open = line.strip_suffix('}').unwrap_or(line).trim_end();
                let (confidence, word) = (answer.confidence, answer.recommendation.as_str());
                let source = answer.source.as_str();
                // Texts of our own, without a character that JSON would escape.
                let warnings: Vec<_> = answer.warnings.iter().map(|warning| format!("\"{warning}\"")).collect();
                let warnings = warnings.join(", ");
                let trained_on = answer.trained_on.map_or("null".to_owned(), |on| format!("\"{}\"", on.as_str()));
                let _ = writeln!(
                    text,
                    "{open}, \"confidence\": {confidence:?}, \"recommendation\": \"{word}\", \"source\": \"{source}\", \
                     \"warnings\": [{warnings}], \"trained_on\": {trained_on}}}"
                );
            }
            self.count(&signals);
            self.output.write_all(text.as_bytes()).map_err(|error| cannot("write", &name, error))?;
        }
    }
}

/// The buffer again, without what was in it.
fn emptied(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    bytes
}

/// Reads one line without its end; false at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut String) -> Result<bool, String> {
    let mut bytes = std::mem::take(line).into_bytes();
    bytes.clear();
    let read = input.take(LONGEST_ROW as u64 + 1).read_until(b'\n', &mut bytes).map_err(|error| error.to_string())?;
    if read > LONGEST_ROW {
        return Err(format!("is longer than {LONGEST_ROW} bytes"));
    }
    *line = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    Ok(read > 0)
}

fn signal_error(name: &str, row: u64, reason: String) -> Error {
    Error::Signal { place: format!("{name}: row {row}"), reason }
}

fn rows_error(name: &str, row: Option<u64>, reason: &str) -> Error {
    let place = row.map_or_else(|| name.to_owned(), |row| format!("{name}: row {row}"));
    Error::Rows { place, reason: reason.to_owned() }
}

fn csv_error(name: &str, row: Option<u64>, error: &csv::Error) -> Error {
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text".to_owned(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => format!("is not CSV: {error}"),
    };
    rows_error(name, row, &reason)
}

fn cannot(what: &'static str, name: &str, source: io::Error) -> Error {
    Error::Io { what, path: name.into(), source }
}
