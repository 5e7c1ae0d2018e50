//! The models that have a typed face: all that the service knows of them.

use crate::artifact::manifest::Manifest;
use crate::config::settings::Config;
use crate::error::Error;
use crate::models::signal_classifier::face::{SignalModel, Signals};
use crate::models::volatility_predictor::face::{Forecasts, VolatilityModel};
use crate::service::face::Face;
use crate::service::meter;
use crate::service::serving_slot::Served;

/// The slots of a service.
pub(crate) struct Faces {
    pub(crate) signals: Signals,
    pub(crate) forecasts: Forecasts,
}

impl Faces {
    /// Opens the models that are wanted.
    pub(crate) fn open(config: &Config, wanted: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let (signals, forecasts) = (wanted(SignalModel::NAME), wanted(VolatilityModel::NAME));
        let _span = meter::open_span(signals, forecasts).entered();
        Ok(Self { signals: Signals::open(config, signals)?, forecasts: Forecasts::open(config, forecasts)? })
    }

    /// Every slot.
    pub(crate) fn each(&self) -> [&dyn Served; 2] {
        [&self.signals.slot, &self.forecasts.slot]
    }
}

type Contract = fn(&Manifest) -> Result<(), String>;

const CONTRACTS: [(&str, Contract); 2] =
    [(SignalModel::NAME, SignalModel::check_contract), (VolatilityModel::NAME, VolatilityModel::check_contract)];

/// Holds a manifest against the face of its model, where it has one.
pub(crate) fn check_contract(manifest: &Manifest) -> Result<(), String> {
    let contract = CONTRACTS.iter().find(|(name, _)| *name == manifest.model);
    contract.map_or(Ok(()), |(_, check)| check(manifest))
}

/// Whether a model of this name has a face.
pub(crate) fn has_face(name: &str) -> bool {
    CONTRACTS.iter().any(|(known, _)| *known == name)
}
