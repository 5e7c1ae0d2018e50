//! Files of signals, as CSV or as one JSON object a line: answered in a stream, so they may be larger than memory.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use crate::error::Error;
use crate::io::decoded::decoded;
use crate::io::guard::Guard;
use crate::models::signal_classifier::answer::{Classification, TrainedOn};
use crate::models::signal_classifier::batch::columns::{ADDED, check_other, columns_of};
use crate::models::signal_classifier::batch::pipeline::{CHUNK, Chunk, answered};
use crate::models::signal_classifier::batch::summary::Summary;
use crate::models::signal_classifier::contract::Limits;
use crate::models::signal_classifier::given::raw_signal::{RawSignal, from_text_fields};
use crate::service::ml_service::MlService;

/// The longest row that is read, in bytes.
const LONGEST_ROW: usize = 1 << 20;

/// Answers a file of signals: the same rows in the same order, with `confidence`, `recommendation`, `source`, `warnings`
/// and `trained_on` added; in CSV the warnings of a row are texts joined by `; ` and what does not apply is empty, in
/// NDJSON they are a list and it is null.
///
/// CSV or NDJSON is recognised by the first character, gzip by its first bytes; a byte order mark is passed over. A CSV
/// header may spell the fields in another case, with spaces or hyphens. Whatever else a row holds passes through
/// untouched. Confidences are written in the shortest form that reads
/// back to the same float64. `progress` is told the number of rows answered so far. A second thread answers while this
/// one reads and writes.
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
    let mut stream = Stream { service, name, output, progress, summary: Summary::default() };
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
}

impl<W: Write, P: FnMut(u64)> Stream<'_, W, P> {
    /// Writes what became of a chunk, and counts it.
    fn put<R>(&mut self, chunk: &Chunk<R>, text: &[u8]) -> Result<(), Error> {
        self.output.write_all(text).map_err(|error| cannot("write", self.name, error))?;
        self.summary.count(&chunk.signals, &chunk.answers);
        (self.progress)(self.summary.rows);
        Ok(())
    }

    fn csv(&mut self, input: impl BufRead) -> Result<(), Error> {
        let (service, name) = (self.service, self.name);
        let guard = Guard::new(LONGEST_ROW);
        let guarded = guard.around(input);
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(guarded);
        let header = reader.headers().map_err(|error| csv_error(name, None, &error))?.clone();
        let columns =
            columns_of(header.iter()).map_err(|reason| rows_error(name, None, &format!("header: {reason}")))?;
        // The header goes with the first rows: of a file whose first row is refused nothing is written.
        let mut text = Vec::new();
        written(&mut text, header.iter().chain(ADDED)).map_err(|error| csv_error(name, None, &error))?;
        let limits = Limits::contract();
        let read = |chunk: &mut Chunk<csv::StringRecord>| {
            while chunk.signals.len() < CHUNK {
                guard.next_row();
                let record = &mut chunk.given[chunk.signals.len()];
                let more = reader.read_record(record);
                let row = guard.line(reader.position().byte());
                if !more.map_err(|error| csv_error(name, Some(row), &error))? {
                    break;
                }
                let signal = from_text_fields(record, &columns, &limits);
                chunk.signals.push(signal.map_err(|reason| signal_error(name, row, reason))?);
                chunk.rows.push(row);
            }
            Ok(())
        };
        let mut confidence = String::new();
        answered(
            service,
            read,
            |row| place(name, row),
            |chunk| {
                let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(&mut text);
                for (record, answer) in chunk.given.iter().zip(&chunk.answers) {
                    confidence.clear();
                    let _ = fmt::Write::write_fmt(&mut confidence, format_args!("{:?}", answer.confidence));
                    let warnings = joined(answer, "; ");
                    let trained_on = answer.trained_on.map_or("", TrainedOn::as_str);
                    let (word, source) = (answer.recommendation.as_str(), answer.source.as_str());
                    let added = [confidence.as_str(), word, source, &warnings, trained_on];
                    let fields = record.iter().chain(added);
                    writer.write_record(fields).map_err(|error| csv_error(name, None, &error))?;
                }
                writer.flush().map_err(|error| cannot("write", name, error))?;
                drop(writer);
                self.put(chunk, &text)?;
                text.clear();
                Ok(())
            },
        )
    }

    fn ndjson(&mut self, mut input: impl BufRead) -> Result<(), Error> {
        let (service, name) = (self.service, self.name);
        let (limits, mut row) = (Limits::contract(), 0);
        let read = |chunk: &mut Chunk<String>| {
            while chunk.signals.len() < CHUNK {
                let line = &mut chunk.given[chunk.signals.len()];
                let more = read_line(&mut input, line).map_err(|error| rows_error(name, Some(row + 1), &error))?;
                if !more {
                    break;
                }
                row += 1;
                if line.trim().is_empty() {
                    continue;
                }
                let signal = RawSignal::parse(line).and_then(|raw| raw.signal_of_row(&limits, check_other));
                chunk.signals.push(signal.map_err(|reason| signal_error(name, row, reason))?);
                chunk.rows.push(row);
            }
            Ok(())
        };
        let mut text = String::new();
        answered(
            service,
            read,
            |row| place(name, row),
            |chunk| {
                text.clear();
                for (line, answer) in chunk.given.iter().zip(&chunk.answers) {
                    // A signal is an object with fields: it ends in a brace with something before it.
                    let line = line.trim();
                    let open = line.strip_suffix('}').unwrap_or(line).trim_end();
                    let (confidence, word) = (answer.confidence, answer.recommendation.as_str());
                    let source = answer.source.as_str();
                    // Texts of our own, without a character that JSON would escape.
                    let quote = if answer.warnings.is_empty() { "" } else { "\"" };
                    let warnings = joined(answer, "\", \"");
                    let trained_on = answer.trained_on.map_or("null".to_owned(), |on| format!("\"{}\"", on.as_str()));
                    let _ = fmt::Write::write_fmt(
                        &mut text,
                        format_args!(
                            "{open}, \"confidence\": {confidence:?}, \"recommendation\": \"{word}\", \"source\": \"{source}\", \
                         \"warnings\": [{quote}{warnings}{quote}], \"trained_on\": {trained_on}}}\n"
                        ),
                    );
                }
                self.put(chunk, text.as_bytes())
            },
        )
    }
}

/// One record at the end of a text.
fn written<'a>(text: &mut Vec<u8>, fields: impl Iterator<Item = &'a str>) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(text);
    writer.write_record(fields)?;
    Ok(writer.flush()?)
}

/// The texts of an answer's warnings.
fn joined(answer: &Classification, between: &str) -> String {
    let mut text = String::new();
    for warning in answer.warnings.iter() {
        if !text.is_empty() {
            text.push_str(between);
        }
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{warning}"));
    }
    text
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

fn place(name: &str, row: u64) -> String {
    format!("{name}: row {row}")
}

fn signal_error(name: &str, row: u64, reason: String) -> Error {
    Error::Signal { place: place(name, row), reason }
}

fn rows_error(name: &str, row: Option<u64>, reason: &str) -> Error {
    let place = row.map_or_else(|| name.to_owned(), |row| place(name, row));
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
