//! Serves any compiled model: its signature, then answers to the rows of a CSV or JSON file on stdin.
//!
//! `cargo run --release --features files --example serve_any_model -- artifacts/signal_classifier < rows.csv`

use std::time::Duration;

use dollarbill_ml::any_model::answer_stream;
use dollarbill_ml::{Model, Watcher};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder of a compiled model")?;
    let model = Model::open(folder)?; // hashes, format, graph and golden cases are proven here, once
    let _watcher = Watcher::start(&model, Duration::from_secs(5))?; // new versions are let in while it serves
    std::io::Write::write_all(&mut std::io::stderr(), model.signature().to_string().as_bytes())?;
    answer_stream(&model, std::io::stdin().lock(), std::io::stdout().lock(), "stdin", |_| {})?;
    Ok(())
}
