//! Writes ONNX files, byte by byte: a writer of its own, so that a wrong field number of the reader shows.

use crate::engine::native::value::{Data, Kind};

/// The bytes of one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    fn plain(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or(0));
    }

    pub(crate) fn int(&mut self, field: u64, number: i64) -> &mut Self {
        self.plain(field << 3);
        self.plain(u64::from_le_bytes(number.to_le_bytes()));
        self
    }

    pub(crate) fn float(&mut self, field: u64, number: f32) -> &mut Self {
        self.plain(field << 3 | 5);
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn part(&mut self, field: u64, part: &[u8]) -> &mut Self {
        self.plain(field << 3 | 2);
        self.plain(part.len() as u64);
        self.0.extend(part);
        self
    }
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(Vec<u8>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

pub(crate) fn attribute(name: &str, given: &Given) -> Vec<u8> {
    let mut bytes = Bytes::default();
    bytes.part(1, name.as_bytes());
    let kind = match given {
        Given::Float(number) => {
            bytes.float(2, *number);
            1
        }
        Given::Int(number) => {
            bytes.int(3, *number);
            2
        }
        Given::Text(text) => {
            bytes.part(4, text.as_bytes());
            3
        }
        Given::Tensor(tensor) => {
            bytes.part(5, tensor);
            4
        }
        Given::Floats(numbers) => {
            for number in numbers {
                bytes.float(7, *number);
            }
            6
        }
        Given::Ints(numbers) => {
            for number in numbers {
                bytes.int(8, *number);
            }
            7
        }
        Given::Texts(texts) => {
            for text in texts {
                bytes.part(9, text.as_bytes());
            }
            8
        }
    };
    bytes.int(20, kind);
    bytes.0
}

pub(crate) fn number_of(kind: Kind) -> i64 {
    match kind {
        Kind::Float32 => 1,
        Kind::Int32 => 6,
        Kind::Int64 => 7,
        Kind::Text => 8,
        Kind::Bool => 9,
        Kind::Float64 => 11,
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A tensor, its numbers raw or one by one.
pub(crate) fn tensor(name: &str, kind: Kind, shape: &[usize], data: &Data, raw: bool) -> Vec<u8> {
    let mut bytes = Bytes::default();
    for &axis in shape {
        bytes.int(1, length(axis));
    }
    bytes.int(2, number_of(kind)).part(8, name.as_bytes());
    let small = |number: i64| i32::try_from(number).unwrap_or(0).to_le_bytes();
    let raw_bytes: Option<Vec<u8>> = match data {
        Data::Float64(values) => Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::Float32(values) => Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::Int64(values) if kind == Kind::Int32 => Some(values.iter().flat_map(|v| small(*v)).collect()),
        Data::Int64(values) => Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::Bool(values) => Some(values.iter().map(|v| u8::from(*v)).collect()),
        Data::Text(_) => None,
    };
    if let (Some(raw_bytes), true) = (&raw_bytes, raw) {
        bytes.part(9, raw_bytes);
        return bytes.0;
    }
    match data {
        // double_data, packed.
        Data::Float64(_) => drop(raw_bytes.map(|packed| bytes.part(10, &packed).0.len())),
        Data::Float32(values) => {
            for value in &values[..] {
                bytes.float(4, *value);
            }
        }
        Data::Int64(values) => {
            for value in &values[..] {
                bytes.int(if kind == Kind::Int32 { 5 } else { 7 }, *value);
            }
        }
        Data::Bool(values) => {
            for value in &values[..] {
                bytes.int(5, i64::from(*value));
            }
        }
        Data::Text(values) => {
            for value in &values[..] {
                bytes.part(6, value.as_bytes());
            }
        }
    }
    bytes.0
}

/// Modes of a TreeEnsemble: a tensor of uint8.
pub(crate) fn small_numbers(numbers: &[u8]) -> Vec<u8> {
    Bytes::default().int(1, length(numbers.len())).int(2, 2).part(9, numbers).0.clone()
}

/// An input or output; `None` is a free axis.
pub(crate) fn port(name: &str, kind: Kind, axes: &[Option<usize>]) -> Vec<u8> {
    let mut shape = Bytes::default();
    for (place, axis) in axes.iter().enumerate() {
        let mut dimension = Bytes::default();
        match axis {
            Some(axis) => dimension.int(1, length(*axis)),
            None => dimension.part(2, format!("{name}_{place}").as_bytes()),
        };
        shape.part(1, &dimension.0);
    }
    let tensor = Bytes::default().int(1, number_of(kind)).part(2, &shape.0).clone();
    let kind = Bytes::default().part(1, &tensor.0).clone();
    Bytes::default().part(1, name.as_bytes()).part(2, &kind.0).0.clone()
}

pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[String], attributes: &[(&str, Given)]) -> Vec<u8> {
    let mut bytes = Bytes::default();
    for name in inputs {
        bytes.part(1, name.as_bytes());
    }
    for name in outputs {
        bytes.part(2, name.as_bytes());
    }
    let (domain, plain) = operator.strip_prefix("ai.onnx.ml.").map_or(("", operator), |plain| ("ai.onnx.ml", plain));
    bytes.part(4, plain.as_bytes()).part(7, domain.as_bytes());
    for (name, given) in attributes {
        bytes.part(5, &attribute(name, given));
    }
    bytes.0
}
