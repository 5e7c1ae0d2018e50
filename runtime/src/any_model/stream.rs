//! Files of rows for any model, answered in a stream, so they may be larger than memory.

use std::io::{BufRead, Read, Write};

use crate::any_model::csv_rows::answer_csv;
use crate::any_model::json_rows::answer_json;
use crate::any_model::model::Model;
use crate::any_model::rows::Rows;
use crate::any_model::signature::Signature;
use crate::artifact::array::Array;
use crate::error::Error;

/// The longest row that is read, in bytes.
pub(crate) const LONGEST_ROW: usize = 16 << 20;

/// Answers a file of rows for any model: JSON (an object, one object after the other, or a list of them) or CSV, told
/// apart by the first character, and gives the same kind. Gives the number of rows.
///
/// Fields are called as the columns are, or as the tensor where it has no columns or more than one axis beside the
/// batch. A JSON answer is `{"<output>": value, or {"<column>": value}, or nested lists}`; CSV rows pass through with a
/// column `<output>` or `<output>.<column>` for each answer. Floats are in the shortest form that reads back to the same
/// number. `progress` is told the number of rows answered so far.
///
/// # Errors
/// [`Error::Input`] with `name`, the row (a line of CSV, else the number of the object) and the column; [`Error::Io`]
/// when `output` cannot be written. Some rows before the one at fault are then written already, and none after it.
///
/// # Examples
/// ```
/// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/others");
/// let model = dollarbill_ml::Model::open(folder.join("numbers"))?;
/// let mut answered = Vec::new();
/// let file = "age,ratio,count\n30,1.5,3\n".as_bytes();
/// dollarbill_ml::any_model::answer_stream(&model, file, &mut answered, "rows.csv", |_| {})?;
/// assert_eq!(String::from_utf8_lossy(&answered), "age,ratio,count,sum,twice\n30,1.5,3,31.5,6\n");
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn answer_stream(
    model: &Model,
    mut input: impl BufRead,
    mut output: impl Write,
    name: &str,
    mut progress: impl FnMut(u64),
) -> Result<u64, Error> {
    let mut start = Vec::new();
    let first = loop {
        let bytes = input.fill_buf().map_err(|source| Error::Io { what: "read", path: name.into(), source })?;
        if bytes.is_empty() {
            break None;
        }
        // Blank space before the first row is looked through, but kept: lines are counted.
        let Some(place) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            let length = bytes.len();
            start.extend_from_slice(bytes);
            input.consume(length);
            if start.len() > LONGEST_ROW {
                break None;
            }
            continue;
        };
        break bytes.get(place).copied();
    };
    let whole = start.as_slice().chain(input);
    // A version that is let in meanwhile answers the next file.
    let model = model.pinned();
    let signature = model.signature();
    let stream = Stream { model: &model, signature: &signature, name, progress: &mut progress };
    let rows = match first {
        None => return Err(stream.refuse(None, "is empty; must hold rows as JSON or CSV")),
        Some(b'{' | b'[') => answer_json(stream, whole, &mut output)?,
        Some(_) => answer_csv(stream, whole, &mut output)?,
    };
    output.flush().map_err(|source| Error::Io { what: "write", path: name.into(), source })?;
    Ok(rows)
}

/// What a reader of rows needs besides them.
pub(crate) struct Stream<'a> {
    model: &'a Model,
    /// Of the version that answers all of the file.
    pub(crate) signature: &'a Signature,
    /// Of the file, for messages.
    pub(crate) name: &'a str,
    progress: &'a mut dyn FnMut(u64),
}

impl Stream<'_> {
    pub(crate) fn refuse(&self, row: Option<u64>, reason: &str) -> Error {
        let place = row.map_or_else(|| self.name.to_owned(), |row| format!("{}: row {row}", self.name));
        Error::Input { place, reason: reason.to_owned() }
    }

    pub(crate) fn cannot_write(&self, source: std::io::Error) -> Error {
        Error::Io { what: "write", path: self.name.into(), source }
    }

    /// The answers to the rows that wait.
    pub(crate) fn answer(&self, rows: &mut Rows<'_>) -> Result<Vec<Array>, Error> {
        let inputs = self.signature.inputs.iter().map(|tensor| tensor.name.as_str());
        Ok(self.model.run_named(inputs.zip(rows.take()))?.arrays)
    }

    pub(crate) fn tell(&mut self, rows: u64) {
        (self.progress)(rows);
    }
}
