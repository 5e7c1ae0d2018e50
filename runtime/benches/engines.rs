//! The native engine beside the stock exports of the same fitted models in onnxruntime, in turn, on varied rows, one thread.
//!
//! `DOLLARBILL_ML_STOCK=DIR` as for `stock`; in it `general/` (`python -m verify.figures general_forest --out DIR`) if there
//! is one. The table goes to stdout, and as JSON to the file that `DOLLARBILL_ML_BENCH_JSON` names.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dollarbill_ml::artifact::{Evaluator, Place};
use dollarbill_ml::{Config, EngineChoice, MlService, Model, batch};
use ort::environment::Environment;
use serde_json::{Value, json};

mod support;

use support::graph::{BLOCK, Graph, version};
use support::{quantile, timed};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What was measured so far.
#[derive(Default)]
struct Table(Vec<Value>);

impl Table {
    /// Times both in turn; each call does so many things.
    fn turn(&mut self, what: &str, (rounds, things): (usize, usize), mut ours: impl FnMut(), mut other: impl FnMut()) {
        let mut times = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
        for _ in 0..rounds {
            times[0].push(timed(&mut ours));
            times[1].push(timed(&mut other));
        }
        let [ours, other] = times.map(|mut times| {
            [0.25, 0.5, 0.75, 0.99].map(|share| microseconds(quantile(&mut times, share)) / count(things))
        });
        let ratio = other[1] / ours[1];
        println!(
            "{what:42} ours {:>10.3} us ({:.3} to {:.3}, p99 {:.3})   other {:>10.3} us ({:.3} to {:.3})   other/ours {ratio:.2}",
            ours[1], ours[0], ours[2], ours[3], other[1], other[0], other[2]
        );
        self.0.push(json!({
            "what": what, "rounds": rounds, "ratio": ratio,
            "ours_us": {"q25": ours[0], "median": ours[1], "q75": ours[2], "p99": ours[3]},
            "other_us": {"q25": other[0], "median": other[1], "q75": other[2], "p99": other[3]},
        }));
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn count(things: usize) -> f64 {
    things as f64
}

fn main() -> Result<()> {
    let Some(stock) = std::env::var_os("DOLLARBILL_ML_STOCK").map(PathBuf::from) else {
        eprintln!("engines: skipped: DOLLARBILL_ML_STOCK is not set; see `stock`");
        return Ok(());
    };
    let library = std::env::var_os("ORT_DYLIB_PATH").ok_or("engines: set ORT_DYLIB_PATH to a libonnxruntime")?;
    let config = Config::find(None)?;
    let environment = ort::init_from(&library)?.with_telemetry(false).build()?;
    let mut table = Table::default();
    let path = |name: &str| config.models[name].model_path.clone();
    signals(&mut table, &environment, &path("signal_classifier"), &stock.join("signal_classifier.onnx"))?;
    forecast(&mut table, &environment, &path("volatility_predictor"), &stock.join("volatility_predictor.onnx"))?;
    if stock.join("general").is_dir() {
        general(&mut table, &environment, &stock.join("general"))?;
    }
    files(&mut table, &config)?;
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let whole = json!({
        "date": jiff::Zoned::now().date().to_string(),
        "processor": processor.trim_start_matches([' ', '\t', ':']),
        "target": std::env::consts::ARCH,
        "version": env!("CARGO_PKG_VERSION"),
        "library": Path::new(&library).file_name().map(|name| name.to_string_lossy()),
        "rows": table.0,
    });
    if let Some(file) = std::env::var_os("DOLLARBILL_ML_BENCH_JSON") {
        std::fs::write(file, serde_json::to_string_pretty(&whole)? + "\n")?;
    }
    Ok(())
}

fn native() -> Place {
    Place::below(Path::new(".")).engine(EngineChoice::Native)
}

fn signals(table: &mut Table, environment: &Environment, ours: &Path, stock: &Path) -> Result<()> {
    const MANY: usize = 100_000;
    let signals = support::signals(MANY);
    let rows: Vec<f64> = signals.iter().flat_map(dollarbill_ml::TradeSignal::features).collect();
    let probabilities = [("probabilities".to_owned(), vec![1, 2])];
    let mut stock = Graph::<f32>::open(environment, stock, &probabilities, &rows, &[8])?;
    let model = Model::options().place(native()).open(ours)?;
    let (mut answer, mut next) = ([0.0], 0);
    let mut one = || {
        for _ in 0..BLOCK {
            next = (next + 1) % MANY;
            let done = model.run_one_into(&rows[next * 8..next * 8 + 8], &mut answer);
            assert!(black_box(done).is_ok());
        }
    };
    table.turn("one row of a signal; stock", (2000, BLOCK), &mut one, || stock.block());
    let mut config = Config::find(None)?;
    config.engine = EngineChoice::Native;
    let service = MlService::open_signals(&config)?;
    let mut at = 0;
    let mut classified = || {
        for _ in 0..BLOCK {
            at = (at + 1) % MANY;
            assert!(black_box(service.classify(&signals[at])).is_ok());
        }
    };
    table.turn("one signal, all in; stock's graph alone", (2000, BLOCK), &mut classified, || stock.block());
    let evaluator = Evaluator::open(ours, &native())?;
    let mut answers = vec![0.0; MANY];
    let mut many = || assert!(black_box(evaluator.evaluate(&rows, &mut answers)).is_ok());
    table.turn("100,000 signals; stock in one call", (21, MANY), &mut many, || stock.batch(MANY));
    Ok(())
}

fn forecast(table: &mut Table, environment: &Environment, ours: &Path, stock: &Path) -> Result<()> {
    let folder = version(ours)?;
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
    let outputs = manifest["outputs"].as_array().into_iter().flatten().map(|output| {
        let shape = output["shape"].as_array().into_iter().flatten().map(|axis| axis.as_i64().unwrap_or(1));
        (output["name"].as_str().unwrap_or_default().to_owned(), shape.collect())
    });
    let outputs: Vec<(String, Vec<i64>)> = outputs.collect();
    let shape = manifest["inputs"][0]["shape"].as_array().into_iter().flatten().skip(1);
    let shape: Vec<i64> = shape.map(|axis| axis.as_i64().unwrap_or(1)).collect();
    let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("golden/cases.json"))?)?;
    let windows = golden["inputs"]["history"].as_array().into_iter().flatten();
    // What a golden window leaves open is filled: tf2onnx's graph is NaN where a day is missing.
    let days = windows.flat_map(|window| window.as_array().into_iter().flatten());
    let numbers = days.flat_map(|day| day.as_array().into_iter().flatten());
    let rows: Vec<f64> = numbers.map(|value| value.as_f64().unwrap_or(0.2)).collect();
    let signature = Model::options().place(native()).open(ours)?.signature();
    let (wide, long) = (signature.row_width().unwrap_or(1), signature.answer_width().unwrap_or(1));
    let evaluator = Evaluator::open(ours, &native())?;
    let mut stock = Graph::<f64>::open(environment, stock, &outputs, &rows, &shape)?;
    let (mut answer, mut next) = (vec![0.0; long], 0);
    let mut one = || {
        for _ in 0..4 {
            next = (next + 1) % (rows.len() / wide);
            assert!(black_box(evaluator.evaluate(&rows[next * wide..(next + 1) * wide], &mut answer)).is_ok());
        }
    };
    table.turn("one forecast with its surface; tf2onnx", (1000, 4), &mut one, || (0..4).for_each(|_| stock.one()));
    Ok(())
}

