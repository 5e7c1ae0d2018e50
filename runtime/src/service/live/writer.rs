//! The thread that writes: lines out of rows, in batches, whatever becomes of the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::Serialize;

use crate::service::live::files::Files;
use crate::service::live::queue::{Envelope, Shared};
use crate::service::live::row::Fields;
use crate::service::live::settings::LogSettings;
use crate::service::meter;

/// The version of the lines.
const FORMAT: u8 = 1;
/// How often it looks for rows.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Bytes that are written at once.
const BATCH: usize = 256 << 10;
/// How long it leaves a disk alone that refused.
const AGAIN: Duration = Duration::from_secs(1);

/// A line: an answer, or an event of the log itself.
#[derive(Serialize)]
struct Line<'a, T> {
    log: u8,
    time: String,
    run: &'a str,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Answer {
    seq: u64,
    #[serde(flatten)]
    fields: Fields,
}

/// What the log says of itself; counts are of the process so far.
#[derive(Serialize)]
struct Event {
    #[serde(rename = "event")]
    name: &'static str,
    process: u32,
    written: u64,
    dropped: u64,
    lost: u64,
}

struct Writer<'a> {
    settings: &'a LogSettings,
    shared: &'a Shared,
    run: String,
    files: Option<Files>,
    /// Lines of a batch, and how many of them are rows.
    lines: Vec<u8>,
    rows: u64,
    refused: Option<Instant>,
    /// Dropped and lost as the log has said last, and when.
    said: (u64, u64),
    said_at: Instant,
}

/// Writes until it is asked to stop and nothing waits any more.
pub(crate) fn write_until_stopped(settings: &LogSettings, shared: &Shared, rows: &Receiver<Envelope>) {
    let run = run_id();
    let mut writer = Writer {
        settings,
        shared,
        run,
        files: None,
        lines: Vec::new(),
        rows: 0,
        refused: None,
        said: (0, 0),
        said_at: Instant::now(),
    };
    writer.event("start");
    writer.write();
    loop {
        let stopping = shared.stop.load(Ordering::Acquire);
        let mut any = false;
        while let Ok(envelope) = rows.try_recv() {
            any = true;
            writer.add(envelope);
            if writer.lines.len() >= BATCH {
                writer.write();
            }
        }
        writer.tell_losses(stopping);
        writer.write();
        if !any {
            if stopping {
                break;
            }
            thread::park_timeout(LOOK_EVERY);
        }
    }
    writer.event("stop");
    writer.write();
    if let Some(files) = &mut writer.files {
        let _ = files.sync();
    }
}

impl Writer<'_> {
    fn add(&mut self, envelope: Envelope) {
        let Envelope { time, sequence, bytes, row } = envelope;
        // A shadow runs in here: whatever it does, the log goes on.
        let made = catch_unwind(AssertUnwindSafe(|| row.fields()));
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let length = self.lines.len();
        let line = made.map_err(|_| "a panic".to_owned()).and_then(|fields| {
            if fields.shadow.as_ref().is_some_and(|shadow| shadow.error.is_some()) {
                self.shared.shadow_failed.fetch_add(1, Ordering::Relaxed);
            }
            let line = Line { log: FORMAT, time: shown(time), run: &self.run, what: Answer { seq: sequence, fields } };
            serde_json::to_writer(&mut self.lines, &line).map_err(|error| error.to_string())
        });
        if let Err(error) = line {
            self.lines.truncate(length);
            self.shared.waiting.fetch_sub(1, Ordering::Release);
            self.lose(1, &error);
            return;
        }
        self.lines.push(b'\n');
        if length > 0 && self.lines.len() as u64 > self.settings.max_bytes {
            // A file takes a batch whole: none is larger than a file may be.
            let line = self.lines.split_off(length);
            self.write();
            self.lines = line;
        }
        self.rows += 1;
    }

    fn event(&mut self, event: &'static str) {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { written, dropped, lost, .. } = self.shared;
        let (written, dropped, lost) = (count(written), count(dropped), count(lost));
        let what = Event { name: event, process: std::process::id(), written, dropped, lost };
        let line = Line { log: FORMAT, time: shown(SystemTime::now()), run: &self.run, what };
        if serde_json::to_writer(&mut self.lines, &line).is_ok() {
            self.lines.push(b'\n');
        }
        (self.said, self.said_at) = ((dropped, lost), Instant::now());
    }

    /// What is missing is said in the log itself, at most once a second.
    fn tell_losses(&mut self, now: bool) {
        let counts = (self.shared.dropped.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed));
        let resting = self.refused.is_some_and(|at| at.elapsed() < AGAIN);
        if counts != self.said && !resting && (now || self.said_at.elapsed() >= AGAIN) {
            if counts.0 != self.said.0 {
                tracing::warn!("log: {} rows dropped so far: they come faster than they are written", counts.0);
            }
            self.event("loss");
        }
    }

    fn write(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        let done = self.try_write();
        self.lines.clear();
        self.shared.waiting.fetch_sub(rows, Ordering::Release);
        match done {
            Ok(()) => {
                self.shared.written.fetch_add(rows, Ordering::Relaxed);
                meter::logged("written", rows);
                if self.refused.take().is_some() {
                    tracing::warn!("log: {} is written again", self.settings.path.display());
                    self.note(None);
                }
            }
            Err(error) => self.lose(rows, &error),
        }
    }

    fn try_write(&mut self) -> Result<(), String> {
        if self.refused.is_some_and(|at| at.elapsed() < AGAIN) && !self.shared.stop.load(Ordering::Acquire) {
            return Err(String::new());
        }
        let shown = |path: &Path, error: &std::io::Error| format!("{}: {error}", path.display());
        let files = match &mut self.files {
            Some(files) => files,
            empty => {
                let opened = Files::open(self.settings).map_err(|error| shown(&self.settings.path, &error))?;
                if opened.path() != self.settings.path {
                    let (asked, own) = (self.settings.path.display(), opened.path().display());
                    tracing::warn!("log: another process writes to {asked}; this one writes to {own}");
                }
                opened.path().clone_into(&mut self.shared.path.lock().unwrap_or_else(PoisonError::into_inner));
                empty.insert(opened)
            }
        };
        let done = files.append(&self.lines).map_err(|error| shown(files.path(), &error));
        if done.is_err() {
            // The folder may be made anew: path and lock are looked for again.
            self.files = None;
        }
        done
    }

    /// Counts rows that are not in the log; an empty text: the disk is left alone for a while.
    fn lose(&mut self, rows: u64, error: &str) {
        self.shared.lost.fetch_add(rows, Ordering::Relaxed);
        meter::logged("lost", rows);
        if error.is_empty() {
            return;
        }
        if self.refused.is_none() {
            tracing::error!("log: {error}; answers are given as before, and rows are counted as lost");
        }
        self.refused = Some(Instant::now());
        self.note(Some(error.to_owned()));
    }

    fn note(&self, error: Option<String>) {
        *self.shared.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// The wall clock in UTC, to the microsecond; it may go back, `run` and `seq` do not.
fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

/// Tells the runs of one log apart: the moment of the start and the process.
fn run_id() -> String {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", started.as_micros(), std::process::id())
}
