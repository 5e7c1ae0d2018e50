//! The answer to a signal, and what a trader should know of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
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

/// What a model has learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TrainedOn {
    /// A simulated market: it has never seen a real trade.
    Simulator,
    /// Trades that were made.
    History,
}

impl TrainedOn {
    /// `simulator` or `history`, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::History => "history",
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
    /// The fallback's score is above the threshold, and the config does not let a fallback trade: AVOID.
    FallbackMayNotTrade,
    /// Gamma, vega and delta fit together only if vega is $ per point of volatility and not per 1.00.
    VegaPerPoint,
    /// Theta is far too small for gamma: it looks like $ per day and not per year.
    ThetaPerDay,
    /// Delta is positive and theta that of a put: the sign of delta seems lost.
    PutDeltaUnsigned,
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
            Self::FallbackMayNotTrade => {
                formatter.write_str("fallback: AVOID instead of TRADE (ml_integration.fallback_may_trade allows it)")
            }
            Self::VegaPerPoint => {
                formatter.write_str("vega contradicts gamma: it looks like $ per point (x 100 = per 1.00)")
            }
            Self::ThetaPerDay => {
                formatter.write_str("theta contradicts gamma: it looks like $ per day (x 365 = per year)")
            }
            Self::PutDeltaUnsigned => {
                formatter.write_str("delta contradicts theta: it looks like a put's without its sign (-delta)")
            }
            Self::Fake => formatter.write_str("fake: a fixed answer for tests"),
        }
    }
}

/// How many warnings there are.
#[cfg(any(test, feature = "files"))]
pub(crate) const N_WARNINGS: usize = N_FIELDS + FLAGS.len();

const FLAGS: [Warning; 10] = [
    Warning::UnlikeTraining,
    Warning::RuleDisagrees,
    Warning::ModelDisabled,
    Warning::ModelRefused,
    Warning::ModelFailed,
    Warning::FallbackMayNotTrade,
    Warning::VegaPerPoint,
    Warning::ThetaPerDay,
    Warning::PutDeltaUnsigned,
    Warning::Fake,
];

impl Warning {
    /// Every warning that there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SIGNAL_FIELDS.into_iter().map(Self::OutsideTraining).chain(FLAGS)
    }
}

/// The warnings of one answer: a set that costs no allocation.
///
/// # Examples
/// ```
/// use dollarbill_ml::Warnings;
/// assert!(Warnings::default().is_empty());
/// assert_eq!(Warnings::default().iter().count(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings(u32);

impl Warnings {
    pub(crate) fn outside(bits: u16) -> Self {
        Self(u32::from(bits))
    }

    /// These and those.
    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
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
        Warning::all().enumerate().filter(move |(index, _)| self.0 & (1 << index) != 0).map(|(_, warning)| warning)
    }
}

impl Serialize for Warnings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|warning| warning.to_string()))
    }
}

/// From the texts that [`Serialize`] gives; a text that is none of them is an error.
impl<'de> Deserialize<'de> for Warnings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bits = 0;
        for text in Vec::<String>::deserialize(deserializer)? {
            let known = Warning::all().position(|warning| warning.to_string() == text);
            let index = known.ok_or_else(|| serde::de::Error::custom(format!("unknown warning {text:?}")))?;
            bits |= 1 << index;
        }
        Ok(Self(bits))
    }
}

/// The answer to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// Which engine ran the model; `None` when the fallback answered.
    #[serde(default)]
    pub engine: Option<EngineKind>,
    /// What that version has learnt from; `None` when the fallback answered, or where its manifest does not say.
    #[serde(default)]
    pub trained_on: Option<TrainedOn>,
    /// The traditional rule's score, 0 to 1.
    pub rule_score: f64,
    /// What a trader should know.
    pub warnings: Warnings,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_answer_survives_being_written_and_read(
            confidence in 0.0..=1.0_f64, rule_score in 0.0..=1.0_f64, trade: bool, model: bool, bits in 0..1_u32 << N_WARNINGS,
        ) {
            let answer = Classification {
                confidence,
                recommendation: if trade { Recommendation::Trade } else { Recommendation::Avoid },
                high_confidence: confidence > 0.8,
                source: if model { Source::Model } else { Source::Fallback },
                model_version: model.then(|| "0123456789ab".parse().unwrap()),
                engine: model.then_some(if trade { EngineKind::Native } else { EngineKind::Onnxruntime }),
                trained_on: model.then_some(if trade { TrainedOn::History } else { TrainedOn::Simulator }),
                rule_score,
                warnings: Warnings(bits),
            };
            let text = serde_json::to_string(&answer).unwrap();
            prop_assert_eq!(serde_json::from_str::<Classification>(&text).unwrap(), answer);
            prop_assert_eq!(answer.warnings.iter().count(), bits.count_ones() as usize);
        }
    }

    #[test]
    fn a_warning_that_there_is_not_is_refused() {
        let error = serde_json::from_str::<Warnings>(r#"["the moon is full"]"#).unwrap_err().to_string();
        assert!(error.contains("unknown warning \"the moon is full\""), "{error}");
    }
}
