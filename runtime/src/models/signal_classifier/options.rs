//! What the config says of the signal classifier alone.

use serde_json::Value;

use crate::config::settings::Config;
use crate::models::signal_classifier::keys::SIGNAL_CLASSIFIER;

/// TRADE above this, where the config says nothing.
const TRADE_THRESHOLD: f64 = 0.7;
const CACHE_SIZE: usize = 1000;

impl Config {
    fn signal(&self, key: &str) -> Option<&Value> {
        self.models.get(SIGNAL_CLASSIFIER)?.own.get(key)
    }

    /// TRADE when the confidence is above this.
    #[must_use]
    pub fn trade_threshold(&self) -> f64 {
        let own = self.signal("confidence_threshold").and_then(Value::as_f64);
        own.or(self.confidence_threshold).unwrap_or(TRADE_THRESHOLD)
    }

    /// How many confidences the cache holds; `None`: no cache.
    #[must_use]
    pub fn cache_size(&self) -> Option<usize> {
        let enabled = self.signal("cache_enabled").and_then(Value::as_bool).unwrap_or(false);
        let size = self.signal("cache_size").and_then(Value::as_u64);
        enabled.then(|| size.and_then(|size| usize::try_from(size).ok()).unwrap_or(CACHE_SIZE))
    }

    /// Sets [`Config::cache_size`].
    pub fn set_cache_size(&mut self, size: Option<usize>) {
        if let Some(model) = self.models.get_mut(SIGNAL_CLASSIFIER) {
            model.own.insert("cache_enabled".to_owned(), size.is_some().into());
            model.own.insert("cache_size".to_owned(), size.unwrap_or(CACHE_SIZE).into());
        }
    }
}
