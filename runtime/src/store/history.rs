//! The history store: one row per symbol and day, in `SQLite`; `store/history.py` of the training reads and writes the same
//! file.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use crate::error::Error;
use crate::store::read_only;
use crate::surface::calendar::Calendar;
use crate::surface::day::{N_DAILY, SurfaceDay, is_copy};

/// Marks the file as ours ("DBVH"), in `SQLite`'s `application_id`.
const APPLICATION: i64 = 0x4442_5648;
/// `SQLite`'s `user_version`; raised with every change of the table, which then needs a migration in both languages.
const SCHEMA: i64 = 1;
const TABLE: &str = "CREATE TABLE day (
    symbol TEXT NOT NULL,
    date TEXT NOT NULL,
    avg_iv REAL NOT NULL,
    atm_iv REAL,
    skew REAL,
    curvature REAL,
    term_slope REAL,
    volume REAL,
    quotes REAL,
    PRIMARY KEY (symbol, date)
) WITHOUT ROWID";
/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// A `SQLite` file that remembers each observed day.
///
/// Write-ahead log with full synchronisation: a day that [`HistoryStore::observe`] has accepted survives a crash, and
/// readers and writers in other processes do not disturb each other. A missing feature is stored as NULL. In a folder that
/// may not be written the store can be read: without the days that stand in its log alone, which a warning names.
///
/// # Examples
/// ```
/// use dollarbill_ml::{history::HistoryStore, surface::SurfaceDay};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = HistoryStore::open(&folder.path().join("history.sqlite"))?;
/// let features = [0.42, 0.40, 0.05, 0.01, f64::NAN, 1200.0, 46.0];
/// let day = SurfaceDay { date: None, symbol: "TSLA".to_owned(), features };
/// store.observe(&day, "2024-03-04".parse()?)?;
/// assert_eq!(store.days("TSLA", 252)?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HistoryStore {
    connection: Connection,
    path: PathBuf,
}

impl HistoryStore {
    /// Opens the store, creating the file and its table when absent.
    ///
    /// # Errors
    /// [`Error::History`]: the file cannot be created or written, is locked for longer than ten seconds, is no history
    /// store, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error: rusqlite::Error| refused(path, &error);
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        if stamp(&connection).is_err_and(|error| cannot_make_log(&error)) && path.exists() {
            connection = read_only::open(path).map_err(failed)?;
        }
        // SQLite does not wait where waiting could be a deadlock, as when several come to a new file at once and each
        // sets the journal mode.
        let start = Instant::now();
        while stamp(&connection).map_err(failed)? != (APPLICATION, SCHEMA) {
            match prepare(&mut connection) {
                Ok(Content::Unfit(reason)) => return Err(Error::History { path: path.to_path_buf(), reason }),
                Err(error) if is_busy(&error) && start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(failed(error)),
                Ok(Content::Store | Content::Nothing) => {}
            }
        }
        // Pages cut off the end would read as days that never were.
        let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if sound != "ok" {
            let reason = format!("is damaged ({}); restore it from a copy", sound.replace('\n', " "));
            return Err(Error::History { path: path.to_path_buf(), reason });
        }
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        Ok(Self { connection, path: path.to_path_buf() })
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    /// As [`HistoryStore::open`], and when the file is not there.
    pub fn open_existing(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            return Self::open(path);
        }
        let reason = "is not there; `dollarbill-ml observe` makes it".to_owned();
        Err(Error::History { path: path.to_path_buf(), reason })
    }

    /// Stores one day under `date`, whatever date it carries itself; a second observation of the same symbol and date
    /// replaces the first.
    ///
    /// # Errors
    /// [`Error::History`]: the date is a Saturday, a Sunday, before 1970 or in the future, or the store cannot be
    /// written; nothing is stored then.
    pub fn observe(&self, day: &SurfaceDay, date: Date) -> Result<(), Error> {
        self.observe_all(&[SurfaceDay { date: Some(date), ..day.clone() }])
    }

    /// Stores many days, each under its own date, in one transaction: all of them or none.
    ///
    /// # Errors
    /// As [`HistoryStore::observe`], and when a day has no date.
    pub fn observe_all(&self, days: &[SurfaceDay]) -> Result<(), Error> {
        self.observe_all_by(days, Calendar::default())
    }

    /// As [`HistoryStore::observe_all`], of markets with other trading days.
    ///
    /// # Errors
    /// As [`HistoryStore::observe_all`].
    pub fn observe_all_by(&self, days: &[SurfaceDay], calendar: Calendar) -> Result<(), Error> {
        for day in days {
            let Some(date) = day.date else { return Err(self.error("a day without a date; nothing is stored")) };
            if let Some(reason) = calendar.no_trading_day(date) {
                return Err(self.error(&format!("date {date} {reason}; nothing is stored")));
            }
        }
        self.insert(days).map_err(|error| refused(&self.path, &error))?;
        self.warn_of_copies(days)
    }

    fn insert(&self, days: &[SurfaceDay]) -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for day in days {
            let [avg_iv, atm_iv, skew, curvature, term_slope, volume, quotes] =
                day.features.map(|value| value.is_finite().then_some(value));
            let date = day.date.map(|date| date.to_string());
            statement
                .execute(params![day.symbol, date, avg_iv, atm_iv, skew, curvature, term_slope, volume, quotes])?;
        }
        drop(statement);
        transaction.commit()
    }

    /// Removes a day that was observed by mistake.
    ///
    /// # Errors
    /// [`Error::History`]: there is no such day, or the store cannot be written.
    pub fn forget(&self, symbol: &str, date: Date) -> Result<(), Error> {
        let removed = self
            .connection
            .execute("DELETE FROM day WHERE symbol = ?1 AND date = ?2", params![symbol, date.to_string()])
            .map_err(|error| refused(&self.path, &error))?;
        if removed == 0 {
            return Err(self.error(&format!("holds no {date} of {symbol}; `dollarbill-ml days` lists what it holds")));
        }
        Ok(())
    }

    /// Every symbol with its number of days, its first and its last day, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::History`]: the store cannot be read.
    pub fn symbols(&self) -> Result<Vec<(String, usize, Date, Date)>, Error> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self
                .connection
                .prepare("SELECT symbol, count(*), min(date), max(date) FROM day GROUP BY symbol ORDER BY symbol")?;
            let rows = statement.query_map([], |row| {
                let days: i64 = row.get(1)?;
                Ok((row.get(0)?, usize::try_from(days).unwrap_or_default(), day_of(row, 2)?, day_of(row, 3)?))
            })?;
            rows.collect()
        };
        read().map_err(|error| refused(&self.path, &error))
    }

    /// The last `limit` days of `symbol`, oldest first; none if it was never observed.
    ///
    /// # Errors
    /// [`Error::History`]: the store cannot be read.
    pub fn days(&self, symbol: &str, limit: usize) -> Result<Vec<SurfaceDay>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut days = self
            .query("SELECT * FROM day WHERE symbol = ?1 ORDER BY date DESC LIMIT ?2", params![symbol, limit])
            .map_err(|error| refused(&self.path, &error))?;
        days.reverse();
        Ok(days)
    }

    fn query(&self, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<Vec<SurfaceDay>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, |row| {
            let date = day_of(row, 1)?;
            let mut features = [f64::NAN; N_DAILY];
            for (index, feature) in features.iter_mut().enumerate() {
                *feature = row.get::<_, Option<f64>>(index + 2)?.unwrap_or(f64::NAN);
            }
            Ok(SurfaceDay { date: Some(date), symbol: row.get(0)?, features })
        })?;
        rows.collect()
    }

    /// A snapshot that was not renewed looks like the day before to the last bit.
    fn warn_of_copies(&self, days: &[SurfaceDay]) -> Result<(), Error> {
        let sql = "SELECT * FROM day WHERE symbol = ?1 AND date < ?2 ORDER BY date DESC LIMIT 1";
        for day in days {
            let date = day.date.map(|date| date.to_string()).unwrap_or_default();
            let before = self.query(sql, params![day.symbol, date]).map_err(|error| refused(&self.path, &error))?;
            if let Some(before) = before.first().filter(|before| is_copy(day, before)) {
                let last = before.date.map(|date| date.to_string()).unwrap_or_default();
                tracing::warn!("{}: {date} is a copy of {last}; was the snapshot not renewed?", day.symbol);
            }
        }
        Ok(())
    }

    fn error(&self, reason: &str) -> Error {
        Error::History { path: self.path.clone(), reason: reason.to_owned() }
    }
}

