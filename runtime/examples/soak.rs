//! Many threads, many calls, versions that change all the time, and now and then a broken one.
//!
//! `cargo run --release --example soak -- MODEL_FOLDER CALLS`: `MODEL_FOLDER` is an `artifacts/signal_classifier` with at
//! least two version folders (it is copied, not changed). Every answer is held, bit for bit, against a single-threaded run
//! of the version that it names. Exit 0: no wrong answer and no error.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dollarbill_ml::{Config, MlService, TradeSignal, Version, Watcher};

const THREADS: u64 = 8;
const SIGNALS: u32 = 1000;
const RELOAD: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let source = arguments.next().ok_or("usage: soak MODEL_FOLDER CALLS")?;
    let calls: u64 = arguments.next().ok_or("usage: soak MODEL_FOLDER CALLS")?.parse()?;
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("signal_classifier");
    copy(Path::new(&source), &model)?;
    let versions: Vec<String> = fs::read_dir(&model)?
        .flatten()
        .filter(|entry| entry.path().join("manifest.json").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if versions.len() < 2 {
        return Err("MODEL_FOLDER must hold two versions".into());
    }
    let broken = break_one(&model, &versions[0])?;
    let mut config = Config::find(None)?;
    config.signal_classifier.model_path.clone_from(&model);
    config.signal_classifier.enabled = true;
    config.fallback = false;
    config.lanes = 4;

    let signals = signals();
    let mut expected: BTreeMap<Version, Vec<u64>> = BTreeMap::new();
    for version in &versions {
        point_to(&model, version)?;
        let alone = MlService::open_signals(&config)?;
        let answers = signals.iter().map(|signal| alone.classify(signal).map(|answer| answer.confidence.to_bits()));
        expected.insert(version.parse()?, answers.collect::<Result<_, _>>()?);
    }

    let service = MlService::open_signals(&config)?;
    let watcher = Watcher::start(&service, RELOAD)?;
    let (counted, wrong, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    let memory_before = resident_kib();
    let mut swaps = 0_u64;
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (service, signals, expected) = (service.clone(), &signals, &expected);
                let (counted, wrong, failed) = (&counted, &wrong, &failed);
                scope.spawn(move || work(&service, signals, expected, thread, calls / THREADS, counted, wrong, failed))
            })
            .collect();
        let mut report = Instant::now();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            swaps += 1;
            let next = if swaps.is_multiple_of(10) { &broken } else { &versions[usize::from(swaps.is_multiple_of(2))] };
            point_to(&model, next)?;
            std::thread::sleep(RELOAD);
            if report.elapsed() > Duration::from_secs(2) {
                report = Instant::now();
                let calls = counted.load(Ordering::Relaxed);
                writeln!(io::stderr(), "{calls} calls, {} MiB", resident_kib() / 1024)?;
            }
        }
        Ok(())
    })?;
    drop(watcher);
    let (wrong, failed) = (wrong.into_inner(), failed.into_inner());
    writeln!(
        io::stdout(),
        "{} calls in {:.1} s by {THREADS} threads, {swaps} times another version named (each tenth broken): {wrong} wrong, \
         {failed} failed; resident {} MiB before, {} MiB after",
        counted.into_inner(),
        started.elapsed().as_secs_f64(),
        memory_before / 1024,
        resident_kib() / 1024,
    )?;
    if wrong + failed == 0 { Ok(()) } else { Err("not sound".into()) }
}

#[expect(clippy::too_many_arguments, reason = "counters of one loop")]
fn work(
    service: &MlService,
    signals: &[TradeSignal],
    expected: &BTreeMap<Version, Vec<u64>>,
    thread: u64,
    calls: u64,
    counted: &AtomicU64,
    wrong: &AtomicU64,
    failed: &AtomicU64,
) {
    let mut out = Vec::new();
    let mut made = 0;
    while made < calls {
        let start = usize::try_from((made * 7 + thread * 131) % u64::from(SIGNALS)).unwrap_or(0);
        // Mixed: mostly single signals, now and then a batch.
        let end = if made.is_multiple_of(17) { signals.len().min(start + 64) } else { start + 1 };
        let answered = if end == start + 1 {
            service.classify(&signals[start]).map(|answer| {
                out.clear();
                out.push(answer);
            })
        } else {
            service.classify_batch(&signals[start..end], &mut out)
        };
        if answered.is_err() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        let known = out.first().and_then(|answer| expected.get(&answer.model_version?));
        for (index, answer) in out.iter().enumerate() {
            let right = known.is_some_and(|known| known[start + index] == answer.confidence.to_bits())
                && answer.model_version == out[0].model_version;
            wrong.fetch_add(u64::from(!right), Ordering::Relaxed);
        }
        made += out.len().max(1) as u64;
        counted.fetch_add(out.len() as u64, Ordering::Relaxed);
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

/// A version folder whose graph was cut short.
fn break_one(model: &Path, version: &str) -> io::Result<String> {
    let broken = "0123456789ab".to_owned();
    copy(&model.join(version), &model.join(&broken))?;
    fs::write(model.join(&broken).join("model.onnx"), "cut short")?;
    Ok(broken)
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
