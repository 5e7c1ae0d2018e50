//! How long an answer takes. Varied rows: one repeated row flatters caches and branch prediction.
//!
//! `cargo bench` uses the models of `../config/ml_config.json`. To compare with another export of the same fitted model,
//! set `DOLLARBILL_ML_BENCH_STOCK` to a config whose `model_path` names it: the same benchmarks then run on both.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dollarbill_ml::{Config, Error, MlService, TradeSignal, fallback};

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
/// Signals from a linear congruential generator: the same in every run.
fn signals(count: usize) -> Vec<TradeSignal> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 33) as u32) / f64::from(1_u32 << 31)
    };
    (0..count)
        .map(|_| TradeSignal {
            edge_percent: next() * 50.0 - 20.0,
            delta: next() * 2.0 - 1.0,
            gamma: next() * 0.05,
            vega: next() * 80.0,
            theta: next() * -50.0,
            volume: (next() * 5000.0) as u64,
            open_interest: (next() * 20_000.0) as u64,
            days_to_expiry: (next() * 90.0) as u32,
        })
        .collect()
}

fn serve(criterion: &mut Criterion, name: &str, config: &Config) -> Result<(), Error> {
    let ml = MlService::open(config)?;
    let signals = signals(4096);
    let mut group = criterion.benchmark_group(name);
    let mut index = 0;
    group.bench_function("classify one", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % signals.len();
            black_box(ml.classify(black_box(&signals[index])))
        });
    });
    group.throughput(Throughput::Elements(signals.len() as u64));
    group.bench_function("classify a batch of 4096", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| ml.classify_batch(black_box(&signals), &mut out));
    });
    group.throughput(Throughput::Elements(1));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/surface.csv");
    group.bench_function("forecast from a file", |bencher| {
        bencher.iter(|| black_box(ml.forecast_file(black_box(&file), None)));
    });
    group.finish();
    Ok(())
}

fn pieces(criterion: &mut Criterion) {
    let signals = signals(4096);
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
    let mut configs = vec![("ours", Config::find(None))];
    if let Some(stock) = std::env::var_os("DOLLARBILL_ML_BENCH_STOCK") {
        configs.push(("stock", Config::load(Path::new(&stock))));
    }
    for (name, config) in configs {
        let served = config.and_then(|config| {
            serve(criterion, name, &config)?;
            let mut cached = config.clone();
            cached.cache_size = Some(100_000);
            serve(criterion, &format!("{name}, cached"), &cached)
        });
        assert!(served.is_ok(), "{name}: {}", served.err().map(|error| error.to_string()).unwrap_or_default());
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
