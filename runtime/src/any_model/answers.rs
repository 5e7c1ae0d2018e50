//! What a model answered.

use std::sync::Arc;

use crate::any_model::signature::Signature;
use crate::any_model::warnings::RowWarning;
use crate::artifact::array::Array;
use crate::artifact::tensor::unknown_name;
use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::error::Error;

/// The outputs of one call, by name, all of one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    pub(crate) signature: Arc<Signature>,
    pub(crate) arrays: Vec<Array>,
    warnings: Vec<RowWarning>,
    engine: EngineKind,
}

impl Answers {
    pub(crate) fn new(
        arrays: Vec<Array>,
        warnings: Vec<RowWarning>,
        signature: Arc<Signature>,
        engine: EngineKind,
    ) -> Self {
        Self { signature, arrays, warnings, engine }
    }

    /// Which engine ran the model.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        self.engine
    }

    /// Which rows are unlike those that the model was trained on, in order.
    #[must_use]
    pub fn warnings(&self) -> &[RowWarning] {
        &self.warnings
    }

    /// The output of this name; its first axis is the batch.
    ///
    /// # Errors
    /// [`Error::Input`]: the model has no such output.
    pub fn output(&self, name: &str) -> Result<&Array, Error> {
        self.iter().find(|(found, _)| *found == name).map(|(_, array)| array).ok_or_else(|| {
            let known: Vec<_> = self.iter().map(|(name, _)| name).collect();
            let place = format!("model {}", self.signature.name);
            Error::Input { place, reason: unknown_name("output", name, &known) }
        })
    }

    /// Every output with its name, in the model's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.signature.outputs.iter().map(|tensor| tensor.name.as_str()).zip(&self.arrays)
    }

    /// The version that answered.
    #[must_use]
    pub fn version(&self) -> Version {
        self.signature.version
    }

    /// How many rows were answered.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.arrays.first().map_or(0, Array::rows)
    }
}
