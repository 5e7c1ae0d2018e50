//! The model on a symbol's own days, beside the simple rules of the same answer: a warning where one of them did better.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;

use crate::artifact::version::Version;
use crate::engine::loaded::Engine;
use crate::models::volatility_predictor::baseline::Baseline;
use crate::models::volatility_predictor::compute::{check_limits, newest_row};
use crate::models::volatility_predictor::contract::{OUTPUTS, Settings};
use crate::models::volatility_predictor::forecast_surface::CELLS;
use crate::surface::day::SurfaceDay;

/// Of so many of the newest days whose outcome is known some are forecast again, evenly spread: a run of milliseconds.
const LOOKED_AT: usize = 252;
const MOST: usize = 63;
/// Fewer say nothing.
const LEAST: usize = 30;
/// A rule whose squared error is smaller by less than this share is as good as the model.
const LESS: f64 = 0.01;
/// Symbols that are remembered; an engine that asks for more scores some of them anew.
const REMEMBERED: usize = 4096;

/// What was found last, by symbol: valid for one version and one newest day, so that no symbol is scored twice a day.
#[derive(Default)]
pub(crate) struct Scores {
    found: Mutex<BTreeMap<String, Found>>,
}

struct Found {
    version: Version,
    newest: Date,
    warning: Option<String>,
}

impl Scores {
    /// The warning for the newest of the `known` days, oldest first, all of one symbol.
    pub(crate) fn warning(
        &self,
        engine: &Engine,
        settings: &Settings,
        known: &[&SurfaceDay],
        horizon: u32,
    ) -> Option<String> {
        let last = known.last()?;
        let newest = last.date?;
        let version = engine.version;
        {
            let kept = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            let same = kept.get(&last.symbol).filter(|found| found.version == version && found.newest == newest);
            if let Some(found) = same {
                return found.warning.clone();
            }
        }
        let warning = score(engine, settings, known, horizon);
        let mut kept = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REMEMBERED {
            kept.clear();
        }
        kept.insert(last.symbol.clone(), Found { version, newest, warning: warning.clone() });
        warning
    }
}

/// Squared errors of the model and of the rules, each forecast from the days before and its own alone.
fn score(engine: &Engine, settings: &Settings, known: &[&SurfaceDay], horizon: u32) -> Option<String> {
    let index = settings.horizons.iter().position(|&days| days == horizon)?;
    let ahead = usize::try_from(horizon).ok()?;
    let origins = origins(known.len(), settings.minimum_days, ahead);
    if origins.len() < LEAST {
        return None;
    }
    let average_iv: Vec<f64> = known.iter().map(|day| day.features[0]).collect();
    let mut rows = Vec::new();
    for &origin in &origins {
        let window = &known[(origin + 1).saturating_sub(settings.window_days)..=origin];
        check_limits(window, &engine.manifest.inputs[0].columns).ok()?;
        rows.extend(newest_row(settings, window));
    }
    let width = (OUTPUTS.len() + CELLS) * settings.horizons.len();
    let mut answers = vec![0.0; width * origins.len()];
    engine.run(&rows, &mut answers).ok()?;

    let (mut own, mut rules) = (0.0, [Some(0.0); 4]);
    for (&origin, answer) in origins.iter().zip(answers.chunks(width)) {
        let came = average_iv[origin + ahead];
        let days = &average_iv[(origin + 1).saturating_sub(settings.window_days)..=origin];
        own += (answer[index] - came).powi(2);
        let said = named(settings.baseline(days, index)?);
        for (total, (_, said)) in rules.iter_mut().zip(said) {
            *total = total.zip(said).map(|(total, said)| total + (said - came).powi(2));
        }
    }
    let names = named(Baseline::persistence(0.0)).map(|(name, _)| name);
    let (name, lowest) = names
        .into_iter()
        .zip(rules)
        .filter_map(|(name, total)| Some((name, total?)))
        .min_by(|one, other| one.1.total_cmp(&other.1))?;
    let [first, last] = [origins.first()?, origins.last()?].map(|&origin| known[origin].date);
    (lowest < own * (1.0 - LESS)).then(|| {
        format!(
            "{name} did better than the model on {} of this symbol's own days, {} to {}, {horizon} days ahead: squared error {:.1} % less",
            origins.len(),
            first.map_or_else(String::new, |date| date.to_string()),
            last.map_or_else(String::new, |date| date.to_string()),
            100.0 * (1.0 - lowest / own),
        )
    })
}

/// Numbers of the days to forecast again: the newest whose outcome is known, evenly spread, oldest first.
fn origins(known: usize, minimum_days: usize, ahead: usize) -> Vec<usize> {
    let stop = known.saturating_sub(ahead);
    let first = stop.saturating_sub(LOOKED_AT).max(minimum_days.saturating_sub(1));
    let apart = stop.saturating_sub(first).div_ceil(MOST).max(1);
    let mut found: Vec<usize> = (first..stop).rev().step_by(apart).collect();
    found.reverse();
    found
}

fn named(said: Baseline) -> [(&'static str, Option<f64>); 4] {
    [("no change", Some(said.persistence)), ("AR", said.ar), ("HAR", said.har), ("EWMA", said.ewma)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_scored_has_its_history_and_its_outcome() {
        for known in 0..700 {
            for ahead in [1, 5, 21] {
                let found = origins(known, 10, ahead);
                assert!(found.len() <= MOST, "{known} {ahead}");
                assert!(found.iter().all(|&day| day >= 9 && day + ahead < known), "{known} {ahead}");
                assert!(found.is_sorted_by(|a, b| a < b));
                assert_eq!(found.is_empty(), known < 10 + ahead);
                assert!(found.last().is_none_or(|&day| day + ahead + 1 == known), "the newest counts");
            }
        }
        assert_eq!(origins(600, 10, 1).len(), MOST);
    }
}
