//! onnxruntime: its library, sessions, and models that are loaded into it and proven.

pub(crate) mod flat;
pub(crate) mod lane;
pub(crate) mod library;
pub(crate) mod library_version;
pub(crate) mod loaded;
pub(crate) mod place;
pub(crate) mod replay;
pub(crate) mod session;
