//! `run`, `check` and `evaluate` of models that no code knows.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};
use support::{Changes, House};

const ROW: &str = r#"{"age": 30, "ratio": 1.5, "count": 3, "weight": 0.1, "colour": "red"}"#;
const ANSWER: &str = r#"{"score": 16.5, "doubled": 6, "light": {"low": 0.05, "high": 0.2}, "label": "warm"}"#;
const HEADER: &str = "age,ratio,count,weight,colour";

#[test]
fn without_rows_it_says_what_the_model_takes_and_gives() {
    let house = House::new();
    for arguments in [vec!["run", "others/mixed"], vec!["run", "others/mixed", "--signature"]] {
        let text = house.run(&arguments).good().to_owned();
        assert!(text.starts_with("mixed ") && text.contains("    age: 0 to 120 years\n"), "{text}");
    }
    assert!(house.run(&["run", "--help"]).good().contains("run artifacts/churn customers.csv -o answers.csv"));
}

#[test]
fn rows_come_back_in_the_kind_they_came_in() {
    let house = House::new();
    assert_eq!(house.run(&["run", "others/mixed", ROW]).good(), format!("{ANSWER}\n"));
    let list = format!("[{ROW},\n {ROW}]");
    assert_eq!(house.run(&["run", "others/mixed", &list]).good(), format!("[{ANSWER},\n{ANSWER}]\n"));
    let lines = format!("\n{ROW}\n\n{ROW}\n");
    let done = house.run_with_input(&["run", "others/mixed", "-"], lines.as_bytes());
    assert_eq!(done.good(), format!("{ANSWER}\n{ANSWER}\n"));
    house.write("rows.csv", format!("{HEADER}\r\n30,1.5,3,0.1,red\r\n0,,-4,,\"a, b\"\r\n"));
    let done = house.run(&["run", "others/mixed", "rows.csv", "-o", "answers.csv"]);
    assert_eq!(done.good(), "");
    assert_eq!(
        fs::read_to_string(house.path("answers.csv")).unwrap(),
        format!(
            "{HEADER},score,doubled,light.low,light.high,label\n30,1.5,3,0.1,red,16.5,6,0.05,0.2,warm\n\
             0,,-4,,\"a, b\",,-8,,,grün\n"
        )
    );
    let missing = ROW.replace("1.5", "null").replace("\"red\"", "\"é\"");
    let answer = house.run(&["run", "others/mixed", &missing]).good().to_owned();
    assert!(answer.starts_with("{\"score\": null") && answer.contains("\"grün\""), "{answer}");
}

