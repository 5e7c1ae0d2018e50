//! A file of Parquet -> its header and its rows as records of cells.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use csv::StringRecord;
use jiff::tz::TimeZone;
use parquet::basic::{LogicalType, Repetition};
use parquet::column::reader::get_column_reader;
use parquet::file::metadata::ParquetMetaData;

use crate::io::parquet::cells::Meaning;
use crate::io::parquet::column::Column;
use crate::io::parquet::footer::read_footer;
use crate::io::parquet::limits::{MAX_CELLS, damaged};
use crate::io::parquet::pages::{Pages, Shared};
use crate::io::parquet::zones::{zone_of, zones};
use crate::io::unpacked::Sizes;

/// A file whose footer was read; each [`ParquetFile::records`] begins anew.
pub(crate) struct ParquetFile {
    file: Shared,
    size: u64,
    metadata: ParquetMetaData,
    names: Vec<String>,
    /// Of each column its place among Parquet's leaves and what it means; `None`: it holds lists or records.
    columns: Vec<Option<(usize, Meaning)>>,
}

impl ParquetFile {
    /// # Errors
    /// What is wrong with the file, in words.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(damaged)?;
        let size = file.metadata().map_err(damaged)?.len();
        let metadata = read_footer(&mut file, size)?;
        let schema = metadata.file_metadata().schema_descr();
        let zones = zones(metadata.file_metadata());
        let fields = schema.root_schema().get_fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let mut columns = vec![None; names.len()];
        for leaf in 0..schema.num_columns() {
            let root = schema.get_column_root_idx(leaf);
            let field = &fields[root];
            if field.is_primitive() && field.get_basic_info().repetition() != Repetition::REPEATED {
                let column = schema.column(leaf);
                let zone = match column.logical_type_ref() {
                    Some(LogicalType::Timestamp(time)) if time.is_adjusted_to_u_t_c => {
                        Some(zone(&names[root], &zones)?)
                    }
                    _ => None,
                };
                columns[root] = Some((leaf, Meaning::of(&column, zone.as_ref())));
            }
        }
        let rows = u64::try_from(metadata.file_metadata().num_rows()).map_err(|_| damaged("its number of rows"))?;
        if rows.saturating_mul(names.len() as u64) > MAX_CELLS {
            return Err(format!("more than {MAX_CELLS} cells; split the file"));
        }
        Ok(Self { file: Arc::new(Mutex::new(file)), size, metadata, names, columns })
    }

    pub(crate) fn records(self: &Arc<Self>) -> ParquetRecords {
        let (file, sizes) = (Arc::clone(self), Sizes::new(self.size));
        ParquetRecords { file, sizes, group: 0, left: 0, line: 0, columns: Vec::new(), cell: String::new() }
    }

    /// The columns of a group of rows, at their beginning.
    fn group(&self, at: usize) -> Result<(Vec<Option<Column>>, u64), String> {
        let group = self.metadata.row_group(at);
        let rows = u64::try_from(group.num_rows()).map_err(|_| damaged("its number of rows"))?;
        let open = |column: &Option<(usize, Meaning)>| {
            let Some((leaf, meaning)) = column else { return Ok(None) };
            let chunk = group.columns().get(*leaf).ok_or_else(|| damaged("a column is missing"))?;
            let pages = Pages::new(Arc::clone(&self.file), self.size, chunk, rows);
            let pages = pages.ok_or_else(|| damaged("a column lies outside of the file"))?;
            let descriptor = chunk.column_descr_ptr();
            let there = descriptor.max_def_level();
            Ok(Some(Column::new(get_column_reader(descriptor, Box::new(pages)), meaning.clone(), there)))
        };
        Ok((self.columns.iter().map(open).collect::<Result<_, String>>()?, rows))
    }
}

/// The zone of a column's moments, and whether it is UTC itself.
fn zone(column: &str, zones: &[(String, String)]) -> Result<(TimeZone, bool), String> {
    let named = zones.iter().find(|(name, _)| name == column).map_or("UTC", |(_, zone)| zone.as_str());
    if named == "UTC" {
        return Ok((TimeZone::UTC, true));
    }
    let short: String = named.chars().take(40).collect();
    let zone = zone_of(named).ok_or_else(|| format!("column {column}: '{short}' is no time zone that is known"))?;
    Ok((zone, false))
}

/// The records of a file, the header first.
pub(crate) struct ParquetRecords {
    file: Arc<ParquetFile>,
    sizes: Sizes,
    group: usize,
    /// Rows of the group that are still to come.
    left: u64,
    line: u64,
    columns: Vec<Option<Column>>,
    cell: String,
}

impl ParquetRecords {
    /// The next record and its number (the header's is 1); `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, String> {
        record.clear();
        self.line += 1;
        if self.line == 1 {
            self.file.names.iter().for_each(|name| record.push_field(name));
            return Ok(Some(self.line));
        }
        while self.left == 0 {
            if self.group == self.file.metadata.num_row_groups() {
                return Ok(None);
            }
            (self.columns, self.left) = self.file.group(self.group)?;
            self.group += 1;
        }
        self.left -= 1;
        for column in &mut self.columns {
            self.cell.clear();
            if let Some(column) = column {
                column.next(&mut self.cell).map_err(damaged)?;
            }
            record.push_field(&self.cell);
        }
        self.sizes.add(record.as_slice().len() as u64 + record.len() as u64)?;
        Ok(Some(self.line))
    }
}
