//! Stands in for onnxruntime where the feature `ort` is off: the same names, and nothing of it can ever be opened.

pub(crate) mod lane;
pub(crate) mod library;
pub(crate) mod session;
