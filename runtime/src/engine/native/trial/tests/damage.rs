//! The committed models, damaged in every way: refused, or onnxruntime's answers, or what they answered before.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use prost::Message as _;
use serde_json::Value as Json;

use crate::engine::native::operators::KNOWN;
use crate::engine::native::proto::{AttributeProto, ModelProto, NodeProto};
use crate::engine::native::trial::engines::native;
use crate::engine::native::trial::maker::{Bound, Graph, Input};
use crate::engine::native::trial::source::Source;
use crate::engine::native::trial::tests::compare::difference;
use crate::engine::native::trial::tests::onnxruntime::{library, onnxruntime};
use crate::engine::native::value::{Data, Kind};

fn flat(value: &Json, into: &mut Vec<f64>) {
    match value {
        Json::Array(values) => values.iter().for_each(|value| flat(value, into)),
        other => into.push(other.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Every committed model with the first rows of its golden cases.
fn models() -> Vec<Graph> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts");
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(current) = fs::read(folder.join("current.json")) else { continue };
        let current: Json = serde_json::from_slice(&current).unwrap();
        let folder = folder.join(current["version"].as_str().unwrap());
        let golden: Json = serde_json::from_slice(&fs::read(folder.join("golden/cases.json")).unwrap()).unwrap();
        let bytes = fs::read(folder.join("model.onnx")).unwrap();
        let model = ModelProto::decode(&bytes[..]).unwrap();
        // This engine refuses operators of onnxruntime's own, sound or damaged.
        if model.opset_import.iter().any(|set| set.domain == "com.microsoft") {
            continue;
        }
        let graph = model.graph.unwrap();
        let opset = ["", "ai.onnx.ml"].map(|domain| {
            model
                .opset_import
                .iter()
                .find(|set| set.domain == domain)
                .map_or(0, |set| u32::try_from(set.version).unwrap())
        });
        let input = |port: &crate::engine::native::proto::ValueInfoProto| {
            let mut numbers = Vec::new();
            let cases = golden["inputs"][&port.name].as_array().unwrap();
            cases.iter().take(5).for_each(|case| flat(case, &mut numbers));
            let shape = port.kind.as_ref().unwrap().tensor.as_ref().unwrap().shape.as_ref().unwrap();
            let mut shape: Vec<usize> =
                shape.dim.iter().map(|axis| axis.value.map_or(5, |length| usize::try_from(length).unwrap())).collect();
            shape[0] = cases.len().min(5);
            Input { name: port.name.clone(), kind: Kind::Float64, shape, data: Data::Float64(numbers.into()) }
        };
        let inputs = graph.input.iter().map(input).collect();
        found.push(Graph { bytes, operators: Vec::new(), opset, inputs, outputs: Vec::new() });
    }
    found
}

const NUMBERS: [f64; 10] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0, 0.0, 5e-324, 1e-310, 1e16, -1.0];
const WHOLE: [i64; 9] = [i64::MIN, i64::MAX, -1, 0, 1, 2, 1 << 31, 1 << 40, 1_000_000];

/// Changes of the bytes, whatever they mean.
fn of_bytes(source: &mut Source<'_>, bytes: &mut Vec<u8>) {
    let place = source.below(bytes.len());
    match source.below(6) {
        0 | 1 => bytes[place] ^= 1 << source.below(8),
        2 => bytes[place] = source.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        3 => bytes.truncate(place),
        4 => {
            let part = bytes[place..(place + source.below(64)).min(bytes.len())].to_vec();
            let to = source.below(bytes.len());
            bytes.splice(to..to, part);
        }
        _ => drop(bytes.drain(place..(place + source.below(64)).min(bytes.len()))),
    }
}

fn name(source: &mut Source<'_>, nodes: &[NodeProto]) -> String {
    let node = &nodes[source.below(nodes.len())];
    let names: Vec<&String> = node.output.iter().chain(&node.input).collect();
    names.get(source.below(names.len())).map_or_else(String::new, |name| (*name).clone())
}

fn of_attribute(source: &mut Source<'_>, attribute: &mut AttributeProto) {
    let place = source.below(attribute.ints.len().max(attribute.floats.len()));
    if let Some(number) = attribute.ints.get_mut(place) {
        *number = if source.chance(50) { source.pick(&WHOLE) } else { *number + source.between(-2, 2) };
    } else if let Some(number) = attribute.floats.get_mut(place) {
        *number = source.pick(&NUMBERS) as f32;
    } else if let Some(tensor) = &mut attribute.t {
        of_tensor(source, tensor);
    } else {
        match source.below(4) {
            0 => attribute.i = source.pick(&WHOLE),
            1 => attribute.f = source.pick(&NUMBERS) as f32,
            2 => attribute.kind = i32::try_from(source.below(15)).unwrap(),
            _ => attribute.name.push('x'),
        }
    }
}

