//! What must hold for months: no allocation a call, versions swapped under load, damaged artifacts refused.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dollarbill_ml::EngineChoice;
use dollarbill_ml::{Config, MlService, Recommendation, TradeSignal, Version, Warning, Watcher};
use serde_json::Value;
use support::{House, SIGNAL, library};

const MODEL: &str = "signal_classifier";

fn config(house: &House) -> Config {
    let mut config = Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(fs::canonicalize(library()).unwrap());
    config.fallback = false;
    config.lanes = 2;
    config
}

fn changed(house: &House, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config(house);
    change(&mut config);
    config
}

fn signals(count: u32) -> Vec<TradeSignal> {
    (0..count)
        .map(|i| TradeSignal {
            edge_percent: f64::from(i % 31),
            delta: f64::from(i % 17) / 17.0,
            gamma: 0.01,
            vega: f64::from(i % 80),
            theta: -f64::from(i % 50),
            volume: u64::from(i % 5000),
            open_interest: u64::from(3 * i),
            days_to_expiry: i % 90,
        })
        .collect()
}

/// The other version of the fixtures, whose answers differ.
fn second_version(house: &House) -> Version {
    let current = house.version(MODEL);
    let versions = fs::read_dir(current.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let other = versions.filter(|path| path.is_dir()).find(|path| *path != current).unwrap();
    other.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

fn point_to(house: &House, version: &str) {
    let path = house.path("artifacts/signal_classifier/current.json");
    let next = house.write("artifacts/signal_classifier/next.json", format!("{{\"version\": \"{version}\"}}"));
    fs::rename(next, path).unwrap();
}

// The labels of a metric are two small lists a call.
#[cfg(not(feature = "metrics"))]
#[test]
fn a_single_signal_is_answered_without_allocating() {
    let house = House::new();
    let service = MlService::open_signals(&config(&house)).unwrap();
    let signals = signals(500);
    let ask = || {
        for signal in &signals {
            assert_eq!(service.classify(signal).unwrap().source, dollarbill_ml::Source::Model);
        }
    };
    ask();
    let counted = allocation_counter::measure(ask);
    assert_eq!(counted.count_total, 0, "allocations in {} calls", signals.len());
}

#[test]
fn the_cache_changes_no_answer_and_zero_has_no_sign() {
    let house = House::new();
    let plain = MlService::open_signals(&config(&house)).unwrap();
    let cached = MlService::open_signals(&changed(&house, |config| config.set_cache_size(Some(100)))).unwrap();
    for _ in 0..3 {
        for signal in &signals(300) {
            assert_eq!(plain.classify(signal).unwrap(), cached.classify(signal).unwrap());
        }
    }
    let zero = TradeSignal { edge_percent: 0.0, ..signals(1)[0] };
    let minus = TradeSignal { edge_percent: -0.0, ..zero };
    assert_eq!(cached.classify(&zero).unwrap().confidence, cached.classify(&minus).unwrap().confidence);
}

#[test]
fn a_deadline_that_cannot_be_kept_is_an_error_and_one_that_can_is_not() {
    let house = House::new();
    let service = MlService::open_signals(&changed(&house, |config| {
        config.lanes = 1;
        config.engine = EngineChoice::Onnxruntime;
    }))
    .unwrap();
    let signal = signals(1)[0];
    assert_eq!(service.classify_within(&signal, Duration::from_mins(1)).unwrap(), service.classify(&signal).unwrap());
    let done = AtomicBool::new(false);
    let big = signals(200_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut out = Vec::new();
            while !done.load(Ordering::Relaxed) {
                service.classify_batch(&big, &mut out).unwrap();
            }
        });
        let mut missed = 0;
        for _ in 0..20_000 {
            match service.classify_within(&signal, Duration::ZERO) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.code(), "deadline");
                    missed += 1;
                }
            }
            if missed > 3 {
                break;
            }
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
        assert!(missed > 3);
    });
}