/// A forest of 500 trees of depth 12 over 100 columns, as our compiler and as skl2onnx write it.
fn general(table: &mut Table, environment: &Environment, folder: &Path) -> Result<()> {
    const MANY: usize = 10_000;
    let mut state = 3_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap_or(0)) / f64::from(1_u32 << 31) * 4.0 - 2.0
    };
    let rows: Vec<f64> = (0..MANY * 100).map(|_| next()).collect();
    let probabilities = [("probabilities".to_owned(), vec![1, 2])];
    let mut stock = Graph::<f32>::open(environment, &folder.join("stock.onnx"), &probabilities, &rows, &[100])?;
    let ours = std::fs::read_dir(folder.join("ours"))?.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    let ours = ours.ok_or("general/ours holds no version")?;
    let model = Model::options().place(native()).open(&ours)?;
    let long = model.signature().answer_width().unwrap_or(1);
    let (mut answer, mut at) = (vec![0.0; long], 0);
    let mut one = || {
        for _ in 0..BLOCK {
            at = (at + 1) % MANY;
            assert!(black_box(model.run_one_into(&rows[at * 100..(at + 1) * 100], &mut answer)).is_ok());
        }
    };
    table.turn("500 trees, depth 12, one row; stock", (200, BLOCK), &mut one, || stock.block());
    let evaluator = Evaluator::open(&ours, &native())?;
    let mut answers = vec![0.0; MANY * long];
    let mut many = || assert!(black_box(evaluator.evaluate(&rows, &mut answers)).is_ok());
    table.turn("500 trees, depth 12, 10,000 rows; stock", (7, MANY), &mut many, || stock.batch(MANY));
    Ok(())
}

/// A million rows of CSV: classified, and only read and written by the csv crate.
fn files(table: &mut Table, config: &Config) -> Result<()> {
    const MANY: usize = 1_000_000;
    let mut file = Vec::with_capacity(MANY * 80);
    writeln!(file, "edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry")?;
    for signal in support::signals(MANY) {
        let [edge, delta, gamma, vega, theta, ..] = signal.features();
        let (volume, interest, days) = (signal.volume, signal.open_interest, signal.days_to_expiry);
        writeln!(file, "{edge:.3},{delta:.4},{gamma:.5},{vega:.3},{theta:.3},{volume},{interest},{days}")?;
    }
    let mut config = config.clone();
    config.engine = EngineChoice::Native;
    let service = MlService::open_signals(&config)?;
    let classified = || {
        let done = batch::classify_stream(&service, file.as_slice(), std::io::sink(), "signals.csv", |_| {});
        assert!(done.is_ok());
    };
    let copied = || {
        let mut reader = csv::Reader::from_reader(file.as_slice());
        let mut writer = csv::Writer::from_writer(std::io::sink());
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            assert!(writer.write_byte_record(&record).is_ok());
        }
    };
    table.turn("a CSV row classified; read and written", (5, MANY), classified, copied);
    Ok(())
}
