//! The log of answers and the shadow: whatever becomes of either, answers are given as before, and what is missing in
//! the log is counted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dollarbill_ml::live_log::{LogSettings, check};
use dollarbill_ml::{Config, MlService, Model, SIGNAL_CLASSIFIER, Source, TradeSignal, Version};
use serde_json::{Value, json};
use support::{House, SIGNAL, library};

const PATIENCE: Duration = Duration::from_secs(10);
/// Of the fixtures: not in use.
const OTHER: &str = "38b4ee5ff11e";

fn config(house: &House) -> Config {
    let mut config = Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(fs::canonicalize(library()).unwrap());
    config.lanes = 1;
    config
}

fn logging(house: &House) -> (Config, PathBuf) {
    let path = house.path("log/live.ndjson");
    let mut config = config(house);
    config.log = Some(LogSettings::at(&path));
    (config, path)
}

fn signal(edge_percent: f64) -> TradeSignal {
    TradeSignal { edge_percent, ..TradeSignal::from_json(SIGNAL).unwrap() }
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rows(path: &Path) -> Vec<Value> {
    lines(path).into_iter().filter(|line| line.get("seq").is_some()).collect()
}

#[test]
fn every_answer_stands_in_the_log_as_it_was_given() {
    let house = House::new();
    let (config, path) = logging(&house);
    let service = MlService::open_signals(&config).unwrap();
    let first = service.classify_tagged(&signal(15.5), "order \"7\"\n").unwrap();
    let mut answers = Vec::new();
    service.classify_batch(&[signal(1.0), signal(-0.0)], &mut answers).unwrap();
    assert!(service.classify(&signal(f64::NAN)).is_err());
    assert!(service.flush_log(PATIENCE));
    let health = service.log_health().unwrap();
    assert_eq!((health.written, health.dropped, health.lost, health.waiting), (3, 0, 0, 0));
    let found = rows(&path);
    assert_eq!(found.len(), 3);
    for (number, (row, answer)) in found.iter().zip([first, answers[0], answers[1]]).enumerate() {
        assert_eq!((&row["log"], &row["seq"], &row["model"]), (&json!(1), &json!(number), &json!(SIGNAL_CLASSIFIER)));
        assert_eq!(row["version"], json!(answer.model_version));
        assert_eq!(row["engine"], json!(answer.engine));
        assert_eq!(row["source"], "model");
        assert_eq!(row["answer"]["confidence"].as_f64().unwrap().to_bits(), answer.confidence.to_bits());
        assert_eq!(row["warnings"], json!(answer.warnings));
        assert!(row["time"].as_str().unwrap().ends_with('Z') && row.get("shadow").is_none());
        assert!(row["run"] == found[0]["run"]);
    }
    assert_eq!(found[0]["tag"], "order \"7\"\n");
    assert_eq!(
        found[0]["inputs"],
        serde_json::from_str::<Value>(&SIGNAL.replace("1200", "1200.0")).map_or(Value::Null, |object| floats(&object))
    );
    drop(service);
    let all = lines(&path);
    assert_eq!((&all[0]["event"], &all[all.len() - 1]["event"]), (&json!("start"), &json!("stop")));
    assert_eq!(all[all.len() - 1]["written"], 3);
    assert_eq!(check(&path).unwrap().rows, 3);
}

/// Every number as a float, as inputs of float64 are logged.
fn floats(object: &Value) -> Value {
    let entries = object.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!(value.as_f64())));
    Value::Object(entries.collect())
}

#[test]
fn a_fallback_is_logged_as_one() {
    let house = House::new();
    fs::write(house.version(SIGNAL_CLASSIFIER).join("model.onnx"), "damaged").unwrap();
    let (config, path) = logging(&house);
    let service = MlService::open_signals(&config).unwrap();
    assert_eq!(service.classify(&signal(15.5)).unwrap().source, Source::Fallback);
    drop(service);
    let row = &rows(&path)[0];
    assert_eq!((&row["source"], &row["version"], &row["engine"]), (&json!("fallback"), &Value::Null, &Value::Null));
    assert!(row["warnings"].to_string().contains("refused"));
}

