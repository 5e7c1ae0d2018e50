//! Every key that a config may hold, and the search for one that it may not.

use serde_json::Value;

use crate::config::key::{ANY, Key, Kind, check_value, key, optional};
use crate::engine::choice::EngineChoice;
use crate::io::text::nearest;
use crate::models::keys::{MODELS, WITHOUT_A_FACE};

/// Every key but those of the models. Those that only the engine or the training uses are checked and passed over.
const KEYS: &[Key] = &[
    key("ml_integration", Kind::Section),
    key("ml_integration.enabled", Kind::Switch),
    key("ml_integration.fallback_to_traditional", Kind::Switch),
    key("ml_integration.fallback_may_trade", Kind::Switch),
    key("ml_integration.fallback_exit_code_zero", Kind::Switch),
    key("ml_integration.confidence_threshold", Kind::Number(0.0, 1.0)),
    key("ml_integration.risk_score_threshold", Kind::Number(0.0, 1.0)),
    key("ml_integration.max_signals_to_enhance", Kind::Whole(0, ANY)),
    key("models", Kind::Section),
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
    optional("runtime.engine", Kind::Word(&EngineChoice::WORDS)),
    optional("runtime.lanes", Kind::Whole(1, 256)),
    optional("runtime.data_dir", Kind::Path),
    optional("runtime.history_path", Kind::Path),
    optional("runtime.calendar", Kind::Calendar),
    optional("runtime.log", Kind::Section),
    optional("runtime.log.path", Kind::Path),
    optional("runtime.log.max_mb", Kind::Number(0.01, 4096.0)),
    optional("runtime.log.files", Kind::Whole(1, 1000)),
    optional("runtime.log.queue_mb", Kind::Number(0.01, 1024.0)),
    key("gate", Kind::Section),
    key("gate.margin", Kind::Number(0.0, 1.0)),
    key("gate.confidence", Kind::Within(0.5, 1.0)),
    key("gate.latency_ratio", Kind::Number(1.0, 1000.0)),
    key("gate.largest_mb", Kind::Number(0.1, 64.0)),
    key("trust", Kind::Section),
    key("trust.policy", Kind::Word(&["off", "warn", "require"])),
    key("trust.keys", Kind::Texts),
    key("trust.revoked", Kind::Texts),
    optional("trust.counter", Kind::Path),
    key("drift", Kind::Section),
    key("drift.psi", Kind::Number(0.0, 10.0)),
    key("drift.ks", Kind::Number(0.0, 1.0)),
    key("drift.outside", Kind::Number(0.0, 1.0)),
    key("drift.novelty", Kind::Number(0.0, 1.0)),
    key("drift.fallback", Kind::Number(0.0, 1.0)),
    key("drift.calibration", Kind::Number(0.0, 1.0)),
    key("drift.least_rows", Kind::Whole(10, 1_000_000)),
];

/// The keys that each model has, before its own.
const OF_EACH_MODEL: [Key; 3] =
    [key("enabled", Kind::Switch), key("model_path", Kind::Model), optional("shadow", Kind::Version)];

/// All keys with their whole paths, those of the models in their place.
fn all() -> Vec<(String, Key)> {
    let mut all = Vec::new();
    for one in KEYS {
        all.push((one.path.to_owned(), *one));
        if one.path != "models" {
            continue;
        }
        for (model, own) in MODELS.iter().chain(&WITHOUT_A_FACE) {
            let section = format!("models.{model}");
            all.push((section.clone(), key("", Kind::Section)));
            all.extend(OF_EACH_MODEL.iter().chain(*own).map(|one| (format!("{section}.{}", one.path), *one)));
        }
    }
    all
}

/// Checks every key of a config; the error names the path of the key.
pub(crate) fn check_all(config: &Value) -> Result<(), String> {
    check_section("", config, &all())
}

/// Checks all keys of a section that is known to be an object.
fn check_section(prefix: &str, section: &Value, known: &[(String, Key)]) -> Result<(), String> {
    for (name, value) in section.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let (_, key) =
            known.iter().find(|(known, _)| *known == path).ok_or_else(|| unknown_key(prefix, name, &path, known))?;
        if value.is_null() && key.nullable {
            continue;
        }
        check_value(&path, *key, value).map_err(|reason| format!("field '{path}': {reason}"))?;
        if matches!(key.kind, Kind::Section) {
            check_section(&path, value, known)?;
        }
    }
    Ok(())
}

fn unknown_key(prefix: &str, name: &str, path: &str, known: &[(String, Key)]) -> String {
    let depth = if prefix.is_empty() { "" } else { "." };
    let start = format!("{prefix}{depth}");
    let known: Vec<_> =
        known.iter().filter_map(|(path, _)| path.strip_prefix(&start)).filter(|rest| !rest.contains('.')).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown key '{path}'; did you mean '{near}'?"),
        None => format!("unknown key '{path}'; known here: {}", known.join(", ")),
    }
}
