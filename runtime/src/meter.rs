//! Counters and histograms, for whoever installs a `metrics` recorder; nothing at all without the feature.
//!
//! | name | labels | meaning |
//! |---|---|---|
//! | `dollarbill_ml_calls_total` | `model`, `source` | answers given |
//! | `dollarbill_ml_errors_total` | `model`, `code` | calls that ended in an error; code `signal`: refused inputs |
//! | `dollarbill_ml_call_seconds` | `model` | time of a call |
//! | `dollarbill_ml_cache_total` | `hit` | look-ups in the cache |
//! | `dollarbill_ml_reloads_total` | `model`, `result` | new versions swapped in or refused |

use crate::error::Error;
use crate::manifest::Version;

#[cfg(feature = "metrics")]
mod recording {
    use std::time::Instant;

    use super::{Error, Version};

    pub(crate) type Timer = Instant;

    pub(crate) fn start() -> Timer {
        Instant::now()
    }

    pub(crate) fn call(model: &'static str, timer: Timer, answers: usize, fallback: bool, error: Option<&Error>) {
        metrics::histogram!("dollarbill_ml_call_seconds", "model" => model).record(timer.elapsed());
        match error {
            None => {
                let source = if fallback { "fallback" } else { "model" };
                metrics::counter!("dollarbill_ml_calls_total", "model" => model, "source" => source)
                    .increment(answers as u64);
            }
            Some(error) => {
                metrics::counter!("dollarbill_ml_errors_total", "model" => model, "code" => error.code()).increment(1);
            }
        }
    }

    pub(crate) fn cache(hit: bool) {
        metrics::counter!("dollarbill_ml_cache_total", "hit" => if hit { "true" } else { "false" }).increment(1);
    }

    pub(crate) fn reload(model: &'static str, found: &Result<Option<Version>, Error>) {
        let result = match found {
            Ok(None) => return,
            Ok(Some(_)) => "swapped",
            Err(_) => "refused",
        };
        metrics::counter!("dollarbill_ml_reloads_total", "model" => model, "result" => result).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod recording {
    use super::{Error, Version};

    /// Nothing is timed.
    #[derive(Clone, Copy)]
    pub(crate) struct Timer;

    pub(crate) fn start() -> Timer {
        Timer
    }

    pub(crate) fn call(_: &'static str, _: Timer, _: usize, _: bool, _: Option<&Error>) {}

    pub(crate) fn cache(_: bool) {}

    pub(crate) fn reload(_: &'static str, _: &Result<Option<Version>, Error>) {}
}

pub(crate) use recording::{cache, call, reload, start};
