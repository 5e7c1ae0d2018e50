//! Tables in Parquet as records of text cells, as the same table would stand in a CSV file; `train/core/tables/parquet.py`
//! alike.
//!
//! The crate `parquet` reads the footer and decodes pages. Pages are found and unpacked here, so that no number in a file
//! says how much is allocated before it was held against a limit.

mod as_csv;
mod cells;
mod column;
mod footer;
mod limits;
mod pages;
mod records;
mod thrift;
mod unpack;
mod zones;

pub(crate) use as_csv::AsCsv;
pub(crate) use records::{ParquetFile, ParquetRecords};
