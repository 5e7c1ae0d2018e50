//! Any compiled model as a library's user has it: proven, typed by its manifest, for many threads.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dollarbill_ml::EngineChoice;
use dollarbill_ml::artifact::Place;
use dollarbill_ml::{Array, Dtype, Error, Model, Values, Watcher};
use serde_json::{Value, json};
use support::{House, library};

fn open(path: impl AsRef<Path>) -> Result<Model, Error> {
    Model::options().lanes(2).library(fs::canonicalize(library()).unwrap()).open(path)
}

/// One row of the mixed model.
fn mixed() -> Vec<(&'static str, Array)> {
    vec![
        ("x", Array::new([1, 2], vec![30.0, 1.5])),
        ("count", Array::new([1], vec![3_i64])),
        ("weight", Array::new([1], vec![0.1_f32])),
        ("colour", Array::new([1], vec!["red".to_owned()])),
    ]
}

fn with(name: &str, array: Array) -> Vec<(&'static str, Array)> {
    let mut inputs = mixed();
    inputs.iter_mut().find(|(found, _)| *found == name).unwrap().1 = array;
    inputs
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), "input", "{error}");
    assert!(error.to_string().contains(expected) && !error.to_string().contains('\n'), "{error}");
}

#[test]
fn a_model_folder_a_version_folder_and_a_graph_open_the_same_model() {
    let house = House::new();
    let version = house.version("mixed");
    let name = version.file_name().unwrap().to_str().unwrap();
    for path in [house.model("mixed"), version.clone(), version.join("model.onnx")] {
        let model = open(path).unwrap();
        assert_eq!(model.signature().version.to_string(), name);
        assert_eq!(model.signature().name, "mixed");
    }
}

#[test]
fn all_four_types_go_in_and_come_out_by_name() {
    let house = House::new();
    let model = open(house.model("mixed")).unwrap();
    let answers = model.run_named(mixed()).unwrap();
    assert_eq!(answers.output("score").unwrap().float64(), Some([16.5].as_slice()));
    assert_eq!(answers.output("doubled").unwrap().int64(), Some([6].as_slice()));
    assert_eq!(answers.output("light").unwrap(), &Array::new([1, 2], vec![0.05_f32, 0.2]));
    assert_eq!(answers.output("label").unwrap().values, Values::Text(vec!["warm".to_owned()]));
    assert_eq!((answers.rows(), answers.iter().count()), (1, 4));
    refused(answers.output("lable"), "unknown output 'lable'; did you mean 'label'?");
    let unknown = with("x", Array::new([1, 2], vec![30.0, f64::NAN]));
    assert!(model.run_named(unknown).unwrap().output("score").unwrap().float64().unwrap()[0].is_nan());
}

#[test]
fn the_signature_says_what_the_manifest_says() {
    let house = House::new();
    let signature = open(house.model("mixed")).unwrap().signature();
    assert_eq!(
        signature.inputs.iter().map(|tensor| tensor.dtype).collect::<Vec<_>>(),
        [Dtype::Float64, Dtype::Int64, Dtype::Float32, Dtype::Text]
    );
    assert_eq!(signature.row_width(), None);
    let text = signature.to_string();
    for part in ["a regressor", "x: float64, batch x 2", "age: 0 to 120 years", "ratio: may be missing", "count: whole"]
    {
        assert!(text.contains(part), "{text}");
    }
    let numbers = open(house.model("numbers")).unwrap().signature();
    assert_eq!((numbers.row_width(), numbers.answer_width()), (Some(3), Some(2)));
}

