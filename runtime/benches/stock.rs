//! Ours beside the stock converters' export of the very same fitted models, on the same onnxruntime, in turn.
//!
//! `python -m verify.stock --out DIR` writes the stock exports; `DOLLARBILL_ML_STOCK=DIR cargo bench --features cli --bench stock` runs
//! both through the same session path (one thread, outputs allocated once for single rows), so the ratio is the graphs'.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dollarbill_ml::Config;
use ort::environment::Environment;

mod support;

use support::graph::{BLOCK, Graph, version};

const ROUNDS: usize = 2000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let Some(stock) = std::env::var_os("DOLLARBILL_ML_STOCK").map(PathBuf::from) else {
        eprintln!(
            "stock: skipped: DOLLARBILL_ML_STOCK is not set; run `python -m verify.stock --out DIR` and set it to DIR"
        );
        return Ok(());
    };
    let library = std::env::var_os("ORT_DYLIB_PATH").ok_or("stock: set ORT_DYLIB_PATH to a libonnxruntime")?;
    let config = Config::find(None)?;
    let environment = ort::init_from(library)?.with_telemetry(false).build()?;
    signals(&environment, &config.models["signal_classifier"].model_path, &stock.join("signal_classifier.onnx"))?;
    forecast(&environment, &config.models["volatility_predictor"].model_path, &stock.join("volatility_predictor.onnx"))
}

fn signals(environment: &Environment, ours: &Path, stock: &Path) -> Result<()> {
    let rows: Vec<f64> = support::signals(10_000).iter().flat_map(dollarbill_ml::TradeSignal::features).collect();
    let mut ours = Graph::<f64>::open(
        environment,
        &version(ours)?.join("model.onnx"),
        &[("confidence".to_owned(), vec![1])],
        &rows,
        &[8],
    )?;
    let mut stock = Graph::<f32>::open(environment, stock, &[("probabilities".to_owned(), vec![1, 2])], &rows, &[8])?;
    let (one, other) = support::in_turn(ROUNDS, || ours.block(), || stock.block());
    report("one signal", one / u32::try_from(BLOCK)?, other / u32::try_from(BLOCK)?);
    for count in [1_000, 10_000] {
        let (one, other) = support::in_turn(ROUNDS / 50, || ours.batch(count), || stock.batch(count));
        report(&format!("a batch of {count} signals"), one, other);
    }
    Ok(())
}

fn forecast(environment: &Environment, ours: &Path, stock: &Path) -> Result<()> {
    let version = version(ours)?;
    let golden: serde_json::Value = serde_json::from_slice(&std::fs::read(version.join("golden/cases.json"))?)?;
    let history = golden["inputs"]["history"].as_array().ok_or("no golden windows")?;
    let days = history[0].as_array().ok_or("no days")?.len();
    let features = history[0][0].as_array().ok_or("no features")?.len();
    // What a golden window leaves open is filled: tf2onnx's graph is NaN where a day is missing.
    let numbers = history.iter().flat_map(|window| window.as_array().into_iter().flatten());
    let rows: Vec<f64> = numbers
        .flat_map(|day| day.as_array().into_iter().flatten())
        .map(|value| value.as_f64().unwrap_or(0.2))
        .collect();
    let shape = [i64::try_from(days)?, i64::try_from(features)?];
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(version.join("manifest.json"))?)?;
    let outputs: Vec<_> = manifest["outputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|output| {
            let shape = output["shape"].as_array().into_iter().flatten().map(|axis| axis.as_i64().unwrap_or(1));
            (output["name"].as_str().unwrap_or_default().to_owned(), shape.collect())
        })
        .collect();
    let mut ours = Graph::<f64>::open(environment, &version.join("model.onnx"), &outputs, &rows, &shape)?;
    let mut stock = Graph::<f64>::open(environment, stock, &outputs, &rows, &shape)?;
    let (one, other) =
        support::in_turn(ROUNDS, || (0..4).for_each(|_| ours.one()), || (0..4).for_each(|_| stock.one()));
    report("one forecast", one / 4, other / 4);
    Ok(())
}

fn report(what: &str, ours: Duration, stock: Duration) {
    println!(
        "{what:26} ours {:>9.2} us   stock {:>9.2} us   stock/ours {:.2}",
        ours.as_secs_f64() * 1e6,
        stock.as_secs_f64() * 1e6,
        stock.as_secs_f64() / ours.as_secs_f64()
    );
}
