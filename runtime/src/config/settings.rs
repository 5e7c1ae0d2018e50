//! `config/ml_config.json`, in both shapes in use: every key known by name, every mistake named by its path.
//!
//! `train/config.py` reads the same file; `tests/data/config_cases.json` holds the cases on which both must agree.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::artifact::trust::settings::Trust;
use crate::artifact::version::Version;
use crate::config::known_keys::check_all;
use crate::engine::choice::EngineChoice;
use crate::error::Error;
use crate::io::files::{CONFIG_LIMIT, io_error, read_limited};
use crate::io::json;
use crate::io::text::unmarked;
use crate::models::keys::MODELS;
use crate::service::live::settings::LogSettings;
use crate::surface::calendar::Calendar;

/// The environment variable that names the config file.
const VARIABLE: &str = "DOLLARBILL_ML_CONFIG";
/// Where the file lies below the root.
const USUAL_PLACE: &str = "config/ml_config.json";

/// How one model is configured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelConfig {
    /// Whether the model answers; if not, the fallback does.
    pub enabled: bool,
    /// A model folder (with `current.json`), a version folder, or its `model.onnx`.
    pub model_path: PathBuf,
    /// A version in the same folder that answers beside the one in use, for the log alone.
    pub shadow: Option<Version>,
    /// The keys that only this model has, checked; its face reads them.
    pub(crate) own: Map<String, Value>,
}

/// The checked configuration. Paths are absolute or relative to the working directory, ready for use.
///
/// # Examples
/// ```
/// use dollarbill_ml::Config;
/// let config = Config::find(None)?;
/// assert!(config.trade_threshold() > 0.0);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The folder that relative paths start from: the one that holds `config/`, else the file's own.
    pub root: PathBuf,
    /// The models that have a face of their own, by name.
    pub models: BTreeMap<String, ModelConfig>,
    /// The threshold of all models that have none of their own.
    pub(crate) confidence_threshold: Option<f64>,
    /// Whether the fallback answers when a model cannot; otherwise that is an error.
    pub fallback: bool,
    /// Whether TRADE may come from a fallback; otherwise it is AVOID with a warning.
    pub fallback_may_trade: bool,
    /// Whether the short form of the command line exits 0, and not 3, when a fallback stands in for a broken model.
    pub fallback_exit_code_zero: bool,
    /// The onnxruntime library that the config names.
    pub onnxruntime_library: Option<PathBuf>,
    /// Which engine runs the models.
    pub engine: EngineChoice,
    /// Whether, with `auto`, native is held against onnxruntime at load where that is there. Not a key of the file: the
    /// binary switches it off for commands that answer once.
    pub cross_check: bool,
    /// How many sessions each model has: as many calls run at the same time.
    pub lanes: usize,
    /// Where `<symbol>_vol_surface.csv` files lie.
    pub data_dir: PathBuf,
    /// The history store.
    pub history_path: PathBuf,
    /// Whose versions are loaded.
    pub trust: Trust,
    /// Where answers are logged, if they are.
    pub log: Option<LogSettings>,
    /// Which days are trading days.
    pub calendar: Calendar,
}

impl Config {
    /// How the model of this name is configured; `None` for a model that has no face here.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelConfig> {
        self.models.get(name)
    }

    /// The same, to be changed.
    pub fn model_mut(&mut self, name: &str) -> Option<&mut ModelConfig> {
        self.models.get_mut(name)
    }

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
        let here = env::current_dir().map_err(io_error("read", Path::new(".")))?;
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
        let value = json::parse(unmarked(&bytes)).map_err(refuse)?;
        let config = Self::from_value(&value, &root_of(path)).map_err(refuse)?;
        Ok(Self { path: path.to_path_buf(), ..config })
    }

    pub(crate) fn from_value(value: &Value, root: &Path) -> Result<Self, String> {
        if !value.is_object() {
            return Err("must hold a JSON object with sections such as 'models'".to_owned());
        }
        check_all(value)?;
        Ok(Self::of_checked(value, root))
    }

    /// From a value that was checked; whatever it does not say is as usual.
    pub(crate) fn of_checked(value: &Value, root: &Path) -> Self {
        let found = |path: &str| lookup(value, path);
        let switch = |path: &str, default| found(path).and_then(Value::as_bool).unwrap_or(default);
        let whole = |path: &str| found(path).and_then(Value::as_u64);
        let path = |key: &str, default: &str| root.join(found(key).and_then(Value::as_str).unwrap_or(default));
        let enabled = switch("ml_integration.enabled", true);
        let own = |name: &str| {
            let section = found("models").and_then(|models| models.get(name)).and_then(Value::as_object);
            section.cloned().unwrap_or_default()
        };
        let models = MODELS.iter().map(|(name, _)| {
            let model = ModelConfig {
                enabled: enabled && switch(&format!("models.{name}.enabled"), true),
                model_path: path(&format!("models.{name}.model_path"), &format!("artifacts/{name}")),
                shadow: found(&format!("models.{name}.shadow"))
                    .and_then(Value::as_str)
                    .and_then(|version| version.parse().ok()),
                own: own(name),
            };
            ((*name).to_owned(), model)
        });
        Self {
            path: PathBuf::new(),
            root: root.to_path_buf(),
            models: models.collect(),
            confidence_threshold: found("ml_integration.confidence_threshold").and_then(Value::as_f64),
            fallback: switch("ml_integration.fallback_to_traditional", true),
            fallback_may_trade: switch("ml_integration.fallback_may_trade", false),
            fallback_exit_code_zero: switch("ml_integration.fallback_exit_code_zero", false),
            onnxruntime_library: found("runtime.onnxruntime_library").and_then(Value::as_str).map(PathBuf::from),
            engine: found("runtime.engine").and_then(Value::as_str).and_then(EngineChoice::of_word).unwrap_or_default(),
            cross_check: true,
            lanes: whole("runtime.lanes").and_then(|lanes| usize::try_from(lanes).ok()).unwrap_or_else(default_lanes),
            data_dir: path("runtime.data_dir", "data"),
            history_path: path("runtime.history_path", "data/vol_history.sqlite"),
            trust: Trust::of_checked(found("trust"), root),
            log: found("runtime.log").map(|section| LogSettings::of_checked(section, root)),
            calendar: found("runtime.calendar")
                .and_then(Value::as_str)
                .and_then(|name| Calendar::of_name(name).ok())
                .unwrap_or_default(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_from_the_folder_that_holds_config() {
        assert_eq!(root_of(Path::new("/a/config/ml_config.json")), Path::new("/a"));
        assert_eq!(root_of(Path::new("/a/other.json")), Path::new("/a"));
    }
}
