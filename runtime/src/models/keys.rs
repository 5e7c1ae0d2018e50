//! The models that the config knows, and the keys that each has of its own.

use crate::config::key::Key;
use crate::models::news_sentiment::keys as sentiment;
use crate::models::signal_classifier::keys as signals;
use crate::models::volatility_predictor::keys as forecasts;

pub(crate) const MODELS: [(&str, &[Key]); 2] =
    [(signals::SIGNAL_CLASSIFIER, signals::KEYS), (forecasts::VOLATILITY_PREDICTOR, forecasts::KEYS)];

/// Models of the house without a typed face: their sections are checked and passed over.
pub(crate) const WITHOUT_A_FACE: [(&str, &[Key]); 1] = [(sentiment::NEWS_SENTIMENT, sentiment::KEYS)];