#[test]
fn a_new_version_is_swapped_in_and_a_bad_one_leaves_the_old() {
    let house = House::new();
    let old = house.version(MODEL).file_name().unwrap().to_str().unwrap().to_owned();
    let service = MlService::open_signals(&config(&house)).unwrap();
    assert_eq!(service.reload_signals().unwrap(), None);
    let before = service.classify(&signals(1)[0]).unwrap();
    let new = second_version(&house);
    point_to(&house, new.as_str());
    assert_eq!(service.reload_signals().unwrap(), Some(new));
    assert_ne!(service.classify(&signals(1)[0]).unwrap().confidence, before.confidence);
    assert_eq!(service.signal_version(), Some(new));
    assert_eq!(service.classify(&signals(1)[0]).unwrap().model_version, Some(new));
    point_to(&house, "0123456789ab");
    assert!(service.reload_signals().unwrap_err().to_string().contains("0123456789ab"));
    let graph = house.path("artifacts/signal_classifier").join(&old).join("model.onnx");
    let good = fs::read(&graph).unwrap();
    fs::write(&graph, b"damaged").unwrap();
    point_to(&house, &old);
    assert_eq!(service.reload_signals().unwrap_err().code(), "artifact");
    assert_eq!(service.signal_version(), Some(new));
    fs::write(&graph, good).unwrap();
    assert_eq!(service.reload_signals().unwrap().unwrap().to_string(), old);
}

#[test]
fn answers_stay_right_while_versions_change_under_load() {
    let house = House::new();
    let old = house.version(MODEL).file_name().unwrap().to_str().unwrap().to_owned();
    let service = MlService::open_signals(&config(&house)).unwrap();
    let new = second_version(&house).to_string();
    let signals = signals(100);
    let answers_of = |version: &str| {
        point_to(&house, version);
        let alone = MlService::open_signals(&config(&house)).unwrap();
        let answers: Vec<_> = signals.iter().map(|signal| alone.classify(signal).unwrap().confidence).collect();
        (alone.signal_version(), answers)
    };
    let expected = BTreeMap::from([answers_of(&new), answers_of(&old)]);
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let watcher = Watcher::start(&service, Duration::from_millis(5)).unwrap();
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut out = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    service.classify_batch(&signals, &mut out).unwrap();
                    let expected = &expected[&out[0].model_version];
                    for (answer, expected) in out.iter().zip(expected) {
                        assert_eq!(answer.model_version, out[0].model_version);
                        assert_eq!(answer.confidence, *expected);
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..40 {
            point_to(&house, ["0123456789ab", old.as_str(), new.as_str()][round % 3]);
            std::thread::sleep(Duration::from_millis(10));
            seen.insert(service.signal_version());
        }
        done.store(true, Ordering::Relaxed);
    });
    drop(watcher);
    assert_eq!(seen.len(), 2);
    assert!(calls.load(Ordering::Relaxed) > 0);
}

#[test]
fn warnings_name_what_lies_outside_the_training_range_and_where_the_rule_disagrees() {
    let house = House::new();
    let service = MlService::open_signals(&config(&house)).unwrap();
    let far = TradeSignal { gamma: 5.0, days_to_expiry: 3000, ..TradeSignal::from_json(SIGNAL).unwrap() };
    let answer = service.classify(&far).unwrap();
    let warnings: Vec<_> = answer.warnings.iter().collect();
    assert!(
        warnings.contains(&Warning::OutsideTraining("gamma"))
            && warnings.contains(&Warning::OutsideTraining("days_to_expiry"))
    );
    for signal in signals(300) {
        let answer = service.classify(&signal).unwrap();
        let apart = (answer.confidence - answer.rule_score).abs() > 0.4;
        assert_eq!(answer.warnings.iter().any(|warning| warning == Warning::RuleDisagrees), apart);
        assert_eq!(answer.recommendation == Recommendation::Trade, answer.confidence > 0.7);
        assert_eq!(answer.high_confidence, answer.confidence > 0.8);
    }
}

