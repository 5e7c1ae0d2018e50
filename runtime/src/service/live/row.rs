//! One answer on its way to the log: what a call leaves, and what is made of it where nobody waits.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::service::source::Source;

/// What a call leaves. The call pays for a copy of it alone: texts are made, and the shadow is asked, where it is written.
pub(crate) trait Row: Send {
    /// What is written.
    fn fields(&self) -> Fields;

    /// About how much memory it takes, bytes.
    fn weight(&self) -> usize;
}

/// What a line says of an answer, besides when it was given; `docs/live_log.md` is the specification.
#[derive(Debug, Serialize)]
pub(crate) struct Fields {
    pub(crate) model: String,
    pub(crate) version: Option<Version>,
    pub(crate) engine: Option<EngineKind>,
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) about: Map<String, Value>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) answer: Map<String, Value>,
    pub(crate) warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shadow: Option<Shadowed>,
}

/// What the shadow answers to the same inputs, or why it does not.
#[derive(Debug, Serialize)]
pub(crate) struct Shadowed {
    pub(crate) version: Version,
    pub(crate) engine: Option<EngineKind>,
    pub(crate) answer: Option<Map<String, Value>>,
    pub(crate) error: Option<String>,
}

impl Shadowed {
    pub(crate) fn of(version: Version, answered: Result<(EngineKind, Map<String, Value>), String>) -> Self {
        match answered {
            Ok((engine, answer)) => Self { version, engine: Some(engine), answer: Some(answer), error: None },
            Err(error) => Self { version, engine: None, answer: None, error: Some(error) },
        }
    }
}

/// Numbers as JSON; what is none is null.
pub(crate) fn numbers(values: &[f64]) -> Value {
    values.iter().map(|value| Value::from(*value)).collect()
}
