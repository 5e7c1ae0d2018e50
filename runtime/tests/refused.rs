//! What is missing or broken is refused with one line, and never answered from.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "tests")]

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Changes, House, SIGNAL, library, outcome};

const MODEL: &str = "signal_classifier";

/// The model is refused: exit 2 when no fallback may answer, else a marked fallback answer.
#[track_caller]
fn refused(house: &House, expected: &str) {
    house.run(&["classify", "--no-fallback", SIGNAL]).refused(expected);
    let fallback = house.run(&["classify", "--json", SIGNAL]);
    let answer: Value = serde_json::from_str(fallback.good()).unwrap();
    assert_eq!(answer["source"], "fallback");
    assert_eq!(answer["model_version"], Value::Null);
    assert_eq!(answer["recommendation"], "AVOID", "a fallback does not trade");
    let short = house.run(&["classify", SIGNAL]);
    assert_eq!((short.code, short.stdout.as_str()), (Some(3), "0.741\n"), "{}", short.stderr);
    assert_eq!(fallback.stderr.lines().count(), 2, "{}", fallback.stderr);
    assert!(fallback.stderr.contains("fallback") && fallback.stderr.contains(expected), "{}", fallback.stderr);
}

#[test]
fn a_model_that_is_switched_off_leaves_the_answer_to_the_fallback_which_says_so() {
    for change in [json!({"ml_integration": {"enabled": false}}), json!({"models": {MODEL: {"enabled": false}}})] {
        let house = House::new();
        fs::write(house.config(), change.to_string()).unwrap();
        let done = house.run(&["classify", SIGNAL]);
        assert_eq!(done.good(), "0.741\n");
        assert_eq!(done.stderr.lines().count(), 2, "{}", done.stderr);
        assert!(done.stderr.contains("fallback") && done.stderr.contains("switched off"), "{}", done.stderr);
        let strict = house.run(&["classify", "--no-fallback", SIGNAL]);
        assert_eq!((strict.code, strict.stdout.as_str()), (Some(2), ""));
    }
}

#[test]
fn the_config_can_forbid_the_fallback() {
    let house = House::new();
    house.configure(|config| config["ml_integration"] = json!({"fallback_to_traditional": false}));
    fs::write(house.version(MODEL).join("model.onnx"), "").unwrap();
    house.run(&["classify", SIGNAL]).refused("graph.sha256");
}

#[test]
fn a_missing_artifact_is_an_error_that_says_what_to_run() {
    let house = House::new();
    fs::remove_dir_all(house.path("artifacts").join(MODEL)).unwrap();
    house.run(&["classify", SIGNAL]).refused("artifacts/signal_classifier: no artifact here; run `make`");
    let house = House::new();
    fs::remove_file(house.path("artifacts/signal_classifier/current.json")).unwrap();
    house.run(&["classify", SIGNAL]).refused("holds no current.json");
    for pointer in ["{}", "", "{\"version\": \"../../secret\"}", "{\"version\": \"0123456789ab\"}", "[1]"] {
        house.write("artifacts/signal_classifier/current.json", pointer);
        house.run(&["classify", SIGNAL]).refused("current.json");
    }
}

#[test]
fn a_changed_file_is_refused_by_its_hash() {
    for (file, expected) in
        [("model.onnx", "graph.sha256"), ("golden/cases.json", "golden.sha256"), ("manifest.json", "hashes to version")]
    {
        let house = House::new();
        let path = house.version(MODEL).join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        refused(&house, expected);
        fs::write(&path, &bytes[..middle]).unwrap();
        refused(&house, expected);
        fs::remove_file(&path).unwrap();
        refused(&house, &format!("{file}: is missing"));
    }
}

