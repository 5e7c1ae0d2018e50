//! The log as calls see it: a queue that never makes them wait, and the counts of what became of their rows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Error;
use crate::io::files::io_error;
use crate::service::live::queue::{Envelope, Shared};
use crate::service::live::row::Row;
use crate::service::live::settings::LogSettings;
use crate::service::live::writer::write_until_stopped;
use crate::service::meter;

/// How long the end of a process waits for rows that are not written yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of the rows of this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LogHealth {
    /// The file that is written to; empty until the first could be opened.
    pub path: PathBuf,
    /// Rows that are in the log.
    pub written: u64,
    /// Rows that found the queue full.
    pub dropped: u64,
    /// Rows that could not be written: the disk is full, the folder cannot be written to, and so on.
    pub lost: u64,
    /// Rows that are not written yet.
    pub waiting: u64,
    /// Answers that the shadow could not give.
    pub shadow_failed: u64,
    /// Why nothing can be written at the moment.
    pub error: Option<String>,
}

/// A log that is written by a thread of its own; a clone is another handle to it. The last one that is dropped writes
/// what waits.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    sender: Sender<Envelope>,
    most_bytes: usize,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    /// Starts to log. That a file cannot be opened is no error: rows are counted as lost until it can.
    pub(crate) fn open(settings: &LogSettings) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let (sender, receiver): (Sender<Envelope>, Receiver<Envelope>) = mpsc::channel();
        let (its, settings_of_thread) = (Arc::clone(&shared), settings.clone());
        let thread = thread::Builder::new()
            .name("dollarbill-ml-log".to_owned())
            .spawn(move || write_until_stopped(&settings_of_thread, &its, &receiver))
            .map_err(io_error("start", &settings.path))?;
        Ok(Self(Arc::new(Inner { shared, sender, most_bytes: settings.queue_bytes, thread: Some(thread) })))
    }

    /// Leaves a row to be written. Never waits and never fails: a row that finds the queue full is counted.
    pub(crate) fn push(&self, row: impl Row + 'static) {
        let Inner { shared, sender, most_bytes, thread } = &*self.0;
        // The number is given before it is known whether the row fits: a gap shows a reader what was dropped.
        let sequence = shared.sequence.fetch_add(1, Ordering::Relaxed);
        let bytes = row.weight();
        let before = shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > *most_bytes {
            shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            meter::logged("dropped", 1);
            return;
        }
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        let envelope = Envelope { time: SystemTime::now(), sequence, bytes, row: Box::new(row) };
        if sender.send(envelope).is_err() {
            // The thread has ended, which it never does by itself.
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        // It looks by itself every few milliseconds: only a queue that fills up is worth a call of the system.
        if before < most_bytes / 2 && before + bytes >= most_bytes / 2 {
            if let Some(thread) = thread {
                thread.thread().unpark();
            }
        }
    }

    pub(crate) fn health(&self) -> LogHealth {
        let Shared { waiting, written, dropped, lost, shadow_failed, path, error, .. } = &*self.0.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogHealth {
            path: path.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            written: count(written),
            dropped: count(dropped),
            lost: count(lost),
            waiting: count(waiting),
            shadow_failed: count(shadow_failed),
            error: error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Waits until no row waits; false if that took longer.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let last = Instant::now() + within;
        loop {
            if self.0.shared.waiting.load(Ordering::Acquire) == 0 {
                return true;
            }
            if Instant::now() >= last {
                return false;
            }
            if let Some(thread) = &self.0.thread {
                thread.thread().unpark();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        // A disk that hangs must not keep the process from ending.
        let last = Instant::now() + PATIENCE;
        while !thread.is_finished() {
            if Instant::now() >= last {
                tracing::error!(
                    "the log is not written in time; {} rows are lost",
                    self.shared.waiting.load(Ordering::Relaxed)
                );
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let _ = thread.join();
    }
}
