//! Nested lists of JSON into arrays of a known type: strict about shape and type, and exact to the bit.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::artifact::array::{Array, Dtype, Values};
use crate::artifact::tensor::TensorSpec;

/// Reads lists nested as deep as a tensor has axes. `null` is NaN in a tensor of floats.
pub(crate) struct NestedSeed {
    pub(crate) dtype: Dtype,
    /// How many lists lie within each other.
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for NestedSeed {
    type Value = Array;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Array, D::Error> {
        let mut values = Values::empty(self.dtype);
        let mut shape = vec![None; self.depth];
        Level { values: &mut values, shape: &mut shape, depth: 0 }.deserialize(deserializer)?;
        // An axis within an axis of length 0 has no length of its own.
        Ok(Array { shape: shape.into_iter().map(|length| length.unwrap_or(0)).collect(), values })
    }
}

/// What is read at one depth: a list, or at the innermost a value.
struct Level<'a> {
    values: &'a mut Values,
    /// The length of each axis, once its first list has been read.
    shape: &'a mut [Option<usize>],
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth < self.shape.len() {
            return deserializer.deserialize_seq(self);
        }
        match self.values.dtype() {
            // The shortest form of a float32 goes straight to float32: by way of float64 it could be rounded twice.
            Dtype::Float32 => deserializer.deserialize_option(Leaf(self.values)),
            _ => deserializer.deserialize_any(Leaf(self.values)),
        }
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { values, shape, depth } = self;
        let mut length = 0;
        while items.next_element_seed(Level { values: &mut *values, shape: &mut *shape, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        match shape[depth].replace(length) {
            Some(before) if before != length => Err(A::Error::custom("lists of one depth have different lengths")),
            _ => Ok(()),
        }
    }
}

/// One value, put behind those read before.
pub(crate) struct Leaf<'a>(pub(crate) &'a mut Values);

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Leaf<'_> {
    fn too_large<E: Error>(value: impl fmt::Display) -> E {
        E::custom(format!("{value} is too large for this type"))
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0.dtype() {
            Dtype::Float64 | Dtype::Float32 => "a number or null",
            Dtype::Int64 => "a whole number without a fraction",
            Dtype::Text => "a text",
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a cast to float32 rounds")]
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.0 {
            Values::Float64(values) => values.push(value),
            Values::Float32(values) if value.is_finite() && (value as f32).is_infinite() => {
                return Err(Self::too_large(value));
            }
            Values::Float32(values) => values.push(value as f32),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Float(value), &self)),
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a JSON integer means the nearest float here")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.0 {
            Values::Float64(values) => values.push(value as f64),
            Values::Float32(values) => values.push(value as f32),
            Values::Int64(values) => values.push(value),
            Values::Text(_) => return Err(E::invalid_type(serde::de::Unexpected::Signed(value), &self)),
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a JSON integer means the nearest float here")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match self.0 {
            Values::Float64(values) => values.push(value as f64),
            Values::Float32(values) => values.push(value as f32),
            Values::Int64(values) => values.push(i64::try_from(value).map_err(|_| Self::too_large(value))?),
            Values::Text(_) => return Err(E::invalid_type(serde::de::Unexpected::Unsigned(value), &self)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if let Values::Text(values) = self.0 {
            values.push(value.to_owned());
            return Ok(());
        }
        let short: String = value.chars().take(40).collect();
        Err(E::invalid_type(serde::de::Unexpected::Str(&short), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.0 {
            Values::Float64(values) => values.push(f64::NAN),
            Values::Float32(values) => values.push(f32::NAN),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Unit, &self)),
        }
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_f32(self)
    }
}

/// Reads `{"<tensor>": nested list}` with exactly the tensors named, and gives them in their order.
pub(crate) struct TensorsSeed<'a>(pub(crate) &'a [TensorSpec]);