#[test]
fn flat_rows_are_answered_as_named_tensors_are_to_the_bit() {
    let house = House::new();
    let model = open(house.model("numbers")).unwrap();
    let rows: Vec<[f64; 3]> = (0..3000).map(|i| [f64::from(i % 121), f64::from(i) / 7.0, f64::from(i)]).collect();
    let whole = model.run(&rows).unwrap();
    let named = model
        .run_named([
            ("count", Array::new([3000], (0..3000).collect::<Vec<i64>>())),
            ("x", Array::new([3000, 2], rows.iter().flat_map(|row| [row[0], row[1]]).collect::<Vec<f64>>())),
        ])
        .unwrap();
    assert_eq!(whole, named);
    let mut answer = [0.0; 2];
    for (index, row) in rows.iter().enumerate().step_by(97) {
        let one = model.run_one(row).unwrap();
        model.run_one_into(row, &mut answer).unwrap();
        assert_eq!(one.output("sum").unwrap().float64().unwrap(), [answer[0]]);
        assert_eq!(whole.output("sum").unwrap().float64().unwrap()[index].to_bits(), answer[0].to_bits());
        assert_eq!(whole.output("twice").unwrap().int64().unwrap()[index] as f64, answer[1]);
    }
    let empty = model.run::<[f64; 3]>(&[]).unwrap();
    assert_eq!((empty.rows(), empty.output("sum").unwrap().values.len()), (0, 0));
}

#[test]
fn a_model_of_ours_answers_as_the_service_does_and_a_row_costs_no_allocation() {
    let house = House::new();
    let model = open(house.model("signal_classifier")).unwrap();
    let row = [15.5, 0.65, 0.004, 45.2, -8.5, 1200.0, 8500.0, 45.0];
    let mut answer = [0.0];
    model.run_one_into(&row, &mut answer).unwrap();
    assert_eq!(format!("{:.3}", answer[0]), "0.439");
    let counted = allocation_counter::measure(|| {
        for _ in 0..500 {
            model.run_one_into(&row, &mut answer).unwrap();
        }
    });
    // The labels of a metric are two small lists a call.
    assert_eq!(counted.count_total, if cfg!(feature = "metrics") { 1000 } else { 0 });
    let error = model.run_one_into(&row, &mut [0.0; 2]).unwrap_err();
    assert_eq!(error.code(), "length");
}

#[test]
fn a_wrong_input_is_refused_with_tensor_and_column() {
    let house = House::new();
    let model = open(house.model("mixed")).unwrap();
    let mut missing = mixed();
    missing.remove(3);
    refused(model.run_named(missing), "tensor 'colour' is missing");
    let mut twice = mixed();
    twice.push(twice[0].clone());
    refused(model.run_named(twice), "tensor 'x' stands twice");
    let mut unknown = mixed();
    unknown.push(("cuont", Array::new([1], vec![1.0])));
    refused(model.run_named(unknown), "unknown tensor 'cuont'; did you mean 'count'?");
    for (name, array, expected) in [
        ("x", Array::new([1, 2], vec![30.0_f32, 1.5]), "tensor 'x': must be of float64, is of float32"),
        ("x", Array::new([1, 3], vec![30.0, 1.5, 1.0]), "tensor 'x': must have shape [1, 2], has [1, 3]"),
        ("x", Array::new([1, 2], vec![30.0]), "but 1 values"),
        ("x", Array::new([usize::MAX, 2], vec![30.0]), "but 1 values"),
        ("count", Array::new([2], vec![3_i64, 4]), "tensor 'count': must have shape [1], has [2]"),
        (
            "x",
            Array::new([1, 2], vec![130.0, 1.5]),
            "row 0: tensor 'x', column 'age': must lie in 0..120 years, found 130",
        ),
        ("x", Array::new([1, 2], vec![f64::NAN, 1.5]), "column 'age': must be a number, found NaN"),
        ("x", Array::new([1, 2], vec![30.0, f64::NEG_INFINITY]), "column 'ratio': must be finite, found -inf"),
        ("weight", Array::new([1], vec![-0.1_f32]), "column 'weight': must be at least 0 kg"),
        ("colour", Array::new([1], vec!["r\0d".to_owned()]), "column 'colour': holds a NUL character"),
    ] {
        refused(model.run_named(with(name, array)), expected);
    }
    refused(model.run_one(&[1.0]), "give it named tensors");
    let numbers = open(house.model("numbers")).unwrap();
    refused(numbers.run_one(&[1.0, 2.0]), "must hold 3 numbers (2 of 'x', 1 of 'count'), found 2");
    refused(numbers.run_one(&[1.0, 2.0, 3.0, 4.0]), "found 4");
    refused(numbers.run_one(&[1.0, 2.0, 3.5]), "tensor 'count', column 'count': must be a whole number, found 3.5");
    refused(numbers.run_one(&[1.0, 2.0, -3.0]), "must be at least 0 pieces");
    refused(numbers.run_one(&[1.0, 2.0, 1e19]), "must be a whole number of 64 bits");
    refused(numbers.run(&[[1.0, 2.0, 3.0], [1.0, f64::INFINITY, 3.0]]), "row 1: tensor 'x', column 'ratio'");
    let narrow = open(house.model("narrow")).unwrap();
    refused(narrow.run_one(&[1.0, 1e39, 0.0]), "tensor 'x', place 1: must be a float32");
    assert!(narrow.run_one(&[1.0, f64::NAN, 0.0]).is_ok(), "a float without columns may be missing");
}

