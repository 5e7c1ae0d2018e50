//! What the commands do.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::CommandFactory;
use dollarbill_ml::artifact::{self, Evaluator, Place};
use dollarbill_ml::{AtomicFile, Config, Error, MlService, Source, TradeSignal, batch};
use jiff::civil::Date;
use serde::Serialize;

use crate::args::{Arguments, Command};
use crate::store;

/// Rows that `evaluate` holds in memory.
const EVALUATE_CHUNK: usize = 8192;
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
        Command::Observe { surface, date } => store::observe(&config()?, &surface, date),
        Command::Days { symbol } => store::days(&config()?, symbol.as_deref()),
        Command::Forget { symbol, date } => store::forget(&config()?, &symbol, date),
        Command::Predict { surface, symbol, date, json } => {
            predict(&config()?, surface.as_deref(), symbol.as_deref(), date, json)
        }
        Command::Check { path } => check(named, path),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dollarbill-ml", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Evaluate { version, input, output } => evaluate(&place(named)?, &version, &input, &output),
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
    // The library knows the input by name only.
    let name_output = |error| match error {
        Error::Io { what: "write", source, .. } => cannot("write", output.unwrap_or(Path::new("stdout")), source),
        other => other,
    };
    if let Some(path) = output {
        let mut whole = AtomicFile::create(path)?;
        batch::classify_stream(&service, input, &mut whole, &name, |rows| progress.show(rows)).map_err(name_output)?;
        whole.commit()?;
    } else {
        let stdout = io::stdout().lock();
        batch::classify_stream(&service, input, stdout, &name, |rows| progress.show(rows)).map_err(name_output)?;
    }
    progress.finish();
    Ok(())
}

/// A line on the terminal that counts rows, for work that takes longer than two seconds.
struct Progress {
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self { started: Instant::now(), shown: None, terminal: io::stderr().is_terminal() }
    }

    fn show(&mut self, rows: u64) {
        let due = self.shown.map_or(self.started + Duration::from_secs(2), |shown| shown + Duration::from_millis(200));
        if self.terminal && Instant::now() >= due {
            self.shown = Some(Instant::now());
            let _ = write!(io::stderr(), "\r{rows} rows");
        }
    }

    fn finish(&self) {
        if self.shown.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}

fn predict(
    config: &Config,
    surface: Option<&Path>,
    symbol: Option<&str>,
    date: Option<Date>,
    json: bool,
) -> Result<(), Error> {
    // The file first: a mistake in it should not wait for the model.
    if let Some(path) = surface {
        std::fs::metadata(path).map_err(|error| cannot("read", path, error))?;
    }
    let service = MlService::open_volatility(config)?;
    let forecast = match (surface, symbol, date) {
        (Some(path), _, date) => service.forecast_file(path, date)?,
        (None, symbol, Some(date)) => service.forecast_on(symbol.unwrap_or_default(), date)?,
        (None, symbol, None) => service.forecast(symbol.unwrap_or_default())?,
    };
    // What made the fallback answer is on stderr already.
    for warning in forecast.warnings.iter().filter(|_| forecast.source == Source::Model) {
        tracing::warn!("{warning}");
    }
    if json { print_json(&forecast) } else { print_json(&forecast.short()) }
}

fn check(named: Option<&Path>, path: Option<PathBuf>) -> Result<(), Error> {
    let (place, paths) = if let Some(path) = path {
        (place(named)?, artifact::installed(&path)?)
    } else {
        let config = Config::find(named)?;
        let models = [&config.signal_classifier, &config.volatility_predictor].into_iter();
        (Place::of(&config), models.filter(|model| model.enabled).map(|model| model.model_path.clone()).collect())
    };
    if paths.is_empty() {
        let _ = writeln!(io::stderr(), "nothing to check: the config switches every model off");
    }
    let mut failures = Vec::new();
    for path in paths {
        match artifact::check(&path, &place) {
            Ok(found) => print(&format!(
                "{} {}: in parity, {} golden cases, largest difference {:e}\n",
                found.model, found.version, found.cases, found.largest_difference
            ))?,
            Err(error) => failures.push(error),
        }
    }
    // The last decides the exit code: what could not be checked weighs more than what is not in parity.
    failures.sort_by_key(|error| !matches!(error, Error::Parity { .. }));
    let last = failures.pop();
    for error in failures {
        let _ = writeln!(io::stderr(), "error: {error}");
    }
    last.map_or(Ok(()), Err)
}

/// Where the library is looked for when no config is needed.
fn place(named: Option<&Path>) -> Result<Place, Error> {
    match Config::find(named) {
        Ok(config) => Ok(Place::of(&config)),
        Err(Error::ConfigMissing { .. }) => Ok(Place::below(Path::new("."))),
        Err(error) => Err(error),
    }
}

fn evaluate(place: &Place, version: &Path, input: &Path, output: &Path) -> Result<(), Error> {
    const SIZE: usize = size_of::<f64>();
    let evaluator = Evaluator::open(version, place)?;
    let file = File::open(input).map_err(|source| cannot("read", input, source))?;
    let found = file.metadata().map_err(|source| cannot("read", input, source))?;
    if !found.is_file() {
        let reason = "is no regular file, so that its length is not known".to_owned();
        return Err(Error::Rows { place: input.display().to_string(), reason });
    }
    let bytes = found.len();
    let row = (evaluator.row_width() * SIZE) as u64;
    if bytes % row != 0 {
        let reason = format!("holds {bytes} bytes, which is no whole number of rows of {row} bytes");
        return Err(Error::Rows { place: input.display().to_string(), reason });
    }
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut writer = BufWriter::with_capacity(1 << 20, AtomicFile::create(output)?);
    let mut left = usize::try_from(bytes / row).unwrap_or(usize::MAX);
    let mut buffer = Vec::new();
    let (mut rows, mut answers) = (Vec::new(), Vec::new());
    while left > 0 {
        let count = left.min(EVALUATE_CHUNK);
        left -= count;
        buffer.resize(count * evaluator.row_width() * SIZE, 0);
        reader.read_exact(&mut buffer).map_err(|source| cannot("read", input, source))?;
        rows.clear();
        rows.extend(buffer.as_chunks::<SIZE>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
        answers.resize(count * evaluator.answer_width(), 0.0);
        evaluator.evaluate(&rows, &mut answers)?;
        for answer in &answers {
            writer.write_all(&answer.to_le_bytes()).map_err(|source| cannot("write", output, source))?;
        }
    }
    let file = writer.into_inner().map_err(|error| cannot("write", output, error.into_error()))?;
    file.commit()
}

fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|error| cannot("write", "stdout", io::Error::other(error)))?;
    print(&(text + "\n"))
}

pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|source| cannot("write", "stdout", source))
}

fn cannot(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
    Error::Io { what, path: path.as_ref().to_path_buf(), source }
}
