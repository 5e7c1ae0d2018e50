//! `config/ml_config.json`, in both shapes in use: every key known by name, every mistake named by its path.
//!
//! `train/config.py` reads the same file; `tests/data/config_cases.json` holds the cases on which both must agree.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::files::{CONFIG_LIMIT, read_limited};
use crate::json;
use crate::signal::SIGNAL_FIELDS;
use crate::text::nearest;

/// The environment variable that names the config file.
const VARIABLE: &str = "DOLLARBILL_ML_CONFIG";
/// Where the file lies below the root.
const USUAL_PLACE: &str = "config/ml_config.json";

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Section,
    Switch,
    Text,
    /// A text that is not empty.
    Path,
    Texts,
    /// A list of the eight fields of a signal, in order.
    Fields,
    /// The place of a compiled model.
    Model,
    /// A whole number within inclusive limits.
    Whole(u64, u64),
    /// One of three whole numbers.
    OneOf([u64; 3]),
    /// Any number within inclusive limits.
    Number(f64, f64),
    /// Any number strictly within limits.
    Within(f64, f64),
}

struct Key {
    path: &'static str,
    kind: Kind,
    /// Whether `null` is accepted and means the same as leaving the key out.
    nullable: bool,
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, nullable: false }
}

const fn optional(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, nullable: true }
}

const ANY: u64 = u64::MAX;

/// Every key that a config may hold. Those that only the engine or the training uses are checked and passed over.
const KEYS: &[Key] = &[
    key("ml_integration", Kind::Section),
    key("ml_integration.enabled", Kind::Switch),
    key("ml_integration.fallback_to_traditional", Kind::Switch),
    key("ml_integration.confidence_threshold", Kind::Number(0.0, 1.0)),
    key("ml_integration.risk_score_threshold", Kind::Number(0.0, 1.0)),
    key("ml_integration.max_signals_to_enhance", Kind::Whole(0, ANY)),
    key("models", Kind::Section),
    key("models.signal_classifier", Kind::Section),
    key("models.signal_classifier.enabled", Kind::Switch),
    key("models.signal_classifier.model_path", Kind::Model),
    optional("models.signal_classifier.features", Kind::Fields),
    optional("models.signal_classifier.confidence_threshold", Kind::Number(0.0, 1.0)),
    key("models.signal_classifier.cache_enabled", Kind::Switch),
    key("models.signal_classifier.cache_size", Kind::Whole(1, 10_000_000)),
    key("models.volatility_predictor", Kind::Section),
    key("models.volatility_predictor.enabled", Kind::Switch),
    key("models.volatility_predictor.model_path", Kind::Model),
    key("models.volatility_predictor.sequence_length", Kind::Whole(2, 22)),
    key("models.volatility_predictor.prediction_horizon", Kind::OneOf([1, 5, 21])),
    optional("models.volatility_predictor.features", Kind::Texts),
    optional("models.sentiment_analyzer", Kind::Section),
    key("models.sentiment_analyzer.enabled", Kind::Switch),
    key("models.sentiment_analyzer.model", Kind::Text),
    key("models.sentiment_analyzer.news_sources", Kind::Texts),
    key("models.sentiment_analyzer.sentiment_threshold", Kind::Number(f64::MIN, f64::MAX)),
    key("training", Kind::Section),
    key("training.test_split", Kind::Within(0.0, 1.0)),
    key("training.random_state", Kind::Whole(0, u32::MAX as u64)),
    key("training.cv_folds", Kind::Whole(2, 50)),
    key("training.validation_split", Kind::Within(0.0, 1.0)),
    key("training.auto_train_on_startup", Kind::Switch),
    key("training.retrain_interval_days", Kind::Whole(0, ANY)),
    key("training.early_stopping_patience", Kind::Whole(1, ANY)),
    optional("performance", Kind::Section),
    key("performance.max_ml_call_timeout_seconds", Kind::Within(0.0, f64::INFINITY)),
    key("performance.parallel_processing", Kind::Switch),
    key("performance.batch_size", Kind::Whole(1, ANY)),
    key("performance.memory_cache_mb", Kind::Whole(0, ANY)),
    optional("logging", Kind::Section),
    key("logging.ml_predictions", Kind::Switch),
    key("logging.model_performance", Kind::Switch),
    key("logging.error_details", Kind::Switch),
    key("logging.prediction_cache_hits", Kind::Switch),
    key("runtime", Kind::Section),
    optional("runtime.onnxruntime_library", Kind::Path),
    optional("runtime.lanes", Kind::Whole(1, 256)),
    optional("runtime.data_dir", Kind::Path),
    optional("runtime.history_path", Kind::Path),
];

