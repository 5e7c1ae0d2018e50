//! A forecast on its way to the log, with what the shadow says of the same days.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::engine::choice::EngineKind;
use crate::models::volatility_predictor::compute;
use crate::models::volatility_predictor::face::VolatilityModel;
use crate::models::volatility_predictor::forecast::{HorizonForecast, VolatilityForecast};
use crate::models::volatility_predictor::keys::VOLATILITY_PREDICTOR;
use crate::service::live::row::{Fields, Row, Shadowed, numbers};
use crate::service::live::shadow::Shadow;
use crate::surface::day::{N_DAILY, SurfaceDay};

/// The surface is left out: its mean is the forecast, and it is thirty times as long.
pub(crate) struct LoggedForecast {
    pub(crate) forecast: VolatilityForecast,
    /// The days that the shadow needs; none without a shadow.
    pub(crate) days: Vec<SurfaceDay>,
    pub(crate) shadow: Option<Arc<Shadow<VolatilityModel>>>,
}

impl Row for LoggedForecast {
    fn fields(&self) -> Fields {
        let Self { forecast, days, shadow } = self;
        let mut about = Map::new();
        about.insert("symbol".to_owned(), forecast.symbol.as_str().into());
        if let Some(date) = forecast.date {
            about.insert("date".to_owned(), date.to_string().into());
        }
        let inputs = forecast.features.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        Fields {
            model: VOLATILITY_PREDICTOR.to_owned(),
            version: forecast.model_version,
            engine: forecast.engine,
            source: forecast.source,
            tag: None,
            about,
            inputs: inputs.collect(),
            answer: answer_of(forecast),
            warnings: forecast.warnings.clone(),
            shadow: shadow.as_ref().filter(|shadow| Some(shadow.version) != forecast.model_version).map(|shadow| {
                let state = shadow.load();
                let answered = state.as_ref().as_ref().map_err(Clone::clone);
                Shadowed::of(shadow.version, answered.and_then(|face| asked(face, days, forecast.horizon)))
            }),
        }
    }

    fn weight(&self) -> usize {
        // A forecast holds its surfaces and texts; a day its symbol.
        8192 + self.days.len() * (size_of::<SurfaceDay>() + 8 + N_DAILY)
    }
}

fn asked(
    face: &VolatilityModel,
    days: &[SurfaceDay],
    horizon: u32,
) -> Result<(EngineKind, Map<String, Value>), String> {
    let known = compute::known_days(days);
    if known.len() < face.settings.minimum_days {
        return Err(format!("needs {} known days, there are {}", face.settings.minimum_days, known.len()));
    }
    let forecast = compute::forecast(&face.engine, &face.settings, &known, horizon)?;
    Ok((face.engine.kind(), answer_of(&forecast)))
}

fn answer_of(forecast: &VolatilityForecast) -> Map<String, Value> {
    let horizons = &forecast.horizons;
    let column = |of: fn(&HorizonForecast) -> Option<f64>| -> Vec<f64> {
        horizons.iter().map(|horizon| of(horizon).unwrap_or(f64::NAN)).collect()
    };
    let days: Value = horizons.iter().map(|horizon| Value::from(horizon.days)).collect();
    Map::from_iter([
        ("horizons".to_owned(), days),
        ("predicted".to_owned(), numbers(&column(|horizon| Some(horizon.predicted)))),
        ("lower".to_owned(), numbers(&column(|horizon| horizon.lower))),
        ("upper".to_owned(), numbers(&column(|horizon| horizon.upper))),
    ])
}
