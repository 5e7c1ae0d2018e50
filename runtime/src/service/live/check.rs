//! What a log holds, for `check`: rows, and what is missing of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::io::files::io_error;
use crate::service::live::files::all_files;

/// The longest line that is looked at.
const LONGEST: u64 = 16 << 20;

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckedLog {
    /// The path that the config names.
    pub path: PathBuf,
    /// Its files, those of other processes and the full ones among them.
    pub files: usize,
    /// Answers.
    pub rows: u64,
    /// Answers that found the queue full, as the log says itself.
    pub dropped: u64,
    /// Answers that could not be written, as the log says itself.
    pub lost: u64,
    /// Lines that are none: cut off by a crash, or written by somebody else.
    pub broken: u64,
}

#[derive(Deserialize)]
struct Line {
    log: u64,
    run: String,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    dropped: u64,
    #[serde(default)]
    lost: u64,
}

/// Reads the log at a path, with its closed files and those of other processes.
///
/// # Errors
/// A file cannot be read; that there is none yet is no error.
pub fn check(path: &Path) -> Result<CheckedLog, Error> {
    let mut found = CheckedLog { path: path.to_path_buf(), ..CheckedLog::default() };
    let mut losses: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for file in all_files(path) {
        found.files += 1;
        let mut reader = BufReader::with_capacity(1 << 16, File::open(&file).map_err(io_error("read", &file))?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line).map_err(io_error("read", &file))?;
            if read == 0 {
                break;
            }
            match serde_json::from_slice(&line) {
                Ok(Line { log: 1, seq: Some(_), .. }) => found.rows += 1,
                Ok(Line { log: 1, run, dropped, lost, .. }) => {
                    let said = losses.entry(run).or_default();
                    *said = (said.0.max(dropped), said.1.max(lost));
                }
                _ => found.broken += 1,
            }
        }
    }
    for (dropped, lost) in losses.into_values() {
        found.dropped += dropped;
        found.lost += lost;
    }
    Ok(found)
}
