//! Surface files give the same bits, or the same refusal, as in Python: `tests/data/surfaces/expected.json` is written
//! by `tests/data/make_surfaces.py` from the Python reader.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use std::path::PathBuf;

use dollarbill_ml::surface::{N_DAILY, Reading, read_history, read_history_as};
use serde_json::Value;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data")
}

fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(data().join("surfaces/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What `read_history` says, in the form of expected.json.
fn describe(path: &std::path::Path) -> Value {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    // Its levels jump as no market's do.
    let reading = Reading { accept: name == "random.csv", ..Reading::default() };
    match read_history_as(path, &reading) {
        Err(error) => serde_json::json!({"error": error.to_string().replace(&path.display().to_string(), &name)}),
        Ok(history) => {
            let days: Vec<Value> = history
                .days
                .iter()
                .map(|day| {
                    let mut row = vec![serde_json::json!(day.date.map(|date| date.to_string()))];
                    row.extend(day.features.map(|value| serde_json::json!(value.is_finite().then_some(value))));
                    Value::Array(row)
                })
                .collect();
            let mut said =
                serde_json::json!({"symbol": history.days[0].symbol, "days": days, "dropped": history.dropped});
            if !history.notes.is_empty() && !path.parent().unwrap().ends_with("surfaces") {
                said["notes"] = history.notes.into();
            }
            said
        }
    }
}

#[test]
fn every_file_reads_as_in_python_to_the_last_bit_or_is_refused_in_the_same_words() {
    let expected = expected();
    assert!(expected.len() > 40, "expected.json lists too few files");
    let mut failures = Vec::new();
    for (name, wanted) in &expected {
        let found = describe(&data().join(name));
        // serde_json compares floats by value; float_roundtrip reads them to the bit.
        if found != *wanted {
            failures.push(format!("{name}:\n  python {wanted}\n  rust   {found}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_page_of_parquet_that_is_not_as_it_was_written_is_refused() {
    let mut bytes = std::fs::read(data().join("spellings/parquet_plain.parquet")).unwrap();
    let wanted = 0.2708_f64.to_le_bytes();
    let at = bytes.windows(8).position(|part| part == wanted).unwrap();
    bytes[at..at + 8].copy_from_slice(&0.3708_f64.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.parquet");
    std::fs::write(&path, bytes).unwrap();
    let error = read_history(&path).unwrap_err().to_string();
    assert!(error.contains("the checksum of a page is another"), "{error}");
}

/// Bytes that are changed, cut out or repeated at any place of every file in Parquet.
#[test]
fn damaged_parquet_is_read_or_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let (mut state, mut files, mut refused, mut read) = (7_u64, 0, 0, 0);
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let rounds = std::env::var("PARQUET_ROUNDS").map_or(60, |rounds| rounds.parse().unwrap());
    for entry in std::fs::read_dir(data().join("spellings")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|end| end != "parquet") {
            continue;
        }
        files += 1;
        let whole = std::fs::read(&file).unwrap();
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..=draw(3) {
                let at = 4 + draw(bytes.len() - 12);
                match draw(4) {
                    0 => bytes[at] = draw(256) as u8,
                    1 => bytes[at] ^= 1 << draw(8),
                    2 => drop(bytes.drain(at..(at + 1 + draw(20)).min(bytes.len() - 8))),
                    _ => bytes[at..].iter_mut().take(1 + draw(8)).for_each(|byte| *byte = 0xff),
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            match read_history(&path) {
                Ok(_) => read += 1,
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
    assert!(files > 25 && refused > 100 && read > 0, "{files} files, {refused} refused, {read} read");
}

#[test]
fn every_broken_surface_file_is_listed_and_refused() {
    let expected = expected();
    let mut seen = 0;
    for entry in std::fs::read_dir(data().join("broken")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.starts_with("surface_") {
            seen += 1;
            assert!(expected[&format!("broken/{name}")]["error"].is_string(), "{name} is not refused");
        }
    }
    assert!(seen > 30);
}

#[test]
fn a_missing_file_and_a_folder_are_errors_that_name_the_path() {
    for path in [data().join("no_such.csv"), data()] {
        let error = read_history(&path).unwrap_err();
        assert_eq!(error.code(), "io");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn the_order_of_the_rows_of_a_day_does_not_matter() {
    let text = std::fs::read_to_string(data().join("surfaces/snapshot.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reversed.csv");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (one, other) = (read_history(&data().join("surfaces/snapshot.csv")).unwrap(), read_history(&path).unwrap());
    assert_eq!(bits(&one.days[0].features), bits(&other.days[0].features));
}

#[test]
fn the_engines_own_files_and_the_long_history_are_read() {
    let shared = data().join("../../../shared/data");
    assert!(shared.exists(), "the real data sets lie beside the checkout: {} is missing", shared.display());
    for (name, days) in [
        ("dollarbill/tsla_vol_surface.csv", 1),
        ("dollarbill/spy_vol_surface.csv", 1),
        ("dollarbill/gld_vol_surface.csv", 1),
        ("vix_1990_2019.csv", 7556),
        ("spx_surface_1996_2015.csv.gz", 5032),
    ] {
        let history = read_history(&shared.join(name)).unwrap();
        assert_eq!(history.days.len(), days, "{name}");
    }
}

fn bits(features: &[f64; N_DAILY]) -> [u64; N_DAILY] {
    features.map(f64::to_bits)
}
