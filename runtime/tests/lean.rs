//! What the crate does without any feature: the fake, days and quotes from memory, artifacts inspected, the fallback.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use dollarbill_ml::artifact::inspect;
use dollarbill_ml::surface::{DAILY_FEATURES, OptionKind, SurfaceDay, SurfaceQuote};
use dollarbill_ml::{Config, Date, Error, Fixed, MlService, Recommendation, Source, TradeSignal, Version};

const SIGNAL: TradeSignal = TradeSignal {
    edge_percent: 15.5,
    delta: 0.65,
    gamma: 0.004,
    vega: 45.2,
    theta: -8.5,
    volume: 1200,
    open_interest: 8500,
    days_to_expiry: 45,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn day(date: &str, average_iv: f64) -> SurfaceDay {
    let mut features = [f64::NAN; DAILY_FEATURES.len()];
    (features[0], features[6]) = (average_iv, 46.0);
    SurfaceDay { date: Some(date.parse().unwrap()), symbol: "ABC".to_owned(), features }
}

fn quotes() -> Vec<SurfaceQuote> {
    let strikes = [90.0, 95.0, 100.0, 105.0, 110.0];
    let quote = |strike: f64| SurfaceQuote {
        kind: if strike < 100.0 { OptionKind::Put } else { OptionKind::Call },
        strike,
        years: 0.1,
        implied_volatility: 0.3 - 0.001 * (strike - 100.0),
        volume: Some(10.0),
    };
    strikes.map(quote).into()
}

#[test]
fn a_fake_gives_its_confidence_and_is_known_by_version_and_warning() {
    let ml = MlService::fixed(Fixed::default().confidence(0.9));
    let answer = ml.classify(&SIGNAL).unwrap();
    assert_eq!((answer.confidence, answer.source, answer.recommendation), (0.9, Source::Model, Recommendation::Trade));
    assert_eq!(answer.model_version, Some(Version::FAKE));
    assert_eq!(ml.signal_version(), Some(Version::FAKE));
    assert!(answer.warnings.iter().any(|warning| warning.to_string().starts_with("fake:")));
    let mut answers = Vec::new();
    ml.classify_batch(&[SIGNAL; 3], &mut answers).unwrap();
    assert_eq!(answers, [answer; 3]);
    assert_eq!(MlService::fixed(Fixed::default().confidence(7.0)).classify(&SIGNAL).unwrap().confidence, 1.0);
    let strict = MlService::fixed(Fixed::default().confidence(0.9).trade_threshold(0.95));
    assert_eq!(strict.classify(&SIGNAL).unwrap().recommendation, Recommendation::Avoid);
}

#[test]
fn a_fake_checks_its_inputs_and_never_reloads() {
    let ml = MlService::fixed(Fixed::default().confidence(0.9).change_percent(1.0));
    assert_eq!(ml.classify(&TradeSignal { delta: 7.0, ..SIGNAL }).unwrap_err().code(), "signal");
    let error = ml.classify_batch(&[SIGNAL, TradeSignal { delta: 7.0, ..SIGNAL }], &mut Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("signal 1: "), "{error}");
    assert_eq!(ml.reload_signals().unwrap(), None);
    assert_eq!(ml.reload_volatility().unwrap(), None);
}

#[test]
fn what_a_fake_was_not_told_the_fallback_answers_or_is_forbidden_to() {
    let ml = MlService::fixed(Fixed::default());
    assert_eq!(ml.classify(&SIGNAL).unwrap().source, Source::Fallback);
    let forecast = ml.forecast_days(&[day("2024-03-04", 0.3)]).unwrap();
    assert_eq!((forecast.source, forecast.change_percent), (Source::Fallback, 0.0));
    let strict = MlService::fixed(Fixed::default().fallback(false));
    assert_eq!(strict.classify(&SIGNAL).unwrap_err().code(), "no_fallback");
    assert_eq!(strict.forecast_days(&[day("2024-03-04", 0.3)]).unwrap_err().code(), "no_fallback");
}

#[test]
fn a_fake_forecasts_its_change_from_the_newest_day() {
    let ml = MlService::fixed(Fixed::default().change_percent(-10.0));
    let forecast = ml.forecast_days(&[day("2024-03-04", 0.3), day("2024-03-05", 0.4)]).unwrap();
    assert!((forecast.predicted_avg_iv - 0.36).abs() < 1e-12);
    assert_eq!(forecast.model_version, Some(Version::FAKE));
    assert!(forecast.warnings.iter().any(|warning| warning.starts_with("fake:")));
}

#[test]
fn days_from_memory_are_refused_where_they_are_no_history() {
    let ml = MlService::fixed(Fixed::default().change_percent(1.0));
    let (one, two) = (day("2024-03-04", 0.3), day("2024-03-05", 0.3));
    let refused = |days: &[SurfaceDay], part: &str| {
        let error = ml.forecast_days(days).unwrap_err();
        assert!(error.code() == "input" && error.to_string().contains(part), "{error}");
    };
    refused(&[two.clone(), one.clone()], "day 1: 2024-03-04 comes after 2024-03-05");
    refused(&[one.clone(), one.clone()], "day 1: 2024-03-04 comes after 2024-03-04");
    refused(&[SurfaceDay { date: None, ..one.clone() }], "day 0: has no date");
    refused(&[day("2024-03-09", 0.3)], "is a Saturday or Sunday");
    refused(&[one.clone(), SurfaceDay { symbol: "XYZ".to_owned(), ..two }], "is of XYZ, day 0 of ABC");
    refused(&[day("2024-03-04", -0.3)], "avg_iv is -0.3");
    refused(&[day("2024-03-04", f64::INFINITY)], "avg_iv is inf");
    assert_eq!(ml.forecast_days(&[]).unwrap_err().code(), "days");
    assert_eq!(ml.forecast_days(&[day("2024-03-04", f64::NAN)]).unwrap_err().code(), "days");
}

#[test]
fn a_copy_of_the_day_before_is_no_day() {
    let ml = MlService::fixed(Fixed::default().change_percent(1.0));
    let days = [day("2024-03-04", 0.3), day("2024-03-05", 0.3), day("2024-03-06", 0.31)];
    assert_eq!(ml.forecast_days(&days).unwrap().known_days, 2);
}

#[test]
fn quotes_that_make_no_day_are_refused_with_their_place() {
    let date: Option<Date> = Some("2024-03-04".parse().unwrap());
    let sound = SurfaceDay::from_quotes("abc", date, 100.0, &quotes()).unwrap();
    assert_eq!((sound.symbol.as_str(), sound.features[6]), ("ABC", 5.0));
    assert!((sound.features[1] - 0.3).abs() < 1e-12);
    let refused = |change: fn(&mut SurfaceQuote), part: &str| {
        let mut quotes = quotes();
        change(&mut quotes[2]);
        let error = SurfaceDay::from_quotes("ABC", date, 100.0, &quotes).unwrap_err();
        assert!(error.code() == "input" && error.to_string().contains(part), "{error}");
    };
    refused(|quote| quote.strike = 0.0, "quote 2: strike is 0");
    refused(|quote| quote.years = f64::NAN, "quote 2: years is NaN");
    refused(|quote| quote.implied_volatility = -0.3, "quote 2: implied_volatility is -0.3");
    refused(|quote| quote.volume = Some(-1.0), "quote 2: volume is -1");
    assert_eq!(SurfaceDay::from_quotes("ABC", date, f64::INFINITY, &quotes()).unwrap_err().code(), "input");
    assert_eq!(SurfaceDay::from_quotes("ABC", date, 100.0, &quotes()[..2]).unwrap_err().code(), "input");
    assert_eq!(SurfaceDay::from_quotes("../A", date, 100.0, &quotes()).unwrap_err().code(), "symbol");
}

#[cfg(feature = "files")]
#[test]
fn quotes_from_memory_and_from_a_file_make_the_same_day_to_the_bit() {
    use std::fmt::Write;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc_2024-03-04.csv");
    let mut text = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume\n".to_owned();
    for quote in quotes() {
        let (strike, kind, moneyness) = (quote.strike, quote.kind, quote.strike / 100.0);
        writeln!(text, "ABC,{strike},{},{:?},{moneyness:?},{kind:?},10", quote.years, quote.implied_volatility)
            .unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let read = dollarbill_ml::surface::read_surface(&path).unwrap();
    let made = SurfaceDay::from_quotes("ABC", None, 100.0, &quotes()).unwrap();
    assert_eq!(read[0].features.map(f64::to_bits), made.features.map(f64::to_bits));
}

#[test]
fn an_artifact_is_inspected_without_the_library_and_a_damaged_one_refused() {
    let model = fixtures().join("artifacts/signal_classifier");
    let found = inspect(&model).unwrap();
    assert_eq!(found.model, "signal_classifier");
    assert!(found.cases > 0);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("signal_classifier").join(found.version.as_str());
    std::fs::create_dir_all(copy.join("golden")).unwrap();
    for file in ["manifest.json", "golden/cases.json", "model.onnx"] {
        std::fs::copy(found.folder.join(file), copy.join(file)).unwrap();
    }
    assert_eq!(inspect(&copy).unwrap().version, found.version);
    std::fs::write(copy.join("model.onnx"), "cut").unwrap();
    assert_eq!(inspect(&copy).unwrap_err().code(), "artifact");
}

#[test]
fn models_that_are_switched_off_leave_the_fallback() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("off.json");
    std::fs::write(&path, r#"{"ml_integration": {"enabled": false}}"#).unwrap();
    let ml = MlService::open(&Config::load(&path).unwrap()).unwrap();
    assert_eq!(ml.classify(&SIGNAL).unwrap().source, Source::Fallback);
}

#[cfg(not(feature = "ort"))]
#[test]
fn without_the_library_native_serves_and_onnxruntime_names_the_feature_that_is_missing() {
    use dollarbill_ml::EngineChoice;

    let mut config = Config::load(&fixtures().join("config/ml_config.json")).unwrap();
    assert_eq!(MlService::open(&config).unwrap().classify(&SIGNAL).unwrap().source, Source::Model);
    dollarbill_ml::Model::options().open(fixtures().join("others/numbers")).unwrap();
    config.engine = EngineChoice::Onnxruntime;
    let error = MlService::open(&config).unwrap_err();
    assert!(matches!(error, Error::Feature { feature: "ort", .. }) && error.code() == "feature", "{error:?}");
    assert!(error.to_string().contains("needs the feature `ort`"), "{error}");
}

#[cfg(feature = "ort")]
#[test]
fn with_the_feature_no_error_names_it() {
    assert_eq!(Error::Feature { feature: "ort", what: "this" }.code(), "feature");
}
