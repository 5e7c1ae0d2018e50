//! A volatility forecast: what the engine prints, and everything that is known besides.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::models::volatility_predictor::baseline::Baseline;
use crate::models::volatility_predictor::forecast_surface::ForecastSurface;
use crate::service::source::Source;
use crate::surface::day::DAILY_FEATURES;

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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    #[serde(deserialize_with = "named_features")]
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
    /// Which engine ran the model; `None` when the fallback answered.
    #[serde(default)]
    pub engine: Option<EngineKind>,
    /// What a trader should know.
    pub warnings: Vec<String>,
    /// How the file was read and what was left out of it: rows and days by reason, the commonest first.
    pub notes: Vec<String>,
}

/// Features by the names that they have here.
fn named_features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<&'static str, Option<f64>>, D::Error> {
    let found = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    let named = found.into_iter().map(|(name, value)| {
        let known = DAILY_FEATURES.into_iter().find(|known| *known == name);
        known.map(|known| (known, value)).ok_or_else(|| D::Error::custom(format!("unknown feature {name:?}")))
    });
    named.collect()
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

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::models::volatility_predictor::forecast_surface::HorizonSurface;

    prop_compose! {
        fn baselines()(persistence in 0.01..5.0_f64, ar in option::of(0.01..5.0_f64), har in option::of(0.01..5.0_f64),
                       ewma in option::of(0.01..5.0_f64)) -> Baseline {
            Baseline { persistence, ar, har, ewma }
        }
    }

    prop_compose! {
        fn horizons()(days in 1..64_u32, predicted in 0.01..5.0_f64, lower in option::of(0.0..1.0_f64),
                      upper in option::of(1.0..9.0_f64), baseline in baselines()) -> HorizonForecast {
            HorizonForecast { days, predicted, lower, upper, baseline }
        }
    }

    prop_compose! {
        fn surfaces()(cells in prop::collection::vec(prop::collection::vec(0.01..5.0_f64, 3), 1..4), usual_shape: bool) -> ForecastSurface {
            let horizons = vec![HorizonSurface { days: 1, implied_vol: cells }];
            ForecastSurface { tenor_days: vec![30, 60], moneyness: vec![0.9, 1.0, 1.1], usual_shape, horizons }
        }
    }

    proptest! {
        #[test]
        fn a_forecast_survives_being_written_and_read(
            horizons in prop::collection::vec(horizons(), 1..4), surface in option::of(surfaces()), baseline in baselines(),
            features in prop::collection::vec(option::of(-1e6..1e6_f64), DAILY_FEATURES.len()), day in option::of(0..9000_i64),
            warnings in prop::collection::vec(".{0,20}", 0..3), up: bool, model: bool,
        ) {
            let start = jiff::civil::date(2000, 1, 1);
            let forecast = VolatilityForecast {
                notes: Vec::new(),
                symbol: "TSLA".to_owned(),
                date: day.map(|days| start.checked_add(jiff::Span::new().days(days)).unwrap()),
                current_avg_iv: horizons[0].predicted * 1.1,
                predicted_avg_iv: horizons[0].predicted,
                change_percent: -100.0 / 11.0,
                direction: if up { Direction::Up } else { Direction::Down },
                horizon: 1,
                horizons,
                features: DAILY_FEATURES.into_iter().zip(features).collect(),
                surface,
                baseline,
                known_days: 300,
                source: if model { Source::Model } else { Source::Fallback },
                model_version: model.then(|| "0123456789ab".parse().unwrap()),
                engine: model.then_some(if up { EngineKind::Native } else { EngineKind::Onnxruntime }),
                warnings,
            };
            let text = serde_json::to_string(&forecast).unwrap();
            prop_assert_eq!(&serde_json::from_str::<VolatilityForecast>(&text).unwrap(), &forecast);
            let short = serde_json::to_string(&forecast.short()).unwrap();
            prop_assert_eq!(serde_json::from_str::<ShortForecast>(&short).unwrap(), forecast.short());
        }
    }
}
