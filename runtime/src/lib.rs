//! Serves the compiled DollarBill models in the engine's own process, through onnxruntime.
//!
//! The two calls that the engine has today:
//! ```
//! use dollarbill_ml::{TradeSignal, classify_signal_quality};
//! let signal = TradeSignal {
//!     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
//!     volume: 1200, open_interest: 8500, days_to_expiry: 45,
//! };
//! let confidence: f64 = classify_signal_quality(&signal);
//! assert!((0.0..=1.0).contains(&confidence));
//! ```
//! and the API behind them: [`MlService`].

pub mod artifact;
mod baseline;
pub mod batch;
pub mod config;
mod days;
pub mod error;
pub mod fallback;
mod files;
mod forecast_surface;
mod forecasts;
#[cfg(fuzzing)]
pub mod fuzzing;
mod graph;
pub mod history;
mod json;
mod library;
mod lines;
mod manifest;
mod meter;
mod model;
mod novelty;
mod observe;
mod recall;
mod service;
pub mod signal;
mod slots;
pub mod surface;
mod text;
pub mod volatility;
mod watch;

use std::sync::{Mutex, OnceLock, PoisonError};

pub use baseline::Baseline;
pub use config::Config;
pub use error::Error;
pub use files::AtomicFile;
pub use forecast_surface::{ForecastSurface, HorizonSurface};
pub use manifest::Version;
pub use observe::{Observed, ObservedSymbol, observe};
pub use service::{MlService, SIGNAL_CLASSIFIER, VOLATILITY_PREDICTOR};
pub use signal::{Classification, Recommendation, Source, TradeSignal, Warning, Warnings};
pub use volatility::{Direction, HorizonForecast, ShortForecast, VolatilityForecast};
pub use watch::Watcher;

/// The service behind the two drop-in functions: opened at the first call, with the config that [`Config::find`] finds.
///
/// # Errors
/// As [`Config::find`] and [`MlService::open`]; the next call tries again.
pub fn shared() -> Result<&'static MlService, Error> {
    static SERVICE: OnceLock<MlService> = OnceLock::new();
    static OPENING: Mutex<()> = Mutex::new(());
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let service = MlService::open(&Config::find(None)?)?;
    Ok(SERVICE.get_or_init(|| service))
}

/// The confidence in a signal, 0 to 1: P(profit) by the model.
///
/// A drop-in for the engine's function of the same name: it cannot fail, so where [`MlService::classify`] would give an
/// error it logs that error and returns the [traditional rule's score](fallback::rule_score). Use [`MlService`] to tell
/// the two apart.
///
/// # Examples
/// ```
/// let signal = dollarbill_ml::TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// let confidence: f64 = dollarbill_ml::classify_signal_quality(&signal);
/// assert!((0.0..=1.0).contains(&confidence));
/// ```
#[must_use]
pub fn classify_signal_quality(signal: &TradeSignal) -> f64 {
    match shared().and_then(|service| service.classify(signal)) {
        Ok(answer) => answer.confidence,
        Err(error) => {
            tracing::error!("the traditional rule answers: {error}");
            fallback::rule_score(signal)
        }
    }
}

/// The change of the symbol's average implied volatility in percent that the model expects at the configured horizon:
/// the `change_percent` of [`MlService::forecast`], which says where the days come from.
///
/// # Errors
/// As [`Config::find`], [`MlService::open`] and [`MlService::forecast`].
///
/// # Examples
/// ```
/// match dollarbill_ml::predict_volatility_change("TSLA") {
///     Ok(percent) => assert!(percent.is_finite()),
///     // No surface file of that name, or too few days observed so far.
///     Err(error) => assert!(["io", "surface", "days"].contains(&error.code()), "{error}"),
/// }
/// ```
pub fn predict_volatility_change(symbol: &str) -> Result<f64, Error> {
    Ok(shared()?.forecast(symbol)?.change_percent)
}
