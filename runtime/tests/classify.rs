//! `classify` and `classify-batch` through the real binary.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "tests")]

mod support;

use std::fs;

use support::{House, SIGNAL, outcome};

const HEADER: &str = "edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry";

/// `count` varied signals as rows of a CSV file.
fn rows(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let x = i as f64;
            format!(
                "{},{},0.01,{},{},{},{},{}",
                30.0 * (x * 0.7).sin().abs(),
                (x * 0.3).sin(),
                i % 80,
                -x % 50.0,
                i,
                3 * i,
                i % 90
            )
        })
        .collect()
}

fn as_json(row: &str) -> String {
    let fields: Vec<_> = HEADER.split(',').zip(row.split(',')).map(|(k, v)| format!("\"{k}\": {v}")).collect();
    format!("{{{}}}", fields.join(", "))
}

#[test]
fn classify_prints_three_decimals_and_nothing_else() {
    let house = House::new();
    let done = house.run(&["classify", SIGNAL]);
    assert_eq!(done.good(), "0.439\n");
    assert_eq!(done.stderr, "");
    assert!((0.0..=1.0).contains(&done.stdout.trim().parse::<f64>().unwrap()));
}

#[test]
fn classify_reads_a_signal_from_stdin() {
    let house = House::new();
    assert_eq!(house.run_with_input(&["classify", "-"], format!("{SIGNAL}\n").as_bytes()).good(), "0.439\n");
}

#[test]
fn the_whole_answer_is_json_with_source_and_version() {
    let house = House::new();
    let done = house.run(&["classify", "--json", SIGNAL]);
    let answer: serde_json::Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!(format!("{:.3}", answer["confidence"].as_f64().unwrap()), "0.439");
    assert_eq!(answer["recommendation"], "AVOID");
    assert_eq!(answer["source"], "model");
    let version = house.version("signal_classifier");
    assert_eq!(answer["model_version"].as_str().unwrap(), version.file_name().unwrap());
    assert!(answer["rule_score"].as_f64().unwrap() > 0.7);
    assert_eq!(answer["trained_on"], serde_json::Value::Null, "the fixture's manifest does not say");
    assert_eq!(answer["warnings"], serde_json::json!([]));
}

#[test]
fn an_answer_says_whether_its_model_has_ever_seen_a_real_trade() {
    for (data, wanted) in [
        (serde_json::json!({"source": "built-in market simulator, seed 42", "sha256": null}), "simulator"),
        (serde_json::json!({"source": "trades.csv", "sha256": "ab"}), "history"),
        // A file may be called as it likes.
        (serde_json::json!({"source": "simulator.csv", "sha256": "ab"}), "history"),
    ] {
        let house = House::new();
        house.remake("signal_classifier", |manifest| manifest["training"]["data"] = data.clone());
        let answer: serde_json::Value =
            serde_json::from_str(house.run(&["classify", "--json", SIGNAL]).good()).unwrap();
        assert_eq!(answer["trained_on"], wanted);
        let told = house.run_with_input(&["classify-batch", "-"], SIGNAL.as_bytes());
        let row: serde_json::Value = serde_json::from_str(told.good()).unwrap();
        assert_eq!(row["trained_on"], wanted);
        house.write("signals.csv", format!("{HEADER}\n{}\n", rows(1)[0]));
        let told = house.run(&["classify-batch", "signals.csv"]);
        assert!(told.good().trim_end().ends_with(&format!(",{wanted}")), "{}", told.stdout);
    }
}

#[test]
fn a_signal_beyond_the_training_range_is_answered_with_a_warning() {
    let house = House::new();
    let done = house.run(&["classify", "--json", &SIGNAL.replace("\"volume\": 1200", "\"volume\": 999999")]);
    assert!(done.good().contains("volume lies outside the range seen in training"), "{}", done.stdout);
}

