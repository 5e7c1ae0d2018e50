//! Volatility forecasts: from daily features to the answer that the engine prints.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Coefficients};
use crate::error::Error;
use crate::forecast_surface::{CELLS, ForecastSurface};
use crate::json;
use crate::manifest::{Column, Manifest, Version};
use crate::model::Model;
use crate::signal::Source;
use crate::surface::{DAILY_FEATURES, GRID_MONEYNESS, GRID_TENOR_DAYS, N_DAILY, SurfaceDay};

/// Where the average implied volatility stands among the daily features.
const AVERAGE_IV: usize = 0;
/// The daily features beside it that tell the shape of the surface.
const SHAPE: std::ops::Range<usize> = 1..5;
/// The outputs of the graph with one number a horizon, in order; the surface follows them.
const OUTPUTS: [&str; 3] = ["predicted", "lower", "upper"];
const SURFACE: &str = "surface";
const MAX_WINDOW: usize = 1024;

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

    fn baseline(&self, average_iv: &[f64], index: usize) -> Option<Baseline> {
        let simple = self.baselines.as_ref().and_then(|coefficients| coefficients.forecast(average_iv, index));
        simple.or_else(|| average_iv.last().map(|&current| Baseline::persistence(current)))
    }

    /// A model that lost to a simple rule on unseen data says so with every forecast.
    fn beaten(&self, horizon: u32) -> Option<String> {
        let index = self.horizons.iter().position(|&days| days == horizon)?;
        let winner = self.beaten_by.as_ref()?.get(index)?.as_ref()?;
        Some(format!("{winner} forecast unseen data better than this model, {horizon} days ahead"))
    }
}

/// Holds the manifest against the daily features and the outputs that this library was written for.
pub(crate) fn check_contract(manifest: &Manifest) -> Result<(), String> {
    let settings = Settings::of(manifest)?;
    let input = &manifest.inputs[0];
    let shape = [settings.window_days, N_DAILY];
    if input.name != "history" || input.row_shape() != shape {
        return Err(format!("field 'inputs[0]': must be 'history', batch x {shape:?}; use the runtime that fits"));
    }
    let names: Vec<_> = input.columns.iter().map(|column| column.name.as_str()).collect();
    if names != DAILY_FEATURES {
        return Err(format!("field 'inputs[0].columns': is {names:?}, this runtime computes {DAILY_FEATURES:?}"));
    }
    let count = settings.horizons.len();
    let grid = vec![count, GRID_TENOR_DAYS.len(), GRID_MONEYNESS.len()];
    let found: Vec<_> = manifest.outputs.iter().map(|output| (output.name.as_str(), output.row_shape())).collect();
    let wanted: Vec<_> = OUTPUTS.iter().map(|name| (*name, vec![count])).chain([(SURFACE, grid.clone())]).collect();
    if found != wanted {
        return Err(format!(
            "field 'outputs': must be {OUTPUTS:?}, each batch x {count}, and '{SURFACE}', batch x {grid:?}; export again"
        ));
    }
    Ok(())
}

/// The days whose average implied volatility is known, oldest first.
pub(crate) fn known_days(days: &[SurfaceDay]) -> Vec<&SurfaceDay> {
    days.iter().filter(|day| day.features[AVERAGE_IV].is_finite()).collect()
}

/// The forecast of persistence: every horizon is like today. Needs at least one known day.
pub(crate) fn persistence(known: &[&SurfaceDay], horizon: u32, cause: String) -> Option<VolatilityForecast> {
    let current = known.last()?.features[AVERAGE_IV];
    let baseline = Baseline::persistence(current);
    let horizons = vec![HorizonForecast { days: horizon, predicted: current, lower: None, upper: None, baseline }];
    Some(answer(known, horizon, horizons, None, vec![cause]))
}

