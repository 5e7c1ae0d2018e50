//! `novelty` of a manifest: what the joint novelty of an input row is measured against.

use serde::Deserialize;

/// `novelty` of a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoveltyEntry {
    pub(crate) scale: Vec<f64>,
    pub(crate) centre: Vec<f64>,
    pub(crate) whitening: Vec<Vec<f64>>,
    pub(crate) threshold: f64,
}

impl NoveltyEntry {
    /// Whether a row of its width lies farther from the training rows than 99.9 % of themselves.
    pub(crate) fn is_novel(&self, row: &[f64]) -> bool {
        let bent: Vec<f64> = row
            .iter()
            .zip(self.scale.iter().zip(&self.centre))
            .map(|(value, (scale, centre))| (value / scale).asinh() - centre)
            .collect();
        let lengths = self.whitening.iter().map(|weights| weights.iter().zip(&bent).map(|(w, y)| w * y).sum::<f64>());
        lengths.map(|length| length * length).sum::<f64>() > self.threshold
    }

    /// Whether it goes with an input of this row shape; the error names the field.
    pub(crate) fn check(&self, row_shape: &[usize]) -> Result<(), String> {
        let width = self.scale.len();
        if row_shape != [width] {
            return Err(format!("field 'novelty.scale': has {width} numbers, a row has the shape {row_shape:?}"));
        }
        if self.scale.iter().any(|scale| *scale <= 0.0) {
            return Err("field 'novelty.scale': must hold numbers above 0".to_owned());
        }
        if self.centre.len() != width {
            return Err(format!("field 'novelty.centre': must hold {width} numbers, holds {}", self.centre.len()));
        }
        if self.whitening.len() != width || !self.whitening.iter().zip(1..).all(|(row, length)| row.len() == length) {
            return Err(format!("field 'novelty.whitening': must hold {width} rows of 1 to {width} numbers"));
        }
        if self.threshold <= 0.0 {
            return Err("field 'novelty.threshold': must be above 0".to_owned());
        }
        Ok(())
    }
}
