//! The models that the config knows, and the keys that each has of its own.

use crate::config::key::Key;
use crate::models::news_sentiment::keys as sentiment;
use crate::models::signal_classifier::keys as signals;
use crate::models::volatility_predictor::keys as forecasts;

pub(crate) const MODELS: [(&str, &[Key]); 3] = [
    (sentiment::NEWS_SENTIMENT, sentiment::KEYS),
    (signals::SIGNAL_CLASSIFIER, signals::KEYS),
    (forecasts::VOLATILITY_PREDICTOR, forecasts::KEYS),
];
