//! A service with fixed answers, for the unit tests of an engine.

use std::path::Path;

use serde_json::Value;

use crate::config::settings::Config;
use crate::models::registry::Faces;
use crate::models::signal_classifier::face::Signals;
use crate::models::volatility_predictor::face::{FixedForecast, Forecasts};
use crate::service::ml_service::MlService;

/// The average implied volatility of a symbol or file, which a fake does not read.
#[cfg(all(feature = "files", feature = "history"))]
const AVERAGE_IV: f64 = 0.25;

/// What a fake answers: see [`MlService::fixed`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Fixed {
    confidence: Option<f64>,
    change_percent: Option<f64>,
    #[cfg(all(feature = "files", feature = "history"))]
    average_iv: f64,
    trade_threshold: Option<f64>,
    fallback: bool,
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            confidence: None,
            change_percent: None,
            #[cfg(all(feature = "files", feature = "history"))]
            average_iv: AVERAGE_IV,
            trade_threshold: None,
            fallback: true,
        }
    }
}

impl Fixed {
    /// The confidence in every signal, held to 0..1. Without it the traditional rule answers, as a fallback.
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = Some(if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) });
        self
    }

    /// The change that every forecast expects, in percent. Without it persistence answers, as a fallback.
    pub fn change_percent(mut self, percent: f64) -> Self {
        self.change_percent = Some(percent);
        self
    }

    /// Today's average implied volatility of whatever is named by symbol or file, which a fake does not read.
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn average_iv(mut self, average_iv: f64) -> Self {
        self.average_iv = average_iv;
        self
    }

    /// TRADE above this confidence; 0.7 if it is not set.
    pub fn trade_threshold(mut self, threshold: f64) -> Self {
        self.trade_threshold = Some(threshold);
        self
    }

    /// Whether the fallback may answer what was not set; if not, that is [`Error::NoFallback`](crate::Error::NoFallback).
    pub fn fallback(mut self, allowed: bool) -> Self {
        self.fallback = allowed;
        self
    }
}

impl MlService {
    /// A service with fixed answers, for the unit tests of an engine: it needs no artifacts, no onnxruntime, no config
    /// and no feature, and reads no file. Inputs are checked as ever.
    ///
    /// Its answers have [`Source::Model`](crate::Source::Model), so that the engine does with them what it does with a
    /// model's; they are told from those by the version [`Version::FAKE`](crate::Version::FAKE) (`000000000000`) and by
    /// a warning that begins with `fake:`.
    ///
    /// # Examples
    /// ```
    /// use dollarbill_ml::{Fixed, MlService, Recommendation, TradeSignal, Version};
    /// let ml = MlService::fixed(Fixed::default().confidence(0.9).change_percent(-4.0));
    /// let signal = TradeSignal {
    ///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
    ///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
    /// };
    /// let answer = ml.classify(&signal)?;
    /// assert_eq!(answer.recommendation, Recommendation::Trade);
    /// assert_eq!(answer.model_version, Some(Version::FAKE));
    /// # Ok::<(), dollarbill_ml::Error>(())
    /// ```
    #[must_use]
    pub fn fixed(answers: Fixed) -> Self {
        tracing::warn!("a fake answers, with fixed values: for tests only");
        let mut config = Config::of_checked(&Value::Null, Path::new("."));
        config.fallback = answers.fallback;
        config.confidence_threshold = answers.trade_threshold;
        let forecast = answers.change_percent.map(|change_percent| FixedForecast {
            change_percent,
            #[cfg(all(feature = "files", feature = "history"))]
            average_iv: answers.average_iv,
        });
        let signals = Signals::fixed(&config, answers.confidence);
        let forecasts = Forecasts::fixed(&config, forecast);
        Self::of(config, Faces { signals, forecasts })
    }
}
