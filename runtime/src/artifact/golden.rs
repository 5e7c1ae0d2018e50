//! The golden cases: rows and the original's answers.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};

use crate::artifact::array::Array;
use crate::artifact::axes::Axes;
use crate::artifact::manifest::Manifest;
use crate::artifact::nested::TensorsSeed;
use crate::artifact::tensor::TensorSpec;

/// What `golden/cases.json` holds, each side in the manifest's order.
#[derive(Debug)]
pub(crate) struct Golden {
    pub(crate) inputs: Vec<Array>,
    pub(crate) outputs: Vec<Array>,
}

impl Golden {
    pub(crate) fn parse(bytes: &[u8], manifest: &Manifest) -> Result<Self, String> {
        let golden: Self = read_json(bytes, GoldenSeed(manifest))?;
        let mut axes = Axes::of_batch(manifest.golden.cases);
        for (side, tensors, found) in
            [("inputs", &manifest.inputs, &golden.inputs), ("outputs", &manifest.outputs, &golden.outputs)]
        {
            bind_all(&mut axes, tensors, found, |name| format!("field '{side}.{name}'"))?;
        }
        Ok(golden)
    }
}

/// Holds arrays against the tensors that they are meant for; `place` names one in an error.
pub(crate) fn bind_all<'a>(
    axes: &mut Axes<'a>,
    tensors: &'a [TensorSpec],
    found: &[Array],
    place: impl Fn(&str) -> String,
) -> Result<(), String> {
    for (tensor, array) in tensors.iter().zip(found) {
        axes.bind(tensor, &array.shape).map_err(|reason| format!("{}: {reason}", place(&tensor.name)))?;
    }
    Ok(())
}

/// The arrays of `{"<tensor>": nested list}`: the inputs of a call, with a batch of any length.
pub(crate) fn parse_inputs(bytes: &[u8], tensors: &[TensorSpec]) -> Result<Vec<Array>, String> {
    read_json(bytes, TensorsSeed(tensors))
}

fn read_json<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let found = seed
        .deserialize(serde_path_to_error::Deserializer::new(&mut reader, &mut track))
        .map_err(|error| format!("field '{}': {error}", track.path()))?;
    reader.end().map_err(|error| format!("not JSON: {error}"))?;
    Ok(found)
}

struct GoldenSeed<'a>(&'a Manifest);

impl<'de> DeserializeSeed<'de> for GoldenSeed<'_> {
    type Value = Golden;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Golden, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for GoldenSeed<'_> {
    type Value = Golden;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with inputs and outputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Golden, A::Error> {
        let (mut inputs, mut outputs) = (None, None);
        while let Some(key) = entries.next_key::<String>()? {
            let (side, tensors) = match key.as_str() {
                "inputs" => (&mut inputs, &self.0.inputs),
                "outputs" => (&mut outputs, &self.0.outputs),
                _ => return Err(A::Error::unknown_field(&key, &["inputs", "outputs"])),
            };
            if side.replace(entries.next_value_seed(TensorsSeed(tensors))?).is_some() {
                return Err(A::Error::custom(format!("key '{key}' stands twice; keep one")));
            }
        }
        Ok(Golden {
            inputs: inputs.ok_or_else(|| A::Error::missing_field("inputs"))?,
            outputs: outputs.ok_or_else(|| A::Error::missing_field("outputs"))?,
        })
    }
}
