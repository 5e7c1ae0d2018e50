//! The call that the engine has today.

use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::shared::shared;

/// The confidence in a signal, 0 to 1: P(profit) by the model, or the [traditional rule's score](crate::fallback::rule_score)
/// where the config lets the fallback answer.
///
/// A drop-in for the engine's function of the same name: it cannot fail, so where [`MlService::classify`](crate::MlService::classify) gives an error
/// (a field is out of range or no number, nothing is set up, the fallback is forbidden) it logs that error and returns 0:
/// no confidence, which no threshold lets trade. Use [`MlService`](crate::MlService) to tell the cases apart.
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
    match shared().and_then(|service| service.classify(signal)) {
        Ok(answer) => answer.confidence,
        Err(error) => {
            tracing::error!("no confidence in a signal: {error}");
            0.0
        }
    }
}
