//! What the config says of the volatility predictor alone.

use serde_json::Value;

use crate::config::settings::Config;
use crate::models::volatility_predictor::keys::VOLATILITY_PREDICTOR;

const HORIZON: u32 = 1;

impl Config {
    /// The short forecast is this many trading days ahead.
    #[must_use]
    pub fn prediction_horizon(&self) -> u32 {
        let own = self.models.get(VOLATILITY_PREDICTOR).and_then(|model| model.own.get("prediction_horizon"));
        own.and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok()).unwrap_or(HORIZON)
    }
}