#[test]
fn without_a_log_nothing_is_written() {
    let house = House::new();
    let service = MlService::open_signals(&config(&house)).unwrap();
    service.classify_tagged(&signal(15.5), "7").unwrap();
    assert!(service.log_health().is_none() && service.flush_log(PATIENCE));
    assert!(!house.path("log").exists() && !house.path("data").exists());
}

#[test]
fn the_shadow_answers_beside_the_version_in_use_and_is_never_used() {
    let house = House::new();
    let (mut config, path) = logging(&house);
    let plain = MlService::open_signals(&config).unwrap().classify(&signal(15.5)).unwrap();
    let other: Version = OTHER.parse().unwrap();
    let alone = {
        let mut alone = config.clone();
        alone.log = None;
        alone.model_mut(SIGNAL_CLASSIFIER).unwrap().model_path = house.model(SIGNAL_CLASSIFIER).join(OTHER);
        MlService::open_signals(&alone).unwrap().classify(&signal(15.5)).unwrap()
    };
    config.model_mut(SIGNAL_CLASSIFIER).unwrap().shadow = Some(other);
    let service = MlService::open_signals(&config).unwrap();
    assert_eq!(service.shadow(SIGNAL_CLASSIFIER), Some(Ok(other)));
    assert_eq!(service.classify(&signal(15.5)).unwrap(), plain);
    drop(service);
    let row = rows(&path).pop().unwrap();
    assert_eq!(row["shadow"]["version"], OTHER);
    assert_eq!(row["shadow"]["answer"]["confidence"].as_f64(), Some(alone.confidence));
    assert_eq!(row["answer"]["confidence"].as_f64(), Some(plain.confidence));
    assert_ne!(plain.confidence.to_bits(), alone.confidence.to_bits());
}

#[test]
fn whatever_is_wrong_with_a_shadow_the_answer_is_the_same_and_the_log_says_what() {
    for damage in ["missing", "graph", "manifest", "golden", "of another model"] {
        let house = House::new();
        let (mut config, path) = logging(&house);
        let folder = house.model(SIGNAL_CLASSIFIER).join(OTHER);
        let plain = MlService::open_signals(&config).unwrap().classify(&signal(15.5)).unwrap();
        match damage {
            "missing" => fs::remove_dir_all(&folder).unwrap(),
            "graph" => fs::write(folder.join("model.onnx"), "damaged").unwrap(),
            "manifest" => fs::write(folder.join("manifest.json"), "{}").unwrap(),
            "golden" => fs::remove_file(folder.join("golden/cases.json")).unwrap(),
            _ => {
                fs::remove_dir_all(&folder).unwrap();
                support::copy(&house.version("volatility_predictor"), &folder);
            }
        }
        config.model_mut(SIGNAL_CLASSIFIER).unwrap().shadow = Some(OTHER.parse().unwrap());
        let service = MlService::open_signals(&config).unwrap();
        assert!(service.shadow(SIGNAL_CLASSIFIER).unwrap().is_err(), "{damage}");
        assert_eq!(service.classify(&signal(15.5)).unwrap(), plain, "{damage}");
        assert!(service.flush_log(PATIENCE));
        assert_eq!(service.log_health().unwrap().shadow_failed, 1);
        let row = rows(&path).pop().unwrap();
        assert!(!row["shadow"]["error"].as_str().unwrap().is_empty(), "{damage}");
        assert_eq!(row["shadow"]["answer"], Value::Null);
    }
}

#[test]
fn a_shadow_that_comes_later_is_found_by_a_look_for_new_versions() {
    let house = House::new();
    let (mut config, _) = logging(&house);
    let (folder, aside) = (house.model(SIGNAL_CLASSIFIER).join(OTHER), house.path("aside"));
    fs::rename(&folder, &aside).unwrap();
    config.model_mut(SIGNAL_CLASSIFIER).unwrap().shadow = Some(OTHER.parse().unwrap());
    let service = MlService::open_signals(&config).unwrap();
    assert!(service.shadow(SIGNAL_CLASSIFIER).unwrap().is_err());
    fs::rename(&aside, &folder).unwrap();
    assert!(service.reload_signals().unwrap().is_none());
    assert!(service.shadow(SIGNAL_CLASSIFIER).unwrap().is_ok());
}

