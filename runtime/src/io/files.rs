//! Reads files within limits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;

/// The most bytes that are read of a manifest.
pub(crate) const MANIFEST_LIMIT: u64 = 1 << 20;
/// The most bytes that are read of a configuration.
pub(crate) const CONFIG_LIMIT: u64 = 1 << 20;
/// The most bytes that are read of a graph.
pub(crate) const GRAPH_LIMIT: u64 = 64 << 20;
/// The most bytes that are read of golden cases.
pub(crate) const GOLDEN_LIMIT: u64 = 16 << 20;
/// The most bytes that are read of `current.json`.
pub(crate) const POINTER_LIMIT: u64 = 4096;

pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { what, path, source }
}

/// Reads a regular file of at most `limit` bytes. Pipes and devices are refused before they can block.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = open_regular(path)?;
    let bytes = file.metadata().map_err(io_error("read", path))?.len();
    if bytes > limit {
        return Err(Error::TooLarge { path: path.to_path_buf(), bytes, limit });
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(io_error("read", path))?;
    if content.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.to_path_buf(), bytes: content.len() as u64, limit });
    }
    Ok(content)
}

/// Opens a regular file for reading; a folder, pipe or device is an error and not a wait.
pub(crate) fn open_regular(path: &Path) -> Result<File, Error> {
    let kind = fs::metadata(path).map_err(io_error("read", path))?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "is a folder" } else { "is not a regular file" };
        return Err(io_error("read", path)(io::Error::other(what)));
    }
    File::open(path).map_err(io_error("read", path))
}
