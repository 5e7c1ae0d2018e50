//! Trade signals: eight numbers in the units of the engine.

use serde::Serialize;

use crate::models::signal_classifier::keys::N_FIELDS;

/// One trade signal, in the units of the engine's own Black-Scholes-Merton code.
///
/// # Examples
/// ```
/// use dollarbill_ml::TradeSignal;
/// let signal = TradeSignal::from_json(
///     r#"{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5,
///         "volume": 1200, "open_interest": 8500, "days_to_expiry": 45}"#,
/// )?;
/// assert_eq!(signal.volume, 1200);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TradeSignal {
    /// (model price - market mid) / market mid x 100. Positive: buy. Negative: sell.
    pub edge_percent: f64,
    /// Signed, -1 to 1, per $1 of spot.
    pub delta: f64,
    /// Per $1 of spot.
    pub gamma: f64,
    /// $ per 1.00 of volatility (100 points).
    pub vega: f64,
    /// $ per year.
    pub theta: f64,
    /// Contracts traded today.
    pub volume: u64,
    /// Contracts open at the start of the day.
    pub open_interest: u64,
    /// Calendar days; 0 on the day of expiry.
    pub days_to_expiry: u32,
}

impl TradeSignal {
    /// The fields as a model takes them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "whole numbers up to the contract's limit of 1e12 are exact")]
    pub fn features(&self) -> [f64; N_FIELDS] {
        [
            self.edge_percent,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.volume as f64,
            self.open_interest as f64,
            f64::from(self.days_to_expiry),
        ]
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and within limits"
    )]
    pub(crate) fn from_features(values: [f64; N_FIELDS]) -> Self {
        let [edge_percent, delta, gamma, vega, theta, volume, open_interest, days_to_expiry] = values;
        Self {
            edge_percent,
            delta,
            gamma,
            vega,
            theta,
            volume: volume as u64,
            open_interest: open_interest as u64,
            days_to_expiry: days_to_expiry as u32,
        }
    }
}
