//! What the commands do.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory;
use dollarbill_ml::artifact::Place;
use dollarbill_ml::chain::ChainReading;
use dollarbill_ml::live_log::{LogHealth, LogSettings};
use dollarbill_ml::surface::{Calendar, Reading};
use dollarbill_ml::trust::Trust;
use dollarbill_ml::{Config, Error, MlService, Observing, TradeSignal, Warning, batch, open_rows};
use jiff::civil::Date;

use crate::args::{Arguments, ChainArguments, Command};
use crate::out::{Progress, cannot, print, print_json, write_whole};
use crate::{artifacts, chain, run_model, serve, store};

/// A signal on stdin is one small object.
const LONGEST_SIGNAL: u64 = 1 << 16;
/// How long a command waits for the log before it ends.
pub(crate) const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// How a command ended that could do what it was asked for.
pub(crate) enum Done {
    Well,
    /// The answer is printed, but it is a fallback's, because the installed model is broken.
    ByFallback,
}

impl Done {
    /// For the short forms, which do not say who answered.
    fn of(config: &Config, broken: bool) -> Self {
        if broken && !config.fallback_exit_code_zero { Self::ByFallback } else { Self::Well }
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<Done, Error> {
    let (named, engine, calendar) = (arguments.config.as_deref(), arguments.engine, arguments.calendar);
    let place = |place: Place| engine.into_iter().fold(place, Place::engine);
    let log = arguments.log;
    let config = || -> Result<Config, Error> {
        let mut config = Config::find(named)?;
        config.log = logged(log.as_deref(), config.log);
        config.fallback &= !arguments.no_fallback;
        // One process, one thread: more sessions would only cost start-up time.
        config.lanes = 1;
        config.engine = engine.unwrap_or(config.engine);
        config.calendar = calendar.unwrap_or(config.calendar);
        // It answers and ends: golden cases are replayed, and `check` holds the engines against each other.
        config.cross_check = false;
        Ok(config)
    };
    match arguments.command {
        Command::Classify { signal, json } => return classify(&config()?, &signal, json),
        Command::ClassifyBatch { file, output } => classify_batch(&config()?, &file, output.as_deref()),
        Command::Observe { surface, date, symbol, accept, no_replace } => {
            let how = Observing { reading: Reading { symbol, accept, calendar }, no_replace };
            store::observe(&config()?, &surface, date, &how)
        }
        Command::Days { symbol } => store::days(&config()?, symbol.as_deref()),
        Command::Forget { symbol, date } => store::forget(&config()?, &symbol, date),
        Command::Predict { surface, symbol, date, json, accept } => {
            return predict(&config()?, surface.as_deref(), &Reading { symbol, accept, calendar }, date, json);
        }
        Command::Signals { chain: file, output, model_iv, json, what } => {
            let asked = chain::Asked { file, output, model_iv, json, reading: reading_of(what, calendar, named)? };
            chain::signals(config, &asked)
        }
        Command::Surface { chain: file, output, what } => {
            chain::surface(&file, output.as_deref(), &reading_of(what, calendar, named)?)
        }
        Command::Run { dir, rows, output, signature } => {
            let rows = rows.filter(|_| !signature);
            let place = place(Place::find(named)?).cross_check(false);
            let (trust, config_log) = run_model::trust_and_log(named)?;
            let log = logged(log.as_deref(), config_log);
            run_model::run((place, trust, log), &dir, rows.as_deref(), output.as_deref())
        }
        Command::Serve => serve::serve(&config()?),
        Command::Check { path } => artifacts::check(named, path, place),
        Command::CheckSignature { path, signature, key, revoked, ignore_unsigned_files } => {
            let mut trust = Trust::require(key);
            trust.revoked = revoked;
            artifacts::check_signature(&path, &signature, &trust, ignore_unsigned_files)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dollarbill-ml", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Evaluate { version, input, output } => {
            artifacts::evaluate(&place(Place::find(named)?), &version, &input, &output)
        }
    }
    .map(|()| Done::Well)
}

/// Where answers are logged: as the command line says, else as the config does.
fn logged(asked: Option<&Path>, config: Option<LogSettings>) -> Option<LogSettings> {
    match asked {
        None => config,
        Some(path) if path == Path::new("off") => None,
        Some(path) => Some(match config {
            Some(mut settings) => {
                path.clone_into(&mut settings.path);
                settings
            }
            None => LogSettings::at(path),
        }),
    }
}

/// What is missing in the log, said before the process ends.
pub(crate) fn say_losses(flushed: bool, health: Option<&LogHealth>) {
    let Some(health) = health else { return };
    let missing = health.dropped + health.lost + if flushed { 0 } else { health.waiting };
    if missing > 0 {
        let why = health.error.as_deref().unwrap_or("they came faster than they are written");
        tracing::warn!("{missing} rows are missing in the log: {why}");
    }
}

/// A chain needs no config; where there is one, its calendar holds.
fn reading_of(what: ChainArguments, asked: Option<Calendar>, named: Option<&Path>) -> Result<ChainReading, Error> {
    let ChainArguments { rate, symbol, date, accept } = what;
    let calendar = match (asked, Config::find(named)) {
        (Some(calendar), _) => calendar,
        (None, Ok(config)) => config.calendar,
        (None, Err(Error::ConfigMissing { .. })) if named.is_none() => Calendar::default(),
        (None, Err(error)) => return Err(error),
    };
    Ok(ChainReading { symbol, date, rate, accept, calendar, model_iv: None })
}

fn classify(config: &Config, signal: &str, json: bool) -> Result<Done, Error> {
    let text = if signal == "-" { standard_input()? } else { signal.to_owned() };
    let signal = TradeSignal::from_json(text.trim())?;
    let service = MlService::open_signals(config)?;
    let answer = service.classify(&signal)?;
    say_losses(service.flush_log(LOG_PATIENCE), service.log_health().as_ref());
    for warning in answer.warnings.iter() {
        // What made the fallback answer is on stderr already.
        if !matches!(warning, Warning::ModelDisabled | Warning::ModelRefused | Warning::ModelFailed) {
            tracing::warn!("{warning}");
        }
    }
    if json {
        return print_json(&answer).map(|()| Done::Well);
    }
    print(&format!("{:.3}\n", answer.confidence))?;
    let failed = answer.warnings.iter().any(|warning| warning == Warning::ModelFailed);
    Ok(Done::of(config, failed || service.signals_refused().is_some()))
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
        (file.display().to_string(), open_rows(file)?)
    };
    let mut progress = Progress::new();
    let done =
        write_whole(output, |out| batch::classify_stream(&service, input, out, &name, |rows| progress.show(rows)))?;
    progress.finish();
    say_losses(service.flush_log(LOG_PATIENCE), service.log_health().as_ref());
    let _ = writeln!(io::stderr(), "{done}");
    Ok(())
}

fn predict(
    config: &Config,
    surface: Option<&Path>,
    reading: &Reading,
    date: Option<Date>,
    json: bool,
) -> Result<Done, Error> {
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
    say_losses(service.flush_log(LOG_PATIENCE), service.log_health().as_ref());
    // What made the fallback answer is on stderr already.
    for warning in forecast.warnings.iter().filter(|warning| !warning.starts_with("fallback: ")) {
        tracing::warn!("{warning}");
    }
    for note in &forecast.notes {
        let _ = writeln!(io::stderr(), "note: {note}");
    }
    if json {
        return print_json(&forecast).map(|()| Done::Well);
    }
    if let Some(day) = forecast.date {
        let _ = writeln!(io::stderr(), "{}: as of {day}, {} known days", forecast.symbol, forecast.known_days);
    }
    print_json(&forecast.short())?;
    Ok(Done::of(config, service.volatility_refused().is_some()))
}
