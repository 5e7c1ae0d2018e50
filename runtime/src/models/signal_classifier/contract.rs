//! What a signal may hold, and what a manifest must say to be served as the signal classifier.

use crate::artifact::array::Dtype;
use crate::artifact::manifest::Manifest;
use crate::artifact::tensor::{Column, TensorSpec};
use crate::error::Error;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_CLASSIFIER, SIGNAL_FIELDS};
use crate::models::signal_classifier::signal::TradeSignal;

/// The inclusive limits of one field, and the range that training saw of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    minimum: f64,
    maximum: f64,
    trained: Option<(f64, f64)>,
}

/// The limits of all fields: the manifest's once a model is loaded, the contract's before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits([Limit; N_FIELDS]);

/// Unit, minimum, maximum, whole: what `train/signal_classifier/contract.py` says, for the time when no manifest is loaded.
const CONTRACT: [(&str, f64, f64, bool); N_FIELDS] = [
    ("percent", -100.0, 1e6, false),
    ("per $1 of spot", -1.0, 1.0, false),
    ("per $1 of spot", 0.0, 1e4, false),
    ("$ per 1.00 of volatility", 0.0, 1e7, false),
    ("$ per year", -1e8, 1e8, false),
    ("contracts", 0.0, 1e12, true),
    ("contracts", 0.0, 1e12, true),
    ("calendar days", 0.0, 3650.0, true),
];

impl Limits {
    pub(crate) fn contract() -> Self {
        Self(CONTRACT.map(|(_, minimum, maximum, _)| Limit { minimum, maximum, trained: None }))
    }

    pub(crate) fn of(columns: &[Column]) -> Self {
        let mut limits = Self::contract();
        for (limit, column) in limits.0.iter_mut().zip(columns) {
            let trained = column.trained_minimum.zip(column.trained_maximum);
            let (minimum, maximum) = (column.minimum.unwrap_or(limit.minimum), column.maximum.unwrap_or(limit.maximum));
            *limit = Limit { minimum, maximum, trained };
        }
        limits
    }

    /// The features of a signal if all are finite and within the limits.
    pub(crate) fn check(&self, signal: &TradeSignal) -> Result<[f64; N_FIELDS], Error> {
        let values = signal.features();
        for (index, &value) in values.iter().enumerate() {
            self.check_value(index, value).map_err(|reason| Error::Signal { place: "signal".to_owned(), reason })?;
        }
        Ok(values)
    }

    pub(crate) fn check_value(&self, index: usize, value: f64) -> Result<(), String> {
        let (Limit { minimum, maximum, .. }, (unit, _, _, whole)) = (self.0[index], CONTRACT[index]);
        // NaN and the infinities fail the first test too.
        if (minimum..=maximum).contains(&value) && (!whole || value.fract() == 0.0) {
            return Ok(());
        }
        let name = SIGNAL_FIELDS[index];
        Err(if !value.is_finite() {
            format!("field '{name}' must be finite, found {value}")
        } else if !(minimum..=maximum).contains(&value) {
            format!("field '{name}' must lie in {minimum}..{maximum} {unit}, found {value}")
        } else {
            format!("field '{name}' must be a whole number, found {value}")
        })
    }

    /// Which features lie outside the range seen in training, one bit each.
    pub(crate) fn outside(&self, values: &[f64; N_FIELDS]) -> u16 {
        let mut bits = 0;
        for (index, (limit, value)) in self.0.iter().zip(values).enumerate() {
            if limit.trained.is_some_and(|(low, high)| *value < low || *value > high) {
                bits |= 1 << index;
            }
        }
        bits
    }
}

/// The unit of a field, for a message.
pub(crate) fn unit_of(index: usize) -> &'static str {
    CONTRACT[index].0
}

/// Holds the manifest's columns against the signal that this library was written for.
pub(crate) fn check_contract(manifest: &Manifest) -> Result<(), String> {
    let [input] = manifest.inputs.as_slice() else {
        return Err("field 'inputs': must list one tensor, 'features'".to_owned());
    };
    check_dtype("inputs[0]", input)?;
    if input.name != "features" || input.fixed_row_shape().as_deref() != Some(&[N_FIELDS]) {
        return Err(format!("field 'inputs[0]': must be 'features', batch x {N_FIELDS}; use the runtime that fits"));
    }
    if input.columns.len() != N_FIELDS {
        return Err(format!("field 'inputs[0].columns': must list {N_FIELDS}, found {}", input.columns.len()));
    }
    for (index, column) in input.columns.iter().enumerate() {
        let (unit, minimum, maximum, whole) = CONTRACT[index];
        let expected = (SIGNAL_FIELDS[index], Some(unit), whole, false);
        if (column.name.as_str(), column.unit.as_deref(), column.integer, column.missing) != expected {
            return Err(format!(
                "field 'inputs[0].columns[{index}]': is {:?} in {:?}, this runtime serves {:?} in {unit:?}",
                column.name,
                column.unit.as_deref().unwrap_or("no unit"),
                SIGNAL_FIELDS[index]
            ));
        }
        // A narrower range is fine; a wider one would not fit the types of `TradeSignal`.
        if column.minimum.is_none_or(|found| found < minimum) || column.maximum.is_none_or(|found| found > maximum) {
            return Err(format!("field 'inputs[0].columns[{index}]': limits wider than {minimum}..{maximum}"));
        }
    }
    let [output] = manifest.outputs.as_slice() else {
        return Err("field 'outputs': must list one tensor, 'confidence'".to_owned());
    };
    check_dtype("outputs[0]", output)?;
    if output.name != "confidence" || output.fixed_row_shape().is_none_or(|shape| !shape.is_empty()) {
        return Err("field 'outputs[0]': must be 'confidence', batch".to_owned());
    }
    if manifest.settings.as_object().is_none_or(|settings| !settings.is_empty()) {
        return Err("field 'settings': must be {} for this model".to_owned());
    }
    Ok(())
}

fn check_dtype(field: &str, tensor: &TensorSpec) -> Result<(), String> {
    if tensor.dtype == Dtype::Float64 {
        return Ok(());
    }
    Err(format!("field '{field}.dtype': must be \"float64\" for this model, found \"{}\"", tensor.dtype))
}

#[cfg(feature = "files")]
impl TradeSignal {
    /// The signal of values that are within the contract's limits.
    pub(crate) fn within_limits(values: [f64; N_FIELDS]) -> Option<Self> {
        let limits = Limits::contract();
        let fit = values.iter().enumerate().all(|(index, value)| limits.check_value(index, *value).is_ok());
        fit.then(|| Self::from_features(values))
    }
}

/// The answer of a model, if it is a probability.
pub(crate) fn probability(answer: f64) -> Result<f64, Error> {
    if (0.0..=1.0).contains(&answer) {
        Ok(answer)
    } else {
        Err(Error::Run {
            model: SIGNAL_CLASSIFIER.to_owned(),
            reason: format!("it answered {answer}, which is no probability"),
        })
    }
}
