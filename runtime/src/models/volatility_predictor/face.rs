//! The volatility predictor as the service holds it.

use std::path::Path;

use crate::artifact::manifest::Manifest;
use crate::config::settings::Config;
use crate::engine::loaded::Engine;
use crate::error::Error;
use crate::models::volatility_predictor::contract::{Settings, check_contract};
use crate::models::volatility_predictor::keys::VOLATILITY_PREDICTOR;
use crate::models::volatility_predictor::score::Scores;
use crate::service::face::Face;
use crate::service::serving_slot::ServingSlot;
#[cfg(all(feature = "files", feature = "history"))]
use crate::store::day_cache::DayCache;

/// Its slot, and what all of its versions share.
pub(crate) struct Forecasts {
    pub(crate) slot: ServingSlot<VolatilityModel>,
    #[cfg(all(feature = "files", feature = "history"))]
    pub(crate) day_cache: DayCache,
    pub(crate) scores: Scores,
    pub(crate) horizon: u32,
}

impl Forecasts {
    pub(crate) fn open(config: &Config, wanted: bool) -> Result<Self, Error> {
        Ok(Self::of(ServingSlot::open(config, wanted)?, config))
    }

    /// A fixed forecast of every surface; `None`: the fallback answers.
    pub(crate) fn fixed(config: &Config, forecast: Option<FixedForecast>) -> Self {
        Self::of(ServingSlot::fixed(forecast), config)
    }

    fn of(slot: ServingSlot<VolatilityModel>, config: &Config) -> Self {
        Self {
            slot,
            #[cfg(all(feature = "files", feature = "history"))]
            day_cache: DayCache::default(),
            scores: Scores::default(),
            horizon: config.prediction_horizon(),
        }
    }
}

/// What a fake forecasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedForecast {
    pub(crate) change_percent: f64,
    /// Of a symbol or a file, which a fake does not read.
    #[cfg(all(feature = "files", feature = "history"))]
    pub(crate) average_iv: f64,
}

/// One version of it.
pub(crate) struct VolatilityModel {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
}

impl Face for VolatilityModel {
    const NAME: &'static str = VOLATILITY_PREDICTOR;
    type Fixed = FixedForecast;

    fn check_contract(manifest: &Manifest) -> Result<(), String> {
        check_contract(manifest)
    }

    fn of(engine: Engine, config: &Config, folder: &Path) -> Result<Self, Error> {
        let settings = Settings::of(&engine.manifest)
            .map_err(|reason| Error::Artifact { path: folder.join("manifest.json"), reason })?;
        let horizon = config.prediction_horizon();
        if !settings.horizons.contains(&horizon) {
            let reason = format!(
                "field 'models.{VOLATILITY_PREDICTOR}.prediction_horizon': is {horizon}, the model forecasts {:?}",
                settings.horizons
            );
            return Err(Error::Config { path: config.path.clone(), reason });
        }
        Ok(Self { engine, settings })
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }
}
