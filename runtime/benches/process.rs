//! What criterion does not show: the spread of single calls, and what a process costs from start to first answer.
//!
//! Starts itself 25 times: each opens both models, proves them on their golden cases, answers a signal and a forecast.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dollarbill_ml::{Config, MlService};

mod support;

const STARTS: usize = 25;
const CALLS: usize = 200_000;
const FIRST_ANSWER: &str = "DOLLARBILL_ML_BENCH_FIRST_ANSWER";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os(FIRST_ANSWER).is_some() {
        return first_answer();
    }
    let mut peaks = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let output = Command::new(std::env::current_exe()?).env(FIRST_ANSWER, "1").output()?;
        starts.push(start.elapsed());
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        peaks.push(String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().unwrap_or(0));
    }
    peaks.sort_unstable();
    println!(
        "process start to first signal and forecast, both models proven: median {:.1} ms of {STARTS}, longest {:.1} ms; \
         peak memory {:.1} MiB",
        milliseconds(support::quantile(&mut starts, 0.5)),
        milliseconds(support::quantile(&mut starts, 1.0)),
        f64::from(u32::try_from(peaks[STARTS / 2])?) / 1024.0,
    );
    spread()
}

fn first_answer() -> Result<(), Box<dyn Error>> {
    let ml = MlService::open(&Config::find(None)?)?;
    black_box(ml.classify(&support::signals(1)[0])?);
    black_box(ml.forecast_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/surface.csv"), None)?);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", line.and_then(|line| line.split_whitespace().next()).unwrap_or("0"));
    Ok(())
}

fn spread() -> Result<(), Box<dyn Error>> {
    let ml = MlService::open_signals(&Config::find(None)?)?;
    let signals = support::signals(10_000);
    for signal in &signals {
        black_box(ml.classify(signal)?);
    }
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|call| {
            let signal = &signals[call % signals.len()];
            support::timed(|| {
                let _ = black_box(ml.classify(black_box(signal)));
            })
        })
        .collect();
    let [middle, late, last] = [0.5, 0.99, 0.999].map(|share| milliseconds(support::quantile(&mut times, share)) * 1e3);
    println!(
        "one signal, {CALLS} calls on varied rows: p50 {middle:.2} us, p99 {late:.2} us ({:.1} x), p99.9 {last:.2} us",
        late / middle
    );
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
