//! Prints the daily features of surface files as CSV, each number in the shortest form that reads back to the same bits.
//!
//! `cargo run --release --features files --example daily_features -- ../tests/data/surfaces/dated.csv`

use std::io::{self, Write};
use std::path::PathBuf;

use dollarbill_ml::surface::{DAILY_FEATURES, read_history};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    writeln!(out, "symbol,date,{}", DAILY_FEATURES.join(","))?;
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        for day in read_history(&path)?.days {
            let date = day.date.map(|date| date.to_string()).unwrap_or_default();
            write!(out, "{},{date}", day.symbol)?;
            for value in day.features {
                if value.is_nan() { write!(out, ",")? } else { write!(out, ",{value:?}")? }
            }
            writeln!(out)?;
        }
    }
    Ok(())
}
