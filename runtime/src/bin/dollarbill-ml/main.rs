//! The command line: numbers and JSON on stdout, everything else on stderr.
//!
//! Exit codes: 0 done, 1 a model is not in parity, 2 it could not be done.

mod args;
mod commands;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use dollarbill_ml::Error;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let level = if arguments.verbose { tracing::Level::DEBUG } else { tracing::Level::WARN };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(level)
        .without_time()
        .with_target(arguments.verbose)
        .with_ansi(false)
        .init();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has seen enough.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(if matches!(error, Error::Parity { .. }) { 1 } else { 2 })
        }
    }
}
