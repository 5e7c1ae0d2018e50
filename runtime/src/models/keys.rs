//! The models that the config knows, and the keys that each has of its own.

use crate::config::key::Key;
use crate::models::{signal_classifier, volatility_predictor};

pub(crate) const MODELS: [(&str, &[Key]); 2] = [
    (signal_classifier::keys::SIGNAL_CLASSIFIER, signal_classifier::keys::KEYS),
    (volatility_predictor::keys::VOLATILITY_PREDICTOR, volatility_predictor::keys::KEYS),
];
