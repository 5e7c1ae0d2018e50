//! What a manifest must say to be served as the volatility predictor, and the settings that it brings.

use serde::Deserialize;

use crate::artifact::array::Dtype;
use crate::artifact::manifest::Manifest;
use crate::io::json;
use crate::models::volatility_predictor::baseline::{Baseline, Coefficients};
use crate::surface::day::{DAILY_FEATURES, N_DAILY};
use crate::surface::features::{NODES as GRID_MONEYNESS, TENOR_DAYS as GRID_TENOR_DAYS};

/// The outputs of the graph with one number a horizon, in order; the surface follows them.
pub(crate) const OUTPUTS: [&str; 3] = ["predicted", "lower", "upper"];
const SURFACE: &str = "surface";
const MAX_WINDOW: usize = 1024;

/// `settings` of the volatility predictor's manifest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) window_days: usize,
    pub(crate) minimum_days: usize,
    pub(crate) horizons: Vec<u32>,
    tenor_days: Vec<u32>,
    moneyness: Vec<f64>,
    /// Coefficients of the simple forecasts that are given beside the model's.
    baselines: Option<Coefficients>,
    /// For each horizon the rule that forecast unseen data better than the model, if one did.
    beaten_by: Option<Vec<Option<String>>>,
}

impl Settings {
    pub(crate) fn of(manifest: &Manifest) -> Result<Self, String> {
        let settings: Self =
            json::typed(manifest.settings.clone()).map_err(|reason| format!("field 'settings': {reason}"))?;
        if !(1..=MAX_WINDOW).contains(&settings.window_days) {
            return Err(format!("field 'settings.window_days': must lie in 1..{MAX_WINDOW}"));
        }
        if !(1..=settings.window_days).contains(&settings.minimum_days) {
            return Err("field 'settings.minimum_days': must lie in 1..window_days".to_owned());
        }
        if settings.horizons.is_empty() || !settings.horizons.is_sorted_by(|a, b| a < b) || settings.horizons[0] == 0 {
            return Err("field 'settings.horizons': must rise from 1 or more".to_owned());
        }
        if settings.tenor_days != GRID_TENOR_DAYS {
            return Err(format!("field 'settings.tenor_days': must be {GRID_TENOR_DAYS:?}; use the runtime that fits"));
        }
        if settings.moneyness != GRID_MONEYNESS {
            return Err(format!("field 'settings.moneyness': must be {GRID_MONEYNESS:?}; use the runtime that fits"));
        }
        if let Some(baselines) = &settings.baselines {
            baselines.check(settings.horizons.len())?;
        }
        if settings.beaten_by.as_ref().is_some_and(|names| names.len() != settings.horizons.len()) {
            return Err("field 'settings.beaten_by': must have one entry a horizon".to_owned());
        }
        Ok(settings)
    }

    pub(crate) fn baseline(&self, average_iv: &[f64], index: usize) -> Option<Baseline> {
        let simple = self.baselines.as_ref().and_then(|coefficients| coefficients.forecast(average_iv, index));
        simple.or_else(|| average_iv.last().map(|&current| Baseline::persistence(current)))
    }

    /// A model that lost to a simple rule on unseen data says so with every forecast.
    pub(crate) fn beaten(&self, horizon: u32) -> Option<String> {
        let index = self.horizons.iter().position(|&days| days == horizon)?;
        let winner = self.beaten_by.as_ref()?.get(index)?.as_ref()?;
        Some(format!("{winner} forecast unseen data better than this model, {horizon} days ahead"))
    }
}

/// Holds the manifest against the daily features and the outputs that this library was written for.
pub(crate) fn check_contract(manifest: &Manifest) -> Result<(), String> {
    let settings = Settings::of(manifest)?;
    let [input] = manifest.inputs.as_slice() else {
        return Err("field 'inputs': must list one tensor, 'history'".to_owned());
    };
    for (side, tensors) in [("inputs", &manifest.inputs), ("outputs", &manifest.outputs)] {
        if let Some(index) = tensors.iter().position(|tensor| tensor.dtype != Dtype::Float64) {
            let found = tensors[index].dtype;
            return Err(format!(
                "field '{side}[{index}].dtype': must be \"float64\" for this model, found \"{found}\""
            ));
        }
    }
    let shape = [settings.window_days, N_DAILY];
    if input.name != "history" || input.fixed_row_shape().as_deref() != Some(&shape) {
        return Err(format!("field 'inputs[0]': must be 'history', batch x {shape:?}; use the runtime that fits"));
    }
    let names: Vec<_> = input.columns.iter().map(|column| column.name.as_str()).collect();
    if names != DAILY_FEATURES {
        return Err(format!("field 'inputs[0].columns': is {names:?}, this runtime computes {DAILY_FEATURES:?}"));
    }
    let count = settings.horizons.len();
    let grid = vec![count, GRID_TENOR_DAYS.len(), GRID_MONEYNESS.len()];
    let found: Vec<_> =
        manifest.outputs.iter().map(|output| (output.name.as_str(), output.fixed_row_shape())).collect();
    let wanted: Vec<_> =
        OUTPUTS.iter().map(|name| (*name, Some(vec![count]))).chain([(SURFACE, Some(grid.clone()))]).collect();
    if found != wanted {
        return Err(format!(
            "field 'outputs': must be {OUTPUTS:?}, each batch x {count}, and '{SURFACE}', batch x {grid:?}; export again"
        ));
    }
    Ok(())
}
