//! Replays the golden cases: no answer is given away before they were answered as the original did.

use std::path::Path;

use crate::artifact::array::{Array, Values};
use crate::artifact::golden::Golden;
use crate::artifact::manifest::ParityEntry;
use crate::artifact::tensor::TensorSpec;
use crate::engine::loaded::Engine;
use crate::error::Error;

/// Golden cases that are also answered one by one.
const MOST_SINGLE_CASES: usize = 64;

/// What replaying the golden cases showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    pub(crate) cases: usize,
    pub(crate) largest_difference: f64,
}

/// Answers the golden cases, in a batch and one by one, and holds them against the original's answers.
///
/// Both ways are tried because onnxruntime computes them differently: matrix products of one row round otherwise
/// than those of many. Models of numbers are asked as their callers ask them too: in flat rows.
pub(crate) fn prove(engine: &Engine, golden: &Golden, folder: &Path) -> Result<Replay, Error> {
    let cases = golden.inputs.first().map_or(0, Array::rows);
    let compare = |answers: &[Array], first: usize, how: &str| {
        let (outputs, parity) = (&engine.manifest.outputs, &engine.manifest.parity);
        compare(outputs, parity, answers, golden, first, how)
            .map_err(|reason| Error::Parity { path: folder.to_path_buf(), reason })
    };
    let mut largest_difference = compare(&engine.run_arrays(&golden.inputs)?, 0, "in a batch")?;
    for case in 0..cases.min(MOST_SINGLE_CASES) {
        let row: Vec<_> = golden.inputs.iter().map(|array| array.part(case..case + 1)).collect();
        largest_difference = largest_difference.max(compare(&engine.run_arrays(&row)?, case, "alone")?);
        let Some(found) = run_flat(engine, &row)? else { continue };
        largest_difference = largest_difference.max(compare(&found, case, "alone")?);
    }
    Ok(Replay { cases, largest_difference })
}

/// One row by the way that takes flat rows and reuses its memory; `None` where there is none, or where a whole number
/// is beyond what a float64 holds.
fn run_flat(engine: &Engine, row: &[Array]) -> Result<Option<Vec<Array>>, Error> {
    let Some(layout) = engine.layout() else { return Ok(None) };
    let whole = |array: &Array| array.int64().unwrap_or_default().iter().all(|number| number.unsigned_abs() <= 1 << 53);
    if !row.iter().all(whole) {
        return Ok(None);
    }
    let numbers = |array: &Array| (0..array.values.len()).filter_map(|index| array.values.number(index)).collect();
    let flat: Vec<f64> = row.iter().flat_map::<Vec<f64>, _>(numbers).collect();
    let mut answer = vec![0.0; layout.answer_width];
    engine.run_one(&flat, &mut answer)?;
    let mut start = 0;
    let outputs = layout.outputs.iter().map(|part| {
        let values = part.gather(&answer, layout.answer_width, start);
        start += part.width;
        Array { shape: part.shape_of(1), values }
    });
    let outputs: Vec<_> = outputs.collect();
    Ok(outputs.iter().all(whole).then_some(outputs))
}

/// The largest difference to the original's answers from case `first` on, or the first that the manifest does not allow.
fn compare(
    outputs: &[TensorSpec],
    parity: &ParityEntry,
    answers: &[Array],
    golden: &Golden,
    first: usize,
    how: &str,
) -> Result<f64, String> {
    let mut largest = 0.0_f64;
    for ((output, found), expected) in outputs.iter().zip(answers).zip(&golden.outputs) {
        let width = found.row_width();
        let start = first * width;
        let differs = |index: usize, found: String, expected: String| {
            let (case, name) = (first + index / width.max(1), &output.name);
            format!("golden case {case} {how}: {name} is {found}, the original answered {expected}")
        };
        if found.shape.get(1..) != expected.shape.get(1..) {
            return Err(differs(0, format!("{:?}", found.shape), format!("{:?}", expected.shape)));
        }
        for index in 0..found.values.len() {
            let place = start + index;
            let equal = match (&found.values, &expected.values) {
                (Values::Int64(found), Values::Int64(expected)) => found[index] == expected[place],
                (Values::Text(found), Values::Text(expected)) => found[index] == expected[place],
                (found, expected) => {
                    let (Some(found), Some(expected)) = (found.number(index), expected.number(place)) else {
                        return Err(format!("golden case {how}: {} is of another type", output.name));
                    };
                    // NaN with NaN is in parity and no difference.
                    largest = largest.max((found - expected).abs());
                    parity.holds(found, expected)
                }
            };
            if !equal {
                return Err(differs(index, shown(&found.values, index), shown(&expected.values, place)));
            }
        }
    }
    Ok(largest)
}

fn shown(values: &Values, index: usize) -> String {
    match values {
        Values::Float64(values) => values[index].to_string(),
        Values::Float32(values) => values[index].to_string(),
        Values::Int64(values) => values[index].to_string(),
        Values::Text(values) => format!("{:?}", values[index]),
    }
}
