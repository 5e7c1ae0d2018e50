//! Rows as CSV: they pass through, with the answers as further columns.

use std::io::{Read, Write};

use csv::StringRecord;

use crate::any_model::json::Nested;
use crate::any_model::rows::{Field, Rows, has_column_fields};
use crate::any_model::stream::{LONGEST_ROW, Stream};
use crate::artifact::array::{Array, Values};
use crate::artifact::tensor::TensorSpec;
use crate::error::Error;
use crate::io::guard::Guard;
use crate::io::text::nearest;

/// Answers a file with a header; gives the number of rows.
pub(crate) fn answer_csv(mut stream: Stream<'_>, input: impl Read, output: &mut dyn Write) -> Result<u64, Error> {
    let signature = stream.signature;
    let mut rows = Rows::new(signature).map_err(|reason| stream.refuse(None, &reason))?;
    let guard = Guard::new(LONGEST_ROW);
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(guard.around(input));
    let header = reader.headers().map_err(|error| wrong(&stream, None, &error))?.clone();
    let added: Vec<String> = signature.outputs.iter().flat_map(names_of).collect();
    let (places, others) =
        places_of(&header, &rows, &added).map_err(|reason| stream.refuse(None, &format!("header: {reason}")))?;
    if !others.is_empty() {
        tracing::warn!("{}: no fields of the model, passed through: {}", stream.name, others.join(", "));
    }
    let mut text = written(header.iter().map(str::to_owned).chain(added))?;
    let (mut waiting, mut numbers, mut done) = (Vec::new(), Vec::new(), 0);
    loop {
        guard.next_row();
        let mut record = StringRecord::new();
        let more = reader.read_record(&mut record);
        let line = guard.line(reader.position().byte());
        let more = more.map_err(|error| wrong(&stream, Some(line), &error))?;
        let row = if more {
            let read = read_row(&mut rows, &record, &places);
            read.map(Some).map_err(|reason| stream.refuse(Some(line), &reason))?
        } else {
            None
        };
        if rows.len() > 0 && row.as_ref().is_none_or(|row| rows.is_full(row)) {
            let answers = stream.answer(&mut rows)?;
            for (index, (record, line)) in waiting.drain(..).zip(numbers.drain(..)).enumerate() {
                let record: StringRecord = record;
                let cells = cells(&signature.outputs, &answers, index);
                let cells = cells.map_err(|reason| stream.refuse(Some(line), &reason))?;
                text += &written(record.iter().map(str::to_owned).chain(cells))?;
                done += 1;
            }
            output.write_all(text.as_bytes()).map_err(|error| stream.cannot_write(error))?;
            text.clear();
            stream.tell(done);
        }
        let Some(row) = row else { break };
        rows.add(row);
        waiting.push(record);
        numbers.push(line);
    }
    if done == 0 {
        return Err(stream.refuse(None, "has a header and no rows"));
    }
    Ok(done)
}

/// Where each field stands in the header, and the columns that are none.
fn places_of(header: &StringRecord, rows: &Rows<'_>, added: &[String]) -> Result<(Vec<usize>, Vec<String>), String> {
    let mut found = vec![None; rows.fields.len()];
    let mut others = Vec::new();
    for (place, written) in header.iter().enumerate() {
        // A model may have been fitted on a column whose name has spaces around it.
        let name = if rows.place_of(written).is_ok() { written } else { written.trim() };
        match rows.place_of(name) {
            Ok(field) if found[field].replace(place).is_some() => {
                return Err(format!("field '{name}' stands twice; keep one"));
            }
            Ok(_) => {}
            Err(_) if added.iter().any(|added| added == name) => {
                return Err(format!("'{name}' is a column that this adds; leave it out or rename it"));
            }
            Err(_) if name.is_empty() => others.push("a column without a name".to_owned()),
            Err(_) => others.push(format!("'{name}'")),
        }
    }
    let places = found.into_iter().zip(&rows.fields).map(|(place, field)| {
        if field.depth > 0 {
            return Err(format!("field '{}' takes nested lists, which CSV cannot hold; use JSON", field.name));
        }
        place.ok_or_else(|| {
            let near = nearest(&field.name, others.iter().map(|name| name.trim_matches('\'')));
            Rows::missing(field) + &near.map(|near| format!("; is it '{near}'?")).unwrap_or_default()
        })
    });
    Ok((places.collect::<Result<_, _>>()?, others))
}

