//! Joint novelty: values that are each within the range of training, but together unlike it.
//!
//! The formula is the artifact format's (`artifacts/README.md`): with y = asinh(x / scale), the squared Mahalanobis
//! distance |W (y - centre)|^2, W being lower triangular. `train/core/novelty.py` measures it and says where it comes from.

use crate::artifact::novelty::{NoveltyEntry, asinh};
use crate::models::signal_classifier::keys::N_FIELDS;

/// The same for a signal, without a heap.
#[derive(Debug, Clone)]
pub(crate) struct Novelty {
    scale: [f64; N_FIELDS],
    centre: [f64; N_FIELDS],
    whitening: [[f64; N_FIELDS]; N_FIELDS],
    threshold: f64,
}

impl Novelty {
    /// From a checked entry of a signal's width; `None` for another width.
    pub(crate) fn of(entry: &NoveltyEntry) -> Option<Self> {
        let mut whitening = [[0.0; N_FIELDS]; N_FIELDS];
        for (row, given) in whitening.iter_mut().zip(&entry.whitening) {
            row.get_mut(..given.len())?.copy_from_slice(given);
        }
        Some(Self {
            scale: entry.scale.as_slice().try_into().ok()?,
            centre: entry.centre.as_slice().try_into().ok()?,
            whitening,
            threshold: entry.threshold,
        })
    }

    /// Whether the row lies farther from the training rows than 99.9 % of themselves.
    pub(crate) fn is_novel(&self, row: &[f64; N_FIELDS]) -> bool {
        self.squared_distance(row) > self.threshold
    }

    fn squared_distance(&self, row: &[f64; N_FIELDS]) -> f64 {
        let mut bent = [0.0; N_FIELDS];
        for (index, bent) in bent.iter_mut().enumerate() {
            *bent = asinh(row[index] / self.scale[index]) - self.centre[index];
        }
        let lengths = self.whitening.iter().map(|weights| weights.iter().zip(&bent).map(|(w, y)| w * y).sum::<f64>());
        lengths.map(|length| length * length).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Written by `tests/data/make_novelty.py`: the distances come from NumPy, by the inverse of the covariance.
    #[test]
    fn distances_are_those_of_python() {
        #[derive(Deserialize)]
        struct Cases {
            novelty: NoveltyEntry,
            rows: Vec<[f64; N_FIELDS]>,
            squared_distances: Vec<f64>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/novelty.json");
        let cases: Cases = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        cases.novelty.check(&[N_FIELDS]).unwrap();
        let novelty = Novelty::of(&cases.novelty).unwrap();
        let novel = cases.rows.iter().filter(|row| novelty.is_novel(row)).count();
        assert!(novel > 0 && novel < cases.rows.len());
        for (row, expected) in cases.rows.iter().zip(cases.squared_distances) {
            let found = novelty.squared_distance(row);
            assert!((found - expected).abs() <= 1e-9 * expected.max(1.0), "{row:?}: {found}, not {expected}");
        }
    }
}
