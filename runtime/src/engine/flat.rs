//! Models of numbers with fixed axes: a row is the numbers of all inputs one after the other, an answer those of all
//! outputs. float32 and int64 are cast on the way in and widened on the way out.

use crate::artifact::array::{Dtype, Values};
use crate::artifact::tensor::TensorSpec;

/// The part of a flat row that one tensor holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    /// The shape of one row with its batch axis of 1.
    pub(crate) shape: Vec<i64>,
    pub(crate) width: usize,
}

/// How rows and answers are laid out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) inputs: Vec<Part>,
    pub(crate) outputs: Vec<Part>,
    pub(crate) row_width: usize,
    pub(crate) answer_width: usize,
}

impl Layout {
    /// `None` for a model with texts or a free axis.
    pub(crate) fn of(inputs: &[TensorSpec], outputs: &[TensorSpec]) -> Option<Self> {
        let inputs = inputs.iter().map(Part::of).collect::<Option<Vec<_>>>()?;
        let outputs = outputs.iter().map(Part::of).collect::<Option<Vec<_>>>()?;
        let width = |parts: &[Part]| parts.iter().map(|part| part.width).sum();
        Some(Self { row_width: width(&inputs), answer_width: width(&outputs), inputs, outputs })
    }

    /// Whether a row is what the graph takes, with nothing to cast or to gather.
    #[cfg(feature = "ort")]
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.inputs.as_slice(), [Part { dtype: Dtype::Float64, .. }])
    }
}

impl Part {
    fn of(tensor: &TensorSpec) -> Option<Self> {
        let row_shape = tensor.fixed_row_shape()?;
        if tensor.dtype == Dtype::Text {
            return None;
        }
        let lengths = row_shape.iter().map(|&length| i64::try_from(length).unwrap_or(0));
        let shape = std::iter::once(1).chain(lengths).collect();
        Some(Self { name: tensor.name.clone(), dtype: tensor.dtype, shape, width: row_shape.iter().product() })
    }

    /// The shape of so many rows.
    pub(crate) fn shape_of(&self, rows: usize) -> Vec<usize> {
        let lengths = self.shape.iter().skip(1).map(|&length| usize::try_from(length).unwrap_or(0));
        std::iter::once(rows).chain(lengths).collect()
    }

    /// This tensor's values of many rows; it starts at `start` in each.
    #[expect(clippy::cast_possible_truncation, reason = "the caller has checked that the numbers fit")]
    pub(crate) fn gather(&self, rows: &[f64], row_width: usize, start: usize) -> Values {
        let numbers = rows.chunks_exact(row_width).flat_map(|row| &row[start..start + self.width]).copied();
        match self.dtype {
            Dtype::Float32 => Values::Float32(numbers.map(|number| number as f32).collect()),
            Dtype::Int64 => Values::Int64(numbers.map(|number| number as i64).collect()),
            Dtype::Float64 | Dtype::Text => Values::Float64(numbers.collect()),
        }
    }
}
