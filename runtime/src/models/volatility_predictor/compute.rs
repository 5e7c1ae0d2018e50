//! From daily features to a forecast: the model's, or that of persistence.

use crate::artifact::tensor::Column;
use crate::artifact::version::Version;
use crate::engine::loaded::Engine;
use crate::error::Error;
use crate::models::volatility_predictor::baseline::Baseline;
use crate::models::volatility_predictor::contract::{OUTPUTS, Settings};
use crate::models::volatility_predictor::forecast::{Direction, HorizonForecast, VolatilityForecast};
use crate::models::volatility_predictor::forecast_surface::{CELLS, ForecastSurface};
use crate::service::source::Source;
use crate::surface::day::{DAILY_FEATURES, N_DAILY, SurfaceDay};

/// Where the average implied volatility stands among the daily features.
const AVERAGE_IV: usize = 0;
/// The daily features beside it that tell the shape of the surface.
const SHAPE: std::ops::Range<usize> = 1..5;

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

/// A fake's forecast: `change_percent` from the newest day. Needs at least one known day.
pub(crate) fn fake(known: &[&SurfaceDay], horizon: u32, change_percent: f64) -> Option<VolatilityForecast> {
    let current = known.last()?.features[AVERAGE_IV];
    let (predicted, baseline) = (current * (1.0 + change_percent / 100.0), Baseline::persistence(current));
    let horizons = vec![HorizonForecast { days: horizon, predicted, lower: None, upper: None, baseline }];
    let warnings = vec!["fake: a fixed answer for tests".to_owned()];
    Some(answer(known, horizon, horizons, Some(Version::FAKE), warnings))
}

/// The model's forecast for the days; at least `minimum_days` of them must be known.
pub(crate) fn forecast(
    engine: &Engine,
    settings: &Settings,
    known: &[&SurfaceDay],
    horizon: u32,
) -> Result<VolatilityForecast, String> {
    let window = &known[known.len().saturating_sub(settings.window_days)..];
    let columns = &engine.manifest.inputs[0].columns;
    check_limits(window, columns)?;
    let row = newest_row(settings, window);
    let count = settings.horizons.len();
    let mut numbers = vec![0.0; (OUTPUTS.len() + CELLS) * count];
    engine.run_one(&row, &mut numbers).map_err(|error| error.to_string())?;
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
    let found = answer(known, horizon, horizons, Some(engine.version), warnings);
    Ok(VolatilityForecast { surface: Some(surface), engine: Some(engine.kind()), ..found })
}

/// The window as a row of the graph's input; days before the first known one are missing.
pub(crate) fn newest_row(settings: &Settings, window: &[&SurfaceDay]) -> Vec<f64> {
    let mut row = vec![f64::NAN; (settings.window_days - window.len()) * N_DAILY];
    row.extend(window.iter().flat_map(|day| day.features));
    row
}

/// A feature beyond the contract's limits can only be a mistake of unit or file: the model does not see it.
pub(crate) fn check_limits(window: &[&SurfaceDay], columns: &[Column]) -> Result<(), String> {
    for day in window {
        for (value, column) in day.features.iter().zip(columns) {
            let minimum = column.minimum.unwrap_or(f64::NEG_INFINITY);
            let maximum = column.maximum.unwrap_or(f64::INFINITY);
            if !value.is_nan() && !(minimum..=maximum).contains(value) {
                let date = day.date.map(|date| date.to_string()).unwrap_or_default();
                let name = &column.name;
                return Err(format!("{} {date}: {name} is {value}, must lie in {minimum}..{maximum}", day.symbol));
            }
        }
    }
    Ok(())
}

fn outside_training(day: &SurfaceDay, columns: &[Column]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (value, column) in day.features.iter().zip(columns) {
        let trained = column.trained_minimum.zip(column.trained_maximum);
        if let Some((low, high)) = trained.filter(|(low, high)| value < low || value > high) {
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
        engine: None,
        notes: Vec::new(),
        warnings,
    }
}

/// The error for too few known days.
pub(crate) fn too_few(place: String, needed: usize, known: usize, todo: String) -> Error {
    Error::Days { place, needed, known, todo }
}
