//! An ONNX file as a graph: every length is checked before memory is asked for.

use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use prost::Message as _;

use crate::artifact::graph::{Field, Message};
use crate::engine::native::operators::schema::{self, Opsets};
use crate::engine::native::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::engine::native::scratch::Element;
use crate::engine::native::value::{Kind, Value};

/// Messages and texts in a file: each takes up to some 200 bytes of memory where it takes two in the file.
const MOST_PARTS: usize = 400_000;
/// Numbers in a tensor.
pub(crate) const MOST_NUMBERS: usize = 1 << 24;
/// Nodes in a graph: planning looks at some of them several times.
const MOST_NODES: usize = 1 << 15;
/// The operator sets whose meaning is known here.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=23;
const ML_OPSETS: std::ops::RangeInclusive<i64> = 2..=5;

/// What an attribute holds.
#[derive(Debug, Clone)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(Value),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// What lowering an operator made that all programs of a graph can share.
pub(crate) type Kept = OnceLock<Arc<dyn Any + Send + Sync>>;

/// An operator with the names of what it reads and writes; an empty name is nothing.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) operator: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) kept: Kept,
}

/// An input or output: its type, and the lengths of its axes where they are fixed.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) axes: Vec<Option<usize>>,
}

/// A graph whose constants have been read.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) opsets: Opsets,
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: HashMap<String, Value>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

/// Reads a file that was audited.
pub(crate) fn read(bytes: &[u8]) -> Result<Graph, String> {
    tally(bytes)?;
    let model = ModelProto::decode(bytes).map_err(|_| "is no ONNX graph, or is damaged".to_owned())?;
    // ai.onnx.ml need not be named where nothing of it is used.
    let mut opsets = [None, None];
    for set in &model.opset_import {
        let (place, known, domain) = match set.domain.as_str() {
            "" | "ai.onnx" => (0, OPSETS, "ai.onnx"),
            domain => (1, ML_OPSETS, domain),
        };
        if !known.contains(&set.version) || opsets[place].replace(set.version).is_some() {
            return Err(format!("operator set {domain} {}", set.version));
        }
    }
    let opsets = [opsets[0].ok_or("names no operator set")?, opsets[1].unwrap_or(*ML_OPSETS.end())];
    graph_of(model.graph.unwrap_or_default(), opsets)
}

fn graph_of(graph: GraphProto, opsets: Opsets) -> Result<Graph, String> {
    let mut constants = HashMap::with_capacity(graph.initializer.len());
    for mut tensor in graph.initializer {
        let name = std::mem::take(&mut tensor.name);
        let value = tensor_of(tensor, false).map_err(|reason| format!("constant '{name}': {reason}"))?;
        if constants.insert(name.clone(), value).is_some() {
            return Err(format!("constant '{name}' stands twice"));
        }
    }
    // An input that is a constant too is the constant's: nobody gives it.
    let inputs = graph.input.into_iter().filter(|input| !constants.contains_key(&input.name));
    let inputs = inputs.map(port_of).collect::<Result<Vec<_>, _>>()?;
    let outputs = graph.output.into_iter().map(port_of).collect::<Result<Vec<_>, _>>()?;
    if graph.node.len() > MOST_NODES {
        return Err(format!("has more than {MOST_NODES} nodes"));
    }
    let nodes = graph.node.into_iter().map(|node| node_of(node, opsets)).collect::<Result<Vec<_>, _>>()?;
    let mut names = HashSet::with_capacity(inputs.len());
    if let Some(twice) = inputs.iter().find(|port| !names.insert(port.name.as_str())) {
        return Err(format!("input '{}' stands twice", twice.name));
    }
    Ok(Graph { opsets, nodes, constants, inputs, outputs })
}

fn node_of(node: NodeProto, opsets: Opsets) -> Result<Node, String> {
    let operator = match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type,
        domain => format!("{domain}.{}", node.op_type),
    };
    let mut attributes = BTreeMap::new();
    let ml = operator.starts_with("ai.onnx.ml.");
    for mut attribute in node.attribute {
        let name = std::mem::take(&mut attribute.name);
        let value =
            attribute_of(attribute, ml).map_err(|reason| format!("{operator}: attribute '{name}': {reason}"))?;
        if attributes.insert(name.clone(), value).is_some() {
            return Err(format!("{operator}: attribute '{name}' stands twice"));
        }
    }
    schema::check(&operator, &node.input, &node.output, attributes.keys(), opsets)
        .map_err(|reason| format!("{operator}: {reason}"))?;
    Ok(Node { operator, inputs: node.input, outputs: node.output, attributes, kept: Kept::new() })
}

fn attribute_of(attribute: AttributeProto, ml: bool) -> Result<Attribute, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| "is no text".to_owned());
    Ok(match attribute.kind {
        1 => Attribute::Float(attribute.f),
        2 => Attribute::Int(attribute.i),
        3 => Attribute::Text(text(attribute.s)?),
        4 => Attribute::Tensor(tensor_of(attribute.t.ok_or("has no tensor")?, ml)?),
        6 => Attribute::Floats(attribute.floats),
        7 => Attribute::Ints(attribute.ints),
        8 => Attribute::Texts(attribute.strings.into_iter().map(text).collect::<Result<_, _>>()?),
        other => return Err(format!("is of type {other}, which is not known")),
    })
}

