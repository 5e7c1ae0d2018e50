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
/// A calendar day, as forecasts and the history store take and give it.
pub use jiff::civil::Date;
pub use manifest::Version;
pub use observe::{Observed, ObservedSymbol, observe};
pub use service::{MlService, SIGNAL_CLASSIFIER, VOLATILITY_PREDICTOR};
pub use signal::{Classification, Recommendation, Source, TradeSignal, Warning, Warnings};
pub use volatility::{Direction, HorizonForecast, ShortForecast, VolatilityForecast};
pub use watch::Watcher;

/// How often the service behind the drop-in functions looks for a new version.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// The service behind the two drop-in functions: opened at the first call, with the config that [`Config::find`] finds.
/// New versions are let in as by a [`Watcher`], within five seconds.
///
/// # Errors
/// As [`Config::find`] and [`MlService::open`]; the next call tries again.
pub fn shared() -> Result<&'static MlService, Error> {
    static SERVICE: OnceLock<(MlService, Watcher)> = OnceLock::new();
    static OPENING: Mutex<()> = Mutex::new(());
    if let Some((service, _)) = SERVICE.get() {
        return Ok(service);
    }
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((service, _)) = SERVICE.get() {
        return Ok(service);
    }
    let service = MlService::open(&Config::find(None)?)?;
    let watcher = Watcher::start(&service, LOOK_EVERY)?;
    Ok(&SERVICE.get_or_init(|| (service, watcher)).0)
}

/// The confidence in a signal, 0 to 1: P(profit) by the model, or the [traditional rule's score](fallback::rule_score)
/// where the config lets the fallback answer.
///
/// A drop-in for the engine's function of the same name: it cannot fail, so where [`MlService::classify`] gives an error
/// (a field is out of range or no number, nothing is set up, the fallback is forbidden) it logs that error and returns 0:
/// no confidence, which no threshold lets trade. Use [`MlService`] to tell the cases apart.
///
/// # Examples
/// ```
/// let signal = dollarbill_ml::TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// let confidence: f64 = dollarbill_ml::classify_signal_quality(&signal);
/// assert!(confidence > 0.0 && confidence < 1.0);
///
/// let wrong = dollarbill_ml::TradeSignal { delta: f64::NAN, ..signal };
/// assert_eq!(dollarbill_ml::classify_signal_quality(&wrong), 0.0);
/// ```
#[must_use]
pub fn classify_signal_quality(signal: &TradeSignal) -> f64 {
    match shared().and_then(|service| service.classify(signal)) {
        Ok(answer) => answer.confidence,
        Err(error) => {
            tracing::error!("no confidence in a signal: {error}");
            0.0
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
