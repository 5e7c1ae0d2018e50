//! A store in a folder that may not be written, as on a mounted copy: SQLite cannot make the files beside it that a
//! write-ahead log is read through, so the file is read as one that nobody changes.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// Opens the file itself, whatever its log holds; says so where that is not nothing.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address(path), flags)?;
    let log = log_of(path);
    if std::fs::metadata(&log).is_ok_and(|found| found.len() > 0) {
        tracing::warn!(
            "history store {}: its folder is read-only; the newest days may be missing, those that stand in {} alone",
            path.display(),
            log.display()
        );
    } else {
        tracing::debug!(path = %path.display(), "history store read as one that nobody changes");
    }
    Ok(connection)
}

/// Where SQLite keeps the log of a file.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The path as SQLite takes it with options: every byte that could mean something there is written as %XX.
fn address(path: &Path) -> String {
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_taken_for_an_option() {
        assert_eq!(
            address(Path::new("/a b/c?mode=rw#d%.sqlite")),
            "file:/a%20b/c%3Fmode%3Drw%23d%25.sqlite?immutable=1"
        );
    }
}