#[test]
#[cfg(unix)]
fn a_link_out_of_the_folder_is_not_followed() {
    for file in ["model.onnx", "golden"] {
        let house = House::new();
        let path = house.version(MODEL).join(file);
        fs::rename(&path, house.path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(house.path("elsewhere"), &path).unwrap();
        refused(&house, "is a link");
    }
    let house = House::new();
    let version = house.version(MODEL);
    fs::rename(&version, house.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(house.path("elsewhere"), &version).unwrap();
    house.run(&["classify", SIGNAL]).refused("not a link");
}

/// The block of the shared fixture, changed.
fn novelty(change: fn(&mut Value)) -> Value {
    let path = support::repository().join("tests/data/novelty.json");
    let mut cases: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut cases["novelty"]);
    cases["novelty"].take()
}

#[test]
fn a_manifest_that_breaks_the_format_is_refused_with_the_field() {
    let changes: Changes = vec![
        (|m| m["format_version"] = 3.into(), "field 'format_version': must be 1 or 2, found 3"),
        (|m| m["model"] = "volatility_predictor".into(), "field 'model'"),
        (|m| m["surprise"] = 1.into(), "unknown field `surprise`"),
        (|m| drop(m.as_object_mut().unwrap().remove("parity")), "missing field `parity`"),
        (|m| m["graph"]["file"] = "../model.onnx".into(), "field 'graph.file'"),
        (|m| m["graph"]["sha256"] = "xyz".into(), "field 'graph.sha256'"),
        (|m| m["graph"]["bytes"] = 1.into(), "field 'graph.bytes'"),
        (|m| m["graph"]["opset"][""] = 22.into(), "field 'graph.opset'"),
        (|m| m["session"]["intra_op_num_threads"] = 4.into(), "field 'session.intra_op_num_threads'"),
        (|m| m["parity"]["absolute"] = (-1.0).into(), "field 'parity'"),
        (|m| m["golden"]["cases"] = 0.into(), "field 'golden.cases'"),
        (|m| m["golden"]["cases"] = 3.into(), "field 'inputs.features': must have shape [3, 8]"),
        (|m| m["settings"]["window_days"] = 3.into(), "field 'settings'"),
        (|m| m["novelty"] = novelty(|n| n["scale"][3] = 0.into()), "field 'novelty.scale': must hold numbers above 0"),
        (|m| m["novelty"] = novelty(|n| n["scale"] = json!([1.0])), "field 'novelty.scale': has 1 numbers"),
        (|m| m["novelty"] = novelty(|n| n["centre"] = json!([0.0])), "field 'novelty.centre'"),
        (|m| m["novelty"] = novelty(|n| n["whitening"][7] = json!([1.0])), "field 'novelty.whitening'"),
        (|m| m["novelty"] = novelty(|n| n["threshold"] = 0.into()), "field 'novelty.threshold'"),
        (|m| m["novelty"] = novelty(|n| n["threshold"] = "high".into()), "field 'novelty.threshold'"),
        (|m| m["novelty"] = novelty(|n| n["extra"] = 1.into()), "unknown field `extra`"),
        (|m| m["inputs"] = json!([]), "field 'inputs'"),
        (|m| m["inputs"][0]["name"] = "X".into(), "field 'inputs"),
        (|m| m["inputs"][0]["dtype"] = "float32".into(), "field 'inputs[0].dtype'"),
        (|m| m["inputs"][0]["shape"] = json!(["batch", 9]), "field 'inputs"),
        (|m| m["inputs"][0]["shape"] = json!(["batch", 1_000_000_000]), "field 'inputs[0].shape'"),
        (|m| m["inputs"][0]["columns"][1]["name"] = "lambda".into(), "field 'inputs[0].columns[1]'"),
        (|m| m["inputs"][0]["columns"][3]["unit"] = "$ per 0.01".into(), "field 'inputs[0].columns[3]'"),
        (|m| m["inputs"][0]["columns"][1]["maximum"] = 100.into(), "field 'inputs[0].columns[1]'"),
        (|m| m["inputs"][0]["columns"][1]["minimum"] = "low".into(), "field 'inputs[0].columns[1].minimum'"),
        (
            |m| drop(m["inputs"][0]["columns"][1].as_object_mut().unwrap().remove("trained_minimum")),
            "missing field `trained_minimum`",
        ),
        (|m| m["outputs"][0]["name"] = "label".into(), "field 'outputs"),
        (|m| m["outputs"][0]["shape"] = json!(["batch", 2]), "field 'outputs"),
    ];
    for (change, expected) in changes {
        let house = House::new();
        house.remake(MODEL, change);
        refused(&house, expected);
    }
    for (bytes, expected) in [
        (b"".as_slice(), "is empty"),
        (b"{".as_slice(), "not JSON"),
        (b"[]".as_slice(), "manifest.json"),
        (b"{\"model\": 1, \"model\": 2}".as_slice(), "manifest.json: key 'model' stands twice"),
        (b"{\"a\": {\"b\": 1, \"b\": 2}}".as_slice(), "manifest.json: field 'a': key 'b' stands twice"),
        (b"\xff\xfe".as_slice(), "not JSON"),
    ] {
        let house = House::new();
        house.set_manifest(MODEL, bytes);
        refused(&house, expected);
    }
    let house = House::new();
    house.set_manifest(MODEL, &vec![b' '; (1 << 20) + 1]);
    refused(&house, "the limit for this kind of file is 1048576");
}

/// Graph and golden cases are the same in both formats, so a manifest of format 1 goes with those of format 2.
fn old_manifest(house: &House, model: &str) -> Value {
    let versions = fs::read_dir(house.path("format1").join(model)).unwrap().map(|entry| entry.unwrap().path());
    let folder = versions.into_iter().find(|path| path.is_dir()).unwrap();
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn format_1_is_read_as_strictly_as_it_was_written() {
    let changes: Changes = vec![
        (|m| m["task"] = "classifier".into(), "unknown field `task`"),
        (
            |m| m["inputs"][0]["columns"][2]["missing"] = true.into(),
            "field 'inputs[0].columns[2]': unknown field `missing`",
        ),
        (
            |m| m["inputs"][0]["columns"][2]["unit"] = Value::Null,
            "field 'inputs[0].columns[2]': unit, minimum and maximum",
        ),
        (|m| m["inputs"][0]["columns"][2]["maximum"] = Value::Null, "field 'inputs[0].columns[2]': unit, minimum and"),
        (|m| m["inputs"][0]["dtype"] = "float32".into(), "field 'inputs[0]': must be float64 without free axes"),
        (
            |m| m["outputs"][0]["shape"] = json!(["batch", "free"]),
            "field 'outputs[0]': must be float64 without free axes",
        ),
        (|m| m["inputs"] = json!([m["inputs"][0], m["inputs"][0]]), "field 'inputs': must list one tensor, found 2"),
        (
            |m| m["outputs"] = json!(vec![m["outputs"][0].clone(); 5]),
            "field 'outputs': must list 1 to 4 tensors, found 5",
        ),
        (|m| m["inputs"] = "none".into(), "field 'inputs'"),
        (|m| m["inputs"] = json!([1]), "field 'inputs[0]'"),
        (|m| drop(m.as_object_mut().unwrap().remove("parity")), "missing field `parity`"),
    ];
    for (change, expected) in changes {
        let house = House::new();
        let mut manifest = old_manifest(&house, MODEL);
        change(&mut manifest);
        house.set_manifest(MODEL, manifest.to_string().as_bytes());
        refused(&house, expected);
    }
    let house = House::new();
    house.set_manifest(MODEL, old_manifest(&house, MODEL).to_string().as_bytes());
    house.run(&["classify", "--no-fallback", SIGNAL]).good();
}

#[test]
fn a_version_2_manifest_with_the_dtypes_of_another_model_is_refused_by_the_contract() {
    let changes: Changes = vec![
        (|m| m["inputs"][0]["dtype"] = "float32".into(), "field 'inputs[0].dtype': must be \"float64\" for this model"),
        (|m| m["outputs"][0]["dtype"] = "string".into(), "minimum and maximum must be null in a tensor of strings"),
        (|m| m["inputs"][0]["columns"][0]["missing"] = true.into(), "field 'inputs[0].columns[0]'"),
        (|m| m["inputs"][0]["columns"][0]["maximum"] = Value::Null, "field 'inputs[0].columns[0]': limits wider"),
    ];
    for (change, expected) in changes {
        let house = House::new();
        house.remake(MODEL, change);
        refused(&house, expected);
    }
}

#[test]
fn a_graph_that_is_not_what_the_manifest_says_is_refused() {
    let other = House::new();
    let other_graph = fs::read(other.version("volatility_predictor").join("model.onnx")).unwrap();
    let house = House::new();
    house.replace(MODEL, "graph", "model.onnx", &other_graph);
    refused(&house, "field 'inputs'");
    let house = House::new();
    house.replace(MODEL, "graph", "model.onnx", b"this is no graph");
    refused(&house, "model.onnx: is not an ONNX graph");
    let house = House::new();
    let graph = fs::read(house.version(MODEL).join("model.onnx")).unwrap();
    let place = graph.windows(7).position(|part| part == b"Squeeze").unwrap();
    let mut graph = graph;
    graph[place..place + 7].copy_from_slice(b"Sqeueze");
    house.replace(MODEL, "graph", "model.onnx", &graph);
    refused(&house, "operator ai.onnx.Sqeueze, which is not allowed");
}

#[test]
fn a_golden_case_with_another_answer_means_not_in_parity_and_exit_1() {
    let house = House::new();
    let path = house.version(MODEL).join("golden/cases.json");
    let mut golden: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let right = golden["outputs"]["confidence"][5].as_f64().unwrap();
    golden["outputs"]["confidence"][5] = f64::from_bits(right.to_bits() + 1).into();
    let folder = house.replace(MODEL, "golden", "golden/cases.json", golden.to_string().as_bytes());
    let checked = house.run(&["check", folder.to_str().unwrap()]);
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("golden case 5"), "{}", checked.stderr);
    let served = house.run(&["classify", "--no-fallback", SIGNAL]);
    assert_eq!((served.code, served.stdout.as_str()), (Some(1), ""));
    assert!(house.run(&["classify", "--json", SIGNAL]).good().contains("\"fallback\""));
    // The same difference within the stated tolerance is fine.
    house.remake(MODEL, |manifest| manifest["parity"]["absolute"] = 1e-9.into());
    house.run(&["classify", "--no-fallback", SIGNAL]).good();
}

#[test]
fn golden_cases_that_are_no_golden_cases_are_refused() {
    for (content, expected) in [
        ("{}", "missing field `inputs`"),
        ("{\"inputs\": {}, \"outputs\": {}}", "holds other tensors"),
        ("{\"inputs\": {\"features\": [[1, 2], [3]]}, \"outputs\": {}}", "different lengths"),
        ("{\"inputs\": {\"features\": \"many\"}, \"outputs\": {}}", "field 'inputs.features'"),
        ("{\"more\": 1, \"inputs\": {}, \"outputs\": {}}", "unknown field `more`"),
    ] {
        let house = House::new();
        house.replace(MODEL, "golden", "golden/cases.json", content.as_bytes());
        refused(&house, expected);
    }
}

#[test]
fn check_names_each_model_and_its_golden_cases() {
    let house = House::new();
    let version = house.version(MODEL);
    for path in [house.path("artifacts").join(MODEL), version.clone(), version.join("model.onnx")] {
        let done = house.run(&["check", path.to_str().unwrap()]);
        let name = version.file_name().unwrap().to_str().unwrap();
        assert_eq!(
            done.good(),
            format!(
                "signal_classifier {name}: in parity, 64 golden cases, largest difference 0e0; engine native: it agrees \
                 with onnxruntime on 3064 rows\n"
            )
        );
    }
    assert_eq!(house.run(&["check"]).good().lines().count(), 2);
    assert_eq!(house.run(&["check", "artifacts"]).good().lines().count(), 2);
    house.run(&["check", "config"]).refused("holds no installed model");
    house.run(&["check", "nowhere"]).refused("nowhere");
}

#[test]
fn evaluate_answers_raw_rows_to_the_bit() {
    let house = House::new();
    for model in [MODEL, "volatility_predictor"] {
        let folder = house.version(model);
        let golden: Value = serde_json::from_slice(&fs::read(folder.join("golden/cases.json")).unwrap()).unwrap();
        let bytes: Vec<u8> =
            golden["inputs"].as_object().unwrap().values().flat_map(numbers).flat_map(f64::to_le_bytes).collect();
        house.write("rows.f64", bytes.repeat(200));
        house.run(&["evaluate", folder.to_str().unwrap(), "--input", "rows.f64", "--output", "answers.f64"]).good();
        let answers = fs::read(house.path("answers.f64")).unwrap();
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        let outputs = manifest["outputs"].as_array().unwrap();
        let names: Vec<_> = outputs.iter().map(|output| output["name"].as_str().unwrap()).collect();
        let cases = golden["outputs"][names[0]].as_array().unwrap().len();
        let mut expected = Vec::new();
        for case in 0..cases {
            for name in &names {
                expected.extend(numbers(&golden["outputs"][name][case]).into_iter().flat_map(f64::to_le_bytes));
            }
        }
        assert_eq!(answers, expected.repeat(200), "{model}");
    }
    let folder = house.version(MODEL);
    house.write("rows.f64", [0; 65]);
    house
        .run(&["evaluate", folder.to_str().unwrap(), "--input", "rows.f64", "--output", "out.f64"])
        .refused("rows.f64: holds 65 bytes");
    assert!(!house.path("out.f64").exists());
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or(f64::NAN)],
    }
}