#[test]
fn a_shadow_without_a_log_is_a_mistake_in_the_config() {
    let house = House::new();
    let mut config = config(&house);
    config.model_mut(SIGNAL_CLASSIFIER).unwrap().shadow = Some(OTHER.parse().unwrap());
    let error = MlService::open_signals(&config).unwrap_err();
    assert!(error.to_string().contains("'models.signal_classifier.shadow'"), "{error}");
}

#[test]
fn forecasts_are_logged_with_symbol_day_and_horizons() {
    let house = House::new();
    let (config, path) = logging(&house);
    let service = MlService::open_volatility(&config).unwrap();
    let start = jiff::civil::date(2024, 1, 1);
    let days: Vec<_> = (0..60)
        .map(|day| start.checked_add(jiff::Span::new().days(day)).unwrap())
        .filter(|date| date.weekday().to_monday_zero_offset() < 5)
        .map(|date| dollarbill_ml::surface::SurfaceDay {
            date: Some(date),
            symbol: "TSLA".to_owned(),
            features: [0.4 + 0.001 * f64::from(date.day()), 0.38, 0.05, 0.01, f64::NAN, 1200.0, 46.0],
        })
        .collect();
    let forecast = service.forecast_days(&days).unwrap();
    drop(service);
    let row = &rows(&path)[0];
    assert_eq!(row["about"], json!({"symbol": "TSLA", "date": forecast.date.unwrap().to_string()}));
    assert_eq!(row["inputs"]["avg_iv"].as_f64(), Some(forecast.current_avg_iv));
    let horizons: Vec<_> = forecast.horizons.iter().map(|horizon| horizon.days).collect();
    assert_eq!(row["answer"]["horizons"], json!(horizons));
    let predicted: Vec<_> = forecast.horizons.iter().map(|horizon| horizon.predicted).collect();
    assert_eq!(row["answer"]["predicted"], json!(predicted));
}

