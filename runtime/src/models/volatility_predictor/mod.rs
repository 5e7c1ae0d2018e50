//! Volatility forecasts: from daily features to the answer that the engine prints.

pub(crate) mod baseline;
pub(crate) mod compute;
pub(crate) mod contract;
#[cfg(all(feature = "files", feature = "history"))]
pub(crate) mod days;
#[cfg(all(feature = "files", feature = "history"))]
pub(crate) mod drop_in;
pub(crate) mod face;
pub(crate) mod forecast;
pub(crate) mod forecast_surface;
pub(crate) mod forecasts;
pub(crate) mod keys;
pub(crate) mod known;
pub(crate) mod live;
pub(crate) mod options;
pub(crate) mod score;
