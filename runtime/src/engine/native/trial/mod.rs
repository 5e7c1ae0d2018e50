//! Random small graphs of every operator, to hold the native engine against onnxruntime: compiled for tests and the
//! fuzzer alone.

#![allow(clippy::pedantic, reason = "of tests")]

pub(crate) mod elementwise;
pub(crate) mod engines;
pub(crate) mod make;
pub(crate) mod maker;
pub(crate) mod moves;
pub(crate) mod networks;
pub(crate) mod onnx;
pub(crate) mod source;
pub(crate) mod sums;
pub(crate) mod trees;
pub(crate) mod values;

#[cfg(all(test, feature = "ort"))]
mod tests;
