//! The rows of a file as CSV, for readers that take a stream of text.

use std::io::{self, Read};
use std::sync::Arc;

use csv::{StringRecord, WriterBuilder};

use crate::io::parquet::records::{ParquetFile, ParquetRecords};

/// Rows that are written at a time.
const ROWS: usize = 64;

/// Header and rows, a line each (but for line ends inside of texts).
pub(crate) struct AsCsv {
    records: ParquetRecords,
    record: StringRecord,
    ready: Vec<u8>,
    taken: usize,
}

impl AsCsv {
    pub(crate) fn of(file: &Arc<ParquetFile>) -> Self {
        Self { records: file.records(), record: StringRecord::new(), ready: Vec::new(), taken: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.ready.clear();
        let mut writer = WriterBuilder::new().flexible(true).from_writer(std::mem::take(&mut self.ready));
        for _ in 0..ROWS {
            if self.records.next(&mut self.record).map_err(io::Error::other)?.is_none() {
                break;
            }
            writer.write_record(&self.record)?;
        }
        self.ready = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(())
    }
}

impl Read for AsCsv {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ready.len() {
            self.fill()?;
        }
        let rest = &self.ready[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}
