//! onnxruntime: its library, sessions, and models that are loaded into it and proven.

pub(crate) mod flat;
#[cfg(feature = "ort")]
pub(crate) mod lane;
#[cfg(feature = "ort")]
pub(crate) mod library;
#[cfg(feature = "ort")]
pub(crate) mod library_version;
pub(crate) mod loaded;
pub(crate) mod place;
pub(crate) mod replay;
#[cfg(feature = "ort")]
pub(crate) mod session;
#[cfg(not(feature = "ort"))]
mod without;
#[cfg(not(feature = "ort"))]
pub(crate) use without::{lane, library, session};
