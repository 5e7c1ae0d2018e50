//! What commands print, and how they say that it could not be done.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use dollarbill_ml::{AtomicFile, Error};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|error| cannot("write", "stdout", io::Error::other(error)))?;
    print(&(text + "\n"))
}

pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|source| cannot("write", "stdout", source))
}

pub(crate) fn cannot(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
    Error::Io { what, path: path.as_ref().to_path_buf(), source }
}

/// A file that appears whole or not at all; a signal that ends the process takes the unfinished one away first.
pub(crate) fn create(path: &Path) -> Result<AtomicFile, Error> {
    remove_unfinished_on_signals().map_err(|source| cannot("write", path, source))?;
    AtomicFile::create(path)
}

/// Lets `work` write to a file that appears whole or not at all, packed where its name ends in `.gz`; or to stdout.
pub(crate) fn write_whole<T>(
    output: Option<&Path>,
    work: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
) -> Result<T, Error> {
    let named = |error| name_output(error, output);
    let Some(path) = output else { return work(&mut io::stdout().lock()).map_err(named) };
    let mut whole = create(path)?;
    let done = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz")) {
        let mut packed = GzEncoder::new(BufWriter::with_capacity(1 << 16, &mut whole), Compression::default());
        let done = work(&mut packed).map_err(named)?;
        let finished = packed.finish().and_then(|mut buffer| buffer.flush());
        finished.map_err(|source| cannot("write", path, source))?;
        done
    } else {
        work(&mut whole).map_err(named)?
    };
    whole.commit()?;
    Ok(done)
}

#[cfg(unix)]
fn remove_unfinished_on_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let heard = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = signal_hook::iterator::Signals::new(heard)?;
    std::thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            AtomicFile::remove_unfinished();
            // Ends the process as the signal would have.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// Whether the process was started deaf to a signal, as by `nohup`, which must stay so. Only Linux tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(not(unix))]
fn remove_unfinished_on_signals() -> io::Result<()> {
    Ok(())
}

/// The library knows the input of a stream by name only: an error of writing is of the output.
fn name_output(error: Error, output: Option<&Path>) -> Error {
    match error {
        Error::Io { what: "write", source, .. } => cannot("write", output.unwrap_or(Path::new("stdout")), source),
        other => other,
    }
}

/// A line on the terminal that counts rows, for work that takes longer than two seconds.
pub(crate) struct Progress {
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), shown: None, terminal: io::stderr().is_terminal() }
    }

    pub(crate) fn show(&mut self, rows: u64) {
        let due = self.shown.map_or(self.started + Duration::from_secs(2), |shown| shown + Duration::from_millis(200));
        if self.terminal && Instant::now() >= due {
            self.shown = Some(Instant::now());
            let _ = write!(io::stderr(), "\r{rows} rows");
        }
    }

    pub(crate) fn finish(&self) {
        if self.shown.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
