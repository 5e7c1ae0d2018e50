//! What `python -m verify.figures speed` times: the engines of this crate and stock exports in the same onnxruntime, each
//! a subject with a name, on varied rows, one thread.
//!
//! With `--serve` each line of the input names a subject, which runs one block; what it took is written: nanoseconds, and
//! how many things it did. `NAME singles N` times N calls one by one and writes them all. With `--first-answer ENGINE` the
//! process opens both models, answers a signal and a forecast, and writes its peak memory in KiB.
//!
//! `DOLLARBILL_ML_STOCK` names the folder of the stock exports (`python -m verify.figures stock --out DIR`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it is for")]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use dollarbill_ml::{Config, EngineChoice, MlService};

mod support;

use support::subjects::{Bench, Subject};

/// A shorter block is run twice, the second time timed: other processes ran in between, and have filled the caches.
const WARM: Duration = Duration::from_millis(2);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--serve"] => serve(),
        ["--first-answer", engine] => first_answer(engine),
        _ => {
            println!("engines: run `make bench`, or `python -m verify.figures speed`, which asks this program");
            Ok(())
        }
    }
}

fn serve() -> Result<()> {
    let bench = Bench::new()?;
    let mut open: HashMap<String, Subject> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(name) = words.first() else { continue };
        if !open.contains_key(*name) {
            match bench.subject(name) {
                Ok(subject) => drop(open.insert((*name).to_owned(), subject)),
                Err(error) => {
                    println!("error {}", error.to_string().replace('\n', " "));
                    std::io::stdout().flush()?;
                    continue;
                }
            }
        }
        let Some(subject) = open.get_mut(*name) else { continue };
        let calls = if let [_, "singles", count] = words.as_slice() { count.parse()? } else { 1 };
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let call = if calls == 1 { &mut subject.block } else { &mut subject.one };
            let mut start = Instant::now();
            call();
            if calls == 1 && start.elapsed() < WARM {
                start = Instant::now();
                call();
            }
            times.push(start.elapsed().as_nanos().to_string());
        }
        println!("{} {}", if calls == 1 { subject.things } else { 1 }, times.join(" "));
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn first_answer(engine: &str) -> Result<()> {
    let mut config = Config::find(None)?;
    config.engine = EngineChoice::of_word(engine).ok_or("no such engine")?;
    let ml = MlService::open(&config)?;
    black_box(ml.classify(&support::signals(1)[0])?);
    black_box(ml.forecast_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/surface.csv"), None)?);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", line.and_then(|line| line.split_whitespace().next()).unwrap_or("0"));
    Ok(())
}
