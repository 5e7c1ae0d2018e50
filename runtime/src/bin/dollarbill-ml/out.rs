//! What commands print, and how they say that it could not be done.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use dollarbill_ml::Error;
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

/// The library knows the input of a stream by name only: an error of writing is of the output.
pub(crate) fn name_output(error: Error, output: Option<&Path>) -> Error {
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
