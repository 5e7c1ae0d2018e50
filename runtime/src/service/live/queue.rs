//! What callers and the thread that writes share: rows on their way, and counts.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::SystemTime;

use crate::service::live::row::Row;

/// What became of the rows so far, and what the thread is asked.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) sequence: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) shadow_failed: AtomicU64,
    pub(crate) stop: AtomicBool,
    pub(crate) path: Mutex<PathBuf>,
    pub(crate) error: Mutex<Option<String>>,
}

/// A row, and what only the moment of the call knows.
pub(crate) struct Envelope {
    pub(crate) time: SystemTime,
    pub(crate) sequence: u64,
    pub(crate) bytes: usize,
    pub(crate) row: Box<dyn Row>,
}