impl<'de> DeserializeSeed<'de> for TensorsSeed<'_> {
    type Value = Vec<Array>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Array>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TensorsSeed<'_> {
    type Value = Vec<Array>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with a nested list for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<Array>, A::Error> {
        let mut found: Vec<Option<Array>> = self.0.iter().map(|_| None).collect();
        let mut others = BTreeSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            let Some(place) = self.0.iter().position(|tensor| tensor.name == name) else {
                entries.next_value::<serde::de::IgnoredAny>()?;
                others.insert(name);
                continue;
            };
            let seed = NestedSeed { dtype: self.0[place].dtype, depth: self.0[place].shape.len() };
            if found[place].replace(entries.next_value_seed(seed)?).is_some() {
                return Err(A::Error::custom(format!("key '{name}' stands twice; keep one")));
            }
        }
        let missing = self.0.iter().zip(&found).find(|(_, found)| found.is_none());
        if let Some(name) = others.first() {
            return Err(A::Error::custom(format!("holds other tensors than the manifest: {name:?}")));
        }
        if let Some((tensor, _)) = missing {
            return Err(A::Error::custom(format!("holds other tensors than the manifest: no {:?}", tensor.name)));
        }
        Ok(found.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dtype: Dtype, depth: usize, text: &str) -> Result<Array, String> {
        let mut reader = serde_json::Deserializer::from_str(text);
        NestedSeed { dtype, depth }.deserialize(&mut reader).map_err(|error| error.to_string())
    }

    #[test]
    fn nested_lists_keep_their_shape_and_null_is_nan() {
        let nested = read(Dtype::Float64, 3, "[[[1, 2.5], [null, -4]], [[5, 6], [7, 8]]]").unwrap();
        assert_eq!(nested.shape, [2, 2, 2]);
        let values = nested.float64().unwrap();
        assert!(values[2].is_nan());
        assert_eq!(values.len(), 8);
    }

    #[test]
    fn uneven_lists_are_refused() {
        for (depth, text) in [
            (2, "[[1], [2, 3]]"),
            (1, "[1, [2]]"),
            (2, "[[1], 2]"),
            (2, "[[1], [[2]]]"),
            (4, "[[[[[1]]]]]"),
            (2, "[[], [1]]"),
        ] {
            assert!(read(Dtype::Float64, depth, text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_type_is_read_exactly_or_refused() {
        assert_eq!(read(Dtype::Int64, 1, "[9223372036854775807]").unwrap().int64(), Some([i64::MAX].as_slice()));
        assert_eq!(read(Dtype::Float32, 1, "[0.1, 16777217]").unwrap().float32(), Some([0.1, 16_777_216.0].as_slice()));
        assert_eq!(read(Dtype::Text, 1, r#"["é"]"#).unwrap().text(), Some(["é".to_owned()].as_slice()));
        for (dtype, text) in [
            (Dtype::Int64, "[1.0]"),
            (Dtype::Int64, "[9223372036854775808]"),
            (Dtype::Int64, "[null]"),
            (Dtype::Float32, "[1e39]"),
            (Dtype::Float32, "[\"1\"]"),
            (Dtype::Float64, "[true]"),
            (Dtype::Text, "[1]"),
            (Dtype::Text, "[null]"),
            (Dtype::Text, "[\"\\ud800\"]"),
        ] {
            assert!(read(dtype, 1, text).is_err(), "{dtype} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,64}", depth in 0_usize..5) {
            for dtype in Dtype::ALL {
                let _ = read(dtype, depth, &text);
            }
        }

        #[test]
        fn a_float_of_either_width_survives_its_shortest_form(bits in proptest::num::u64::ANY) {
            let (wide, narrow) = (f64::from_bits(bits), f32::from_bits((bits >> 32) as u32));
            if wide.is_finite() {
                let found = read(Dtype::Float64, 1, &format!("[{wide:?}]")).unwrap();
                proptest::prop_assert_eq!(found.float64().unwrap()[0].to_bits(), wide.to_bits());
            }
            if narrow.is_finite() {
                let found = read(Dtype::Float32, 1, &format!("[{narrow:?}]")).unwrap();
                proptest::prop_assert_eq!(found.float32().unwrap()[0].to_bits(), narrow.to_bits());
            }
        }
    }
}
