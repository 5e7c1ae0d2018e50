//! What somebody who uses an answer should know of the row that was asked for.

use std::fmt;

use crate::artifact::array::Array;
use crate::artifact::manifest::Manifest;
use crate::artifact::tensor::TensorSpec;

/// A row that is unlike those that the model was trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowWarning {
    /// A value lies outside the range that the model saw in training.
    OutsideTraining {
        /// The row, counted from 0.
        row: usize,
        /// The first column that does.
        column: String,
    },
    /// Each value lies within its range, but together they are unlike 99.9 % of the training rows.
    UnlikeTraining {
        /// The row, counted from 0.
        row: usize,
    },
}

impl RowWarning {
    /// The row, counted from 0.
    #[must_use]
    pub fn row(&self) -> usize {
        match self {
            Self::OutsideTraining { row, .. } | Self::UnlikeTraining { row } => *row,
        }
    }
}

impl fmt::Display for RowWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideTraining { row, column } => {
                write!(formatter, "row {row}: {column} lies outside the range seen in training")
            }
            Self::UnlikeTraining { row } => {
                write!(formatter, "row {row}: the values together are unlike the rows seen in training")
            }
        }
    }
}

/// At most one warning a row, by what the manifest says of the training rows.
pub(crate) fn warnings(manifest: &Manifest, arrays: &[Array]) -> Vec<RowWarning> {
    let inputs: Vec<_> = manifest.inputs.iter().zip(arrays).filter(|(tensor, _)| knows_training(tensor)).collect();
    if inputs.is_empty() && manifest.novelty.is_none() {
        return Vec::new();
    }
    let rows = arrays.first().map_or(0, Array::rows);
    let mut found = Vec::new();
    let mut values = Vec::new();
    for row in 0..rows {
        let outside = inputs.iter().find_map(|(tensor, array)| outside(tensor, array, row));
        if let Some(column) = outside {
            found.push(RowWarning::OutsideTraining { row, column });
            continue;
        }
        // The format ties novelty to a single input of numbers.
        if let (Some(novelty), Some(input)) = (&manifest.novelty, arrays.first()) {
            let width = input.row_width();
            values.clear();
            values.extend((row * width..(row + 1) * width).filter_map(|index| input.values.number(index)));
            if novelty.is_novel(&values) {
                found.push(RowWarning::UnlikeTraining { row });
            }
        }
    }
    found
}

fn knows_training(tensor: &TensorSpec) -> bool {
    tensor.columns.iter().any(|column| column.trained_minimum.is_some() || column.trained_maximum.is_some())
}

/// The first column whose value the training did not see; a missing value is none.
fn outside(tensor: &TensorSpec, array: &Array, row: usize) -> Option<String> {
    let width = array.row_width();
    (0..width).find_map(|index| {
        let column = tensor.column_of(index)?;
        let value = array.values.number(row * width + index)?;
        let below = column.trained_minimum.is_some_and(|low| value < low);
        let above = column.trained_maximum.is_some_and(|high| value > high);
        (below || above).then(|| column.name.clone())
    })
}
