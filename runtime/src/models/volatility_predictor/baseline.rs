//! Simple forecasts beside the model's; `train/volatility_predictor/network/shipped_baselines.py` fits their coefficients and computes the same.

use serde::{Deserialize, Serialize};

/// The last so many known days whose means the autoregressions look at.
const AR_SPANS: [usize; 1] = [252];
const HAR_SPANS: [usize; 3] = [5, 22, 252];

/// What simple rules forecast for the average implied volatility, decimal per year: what the model has to beat.
///
/// All but persistence were fitted to the model's own training data; `None` when the fallback answered, and for an
/// artifact that does not bring them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// It stays as it is today.
    pub persistence: f64,
    /// An autoregression towards the mean of the last year.
    pub ar: Option<f64>,
    /// The heterogeneous autoregression (Corsi 2009): towards the means of a week, a month and a year.
    pub har: Option<f64>,
    /// The exponentially weighted mean of the days so far.
    pub ewma: Option<f64>,
}

impl Baseline {
    /// Persistence alone.
    pub(crate) fn persistence(current: f64) -> Self {
        Self { persistence: current, ar: None, har: None, ewma: None }
    }
}

/// `settings.baselines` of the manifest: one set of coefficients a horizon.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coefficients {
    ar: Vec<[f64; 1]>,
    har: Vec<[f64; 3]>,
    ewma: Vec<[f64; 1]>,
}

impl Coefficients {
    /// Refuses what does not fit the horizons, and a decay that is none.
    pub(crate) fn check(&self, horizons: usize) -> Result<(), String> {
        if [self.ar.len(), self.har.len(), self.ewma.len()] != [horizons; 3] {
            return Err(format!("field 'settings.baselines': each must have one entry a horizon, {horizons}"));
        }
        if !self.ewma.iter().flatten().all(|decay| (0.0..1.0).contains(decay)) {
            return Err("field 'settings.baselines.ewma': must lie in 0..1".to_owned());
        }
        Ok(())
    }

    /// What they say of horizon number `index` after the known days' average implied volatilities, newest last.
    pub(crate) fn forecast(&self, average_iv: &[f64], index: usize) -> Option<Baseline> {
        let current = *average_iv.last()?;
        let logs: Vec<f64> = average_iv.iter().map(|value| value.ln()).collect();
        Some(Baseline {
            persistence: current,
            ar: Some(regression(&logs, AR_SPANS, self.ar.get(index)?)?),
            har: Some(regression(&logs, HAR_SPANS, self.har.get(index)?)?),
            ewma: Some(faded(&logs, self.ewma.get(index)?[0])),
        })
    }
}

/// The newest day, moved towards the means over the spans.
fn regression<const N: usize>(logs: &[f64], spans: [usize; N], coefficients: &[f64; N]) -> Option<f64> {
    let newest = *logs.last()?;
    let moved: f64 = spans
        .iter()
        .zip(coefficients)
        .map(|(&span, coefficient)| {
            let days = &logs[logs.len().saturating_sub(span)..];
            coefficient * (mean(days.iter().map(|&log| (log, 1.0))) - newest)
        })
        .sum();
    Some((newest + moved).exp())
}

fn faded(logs: &[f64], decay: f64) -> f64 {
    let weights = std::iter::successors(Some(1.0), |weight| Some(weight * decay));
    mean(logs.iter().rev().copied().zip(weights)).exp()
}

fn mean(weighted: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (total, weights) =
        weighted.fold((0.0, 0.0), |(total, weights), (value, weight)| (total + value * weight, weights + weight));
    total / weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coefficients() -> Coefficients {
        Coefficients { ar: vec![[0.1]], har: vec![[0.2, 0.1, 0.05]], ewma: vec![[0.5]] }
    }

    #[test]
    fn a_series_that_stands_still_is_forecast_to_stand_still() {
        let found = coefficients().forecast(&[0.2; 30], 0).unwrap();
        for value in [found.ar, found.har, found.ewma] {
            assert!((value.unwrap() / 0.2 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_formulas_by_hand() {
        let found = coefficients().forecast(&[0.2, 0.4], 0).unwrap();
        // The means over all spans are those of the two days: the middle of the logs.
        let half = 0.5_f64.ln() / 2.0;
        assert!((found.ar.unwrap() - 0.4 * (0.1 * half).exp()).abs() < 1e-15);
        assert!((found.har.unwrap() - 0.4 * (0.35 * half).exp()).abs() < 1e-15);
        assert!((found.ewma.unwrap() - 0.4 * (0.5_f64.ln() / 3.0).exp()).abs() < 1e-15);
        assert_eq!(found.persistence.to_bits(), 0.4_f64.to_bits());
    }

    #[test]
    fn coefficients_that_do_not_fit_are_refused() {
        assert_eq!(coefficients().check(1), Ok(()));
        assert!(coefficients().check(3).unwrap_err().contains("one entry a horizon"));
        let wild = Coefficients { ewma: vec![[1.0]], ..coefficients() };
        assert!(wild.check(1).unwrap_err().contains("settings.baselines.ewma"));
    }
}
