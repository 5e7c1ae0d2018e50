//! The one error type: every variant names the file or the field, and has a code that does not change.

use std::path::PathBuf;

use thiserror::Error;

/// Everything that can go wrong. The text is one line: where, what was expected, what was found, what to do.
///
/// # Examples
/// ```
/// let error = dollarbill_ml::TradeSignal::from_json("{}").unwrap_err();
/// assert_eq!(error.code(), "signal");
/// assert!(error.to_string().contains("edge_percent"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was attempted, for instance `read`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is larger than this library ever reads of its kind.
    #[error("{}: holds {bytes} bytes, the limit for this kind of file is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The configuration holds an unknown key or a wrong value. Never turned into a fallback.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// The key, dotted, and what is wrong with it.
        reason: String,
    },
    /// No configuration file was found.
    #[error("no config file: looked at {tried}; name one with --config or DOLLARBILL_ML_CONFIG")]
    ConfigMissing {
        /// The places looked at.
        tried: String,
    },
    /// A library was named (or found) that is no usable onnxruntime.
    #[error("onnxruntime library {}: {reason}", path.display())]
    Library {
        /// The library file.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// No onnxruntime library was found.
    #[error(
        "no onnxruntime library: looked at {tried}; run `make` (or `pip install onnxruntime`, 1.21 or newer), set ORT_DYLIB_PATH, or \
         set runtime.onnxruntime_library in the config"
    )]
    LibraryMissing {
        /// The places looked at.
        tried: String,
    },
    /// An artifact is missing, damaged, or not of the format this library reads.
    #[error("{}: {reason}", path.display())]
    Artifact {
        /// The file or folder.
        path: PathBuf,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// A version is not signed as `trust.policy` asks, or a key is none.
    #[error("{}: {reason}", path.display())]
    Signature {
        /// The signature, the key, or the file that is not as it was signed.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A golden case gives another answer on the engine that would serve than the original model gave.
    #[error("{}: not in parity with the original: {reason}", path.display())]
    Parity {
        /// The version folder.
        path: PathBuf,
        /// The first case that differs.
        reason: String,
    },
    /// onnxruntime failed to run a loaded model.
    #[error("model {model}: onnxruntime failed: {reason}")]
    Run {
        /// The model's name.
        model: String,
        /// What onnxruntime said.
        reason: String,
    },
    /// A trade signal holds a wrong field.
    #[error("{place}: {reason}")]
    Signal {
        /// Where the signal stands, for instance `signal` or `trades.csv: row 3`.
        place: String,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// An input of a model is missing, doubled, unknown, or of a wrong type, shape or value.
    #[error("{place}: {reason}")]
    Input {
        /// Where it stands, for instance `row 2` or `rows.csv: row 3`.
        place: String,
        /// The tensor and column, and what is wrong with them.
        reason: String,
    },
    /// A file of signals or of raw rows is not one.
    #[error("{place}: {reason}")]
    Rows {
        /// The file, and the row where there is one.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Two buffers that belong together have different lengths.
    #[error("field '{field}': needs length {expected}, has {found}")]
    Length {
        /// The argument.
        field: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// A text that is no ticker symbol.
    #[error("symbol {symbol:?}: must be 1 to 16 letters, digits, or one of . - _ ^ = $ / &")]
    Symbol {
        /// The symbol as given.
        symbol: String,
    },
    /// Too few known days for a forecast.
    #[error("{place}: needs {needed} known days, found {known}; {todo}")]
    Days {
        /// The file or symbol.
        place: String,
        /// Days the model needs.
        needed: usize,
        /// Days there are.
        known: usize,
        /// What to do about it.
        todo: String,
    },
    /// A surface file is not one, or holds nothing usable.
    #[error("{}: {reason}", path.display())]
    Surface {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The history store cannot be opened, read or written.
    #[error("history store {}: {reason}", path.display())]
    History {
        /// The SQLite file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No session of the model became free in time.
    #[error("model {model}: no session became free within {within:?}")]
    Deadline {
        /// The model's name.
        model: String,
        /// How long was waited.
        within: std::time::Duration,
    },
    /// The crate was built without what this needs.
    #[error("{what} needs the feature `{feature}`; add it to `features` of dollarbill-ml in Cargo.toml")]
    Feature {
        /// The feature.
        feature: &'static str,
        /// What needs it.
        what: &'static str,
    },
    /// The model cannot answer, and the policy forbids the fallback.
    #[error("model {model} cannot answer and the fallback is off: {cause}")]
    NoFallback {
        /// The model's name.
        model: String,
        /// Why the model cannot answer.
        cause: String,
    },
}

impl Error {
    /// A short name of the kind of error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::TooLarge { .. } => "too_large",
            Self::Config { .. } => "config",
            Self::ConfigMissing { .. } => "config_missing",
            Self::Library { .. } => "library",
            Self::LibraryMissing { .. } => "library_missing",
            Self::Artifact { .. } => "artifact",
            Self::Signature { .. } => "signature",
            Self::Parity { .. } => "parity",
            Self::Run { .. } => "run",
            Self::Signal { .. } => "signal",
            Self::Input { .. } => "input",
            Self::Rows { .. } => "rows",
            Self::Length { .. } => "length",
            Self::Symbol { .. } => "symbol",
            Self::Days { .. } => "days",
            Self::Surface { .. } => "surface",
            Self::History { .. } => "history",
            Self::Deadline { .. } => "deadline",
            Self::Feature { .. } => "feature",
            Self::NoFallback { .. } => "no_fallback",
        }
    }
}
