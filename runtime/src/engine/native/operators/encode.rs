//! LabelEncoder: one value for another.

use std::collections::HashMap;

use crate::engine::native::build::{Call, Lowered, one};
use crate::engine::native::scratch::{Element, Source};
use crate::engine::native::value::{Kind, Spot};

/// A value as the key of a map: numbers by their bits, every NaN alike, both zeros alike.
trait Key: Element {
    type Bits: Eq + std::hash::Hash + Send + Sync + 'static;

    fn bits(&self) -> Self::Bits;
}

impl Key for String {
    type Bits = Self;

    fn bits(&self) -> Self {
        self.clone()
    }
}

impl Key for i64 {
    type Bits = Self;

    fn bits(&self) -> Self {
        *self
    }
}

impl Key for f32 {
    type Bits = u32;

    fn bits(&self) -> u32 {
        if self.is_nan() { Self::NAN.to_bits() } else { (*self + 0.0).to_bits() }
    }
}

impl Key for f64 {
    type Bits = u64;

    fn bits(&self) -> u64 {
        if self.is_nan() { Self::NAN.to_bits() } else { (*self + 0.0).to_bits() }
    }
}

/// Keys or values of any type that the operator takes.
enum List {
    Text(Vec<String>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
}

fn list(call: &Call<'_>, name: &str) -> Result<List, String> {
    if let Some(texts) = call.texts_attribute(&format!("{name}_strings"))? {
        return Ok(List::Text(texts.to_vec()));
    }
    if let Some(numbers) = call.ints_attribute(&format!("{name}_int64s"))? {
        return Ok(List::Int64(numbers.to_vec()));
    }
    if let Some(numbers) = call.floats_attribute(&format!("{name}_floats"))? {
        return Ok(List::Float32(numbers.to_vec()));
    }
    let tensor = call.tensor_attribute(&format!("{name}_tensor"))?.ok_or_else(|| format!("has no {name}"))?;
    let Spot::Constant(data) = &tensor.spot else { return Err(format!("has no {name}")) };
    let found = String::read(data).map(|values| List::Text(values.to_vec()));
    let found = found.or_else(|| i64::read(data).map(|values| List::Int64(values.to_vec())));
    let found = found.or_else(|| f32::read(data).map(|values| List::Float32(values.to_vec())));
    let found = found.or_else(|| f64::read(data).map(|values| List::Float64(values.to_vec())));
    found.ok_or_else(|| format!("has {name} of a type that is not known"))
}

/// What a key that is not in the list becomes.
fn fallback<T: Element>(call: &Call<'_>, own: Option<T>) -> Result<T, String> {
    if let Some(tensor) = call.tensor_attribute("default_tensor")? {
        let Spot::Constant(data) = &tensor.spot else { return Err("has no default".to_owned()) };
        return T::read(data)
            .and_then(|values| values.first().cloned())
            .ok_or_else(|| "has a default of another type".to_owned());
    }
    own.ok_or_else(|| "has no default".to_owned())
}

/// LabelEncoder.
pub(crate) fn label_encoder(call: &mut Call<'_>) -> Lowered {
    fn from<K: Key>(call: &mut Call<'_>, keys: &[K], values: List) -> Lowered {
        match values {
            List::Text(values) => {
                let own = call.text("default_string", "_Unused")?.to_owned();
                let own = fallback(call, Some(own))?;
                to(call, keys, values, own)
            }
            List::Int64(values) => {
                let own = fallback(call, Some(call.int("default_int64", -1)?))?;
                to(call, keys, values, own)
            }
            List::Float32(values) => {
                let own = fallback(call, Some(call.float("default_float", -0.0)?))?;
                to(call, keys, values, own)
            }
            List::Float64(values) => {
                let own = fallback(call, Some(-0.0))?;
                to(call, keys, values, own)
            }
        }
    }
    let values = list(call, "values")?;
    match list(call, "keys")? {
        List::Text(keys) => from(call, &keys, values),
        List::Int64(keys) => from(call, &keys, values),
        List::Float32(keys) => from(call, &keys, values),
        List::Float64(keys) => from(call, &keys, values),
    }
}

fn to<K: Key, V: Element>(call: &mut Call<'_>, keys: &[K], values: Vec<V>, own: V) -> Lowered {
    let apart =
        [K::KIND, V::KIND] == [Kind::Float32, Kind::Float64] || [K::KIND, V::KIND] == [Kind::Float64, Kind::Float32];
    // Before version 4 a key that is NaN is never found.
    #[expect(clippy::eq_op, reason = "NaN alone is not itself")]
    if apart || (call.opsets[1] < 4 && keys.iter().any(|key| key != key)) {
        return Err("has keys and values that are not known together".to_owned());
    }
    if keys.len() != values.len() {
        return Err("has keys and values of different lengths".to_owned());
    }
    let value = call.input(0)?;
    if value.kind == Kind::Int32 {
        return Err(call.unknown_type(value.kind));
    }
    let (source, shape) =
        (Source::<K>::of(value).ok_or("has keys of another type than its input")?, value.shape.clone());
    let mut map: HashMap<K::Bits, V> = HashMap::with_capacity(keys.len());
    for (key, value) in keys.iter().zip(values) {
        // Of a key that stands twice the first counts.
        map.entry(key.bits()).or_insert(value);
    }
    one(call.builder.step(V::KIND, shape, move |out: &mut [V], scratch| {
        for (out, key) in out.iter_mut().zip(source.get(scratch)) {
            out.clone_from(map.get(&key.bits()).unwrap_or(&own));
        }
    })?)
}