#[test]
fn the_threshold_of_the_config_decides_what_is_traded() {
    let house = House::new();
    house.configure(|config| config["models"]["signal_classifier"]["confidence_threshold"] = 0.4.into());
    assert!(house.run(&["classify", "--json", SIGNAL]).good().contains("\"TRADE\""));
}

#[test]
fn a_wrong_signal_gives_one_line_that_names_the_field() {
    let house = House::new();
    for (from, to, expected) in [
        ("\"delta\"", "\"detla\"", "unknown field 'detla'; did you mean 'delta'?"),
        ("\"delta\": 0.65, ", "", "field 'delta' is missing"),
        ("\"delta\": 0.65", "\"delta\": 0.65, \"delta\": 0.65", "field 'delta' stands twice"),
        ("0.65", "\"high\"", "field 'delta' must be a number, found \"high\""),
        ("0.65", "NaN", "field 'delta' is not a JSON number"),
        ("0.65", "Infinity", "field 'delta' is not a JSON number"),
        ("0.65", "1e999", "field 'delta' is not a JSON number"),
        ("0.65", "65", "field 'delta' must lie in -1..1"),
        ("1200", "-5", "field 'volume' must lie in 0.."),
        ("1200", "1200.5", "field 'volume' must be a whole number"),
    ] {
        house.run(&["classify", &SIGNAL.replace(from, to)]).refused(expected);
    }
    house.run(&["classify", ""]).refused("is empty");
    house.run(&["classify", "edge"]).refused("not a JSON object");
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let house = House::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let done = house.command().args(["classify", SIGNAL]).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8(done.stderr).unwrap().contains("cannot write stdout"));
}

#[test]
fn a_batch_keeps_every_row_and_its_order_and_agrees_with_single_signals() {
    let house = House::new();
    let rows = rows(9000);
    let file =
        format!("symbol,{HEADER}\n{}\n", rows.iter().map(|r| format!("\"A,B\",{r}")).collect::<Vec<_>>().join("\n"));
    house.write("signals.csv", file);
    let done = house.run(&["classify-batch", "signals.csv"]);
    let lines: Vec<_> = done.good().lines().collect();
    assert_eq!(lines.len(), 9001);
    assert_eq!(lines[0], format!("symbol,{HEADER},confidence,recommendation,source,warnings,trained_on"));
    for (index, row) in rows.iter().enumerate().step_by(1500) {
        let rest = lines[index + 1].strip_prefix(&format!("\"A,B\",{row},")).expect("the row is kept as it was");
        let (confidence, _) = rest.split_once(',').unwrap();
        let alone = house.run(&["classify", "--json", &as_json(row)]);
        assert!(alone.good().starts_with(&format!("{{\"confidence\":{confidence},")), "{} {rest}", alone.stdout);
    }
}

#[test]
fn ndjson_gives_the_same_answers_as_csv() {
    let house = House::new();
    let rows = rows(100);
    house.write("signals.csv", format!("{HEADER}\n{}\n", rows.join("\n")));
    let lines: Vec<_> = rows.iter().map(|row| as_json(row)).collect();
    let csv = house.run(&["classify-batch", "signals.csv"]);
    let json = house.run_with_input(&["classify-batch", "-"], lines.join("\n").as_bytes());
    for ((csv, json), line) in csv.good().lines().skip(1).zip(json.good().lines()).zip(&lines) {
        let answer: serde_json::Value = serde_json::from_str(json).unwrap();
        let expected: Vec<_> = csv.rsplit(',').take(5).collect();
        assert_eq!(answer["trained_on"].as_str().unwrap_or_default(), expected[0]);
        let expected = &expected[1..];
        let warnings: Vec<_> = expected[0].split("; ").filter(|text| !text.is_empty()).collect();
        assert_eq!(answer["warnings"], serde_json::json!(warnings));
        let expected = &expected[1..];
        assert_eq!(answer["source"], expected[0]);
        assert_eq!(answer["source"], "model");
        assert_eq!(answer["recommendation"], expected[1]);
        assert_eq!(answer["confidence"].as_f64().unwrap(), expected[2].parse::<f64>().unwrap());
        assert!(json.starts_with(line.trim_end_matches('}')));
    }
}

