//! Surface and index files -> checked rows; the rules of `surfaces/csv_reader.py` of the training, in its words.
//!
//! A file is read twice, a row at a time: first its spellings are settled by the whole file (dates, decimal marks,
//! symbols), then its rows are read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::error::Error;
use crate::io::cells::{Spelling, decimal_commas};
use crate::surface::columns::{Shape, Unit, read_header};
use crate::surface::dates::DateColumn;
use crate::surface::symbol::is_symbol;
use crate::surface::table::{Records, Table};

/// Symbols that a message names.
const NAMED: usize = 5;
/// More symbols are not counted.
const MANY: usize = 1000;

/// A file whose spellings are settled.
pub(super) struct SurfaceFile {
    path: PathBuf,
    pub(super) table: Table,
    pub(super) shape: Shape,
    pub(super) dates: DateColumn,
    pub(super) expiries: DateColumn,
    /// In the order in which they come, each with its first line.
    pub(super) symbols: Vec<(String, u64)>,
    pub(super) only: Option<String>,
    pub(super) comma: Vec<bool>,
    /// Why dates of expiry that are only compared cannot be.
    pub(super) no_expiries: Option<String>,
}

impl SurfaceFile {
    /// Looks through the whole file, of which one symbol's rows may be asked for.
    pub(super) fn open(path: &Path, symbol: Option<&str>) -> Result<Self, Error> {
        let table = Table::open(path)?;
        let mut record = StringRecord::new();
        let mut records = table.records()?;
        records.next(&mut record)?;
        let shape = read_header(path, &record)?;
        let mut file = Self {
            path: path.to_path_buf(),
            comma: vec![false; shape.names.len()],
            shape,
            dates: DateColumn::default(),
            expiries: DateColumn::default(),
            symbols: Vec::new(),
            only: symbol.map(str::to_uppercase),
            no_expiries: None,
            table: Table::open(path)?,
        };
        file.look_through(&mut records, &mut record)?;
        Ok(file)
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    fn look_through(&mut self, records: &mut Records, record: &mut StringRecord) -> Result<(), Error> {
        let by_comma = self.table.by_comma();
        let columns = self.shape.numbers();
        let mut spellings = vec![Spelling::default(); columns.len()];
        let expiries = self.shape.expiries();
        let (width, mut last, mut seen) = (self.shape.names.len(), String::new(), HashSet::new());
        while let Some(line) = records.next(record)? {
            if record.len() != width {
                let found = record.len();
                let problem = format!("has {found} fields, the header has {width}; is the file cut short?");
                return Err(self.error(line, None, &problem));
            }
            let field = |at: Option<usize>| at.and_then(|at| record.get(at));
            if let Some(problem) = field(self.shape.date).and_then(|text| self.dates.see(text.trim())) {
                return Err(self.error(line, self.shape.date, &problem));
            }
            let expiry = field(expiries).filter(|_| self.no_expiries.is_none());
            if let (Some(problem), Some(at)) = (expiry.and_then(|text| self.expiries.see(text.trim())), expiries) {
                if self.shape.tenor_unit == Unit::Expiry {
                    return Err(self.error(line, expiries, &problem));
                }
                self.no_expiries = Some(format!("column {}: {problem}", self.shape.names[at]));
            }
            if let Some(text) = field(self.shape.symbol).filter(|text| *text != last) {
                text.clone_into(&mut last);
                let text = text.trim();
                if !is_symbol(text) {
                    let short = short(text);
                    let problem =
                        format!("must be 1 to 16 letters, digits, or one of . - _ ^ = $ / &, found '{short}'");
                    return Err(self.error(line, self.shape.symbol, &problem));
                }
                if seen.len() < MANY && seen.insert(text.to_owned()) {
                    self.symbols.push((text.to_owned(), line));
                }
            }
            if !by_comma || record.as_slice().contains(',') {
                for (at, spelling) in columns.iter().zip(&mut spellings) {
                    spelling.see(&record[*at]);
                }
            }
        }
        self.settle(&columns, &spellings)
    }

    fn settle(&mut self, columns: &[usize], spellings: &[Spelling]) -> Result<(), Error> {
        for (column, at, read) in [
            (&self.dates, self.shape.date, true),
            (&self.expiries, self.shape.expiries(), self.shape.tenor_unit == Unit::Expiry),
        ] {
            if let (Some(doubt), Some(at)) = (column.doubt(), at) {
                let reason = format!("column {}: {doubt}", self.shape.names[at]);
                if read {
                    return Err(self.refuse(reason));
                }
                self.no_expiries = Some(reason);
            }
        }
        for (at, comma) in columns.iter().zip(decimal_commas(spellings)) {
            let comma =
                if self.shape.compared().contains(&Some(*at)) { Some(comma.unwrap_or_default()) } else { comma };
            self.comma[*at] = comma.ok_or_else(|| {
                self.refuse(format!(
                    "column {}: a comma can be read as a decimal mark and as one between thousands; write decimal \
                     points and no other mark",
                    self.shape.names[*at]
                ))
            })?;
        }
        let names: Vec<&str> = self.symbols.iter().map(|(name, _)| name.as_str()).collect();
        let listed = names[..names.len().min(NAMED)].join(", ");
        let absent = |only: &&String| !names.is_empty() && !names.iter().any(|name| name.to_uppercase() == **only);
        if let Some(only) = self.only.as_ref().filter(absent) {
            return Err(self.refuse(format!("holds no row of {only}; it is of {listed}")));
        }
        if let (Some((_, line)), None, Some(at)) = (self.symbols.get(1), &self.only, self.shape.symbol) {
            let more = if names.len() > NAMED { ", ..." } else { "" };
            return Err(self.refuse(format!(
                "row {line}: column {}: {} symbols in one file: {listed}{more}; name one with --symbol, or split the \
                 file",
                self.shape.names[at],
                names.len()
            )));
        }
        Ok(())
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Surface { path: self.path.clone(), reason }
    }

    pub(super) fn error(&self, line: u64, column: Option<usize>, problem: &str) -> Error {
        let column = column.map(|at| format!("column {}: ", self.shape.names[at])).unwrap_or_default();
        self.refuse(format!("row {line}: {column}{problem}"))
    }
}

/// At most 40 characters of what was found.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
