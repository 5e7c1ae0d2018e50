//! A file of rows as the text that its readers take: CSV and JSON as they are, Parquet as CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::error::Error;
use crate::io::files::io_error;
use crate::io::unpacked::Packing;

/// Opens a file of rows for [`batch::classify_stream`](crate::batch::classify_stream) or
/// [`any_model::answer_stream`](crate::any_model::answer_stream). A file in Parquet is read as the CSV that says the same,
/// a row at a time; any other is given as it is, packed ones too, which the readers unpack.
///
/// # Errors
/// [`Error::Io`]: it cannot be read, or is a folder. [`Error::Input`]: it is in Parquet and damaged, or this build does
/// not read that. While reading, an `io::Error` says what is wrong with the rest.
///
/// # Examples
/// ```
/// use std::io::Read;
/// # let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/surfaces/old.csv");
/// let mut text = String::new();
/// dollarbill_ml::open_rows(&path)?.read_to_string(&mut text)?;
/// assert!(text.starts_with("date,strike,implied_vol"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_rows(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    let file = File::open(path).map_err(io_error("read", path))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(io_error("read", path)(io::Error::other("is a folder")));
    }
    let mut input = BufReader::with_capacity(1 << 16, file);
    // A pipe gives what it has: no four bytes, no Parquet, which cannot be read from a pipe anyway.
    if Packing::of(input.fill_buf().map_err(io_error("read", path))?) == Packing::Parquet {
        return parquet(path).map_err(|reason| Error::Input { place: path.display().to_string(), reason });
    }
    Ok(Box::new(input))
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path) -> Result<Box<dyn BufRead>, String> {
    use crate::io::parquet::{AsCsv, ParquetFile};
    if !path.is_file() {
        return Err("Parquet is read from a regular file only".to_owned());
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, AsCsv::of(&std::sync::Arc::new(ParquetFile::open(path)?)))))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path) -> Result<Box<dyn BufRead>, String> {
    Err(crate::io::unpacked::NO_PARQUET.to_owned())
}