/// How one model is configured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelConfig {
    /// Whether the model answers; if not, the fallback does.
    pub enabled: bool,
    /// A model folder (with `current.json`), a version folder, or its `model.onnx`.
    pub model_path: PathBuf,
}

/// The checked configuration. Paths are absolute or relative to the working directory, ready for use.
///
/// # Examples
/// ```
/// use dollarbill_ml::Config;
/// let config = Config::find(None)?;
/// assert!(config.trade_threshold > 0.0);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The folder that relative paths start from: the one that holds `config/`, else the file's own.
    pub root: PathBuf,
    /// The signal classifier.
    pub signal_classifier: ModelConfig,
    /// The volatility predictor.
    pub volatility_predictor: ModelConfig,
    /// TRADE when the confidence is above this.
    pub trade_threshold: f64,
    /// Whether the fallback answers when a model cannot; otherwise that is an error.
    pub fallback: bool,
    /// The short forecast is this many trading days ahead.
    pub prediction_horizon: u32,
    /// How many answers the cache holds; `None`: no cache.
    pub cache_size: Option<usize>,
    /// The onnxruntime library that the config names.
    pub onnxruntime_library: Option<PathBuf>,
    /// How many sessions each model has: as many calls run at the same time.
    pub lanes: usize,
    /// Where `<symbol>_vol_surface.csv` files lie.
    pub data_dir: PathBuf,
    /// The history store.
    pub history_path: PathBuf,
}

impl Config {
    /// Finds and loads the config: the one named, else that of `DOLLARBILL_ML_CONFIG`, else `config/ml_config.json` in
    /// the working directory or the nearest folder above it.
    ///
    /// # Errors
    /// [`Error::ConfigMissing`] with the places looked at, or what [`Config::load`] gives.
    pub fn find(named: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = named {
            return Self::load(path);
        }
        if let Some(value) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            return Self::load(Path::new(&value));
        }
        let here = env::current_dir().map_err(crate::files::io_error("read", Path::new(".")))?;
        for folder in here.ancestors() {
            let path = folder.join(USUAL_PLACE);
            if path.exists() {
                return Self::load(&path);
            }
        }
        let tried = format!("{VARIABLE} (not set), {USUAL_PLACE} in {} and the folders above", here.display());
        Err(Error::ConfigMissing { tried })
    }

    /// Loads and checks a config file.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, or holds an unknown key or a wrong value; names file and key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let refuse = |reason| Error::Config { path: path.to_path_buf(), reason };
        let bytes = read_limited(path, CONFIG_LIMIT)?;
        let value = json::parse(&bytes).map_err(refuse)?;
        let config = Self::from_value(&value, &root_of(path)).map_err(refuse)?;
        Ok(Self { path: path.to_path_buf(), ..config })
    }

    pub(crate) fn from_value(value: &Value, root: &Path) -> Result<Self, String> {
        if !value.is_object() {
            return Err("must hold a JSON object with sections such as 'models'".to_owned());
        }
        check_section("", value)?;
        let found = |path| lookup(value, path);
        let switch = |path, default| found(path).and_then(Value::as_bool).unwrap_or(default);
        let number = |path| found(path).and_then(Value::as_f64);
        let whole = |path| found(path).and_then(Value::as_u64);
        let path = |key, default: &str| root.join(found(key).and_then(Value::as_str).unwrap_or(default));
        let enabled = switch("ml_integration.enabled", true);
        let cache = switch("models.signal_classifier.cache_enabled", false);
        let cache_size = whole("models.signal_classifier.cache_size").unwrap_or(1000);
        Ok(Self {
            path: PathBuf::new(),
            root: root.to_path_buf(),
            signal_classifier: ModelConfig {
                enabled: enabled && switch("models.signal_classifier.enabled", true),
                model_path: path("models.signal_classifier.model_path", "artifacts/signal_classifier"),
            },
            volatility_predictor: ModelConfig {
                enabled: enabled && switch("models.volatility_predictor.enabled", true),
                model_path: path("models.volatility_predictor.model_path", "artifacts/volatility_predictor"),
            },
            trade_threshold: number("models.signal_classifier.confidence_threshold")
                .or_else(|| number("ml_integration.confidence_threshold"))
                .unwrap_or(0.7),
            fallback: switch("ml_integration.fallback_to_traditional", true),
            prediction_horizon: small(whole("models.volatility_predictor.prediction_horizon"), 1),
            cache_size: cache.then_some(usize::try_from(cache_size).unwrap_or(1000)),
            onnxruntime_library: found("runtime.onnxruntime_library").and_then(Value::as_str).map(PathBuf::from),
            lanes: whole("runtime.lanes").and_then(|lanes| usize::try_from(lanes).ok()).unwrap_or_else(default_lanes),
            data_dir: path("runtime.data_dir", "data"),
            history_path: path("runtime.history_path", "data/vol_history.sqlite"),
        })
    }
}

