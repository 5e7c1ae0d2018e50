//! How long an answer takes, through the public API. Varied rows: one repeated row flatters caches and branch prediction.
//!
//! `cargo bench --features cli --bench serving` uses the models of `../config/ml_config.json` (or of `DOLLARBILL_ML_CONFIG`).

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dollarbill_ml::live_log::LogSettings;
use dollarbill_ml::{Config, MlService, TradeSignal, fallback, observe};

mod support;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn signals(criterion: &mut Criterion, name: &str, config: &Config) -> Outcome {
    let ml = MlService::open_signals(config)?;
    let signals = support::signals(10_000);
    let mut group = criterion.benchmark_group(name);
    let mut index = 0;
    group.bench_function("classify one", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % signals.len();
            black_box(ml.classify(black_box(&signals[index])))
        });
    });
    for count in [1_000, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("classify a batch of {count}"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| ml.classify_batch(black_box(&signals[..count]), &mut out));
        });
    }
    group.finish();
    Ok(())
}

fn forecasts(criterion: &mut Criterion, config: &Config) -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut config = config.clone();
    config.history_path = folder.path().join("history.sqlite");
    config.data_dir = folder.path().to_path_buf();
    let file = folder.path().join("big.csv");
    support::subjects::surface(&file, 5_000)?;
    observe(&config, &file, None)?;
    let ml = MlService::open_volatility(&config)?;
    let mut group = criterion.benchmark_group("ours");
    ml.forecast("BIG")?;
    group.bench_function("forecast from stored days", |bencher| {
        bencher.iter(|| black_box(ml.forecast(black_box("BIG"))));
    });
    ml.forecast_file(&file, None)?;
    group.bench_function("forecast from a CSV of 5000 rows", |bencher| {
        bencher.iter(|| black_box(ml.forecast_file(black_box(&file), None)));
    });
    group.finish();
    Ok(())
}

fn pieces(criterion: &mut Criterion) {
    let signals = support::signals(4096);
    let lines: Vec<_> = signals.iter().map(|signal| serde_json::to_string(signal).unwrap_or_default()).collect();
    let mut index = 0;
    criterion.bench_function("traditional rule", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % signals.len();
            black_box(fallback::rule_score(black_box(&signals[index])))
        });
    });
    criterion.bench_function("read a signal from JSON", |bencher| {
        bencher.iter_batched(
            || {
                index = (index + 1) % lines.len();
                lines[index].as_str()
            },
            |line| black_box(TradeSignal::from_json(line)),
            BatchSize::SmallInput,
        );
    });
}

fn benchmarks(criterion: &mut Criterion) {
    pieces(criterion);
    let served = Config::find(None).map_err(Into::into).and_then(|config| {
        signals(criterion, "ours", &config)?;
        let mut cached = config.clone();
        cached.set_cache_size(Some(100_000));
        signals(criterion, "ours, cached", &cached)?;
        let folder = tempfile::tempdir()?;
        let mut logged = config.clone();
        logged.log = Some(LogSettings::at(folder.path().join("live.ndjson")));
        signals(criterion, "ours, logged", &logged)?;
        forecasts(criterion, &config)
    });
    assert!(served.is_ok(), "{}", served.err().map(|error| error.to_string()).unwrap_or_default());
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
