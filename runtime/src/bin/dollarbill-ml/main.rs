//! The command line: numbers and JSON on stdout, everything else on stderr.
//!
//! Exit codes: 0 done, 1 a model is not in parity, 2 it could not be done, 3 a fallback answered for a broken model.

mod args;
mod artifacts;
mod chain;
mod commands;
mod out;
mod run_model;
mod serve;
mod store;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use dollarbill_ml::Error;

use crate::commands::Done;

fn main() -> ExitCode {
    // Of a damaged file the decoder of Parquet may give up, which is caught and becomes an error of one line.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |what| {
        if !what.location().is_some_and(|place| place.file().contains("parquet-")) {
            usual(what);
        }
    }));
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let level = if arguments.verbose { tracing::Level::DEBUG } else { tracing::Level::WARN };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(level)
        .without_time()
        .with_target(arguments.verbose)
        .with_ansi(false)
        .init();
    match commands::run(arguments) {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::ByFallback) => ExitCode::from(3),
        // The reader of our output has gone: nobody is left to tell, but the answer was not delivered.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", one_line(&error.to_string()));
            ExitCode::from(if matches!(error, Error::Parity { .. }) { 1 } else { 2 })
        }
    }
}

/// Help goes to stdout as it is; a mistake is one line, with clap's hint where it has one.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let (what, rest) = text.split_once("\n\nUsage: ").unwrap_or((&text, ""));
    // "dollarbill-ml predict [OPTIONS] ...": the command whose help is of use.
    let mut words = rest
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    let command = words.next().filter(|word| !word.starts_with('-')).map(|word| format!("{word} ")).unwrap_or_default();
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ").replace(" tip: ", "; ");
    let _ = writeln!(io::stderr(), "{}; try `dollarbill-ml {command}--help`", one_line(&what));
    ExitCode::from(2)
}

/// The most characters of a message: names from a file can be of any length.
const LONGEST_MESSAGE: usize = 2000;

/// One line that a terminal shows as it is: names from a file may hold line breaks, escape sequences, marks that turn
/// the direction of writing.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for character in message.chars().take(LONGEST_MESSAGE) {
        match character {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(character.escape_unicode());
            }
            _ if character.is_control() => line.extend(character.escape_debug()),
            _ => line.push(character),
        }
    }
    if message.chars().nth(LONGEST_MESSAGE).is_some() {
        line.push_str(" ...");
    }
    line
}
