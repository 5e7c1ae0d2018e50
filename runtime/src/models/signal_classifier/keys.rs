//! The names that this model goes by: its own, its fields, its keys in the config.

use crate::config::key::{Key, Kind, key, optional};

/// The name of the signal classifier, in paths and messages.
pub const SIGNAL_CLASSIFIER: &str = "signal_classifier";

/// How many fields a signal has.
pub const N_FIELDS: usize = 8;

/// The names of the fields, in the order in which a model takes them.
pub const SIGNAL_FIELDS: [&str; N_FIELDS] =
    ["edge_percent", "delta", "gamma", "vega", "theta", "volume", "open_interest", "days_to_expiry"];

/// Its keys below `models.signal_classifier`.
pub(crate) const KEYS: &[Key] = &[
    optional("features", Kind::Features(&SIGNAL_FIELDS)),
    optional("confidence_threshold", Kind::Number(0.0, 1.0)),
    key("cache_enabled", Kind::Switch),
    key("cache_size", Kind::Whole(1, 10_000_000)),
];
