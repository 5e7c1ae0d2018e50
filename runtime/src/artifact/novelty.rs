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
            .map(|(value, (scale, centre))| asinh(value / scale) - centre)
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

/// The inverse of the hyperbolic sine, to 2e-16 of 1 or of itself, whichever is more, and the same on every machine.
///
/// That of std is exact near 0, too, where a centre is taken off it anyway, in three times the time.
pub(crate) fn asinh(x: f64) -> f64 {
    let size = x.abs();
    // The square of a large number is infinite, and the 1 is no part of it any more.
    let grown = if size > 1e8 { 2.0 * size } else { size + (size * size + 1.0).sqrt() };
    let bent = if grown.is_infinite() { libm::log(size) + std::f64::consts::LN_2 } else { libm::log(grown) };
    if x < 0.0 { -bent } else { bent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bent_value_is_that_of_std_at_every_size() {
        for exponent in -320..=308 {
            for digits in ["1", "-1", "1.7"] {
                let x: f64 = format!("{digits}e{exponent}").parse().unwrap();
                let (found, expected) = (asinh(x), x.asinh());
                assert!((found - expected).abs() <= 4e-16 * expected.abs().max(1.0), "{x}: {found}, not {expected}");
            }
        }
        assert_eq!([asinh(0.0), asinh(f64::INFINITY), asinh(-f64::INFINITY)], [0.0, f64::INFINITY, -f64::INFINITY]);
        assert!(asinh(f64::NAN).is_nan());
    }
}