fn read_row(rows: &mut Rows<'_>, record: &StringRecord, places: &[usize]) -> Result<Vec<Array>, String> {
    rows.begin();
    for ((field, slot), place) in rows.fields.iter().zip(&mut rows.slots).zip(places) {
        read_cell(field, &mut slot.array.values, record.get(*place).unwrap_or_default())?;
        slot.seen = true;
    }
    rows.finish()
}

/// An empty cell of a float is NaN, which the column then accepts or not; a text is what the cell holds.
#[expect(clippy::cast_possible_truncation, reason = "a cast to float32 rounds; one too large is refused")]
fn read_cell(field: &Field, values: &mut Values, cell: &str) -> Result<(), String> {
    let trimmed = cell.trim();
    let shown: String = trimmed.chars().take(40).collect();
    let number = || match trimmed {
        "" => Ok(f64::NAN),
        text => text.parse().map_err(|_| format!("field '{}' must be a number, found {shown:?}", field.name)),
    };
    match values {
        Values::Text(values) => values.push(cell.to_owned()),
        Values::Float64(values) => values.push(number()?),
        Values::Float32(values) => {
            let wide: f64 = number()?;
            if wide.is_finite() && (wide as f32).is_infinite() {
                return Err(format!("field '{}' must be a float32, found {shown}", field.name));
            }
            values.push(wide as f32);
        }
        Values::Int64(_) if trimmed.is_empty() => return Err(Rows::missing(field)),
        Values::Int64(values) => {
            let reason = |_| format!("field '{}' must be a whole number, found {shown:?}", field.name);
            values.push(trimmed.parse().map_err(reason)?);
        }
    }
    Ok(())
}

/// The columns that an output adds to the header.
fn names_of(tensor: &TensorSpec) -> Vec<String> {
    if has_column_fields(tensor) && tensor.shape.len() == 2 {
        tensor.columns.iter().map(|column| format!("{}.{}", tensor.name, column.name)).collect()
    } else {
        vec![tensor.name.clone()]
    }
}

/// The answers to one row.
fn cells(outputs: &[TensorSpec], answers: &[Array], row: usize) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    for (tensor, array) in outputs.iter().zip(answers) {
        let width = array.row_width();
        if tensor.shape.len() == 1 || has_column_fields(tensor) {
            cells.extend((row * width..(row + 1) * width).map(|index| cell(&array.values, index)));
        } else {
            let text = serde_json::to_string(&Nested::row(array, row));
            cells.push(text.map_err(|error| format!("output '{}': {error}", tensor.name))?);
        }
    }
    Ok(cells)
}

/// A value in the shortest form; NaN is an empty cell.
fn cell(values: &Values, index: usize) -> String {
    match values {
        Values::Float64(values) if values[index].is_nan() => String::new(),
        Values::Float32(values) if values[index].is_nan() => String::new(),
        Values::Float64(values) => format!("{:?}", values[index]),
        Values::Float32(values) => format!("{:?}", values[index]),
        Values::Int64(values) => values[index].to_string(),
        Values::Text(values) => values[index].clone(),
    }
}

/// One line of CSV.
fn written(fields: impl Iterator<Item = String>) -> Result<String, Error> {
    let cannot = |source| Error::Io { what: "write", path: "a row".into(), source };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields.map(String::into_bytes)).map_err(|error| cannot(error.into()))?;
    let bytes = writer.into_inner().map_err(|error| cannot(error.into_error()))?;
    String::from_utf8(bytes).map_err(|error| cannot(std::io::Error::other(error)))
}

fn wrong(stream: &Stream<'_>, row: Option<u64>, error: &csv::Error) -> Error {
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text".to_owned(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => format!("is not CSV: {error}"),
    };
    stream.refuse(row, &reason)
}