#[test]
fn tensors_without_columns_take_nested_lists_and_free_axes_may_differ_from_row_to_row() {
    let house = House::new();
    let rows = r#"{"series": [1, 2]} {"series": [3]} {"series": [0.5, 0.5]} {"series": [1, 1]}"#;
    let done = house.run_with_input(&["run", "others/sequence", "-"], rows.as_bytes());
    assert_eq!(
        done.good(),
        "{\"total\": 3.0, \"twice\": [2.0,4.0]}\n{\"total\": 3.0, \"twice\": [6.0]}\n\
         {\"total\": 1.0, \"twice\": [1.0,1.0]}\n{\"total\": 2.0, \"twice\": [2.0,2.0]}\n"
    );
    house.run(&["run", "others/sequence", r#"{"series": 1}"#]).refused("row 1: field 'series': invalid type");
    let csv = house.run_with_input(&["run", "others/sequence", "-"], b"series\n1\n");
    csv.refused("header: field 'series' takes nested lists, which CSV cannot hold; use JSON");
    let mut days = vec![json!([null, null, null, null, null, null, null]); 12];
    days.extend(vec![json!([0.2, 0.2, 0.1, 0.1, 0.1, 100, 20]); 10]);
    let done = house.run(&["run", "artifacts/volatility_predictor", &json!({"history": days}).to_string()]);
    assert!(done.good().contains("\"surface\": [[["), "{}", done.stdout);
}

#[test]
fn a_wrong_row_is_named_with_its_field_and_nothing_is_written() {
    let house = House::new();
    for (row, expected) in [
        (ROW.replace("\"age\": 30, ", ""), "row 1: field 'age' is missing (float64)"),
        (ROW.replace("ratio", "raito"), "row 1: unknown field 'raito'; did you mean 'ratio'?"),
        (ROW.replace("\"age\": 30", "\"age\": 30, \"age\": 30"), "field 'age' stands twice"),
        (ROW.replace("30", "130"), "tensor 'x', column 'age': must lie in 0..120 years, found 130"),
        (ROW.replace("30", "null"), "column 'age': must be a number, found NaN"),
        (ROW.replace("30", "\"30\""), "field 'age': invalid type: string \"30\", expected a number or null"),
        (ROW.replace(": 3,", ": 3.5,"), "field 'count': invalid type: floating point `3.5`, expected a whole number"),
        (ROW.replace(": 3,", ": 9223372036854775808,"), "field 'count': 9223372036854775808 is too large"),
        (ROW.replace("0.1", "1e39"), "field 'weight'"),
        (ROW.replace("\"red\"", "7"), "field 'colour': invalid type: integer `7`, expected a text"),
        (ROW.replace("\"red\"", "\"\\u0000\""), "column 'colour': holds a NUL character"),
        (ROW.replace("30", "NaN"), "field 'age'"),
        ("{".to_owned(), "row 1: "),
        ("[]".to_owned(), "holds no row"),
        ("[1]".to_owned(), "row 1: not JSON rows"),
        (format!("{ROW} x"), "not JSON rows"),
        (format!("{ROW} tru"), "not JSON rows"),
        (format!("{ROW} \""), "not JSON rows"),
        (format!("[{ROW}"), "not JSON rows"),
        (format!("[{ROW}] 1"), "not JSON rows"),
    ] {
        let file = house.write("rows.json", &row);
        let done = house.run(&["run", "others/mixed", file.to_str().unwrap(), "-o", "out.json"]);
        done.refused(expected);
        assert!(done.stderr.contains("rows.json"), "{}", done.stderr);
        assert!(!house.path("out.json").exists());
    }
    house.write("out.csv", "before");
    for (rows, expected) in [
        (format!("{HEADER}\n30,1.5,3,0.1,red\n30,1.5,3,heavy,red\n"), "row 3: field 'weight' must be a number, found"),
        (format!("{HEADER}\n30,1.5,,0.1,red\n"), "row 2: field 'count' is missing (int64)"),
        (format!("{HEADER}\n30,1.5,3.5,0.1,red\n"), "row 2: field 'count' must be a whole number, found \"3.5\""),
        (format!("{HEADER}\n,1.5,3,0.1,red\n"), "row 2: tensor 'x', column 'age': must be a number, found NaN"),
        (format!("{HEADER}\n30,inf,3,0.1,red\n"), "column 'ratio': must be finite"),
        (format!("{HEADER}\n30,1.5,3,0.1\n"), "row 2: has 4 fields, the header has 5"),
        (format!("{HEADER},age\n"), "header: field 'age' stands twice"),
        (format!("{HEADER},score\n"), "header: 'score' is a column that this adds"),
        (HEADER.replace("weight", "wieght") + "\n", "header: field 'weight' is missing (float32); is it 'wieght'?"),
        ("age,ratio,count,weight\n".to_owned(), "header: field 'colour' is missing"),
        (format!("{HEADER}\n"), "has a header and no rows"),
        (" \n".to_owned(), "is empty"),
    ] {
        house.write("rows.csv", rows);
        house.run(&["run", "others/mixed", "rows.csv", "-o", "out.csv"]).refused(expected);
        assert_eq!(fs::read_to_string(house.path("out.csv")).unwrap(), "before");
    }
    house.write("rows.csv", [HEADER.as_bytes(), b"\n30,1.5,3,0.1,r\xff\n"].concat());
    house.run(&["run", "others/mixed", "rows.csv"]).refused("row 2: is not UTF-8 text");
    house.write("rows.json", [b"{\"colour\": \"\xff\"}".as_slice()].concat());
    house.run(&["run", "others/mixed", "rows.json"]).refused("row 1: field 'colour'");
}

#[test]
fn a_long_file_is_answered_row_by_row_and_a_late_mistake_stops_it() {
    let house = House::new();
    let mut rows = String::from("age,ratio,count\n");
    let mut expected = String::from("age,ratio,count,sum,twice\n");
    for index in 0..10_000 {
        writeln!(rows, "{},0.5,{index}", index % 121).unwrap();
        writeln!(expected, "{0},0.5,{index},{0}.5,{1}", index % 121, 2 * index).unwrap();
    }
    house.write("rows.csv", &rows);
    assert_eq!(house.run(&["run", "others/numbers", "rows.csv"]).good(), expected);
    house.write("rows.csv", rows + "121,0,0\n");
    let done = house.run(&["run", "others/numbers", "rows.csv", "-o", "out.csv"]);
    done.refused("row 10002: tensor 'x', column 'age'");
    assert!(!house.path("out.csv").exists());
}

#[test]
fn columns_that_the_model_does_not_know_pass_through_and_are_named_once() {
    let house = House::new();
    let rows = "\u{feff},age,note,ratio,count\n0,30,\"a, b\",1.5,3\n1,31,,1.5,3\n";
    let expected = ",age,note,ratio,count,sum,twice\n0,30,\"a, b\",1.5,3,31.5,6\n1,31,,1.5,3,32.5,6\n";
    house.write("rows.csv", rows);
    let done = house.run(&["run", "others/numbers", "rows.csv"]);
    assert_eq!(done.good(), expected);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("passed through: a column without a name, 'note'"), "{}", done.stderr);
    house.run(&["run", "others/numbers", "rows.csv", "-o", "answers.csv.gz"]).good();
    let packed = fs::read(house.path("answers.csv.gz")).unwrap();
    assert_eq!(packed[..2], [0x1f, 0x8b]);
    // What was written packed is read packed, whatever it is called.
    let again = String::from_utf8(support::unpacked(&packed)).unwrap();
    assert_eq!(again, expected);
    house.write("rows.data", support::packed(rows.as_bytes()));
    assert_eq!(house.run(&["run", "others/numbers", "rows.data"]).good(), expected);
    let object = "\u{feff}{\"age\": 30, \"ratio\": 1.5, \"count\": 3}";
    house.write("row.json", object);
    assert_eq!(house.run(&["run", "others/numbers", "row.json"]).good(), "{\"sum\": 31.5, \"twice\": 6}\n");
}

#[test]
fn what_is_no_model_is_one_line() {
    let house = House::new();
    house.run(&["run", "nowhere", ROW]).refused("nowhere: no artifact here");
    house.run(&["run", "config", ROW]).refused("is no model folder");
    house.run(&["run", "config/ml_config.json", ROW]).refused("must be a model folder");
    house.run(&["run", "others/mixed", "nowhere.csv"]).refused("cannot read nowhere.csv");
    house.run(&["run", "others/mixed", "config"]).refused("cannot read config");
}

#[test]
fn a_manifest_beyond_the_format_is_refused_with_the_field() {
    let changes: Changes = vec![
        (|m| m["format_version"] = 3.into(), "field 'format_version': must be 1 or 2, found 3"),
        (|m| m["format_version"] = "2".into(), "field 'format_version': must be 1 or 2"),
        (|m| drop(m.as_object_mut().unwrap().remove("task")), "missing field `task`"),
        (|m| m["task"] = "oracle".into(), "field 'task': unknown variant `oracle`"),
        (|m| m["format_version"] = 1.into(), "unknown field `"),
        (|m| m["inputs"][0]["dtype"] = "float16".into(), "field 'inputs[0].dtype': must be one of \"float64\""),
        (|m| m["inputs"][1]["name"] = "x".into(), "field 'inputs[1].name': \"x\" stands twice"),
        (
            |m| m["inputs"][1]["columns"][0]["name"] = "age".into(),
            "field 'inputs[1].columns[0].name': \"age\" stands twice",
        ),
        (|m| m["inputs"][3]["columns"][0]["minimum"] = 0.into(), "must be null in a tensor of strings"),
        (|m| m["inputs"][3]["columns"][0]["missing"] = true.into(), "field 'inputs[3].columns[0].missing'"),
        (|m| m["inputs"][1]["columns"][0]["missing"] = true.into(), "field 'inputs[1].columns[0].missing'"),
        (|m| drop(m["inputs"][0]["columns"][0].as_object_mut().unwrap().remove("missing")), "missing field `missing`"),
        (|m| drop(m["inputs"][0]["columns"][0].as_object_mut().unwrap().remove("unit")), "missing field `unit`"),
        (|m| drop(m["inputs"][0]["columns"].as_array_mut().unwrap().pop()), "field 'inputs[0].columns': must list 2"),
        (
            |m| m["inputs"][0]["shape"] = json!([2, "batch"]),
            "field 'inputs[0].shape': the first axis must be \"batch\"",
        ),
        (|m| m["inputs"][0]["shape"] = json!(["batch", "batch"]), "field 'inputs[0].shape'"),
        (|m| m["inputs"][0]["shape"] = json!(["batch", 1, 1, 1, 2]), "field 'inputs[0].shape'"),
        (|m| m["inputs"][0]["shape"] = json!(["batch", 0]), "field 'inputs[0].shape'"),
        (|m| m["outputs"][2]["shape"] = json!(["batch", "any"]), "field 'outputs[2].columns'"),
        (|m| m["outputs"] = json!([]), "field 'outputs': must list 1 to 64 tensors, found 0"),
        (|m| m["settings"] = json!([]), "field 'settings': must be an object"),
        (|m| m["model"] = "Mixed".into(), "field 'model'"),
        (|m| m["inputs"][1]["dtype"] = "float64".into(), "field 'inputs': the graph's \"count\""),
        (
            |m| m["novelty"] = json!({"scale": [1.0], "centre": [0.0], "whitening": [[1.0]], "threshold": 1.0}),
            "field 'novelty': goes with a single input",
        ),
    ];
    for (change, expected) in changes {
        let house = House::new();
        house.remake("mixed", change);
        house.run(&["run", "others/mixed", ROW]).refused(expected);
    }
    let house = House::new();
    house.remake("sequence", |m| m["outputs"][1]["shape"] = json!(["batch", "length"]));
    house.run(&["check", "others/sequence"]).good();
    house.remake("sequence", |m| m["outputs"][0]["shape"] = json!(["batch", "time"]));
    house.run(&["check", "others/sequence"]).refused("field 'outputs.total[0]'");
    let other = spoil("sequence", |golden| golden["outputs"]["twice"] = json!([[1], [2]]));
    other.run(&["check", "others/sequence"]).refused("field 'outputs.twice': must have shape [2, 3], has [2, 1]");
}

/// Golden cases with one value changed.
fn spoil(model: &str, change: impl FnOnce(&mut Value)) -> House {
    let house = House::new();
    let path = house.version(model).join("golden/cases.json");
    let mut golden: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut golden);
    house.replace(model, "golden", "golden/cases.json", golden.to_string().as_bytes());
    house
}