fn small(value: Option<u64>, default: u32) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
}

/// As many lanes as cores, within reason: each holds a copy of the model.
fn default_lanes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// The folder that holds `config/`, or the file's own folder when it lies elsewhere.
fn root_of(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = whole.parent().unwrap_or(Path::new("/"));
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(above)) if name == "config" => above.to_path_buf(),
        _ => folder.to_path_buf(),
    }
}

fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |section, name| section.get(name)).filter(|value| !value.is_null())
}

/// Checks all keys of a section that is known to be an object.
fn check_section(prefix: &str, section: &Value) -> Result<(), String> {
    for (name, value) in section.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let key = KEYS.iter().find(|key| key.path == path).ok_or_else(|| unknown_key(prefix, name, &path))?;
        if value.is_null() && key.nullable {
            continue;
        }
        check_value(key, value).map_err(|reason| format!("field '{path}': {reason}"))?;
        if matches!(key.kind, Kind::Section) {
            check_section(&path, value)?;
        }
    }
    Ok(())
}

fn unknown_key(prefix: &str, name: &str, path: &str) -> String {
    let depth = if prefix.is_empty() { "" } else { "." };
    let start = format!("{prefix}{depth}");
    let known: Vec<_> =
        KEYS.iter().filter_map(|key| key.path.strip_prefix(&start)).filter(|rest| !rest.contains('.')).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown key '{path}'; did you mean '{near}'?"),
        None => format!("unknown key '{path}'; known here: {}", known.join(", ")),
    }
}

