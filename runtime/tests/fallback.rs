//! A fallback never trades by accident, and never passes for the model.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use dollarbill_ml::{Config, MlService, Recommendation, Source, TradeSignal, Warning};
use serde_json::{Value, json};
use support::{House, SIGNAL, library, repository};

const MODELS: [&str; 2] = ["signal_classifier", "volatility_predictor"];

/// A house whose models are refused when they are loaded.
fn broken() -> House {
    let house = House::new();
    for model in MODELS {
        house.remake(model, |manifest| manifest["task"] = "oracle".into());
    }
    fs::copy(repository().join("tests/data/surfaces/dated.csv"), house.path("abc.csv")).unwrap();
    house
}

fn allow(house: &House, key: &str) {
    house.configure(|config| config["ml_integration"] = json!({key: true}));
}

#[test]
fn the_short_forms_exit_3_and_print_the_answer_when_the_installed_model_is_broken() {
    let house = broken();
    for (arguments, printed) in [(["classify", SIGNAL], "0.741\n"), (["predict", "abc.csv"], "{\"current_avg_iv\":")] {
        let done = house.run(&arguments);
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        assert!(done.stdout.starts_with(printed), "{}", done.stdout);
        assert!(done.stderr.contains("field 'task'"), "{}", done.stderr);
        // The whole answer says itself who gave it.
        assert!(house.run(&[arguments[0], "--json", arguments[1]]).good().contains("\"fallback\""));
        assert_eq!(house.run(&[arguments[0], "--no-fallback", arguments[1]]).code, Some(2));
    }
    allow(&house, "fallback_exit_code_zero");
    assert_eq!(house.run(&["classify", SIGNAL]).good(), "0.741\n");
    house.run(&["predict", "abc.csv"]).good();
}

#[test]
fn a_model_that_the_config_switches_off_is_no_broken_installation() {
    let house = broken();
    for model in MODELS {
        house.configure(|config| config["models"][model]["enabled"] = false.into());
    }
    assert_eq!(house.run(&["classify", SIGNAL]).good(), "0.741\n");
    house.run(&["predict", "abc.csv"]).good();
}

#[test]
fn a_fallback_says_avoid_unless_the_config_lets_it_trade_one_by_one_and_in_files() {
    let house = broken();
    let why = "fallback: AVOID instead of TRADE (ml_integration.fallback_may_trade allows it)";
    for (word, warned) in [("AVOID", true), ("TRADE", false)] {
        if word == "TRADE" {
            allow(&house, "fallback_may_trade");
        }
        let answer: Value = serde_json::from_str(house.run(&["classify", "--json", SIGNAL]).good()).unwrap();
        assert_eq!(answer["recommendation"], word);
        assert_eq!(answer["warnings"].as_array().unwrap().contains(&why.into()), warned);
        let file = house.run_with_input(&["classify-batch", "-"], SIGNAL.as_bytes());
        let row: Value = serde_json::from_str(file.good()).unwrap();
        assert_eq!((&row["recommendation"], &row["source"]), (&answer["recommendation"], &answer["source"]));
        assert_eq!(row["warnings"], answer["warnings"]);
        let trades = u8::from(!warned);
        assert!(file.stderr.contains(&format!("1 rows, {trades} TRADE, 1 warned; 1: fallback: the model was refused")));
    }
}

#[test]
fn the_service_gives_the_same_answers_one_by_one_and_in_batches_and_says_why_the_model_is_refused() {
    let house = broken();
    let mut config = Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(library());
    let signal = TradeSignal::from_json(SIGNAL).unwrap();
    for may_trade in [false, true] {
        config.fallback_may_trade = may_trade;
        let service = MlService::open(&config).unwrap();
        assert!(service.refused("signal_classifier").unwrap().contains("field 'task'"));
        let (one, mut many) = (service.classify(&signal).unwrap(), Vec::new());
        service.classify_batch(&[signal, signal], &mut many).unwrap();
        assert_eq!(many, [one, one]);
        assert_eq!(one.source, Source::Fallback);
        assert_eq!(one.recommendation == Recommendation::Trade, may_trade);
        assert_eq!(one.warnings.iter().any(|warning| warning == Warning::FallbackMayNotTrade), !may_trade);
    }
    let whole = House::new();
    let mut config = Config::load(&whole.config()).unwrap();
    config.onnxruntime_library = Some(library());
    assert_eq!(MlService::open(&config).unwrap().refused("signal_classifier"), None);
}