/// Every damaged artifact is refused, or answers as before, bit for bit. `DOLLARBILL_ML_MUTATIONS` sets how many.
#[test]
fn values_within_their_ranges_that_do_not_go_together_are_warned_of() {
    let house = House::new();
    let path = support::repository().join("tests/data/novelty.json");
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    house.remake("signal_classifier", |manifest| {
        manifest["novelty"] = cases["novelty"].clone();
        for column in manifest["inputs"][0]["columns"].as_array_mut().unwrap() {
            column["trained_minimum"] = column["minimum"].clone();
            column["trained_maximum"] = column["maximum"].clone();
        }
    });
    let ml = MlService::open_signals(&config(&house)).unwrap();
    let threshold = cases["novelty"]["threshold"].as_f64().unwrap();
    let (mut warned, mut silent) = (0, 0);
    for (row, distance) in cases["rows"].as_array().unwrap().iter().zip(cases["squared_distances"].as_array().unwrap())
    {
        let values: Vec<f64> = row.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        let signal = TradeSignal {
            edge_percent: values[0],
            delta: values[1],
            gamma: values[2],
            vega: values[3],
            theta: values[4],
            volume: values[5] as u64,
            open_interest: values[6] as u64,
            days_to_expiry: values[7] as u32,
        };
        let mut out = Vec::new();
        ml.classify_batch(&[signal], &mut out).unwrap();
        let found = ml.classify(&signal).unwrap().warnings;
        let novel = distance.as_f64().unwrap() > threshold;
        assert_eq!(found.iter().any(|warning| warning == Warning::UnlikeTraining), novel, "{signal:?}");
        assert_eq!(found, out[0].warnings);
        if novel { warned += 1 } else { silent += 1 }
    }
    assert!(warned > 0 && silent > 0);
}

#[test]
fn a_damaged_artifact_is_refused_or_changes_nothing() {
    let count: u64 = std::env::var("DOLLARBILL_ML_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let house = House::new();
    let signals = signals(50);
    let expected: Vec<_> = {
        let service = MlService::open_signals(&config(&house)).unwrap();
        signals.iter().map(|signal| service.classify(signal).unwrap().confidence.to_bits()).collect()
    };
    let (mut refused, mut same) = (0, 0);
    for seed in 0..count {
        let house = House::new();
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
        damage(&house, &mut random);
        match MlService::open_signals(&changed(&house, |config| config.lanes = 1)) {
            Err(_) => refused += 1,
            Ok(service) => {
                for (signal, expected) in signals.iter().zip(&expected) {
                    if let Ok(answer) = service.classify(signal) {
                        assert_eq!(answer.confidence.to_bits(), *expected, "seed {seed} gave a wrong answer");
                    }
                }
                same += 1;
            }
        }
    }
    eprintln!("{count} damaged artifacts: {refused} refused, {same} as before, 0 wrong");
    assert!(refused > 0);
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }
}

/// One random damage; half of them with all hashes made right again, so that what lies behind the hashes is tried.
fn damage(house: &House, random: &mut Random) {
    let files = ["model.onnx", "golden/cases.json", "manifest.json", "../current.json"];
    let file = files[random.below(files.len())];
    let path = house.version(MODEL).join(file);
    let mut bytes = fs::read(&path).unwrap();
    let place = random.below(bytes.len());
    match random.below(5) {
        0 => bytes[place] ^= 1 << random.below(8),
        1 => bytes.truncate(place),
        2 => drop(bytes.drain(place..(place + 1 + random.below(16)).min(bytes.len()))),
        3 => bytes.insert(place, u8::try_from(random.below(256)).unwrap()),
        _ => bytes = fs::read(house.version("volatility_predictor").join(files[random.below(3)])).unwrap(),
    }
    if random.below(2) == 0 {
        fs::write(&path, bytes).unwrap();
        return;
    }
    match file {
        "model.onnx" => drop(house.replace(MODEL, "graph", file, &bytes)),
        "golden/cases.json" => drop(house.replace(MODEL, "golden", file, &bytes)),
        "manifest.json" => {
            // Hashes and limits are facts of the files; a changed limit is a different model, not a damaged one.
            if serde_json::from_slice::<Value>(&bytes).is_err() {
                house.set_manifest(MODEL, &bytes);
            } else {
                fs::write(&path, bytes).unwrap();
            }
        }
        _ => fs::write(&path, bytes).unwrap(),
    }
}