fn check_value(key: &Key, value: &Value) -> Result<(), String> {
    let texts = || value.as_array().map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let expected = match key.kind {
        Kind::Section => (!value.is_object()).then(|| "an object".to_owned()),
        Kind::Switch => (!value.is_boolean()).then(|| "true or false".to_owned()),
        Kind::Text => (!value.is_string()).then(|| "a text".to_owned()),
        Kind::Path => value.as_str().is_none_or(str::is_empty).then(|| "a path".to_owned()),
        Kind::Texts => (!matches!(texts(), Some(Some(_)))).then(|| "a list of texts".to_owned()),
        Kind::Fields => (texts().flatten().as_deref() != Some(SIGNAL_FIELDS.as_slice()))
            .then(|| format!("the contract's features in order: {}", SIGNAL_FIELDS.join(", "))),
        Kind::Model => return check_model_path(key, value),
        Kind::Whole(low, high) => (!value.as_u64().is_some_and(|number| (low..=high).contains(&number))).then(|| {
            if high == ANY {
                format!("a whole number of {low} or more")
            } else {
                format!("a whole number {low}..{high}")
            }
        }),
        Kind::OneOf(numbers) => {
            (!value.as_u64().is_some_and(|number| numbers.contains(&number))).then(|| format!("one of {numbers:?}"))
        }
        Kind::Number(low, high) => (!value.as_f64().is_some_and(|number| (low..=high).contains(&number)))
            .then(|| if low == f64::MIN { "a number".to_owned() } else { format!("a number {low}..{high}") }),
        Kind::Within(low, high) => (!value.as_f64().is_some_and(|number| number > low && number < high))
            .then(|| format!("a number above {low} and below {high}")),
    };
    match expected {
        None => Ok(()),
        Some(expected) => Err(format!("must be {expected}, found {}", shortened(value))),
    }
}

fn check_model_path(key: &Key, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Err(format!("must be a text, found {}", shortened(value)));
    };
    if text.is_empty() {
        return Err("must name the folder artifacts/<model>".to_owned());
    }
    let ending = Path::new(text).extension();
    if ["pkl", "h5"].iter().any(|old| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(old))) {
        let model = key.path.split('.').nth(1).unwrap_or("<model>");
        return Err(format!(
            "{text:?} is not a compiled model; run `python -m train {model} && python -m export {model} && \
             python -m verify {model}`, then set it to \"artifacts/{model}\""
        ));
    }
    Ok(())
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
    }

    #[test]
    fn rust_and_python_agree_on_every_shared_case() {
        let cases: Value = serde_json::from_slice(&read("tests/data/config_cases.json")).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let found = Config::from_value(&case["config"], Path::new("/root"));
            match (case["error"].as_str(), found) {
                (None, found) => assert!(found.is_ok(), "{}: {found:?}", case["name"]),
                (Some(part), Err(error)) => assert!(error.contains(part), "{}: {error}", case["name"]),
                (Some(_), Ok(_)) => panic!("{}: was accepted", case["name"]),
            }
        }
    }

    #[test]
    fn the_engine_s_own_config_is_known_key_by_key_and_refused_for_its_pickle_only() {
        let bytes = read("../shared/data/dollarbill/ml_config.json");
        let text = String::from_utf8(bytes).unwrap();
        let error = Config::from_value(&serde_json::from_str(&text).unwrap(), Path::new("/root")).unwrap_err();
        assert!(error.contains("models.signal_classifier.model_path") && error.contains("python -m export"), "{error}");
        let mended = text
            .replace("models/signal_classifier.pkl", "artifacts/signal_classifier")
            .replace("models/volatility_predictor.h5", "artifacts/volatility_predictor");
        let config = Config::from_value(&serde_json::from_str(&mended).unwrap(), Path::new("/root")).unwrap();
        assert_eq!(config.cache_size, Some(1000));
        assert!((config.trade_threshold - 0.7).abs() < 1e-15);
        assert_eq!(config.signal_classifier.model_path, Path::new("/root/artifacts/signal_classifier"));
    }

    #[test]
    fn one_switch_turns_both_models_off() {
        let value = serde_json::json!({"ml_integration": {"enabled": false}});
        let config = Config::from_value(&value, Path::new("/root")).unwrap();
        assert!(!config.signal_classifier.enabled && !config.volatility_predictor.enabled);
    }

    #[test]
    fn paths_start_from_the_folder_that_holds_config() {
        assert_eq!(root_of(Path::new("/a/config/ml_config.json")), Path::new("/a"));
        assert_eq!(root_of(Path::new("/a/other.json")), Path::new("/a"));
    }
}
