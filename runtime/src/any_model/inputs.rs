//! Inputs held against what the model accepts, before it sees them. Errors name tensor and column.

use crate::artifact::array::{Array, Dtype, Values};
use crate::artifact::axes::Axes;
use crate::artifact::tensor::{TensorSpec, unknown_name};

/// 2^63: the first whole number above those of an int64.
const INT64_END: f64 = 9_223_372_036_854_775_808.0;

/// What is wrong, and with which row of a batch.
pub(crate) type Wrong = (Option<usize>, String);

/// `tensor 'x', column 'age'`, or the place of a value where there are no columns.
fn name_of(tensor: &TensorSpec, index: usize) -> String {
    match tensor.column_of(index) {
        Some(column) => format!("tensor '{}', column '{}'", tensor.name, column.name),
        None => format!("tensor '{}', place {index}", tensor.name),
    }
}

/// Whether a number may stand at a place of a tensor's row; no allocation unless it may not.
#[expect(clippy::cast_possible_truncation, reason = "a cast to float32 rounds")]
pub(crate) fn check_number(tensor: &TensorSpec, index: usize, value: f64) -> Result<(), String> {
    let accepted = match tensor.column_of(index) {
        Some(column) => column.accept(value),
        None if value.is_infinite() => Err(format!("must be finite, found {value}")),
        None => Ok(()),
    };
    let fits = accepted.and_then(|()| match tensor.dtype {
        Dtype::Int64 if !(value.fract() == 0.0 && (-INT64_END..INT64_END).contains(&value)) => {
            Err(format!("must be a whole number of 64 bits, found {value}"))
        }
        Dtype::Float32 if value.is_finite() && (value as f32).is_infinite() => {
            Err(format!("must be a float32, found {value}, which is too large for one"))
        }
        _ => Ok(()),
    });
    fits.map_err(|reason| format!("{}: {reason}", name_of(tensor, index)))
}

/// Whether the values of one or more rows, `width` each, may stand in a tensor from place `first` on.
pub(crate) fn check_values(tensor: &TensorSpec, values: &Values, first: usize, width: usize) -> Result<(), Wrong> {
    let wrong = |index: usize, reason: String| (Some(index / width.max(1)), reason);
    let place = |index: usize| first + index % width.max(1);
    match values {
        Values::Text(texts) => texts.iter().enumerate().try_for_each(|(index, text)| {
            let reason = "holds a NUL character, which onnxruntime cannot take";
            let found = text.contains('\0').then(|| format!("{}: {reason}", name_of(tensor, place(index))));
            found.map_or(Ok(()), |reason| Err(wrong(index, reason)))
        }),
        numbers => (0..numbers.len()).try_for_each(|index| {
            let number = numbers.number(index).unwrap_or(f64::NAN);
            // A whole number is one already; as a float64 its limits are held to within rounding.
            let checked = match (numbers, tensor.column_of(place(index))) {
                (Values::Int64(_), None) => Ok(()),
                (Values::Int64(_), Some(column)) => {
                    column.accept(number).map_err(|reason| format!("{}: {reason}", name_of(tensor, place(index))))
                }
                _ => check_number(tensor, place(index), number),
            };
            checked.map_err(|reason| wrong(index, reason))
        }),
    }
}

/// Whether a flat row is one of this model; no allocation unless it is not.
pub(crate) fn check_row(inputs: &[TensorSpec], row: &[f64]) -> Result<(), String> {
    let mut rest = row;
    for tensor in inputs {
        let width = tensor.fixed_row_width().unwrap_or(0);
        let (values, tail) = rest.split_at_checked(width).ok_or_else(|| wrong_length(inputs, row))?;
        for (index, value) in values.iter().enumerate() {
            check_number(tensor, index, *value)?;
        }
        rest = tail;
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong_length(inputs, row)) }
}

fn wrong_length(inputs: &[TensorSpec], row: &[f64]) -> String {
    let width = |tensor: &TensorSpec| tensor.fixed_row_width().unwrap_or(0);
    let parts: Vec<_> = inputs.iter().map(|tensor| format!("{} of '{}'", width(tensor), tensor.name)).collect();
    let whole: usize = inputs.iter().map(width).sum();
    format!("must hold {whole} numbers ({}), found {}", parts.join(", "), row.len())
}

/// The arrays in the model's order, if each input is there once and is right.
pub(crate) fn ordered<'a>(
    inputs: &[TensorSpec],
    named: impl IntoIterator<Item = (&'a str, Array)>,
) -> Result<Vec<Array>, Wrong> {
    let mut found: Vec<Option<Array>> = inputs.iter().map(|_| None).collect();
    for (name, array) in named {
        let Some(place) = inputs.iter().position(|tensor| tensor.name == name) else {
            let known: Vec<_> = inputs.iter().map(|tensor| tensor.name.as_str()).collect();
            return Err((None, unknown_name("tensor", name, &known)));
        };
        if found[place].replace(array).is_some() {
            return Err((None, format!("tensor '{name}' stands twice; keep one")));
        }
    }
    let mut arrays = Vec::with_capacity(inputs.len());
    for (tensor, array) in inputs.iter().zip(found) {
        arrays.push(array.ok_or_else(|| (None, format!("tensor '{}' is missing", tensor.name)))?);
    }
    check_arrays(inputs, &arrays)?;
    Ok(arrays)
}

fn check_arrays(inputs: &[TensorSpec], arrays: &[Array]) -> Result<(), Wrong> {
    let mut axes = Axes::of_batch(arrays.first().map_or(0, Array::rows));
    for (tensor, array) in inputs.iter().zip(arrays) {
        let wrong = |reason: String| (None, format!("tensor '{}': {reason}", tensor.name));
        if array.values.dtype() != tensor.dtype {
            return Err(wrong(format!("must be of {}, is of {}", tensor.dtype, array.values.dtype())));
        }
        let product = array.shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        if product != Some(array.values.len()) {
            return Err(wrong(format!("has the shape {:?}, but {} values", array.shape, array.values.len())));
        }
        axes.bind(tensor, &array.shape).map_err(wrong)?;
        check_values(tensor, &array.values, 0, array.row_width())?;
    }
    Ok(())
}
