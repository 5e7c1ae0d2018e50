//! A volatility forecast: what the engine prints, and everything that is known besides.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::artifact::version::Version;
use crate::models::volatility_predictor::baseline::Baseline;
use crate::models::volatility_predictor::forecast_surface::ForecastSurface;
use crate::service::source::Source;

/// Where the average implied volatility goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// The forecast is above today's.
    Up,
    /// It is not.
    Down,
}

/// The forecast for one horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HorizonForecast {
    /// Trading days ahead.
    pub days: u32,
    /// The average implied volatility then, decimal per year.
    pub predicted: f64,
    /// The lower end of the 80 % interval; `None` when the fallback answered.
    pub lower: Option<f64>,
    /// The upper end of the 80 % interval.
    pub upper: Option<f64>,
    /// What simple rules say of the same day.
    pub baseline: Baseline,
}

/// The forecast in four keys, as the engine reads it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShortForecast {
    /// Today's average implied volatility.
    pub current_avg_iv: f64,
    /// The forecast at the configured horizon.
    pub predicted_avg_iv: f64,
    /// (predicted - current) / current x 100.
    pub change_percent: f64,
    /// Which way that is.
    pub direction: Direction,
}

/// The forecast with everything that is known besides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VolatilityForecast {
    /// The symbol.
    pub symbol: String,
    /// The last known day.
    pub date: Option<Date>,
    /// Average implied volatility on that day, decimal per year.
    pub current_avg_iv: f64,
    /// The forecast at the configured horizon.
    pub predicted_avg_iv: f64,
    /// (predicted - current) / current x 100.
    pub change_percent: f64,
    /// Which way that is.
    pub direction: Direction,
    /// The configured horizon, in trading days.
    pub horizon: u32,
    /// The forecast of each horizon of the model.
    pub horizons: Vec<HorizonForecast>,
    /// The daily features of the last known day; `None` where the day's quotes do not tell.
    pub features: BTreeMap<&'static str, Option<f64>>,
    /// The surface of each horizon of the model; `None` when the fallback answered, which has none to give.
    pub surface: Option<ForecastSurface>,
    /// What simple rules say of the configured horizon.
    pub baseline: Baseline,
    /// How many known days the forecast rests on.
    pub known_days: usize,
    /// Who gave the answer.
    pub source: Source,
    /// The version of the model; `None` when the fallback answered.
    pub model_version: Option<Version>,
    /// What a trader should know.
    pub warnings: Vec<String>,
    /// How the file was read and what was left out of it: rows and days by reason, the commonest first.
    pub notes: Vec<String>,
}

impl VolatilityForecast {
    /// The four keys of the short form.
    #[must_use]
    pub fn short(&self) -> ShortForecast {
        ShortForecast {
            current_avg_iv: self.current_avg_iv,
            predicted_avg_iv: self.predicted_avg_iv,
            change_percent: self.change_percent,
            direction: self.direction,
        }
    }
}
