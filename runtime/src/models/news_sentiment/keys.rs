//! The name that this model goes by, and its keys in the config.

use crate::config::key::Key;

/// The name of the sentiment model, in paths and messages.
pub(crate) const NEWS_SENTIMENT: &str = "news_sentiment";

/// It has no keys of its own below `models.news_sentiment`.
pub(crate) const KEYS: &[Key] = &[];
