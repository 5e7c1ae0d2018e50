//! A column of one group of rows, some rows at a time; each becomes a text when it is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int96};

use crate::io::parquet::cells::{Meaning, bytes, float, moment_of_96, short_float, whole};
use crate::io::parquet::limits::LONGEST_CELL;

/// Rows at a time.
const BATCH: usize = 1024;
/// Of texts, each of which can be as long as a page.
const BATCH_OF_TEXTS: usize = 64;

/// Values that were decoded: those that are there, without the missing ones.
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// A column that is read once, in order.
pub(super) struct Column {
    reader: ColumnReader,
    meaning: Meaning,
    /// The level of a value that is there; 0 where none can be missing.
    there: i16,
    levels: Vec<i16>,
    values: Values,
    rows: usize,
    row: usize,
    value: usize,
}

impl Column {
    pub(super) fn new(reader: ColumnReader, meaning: Meaning, there: i16) -> Self {
        let values = match &reader {
            ColumnReader::BoolColumnReader(_) => Values::Bool(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::Int32(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Int64(Vec::new()),
            ColumnReader::Int96ColumnReader(_) => Values::Int96(Vec::new()),
            ColumnReader::FloatColumnReader(_) => Values::Float(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::Double(Vec::new()),
            ColumnReader::ByteArrayColumnReader(_) => Values::Bytes(Vec::new()),
            ColumnReader::FixedLenByteArrayColumnReader(_) => Values::Fixed(Vec::new()),
        };
        Self { reader, meaning, there, levels: Vec::new(), values, rows: 0, row: 0, value: 0 }
    }

    /// Writes the next row's cell; nothing where its value is missing.
    pub(super) fn next(&mut self, text: &mut String) -> Result<(), String> {
        if self.row == self.rows {
            self.fill()?;
        }
        let there = self.there == 0 || self.levels.get(self.row) == Some(&self.there);
        self.row += 1;
        if !there {
            return Ok(());
        }
        let at = self.value;
        self.value += 1;
        self.write(text, at).ok_or_else(|| "a value that no text can be".to_owned())
    }

    fn write(&self, text: &mut String, at: usize) -> Option<()> {
        let meaning = &self.meaning;
        match &self.values {
            Values::Bool(values) => {
                text.push_str(if *values.get(at)? { "true" } else { "false" });
                Some(())
            }
            Values::Int32(values) => whole(text, i64::from(*values.get(at)?), 32, meaning),
            Values::Int64(values) => whole(text, *values.get(at)?, 64, meaning),
            Values::Int96(values) => {
                let [low, high, day] = *values.get(at)?.data() else { return None };
                moment_of_96(text, i64::from_le_bytes((u64::from(high) << 32 | u64::from(low)).to_le_bytes()), day)
            }
            Values::Float(values) => short_float(text, *values.get(at)?),
            Values::Double(values) => float(text, *values.get(at)?),
            Values::Bytes(values) => bytes(text, short(values.get(at)?.data())?, meaning),
            Values::Fixed(values) => bytes(text, short(values.get(at)?.data())?, meaning),
        }
    }

    fn fill(&mut self) -> Result<(), String> {
        (self.row, self.value) = (0, 0);
        let levels = &mut self.levels;
        levels.clear();
        let read = match (&mut self.reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(reader), Values::Bool(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::Int32ColumnReader(reader), Values::Int32(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::Int64ColumnReader(reader), Values::Int64(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::Int96ColumnReader(reader), Values::Int96(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::FloatColumnReader(reader), Values::Float(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::DoubleColumnReader(reader), Values::Double(values)) => more(reader, levels, values, BATCH),
            (ColumnReader::ByteArrayColumnReader(reader), Values::Bytes(values)) => {
                more::<ByteArrayType>(reader, levels, values, BATCH_OF_TEXTS)
            }
            (ColumnReader::FixedLenByteArrayColumnReader(reader), Values::Fixed(values)) => {
                more::<FixedLenByteArrayType>(reader, levels, values, BATCH_OF_TEXTS)
            }
            _ => Ok(0),
        };
        self.rows = read?;
        if self.rows == 0 { Err("a column ends before its rows do".to_owned()) } else { Ok(()) }
    }
}

fn more<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: &mut Vec<i16>,
    values: &mut Vec<T::T>,
    rows: usize,
) -> Result<usize, String> {
    values.clear();
    // What is known to panic in the decoder is kept from it; this is for what is not known. Nothing is read after an error.
    let read = || reader.read_records(rows, Some(levels), None, values);
    let read = catch_unwind(AssertUnwindSafe(read)).map_err(|_| "its decoder gave up".to_owned())?;
    read.map(|(read, ..)| read).map_err(|error| error.to_string())
}

/// The bytes, unless they are more than any cell has.
fn short(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes).filter(|bytes| bytes.len() < LONGEST_CELL)
}
