//! A compiled model of yours, answered in this process.
//!
//! `cargo run --release --manifest-path runtime/Cargo.toml --example own_model`, from the root of the repository;
//! `docs/own_model.md` makes the artifact.

use std::io::{self, Write};

use dollarbill_ml::{Array, Model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::open("artifacts/my_model")?;
    let takes_and_gives = model.signature().to_string();
    let one = model.run_one(&[17.99, 10.38, 0.3001])?;
    let many = model.run(&[[17.99, 10.38, 0.3001], [20.57, 17.77, 0.0869]])?;
    let probabilities = many.output("probabilities")?.float64();
    let named = model.run_named([("features", Array::new([1, 3], vec![17.99, 10.38, 0.3001]))])?;

    let mut out = io::stdout().lock();
    write!(out, "{takes_and_gives}")?;
    writeln!(out, "two rows: {probabilities:?}")?;
    writeln!(out, "by name the same as by order: {}", named == one)?;
    Ok(())
}