#[test]
fn a_library_that_is_none_is_refused_before_it_is_loaded() {
    let house = House::new();
    let real = library();
    let length = fs::metadata(&real).unwrap().len();
    let name = house.path("libonnxruntime.so");
    let run = |path: &str| {
        outcome(house.command().args(["--engine", "onnxruntime", "classify", SIGNAL]).env("ORT_DYLIB_PATH", path), b"")
    };
    for part in [0, 3, 64, 4096, length / 2, length - 1] {
        let mut head = fs::File::open(&real).unwrap().take(part);
        std::io::copy(&mut head, &mut fs::File::create(&name).unwrap()).unwrap();
        run(name.to_str().unwrap()).refused("libonnxruntime.so");
    }
    fs::write(&name, "not a library").unwrap();
    run(name.to_str().unwrap()).refused("is no shared library, or is truncated");
    run(house.path("nowhere.so").to_str().unwrap()).refused("named by ORT_DYLIB_PATH");
    run(house.path("config").to_str().unwrap()).refused("is a folder");
    run("/dev/zero").refused("is not a regular file");
}

/// A shared library made from a few lines of C; the crate's own build needs a C compiler too.
fn compiled(house: &House, code: &str) -> String {
    let source = house.write("library.c", code);
    let target = house.path("library.so");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&target).arg(source).status().unwrap();
    assert!(status.success());
    target.to_str().unwrap().to_owned()
}

