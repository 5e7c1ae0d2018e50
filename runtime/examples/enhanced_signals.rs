//! A table of signals with the traditional rule's view and the model's, and a score that weighs both by risk.
//!
//! `cargo run --features files --example enhanced_signals -- ../examples/signals.csv`

use std::io::{self, Write};
use std::process::ExitCode;

use dollarbill_ml::{Config, Error, MlService, Source, TradeSignal};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Error> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "../examples/signals.csv".to_owned());
    let wrong = |row: usize, reason: String| Error::Rows { place: format!("{path}: row {row}"), reason };
    let mut reader = csv::Reader::from_path(&path).map_err(|error| wrong(1, error.to_string()))?;
    let header = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
    let mut signals = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(index + 2, error.to_string()))?;
        let fields: Vec<_> = header.iter().zip(&record).map(|(name, value)| format!("{name:?}: {value}")).collect();
        let text = format!("{{{}}}", fields.join(", "));
        signals.push(TradeSignal::from_json(&text).map_err(|error| wrong(index + 2, error.to_string()))?);
    }
    if signals.is_empty() {
        return Err(wrong(1, "no signals; must hold a CSV header and one signal a line".to_owned()));
    }

    let ml = MlService::open_signals(&Config::find(None)?)?;
    let mut answers = Vec::new();
    ml.classify_batch(&signals, &mut answers)?;

    let mut table: Vec<_> = signals.iter().zip(&answers).map(|(s, a)| (risk_adjusted(s, a.confidence), s, a)).collect();
    table.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut out = io::stdout().lock();
    let print = |error| Error::Io { what: "write", path: "stdout".into(), source: error };
    writeln!(out, "   edge %  delta  days |  rule | model  recommendation | risk-adjusted").map_err(print)?;
    for (score, signal, answer) in table.iter().take(20) {
        writeln!(
            out,
            "{:9.2} {:6.2} {:5} | {:5.3} | {:5.3}  {:14} | {score:6.3}{}",
            signal.edge_percent,
            signal.delta,
            signal.days_to_expiry,
            answer.rule_score,
            answer.confidence,
            answer.recommendation.as_str(),
            if answer.warnings.is_empty() { "" } else { "  *" },
        )
        .map_err(print)?;
    }
    if answers.iter().any(|answer| answer.source == Source::Fallback) {
        writeln!(out, "FALLBACK: the traditional rule answered in the model's place").map_err(print)?;
    }
    writeln!(out, "{} signals; * outside the training range, or the rule disagrees strongly", signals.len())
        .map_err(print)
}

/// Confidence beyond a coin's toss, for the size of the edge, less for the greeks that can turn against it.
fn risk_adjusted(signal: &TradeSignal, confidence: f64) -> f64 {
    let exposure = 1.0 + signal.gamma.abs() * 10.0 + signal.vega.abs() / 100.0 + signal.theta.abs() / 365.0;
    (confidence - 0.5) * 2.0 * signal.edge_percent.abs().min(100.0) / 10.0 / exposure
}
