//! The inputs and outputs that a manifest describes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::artifact::array::Dtype;
use crate::io::text::nearest;

const MAX_AXIS: usize = 4096;
const MAX_AXES: usize = 4;
const MAX_ROW: usize = 1 << 16;

/// One column of a tensor: a place of its last axis.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// Its name, unique among the columns of all inputs, or of one output.
    pub name: String,
    /// Its unit, where it is known.
    // `deserialize_with` makes the key required: null is a value, absence is an error.
    #[serde(deserialize_with = "Option::deserialize")]
    pub unit: Option<String>,
    /// The least that is accepted.
    #[serde(deserialize_with = "Option::deserialize")]
    pub minimum: Option<f64>,
    /// The most that is accepted.
    #[serde(deserialize_with = "Option::deserialize")]
    pub maximum: Option<f64>,
    /// Whether it must be whole.
    pub integer: bool,
    /// Whether NaN is accepted and means "not known".
    pub missing: bool,
    /// The least that training saw.
    #[serde(deserialize_with = "Option::deserialize")]
    pub trained_minimum: Option<f64>,
    /// The most that training saw.
    #[serde(deserialize_with = "Option::deserialize")]
    pub trained_maximum: Option<f64>,
    /// What it is, for people.
    pub meaning: String,
}

/// An axis of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Axis {
    /// Of one length always.
    Fixed(usize),
    /// `batch`, the first one; or a free axis: of the same length wherever its name stands in one call.
    Free(String),
}

impl fmt::Display for Axis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(formatter, "{length}"),
            Self::Free(name) => formatter.write_str(name),
        }
    }
}

/// An input or output of a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// The type of its values.
    #[serde(deserialize_with = "dtype")]
    pub dtype: Dtype,
    /// Its axes, the batch first.
    pub shape: Vec<Axis>,
    /// What the last axis holds; none where that is not said.
    pub columns: Vec<Column>,
}

fn dtype<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dtype, D::Error> {
    let text = String::deserialize(deserializer)?;
    Dtype::ALL.into_iter().find(|dtype| dtype.as_str() == text).ok_or_else(|| {
        let known = Dtype::ALL.map(|dtype| format!("{:?}", dtype.as_str())).join(", ");
        serde::de::Error::custom(format!("must be one of {known}, found {text:?}"))
    })
}

impl TensorSpec {
    /// The lengths of all axes but the batch; `None` where one is free.
    pub(crate) fn fixed_row_shape(&self) -> Option<Vec<usize>> {
        let lengths = self.shape.iter().skip(1);
        lengths.map(|axis| if let Axis::Fixed(length) = axis { Some(*length) } else { None }).collect()
    }

    /// How many values a row of fixed axes holds; `None` where an axis is free.
    pub(crate) fn fixed_row_width(&self) -> Option<usize> {
        // Asked for each row: no list of the lengths.
        self.shape.iter().skip(1).try_fold(1, |width, axis| match axis {
            Axis::Fixed(length) => Some(width * length),
            Axis::Free(_) => None,
        })
    }

    /// The column that a value stands in; `None` where the tensor has none.
    pub(crate) fn column_of(&self, index: usize) -> Option<&Column> {
        self.columns.get(index % self.columns.len().max(1))
    }

    /// `batch x 3`, for messages.
    pub(crate) fn shape_text(&self) -> String {
        self.shape.iter().map(Axis::to_string).collect::<Vec<_>>().join(" x ")
    }

