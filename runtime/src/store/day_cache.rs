//! The days of the history store, remembered from one forecast to the next for as long as its file stays as it is.
//!
//! Opening `SQLite` takes longer than a forecast. A connection kept open is no way out: it would hold on to the shared
//! memory of a store that somebody deletes and makes anew, and keep other writers' days out of the file itself. So it
//! is the days that are kept, beside what the file looked like when they were read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use crate::error::Error;
use crate::io::files::io_error;
use crate::store::history::HistoryStore;
use crate::surface::day::SurfaceDay;

/// More days than any window holds.
const DAYS_LOOKED_UP: usize = 1024;

/// Days by date.
pub(crate) type Stored = BTreeMap<Date, SurfaceDay>;

/// What was read, for any number of threads.
#[derive(Default)]
pub(crate) struct DayCache(Mutex<Option<Kept>>);

struct Kept {
    state: State,
    days: HashMap<String, Arc<Stored>>,
}

impl DayCache {
    /// The newest days of `symbol` that the store at `path` holds now; none when there is no store, which is not made.
    ///
    /// # Errors
    /// As [`HistoryStore::open`] and [`HistoryStore::days`].
    pub(crate) fn days(&self, path: &Path, symbol: &str) -> Result<Arc<Stored>, Error> {
        let before = State::settled(path);
        if let Some(found) = before.and_then(|state| self.find(state, symbol)) {
            return Ok(found);
        }
        // A folder that may not be entered is an error, not a store that is not there.
        if !path.try_exists().map_err(io_error("look for", path))? {
            return Ok(Arc::default());
        }
        let days = HistoryStore::open(path)?.days(symbol, DAYS_LOOKED_UP)?;
        let days: Arc<Stored> = Arc::new(days.into_iter().filter_map(|day| Some((day.date?, day))).collect());
        // Symbols never observed are not kept, so that there are no more of them than the store has.
        if let Some(state) = before.filter(|_| !days.is_empty() && State::settled(path) == before) {
            self.keep(state, symbol, &days);
        }
        Ok(days)
    }

    fn find(&self, state: State, symbol: &str) -> Option<Arc<Stored>> {
        self.lock().as_ref().filter(|kept| kept.state == state)?.days.get(symbol).cloned()
    }

    fn keep(&self, state: State, symbol: &str, days: &Arc<Stored>) {
        let mut lock = self.lock();
        let kept = lock.get_or_insert_with(|| Kept { state, days: HashMap::new() });
        if kept.state != state {
            *kept = Kept { state, days: HashMap::new() };
        }
        kept.days.insert(symbol.to_owned(), Arc::clone(days));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells one content of a store's file from another. Every write changes the inode's time of change, which no
/// program can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl State {
    /// `None` where the file does not tell all: it is not there, it changed so lately that a further change could bear
    /// the same time, days wait in the write-ahead log, or the file has a second name, under which its log may lie.
    #[cfg(unix)]
    fn settled(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        use std::time::{Duration, SystemTime, UNIX_EPOCH};

        /// Clocks of file systems tick every few milliseconds, at worst every two seconds.
        const LATELY: Duration = Duration::from_secs(2);

        let found = std::fs::symlink_metadata(path).ok().filter(|found| found.is_file() && found.nlink() == 1)?;
        let changed = (found.ctime(), found.ctime_nsec());
        let since = Duration::new(u64::try_from(changed.0).ok()?, u32::try_from(changed.1).ok()?);
        let age = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(since)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let is_empty = match std::fs::metadata(log) {
            Ok(log) => log.len() == 0,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        let state = Self { device: found.dev(), inode: found.ino(), size: found.size(), changed };
        (age > LATELY && is_empty).then_some(state)
    }

    #[cfg(not(unix))]
    fn settled(_: &Path) -> Option<Self> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;
    use std::time::Duration;

    use super::{DayCache, HistoryStore, State, Stored};
    use crate::surface::day::{N_DAILY, SurfaceDay};

    /// A store of one day with this level; the folder lives as long as the guard.
    fn store(level: f64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        observe(&path, level, "2024-03-04");
        (folder, path)
    }

    fn observe(path: &std::path::Path, level: f64, date: &str) {
        let day = SurfaceDay { date: None, symbol: "TSLA".to_owned(), features: [level; N_DAILY] };
        HistoryStore::open(path).unwrap().observe(&day, date.parse().unwrap()).unwrap();
    }

    fn settle(path: &std::path::Path) {
        while State::settled(path).is_none() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn levels(days: &Stored) -> Vec<f64> {
        days.values().map(|day| day.features[0]).collect()
    }

    #[test]
    fn a_store_at_rest_is_read_once_and_a_changed_one_again() {
        let (_folder, path) = store(0.3);
        let cache = DayCache::default();
        let young = cache.days(&path, "TSLA").unwrap();
        assert!(!std::sync::Arc::ptr_eq(&young, &cache.days(&path, "TSLA").unwrap()), "a young file may change yet");

        settle(&path);
        let first = cache.days(&path, "TSLA").unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &cache.days(&path, "TSLA").unwrap()), "nothing has changed");

        observe(&path, 0.4, "2024-03-05");
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.3, 0.4]);
        settle(&path);
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.3, 0.4]);
    }

    #[test]
    fn a_day_in_the_log_of_a_store_that_is_open_elsewhere_is_seen() {
        let (_folder, path) = store(0.3);
        let cache = DayCache::default();
        settle(&path);
        cache.days(&path, "TSLA").unwrap();
        let writer = HistoryStore::open(&path).unwrap();
        let day = SurfaceDay { date: None, symbol: "TSLA".to_owned(), features: [0.5; N_DAILY] };
        writer.observe(&day, "2024-03-05".parse().unwrap()).unwrap();
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.3, 0.5]);
        drop(writer);
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.3, 0.5]);
    }

    #[test]
    fn a_store_deleted_or_made_anew_is_seen_and_a_missing_one_is_not_made() {
        let (_folder, path) = store(0.3);
        let cache = DayCache::default();
        settle(&path);
        cache.days(&path, "TSLA").unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(cache.days(&path, "TSLA").unwrap().is_empty());
        assert!(!path.exists());
        observe(&path, 0.6, "2024-03-04");
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.6]);
    }

    #[test]
    fn another_store_moved_into_its_place_is_seen_however_old_it_is() {
        let ((_folder, path), (_other, other)) = (store(0.3), store(0.7));
        let cache = DayCache::default();
        settle(&path);
        settle(&other);
        cache.days(&path, "TSLA").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(levels(&cache.days(&path, "TSLA").unwrap()), [0.7]);
    }

    #[test]
    fn a_store_that_is_no_store_any_more_is_an_error() {
        let (_folder, path) = store(0.3);
        let cache = DayCache::default();
        settle(&path);
        cache.days(&path, "TSLA").unwrap();
        std::fs::write(&path, "no store").unwrap();
        assert!(cache.days(&path, "TSLA").unwrap_err().to_string().contains("is not a SQLite file"));
    }
}