/// The model's forecast for the days; at least `minimum_days` of them must be known.
pub(crate) fn forecast(
    model: &Model,
    settings: &Settings,
    known: &[&SurfaceDay],
    horizon: u32,
) -> Result<VolatilityForecast, String> {
    let window = &known[known.len().saturating_sub(settings.window_days)..];
    let columns = &model.manifest.inputs[0].columns;
    check_limits(window, columns)?;
    // Days before the first known one are missing.
    let mut row = vec![f64::NAN; (settings.window_days - window.len()) * N_DAILY];
    row.extend(window.iter().flat_map(|day| day.features));
    let count = settings.horizons.len();
    let mut numbers = vec![0.0; (OUTPUTS.len() + CELLS) * count];
    model.run_one(&row, &mut numbers).map_err(|error| error.to_string())?;
    let average_iv: Vec<f64> = window.iter().map(|day| day.features[AVERAGE_IV]).collect();
    let mut horizons = Vec::with_capacity(count);
    for (index, &days) in settings.horizons.iter().enumerate() {
        let [predicted, lower, upper] = [numbers[index], numbers[count + index], numbers[2 * count + index]];
        if !(predicted > 0.0 && predicted.is_finite() && lower <= predicted && predicted <= upper) {
            return Err(format!("the model answered {predicted} within {lower}..{upper} for {days} days ahead"));
        }
        let baseline = settings.baseline(&average_iv, index).ok_or("no day is known")?;
        horizons.push(HorizonForecast { days, predicted, lower: Some(lower), upper: Some(upper), baseline });
    }
    let newest = &window[window.len().saturating_sub(settings.minimum_days)..];
    let unseen = newest.iter().all(|day| day.features[SHAPE].iter().all(|value| value.is_nan()));
    let surface = ForecastSurface::new(&settings.horizons, &numbers[OUTPUTS.len() * count..], unseen)?;
    let mut warnings = window.last().map(|day| outside_training(day, columns)).unwrap_or_default();
    warnings.extend(settings.beaten(horizon));
    let found = answer(known, horizon, horizons, Some(model.version), warnings);
    Ok(VolatilityForecast { surface: Some(surface), ..found })
}

/// A feature beyond the contract's limits can only be a mistake of unit or file: the model does not see it.
fn check_limits(window: &[&SurfaceDay], columns: &[Column]) -> Result<(), String> {
    for day in window {
        for (value, column) in day.features.iter().zip(columns) {
            if !value.is_nan() && !(column.minimum..=column.maximum).contains(value) {
                let date = day.date.map(|date| date.to_string()).unwrap_or_default();
                let Column { name, minimum, maximum, .. } = column;
                return Err(format!("{} {date}: {name} is {value}, must lie in {minimum}..{maximum}", day.symbol));
            }
        }
    }
    Ok(())
}

fn outside_training(day: &SurfaceDay, columns: &[Column]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (value, column) in day.features.iter().zip(columns) {
        if let (Some(low), Some(high)) = (column.trained_minimum, column.trained_maximum)
            && (*value < low || *value > high)
        {
            warnings.push(format!("{} is {value}, training saw {low}..{high}", column.name));
        }
    }
    warnings
}

fn answer(
    known: &[&SurfaceDay],
    horizon: u32,
    horizons: Vec<HorizonForecast>,
    model_version: Option<Version>,
    warnings: Vec<String>,
) -> VolatilityForecast {
    let last = known.last();
    let features = last.map_or([f64::NAN; N_DAILY], |day| day.features);
    let current = features[AVERAGE_IV];
    let chosen = horizons.iter().find(|entry| entry.days == horizon);
    let predicted = chosen.map_or(current, |entry| entry.predicted);
    let baseline = chosen.map_or(Baseline::persistence(current), |entry| entry.baseline);
    VolatilityForecast {
        symbol: last.map(|day| day.symbol.clone()).unwrap_or_default(),
        date: last.and_then(|day| day.date),
        current_avg_iv: current,
        predicted_avg_iv: predicted,
        change_percent: (predicted - current) / current * 100.0,
        direction: if predicted > current { Direction::Up } else { Direction::Down },
        horizon,
        horizons,
        features: DAILY_FEATURES.into_iter().zip(features.map(|value| value.is_finite().then_some(value))).collect(),
        surface: None,
        baseline,
        known_days: known.len(),
        source: if model_version.is_some() { Source::Model } else { Source::Fallback },
        model_version,
        warnings,
    }
}

/// The error for too few known days.
pub(crate) fn too_few(place: String, needed: usize, known: usize, todo: String) -> Error {
    Error::Days { place, needed, known, todo }
}
