//! Many threads, many calls, versions that change all the time, and now and then a broken one.
//!
//! `cargo run --release --features cli --example soak -- ARTIFACTS SURFACE CALLS`: `ARTIFACTS` holds both models, the signal classifier in
//! at least two versions (it is copied, not changed); `SURFACE` is a surface file with dates. Every answer is held, bit for
//! bit, against a single-threaded run of the version that it names. Exit 0: no wrong answer and no error.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dollarbill_ml::{Config, MlService, TradeSignal, Version, VolatilityForecast, Watcher};
use sha2::{Digest, Sha256};

const THREADS: u64 = 8;
const SIGNALS: u32 = 1000;
const RELOAD: Duration = Duration::from_millis(50);
/// One call in so many is a forecast: it reads a file.
const FORECAST_EVERY: u64 = 61;
const BROKEN: &str = "0123456789ab";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What each version answers, by a single thread.
struct Expected {
    confidences: BTreeMap<Version, Vec<u64>>,
    forecasts: BTreeMap<Version, Vec<u64>>,
}

#[derive(Default)]
struct Counts {
    signals: AtomicU64,
    forecasts: AtomicU64,
    wrong: AtomicU64,
    failed: AtomicU64,
}

fn main() -> Outcome {
    const USAGE: &str = "usage: soak ARTIFACTS SURFACE CALLS";
    let mut arguments = std::env::args().skip(1);
    let (source, surface) = (arguments.next().ok_or(USAGE)?, PathBuf::from(arguments.next().ok_or(USAGE)?));
    let calls: u64 = arguments.next().ok_or(USAGE)?.parse()?;
    let folder = tempfile::tempdir()?;
    let models = ["signal_classifier", "volatility_predictor"].map(|model| folder.path().join(model));
    for model in &models {
        copy(&Path::new(&source).join(model.file_name().ok_or(USAGE)?), model)?;
    }
    let versions = [versions(&models[0])?, second_version(&models[1])?];
    if versions[0].len() < 2 {
        return Err("ARTIFACTS must hold two versions of the signal classifier".into());
    }
    let mut config = Config::find(None)?;
    for (name, path) in ["signal_classifier", "volatility_predictor"].into_iter().zip(&models) {
        let model = config.model_mut(name).ok_or(USAGE)?;
        model.model_path.clone_from(path);
        model.enabled = true;
    }
    config.fallback = false;
    config.lanes = 4;
    let signals = signals();
    let expected = expected(&config, &models, &versions, &signals, &surface)?;
    for (model, versions) in models.iter().zip(&versions) {
        break_one(model, &versions[0])?;
    }

    let service = MlService::open(&config)?;
    let watcher = Watcher::start(&service, RELOAD)?;
    let counts = Counts::default();
    let started = Instant::now();
    let memory_before = resident_kib();
    let mut swaps = 0_u64;
    std::thread::scope(|scope| -> Outcome {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (service, signals, expected) = (service.clone(), &signals, &expected);
                let (counts, surface) = (&counts, surface.as_path());
                scope.spawn(move || work(&service, signals, surface, expected, thread, calls / THREADS, counts))
            })
            .collect();
        let mut report = Instant::now();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            swaps += 1;
            for (model, versions) in models.iter().zip(&versions) {
                let turn = usize::from(swaps % 2 == 0);
                point_to(model, if swaps % 10 == 0 { BROKEN } else { &versions[turn] })?;
            }
            std::thread::sleep(RELOAD);
            if report.elapsed() > Duration::from_secs(2) {
                report = Instant::now();
                let signals = counts.signals.load(Ordering::Relaxed);
                writeln!(io::stderr(), "{signals} signals, {} MiB", resident_kib() / 1024)?;
            }
        }
        Ok(())
    })?;
    drop(watcher);
    let (wrong, failed) = (counts.wrong.into_inner(), counts.failed.into_inner());
    writeln!(
        io::stdout(),
        "{} calls, {} signals and {} forecasts, in {:.1} s by {THREADS} threads, {swaps} times another version of both models named \
         (each tenth broken): {wrong} wrong, {failed} failed; resident {} MiB before, {} MiB after",
        calls / THREADS * THREADS,
        counts.signals.into_inner(),
        counts.forecasts.into_inner(),
        started.elapsed().as_secs_f64(),
        memory_before / 1024,
        resident_kib() / 1024,
    )?;
    if wrong + failed == 0 { Ok(()) } else { Err("not sound".into()) }
}

