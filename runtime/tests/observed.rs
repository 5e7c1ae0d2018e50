//! What an operator sees: spans, and with the feature `metrics` counters and histograms, both by a real recorder.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dollarbill_ml::{Config, MlService, Model, TradeSignal, Version};
use support::{House, SIGNAL, library};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

fn config(house: &House) -> Config {
    let mut config = Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(fs::canonicalize(library()).unwrap());
    config
}

/// A span is on or off for the whole process: a test without a subscriber beside one with one would switch it off.
static ALONE: Mutex<()> = Mutex::new(());

/// Does everything that is observed, once or twice.
fn a_day_at_work(house: &House) {
    let mut config = config(house);
    config.set_cache_size(Some(100));
    let ml = MlService::open(&config).unwrap();
    let signal = TradeSignal::from_json(SIGNAL).unwrap();
    ml.classify(&signal).unwrap();
    ml.classify(&signal).unwrap();
    ml.classify(&TradeSignal { delta: 7.0, ..signal }).unwrap_err();
    ml.classify_batch(&[signal; 3], &mut Vec::new()).unwrap();
    let dated = support::repository().join("tests/data/surfaces/dated.csv");
    ml.forecast_file(&dated, None).unwrap();
    ml.forecast_file(Path::new("no/such/file.csv"), None).unwrap_err();

    // Nothing new; then a version that is refused; then another one that is let in.
    assert_eq!(ml.reload_signals().unwrap(), None);
    let pointer = house.path("artifacts/signal_classifier/current.json");
    fs::write(&pointer, r#"{"version": "0123456789ab"}"#).unwrap();
    ml.reload_signals().unwrap_err();
    let current = ml.signal_version().unwrap();
    let other = fs::read_dir(house.path("artifacts/signal_classifier"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.parse::<Version>().is_ok_and(|version| version != current))
        .unwrap();
    fs::write(&pointer, format!(r#"{{"version": "{other}"}}"#)).unwrap();
    assert_eq!(ml.reload_signals().unwrap().unwrap().to_string(), other);

    config.model_mut("signal_classifier").unwrap().enabled = false;
    MlService::open(&config).unwrap().classify(&signal).unwrap();

    // A model that has no face.
    let numbers = Model::options().lanes(1).library(fs::canonicalize(library()).unwrap());
    let numbers = numbers.open(house.model("numbers")).unwrap();
    numbers.run_one(&[30.0, 1.5, 3.0]).unwrap();
    numbers.run(&[[30.0, 1.5, 3.0]; 3]).unwrap();
    numbers.run_one(&[300.0, 1.5, 3.0]).unwrap_err();
}

type Seen = Arc<Mutex<Vec<(&'static str, BTreeMap<&'static str, String>)>>>;

/// Writes down every span with its fields.
struct Notebook(Seen);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>> Layer<S> for Notebook {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(seen.len());
        seen.push((attributes.metadata().name(), fields));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let index = *context.span(id).unwrap().extensions().get::<usize>().unwrap();
        values.record(&mut Fields(&mut self.0.lock().unwrap()[index].1));
    }
}

#[test]
fn spans_say_what_was_asked_and_who_answered() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Seen::default();
    let house = House::new();
    let subscriber = tracing_subscriber::registry().with(Notebook(Arc::clone(&seen)));
    tracing::subscriber::with_default(subscriber, || a_day_at_work(&house));

    let seen = seen.lock().unwrap();
    let of = |name: &str| seen.iter().filter(|(span, _)| *span == name).map(|(_, fields)| fields).collect::<Vec<_>>();
    assert_eq!(of("open").len(), 2);
    let calls = of("classify");
    assert_eq!(
        calls.iter().map(|fields| fields.get("source").map(String::as_str)).collect::<Vec<_>>(),
        [Some("Model"), Some("Model"), None, Some("Fallback")]
    );
    assert_eq!(calls[0]["version"].len(), 12);
    assert_eq!(of("classify_batch")[0]["signals"], "3");
    let forecasts = of("forecast");
    assert!(forecasts[0]["place"].contains("dated.csv") && forecasts[0]["source"] == "Model", "{forecasts:?}");
    assert!(!forecasts[1].contains_key("source"));
    assert_eq!(of("reload").len(), 3);
    let runs = of("run");
    let rows: Vec<_> = runs.iter().map(|fields| fields["rows"].as_str()).collect();
    assert_eq!(rows, ["1", "3", "1"]);
    assert!(runs[0]["model"].contains("numbers") && runs[0]["version"].len() == 12);
    assert!(!runs[2].contains_key("version"));
    assert!(of("reload")[0]["model"].contains("signal_classifier"));
}

#[cfg(feature = "metrics")]
#[test]
fn a_recorder_counts_answers_errors_fallbacks_cache_and_reloads() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let house = House::new();
    metrics::with_local_recorder(&recorder, || a_day_at_work(&house));

    let mut counted = BTreeMap::new();
    let mut timed = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = key.key().name().strip_prefix("dollarbill_ml_").unwrap().to_owned();
        let name = format!("{name} {}", labels.join(" "));
        match value {
            DebugValue::Counter(count) => drop(counted.insert(name, count)),
            DebugValue::Histogram(values) => {
                assert!(values.iter().all(|seconds| seconds.into_inner() > 0.0 && seconds.into_inner() < 60.0));
                timed.insert(name, values.len());
            }
            DebugValue::Gauge(_) => unreachable!("there is no gauge"),
        }
    }
    let expected = [
        ("answers_total model=numbers source=model", 4),
        ("answers_total model=signal_classifier source=fallback", 1),
        ("answers_total model=signal_classifier source=model", 5),
        ("answers_total model=volatility_predictor source=model", 1),
        ("cache_total hit=false", 1),
        ("cache_total hit=true", 1),
        ("errors_total model=numbers code=input", 1),
        ("errors_total model=signal_classifier code=signal", 1),
        ("errors_total model=volatility_predictor code=io", 1),
        ("reloads_total model=signal_classifier result=refused", 1),
        ("reloads_total model=signal_classifier result=swapped", 1),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)).into());
    let calls = [
        ("call_seconds model=numbers", 3),
        ("call_seconds model=signal_classifier", 5),
        ("call_seconds model=volatility_predictor", 2),
    ];
    assert_eq!(timed, calls.map(|(name, count)| (name.to_owned(), count)).into());
}