#[test]
fn a_free_axis_has_any_length_but_one_in_a_call() {
    let house = House::new();
    let model = open(house.model("sequence")).unwrap();
    for length in [1, 2, 50] {
        let series = Array::new([3, length], vec![0.5; 3 * length]);
        let answers = model.run_named([("series", series)]).unwrap();
        assert_eq!(answers.output("twice").unwrap(), &Array::new([3, length], vec![1.0; 3 * length]));
        assert_eq!(answers.output("total").unwrap().float64().unwrap()[2], 0.5 * length as f64);
    }
    refused(model.run_one(&[1.0]), "free axis");
}

/// A second version of a model that answers the same; its name.
fn another(house: &House, model: &str) -> String {
    let current = house.version(model);
    let other = current.with_file_name("copy");
    support::copy(&current, &other);
    let path = other.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["training"]["estimator"] = "another".into();
    let bytes = manifest.to_string();
    fs::write(path, &bytes).unwrap();
    let name = support::sha256(bytes.as_bytes())[..12].to_owned();
    fs::rename(&other, other.with_file_name(&name)).unwrap();
    name
}

fn point_to(house: &House, model: &str, version: &str) {
    let next = house.model(model).join("next.json");
    fs::write(&next, json!({"version": version}).to_string()).unwrap();
    fs::rename(next, house.model(model).join("current.json")).unwrap();
}

#[test]
fn a_reload_swaps_in_what_is_proven_and_leaves_all_as_it_is_otherwise() {
    let house = House::new();
    let old = house.version("mixed").file_name().unwrap().to_str().unwrap().to_owned();
    let new = another(&house, "mixed");
    let model = open(house.model("mixed")).unwrap();
    assert_eq!(model.reload().unwrap(), None);
    point_to(&house, "mixed", &new);
    assert_eq!(model.reload().unwrap().unwrap().to_string(), new);
    assert_eq!(model.signature().version.to_string(), new);
    fs::write(house.model("mixed").join(&old).join("model.onnx"), "damaged").unwrap();
    for broken in ["0123456789ab", &old] {
        point_to(&house, "mixed", broken);
        assert_eq!(model.reload().unwrap_err().code(), "artifact");
        assert_eq!(model.run_named(mixed()).unwrap().version().to_string(), new);
    }
}

