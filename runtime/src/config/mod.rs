//! `config/ml_config.json`: the keys of all models, and the place of each model's own.

pub(crate) mod key;
pub(crate) mod known_keys;
pub(crate) mod settings;

pub use settings::{Config, ModelConfig};
