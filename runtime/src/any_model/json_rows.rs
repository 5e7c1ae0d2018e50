//! Rows as JSON objects: one after the other, or in a list.

use std::fmt;
use std::io::{Read, Write};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::de::{Deserializer, IoRead};

use crate::any_model::json::{Nested, key, object};
use crate::any_model::rows::{Rows, has_column_fields};
use crate::any_model::stream::{LONGEST_ROW, Stream};
use crate::artifact::array::Array;
use crate::artifact::nested::{Leaf, NestedSeed};
use crate::artifact::tensor::TensorSpec;
use crate::error::Error;
use crate::io::guard::Guard;

/// Answers objects with objects, a list with a list; gives the number of rows.
pub(crate) fn answer_json<'a>(
    stream: Stream<'a>,
    mut input: impl Read,
    output: &'a mut dyn Write,
) -> Result<u64, Error> {
    let rows = Rows::new(stream.signature).map_err(|reason| stream.refuse(None, &reason))?;
    let mut first = [b' '];
    while first[0].is_ascii_whitespace() {
        input.read_exact(&mut first).map_err(|error| stream.refuse(None, &error.to_string()))?;
    }
    let in_list = first[0] == b'[';
    let guard = Guard::new(LONGEST_ROW);
    let guarded = guard.around(std::io::Cursor::new(first).chain(input));
    let mut reader = Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, guarded));
    let outputs = &stream.signature.outputs;
    let mut work = Work { stream, rows, guard, output, outputs, in_list, row: 0, written: 0, failure: None };
    if in_list {
        let read = reader.deserialize_seq(&mut work).and_then(|()| reader.end());
        read.map_err(|error| work.failed(&error))?;
    } else {
        work.objects(&mut reader)?;
    }
    work.flush()?;
    if work.written == 0 {
        return Err(work.stream.refuse(None, "holds no row"));
    }
    if in_list {
        work.output.write_all(b"]\n").map_err(|error| work.stream.cannot_write(error))?;
    }
    Ok(work.written)
}

struct Work<'a> {
    stream: Stream<'a>,
    rows: Rows<'a>,
    guard: Guard,
    output: &'a mut dyn Write,
    outputs: &'a [TensorSpec],
    in_list: bool,
    /// The number of the row that is being read, from 1.
    row: u64,
    written: u64,
    /// What went wrong within the reader, whose own errors tell less.
    failure: Option<Error>,
}

impl Work<'_> {
    fn objects<R: Read>(&mut self, reader: &mut Deserializer<IoRead<R>>) -> Result<(), Error> {
        // What is left is looked at without being taken.
        while reader.end().is_err() {
            let before = self.row;
            RowSeed(self).deserialize(&mut *reader).map_err(|error| {
                // Text that is not even the beginning of a row is the next one.
                self.row = self.row.max(before + 1);
                self.failed(&error)
            })?;
        }
        Ok(())
    }

    fn failed(&mut self, error: &serde_json::Error) -> Error {
        let failure = self.failure.take();
        let row = self.row.max(1);
        failure.unwrap_or_else(|| self.stream.refuse(Some(row), &format!("not JSON rows: {error}")))
    }

    fn keep(&mut self) -> Result<(), Error> {
        let row = self.rows.finish().map_err(|reason| self.stream.refuse(Some(self.row), &reason))?;
        if self.rows.is_full(&row) {
            self.flush()?;
        }
        self.rows.add(row);
        self.guard.next_row();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let answers = self.stream.answer(&mut self.rows)?;
        let mut text = String::new();
        for row in 0..answers.first().map_or(0, Array::rows) {
            let start = match (self.in_list, self.written) {
                (false, _) => "",
                (true, 0) => "[",
                (true, _) => ",\n",
            };
            self.written += 1;
            text += start;
            text += &answered(self.outputs, &answers, row)
                .map_err(|reason| self.stream.refuse(Some(self.written), &reason))?;
            text += if self.in_list { "" } else { "\n" };
        }
        self.output.write_all(text.as_bytes()).map_err(|error| self.stream.cannot_write(error))?;
        self.stream.tell(self.written);
        Ok(())
    }
}

/// `{"<output>": value, or {"<column>": value}, or nested lists}`.
fn answered(outputs: &[TensorSpec], answers: &[Array], row: usize) -> Result<String, String> {
    let mut parts = Vec::with_capacity(outputs.len());
    for (tensor, array) in outputs.iter().zip(answers) {
        let whole = Nested::row(array, row);
        if has_column_fields(tensor) && tensor.shape.len() == 2 {
            let columns = tensor.columns.iter().enumerate().map(|(place, column)| {
                (column.name.as_str(), Nested { values: whole.values, shape: &[], start: whole.start + place })
            });
            parts.push(key(&tensor.name) + &object(columns)?);
        } else {
            let text = serde_json::to_string(&whole).map_err(|error| format!("output '{}': {error}", tensor.name))?;
            parts.push(key(&tensor.name) + &text);
        }
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

/// A list of rows, each answered as soon as there are enough.
impl<'de> Visitor<'de> for &mut Work<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(RowSeed(self))?.is_some() {}
        Ok(())
    }
}

/// One object.
struct RowSeed<'a, 'b>(&'a mut Work<'b>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with the fields of a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let work = self.0;
        work.row += 1;
        work.rows.begin();
        while let Some(name) = entries.next_key::<String>()? {
            let place = match work.rows.place_of(&name) {
                Ok(place) if !work.rows.slots[place].seen => place,
                Ok(_) => return Err(work.stop(&format!("field '{name}' stands twice; keep one"))),
                Err(reason) => return Err(work.stop(&reason)),
            };
            let (field, slot) = (&work.rows.fields[place], &mut work.rows.slots[place]);
            slot.seen = true;
            let read = if field.depth == 0 {
                entries.next_value_seed(Leaf(&mut slot.array.values))
            } else {
                let seed = NestedSeed { dtype: field.dtype, depth: field.depth };
                entries.next_value_seed(seed).map(|array| slot.array = array)
            };
            // A syntax error is told by its place; what is JSON, but not what the field holds, by its field.
            read.map_err(|error| {
                let reason = format!("field '{name}': {error}");
                work.failure = Some(work.stream.refuse(Some(work.row), &reason));
                error
            })?;
        }
        work.keep().map_err(|error| {
            work.failure = Some(error);
            A::Error::custom("the row is wrong")
        })
    }
}

impl Work<'_> {
    fn stop<E: serde::de::Error>(&mut self, reason: &str) -> E {
        self.failure = Some(self.stream.refuse(Some(self.row), reason));
        E::custom("the row is wrong")
    }
}
