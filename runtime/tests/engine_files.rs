//! Files of signals as engines, spreadsheets and data frames write them, and the warnings that go with their rows.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use serde_json::Value;
use support::{House, packed, repository, unpacked};

/// The mistakes of `tests/data/greek_units.json`: fields of rows and the warnings that Python finds.
fn mistakes() -> Vec<(String, Vec<f64>, Vec<String>)> {
    let text = fs::read(repository().join("tests/data/greek_units.json")).unwrap();
    let cases: Value = serde_json::from_slice(&text).unwrap();
    let texts =
        |value: &Value| value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let row = |value: &Value| value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
    let cases = cases["cases"].as_array().unwrap();
    cases
        .iter()
        .map(|case| (case["name"].as_str().unwrap().to_owned(), row(&case["row"]), texts(&case["warnings"])))
        .collect()
}

const FIELDS: [&str; 8] =
    ["edge_percent", "delta", "gamma", "vega", "theta", "volume", "open_interest", "days_to_expiry"];
const SAID: [(&str, &str); 3] = [
    ("VegaPerPoint", "vega contradicts gamma"),
    ("ThetaPerDay", "theta contradicts gamma"),
    ("PutDeltaUnsigned", "delta contradicts theta"),
];

fn table(header: &str, rows: &[Vec<f64>]) -> String {
    let lines: Vec<_> = rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).collect();
    format!("{header}\n{}\n", lines.join("\n"))
}

#[test]
fn a_mistake_of_unit_is_warned_of_in_a_file_as_in_a_single_call() {
    let house = House::new();
    let mistakes = mistakes();
    let rows: Vec<_> = mistakes.iter().map(|(_, row, _)| row.clone()).collect();
    house.write("signals.csv", table(&FIELDS.join(","), &rows));
    let done = house.run(&["classify-batch", "signals.csv"]);
    let mut warned = 0;
    for ((name, row, expected), line) in mistakes.iter().zip(done.good().lines().skip(1)) {
        let warnings = line.rsplit(',').nth(1).unwrap();
        for (warning, text) in SAID {
            assert_eq!(warnings.contains(text), expected.iter().any(|name| name == warning), "{name}: {line}");
        }
        warned += usize::from(!warnings.is_empty());
        if !expected.is_empty() && warned % 40 == 0 {
            let fields: Vec<_> = FIELDS.iter().zip(row).map(|(name, value)| format!("\"{name}\": {value}")).collect();
            let alone = house.run(&["classify", "--json", &format!("{{{}}}", fields.join(", "))]);
            let answer: Value = serde_json::from_str(alone.good()).unwrap();
            let texts: Vec<_> =
                answer["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
            assert_eq!(texts.join("; "), warnings);
        }
    }
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    let start = format!("{} rows, ", rows.len());
    assert!(
        done.stderr.starts_with(&start) && done.stderr.contains(&format!(" TRADE, {warned} warned; ")),
        "{}",
        done.stderr
    );
    assert!(SAID.iter().all(|(_, text)| done.stderr.contains(text)), "{}", done.stderr);
}

#[test]
fn edges_as_fractions_are_seen_in_a_file_as_a_whole() {
    let house = House::new();
    let rows: Vec<_> = mistakes().into_iter().filter(|(name, ..)| name == "ordinary").map(|(_, row, _)| row).collect();
    house.write("signals.csv", table(&FIELDS.join(","), &rows));
    assert!(!house.run(&["classify-batch", "signals.csv"]).stderr.contains("looks like a fraction"));
    let fractions: Vec<_> = rows.iter().map(|row| [&[row[0] / 100.0], &row[1..]].concat()).collect();
    house.write("signals.csv", table(&FIELDS.join(","), &fractions));
    let done = house.run(&["classify-batch", "signals.csv"]);
    assert!(done.stderr.contains("edge_percent looks like a fraction"), "{}", done.stderr);
}

#[test]
fn a_data_frame_with_an_index_other_spellings_and_columns_of_its_own_is_answered_and_passes_through() {
    let house = House::new();
    let header = ",Ticker,Days-To-Expiry, Edge Percent,DELTA,Gamma,Vega,theta,Volume,open interest,Note";
    let rows = ["0,TSLA,45,15.5,0.65,0.004,45.2,-8.5,1200,8500,\"a, b\"", "1,,45,15.5,0.65,0.004,45.2,-8.5,1200,8500,"];
    let plain = format!("{header}\n{}\n{}\n", rows[0], rows[1]);
    let marked = format!("\u{feff}{plain}");
    for content in [plain.as_bytes(), marked.as_bytes(), &packed(plain.as_bytes()), &packed(marked.as_bytes())] {
        house.write("signals", content);
        let done = house.run(&["classify-batch", "signals"]);
        let lines: Vec<_> = done.good().lines().collect();
        assert_eq!(lines[0], format!("{header},confidence,recommendation,source,warnings,trained_on"));
        for (line, row) in lines[1..].iter().zip(rows) {
            let added = line.strip_prefix(row).unwrap();
            assert!(added.starts_with(",0.43") && added.ends_with(",AVOID,model,,"), "{line}");
        }
        let packed_too = house.run(&["classify-batch", "signals", "-o", "answers.csv.gz"]);
        assert!(packed_too.good().is_empty());
        assert_eq!(packed_too.stderr, "2 rows, 0 TRADE, 0 warned\n");
        let answers = fs::read(house.path("answers.csv.gz")).unwrap();
        assert_eq!(String::from_utf8(unpacked(&answers)).unwrap(), done.stdout);
    }
}

#[test]
fn objects_keep_whatever_else_they_hold() {
    let house = House::new();
    let signal = support::SIGNAL.trim_end_matches('}');
    let line = format!("\u{feff}{signal}, \"strategy\": {{\"name\": \"a\"}}, \"Legs\": [1, 2]}}");
    let done = house.run_with_input(&["classify-batch", "-"], &packed(line.as_bytes()));
    let answer: Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!((&answer["strategy"]["name"], &answer["Legs"][1]), (&"a".into(), &2.into()));
    assert_eq!((&answer["source"], &answer["warnings"]), (&"model".into(), &serde_json::json!([])));
    let twice = format!("{signal}, \"confidence\": 1}}");
    house.run_with_input(&["classify-batch", "-"], twice.as_bytes()).refused("'confidence' is a column that this adds");
    let other = support::SIGNAL.replace("\"delta\"", "\"Delta\"");
    house
        .run_with_input(&["classify-batch", "-"], other.as_bytes())
        .refused("field 'delta' is missing; is it 'Delta'?");
}

#[test]
fn a_byte_order_mark_before_a_signal_or_a_config_is_passed_over() {
    let house = House::new();
    let config = fs::read(house.config()).unwrap();
    fs::write(house.config(), [b"\xef\xbb\xbf".as_slice(), &config].concat()).unwrap();
    assert_eq!(house.run(&["classify", &format!("\u{feff}{}", support::SIGNAL)]).good(), "0.439\n");
    assert_eq!(house.run_with_input(&["classify", "-"], "\u{feff}".as_bytes()).code, Some(2));
}

#[test]
fn a_packed_file_that_is_cut_off_is_refused_and_leaves_nothing() {
    let house = House::new();
    let line = format!("{}\n", support::SIGNAL);
    let whole = packed(line.repeat(5000).as_bytes());
    house.write("signals.gz", &whole[..whole.len() - 9]);
    house.run(&["classify-batch", "signals.gz", "-o", "answers.json"]).refused("signals.gz");
    assert!(!house.path("answers.json").exists());
}
