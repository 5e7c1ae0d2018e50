//! What can be asked for, with examples.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use dollarbill_ml::EngineChoice;
use dollarbill_ml::surface::Calendar;
use jiff::civil::Date;

const EXAMPLES: &str = r#"Examples:
  dollarbill-ml classify '{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5,
                           "volume": 1200, "open_interest": 8500, "days_to_expiry": 45}'
  dollarbill-ml classify-batch signals.csv -o answers.csv
  dollarbill-ml observe data/tsla_vol_surface.csv --date 2026-03-06
  dollarbill-ml observe snapshots/
  dollarbill-ml predict --symbol TSLA
  dollarbill-ml signals chain.csv --model-iv 0.3 | dollarbill-ml classify-batch -
  dollarbill-ml run artifacts/churn customers.csv -o answers.csv
  tail -f signals.ndjson | dollarbill-ml serve --log data/live.ndjson
  dollarbill-ml check

Exit codes: 0 done, 1 a model is not in parity with its original, 2 it could not be done, 3 the answer of `classify` or
`predict` without --json is a fallback's because the installed model is broken."#;

const SIGNALS_EXAMPLES: &str = r"Examples:
  dollarbill-ml signals spy_2024-01-05.csv | dollarbill-ml classify-batch -
  dollarbill-ml signals quotedata.csv --model-iv 0.22 -o signals.csv
  dollarbill-ml signals btc.json --model-iv mark_iv --json

Beside the eight fields stand symbol, contract, date, expiry, strike, option_type, bid, ask, iv and model_iv. Without
--model-iv the signals are of the newest day of the chain. docs/option_chains.md says what is left out and why.";

const RUN_EXAMPLES: &str = r#"Examples:
  dollarbill-ml run artifacts/churn                                  what it takes and gives
  dollarbill-ml run artifacts/churn '{"age": 30, "plan": "basic"}'   one row, or several, as JSON
  dollarbill-ml run artifacts/churn customers.csv -o answers.csv     the same rows with the answers
  cat rows.ndjson | dollarbill-ml run artifacts/churn -              one JSON object an answer

Fields are called as the model's columns are, or as the tensor where that has no columns; null, or an empty cell of
CSV, is a missing value. JSON gives {"<output>": value}, or {"<output>": {"<column>": value}}; CSV gains a column
<output> or <output>.<column>. The first wrong row ends it with exit 2 and one line that names row and column."#;