#[test]
fn one_wrong_value_of_any_type_is_not_in_parity() {
    let cases: Changes = vec![
        (|o| o["score"][1] = (-2.000_000_000_000_000_4).into(), "golden case 1 in a batch: score is -2"),
        (|o| o["score"][2] = 1.0.into(), "golden case 2 in a batch: score is NaN"),
        (|o| o["doubled"][2] = 4_611_686_018_427_387_907_i64.into(), "doubled is 4611686018427387906"),
        (|o| o["light"][0][1] = 0.200_000_02.into(), "light is 0.2"),
        (|o| o["label"][3] = "grun".into(), "label is \"grün\", the original answered \"grun\""),
    ];
    for (change, expected) in cases {
        let house = spoil("mixed", |golden| change(&mut golden["outputs"]));
        for arguments in [["check", "others/mixed"], ["run", "others/mixed"]] {
            let done = house.run(&arguments);
            assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{expected}: {}", done.stderr);
            assert!(done.stderr.contains(expected), "{}", done.stderr);
        }
    }
}

#[test]
fn golden_cases_of_another_type_or_shape_are_refused() {
    let cases: Changes = vec![
        (|g| g["outputs"]["doubled"][0] = 6.0.into(), "field 'outputs.doubled[0]'"),
        (|g| g["outputs"]["doubled"][0] = Value::Null, "field 'outputs.doubled[0]'"),
        (|g| g["outputs"]["label"][0] = 1.into(), "field 'outputs.label[0]'"),
        (|g| g["outputs"]["score"][0] = "16.5".into(), "field 'outputs.score[0]'"),
        (|g| g["inputs"]["weight"][0] = 1e39.into(), "field 'inputs.weight[0]'"),
        (|g| g["inputs"]["colour"] = json!([["red"], ["blue"], [""], [""]]), "field 'inputs.colour[0]'"),
        (|g| g["inputs"]["count"] = json!([1, 2, 3]), "field 'inputs.count': must have shape [4], has [3]"),
        (|g| g["inputs"]["more"] = json!([1]), "holds other tensors than the manifest: \"more\""),
    ];
    for (change, expected) in cases {
        spoil("mixed", change).run(&["check", "others/mixed"]).refused(expected);
    }
    let house = House::new();
    let path = house.version("mixed").join("golden/cases.json");
    let mut bytes = fs::read(path).unwrap();
    let place = bytes.windows(4).position(|part| part == b"warm").unwrap();
    bytes[place] = 0xff;
    house.replace("mixed", "golden", "golden/cases.json", &bytes);
    house.run(&["check", "others/mixed"]).refused("field 'outputs.label[0]'");
}