fn port_of(value: ValueInfoProto) -> Result<Port, String> {
    let refuse = |reason: &str| format!("tensor '{}': {reason}", value.name);
    let tensor = value.kind.as_ref().and_then(|kind| kind.tensor.as_ref()).ok_or_else(|| refuse("is no tensor"))?;
    let kind = Kind::of_number(tensor.elem_type.into()).ok_or_else(|| refuse("is of a type that is not known"))?;
    let shape = tensor.shape.as_ref().ok_or_else(|| refuse("has no shape"))?;
    let axes = shape.dim.iter().map(|axis| axis.value.and_then(|length| usize::try_from(length).ok())).collect();
    Ok(Port { name: value.name, kind, axes })
}

/// The numbers of a tensor; uint8 becomes int64, and is allowed (`small`) in the attributes of ai.onnx.ml alone.
fn tensor_of(tensor: TensorProto, small: bool) -> Result<Value, String> {
    let shape = tensor.dims.iter().map(|&length| usize::try_from(length).map_err(|_| "has a negative length"));
    let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
    let len = numbers_in(&shape).ok_or("is too large")?;
    let raw = tensor.raw_data;
    let (kind, data) = match tensor.data_type {
        1 => (Kind::Float32, f32::data(from_raw(&raw, tensor.float_data, f32::from_le_bytes)?)),
        11 => (Kind::Float64, f64::data(from_raw(&raw, tensor.double_data, f64::from_le_bytes)?)),
        7 => (Kind::Int64, i64::data(from_raw(&raw, tensor.int64_data, i64::from_le_bytes)?)),
        6 => {
            let numbers = from_raw(&raw, tensor.int32_data, i32::from_le_bytes)?;
            (Kind::Int32, i64::data(numbers.into_iter().map(i64::from).collect()))
        }
        2 if small => {
            let numbers = from_raw(&raw, tensor.int32_data, |byte: [u8; 1]| i32::from(byte[0]))?;
            (Kind::Int64, i64::data(numbers.into_iter().map(i64::from).collect()))
        }
        9 => {
            let numbers = from_raw(&raw, tensor.int32_data, |byte: [u8; 1]| i32::from(byte[0]))?;
            (Kind::Bool, bool::data(numbers.into_iter().map(|number| number != 0).collect()))
        }
        8 => {
            let texts = tensor.string_data.into_iter().map(String::from_utf8);
            (Kind::Text, String::data(texts.collect::<Result<_, _>>().map_err(|_| "holds what is no text")?))
        }
        other => return Err(format!("is of type {other}, which is not known")),
    };
    if data.len() != len {
        return Err(format!("has shape {shape:?} and {} numbers", data.len()));
    }
    Ok(Value::constant(kind, shape, data))
}

/// How many numbers a shape holds; `None` beyond what is ever planned for. An axis of length 0 does not make the others
/// small: their product counts too.
pub(crate) fn numbers_in(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length.max(1)))?;
    (product <= MOST_NUMBERS && shape.len() <= 16).then_some(if shape.contains(&0) { 0 } else { product })
}

fn from_raw<T, const N: usize>(raw: &[u8], typed: Vec<T>, read: fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    if raw.is_empty() {
        return Ok(typed);
    }
    if !typed.is_empty() || raw.len() % N != 0 {
        return Err("is damaged".to_owned());
    }
    Ok(raw.chunks_exact(N).filter_map(|bytes| bytes.try_into().ok()).map(read).collect())
}

/// Refuses a file with so many small parts that its messages would take far more memory than itself.
fn tally(bytes: &[u8]) -> Result<(), String> {
    let mut parts = 0;
    count(bytes, Level::Model, &mut parts)
}

#[derive(Clone, Copy)]
enum Level {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Port,
    Type,
    TensorType,
    Shape,
}

fn count(bytes: &[u8], level: Level, parts: &mut usize) -> Result<(), String> {
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        let Field::Bytes(inner) = field else { continue };
        *parts += 1;
        if *parts > MOST_PARTS {
            return Err(format!("has more than {MOST_PARTS} parts"));
        }
        let below = match (level, number) {
            (Level::Model, 7) => Level::Graph,
            (Level::Graph, 1) => Level::Node,
            (Level::Graph | Level::Attribute, 5) => Level::Tensor,
            (Level::Graph, 11 | 12) => Level::Port,
            (Level::Port, 2) => Level::Type,
            (Level::Type, 1) => Level::TensorType,
            (Level::TensorType, 2) => Level::Shape,
            (Level::Node, 5) => Level::Attribute,
            _ => continue,
        };
        count(inner, below, parts)?;
    }
    Ok(())
}
