//! What the config says about the log: `runtime.log`.

use std::path::{Path, PathBuf};

use serde_json::Value;

const PATH: &str = "data/live.ndjson";
const MEGABYTES: f64 = 64.0;
const FILES: u64 = 8;
const QUEUE_MEGABYTES: f64 = 16.0;
const MEGABYTE: f64 = 1_048_576.0;

/// Where answers are logged, and how much of it is kept. The log takes at most `max_bytes x (files + 1)` of the disk for
/// each process that writes to it, and `queue_bytes` of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSettings {
    /// The file that is written to; full ones lie beside it (`live.000001.ndjson`), and those of a second process
    /// (`live-2.ndjson`).
    pub path: PathBuf,
    /// A file that has grown to this size is closed.
    pub max_bytes: u64,
    /// How many closed files are kept.
    pub files: usize,
    /// Rows that wait to be written take at most so much memory; what comes then is dropped, and counted.
    pub queue_bytes: usize,
}

impl LogSettings {
    /// A log at a path, everything else as usual: files of 64 MiB, 8 of them kept, 16 MiB of rows that wait.
    ///
    /// # Examples
    /// ```
    /// let log = dollarbill_ml::live_log::LogSettings::at("data/live.ndjson");
    /// assert_eq!(log.files, 8);
    /// ```
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: bytes(MEGABYTES),
            files: usize::try_from(FILES).unwrap_or(usize::MAX),
            queue_bytes: usize::try_from(bytes(QUEUE_MEGABYTES)).unwrap_or(usize::MAX),
        }
    }

    /// From the section `runtime.log` of a config that was checked.
    pub(crate) fn of_checked(section: &Value, root: &Path) -> Self {
        let found = |key: &str| section.get(key).filter(|value| !value.is_null());
        let megabytes = |key: &str, usual: f64| bytes(found(key).and_then(Value::as_f64).unwrap_or(usual));
        Self {
            path: root.join(found("path").and_then(Value::as_str).unwrap_or(PATH)),
            max_bytes: megabytes("max_mb", MEGABYTES),
            files: usize::try_from(found("files").and_then(Value::as_u64).unwrap_or(FILES)).unwrap_or(usize::MAX),
            queue_bytes: usize::try_from(megabytes("queue_mb", QUEUE_MEGABYTES)).unwrap_or(usize::MAX),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the config holds them between 0.01 and 4096"
)]
fn bytes(megabytes: f64) -> u64 {
    (megabytes * MEGABYTE) as u64
}
