//! Holds the two engines against each other: on the golden cases, and on rows that the model's own splits and ranges suggest.

use std::time::{Duration, Instant};

use crate::artifact::array::Array;
use crate::artifact::golden::Golden;
use crate::artifact::tensor::{Column, TensorSpec};
use crate::engine::flat::Layout;
use crate::engine::loaded::Engine;
use crate::engine::native::trees::splits::{next_down, next_up};
use crate::error::Error;

/// Rows beside the golden cases.
const ROWS: usize = 3000;
/// Rows that are asked at a time.
const AT_ONCE: usize = 250;
/// No further rows are asked after so long.
const LONGEST: Duration = Duration::from_millis(60);

/// How many rows both answered alike, or what differs first.
pub(crate) fn first_difference(
    native: &Engine,
    other: &Engine,
    golden: &Golden,
) -> Result<Result<usize, String>, Error> {
    let (found, expected) = (native.run_arrays(&golden.inputs)?, other.run_arrays(&golden.inputs)?);
    let outputs = &native.manifest.outputs;
    for ((tensor, found), expected) in outputs.iter().zip(&found).zip(&expected) {
        if let Some(place) = differs(native, found, expected) {
            let case = place / found.row_width().max(1);
            return Ok(Err(format!(
                "golden case {case}, output '{}', of the operators {}",
                tensor.name,
                operators(native)
            )));
        }
    }
    let cases = golden.inputs.first().map_or(0, Array::rows);
    let Some(layout) = native.layout() else { return Ok(Ok(cases)) };
    let rows = suggested(native, layout, golden);
    let start = Instant::now();
    let mut done = 0;
    for rows in rows.chunks(AT_ONCE * layout.row_width) {
        if start.elapsed() > LONGEST {
            break;
        }
        let count = rows.len() / layout.row_width;
        let mut answers = [vec![0.0; count * layout.answer_width], vec![0.0; count * layout.answer_width]];
        native.run(rows, &mut answers[0])?;
        other.run(rows, &mut answers[1])?;
        let [found, expected] = &answers;
        let parity = &native.manifest.parity;
        if let Some(place) = found.iter().zip(expected).position(|(found, expected)| !parity.holds(*found, *expected)) {
            let (row, column) = (place / layout.answer_width, place % layout.answer_width);
            let row = &rows[row * layout.row_width..(row + 1) * layout.row_width];
            let shown: Vec<String> = row.iter().take(8).map(f64::to_string).collect();
            return Ok(Err(format!(
                "answer {column} is {} and not {} for the row [{}{}], of the operators {}",
                found[place],
                expected[place],
                shown.join(", "),
                if row.len() > 8 { ", ..." } else { "" },
                operators(native)
            )));
        }
        done += count;
    }
    Ok(Ok(cases + done))
}

fn operators(native: &Engine) -> String {
    native.operators().join(", ")
}

/// The first value that the manifest's tolerance does not allow: texts and whole numbers are equal or not.
fn differs(native: &Engine, found: &Array, expected: &Array) -> Option<usize> {
    let parity = &native.manifest.parity;
    (0..found.values.len().max(expected.values.len())).find(|&index| {
        match (found.values.number(index), expected.values.number(index)) {
            (Some(found), Some(expected)) => !parity.holds(found, expected),
            _ => found.values.part(index..index + 1) != expected.values.part(index..index + 1),
        }
    })
}

/// Golden rows with one number changed: to a threshold, the numbers next to it, or a number of the column's range.
fn suggested(native: &Engine, layout: &Layout, golden: &Golden) -> Vec<f64> {
    let columns: Vec<Option<&Column>> = native
        .manifest
        .inputs
        .iter()
        .flat_map(|tensor: &TensorSpec| {
            let width = tensor.fixed_row_width().unwrap_or(0);
            (0..width).map(move |index| tensor.column_of(index))
        })
        .collect();
    let splits = native.splits();
    let whole: Vec<Vec<f64>> =
        (0..golden.inputs.first().map_or(0, Array::rows)).map(|row| flat_row(golden, row)).collect();
    let mut state = 1_u64;
    let mut next = move |below: usize| -> usize {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    let mut rows = Vec::with_capacity(ROWS * layout.row_width);
    for number in 0..ROWS {
        let Some(golden) = whole.get(next(whole.len())) else { break };
        if golden.len() != layout.row_width {
            break;
        }
        let mut row = golden.clone();
        let (column, value) = match splits.get(next(splits.len())) {
            Some(&(column, threshold)) if number % 2 == 0 => {
                (column, [threshold, next_up(threshold), next_down(threshold)][number / 2 % 3])
            }
            _ => {
                let column = next(row.len());
                let share = f64::from(u16::try_from(next(1 << 16)).unwrap_or(0)) / f64::from(u16::MAX);
                let range = columns
                    .get(column)
                    .copied()
                    .flatten()
                    .and_then(|found| found.trained_minimum.zip(found.trained_maximum));
                (column, range.map_or(row[column], |(low, high)| low + share * (high - low)))
            }
        };
        let accepted = columns.get(column).copied().flatten().is_none_or(|found| found.accept(value).is_ok());
        if accepted && let Some(place) = row.get_mut(column) {
            *place = value;
        }
        rows.extend(row);
    }
    rows
}

fn flat_row(golden: &Golden, row: usize) -> Vec<f64> {
    let part = |array: &Array| {
        let part = array.part(row..row + 1);
        (0..part.values.len()).filter_map(|index| part.values.number(index)).collect::<Vec<_>>()
    };
    golden.inputs.iter().flat_map(part).collect()
}
