//! Arrays of the four types that a model takes and gives.

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// 64-bit floating point.
    Float64,
    /// 32-bit floating point.
    Float32,
    /// Signed 64-bit whole numbers.
    Int64,
    /// UTF-8 text, `string` in a manifest.
    Text,
}

impl Dtype {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Float64, Self::Float32, Self::Int64, Self::Text];

    /// The word of the artifact format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Int64 => "int64",
            Self::Text => "string",
        }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Float64 | Self::Float32)
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The values of an array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 64-bit floating point; NaN is "not known".
    Float64(Vec<f64>),
    /// 32-bit floating point; NaN is "not known".
    Float32(Vec<f32>),
    /// Whole numbers.
    Int64(Vec<i64>),
    /// Texts.
    Text(Vec<String>),
}

/// Does the same with the values of whatever type.
macro_rules! each {
    ($values:expr, $name:ident => $body:expr) => {
        match $values {
            Values::Float64($name) => $body,
            Values::Float32($name) => $body,
            Values::Int64($name) => $body,
            Values::Text($name) => $body,
        }
    };
}

impl Values {
    /// No values yet, of this type.
    #[must_use]
    pub fn empty(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float64 => Self::Float64(Vec::new()),
            Dtype::Float32 => Self::Float32(Vec::new()),
            Dtype::Int64 => Self::Int64(Vec::new()),
            Dtype::Text => Self::Text(Vec::new()),
        }
    }

    /// Their type.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Float64(_) => Dtype::Float64,
            Self::Float32(_) => Dtype::Float32,
            Self::Int64(_) => Dtype::Int64,
            Self::Text(_) => Dtype::Text,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those in a range that is there.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Float64(values) => Self::Float64(values[range].to_vec()),
            Self::Float32(values) => Self::Float32(values[range].to_vec()),
            Self::Int64(values) => Self::Int64(values[range].to_vec()),
            Self::Text(values) => Self::Text(values[range].to_vec()),
        }
    }

    /// Puts others of the same type behind; false, and nothing done, where the type is another.
    pub(crate) fn append(&mut self, others: &mut Self) -> bool {
        match (self, others) {
            (Self::Float64(values), Self::Float64(others)) => values.append(others),
            (Self::Float32(values), Self::Float32(others)) => values.append(others),
            (Self::Int64(values), Self::Int64(others)) => values.append(others),
            (Self::Text(values), Self::Text(others)) => values.append(others),
            _ => return false,
        }
        true
    }

    /// The same number as a float64: whole numbers beyond 2^53 are rounded; `None` for texts and where there is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "said in the description")]
    pub fn number(&self, index: usize) -> Option<f64> {
        match self {
            Self::Float64(values) => values.get(index).copied(),
            Self::Float32(values) => values.get(index).map(|value| f64::from(*value)),
            Self::Int64(values) => values.get(index).map(|value| *value as f64),
            Self::Text(_) => None,
        }
    }
}

/// A tensor's values with the length of each axis, the batch first.
///
/// # Examples
/// ```
/// use dollarbill_ml::{Array, Values};
/// let two_rows = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// assert_eq!(two_rows.shape, [2, 3]);
/// assert_eq!(Array::new([1], vec!["red".to_owned()]).values, Values::Text(vec!["red".to_owned()]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each axis, outermost first; their product is the number of values.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Values,
}

impl Array {
    /// An array of this shape.
    #[must_use]
    pub fn new(shape: impl Into<Vec<usize>>, values: impl Into<Values>) -> Self {
        Self { shape: shape.into(), values: values.into() }
    }

    /// How many rows it holds: the length of the first axis.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The float64 values; `None` for another type. The same goes for its sisters.
    #[must_use]
    pub fn float64(&self) -> Option<&[f64]> {
        if let Values::Float64(values) = &self.values { Some(values) } else { None }
    }

    /// The float32 values.
    #[must_use]
    pub fn float32(&self) -> Option<&[f32]> {
        if let Values::Float32(values) = &self.values { Some(values) } else { None }
    }

    /// The whole numbers.
    #[must_use]
    pub fn int64(&self) -> Option<&[i64]> {
        if let Values::Int64(values) = &self.values { Some(values) } else { None }
    }

    /// The texts.
    #[must_use]
    pub fn text(&self) -> Option<&[String]> {
        if let Values::Text(values) = &self.values { Some(values) } else { None }
    }

    /// How many values one row holds.
    pub(crate) fn row_width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Some of the rows.
    pub(crate) fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let width = self.row_width();
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        Self { shape, values: self.values.part(rows.start * width..rows.end * width) }
    }

    /// Puts the rows of another behind; false where type or shape differ.
    pub(crate) fn append(&mut self, mut other: Self) -> bool {
        if self.shape.get(1..) != other.shape.get(1..) || !self.values.append(&mut other.values) {
            return false;
        }
        self.shape[0] += other.shape[0];
        true
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self::Float64(values)
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self::Float32(values)
    }
}

impl From<Vec<i64>> for Values {
    fn from(values: Vec<i64>) -> Self {
        Self::Int64(values)
    }
}

impl From<Vec<String>> for Values {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values)
    }
}
