//! Files of rows for any model, answered in a stream, so they may be larger than memory.

use std::io::{BufRead, Read, Write};

use crate::any_model::csv_rows::answer_csv;
use crate::any_model::json_rows::answer_json;
use crate::any_model::model::Model;
use crate::any_model::stream::{LONGEST_ROW, Stream};
use crate::error::Error;
use crate::io::decoded::decoded;

/// Answers a file of rows for any model: JSON (an object, one object after the other, or a list of them) or CSV, told
/// apart by the first character, and gives the same kind. Gives the number of rows. Gzip is unpacked, a byte order mark
/// passed over.
///
/// Fields are called as the columns are, or as the tensor where it has no columns or more than one axis beside the
/// batch; other columns of CSV pass through, named in a warning of the log. A JSON answer is `{"<output>": value, or {"<column>": value}, or nested lists}`; CSV rows pass through with a
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
    input: impl BufRead,
    mut output: impl Write,
    name: &str,
    mut progress: impl FnMut(u64),
) -> Result<u64, Error> {
    let mut input = decoded(input).map_err(|source| Error::Io { what: "read", path: name.into(), source })?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::OnceLock;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::place::Place;

    /// The model of all types.
    fn model() -> &'static Model {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            let options = Model::options().lanes(1).place(Place::below(&here.join("..")));
            options.open(here.join("tests/fixtures/others/mixed")).unwrap()
        })
    }

    fn answered(input: &[u8]) -> Result<String, Error> {
        let mut output = Vec::new();
        answer_stream(model(), input, &mut output, "rows", |_| {})?;
        Ok(String::from_utf8(output).unwrap())
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_or_refused_without_a_panic(start in 0_usize..5, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let start = ["", "{", "[{\"age\": ", "age,ratio,count,weight,colour\n", "{\"colour\": "][start];
            if let Err(error) = answered(&[start.as_bytes(), &bytes].concat()) {
                prop_assert!(["input", "io"].contains(&error.code()), "{}", error);
            }
        }

        #[test]
        fn a_row_says_the_same_in_json_and_in_csv(
            age in 0.0..=120.0_f64, ratio in any::<f64>(), count in -1_000_000_000_000_i64..1_000_000_000_000,
            weight in 0.0..1e30_f32, colour in "[a-z]{0,6}",
        ) {
            prop_assume!(ratio.is_finite() && (age * 0.5 + ratio).is_finite());
            let json = format!(
                "{{\"colour\": \"{colour}\", \"weight\": {weight:?}, \"count\": {count}, \"ratio\": {ratio:?}, \"age\": {age:?}}}"
            );
            let csv = format!("age,ratio,count,weight,colour\n{age:?},{ratio:?},{count},{weight:?},{colour}\n");
            let object: serde_json::Value = serde_json::from_str(&answered(json.as_bytes()).unwrap()).unwrap();
            let answers = answered(csv.as_bytes()).unwrap();
            let cells: Vec<&str> = answers.lines().nth(1).unwrap().split(',').skip(5).collect();
            let score = object["score"].as_f64().unwrap();
            prop_assert_eq!(score.to_bits(), (age * 0.5 + ratio).to_bits());
            prop_assert_eq!(cells[0].parse::<f64>().unwrap().to_bits(), score.to_bits());
            prop_assert_eq!(cells[1].parse::<i64>().unwrap(), object["doubled"].as_i64().unwrap());
            prop_assert_eq!(cells[1].parse::<i64>().unwrap(), 2 * count);
            prop_assert_eq!(cells[2].parse::<f32>().unwrap().to_bits(), (weight * 0.5).to_bits());
            prop_assert_eq!(cells[4], object["label"].as_str().unwrap());
        }
    }
}
