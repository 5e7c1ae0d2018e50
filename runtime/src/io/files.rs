//! Reads files within limits and writes them whole or not at all.

use std::fs::{self, File};
#[cfg(feature = "files")]
use std::io::Write;
use std::io::{self, Read};
use std::path::Path;
#[cfg(feature = "files")]
use std::path::PathBuf;

#[cfg(feature = "files")]
use tempfile::NamedTempFile;

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

/// A file that appears under its name only when [`AtomicFile::commit`] succeeds; dropped before, it leaves nothing.
#[cfg(feature = "files")]
pub struct AtomicFile {
    path: PathBuf,
    stream: Stream,
}

#[cfg(feature = "files")]
enum Stream {
    /// Renamed over the destination at the end.
    Temporary(NamedTempFile),
    /// The destination exists and is a device or pipe, which must not be replaced by a file.
    Direct(File),
}

#[cfg(feature = "files")]
impl AtomicFile {
    /// Starts writing what will become `path`; its folder must exist.
    ///
    /// # Errors
    /// The folder is missing or cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let stream = match fs::metadata(path) {
            Ok(kind) if kind.is_dir() => return Err(io_error("write", path)(io::Error::other("is a folder"))),
            Ok(kind) if !kind.is_file() => {
                Stream::Direct(File::options().write(true).open(path).map_err(io_error("write", path))?)
            }
            _ => Stream::Temporary(temporary_beside(path).map_err(io_error("write", path))?),
        };
        Ok(Self { path: path.to_path_buf(), stream })
    }

    /// Puts the content on the disk and under its name, in one step.
    ///
    /// # Errors
    /// The disk is full, or the name cannot be replaced; what was there before is then still there.
    pub fn commit(self) -> Result<(), Error> {
        match self.stream {
            Stream::Temporary(file) => {
                file.as_file().sync_all().map_err(io_error("write", &self.path))?;
                file.persist(&self.path).map(drop).map_err(|error| io_error("write", &self.path)(error.error))
            }
            Stream::Direct(mut file) => file.flush().map_err(io_error("write", &self.path)),
        }
    }
}

#[cfg(feature = "files")]
impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Temporary(file) => file.as_file_mut().write(buffer),
            Stream::Direct(file) => file.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Temporary(file) => file.as_file_mut().flush(),
            Stream::Direct(file) => file.flush(),
        }
    }
}

#[cfg(feature = "files")]
fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dollarbill-ml.");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is private by default; this one becomes a file like any other, under the user's umask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // Its errors carry the temporary name, which nobody has asked for.
    builder.tempfile_in(folder).map_err(|error| error.kind().into())
}
