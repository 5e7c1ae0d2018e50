//! The place of each model in the service: what is in it, and how another version gets in.

use std::path::Path;

use arc_swap::ArcSwap;

use crate::config::{Config, ModelConfig};
use crate::error::Error;
use crate::library::Library;
use crate::manifest::{Manifest, Version, other_model, version_folder};
use crate::model::Model;
use crate::novelty::Novelty;
use crate::signal::{self, Limits, N_FIELDS, Warning, Warnings};
use crate::volatility::{self, Settings};
use crate::{SIGNAL_CLASSIFIER, VOLATILITY_PREDICTOR};

/// Either a model that answers, or the reason why the fallback does.
pub(crate) enum Slot<M> {
    Ready(M),
    Off { warning: Warning, cause: String },
}

pub(crate) struct SignalModel {
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) novelty: Option<Novelty>,
}

impl SignalModel {
    /// What a trader should know of a row before the model is asked.
    pub(crate) fn warnings(&self, row: &[f64; N_FIELDS]) -> Warnings {
        let outside = Warnings::outside(self.limits.outside(row));
        // Outside of a range the row is unlike the others anyway, and the field that is has been named.
        if outside.is_empty() && self.novelty.as_ref().is_some_and(|novelty| novelty.is_novel(row)) {
            return outside.with(Warning::UnlikeTraining);
        }
        outside
    }
}

pub(crate) struct VolatilityModel {
    pub(crate) model: Model,
    pub(crate) settings: Settings,
}

impl<M: Proven> Slot<M> {
    /// The version that answers, if a model does.
    pub(crate) fn version(&self) -> Option<Version> {
        match self {
            Self::Ready(ready) => Some(ready.model().version),
            Self::Off { .. } => None,
        }
    }
}

/// A model that has passed its golden cases.
pub(crate) trait Proven {
    fn model(&self) -> &Model;
}

impl Proven for SignalModel {
    fn model(&self) -> &Model {
        &self.model
    }
}

impl Proven for VolatilityModel {
    fn model(&self) -> &Model {
        &self.model
    }
}

/// How a model of one kind is loaded and proven.
pub(crate) type Load<M> = fn(&Config, &Library, &Path) -> Result<M, Error>;

/// Looks whether another version is current; if so proves it aside and swaps it in, in one step.
///
/// Calls that run meanwhile finish on the version they began with. On an error the slot stays as it was.
pub(crate) fn refresh<M: Proven>(
    slot: &ArcSwap<Slot<M>>,
    config: &Config,
    model: &ModelConfig,
    load: Load<M>,
) -> Result<Option<Version>, Error> {
    let folder = version_folder(&model.model_path)?;
    let named: Option<Version> = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    if named.is_some() && slot.load().version() == named {
        return Ok(None);
    }
    let library = Library::open(config.onnxruntime_library.as_deref(), &config.root)?;
    let ready = load(config, &library, &folder)?;
    let version = ready.model().version;
    slot.store(std::sync::Arc::new(Slot::Ready(ready)));
    tracing::info!(%version, "model replaced");
    Ok(Some(version))
}

/// A loaded model, the fallback where the config allows it, or the error.
pub(crate) fn open<M>(
    config: &Config,
    model: &ModelConfig,
    name: &'static str,
    wanted: bool,
    load: Load<M>,
) -> Result<Slot<M>, Error> {
    if !wanted {
        return Ok(Slot::Off { warning: Warning::ModelDisabled, cause: "not opened in this process".to_owned() });
    }
    let (warning, cause) = if model.enabled {
        let library = Library::open(config.onnxruntime_library.as_deref(), &config.root)?;
        let folder = version_folder(&model.model_path)?;
        if let Some(found) = other_model(&folder, name) {
            let reason = format!("field 'models.{name}.model_path': {} holds the model {found:?}", folder.display());
            return Err(Error::Config { path: config.path.clone(), reason });
        }
        match load(config, &library, &folder) {
            Ok(ready) => return Ok(Slot::Ready(ready)),
            Err(error @ Error::Config { .. }) => return Err(error),
            Err(error) if !config.fallback => return Err(error),
            Err(error) => (Warning::ModelRefused, error.to_string()),
        }
    } else {
        (Warning::ModelDisabled, format!("switched off in {}", config.path.display()))
    };
    if config.fallback {
        tracing::warn!("fallback: {name} does not answer: {cause}");
    }
    Ok(Slot::Off { warning, cause })
}

pub(crate) fn load_signal(config: &Config, library: &Library, folder: &Path) -> Result<SignalModel, Error> {
    let (model, _) = Model::load_proven(library, folder, SIGNAL_CLASSIFIER, config.lanes, signal::check_contract)?;
    let limits = Limits::of(&model.manifest.inputs[0].columns);
    let novelty = model.manifest.novelty.as_ref().and_then(Novelty::of);
    Ok(SignalModel { model, limits, novelty })
}

pub(crate) fn load_volatility(config: &Config, library: &Library, folder: &Path) -> Result<VolatilityModel, Error> {
    let check = volatility::check_contract;
    let (model, _) = Model::load_proven(library, folder, VOLATILITY_PREDICTOR, config.lanes, check)?;
    let settings = Settings::of(&model.manifest)
        .map_err(|reason| Error::Artifact { path: folder.join("manifest.json"), reason })?;
    if !settings.horizons.contains(&config.prediction_horizon) {
        let reason = format!(
            "field 'models.volatility_predictor.prediction_horizon': is {}, the model forecasts {:?}",
            config.prediction_horizon, settings.horizons
        );
        return Err(Error::Config { path: config.path.clone(), reason });
    }
    Ok(VolatilityModel { model, settings })
}

/// Refuses a manifest that is not of the model this library was written for.
pub(crate) type Contract = fn(&Manifest) -> Result<(), String>;

/// The contract that a model of this name must keep.
pub(crate) fn contract_of(name: &str) -> Option<(&'static str, Contract)> {
    match name {
        SIGNAL_CLASSIFIER => Some((SIGNAL_CLASSIFIER, signal::check_contract)),
        VOLATILITY_PREDICTOR => Some((VOLATILITY_PREDICTOR, volatility::check_contract)),
        _ => None,
    }
}
