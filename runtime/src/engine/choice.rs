//! Which engine runs a model: what is asked for, and what answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the config asks for: `runtime.engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EngineChoice {
    /// Native where it knows every operator and agrees with onnxruntime where that is there; else onnxruntime.
    #[default]
    Auto,
    /// This crate's own engine, and no other.
    Native,
    /// onnxruntime, and no other.
    Onnxruntime,
}

impl EngineChoice {
    /// The words of the config.
    pub const WORDS: [&'static str; 3] = ["auto", "native", "onnxruntime"];

    /// From a word of the config; `None` for any other.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "native" => Some(Self::Native),
            "onnxruntime" => Some(Self::Onnxruntime),
            _ => None,
        }
    }
}

/// Who computes the answers of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EngineKind {
    /// This crate's own engine.
    Native,
    /// onnxruntime.
    Onnxruntime,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Native => "native",
            Self::Onnxruntime => "onnxruntime",
        })
    }
}
