//! What an operator sees: spans for whoever installs a `tracing` subscriber, counters and histograms for whoever installs
//! a `metrics` recorder (nothing at all without that feature).
//!
//! | span | level | fields |
//! |---|---|---|
//! | `open` | DEBUG | `signals`, `forecasts`: which models are opened |
//! | `classify` | TRACE | `source`, `version`: who answered |
//! | `classify_batch` | DEBUG | `signals`: how many |
//! | `forecast` | DEBUG | `place`: where the days come from; `source`, `version` |
//! | `run` | DEBUG | `model`, `rows`, `version`: any model's call |
//! | `reload` | DEBUG | `model`; a look that finds nothing new is a span too |
//!
//! Without a subscriber that wants its level a span costs some 6 ns, in a call of 13 us, and no heap allocation.
//!
//! | name | labels | meaning |
//! |---|---|---|
//! | `dollarbill_ml_answers_total` | `model`, `source` | answers given, each of a batch |
//! | `dollarbill_ml_errors_total` | `model`, `code` | calls that ended in an error; code `signal`: refused inputs |
//! | `dollarbill_ml_call_seconds` | `model` | time of a call, of a batch as a whole |
//! | `dollarbill_ml_cache_total` | `hit` | look-ups in the cache |
//! | `dollarbill_ml_reloads_total` | `model`, `result` | new versions swapped in or refused |
//! | `dollarbill_ml_log_rows_total` | `result` | rows of the log: `written`, `dropped` (the queue was full), `lost` |

use tracing::Span;
use tracing::field::{Empty, debug, display};

use crate::artifact::version::Version;
use crate::error::Error;
use crate::service::source::Source;

pub(crate) fn open_span(signals: bool, forecasts: bool) -> Span {
    tracing::debug_span!("open", signals, forecasts)
}

pub(crate) fn classify_span() -> Span {
    tracing::trace_span!("classify", source = Empty, version = Empty)
}

pub(crate) fn batch_span(signals: usize) -> Span {
    tracing::debug_span!("classify_batch", signals)
}

pub(crate) fn forecast_span() -> Span {
    tracing::debug_span!("forecast", place = Empty, source = Empty, version = Empty)
}

/// A call of any model; it is given its `version` when it is answered.
pub(crate) fn run_span(model: &str, rows: usize) -> Span {
    tracing::debug_span!("run", model, rows, version = Empty)
}

pub(crate) fn reload_span(model: &str) -> Span {
    tracing::debug_span!("reload", model)
}

/// Notes in the span of a call who answered it.
pub(crate) fn answered(span: &Span, answer: Result<(Source, Option<Version>), &Error>) {
    if let (false, Ok((source, version))) = (span.is_disabled(), answer) {
        span.record("source", debug(source));
        if let Some(version) = version {
            span.record("version", display(version));
        }
    }
}

#[cfg(feature = "metrics")]
mod recording {
    use std::sync::Arc;
    use std::time::Instant;

    use crate::artifact::version::Version;
    use crate::error::Error;

    pub(crate) type Timer = Instant;
    /// The name of a model that is known when it is opened only, shared by all of its calls.
    #[derive(Clone)]
    pub(crate) struct Label(metrics::SharedString);

    impl From<&'static str> for Label {
        fn from(name: &'static str) -> Self {
            Self(name.into())
        }
    }

    impl From<&Label> for Label {
        fn from(label: &Label) -> Self {
            label.clone()
        }
    }

    pub(crate) fn label(name: &str) -> Label {
        Label(metrics::SharedString::from_shared(Arc::from(name)))
    }

    pub(crate) fn start() -> Timer {
        Instant::now()
    }

    /// `answers`: how many the model gave, and how many the fallback.
    pub(crate) fn call(model: impl Into<Label>, timer: Timer, answers: [usize; 2], error: Option<&Error>) {
        let Label(model) = model.into();
        metrics::histogram!("dollarbill_ml_call_seconds", "model" => model.clone()).record(timer.elapsed());
        if let Some(error) = error {
            metrics::counter!("dollarbill_ml_errors_total", "model" => model, "code" => error.code()).increment(1);
            return;
        }
        for (source, answers) in ["model", "fallback"].into_iter().zip(answers) {
            if answers > 0 {
                metrics::counter!("dollarbill_ml_answers_total", "model" => model.clone(), "source" => source)
                    .increment(answers as u64);
            }
        }
    }

    pub(crate) fn cache(hit: bool) {
        metrics::counter!("dollarbill_ml_cache_total", "hit" => if hit { "true" } else { "false" }).increment(1);
    }

    #[cfg(feature = "live")]
    pub(crate) fn logged(result: &'static str, rows: u64) {
        metrics::counter!("dollarbill_ml_log_rows_total", "result" => result).increment(rows);
    }

    pub(crate) fn reload(model: impl Into<Label>, found: &Result<Option<Version>, Error>) {
        let result = match found {
            Ok(None) => return,
            Ok(Some(_)) => "swapped",
            Err(_) => "refused",
        };
        metrics::counter!("dollarbill_ml_reloads_total", "model" => model.into().0, "result" => result).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod recording {
    use crate::artifact::version::Version;
    use crate::error::Error;

    /// Nothing is timed.
    #[derive(Clone, Copy)]
    pub(crate) struct Timer;

    /// Nothing is labelled.
    pub(crate) struct Label;

    impl From<&Label> for Label {
        fn from(_: &Label) -> Self {
            Self
        }
    }

    impl From<&'static str> for Label {
        fn from(_: &'static str) -> Self {
            Self
        }
    }

    pub(crate) fn label(_: &str) -> Label {
        Label
    }

    pub(crate) fn start() -> Timer {
        Timer
    }

    pub(crate) fn call(_: impl Into<Label>, _: Timer, _: [usize; 2], _: Option<&Error>) {}

    pub(crate) fn cache(_: bool) {}

    #[cfg(feature = "live")]
    pub(crate) fn logged(_: &'static str, _: u64) {}

    pub(crate) fn reload(_: impl Into<Label>, _: &Result<Option<Version>, Error>) {}
}

#[cfg(feature = "live")]
pub(crate) use recording::logged;
pub(crate) use recording::{Label, cache, call, label, reload, start};
