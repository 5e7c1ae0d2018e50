//! The call that the engine has today.

use crate::error::Error;
use crate::service::shared::shared;

/// The change of the symbol's average implied volatility in percent that the model expects at the configured horizon:
/// the `change_percent` of [`MlService::forecast`](crate::MlService::forecast), which says where the days come from.
///
/// # Errors
/// As [`Config::find`](crate::Config::find), [`MlService::open`](crate::MlService::open) and [`MlService::forecast`](crate::MlService::forecast).
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
