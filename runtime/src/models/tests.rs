//! The config as a whole: the models' own keys beside those of all.

use std::path::Path;

use serde_json::Value;

use crate::config::settings::Config;

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
    assert_eq!(config.cache_size(), Some(1000));
    assert!((config.trade_threshold() - 0.7).abs() < 1e-15);
    assert_eq!(config.models["signal_classifier"].model_path, Path::new("/root/artifacts/signal_classifier"));
}

#[test]
fn one_switch_turns_both_models_off() {
    let value = serde_json::json!({"ml_integration": {"enabled": false}});
    let config = Config::from_value(&value, Path::new("/root")).unwrap();
    assert!(config.models.len() == 2 && config.models.values().all(|model| !model.enabled));
}

#[test]
fn a_model_without_a_face_has_its_section_and_no_other_keys() {
    let read = |own: &str| {
        let value = serde_json::json!({"models": {"news_sentiment": {"enabled": true, own: null}}});
        Config::from_value(&value, Path::new("/root"))
    };
    assert!(read("shadow").is_ok());
    assert!(read("threshold").unwrap_err().contains("models.news_sentiment.threshold"));
}