fn of_tensor(source: &mut Source<'_>, tensor: &mut crate::engine::native::proto::TensorProto) {
    match source.below(6) {
        0 => tensor.dims.push(source.pick(&WHOLE)),
        1 => tensor.dims.iter_mut().for_each(|length| *length = source.pick(&[0, -1, 1 << 40, *length])),
        2 => tensor.data_type = i32::try_from(source.below(20)).unwrap(),
        3 => tensor.dims.reverse(),
        _ => {
            let bytes = source.pick(&NUMBERS).to_le_bytes();
            let place = source.below(tensor.raw_data.len() / 8 + 1) * 8;
            if let Some(part) = tensor.raw_data.get_mut(place..place + 8) {
                if tensor.data_type == 1 {
                    part[..4].copy_from_slice(&(source.pick(&NUMBERS) as f32).to_le_bytes());
                } else {
                    part.copy_from_slice(&bytes);
                }
            }
        }
    }
}

/// Changes of what the bytes mean: circles, other operators, indices out of range, odd numbers, shapes that overflow.
fn of_meaning(source: &mut Source<'_>, bytes: &[u8]) -> Vec<u8> {
    let mut model = ModelProto::decode(bytes).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let count = graph.node.len();
    let (one, other) = (source.below(count), source.below(count));
    match source.below(12) {
        0 => graph.node.swap(one, other),
        1 => {
            let name = name(source, &graph.node);
            let inputs = &mut graph.node[one].input;
            let place = source.below(inputs.len());
            if let Some(input) = inputs.get_mut(place) {
                *input = name;
            }
        }
        2 => {
            let name = name(source, &graph.node);
            graph.node[one].output[0] = name;
        }
        3 => {
            let node = graph.node[one].clone();
            graph.node.insert(other, node);
        }
        4 => drop(graph.node.remove(one)),
        5 => {
            let (operator, _) = KNOWN[source.below(KNOWN.len())];
            let (domain, plain) =
                operator.strip_prefix("ai.onnx.ml.").map_or(("", operator), |plain| ("ai.onnx.ml", plain));
            (graph.node[one].op_type, graph.node[one].domain) = (plain.to_owned(), domain.to_owned());
        }
        6 if !graph.initializer.is_empty() => {
            let place = source.below(graph.initializer.len());
            of_tensor(source, &mut graph.initializer[place]);
        }
        7 if !graph.initializer.is_empty() => {
            let count = graph.initializer.len();
            let (one, other) = (source.below(count), source.below(count));
            let name = graph.initializer[one].name.clone();
            graph.initializer[one].name = std::mem::replace(&mut graph.initializer[other].name, name);
        }
        8 => {
            let inputs = &mut graph.node[one].input;
            if source.chance(50) { drop(inputs.pop()) } else { inputs.push(String::new()) }
        }
        _ => {
            // Those with attributes, trees among them.
            let with: Vec<usize> = (0..count).filter(|&node| !graph.node[node].attribute.is_empty()).collect();
            let node = &mut graph.node[with[source.below(with.len())]];
            let place = source.below(node.attribute.len());
            if source.chance(5) {
                node.attribute.remove(place);
            } else {
                of_attribute(source, &mut node.attribute[place]);
            }
        }
    }
    let mut bytes = model.encode_to_vec();
    // The version of the format, which our messages leave out.
    bytes.extend([0x08, 10]);
    bytes
}

/// `NATIVE_MUTATIONS` changes (default 300) of each committed model.
#[test]
fn a_damaged_model_is_refused_or_answers_as_onnxruntime_does() {
    let count = std::env::var("NATIVE_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(300_u64);
    let library = library();
    let mut wrong = Vec::new();
    for sound in models() {
        let before = native(&sound).unwrap();
        let [mut refused, mut same, mut alone] = [0, 0, 0];
        for seed in 0..count {
            let mut source = Source::Seed(seed);
            let mut graph = sound.clone();
            if source.chance(50) {
                of_bytes(&mut source, &mut graph.bytes);
            } else {
                graph.bytes = of_meaning(&mut source, &graph.bytes);
            }
            let found = match catch_unwind(AssertUnwindSafe(|| native(&graph))) {
                Ok(Ok(found)) => found,
                Ok(Err(_)) => {
                    refused += 1;
                    continue;
                }
                Err(_) => {
                    wrong.push(format!("seed {seed}: a panic"));
                    continue;
                }
            };
            let (expected, whose) = match onnxruntime(&library, &graph) {
                Ok(expected) => {
                    same += 1;
                    (expected, String::new())
                }
                // A byte that onnxruntime alone minds must not have changed what the graph computes.
                Err(reason) => {
                    alone += 1;
                    (before.clone(), reason)
                }
            };
            let trees = sound.inputs[0].shape.len() == 2;
            let bound = if trees { Bound::Bits } else { Bound::Share(1e-5) };
            let differs = found.iter().zip(&expected).find_map(|(found, expected)| difference(found, expected, bound));
            if let Some(reason) = differs.or((found.len() != expected.len()).then(|| "fewer answers".to_owned())) {
                wrong.push(format!("seed {seed}, {:?}: {reason}; {whose}", graph.inputs[0].shape));
                if let Some(folder) = std::env::var_os("NATIVE_FILE") {
                    fs::write(Path::new(&folder).join(format!("{seed}.onnx")), &graph.bytes).unwrap();
                }
            }
        }
        println!("{count} changes: {refused} refused, {same} as onnxruntime, {alone} refused by onnxruntime alone");
        assert!(refused > 0 && same > 0, "{refused} {same}");
    }
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
