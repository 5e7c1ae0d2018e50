//! What the commands do.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use clap::CommandFactory;
use dollarbill_ml::artifact::Place;
use dollarbill_ml::surface::Reading;
use dollarbill_ml::{AtomicFile, Config, Error, MlService, Observing, Source, TradeSignal, batch};
use jiff::civil::Date;

use crate::args::{Arguments, Command};
use crate::out::{Progress, cannot, name_output, print, print_json};
use crate::{artifacts, run_model, store};

/// A signal on stdin is one small object.
const LONGEST_SIGNAL: u64 = 1 << 16;

pub(crate) fn run(arguments: Arguments) -> Result<(), Error> {
    let named = arguments.config.as_deref();
    let config = || -> Result<Config, Error> {
        let mut config = Config::find(named)?;
        config.fallback &= !arguments.no_fallback;
        // One process, one thread: more sessions would only cost start-up time.
        config.lanes = 1;
        Ok(config)
    };
    match arguments.command {
        Command::Classify { signal, json } => classify(&config()?, &signal, json),
        Command::ClassifyBatch { file, output } => classify_batch(&config()?, &file, output.as_deref()),
        Command::Observe { surface, date, symbol, accept, no_replace } => {
            let how = Observing { reading: Reading { symbol, accept }, no_replace };
            store::observe(&config()?, &surface, date, &how)
        }
        Command::Days { symbol } => store::days(&config()?, symbol.as_deref()),
        Command::Forget { symbol, date } => store::forget(&config()?, &symbol, date),
        Command::Predict { surface, symbol, date, json, accept } => {
            predict(&config()?, surface.as_deref(), &Reading { symbol, accept }, date, json)
        }
        Command::Run { dir, rows, output, signature } => {
            let rows = rows.filter(|_| !signature);
            run_model::run(Place::find(named)?, &dir, rows.as_deref(), output.as_deref())
        }
        Command::Check { path } => artifacts::check(named, path),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dollarbill-ml", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Evaluate { version, input, output } => {
            artifacts::evaluate(&Place::find(named)?, &version, &input, &output)
        }
    }
}

fn classify(config: &Config, signal: &str, json: bool) -> Result<(), Error> {
    let text = if signal == "-" { standard_input()? } else { signal.to_owned() };
    let signal = TradeSignal::from_json(text.trim())?;
    let answer = MlService::open_signals(config)?.classify(&signal)?;
    // What made the fallback answer is on stderr already.
    for warning in answer.warnings.iter().filter(|_| answer.source == Source::Model) {
        tracing::warn!("{warning}");
    }
    if json { print_json(&answer) } else { print(&format!("{:.3}\n", answer.confidence)) }
}

fn standard_input() -> Result<String, Error> {
    let mut text = String::new();
    let read = io::stdin().take(LONGEST_SIGNAL + 1).read_to_string(&mut text);
    let length = read.map_err(|source| cannot("read", "stdin", source))?;
    if length as u64 > LONGEST_SIGNAL {
        let reason = format!("is longer than {LONGEST_SIGNAL} bytes, which no signal is; classify-batch reads files");
        return Err(Error::Signal { place: "stdin".to_owned(), reason });
    }
    Ok(text)
}

fn classify_batch(config: &Config, file: &Path, output: Option<&Path>) -> Result<(), Error> {
    let service = MlService::open_signals(config)?;
    let (name, input): (String, Box<dyn BufRead>) = if file == Path::new("-") {
        ("stdin".to_owned(), Box::new(io::stdin().lock()))
    } else {
        let input = File::open(file).map_err(|source| cannot("read", file, source))?;
        (file.display().to_string(), Box::new(BufReader::with_capacity(1 << 16, input)))
    };
    let mut progress = Progress::new();
    if let Some(path) = output {
        let mut whole = AtomicFile::create(path)?;
        batch::classify_stream(&service, input, &mut whole, &name, |rows| progress.show(rows))
            .map_err(|error| name_output(error, output))?;
        whole.commit()?;
    } else {
        let stdout = io::stdout().lock();
        batch::classify_stream(&service, input, stdout, &name, |rows| progress.show(rows))
            .map_err(|error| name_output(error, output))?;
    }
    progress.finish();
    Ok(())
}

fn predict(
    config: &Config,
    surface: Option<&Path>,
    reading: &Reading,
    date: Option<Date>,
    json: bool,
) -> Result<(), Error> {
    // The file first: a mistake in it should not wait for the model.
    if let Some(path) = surface {
        std::fs::metadata(path).map_err(|error| cannot("read", path, error))?;
    }
    let service = MlService::open_volatility(config)?;
    let symbol = reading.symbol.as_deref().unwrap_or_default();
    let forecast = match (surface, date) {
        (Some(path), date) => service.forecast_file_as(path, date, reading)?,
        (None, date) if reading.accept => service.forecast_accepted(symbol, date)?,
        (None, Some(date)) => service.forecast_on(symbol, date)?,
        (None, None) => service.forecast(symbol)?,
    };
    // What made the fallback answer is on stderr already.
    for warning in forecast.warnings.iter().filter(|warning| !warning.starts_with("fallback: ")) {
        tracing::warn!("{warning}");
    }
    for note in &forecast.notes {
        let _ = writeln!(io::stderr(), "note: {note}");
    }
    if let (Some(day), false) = (forecast.date, json) {
        let _ = writeln!(io::stderr(), "{}: as of {day}, {} known days", forecast.symbol, forecast.known_days);
    }
    if json { print_json(&forecast) } else { print_json(&forecast.short()) }
}
