//! The signal classifier as the service holds it.

use std::path::Path;

use crate::artifact::manifest::Manifest;
use crate::artifact::version::Version;
use crate::config::settings::Config;
use crate::engine::loaded::Engine;
use crate::error::Error;
use crate::models::signal_classifier::answer::{TrainedOn, Warning, Warnings};
use crate::models::signal_classifier::contract::{Limits, check_contract};
use crate::models::signal_classifier::given::units::contradictions;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_CLASSIFIER};
use crate::models::signal_classifier::novelty::Novelty;
use crate::service::face::Face;
use crate::service::serving_slot::{ServingSlot, Why};

type Cache = quick_cache::sync::Cache<(Version, [u64; N_FIELDS]), f64>;

/// Its slot, and what all of its versions share.
pub(crate) struct Signals {
    pub(crate) slot: ServingSlot<SignalModel>,
    /// Confidences by version and the exact bits of the signal.
    pub(crate) cache: Option<Cache>,
    pub(crate) trade_threshold: f64,
}

impl Signals {
    pub(crate) fn open(config: &Config, wanted: bool) -> Result<Self, Error> {
        Ok(Self {
            slot: ServingSlot::open(config, wanted)?,
            cache: config.cache_size().map(Cache::new),
            trade_threshold: config.trade_threshold(),
        })
    }
}

impl Signals {
    /// A fixed confidence in every signal; `None`: the fallback answers.
    pub(crate) fn fixed(config: &Config, confidence: Option<f64>) -> Self {
        Self { slot: ServingSlot::fixed(confidence), cache: None, trade_threshold: config.trade_threshold() }
    }
}

/// One version of it.
pub(crate) struct SignalModel {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) trained_on: Option<TrainedOn>,
    novelty: Option<Novelty>,
}

impl Face for SignalModel {
    const NAME: &'static str = SIGNAL_CLASSIFIER;
    /// The confidence.
    type Fixed = f64;

    fn check_contract(manifest: &Manifest) -> Result<(), String> {
        check_contract(manifest)
    }

    fn of(engine: Engine, _: &Config, _: &Path) -> Result<Self, Error> {
        let limits = Limits::of(&engine.manifest.inputs[0].columns);
        let novelty = engine.manifest.novelty.as_ref().and_then(Novelty::of);
        let trained_on = match engine.manifest.trained_on() {
            Some((_, true)) => Some(TrainedOn::History),
            Some((source, false)) if source.contains("simulator") => Some(TrainedOn::Simulator),
            _ => None,
        };
        Ok(Self { engine, limits, trained_on, novelty })
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl SignalModel {
    /// What a trader should know of a row before the model is asked.
    pub(crate) fn warnings(&self, row: &[f64; N_FIELDS]) -> Warnings {
        let units = contradictions(row);
        let outside = Warnings::outside(self.limits.outside(row));
        // Outside of a range the row is unlike the others anyway, and the field that is has been named.
        if outside.is_empty() && self.novelty.as_ref().is_some_and(|novelty| novelty.is_novel(row)) {
            return outside.and(units).with(Warning::UnlikeTraining);
        }
        outside.and(units)
    }
}

impl From<Why> for Warning {
    fn from(why: Why) -> Self {
        match why {
            Why::Disabled => Self::ModelDisabled,
            Why::Refused => Self::ModelRefused,
        }
    }
}