#[test]
fn ndjson_keeps_what_is_passed_through_whatever_it_ends_in() {
    let house = House::new();
    let row = as_json(&rows(1)[0]);
    for extra in ["{}", "{\"x\": {\"y\": 1}}", "\"}\""] {
        let line = format!("{}, \"symbol\": {extra}}}", row.trim_end_matches('}'));
        let done = house.run_with_input(&["classify-batch", "-"], line.as_bytes());
        let answer: serde_json::Value = serde_json::from_str(done.good()).unwrap();
        assert_eq!(answer["symbol"], serde_json::from_str::<serde_json::Value>(extra).unwrap());
        assert_eq!(answer["source"], "model");
    }
}

#[test]
fn a_wrong_file_of_signals_is_refused_with_the_row() {
    let house = House::new();
    let good = rows(5);
    let table = |rows: &[String]| format!("{HEADER}\n{}\n", rows.join("\n"));
    let with = |index: usize, row: &str| {
        let mut rows = good.clone();
        rows[index] = row.to_owned();
        table(&rows)
    };
    for (content, expected) in [
        (String::new(), "is empty"),
        (format!("{HEADER}\n"), "no rows"),
        (table(&good).replace("delta", "detla"), "header: field 'delta' is missing; is it 'detla'?"),
        (table(&good).replace(",delta", ",edge_percent"), "header: field 'edge_percent' stands twice"),
        (table(&good).replace(",delta", ",Edge Percent"), "'edge_percent' and 'Edge Percent' are both the field"),
        (
            table(&good).replace("days_to_expiry", "days_to_expiry,source"),
            "header: 'source' is a column that this adds",
        ),
        (table(&good).replace(",delta", ""), "header: field 'delta' is missing"),
        (with(2, "1,0.5,0.1,1,-1,1,1"), "row 4: has 7 fields, the header has 8"),
        (with(3, "1,NaN,0.1,1,-1,1,1,1"), "row 5: field 'delta' must be finite"),
        (with(3, "1,inf,0.1,1,-1,1,1,1"), "row 5: field 'delta' must be finite"),
        (with(0, "1,,0.1,1,-1,1,1,1"), "row 2: field 'delta' is missing"),
        (with(4, "1,0.5,0.1,1,-1,1.5,1,1"), "row 6: field 'volume' must be a whole number"),
        (with(4, "1,0.5,0.1,1,-1,many,1,1"), "row 6: field 'volume' must be a number, found \"many\""),
        (with(3, "1,NaN,0.1,1,-1,1,1,1").replace('\n', "\r\n"), "row 5: field 'delta' must be finite"),
        (with(3, "\n\n1,NaN,0.1,1,-1,1,1,1"), "row 7: field 'delta' must be finite"),
        (format!("{}\n\n\n{{\"edge_percent\": 1}}\n", as_json(&good[0])), "row 4: field 'delta' is missing"),
        (format!("{}\n{{\"edge_percent\": 1}}\n", as_json(&good[0])), "row 2: field 'delta' is missing"),
        (format!("{}\n[1]\n", as_json(&good[0])), "row 2: not a JSON object"),
        ("\u{0}\u{1}binary".to_owned(), "header: field 'edge_percent' is missing"),
    ] {
        house.write("signals.csv", &content);
        let output = house.write("answers.csv", "what was there before");
        house.run(&["classify-batch", "signals.csv", "-o", "answers.csv"]).refused(expected);
        assert_eq!(fs::read_to_string(output).unwrap(), "what was there before");
    }
    house.run(&["classify-batch", "nowhere.csv"]).refused("nowhere.csv");
    house.run(&["classify-batch", "config"]).refused("config");
}