#[test]
fn any_model_is_logged_by_columns_with_its_shadow() {
    let house = House::new();
    let folder = house.model(SIGNAL_CLASSIFIER);
    let path = house.path("any.ndjson");
    let options = Model::options().lanes(1).library(library());
    let model = options.log(LogSettings::at(&path)).shadow(OTHER.parse().unwrap()).open(&folder).unwrap();
    let row = [15.5, 0.65, 0.004, 45.2, -8.5, 1200.0, 8500.0, 45.0];
    let answers = model.run_one(&row).unwrap();
    let mut flat = [0.0];
    model.run_one_into(&row, &mut flat).unwrap();
    model.run(&[row, row]).unwrap();
    assert!(model.flush_log(PATIENCE));
    assert_eq!(model.log_health().unwrap().written, 4);
    drop(model);
    let found = rows(&path);
    assert_eq!(found.len(), 4);
    for row in &found {
        assert_eq!(row["inputs"]["delta"], 0.65);
        assert_eq!(
            row["answer"]["confidence"].as_f64(),
            Some(answers.output("confidence").unwrap().float64().unwrap()[0])
        );
        assert_eq!(row["answer"]["confidence"].as_f64(), Some(flat[0]));
        assert!(row["shadow"]["answer"]["confidence"].is_f64(), "{row}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_costs_rows_and_no_answer_and_is_used_once_it_can() {
    let house = House::new();
    let (config, path) = logging(&house);
    house.write("log", "a file where the folder should be");
    let service = MlService::open_signals(&config).unwrap();
    for _ in 0..10 {
        service.classify(&signal(15.5)).unwrap();
    }
    assert!(service.flush_log(PATIENCE));
    let health = service.log_health().unwrap();
    assert_eq!((health.written, health.lost), (0, 10));
    assert!(health.error.is_some());
    fs::remove_file(house.path("log")).unwrap();
    let last = Instant::now() + PATIENCE;
    while service.log_health().unwrap().written == 0 {
        assert!(Instant::now() < last);
        service.classify(&signal(15.5)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(service.flush_log(PATIENCE));
    let health = service.log_health().unwrap();
    assert_eq!(health.error, None);
    drop(service);
    let found = check(&path).unwrap();
    assert_eq!((found.rows, found.lost, found.broken), (health.written, health.lost, 0));
}

#[test]
fn a_queue_that_is_full_drops_rows_and_counts_each_of_them() {
    let house = House::new();
    let (mut config, path) = logging(&house);
    config.log.as_mut().unwrap().queue_bytes = 4000;
    let service = MlService::open_signals(&config).unwrap();
    let mut answers = Vec::new();
    let signals: Vec<_> = (0..5000).map(|edge| signal(f64::from(edge) / 100.0)).collect();
    service.classify_batch(&signals, &mut answers).unwrap();
    assert_eq!(answers.len(), signals.len());
    assert!(service.flush_log(PATIENCE));
    let health = service.log_health().unwrap();
    assert!(health.dropped > 0);
    assert_eq!(health.written + health.dropped, 5000);
    drop(service);
    let found = check(&path).unwrap();
    assert_eq!((found.rows, found.dropped, found.lost), (health.written, health.dropped, 0));
    // Gaps in the numbers tell the same.
    let numbers: Vec<_> = rows(&path).iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

fn csv(rows: usize) -> String {
    use std::fmt::Write;
    let mut text = "edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry\n".to_owned();
    for row in 0..rows {
        writeln!(text, "{},0.65,0.004,45.2,-8.5,1200,8500,45", row % 100).unwrap();
    }
    text
}

/// However many rows wait at once: with one kept file of 50 KiB the disk holds 100 KiB.
#[test]
fn closed_files_are_bounded() {
    for (kib, files) in [(256_u32, 2), (50, 1), (11, 3)] {
        let house = House::new();
        house.configure(|config| {
            config["runtime"] =
                json!({"log": {"path": "log/live.ndjson", "max_mb": f64::from(kib) / 1024.0, "files": files}});
        });
        house.write("signals.csv", csv(5000));
        house.run(&["classify-batch", "signals.csv", "-o", "out.csv"]).good();
        let entries: Vec<_> = fs::read_dir(house.path("log")).unwrap().map(|entry| entry.unwrap()).collect();
        let sizes: Vec<_> = entries.iter().map(|entry| entry.metadata().unwrap().len()).collect();
        let logs = entries.iter().filter(|entry| entry.file_name().to_string_lossy().ends_with("ndjson")).count();
        assert_eq!(logs, files + 1);
        assert!(sizes.iter().all(|size| *size <= u64::from(kib) << 10), "{kib}: {sizes:?}");
        assert_eq!(check(&house.path("log/live.ndjson")).unwrap().broken, 0);
    }
}

#[test]
fn check_says_what_the_log_holds_and_lacks() {
    let house = House::new();
    house.configure(|config| config["runtime"] = json!({"log": {"path": "log/live.ndjson"}}));
    house.run(&["classify", SIGNAL]).good();
    house.run(&["classify", SIGNAL, "--log", "off"]).good();
    let mut log = fs::OpenOptions::new().append(true).open(house.path("log/live.ndjson")).unwrap();
    log.write_all(b"{\"log\": 1, \"ru").unwrap();
    let said = house.run(&["check"]).good().to_owned();
    assert!(said.contains("1 answers in 1 files; missing: 0 dropped, 0 lost; broken lines: 1"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_costs_rows_and_no_answer() {
    let house = House::new();
    house.write("signals.csv", csv(3000));
    let mut shell = house.command();
    let binary = shell.get_program().to_owned();
    let mut limited = std::process::Command::new("bash");
    // No file may grow beyond 200 KiB; the answers go to a pipe.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" classify-batch signals.csv --log log/live.ndjson"]);
    limited.arg(binary).current_dir(house.path(".")).env("ORT_DYLIB_PATH", library());
    let done = support::outcome(&mut limited, b"");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout.lines().count(), 3001);
    assert!(done.stderr.contains("rows are missing in the log"), "{}", done.stderr);
    let found = check(&house.path("log/live.ndjson")).unwrap();
    assert_eq!(found.broken, 0);
    assert!(found.rows < 3000);
    // The next process goes on.
    house.run(&["classify", SIGNAL, "--log", "log/live.ndjson"]).good();
    assert_eq!(check(&house.path("log/live.ndjson")).unwrap().rows, found.rows + 1);
    let _ = shell.stdin(Stdio::null());
}

#[test]
fn a_second_process_writes_files_of_its_own() {
    let house = House::new();
    let mut first = house.command();
    first.args(["classify-batch", "-", "--log", "log/live.ndjson"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut first = first.spawn().unwrap();
    wait_for(&house.path("log/live.ndjson"));
    house.run(&["classify", SIGNAL, "--log", "log/live.ndjson"]).good();
    assert_eq!(rows(&house.path("log/live-2.ndjson")).len(), 1);
    first.stdin.take().unwrap().write_all(csv(10).as_bytes()).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(rows(&house.path("log/live.ndjson")).len(), 10);
    let runs: BTreeSet<_> = ["log/live.ndjson", "log/live-2.ndjson"]
        .into_iter()
        .flat_map(|name| lines(&house.path(name)))
        .map(|line| line["run"].to_string())
        .collect();
    assert_eq!(runs.len(), 2);
}

#[test]
fn serve_answers_line_by_line_and_goes_on_after_a_wrong_one() {
    let house = House::new();
    let tagged = SIGNAL.replacen('{', "{\"tag\": \"order 7\", ", 1);
    let input = format!("{SIGNAL}\n\n{tagged}\nnonsense\n{{\"delta\": 2}}\n{SIGNAL}\n");
    let done = house.run_with_input(&["serve", "--log", "log/live.ndjson"], input.as_bytes());
    let answers: Vec<Value> = done.good().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 5);
    assert_eq!(answers[1]["tag"], "order 7");
    assert!(answers[0]["confidence"] == answers[1]["confidence"] && answers[0] == answers[4]);
    assert!(answers[2]["error"].is_string() && answers[3]["error"].as_str().unwrap().contains("edge_percent"));
    let found = rows(&house.path("log/live.ndjson"));
    assert_eq!(found.len(), 3);
    assert_eq!(found[1]["tag"], "order 7");
}

fn wait_for(path: &Path) {
    let last = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < last, "{}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Killed at any moment: what was written before is whole, at most the last line is cut off, and the next process goes
/// on. `KILLS=300` for the long form.
#[cfg(unix)]
#[test]
fn a_process_that_is_killed_leaves_whole_lines() {
    let kills: u64 = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12);
    let house = House::new();
    house.configure(|config| {
        config["runtime"] = json!({"log": {"path": "log/live.ndjson", "max_mb": 1, "files": 1000}});
    });
    house.write("signals.csv", csv(30_000));
    let log = house.path("log/live.ndjson");
    let (mut cut, mut before) = (0, 0);
    let mut whole = 0;
    for kill in 0..kills {
        if kill % 10 == 9 {
            // The disk of whoever runs this is bounded, too.
            for entry in fs::read_dir(house.path("log")).unwrap() {
                let path = entry.unwrap().path();
                if path != log && path.extension().is_some_and(|ending| ending == "ndjson") {
                    fs::remove_file(path).unwrap();
                }
            }
            (whole, cut) = (whole + before, cut.max(1));
            before = check(&log).unwrap().rows;
        }
        let mut child = house.command();
        child.args(["classify-batch", "signals.csv"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        let last = Instant::now() + PATIENCE;
        while check(&log).map_or(0, |found| found.rows) == before && kill > 0 && Instant::now() < last {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(3 + 7 * kill % 90));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = check(&log).unwrap();
        assert!(found.rows >= before, "what was written stays");
        before = found.rows;
        cut += u64::from(!fs::read(&log).unwrap_or(b"\n".to_vec()).ends_with(b"\n"));
        assert!(found.broken <= kill + 1, "{found:?}");
    }
    house.run(&["classify", SIGNAL]).good();
    let found = check(&log).unwrap();
    assert_eq!(found.rows, before + 1);
    assert!(found.broken <= cut.max(1), "{found:?}, {cut} cut off");
    assert!(before > 0);
    println!("{kills} kills: {} rows whole, {} lines cut off in the last files", whole + before, found.broken);
}
