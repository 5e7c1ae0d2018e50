//! The answer to a signal, and what a trader should know of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::artifact::version::Version;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_FIELDS};
use crate::service::source::Source;

/// What to do with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Recommendation {
    /// The confidence is above the configured threshold.
    Trade,
    /// It is not.
    Avoid,
}

impl Recommendation {
    /// The word that files and messages use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Avoid => "AVOID",
        }
    }
}

/// Something a trader should know about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The field lies outside the range that the model saw in training.
    OutsideTraining(&'static str),
    /// Each field lies within its range, but together they are unlike 99.9 % of the signals seen in training.
    UnlikeTraining,
    /// The model's confidence and the traditional rule's score are more than 0.4 apart.
    RuleDisagrees,
    /// The answer is the fallback's: the model is switched off in the config.
    ModelDisabled,
    /// The answer is the fallback's: the model was refused when it was loaded.
    ModelRefused,
    /// The answer is the fallback's: onnxruntime failed on this signal.
    ModelFailed,
    /// The answer is a fake's: [`MlService::fixed`](crate::MlService::fixed), for tests.
    Fake,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideTraining(field) => write!(formatter, "{field} lies outside the range seen in training"),
            Self::UnlikeTraining => formatter.write_str("the fields together are unlike the signals seen in training"),
            Self::RuleDisagrees => formatter.write_str("the traditional rule disagrees strongly"),
            Self::ModelDisabled => formatter.write_str("fallback: the model is switched off"),
            Self::ModelRefused => formatter.write_str("fallback: the model was refused"),
            Self::ModelFailed => formatter.write_str("fallback: the model failed"),
            Self::Fake => formatter.write_str("fake: a fixed answer for tests"),
        }
    }
}

const FLAGS: [Warning; 6] = [
    Warning::UnlikeTraining,
    Warning::RuleDisagrees,
    Warning::ModelDisabled,
    Warning::ModelRefused,
    Warning::ModelFailed,
    Warning::Fake,
];

/// The warnings of one answer: a set that costs no allocation.
///
/// # Examples
/// ```
/// use dollarbill_ml::Warnings;
/// assert!(Warnings::default().is_empty());
/// assert_eq!(Warnings::default().iter().count(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings(u16);

impl Warnings {
    pub(crate) fn outside(bits: u16) -> Self {
        Self(bits)
    }

    pub(crate) fn with(self, warning: Warning) -> Self {
        let flag = FLAGS.iter().position(|flag| *flag == warning);
        Self(self.0 | flag.map_or(0, |index| 1 << (N_FIELDS + index)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The warnings one by one.
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        let fields = SIGNAL_FIELDS.into_iter().map(Warning::OutsideTraining);
        fields.chain(FLAGS).enumerate().filter(move |(index, _)| self.0 & (1 << index) != 0).map(|(_, warning)| warning)
    }
}

impl Serialize for Warnings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|warning| warning.to_string()))
    }
}

/// The answer to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Classification {
    /// P(profit) of the trade, 0 to 1.
    pub confidence: f64,
    /// TRADE when the confidence is above the configured threshold.
    pub recommendation: Recommendation,
    /// Whether the confidence is above 0.8.
    pub high_confidence: bool,
    /// Who gave the answer.
    pub source: Source,
    /// The version of the model; `None` when the fallback answered.
    pub model_version: Option<Version>,
    /// The traditional rule's score, 0 to 1.
    pub rule_score: f64,
    /// What a trader should know.
    pub warnings: Warnings,
}
