//! Who gave an answer.

use serde::{Deserialize, Serialize};

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The compiled model.
    Model,
    /// The traditional rule or the persistence forecast, because the model could not answer.
    Fallback,
}

impl Source {
    /// The word that files and messages use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Fallback => "fallback",
        }
    }
}