#[test]
fn answers_stay_right_while_versions_change_under_load() {
    fn shared<T: Send + Sync + Clone + 'static>(value: &T) -> T {
        value.clone()
    }
    let house = House::new();
    let old = house.version("mixed").file_name().unwrap().to_str().unwrap().to_owned();
    let new = another(&house, "mixed");
    let model = open(house.model("mixed")).unwrap();
    let expected = model.run_named(mixed()).unwrap();
    let watcher = Watcher::start(&model, Duration::from_millis(2)).unwrap();
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (model, expected, done, calls) = (shared(&model), &expected, &done, &calls);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let answers = model.run_named(mixed()).unwrap();
                    assert!(answers.iter().eq(expected.iter()));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..60 {
            point_to(&house, "mixed", ["0123456789ab", &old, &new][round % 3]);
            std::thread::sleep(Duration::from_millis(10));
            seen.insert(model.signature().version);
        }
        done.store(true, Ordering::Relaxed);
    });
    drop(watcher);
    assert_eq!(seen.len(), 2);
    assert!(calls.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_service_reloads_by_name_and_names_its_models() {
    let house = House::new();
    let mut config = dollarbill_ml::Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(fs::canonicalize(library()).unwrap());
    config.lanes = 1;
    let service = dollarbill_ml::MlService::open(&config).unwrap();
    assert_eq!(service.reload("signal_classifier").unwrap(), None);
    assert_eq!(service.version("volatility_predictor"), service.volatility_version());
    refused(service.reload("signal_clasifier"), "did you mean 'signal_classifier'?");
}

#[test]
fn format_1_is_read_and_answers_as_format_2() {
    let house = House::new();
    for name in ["signal_classifier", "volatility_predictor"] {
        let old = open(house.path("format1").join(name)).unwrap();
        let new = open(house.model(name)).unwrap();
        let (one, other) = (old.signature(), new.signature());
        assert_ne!(one.version, other.version);
        assert_eq!((&one.task, &one.inputs, &one.outputs), (&other.task, &other.inputs, &other.outputs));
        let missing = one.inputs[0].columns.iter().all(|column| column.missing);
        assert_eq!(missing, name == "volatility_predictor");
    }
    house.configure(|config| {
        for name in ["signal_classifier", "volatility_predictor"] {
            config["models"][name]["model_path"] = format!("format1/{name}").into();
        }
    });
    assert_eq!(house.run(&["classify", "--no-fallback", support::SIGNAL]).good(), "0.439\n");
    assert_eq!(house.run(&["check"]).good().lines().count(), 2);
}

#[test]
fn a_row_that_must_wait_for_longer_than_it_may_is_an_error() {
    let house = House::new();
    let model = Place::library_at(&fs::canonicalize(library()).unwrap()).engine(EngineChoice::Onnxruntime);
    let model = Model::options().lanes(1).place(model);
    let model = model.open(house.model("signal_classifier")).unwrap();
    let row = [15.5, 0.65, 0.004, 45.2, -8.5, 1200.0, 8500.0, 45.0];
    assert_eq!(model.run_one_within(&row, Duration::from_secs(60)).unwrap(), model.run_one(&row).unwrap());
    refused(model.run_one_within(&row[1..], Duration::ZERO), "must hold 8 numbers");
    let done = AtomicBool::new(false);
    let many = vec![row; 200_000];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                model.run(&many).unwrap();
            }
        });
        let missed = (0..200_000).find_map(|_| {
            std::thread::yield_now();
            model.run_one_within(&row, Duration::ZERO).err()
        });
        done.store(true, Ordering::Relaxed);
        assert_eq!(missed.unwrap().code(), "deadline");
    });
}

#[test]
fn rows_unlike_the_training_rows_are_warned_of_each_by_its_number() {
    let house = House::new();
    let path = support::repository().join("tests/data/novelty.json");
    let cases: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    house.remake("signal_classifier", |manifest| {
        manifest["novelty"] = cases["novelty"].clone();
        for column in manifest["inputs"][0]["columns"].as_array_mut().unwrap() {
            column["trained_minimum"] = column["minimum"].clone();
            column["trained_maximum"] = column["maximum"].clone();
        }
        manifest["inputs"][0]["columns"][0]["trained_maximum"] = json!(500_000.0);
    });
    let model = open(house.model("signal_classifier")).unwrap();
    let rows: Vec<[f64; 8]> = serde_json::from_value(cases["rows"].clone()).unwrap();
    let threshold = cases["novelty"]["threshold"].as_f64().unwrap();
    let distances = cases["squared_distances"].as_array().unwrap();
    let mut expected = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row[0] > 500_000.0 {
            expected.push(format!("row {index}: edge_percent lies outside the range"));
        } else if distances[index].as_f64().unwrap() > threshold {
            expected.push(format!("row {index}: the values together are unlike"));
        }
    }
    assert!(expected.len() > 2 && expected.len() < rows.len());

    let answers = model.run(&rows).unwrap();
    let found: Vec<_> = answers.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected.as_str()), "{found}");
    }
    for warning in answers.warnings() {
        assert_eq!(model.run_one(&rows[warning.row()]).unwrap().warnings().len(), 1);
    }
}
