//! Volatility forecasts: from daily features to the answer that the engine prints.

pub(crate) mod baseline;
pub(crate) mod compute;
pub(crate) mod contract;
pub(crate) mod days;
pub(crate) mod drop_in;
pub(crate) mod face;
pub(crate) mod forecast;
pub(crate) mod forecast_surface;
pub(crate) mod forecasts;
pub(crate) mod keys;
pub(crate) mod options;
