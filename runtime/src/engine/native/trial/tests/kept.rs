//! Small graphs that are committed with the bits of their answers (`runtime/tests/fixtures/make_native.py`): the same on
//! every processor, without a library. The trees' depend on the order of their sums.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::engine::native::trial::engines::native;
use crate::engine::native::trial::maker::{Graph, Input};
use crate::engine::native::value::{Data, Kind};

fn shape(part: &Json) -> Vec<usize> {
    part["shape"].as_array().unwrap().iter().map(|length| length.as_u64().unwrap() as usize).collect()
}

fn bits(part: &Json) -> Vec<u64> {
    let words = part["bits"].as_array().unwrap().iter();
    words.map(|word| u64::from_str_radix(word.as_str().unwrap(), 16).unwrap()).collect()
}

fn found(data: &Data) -> Vec<u64> {
    match data {
        Data::Float64(values) => values.iter().map(|v| if v.is_nan() { f64::NAN } else { *v }.to_bits()).collect(),
        Data::Float32(values) => {
            values.iter().map(|v| if v.is_nan() { f32::NAN } else { *v }.to_bits().into()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn graphs_that_are_kept_answer_their_bits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/native");
    let expected: Json = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, case) in expected.as_object().unwrap() {
        let given = &case["given"];
        let (kind, data) = if case["dtype"] == "float64" {
            (Kind::Float64, Data::Float64(bits(given).into_iter().map(f64::from_bits).collect()))
        } else {
            (Kind::Float32, Data::Float32(bits(given).into_iter().map(|bits| f32::from_bits(bits as u32)).collect()))
        };
        let opset = [0, 1].map(|place| case["opset"][place].as_u64().unwrap() as u32);
        let bytes = fs::read(folder.join(format!("{name}.onnx"))).unwrap();
        let input =
            |rows: usize, data: Data| Input { name: "x".to_owned(), kind, shape: vec![rows, shape(given)[1]], data };
        let graph =
            |input| Graph { bytes: bytes.clone(), operators: vec![], opset, inputs: vec![input], outputs: vec![] };
        let answers = native(&graph(input(shape(given)[0], data.clone()))).unwrap();
        assert_eq!(answers[0].shape, shape(&case["answer"]), "{name}");
        if found(&answers[0].data) != bits(&case["answer"]) {
            wrong.push(name.clone());
        }
        // The first row alone.
        let wide = shape(given)[1];
        let first = match &data {
            Data::Float64(values) => Data::Float64(values[..wide].into()),
            Data::Float32(values) => Data::Float32(values[..wide].into()),
            other => panic!("{other:?}"),
        };
        let alone = found(&native(&graph(input(1, first))).unwrap()[0].data);
        if alone != bits(&case["answer"])[..alone.len()] {
            wrong.push(format!("{name}, one row"));
        }
    }
    assert!(expected.as_object().unwrap().len() > 20 && wrong.is_empty(), "{wrong:?}");
}