    /// Whether it keeps the format's rules; the error names the field.
    pub(crate) fn check(&self, field: &str) -> Result<(), String> {
        if self.name.is_empty() {
            return Err(format!("field '{field}.name': must not be empty"));
        }
        if !matches!(self.shape.first(), Some(Axis::Free(name)) if name == "batch") {
            return Err(format!("field '{field}.shape': the first axis must be \"batch\""));
        }
        let rest = &self.shape[1..];
        let sound = |axis: &Axis| match axis {
            Axis::Fixed(length) => (1..=MAX_AXIS).contains(length),
            Axis::Free(name) => !name.is_empty() && name != "batch",
        };
        let lengths = rest.iter().map(|axis| if let Axis::Fixed(length) = axis { *length } else { 1 });
        if rest.len() >= MAX_AXES || !rest.iter().all(sound) || lengths.product::<usize>() > MAX_ROW {
            return Err(format!(
                "field '{field}.shape': the axes after \"batch\" must be at most {} numbers from 1 to {MAX_AXIS} (or \
                 names of free axes) that multiply to at most {MAX_ROW}",
                MAX_AXES - 1
            ));
        }
        let places = match rest.last() {
            None => 1,
            Some(Axis::Fixed(length)) => *length,
            Some(Axis::Free(_)) => 0,
        };
        if !self.columns.is_empty() && self.columns.len() != places {
            let found = self.columns.len();
            return Err(format!("field '{field}.columns': must list {places} (the last axis) or none, found {found}"));
        }
        self.columns.iter().enumerate().try_for_each(|(index, column)| {
            column.check(self.dtype).map_err(|(key, reason)| format!("field '{field}.columns[{index}]{key}': {reason}"))
        })
    }
}

impl Column {
    fn check(&self, dtype: Dtype) -> Result<(), (&'static str, String)> {
        if self.name.is_empty() {
            return Err((".name", "must not be empty".to_owned()));
        }
        if dtype == Dtype::Text && (self.minimum.is_some() || self.maximum.is_some()) {
            return Err(("", "minimum and maximum must be null in a tensor of strings".to_owned()));
        }
        if self.missing && !dtype.is_float() {
            return Err((".missing", format!("must be false in a tensor of {dtype}, which has no NaN")));
        }
        let crossed = |low: Option<f64>, high: Option<f64>| low.zip(high).is_some_and(|(low, high)| low > high);
        let trained = self.trained_minimum.is_some() == self.trained_maximum.is_some();
        if crossed(self.minimum, self.maximum) || crossed(self.trained_minimum, self.trained_maximum) || !trained {
            return Err(("", "minimum and maximum do not fit each other".to_owned()));
        }
        Ok(())
    }

    /// Whether it accepts the number; the error says why not, and what it would.
    pub(crate) fn accept(&self, value: f64) -> Result<(), String> {
        if value.is_nan() {
            let todo = "must be a number, found NaN, and this column accepts no missing value";
            return if self.missing { Ok(()) } else { Err(todo.to_owned()) };
        }
        if value.is_infinite() {
            return Err(format!("must be finite, found {value}"));
        }
        let above = self.minimum.is_none_or(|minimum| value >= minimum);
        let below = self.maximum.is_none_or(|maximum| value <= maximum);
        if !(above && below) {
            let unit = self.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
            return Err(match (self.minimum, self.maximum) {
                (Some(minimum), Some(maximum)) => format!("must lie in {minimum}..{maximum}{unit}, found {value}"),
                (Some(minimum), None) => format!("must be at least {minimum}{unit}, found {value}"),
                (_, maximum) => format!("must be at most {}{unit}, found {value}", maximum.unwrap_or(f64::INFINITY)),
            });
        }
        if self.integer && value.fract() != 0.0 {
            return Err(format!("must be a whole number, found {value}"));
        }
        Ok(())
    }
}

/// Refuses names that stand twice: of tensors, and of the columns of all inputs or of one output.
pub(crate) fn check_unique(side: &str, tensors: &[TensorSpec], columns_apart: bool) -> Result<(), String> {
    let (mut names, mut columns) = (BTreeSet::new(), BTreeSet::new());
    for (index, tensor) in tensors.iter().enumerate() {
        if !names.insert(tensor.name.as_str()) {
            return Err(format!("field '{side}[{index}].name': {:?} stands twice", tensor.name));
        }
        if columns_apart {
            columns.clear();
        }
        for (place, column) in tensor.columns.iter().enumerate() {
            if !columns.insert(column.name.as_str()) {
                return Err(format!("field '{side}[{index}].columns[{place}].name': {:?} stands twice", column.name));
            }
        }
    }
    Ok(())
}

/// What to say of a name that no tensor or column has.
pub(crate) fn unknown_name(kind: &str, name: &str, known: &[&str]) -> String {
    let hint = nearest(name, known.iter().copied()).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
    format!("unknown {kind} '{name}'; {hint}there are {}", known.join(", "))
}
