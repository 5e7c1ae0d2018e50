//! What an engine does with the service: opens it once, keeps a watcher, asks from any thread.
//!
//! `cargo run --release --manifest-path runtime/Cargo.toml --example in_an_engine`, from the root of the repository.

use std::io::{self, Write};
use std::time::Duration;

use dollarbill_ml::{Config, Error, MlService, Recommendation, Source, TradeSignal, Watcher, classify_signal_quality};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signal = TradeSignal {
        edge_percent: 15.5,
        delta: 0.65,
        gamma: 0.004,
        vega: 45.2,
        theta: -8.5,
        volume: 1200,
        open_interest: 8500,
        days_to_expiry: 45,
    };
    let confidence: f64 = classify_signal_quality(&signal);

    let ml = MlService::open(&Config::find(None)?)?;
    let watcher = Watcher::start(&ml, Duration::from_secs(5))?;
    let answer = ml.classify(&signal)?;
    let trade = answer.recommendation == Recommendation::Trade && answer.source == Source::Model;

    let mut out = io::stdout().lock();
    writeln!(out, "confidence {confidence:.3}, trade: {trade}")?;
    match change(&ml) {
        Ok(percent) => writeln!(out, "TSLA: {percent:+.2} %")?,
        // No surface file of that name, or too few days observed so far: the line says what to do.
        Err(error) => writeln!(out, "TSLA: {error}")?,
    }
    drop(watcher);
    Ok(())
}

fn change(ml: &MlService) -> Result<f64, Error> {
    let forecast = ml.forecast("TSLA")?;
    Ok(forecast.change_percent)
}
