//! The library that is not there.

use std::path::Path;
use std::sync::Arc;

use crate::error::Error;

/// No value of it exists.
pub(crate) enum Library {}

impl Library {
    /// Always refuses, and says which feature is missing.
    pub(crate) fn open(_: Option<&Path>, _: &Path) -> Result<Arc<Self>, Error> {
        Err(Error::Feature { feature: "ort", what: "loading a model into onnxruntime" })
    }
}