#[test]
fn rows_before_the_one_at_fault_are_answered_in_their_order_however_many() {
    let house = House::new();
    let good = rows(10_000);
    house.write("signals.csv", format!("{HEADER}\n{}\n", good.join("\n")));
    let whole = house.run(&["classify-batch", "signals.csv"]).good().to_owned();
    for fault in [1, 4095, 4096, 4097, 8192, 9999] {
        let mut some = good.clone();
        some[fault] = "1,NaN,0.1,1,-1,1,1,1".to_owned();
        house.write("signals.csv", format!("{HEADER}\n{}\n", some.join("\n")));
        let ended = house.run(&["classify-batch", "signals.csv"]);
        let expected: Vec<_> = whole.lines().take(fault + 1).collect();
        assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), expected, "{fault}");
        assert!(ended.stderr.contains(&format!("row {}: field 'delta' must be finite", fault + 2)), "{}", ended.stderr);
        assert_eq!(ended.code, Some(2));
    }
}

#[test]
fn a_row_without_an_end_does_not_fill_the_memory() {
    let house = House::new();
    let long = format!("{HEADER}\n\"{}", "x".repeat(3 << 20));
    house.run_with_input(&["classify-batch", "-"], long.as_bytes()).refused("longer than");
    let long = format!("{{\"edge_percent\": \"{}", "x".repeat(3 << 20));
    house.run_with_input(&["classify-batch", "-"], long.as_bytes()).refused("longer than");
}

#[test]
fn an_output_that_cannot_be_written_leaves_nothing_behind() {
    let house = House::new();
    house.write("signals.csv", format!("{HEADER}\n{}\n", rows(5).join("\n")));
    house.write("file", "");
    let before = fs::read_dir(house.path("")).unwrap().count();
    house.run(&["classify-batch", "signals.csv", "-o", "file/answers.csv"]).refused("file/answers.csv");
    house.run(&["classify-batch", "signals.csv", "-o", "nowhere/answers.csv"]).refused("nowhere/answers.csv");
    house.run(&["classify-batch", "signals.csv", "-o", "config"]).refused("config");
    house.run(&["classify-batch", "signals.csv", "-o", "/dev/full"]).refused("/dev/full");
    assert_eq!(fs::read_dir(house.path("")).unwrap().count(), before);
    assert!(house.run(&["classify-batch", "signals.csv", "-o", "answers.csv"]).good().is_empty());
    assert_eq!(fs::read_to_string(house.path("answers.csv")).unwrap().lines().count(), 6);
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let house = House::new();
    house.write("signals.csv", format!("{HEADER}\n{}\n", rows(20_000).join("\n")));
    let mut shell = std::process::Command::new("sh");
    let line = format!("'{}' classify-batch signals.csv | head -n 1", env!("CARGO_BIN_EXE_dollarbill-ml"));
    shell.args(["-c", &line]).env("ORT_DYLIB_PATH", support::library()).current_dir(house.path(""));
    let done = outcome(&mut shell, b"");
    assert_eq!(done.stderr, "");
    assert!(done.stdout.starts_with(HEADER));
}

#[test]
fn a_signal_on_stdin_that_is_too_long_is_refused_and_not_cut() {
    let house = House::new();
    let input = format!("{SIGNAL}{}garbage", " ".repeat(70_000));
    house.run_with_input(&["classify", "-"], input.as_bytes()).refused("longer than 65536 bytes");
}

#[test]
fn an_error_stays_one_line_whatever_names_the_input_holds() {
    let house = House::new();
    for name in ["del\\nta", "\\u001b[31mdelta", "\\u202edelta"] {
        let done = house.run(&["classify", &SIGNAL.replacen("delta", name, 1)]);
        done.refused("field");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(!done.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", done.stderr);
    }
    let long = format!("{{\"{}\": 1}}", "x".repeat(100_000));
    assert!(house.run(&["classify", &long]).stderr.len() < 3000);
}