#[test]
fn check_proves_models_that_no_code_knows() {
    let house = House::new();
    let done = house.run(&["check", "others"]);
    assert_eq!(done.good().lines().count(), 4);
    fs::remove_file(house.model("narrow").join("current.json")).unwrap();
    let broken = house.run(&["check", "others"]);
    assert_eq!(broken.code, Some(2), "a model without a version in use is not one model less");
    assert!(broken.stderr.contains("narrow"), "{}", broken.stderr);
    assert!(done.stdout.contains("mixed ") && done.stdout.contains("4 golden cases"), "{}", done.stdout);
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![other.as_f64().unwrap_or(f64::NAN)],
    }
}

#[test]
fn evaluate_takes_flat_numbers_of_any_type_and_named_tensors_of_every_kind() {
    let house = House::new();
    let golden = |model: &str| -> Value {
        serde_json::from_slice(&fs::read(house.version(model).join("golden/cases.json")).unwrap()).unwrap()
    };
    for (model, inputs, outputs) in
        [("narrow", vec!["x"], vec!["y"]), ("numbers", vec!["x", "count"], vec!["sum", "twice"])]
    {
        let golden = golden(model);
        let side = |side: &str, names: &[&str]| -> Vec<f64> {
            let count = golden["inputs"]["x"].as_array().unwrap().len();
            let mut numbers = Vec::new();
            for case in 0..count {
                numbers.extend(names.iter().flat_map(|name| flat(&golden[side][*name][case])));
            }
            numbers
        };
        let rows: Vec<u8> = side("inputs", &inputs).into_iter().flat_map(f64::to_le_bytes).collect();
        house.write("rows.f64", rows);
        let folder = house.version(model);
        house.run(&["evaluate", folder.to_str().unwrap(), "--input", "rows.f64", "--output", "answers.f64"]).good();
        let bytes = fs::read(house.path("answers.f64")).unwrap();
        let found: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        #[expect(clippy::cast_possible_truncation, reason = "the golden answers are of float32")]
        let narrow = |value: f64| if model == "narrow" { f64::from(value as f32) } else { value };
        assert_eq!(found, side("outputs", &outputs).into_iter().map(narrow).collect::<Vec<_>>(), "{model}");
    }
    for model in ["mixed", "sequence", "numbers", "narrow", "signal_classifier", "volatility_predictor"] {
        let golden = golden(model);
        house.write("inputs.json", golden["inputs"].to_string());
        let folder = house.version(model);
        house.run(&["evaluate", folder.to_str().unwrap(), "--input", "inputs.json", "--output", "out.json"]).good();
        let found: Value = serde_json::from_slice(&fs::read(house.path("out.json")).unwrap()).unwrap();
        assert_eq!(found, golden["outputs"], "{model}");
    }
    let folder = house.version("mixed");
    house.write("rows.f64", [0; 64]);
    house
        .run(&["evaluate", folder.to_str().unwrap(), "--input", "rows.f64", "--output", "out.f64"])
        .refused("`dollarbill-ml run` serves it");
    house.write("inputs.json", "{\"x\": [[1, 2]]}");
    house
        .run(&["evaluate", folder.to_str().unwrap(), "--input", "inputs.json", "--output", "out.f64"])
        .refused("holds other tensors than the manifest");
    assert!(!house.path("out.f64").exists());
}