fn expected(
    config: &Config,
    models: &[PathBuf; 2],
    versions: &[Vec<String>; 2],
    signals: &[TradeSignal],
    surface: &Path,
) -> Outcome<Expected> {
    let mut expected = Expected { confidences: BTreeMap::new(), forecasts: BTreeMap::new() };
    for version in &versions[0] {
        point_to(&models[0], version)?;
        let alone = MlService::open_signals(config)?;
        let answers = signals.iter().map(|signal| alone.classify(signal).map(|answer| answer.confidence.to_bits()));
        expected.confidences.insert(version.parse()?, answers.collect::<Result<_, _>>()?);
    }
    for version in &versions[1] {
        point_to(&models[1], version)?;
        let alone = MlService::open_volatility(config)?;
        expected.forecasts.insert(version.parse()?, bits(&alone.forecast_file(surface, None)?));
    }
    Ok(expected)
}

/// All that the network answered.
fn bits(forecast: &VolatilityForecast) -> Vec<u64> {
    let numbers = forecast.horizons.iter().flat_map(|one| [Some(one.predicted), one.lower, one.upper]);
    numbers.map(|number| number.map_or(0, f64::to_bits)).collect()
}

fn work(
    service: &MlService,
    signals: &[TradeSignal],
    surface: &Path,
    expected: &Expected,
    thread: u64,
    calls: u64,
    counts: &Counts,
) {
    let count = |counter: &AtomicU64, number| {
        counter.fetch_add(number, Ordering::Relaxed);
    };
    let mut out = Vec::new();
    for made in 0..calls {
        let start = usize::try_from((made * 7 + thread * 131) % u64::from(SIGNALS)).unwrap_or(0);
        if made % FORECAST_EVERY == 0 {
            match service.forecast_file(surface, None) {
                Ok(forecast) => {
                    let known = forecast.model_version.and_then(|version| expected.forecasts.get(&version));
                    count(&counts.wrong, u64::from(known != Some(&bits(&forecast))));
                    count(&counts.forecasts, 1);
                }
                Err(_) => count(&counts.failed, 1),
            }
            continue;
        }
        // Mostly single signals, now and then a batch.
        let end = if made % 17 == 0 { signals.len().min(start + 64) } else { start + 1 };
        let answered = if end == start + 1 {
            service.classify(&signals[start]).map(|answer| {
                out.clear();
                out.push(answer);
            })
        } else {
            service.classify_batch(&signals[start..end], &mut out)
        };
        if answered.is_err() {
            count(&counts.failed, 1);
        }
        let known = out.first().and_then(|answer| expected.confidences.get(&answer.model_version?));
        for (index, answer) in out.iter().enumerate() {
            let right = known.is_some_and(|known| known[start + index] == answer.confidence.to_bits())
                && answer.model_version == out[0].model_version;
            count(&counts.wrong, u64::from(!right));
        }
        count(&counts.signals, out.len() as u64);
    }
}

fn signals() -> Vec<TradeSignal> {
    (0..SIGNALS)
        .map(|i| TradeSignal {
            edge_percent: f64::from(i % 313) / 10.0,
            delta: f64::from(i % 17) / 17.0,
            gamma: f64::from(i % 7) / 100.0,
            vega: f64::from(i % 83),
            theta: -f64::from(i % 53),
            volume: u64::from(i * 37 % 5000),
            open_interest: u64::from(i * 101 % 20_000),
            days_to_expiry: i % 91,
        })
        .collect()
}

/// The version folders of a model.
fn versions(model: &Path) -> io::Result<Vec<String>> {
    let folders = fs::read_dir(model)?.flatten().filter(|entry| entry.path().join("manifest.json").exists());
    Ok(folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// The version in the folder, and the same model under another version: its manifest names another seed.
fn second_version(model: &Path) -> Outcome<Vec<String>> {
    let mut known = versions(model)?;
    let first = model.join(known.first().ok_or("ARTIFACTS must hold a volatility predictor")?);
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(first.join("manifest.json"))?)?;
    manifest["training"]["random_state"] = 4711.into();
    let bytes = serde_json::to_vec(&manifest)?;
    let mut second = String::new();
    for byte in &Sha256::digest(&bytes)[..6] {
        write!(second, "{byte:02x}")?;
    }
    copy(&first, &model.join(&second))?;
    fs::write(model.join(&second).join("manifest.json"), bytes)?;
    known.push(second);
    Ok(known)
}

/// A version folder whose graph was cut short.
fn break_one(model: &Path, version: &str) -> io::Result<()> {
    copy(&model.join(version), &model.join(BROKEN))?;
    fs::write(model.join(BROKEN).join("model.onnx"), "cut short")
}

fn point_to(model: &Path, version: &str) -> io::Result<()> {
    let next = model.join("next.json");
    fs::write(&next, format!("{{\"version\": \"{version}\"}}"))?;
    fs::rename(next, model.join("current.json"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Memory of this process that is in RAM; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