#[test]
fn a_library_that_is_another_or_too_old_is_refused() {
    let house = House::new();
    let run = |path: &str| {
        outcome(house.command().args(["--engine", "onnxruntime", "classify", SIGNAL]).env("ORT_DYLIB_PATH", path), b"")
    };
    run(&compiled(&house, "int answer(void) { return 42; }")).refused("it has no OrtGetApiBase");
    let old = "static const void *api(unsigned v) { return 0; }
        static const char *version(void) { return \"1.10.0\"; }
        static const struct { const void *(*a)(unsigned); const char *(*v)(void); } base = { api, version };
        const void *OrtGetApiBase(void) { return &base; }";
    run(&compiled(&house, old)).refused("1.10.0");
    let alien =
        "const void *OrtGetApiBase(void) { return 0; } extern int missing(void); int f(void) { return missing(); }";
    run(&compiled(&house, alien)).code.map_or_else(|| panic!("killed by a signal"), |code| assert_eq!(code, 2));
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_older_than_the_operators_it_needs_is_refused_before_it_is_loaded() {
    let house = House::new();
    let mut bytes = fs::read(library()).unwrap();
    let places: Vec<_> =
        bytes.windows(7).enumerate().filter(|(_, part)| *part == b"VERS_1.").map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + 7..place + 9].copy_from_slice(b"20");
    }
    let path = house.write("libonnxruntime.so", bytes);
    let done =
        outcome(house.command().args(["--engine", "onnxruntime", "classify", SIGNAL]).env("ORT_DYLIB_PATH", path), b"");
    done.refused("is onnxruntime 1.20.");
    assert!(
        done.stderr.contains("needs 1.21 or newer") && done.stderr.contains("libonnxruntime.so"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_library_of_the_config_is_used_and_never_passed_over() {
    let house = House::new();
    // A copy of the program: the one that is tested finds the library of its own checkout.
    let program = house.path("dollarbill-ml");
    support::install(Path::new(house.command().get_program()), &program);
    let run = |house: &House| {
        let mut command = Command::new(&program);
        outcome(
            command
                .args(["--engine", "onnxruntime", "classify", SIGNAL])
                .env_remove("ORT_DYLIB_PATH")
                .current_dir(house.path(".")),
            b"",
        )
    };
    run(&house).refused("no onnxruntime library: looked at ORT_DYLIB_PATH (not set), runtime.onnxruntime_library");
    house.configure(|config| config["runtime"] = json!({"onnxruntime_library": library()}));
    run(&house).good();
    house.configure(|config| config["runtime"] = json!({"onnxruntime_library": "lib/nowhere.so"}));
    run(&house).refused("named by runtime.onnxruntime_library");
}

#[test]
#[cfg(unix)]
fn the_library_of_the_virtual_environment_is_found() {
    let house = House::new();
    let folder = house.path(".venv/lib/python3.11/site-packages/onnxruntime/capi");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("libonnxruntime_providers_shared.so"), "").unwrap();
    std::os::unix::fs::symlink(fs::canonicalize(library()).unwrap(), folder.join("libonnxruntime.so.1.99.0")).unwrap();
    outcome(house.command().args(["classify", SIGNAL]).env_remove("ORT_DYLIB_PATH"), b"").good();
}

#[test]
#[cfg(unix)]
fn the_library_of_the_checkout_that_the_program_was_built_in_is_found_from_any_folder() {
    let (house, elsewhere) = (House::new(), House::new());
    let folder = house.path(".venv/lib/python3.13/site-packages/onnxruntime/capi");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(fs::canonicalize(library()).unwrap(), folder.join("libonnxruntime.so.1.99.0")).unwrap();
    let built = house.path("runtime/target/release");
    fs::create_dir_all(&built).unwrap();
    support::install(Path::new(house.command().get_program()), &built.join("dollarbill-ml"));
    let mut command = Command::new(built.join("dollarbill-ml"));
    command.args(["classify", SIGNAL]).env_remove("ORT_DYLIB_PATH").current_dir(elsewhere.path("."));
    outcome(&mut command, b"").good();
}

#[test]
fn a_mistake_in_the_config_is_always_an_error() {
    let house = House::new();
    for (content, expected) in [
        ("", "is empty"),
        ("{", "not JSON"),
        ("[]", "must hold a JSON object"),
        ("{\"models\": {}, \"models\": {}}", "key 'models' stands twice"),
        ("{\"modles\": {}}", "unknown key 'modles'; did you mean 'models'?"),
        ("{\"ml_integration\": {\"enabled\": \"yes\"}}", "field 'ml_integration.enabled': must be true or false"),
        (
            "{\"models\": {\"signal_classifier\": {\"model_path\": \"models/signal_classifier.pkl\"}}}",
            "field 'models.signal_classifier.model_path'",
        ),
        (
            "{\"models\": {\"volatility_predictor\": {\"model_path\": \"m.h5\"}}}",
            "python -m train volatility_predictor && python -m export volatility_predictor",
        ),
        ("{\"models\": {\"signal_classifier\": {\"confidence_threshold\": 70}}}", "must be a number 0..1, found 70"),
        ("{\"runtime\": {\"lanes\": 0}}", "field 'runtime.lanes'"),
    ] {
        fs::write(house.config(), content).unwrap();
        let done = house.run(&["classify", SIGNAL]);
        done.refused(expected);
        assert!(done.stderr.contains("ml_config.json"), "{}", done.stderr);
    }
}

#[test]
fn the_config_is_found_by_flag_by_variable_and_by_walking_up() {
    let house = House::new();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let nowhere = outcome(house.command().args(["classify", SIGNAL]).current_dir(elsewhere.path()), b"");
    nowhere.refused("no config file: looked at DOLLARBILL_ML_CONFIG (not set), config/ml_config.json in");
    let config = house.config();
    let flag = ["--config", config.to_str().unwrap(), "classify", SIGNAL];
    outcome(house.command().args(flag).current_dir(elsewhere.path()), b"").good();
    let variable = &mut house.command();
    variable.args(["classify", SIGNAL]).env("DOLLARBILL_ML_CONFIG", &config).current_dir(elsewhere.path());
    outcome(variable, b"").good();
    let deep = house.path("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    outcome(house.command().args(["classify", SIGNAL]).current_dir(&deep), b"").good();
    house.run(&["--config", "nowhere.json", "classify", SIGNAL]).refused("nowhere.json");
}

#[test]
fn wrong_arguments_exit_2_with_one_line_and_help_teaches_by_example() {
    let house = House::new();
    for (arguments, expected) in [
        (vec!["clasify"], "error: unrecognized subcommand 'clasify'"),
        (vec!["clasify"], "'classify'; try `dollarbill-ml --help`"),
        (vec!["predict"], "<SURFACE|--symbol <SYMBOL>>; try `dollarbill-ml predict --help`"),
        (vec!["classify", SIGNAL, "--jsn"], "a similar argument exists: '--json'; try `dollarbill-ml classify --help`"),
        (vec!["observe", "x.csv", "--date", "tomorrow"], "must be YYYY-MM-DD"),
    ] {
        house.run(&arguments).refused(expected);
    }
    assert!(house.run(&["--help"]).good().contains("dollarbill-ml classify '{"));
    assert!(house.run(&["predict", "--help"]).good().contains("--symbol"));
    assert_eq!(house.run(&[]).code, Some(2));
}

#[test]
fn an_answer_that_reaches_nobody_is_no_success() {
    let house = House::new();
    let run = |redirection: &str| {
        let mut shell = Command::new("sh");
        let call = format!("\"$0\" classify \"$1\" {redirection}");
        shell.args(["-c", &call, env!("CARGO_BIN_EXE_dollarbill-ml"), SIGNAL]);
        let command = house.command();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(house.path(""));
        outcome(&mut shell, b"").code
    };
    assert_eq!(run("> /dev/null"), Some(0));
    assert_eq!(run("<> /dev/null 1>&0"), Some(0), "a daemon's, opened for reading and writing");
    if cfg!(target_os = "linux") {
        assert_eq!(run("> /dev/full"), Some(2));
    }
}

#[test]
fn a_shell_loads_the_completions_and_completes_a_command() {
    let house = House::new();
    let script = house.write("completions.bash", house.run(&["completions", "bash"]).good());
    let ask = "source \"$0\" && set -- $(complete -p dollarbill-ml) && while [ \"$1\" != -F ]; do shift; done && \
        COMP_WORDS=(dollarbill-ml cl) COMP_CWORD=1 && \"$2\" dollarbill-ml cl dollarbill-ml && \
        echo \"${COMPREPLY[@]}\"";
    let done = outcome(Command::new("bash").args(["--norc", "-c", ask]).arg(script), b"");
    assert_eq!(done.good(), "classify classify-batch\n");
}

#[test]
fn an_output_that_cannot_be_written_is_named_without_the_temporary_file() {
    let house = House::new();
    let done = house.run(&["classify-batch", "-", "-o", "no/such/folder/answers.csv"]);
    done.refused("cannot write no/such/folder/answers.csv");
    assert!(!done.stderr.contains(".dollarbill-ml."), "{}", done.stderr);
}

#[test]
fn a_path_to_another_model_is_a_mistake_in_the_config_and_no_case_for_the_fallback() {
    let house = House::new();
    house.configure(|config| config["models"][MODEL]["model_path"] = "artifacts/volatility_predictor".into());
    house.run(&["classify", SIGNAL]).refused("field 'models.signal_classifier.model_path'");
}

#[test]
#[cfg(unix)]
fn a_folder_with_binary_library_models_and_config_runs_in_an_empty_environment() {
    let house = House::new();
    fs::create_dir(house.path("lib")).unwrap();
    fs::copy(library(), house.path("lib/libonnxruntime.so.1")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_dollarbill-ml"), house.path("dollarbill-ml")).unwrap();
    let mut command = Command::new(house.path("dollarbill-ml"));
    let done = outcome(command.args(["classify", SIGNAL]).env_clear().current_dir(house.path("")), b"");
    assert_eq!(done.good(), "0.439\n");
}

#[test]
fn check_does_not_pass_over_a_model_without_a_version_in_use() {
    let house = House::new();
    fs::remove_file(house.path("artifacts/signal_classifier/current.json")).unwrap();
    let done = house.run(&["check", house.path("artifacts").to_str().unwrap()]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("signal_classifier"), "{}", done.stderr);
}