fn day_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Date> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn stamp(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// What a `SQLite` file holds.
enum Content {
    Store,
    Nothing,
    /// With the reason.
    Unfit(String),
}

/// Makes an empty file a store.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Content> {
    // Looked at before anything is set: the journal mode is written into the file, and another program's is not ours.
    let found = content(&connection.transaction()?)?;
    if !matches!(found, Content::Nothing) {
        return Ok(found);
    }
    // Cannot be set within a transaction; a second process that comes here at the same time sets the same.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = content(&transaction)?;
    if matches!(found, Content::Nothing) {
        transaction.execute_batch(TABLE)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    Ok(found)
}

/// In a transaction, or a store made between two reads would look like another program's database.
fn content(transaction: &Transaction<'_>) -> rusqlite::Result<Content> {
    let tables = || transaction.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0));
    Ok(match stamp(transaction)? {
        (APPLICATION, SCHEMA) => Content::Store,
        (APPLICATION, version) if version > SCHEMA => Content::Unfit(format!(
            "was written by a newer version (schema {version}, this one knows {SCHEMA}); update dollarbill-ml"
        )),
        (0, 0) if tables()? == 0 => Content::Nothing,
        (application, version) => Content::Unfit(format!(
            "is another program's database (id {application}, version {version}); name a different file"
        )),
    })
}

/// Whether the write-ahead log that a store is read through cannot be made beside it.
fn cannot_make_log(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn refused(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{CannotOpen, NotADatabase, PermissionDenied, ReadOnly};
    let reason = match error.sqlite_error_code() {
        _ if is_busy(error) => "is locked by another process for more than ten seconds".to_owned(),
        Some(ReadOnly | PermissionDenied) => "is read-only; make the file and its folder writable".to_owned(),
        Some(NotADatabase) => "is not a SQLite file".to_owned(),
        Some(CannotOpen) => "cannot be opened; is its folder there and writable?".to_owned(),
        _ => error.to_string(),
    };
    Error::History { path: path.to_path_buf(), reason }
}