/// Answers trade signals and volatility surfaces with the compiled models, and any rows with any compiled model.
#[derive(Debug, Parser)]
#[command(name = "dollarbill-ml", version, about, after_help = EXAMPLES, max_term_width = 120)]
pub(crate) struct Arguments {
    /// The config file [default: `DOLLARBILL_ML_CONFIG`, else `config/ml_config.json` here or in a folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// An answer that the model cannot give is an error (exit 2), whatever the config says
    #[arg(long, global = true)]
    pub(crate) no_fallback: bool,
    /// The engine, whatever the config says: auto, native or onnxruntime
    #[arg(long, global = true, value_name = "ENGINE", value_parser = engine)]
    pub(crate) engine: Option<EngineChoice>,
    /// Which days are trading days, whatever the config says: weekdays, 24/7 or the code (MIC) of an exchange, as XNYS
    #[arg(long, global = true, value_name = "CALENDAR", value_parser = calendar)]
    pub(crate) calendar: Option<Calendar>,
    /// Log what is asked and answered to this file, whatever the config says; `off` logs nothing
    #[arg(long, global = true, value_name = "FILE|off")]
    pub(crate) log: Option<PathBuf>,
    /// Say on stderr what is going on
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn engine(word: &str) -> Result<EngineChoice, String> {
    EngineChoice::of_word(word).ok_or_else(|| format!("must be one of {}", EngineChoice::WORDS.join(", ")))
}

fn calendar(name: &str) -> Result<Calendar, String> {
    Calendar::of_name(name)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The confidence in one signal: a number with three decimals
    Classify {
        /// The signal as a JSON object with its eight fields; `-` reads it from stdin
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        signal: String,
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Signals from a CSV, NDJSON or Parquet file, plain or packed (gzip, zstd): the same rows with `confidence`, `recommendation`, `source`, `warnings`, `trained_on`
    ClassifyBatch {
        /// The file; `-` reads stdin
        file: PathBuf,
        /// Write here, whole or not at all, instead of to stdout; a name that ends in .gz is packed
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Keep surface snapshots in the history store: one file, or all files of a folder at once or none
    Observe {
        /// A snapshot, an option chain, a file with dates (every day of it), or a folder of them (tsla_2024-03-04.csv and the like)
        surface: PathBuf,
        /// The trading day that a snapshot shows [default: the date in its rows or its name]
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        date: Option<Date>,
        /// The symbol to keep of a file that holds several
        #[arg(long)]
        symbol: Option<String>,
        /// Keep what is not plausible (units that change, an index that may be a price) and say so
        #[arg(long)]
        accept: bool,
        /// A day that the store holds with other values is an error, and nothing is kept
        #[arg(long)]
        no_replace: bool,
    },
    /// The volatility forecast: four keys as JSON
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["surface", "symbol"]))]
    Predict {
        /// A surface file with dates, or a snapshot or an option chain on top of the days observed
        surface: Option<PathBuf>,
        /// A symbol: its file in the data folder and the days observed; with a file, the one to read of several in it
        #[arg(long)]
        symbol: Option<String>,
        /// The trading day that a snapshot without a date shows [default: the day of its modification time, or the
        /// last trading day before it]
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        date: Option<Date>,
        /// Print everything that is known
        #[arg(long)]
        json: bool,
        /// Answer from what is not plausible (units that change, an index that may be a price) and say so
        #[arg(long)]
        accept: bool,
    },
    /// An option chain (of Cboe, Deribit, yfinance and others) as signals: the eight fields of each tradeable quote, which
    /// `classify-batch -` takes
    #[command(after_help = SIGNALS_EXAMPLES)]
    Signals {
        /// The chain: CSV, JSON or Parquet, plain or packed (gzip, zstd)
        chain: PathBuf,
        /// Write here, whole or not at all, instead of to stdout; .ndjson and .json make it JSON, .gz packs
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The model's volatility: a decimal, or the name of a column [default: the forecast surface of the symbol]
        #[arg(long, value_name = "NUMBER|COLUMN")]
        model_iv: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        what: ChainArguments,
    },
    /// An option chain as a dated surface file, on stdout
    Surface {
        /// The chain: CSV, JSON or Parquet, plain or packed (gzip, zstd)
        chain: PathBuf,
        /// Write here, whole or not at all, instead of to stdout
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        what: ChainArguments,
    },
    /// What the history store holds, as CSV: each symbol, or each day of one
    Days {
        /// The symbol
        #[arg(long)]
        symbol: Option<String>,
    },
    /// Remove a day that was observed by mistake
    Forget {
        /// The symbol
        #[arg(long)]
        symbol: String,
        /// The day
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        date: Date,
    },
    /// Any compiled model: rows in, the same rows with answers out; without rows what it takes and gives
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// A model folder (its version in use), a version folder or its model.onnx
        dir: PathBuf,
        /// A file of rows (JSON, one JSON object a line, CSV or Parquet), `-` for stdin, or rows themselves as JSON
        #[arg(allow_hyphen_values = true)]
        rows: Option<String>,
        /// Write here, whole or not at all, instead of to stdout; a name that ends in .gz is packed
        #[arg(long, short, value_name = "FILE", requires = "rows")]
        output: Option<PathBuf>,
        /// What the model takes and gives
        #[arg(long, conflicts_with = "rows")]
        signature: bool,
    },
    /// Signals as they come on stdin, one JSON object a line; the whole answer of each on stdout, and new versions let in
    /// meanwhile. A `tag` in the object stands in the answer, and in the log
    Serve,
    /// Integrity, contract and golden cases of what is installed
    Check {
        /// An artifacts folder, a model folder or a version folder [default: the models of the config]
        path: Option<PathBuf>,
    },
    /// A folder of any content, or one file, against its signature in the `OpenSSF` model-signing format
    CheckSignature {
        /// What was signed
        path: PathBuf,
        /// The signature
        #[arg(long, value_name = "FILE")]
        signature: PathBuf,
        /// A public key that is trusted (PEM); may be given again
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
        /// A public key that is trusted no more; may be given again
        #[arg(long, value_name = "FILE")]
        revoked: Vec<PathBuf>,
        /// Let pass what the signature does not name
        #[arg(long)]
        ignore_unsigned_files: bool,
    },
    /// A completion script for a shell, on stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Raw rows through a model, without validation (little-endian float64 in and out, or named tensors as JSON): for
    /// proof of parity
    Evaluate {
        /// A version folder
        version: PathBuf,
        /// The rows: float64, or what ends in .json: {"<tensor>": nested list} as in golden/cases.json
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Where the answers go
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// How a chain is read.
#[derive(Debug, clap::Args)]
pub(crate) struct ChainArguments {
    /// Interest a year (0.04 is 4 %), for expiries whose discount the chain does not tell
    #[arg(long, default_value_t = 0.0, value_parser = rate, allow_negative_numbers = true)]
    pub(crate) rate: f64,
    /// The symbol, of a file that holds several or names none
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// The day of the quotes, of a file that does not say it
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) date: Option<Date>,
    /// Use what is drastic (a spot that contradicts the options' prices) and say so
    #[arg(long)]
    pub(crate) accept: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number, as 0.04".to_owned())?;
    if (-0.2..=1.0).contains(&rate) { Ok(rate) } else { Err("must lie in -0.2..1; 0.04 is 4 %".to_owned()) }
}

/// A day as `--date` takes it: in one form only, so that no other could be meant.
fn day(text: &str) -> Result<Date, String> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !shaped {
        return Err("must be YYYY-MM-DD".to_owned());
    }
    text.parse().map_err(|_| "is not a day of the calendar".to_owned())
}
