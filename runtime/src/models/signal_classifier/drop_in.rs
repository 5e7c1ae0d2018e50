//! The call that the engine has today.

use crate::models::signal_classifier::answer::Classification;
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::shared::shared;
use crate::service::source::Source;

/// The confidence in a signal, 0 to 1: P(profit) by the model.
///
/// A drop-in for the engine's function of the same name: it cannot fail, and whoever calls it compares a bare number with
/// a threshold of their own. So it returns 0, which no threshold lets trade, and logs why, where
/// - [`MlService::classify`](crate::MlService::classify) gives an error: a field is out of range or no number, nothing is
///   set up, the fallback is forbidden;
/// - the traditional rule answers in the model's place, unless the config says `ml_integration.fallback_may_trade: true`:
///   then it is the [rule's score](crate::fallback::rule_score).
///
/// Use [`MlService`](crate::MlService) to tell the cases apart.
///
/// # Examples
/// ```
/// let signal = dollarbill_ml::TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// let confidence: f64 = dollarbill_ml::classify_signal_quality(&signal);
/// assert!(confidence > 0.0 && confidence < 1.0);
///
/// let wrong = dollarbill_ml::TradeSignal { delta: f64::NAN, ..signal };
/// assert_eq!(dollarbill_ml::classify_signal_quality(&wrong), 0.0);
/// ```
#[must_use]
pub fn classify_signal_quality(signal: &TradeSignal) -> f64 {
    match shared().and_then(|service| Ok((service, service.classify(signal)?))) {
        Ok((service, answer)) => number(&answer, service.inner().config.fallback_may_trade),
        Err(error) => {
            tracing::error!("no confidence in a signal: {error}");
            0.0
        }
    }
}

/// What an answer is worth to somebody who sees nothing else of it.
fn number(answer: &Classification, fallback_may_trade: bool) -> f64 {
    if answer.source == Source::Model || fallback_may_trade {
        return answer.confidence;
    }
    tracing::error!("no confidence in a signal: the fallback answered, and ml_integration.fallback_may_trade is false");
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::signal_classifier::answer::{Recommendation, Warnings};

    #[test]
    fn the_rule_s_score_is_given_away_only_where_a_fallback_may_trade() {
        let mut answer = Classification {
            confidence: 0.9,
            recommendation: Recommendation::Avoid,
            high_confidence: true,
            source: Source::Fallback,
            model_version: None,
            engine: None,
            trained_on: None,
            rule_score: 0.9,
            warnings: Warnings::default(),
        };
        assert_eq!([number(&answer, false), number(&answer, true)], [0.0, 0.9]);
        answer.source = Source::Model;
        assert_eq!(number(&answer, false), 0.9);
    }
}
