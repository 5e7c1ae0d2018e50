//! The library as an engine uses it: many threads, one handle.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "tests")]

mod support;

use dollarbill_ml::{Config, MlService, Source, TradeSignal};
use proptest::prelude::*;
use support::{House, library};

fn open(house: &House) -> MlService {
    let mut config = Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(std::fs::canonicalize(library()).unwrap());
    config.lanes = 2;
    MlService::open_signals(&config).unwrap()
}

prop_compose! {
    fn signal()(
        edge_percent in -100.0..1e3_f64, delta in -1.0..=1.0_f64, gamma in 0.0..1.0_f64, vega in 0.0..1e3_f64,
        theta in -1e4..1e4_f64, volume in 0..1_000_000_u64, open_interest in 0..1_000_000_u64,
        days_to_expiry in 0..=3650_u32,
    ) -> TradeSignal {
        TradeSignal { edge_percent, delta, gamma, vega, theta, volume, open_interest, days_to_expiry }
    }
}

#[test]
fn any_signal_within_limits_gives_a_probability_alone_as_in_a_batch() {
    let house = House::new();
    let service = open(&house);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    runner
        .run(&proptest::collection::vec(signal(), 1..300), |signals| {
            let mut answers = Vec::new();
            service.classify_batch(&signals, &mut answers).unwrap();
            prop_assert_eq!(answers.len(), signals.len());
            for (signal, answer) in signals.iter().zip(&answers) {
                prop_assert!((0.0..=1.0).contains(&answer.confidence));
                prop_assert_eq!(answer.source, Source::Model);
                prop_assert_eq!(service.classify(signal).unwrap(), *answer);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn many_threads_get_the_answers_of_one() {
    fn shared<T: Send + Sync + Clone>(value: &T) -> T {
        value.clone()
    }
    let house = House::new();
    let service = open(&house);
    let signals: Vec<_> = (0..200)
        .map(|i| TradeSignal {
            edge_percent: f64::from(i) * 0.2,
            delta: f64::from(i % 20) / 20.0,
            gamma: 0.01,
            vega: f64::from(i),
            theta: -f64::from(i % 50),
            volume: 10 * u64::from(i),
            open_interest: 50 * u64::from(i),
            days_to_expiry: i % 90,
        })
        .collect();
    let expected: Vec<_> = signals.iter().map(|signal| service.classify(signal).unwrap()).collect();
    std::thread::scope(|scope| {
        for start in 0..8 {
            let (service, signals, expected) = (shared(&service), &signals, &expected);
            scope.spawn(move || {
                for i in 0..2000 {
                    let index = (start * 31 + i * 7) % signals.len();
                    assert_eq!(service.classify(&signals[index]).unwrap(), expected[index]);
                }
            });
        }
    });
}

#[test]
fn a_signal_beyond_the_limits_is_an_error_and_never_an_answer() {
    let house = House::new();
    let service = open(&house);
    let good = TradeSignal::from_json(support::SIGNAL).unwrap();
    for (bad, field) in [
        (TradeSignal { delta: f64::NAN, ..good }, "delta"),
        (TradeSignal { edge_percent: f64::INFINITY, ..good }, "edge_percent"),
        (TradeSignal { gamma: -0.1, ..good }, "gamma"),
        (TradeSignal { volume: u64::MAX, ..good }, "volume"),
        (TradeSignal { days_to_expiry: 5000, ..good }, "days_to_expiry"),
    ] {
        let error = service.classify(&bad).unwrap_err();
        assert_eq!(error.code(), "signal");
        assert!(error.to_string().contains(field), "{error}");
        let mut answers = Vec::new();
        let error = service.classify_batch(&[good, bad], &mut answers).unwrap_err();
        assert!(error.to_string().starts_with("signal 1: ") && answers.is_empty(), "{error}");
    }
}

#[test]
fn an_empty_batch_has_no_answers() {
    let house = House::new();
    let mut answers = Vec::new();
    open(&house).classify_batch(&[], &mut answers).unwrap();
    assert!(answers.is_empty());
}
