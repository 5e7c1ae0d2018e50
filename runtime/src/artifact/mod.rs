//! For those who make artifacts: check one, or put raw rows through one. The format itself is specified in
//! `artifacts/README.md`; the files here are its strict reader.

pub(crate) mod array;
pub(crate) mod axes;
pub(crate) mod golden;
pub(crate) mod graph;
pub(crate) mod manifest;
pub(crate) mod nested;
pub(crate) mod novelty;
pub(crate) mod operators;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod tensor;
pub mod trust;
pub(crate) mod version;

pub use array::{Array, Dtype, Values};
pub use manifest::Task;
pub use tensor::{Axis, Column, TensorSpec};
pub use version::Version;

pub use crate::engine::place::Place;
pub use crate::workshop::check::{Checked, Inspected, check, check_trusted, inspect, installed};
pub use crate::workshop::evaluate::Evaluator;
