//! Arrays as nested lists of JSON.

use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::artifact::array::{Array, Values};

/// A part of an array: all of it, a row, or a single value.
pub(crate) struct Nested<'a> {
    pub(crate) values: &'a Values,
    /// The axes that are left.
    pub(crate) shape: &'a [usize],
    /// Where the first value stands.
    pub(crate) start: usize,
}

impl<'a> Nested<'a> {
    pub(crate) fn of(array: &'a Array) -> Self {
        Self { values: &array.values, shape: &array.shape, start: 0 }
    }

    /// One row without its batch axis.
    #[cfg(feature = "files")]
    pub(crate) fn row(array: &'a Array, row: usize) -> Self {
        let shape = array.shape.get(1..).unwrap_or_default();
        Self { values: &array.values, shape, start: row * array.row_width() }
    }
}

impl Serialize for Nested<'_> {
    /// Floats in the shortest form of their type, NaN as null; JSON has no infinity.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some((&length, rest)) = self.shape.split_first() {
            let width: usize = rest.iter().product();
            let mut list = serializer.serialize_seq(Some(length))?;
            for index in 0..length {
                list.serialize_element(&Nested {
                    values: self.values,
                    shape: rest,
                    start: self.start + index * width,
                })?;
            }
            return list.end();
        }
        if self.values.number(self.start).is_some_and(f64::is_infinite) {
            return Err(S::Error::custom("the model answered an infinity, which JSON cannot hold"));
        }
        match self.values {
            Values::Float64(values) => serializer.serialize_f64(values[self.start]),
            Values::Float32(values) => serializer.serialize_f32(values[self.start]),
            Values::Int64(values) => serializer.serialize_i64(values[self.start]),
            Values::Text(values) => serializer.serialize_str(&values[self.start]),
        }
    }
}

/// `{"<name>": nested list}`.
pub(crate) fn object<'a>(named: impl IntoIterator<Item = (&'a str, Nested<'a>)>) -> Result<String, String> {
    let mut text = String::from("{");
    for (name, nested) in named {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text += &key(name);
        text += &serde_json::to_string(&nested).map_err(|error| format!("output '{name}': {error}"))?;
    }
    text.push('}');
    Ok(text)
}

/// `"<name>": `.
pub(crate) fn key(name: &str) -> String {
    format!("{}: ", serde_json::Value::from(name))
}
