//! Models that are loaded and proven, by the engine that is chosen: this crate's own, or sessions of onnxruntime.

pub(crate) mod agree;
pub(crate) mod choice;
pub(crate) mod choose;
pub(crate) mod flat;
#[cfg(feature = "ort")]
pub(crate) mod lane;
pub(crate) mod lanes;
#[cfg(feature = "ort")]
pub(crate) mod library;
#[cfg(feature = "ort")]
pub(crate) mod library_version;
pub(crate) mod loaded;
pub(crate) mod native;
pub(crate) mod place;
pub(crate) mod replay;
#[cfg(feature = "ort")]
pub(crate) mod session;
#[cfg(not(feature = "ort"))]
mod without;
#[cfg(not(feature = "ort"))]
pub(crate) use without::{lane, library, session};
