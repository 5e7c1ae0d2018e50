//! The name that this model goes by, and its keys in the config.

use crate::config::key::{Key, Kind, key, optional};

/// The name of the volatility predictor, in paths and messages.
pub const VOLATILITY_PREDICTOR: &str = "volatility_predictor";

/// Its keys below `models.volatility_predictor`.
pub(crate) const KEYS: &[Key] = &[
    key("sequence_length", Kind::Whole(2, 22)),
    key("prediction_horizon", Kind::OneOf([1, 5, 21])),
    optional("features", Kind::Texts),
];
