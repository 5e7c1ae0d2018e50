//! Types and values of a plan: constants, and the slots that hold what is computed.

use std::sync::Arc;

use crate::artifact::array::Dtype;

/// The type of a value. `Int32` is kept in the places of `Int64`; no operator computes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float64,
    Float32,
    Int64,
    Int32,
    Bool,
    Text,
}

impl Kind {
    /// That of a number of `TensorProto.DataType`.
    pub(crate) fn of_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Float32,
            6 => Self::Int32,
            7 => Self::Int64,
            8 => Self::Text,
            9 => Self::Bool,
            11 => Self::Float64,
            _ => return None,
        })
    }

    pub(crate) fn of_dtype(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float64 => Self::Float64,
            Dtype::Float32 => Self::Float32,
            Dtype::Int64 => Self::Int64,
            Dtype::Text => Self::Text,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Bool => "bool",
            Self::Text => "string",
        }
    }
}

/// Numbers, truths or texts in a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Float64(Arc<[f64]>),
    Float32(Arc<[f32]>),
    Int64(Arc<[i64]>),
    Bool(Arc<[bool]>),
    Text(Arc<[String]>),
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Float64(values) => values.len(),
            Self::Float32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
}

/// Where a value stands when the plan runs.
#[derive(Debug, Clone)]
pub(crate) enum Spot {
    Constant(Data),
    /// In a slot of its type, from a place on.
    Slot {
        slot: usize,
        start: usize,
    },
}

/// A value of a plan: its shape is known.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
    pub(crate) spot: Spot,
}

impl Value {
    pub(crate) fn constant(kind: Kind, shape: Vec<usize>, data: Data) -> Self {
        Self { kind, shape, spot: Spot::Constant(data) }
    }

    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.spot, Spot::Constant(_))
    }

    /// The same numbers seen in another shape.
    pub(crate) fn seen_as(&self, shape: Vec<usize>) -> Self {
        Self { shape, ..self.clone() }
    }

    /// Whole numbers that are known when the plan is made.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        if let Spot::Constant(Data::Int64(values)) = &self.spot { Some(values) } else { None }
    }
}
