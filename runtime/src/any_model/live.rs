//! An answer of any model on its way to the log, with what the shadow says of the same row.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

use crate::any_model::answers::Answers;
use crate::any_model::inputs::ordered;
use crate::any_model::json::Nested;
use crate::any_model::ready::{Ready, answer};
use crate::artifact::array::Array;
use crate::artifact::place::Located;
use crate::artifact::tensor::TensorSpec;
use crate::artifact::trust::settings::Trust;
use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::engine::place::Place;
use crate::service::live::Live;
use crate::service::live::row::{Fields, Row, Shadowed};
use crate::service::source::Source;

/// A version that answers beside the one in use, or why it does not.
pub(crate) struct AnyShadow {
    version: Version,
    /// The model's folder.
    folder: PathBuf,
    state: ArcSwap<Result<Ready, String>>,
}

impl AnyShadow {
    /// Loads a version that lies in the model's folder; that it cannot be loaded is logged, and no error.
    pub(crate) fn open(version: Version, folder: PathBuf, model: &str, place: &Place, trust: &Trust) -> Self {
        let shadow = Self { version, folder, state: ArcSwap::from_pointee(Err(String::new())) };
        shadow.look_again(model, place, trust);
        if let Err(reason) = &**shadow.state.load() {
            tracing::warn!("shadow: {model} {version} does not answer: {reason}");
        }
        shadow
    }

    /// Looks again for a version that could not be loaded.
    pub(crate) fn look_again(&self, model: &str, place: &Place, trust: &Trust) {
        if self.state.load().is_err() {
            let folder = self.folder.join(self.version.as_str());
            let located = Located { folder, pointed: false, step: None };
            let ready = Ready::load(&located, place, 1, Some(model), trust).map_err(|error| error.to_string());
            self.state.store(Arc::new(ready));
        }
    }
}

/// Leaves every row of a call to the log.
pub(crate) fn log(
    live: &Live,
    shadow: Option<&Arc<AnyShadow>>,
    inputs: &[TensorSpec],
    arrays: &[Array],
    answers: &Answers,
) {
    let rows = answers.rows();
    let mut warnings = answers.warnings().iter().peekable();
    for row in 0..rows {
        let warning = warnings.next_if(|warning| warning.row() == row).map(ToString::to_string);
        let one = |array: &Array| array.part(row..row + 1);
        live.push(LoggedRow {
            model: answers.signature.name.clone(),
            version: answers.version(),
            engine: answers.engine(),
            inputs: named_inputs(inputs, arrays, row),
            arrays: if shadow.is_some() { arrays.iter().map(one).collect() } else { Vec::new() },
            answer: named_outputs(answers, row),
            // The row has a number of its own in the call, not in the log.
            warning: warning.map(|text| text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned())),
            shadow: shadow.cloned(),
        });
    }
}

struct LoggedRow {
    model: String,
    version: Version,
    engine: EngineKind,
    inputs: Map<String, Value>,
    /// What the shadow is asked; nothing without one.
    arrays: Vec<Array>,
    answer: Map<String, Value>,
    warning: Option<String>,
    shadow: Option<Arc<AnyShadow>>,
}

impl Row for LoggedRow {
    fn fields(&self) -> Fields {
        Fields {
            model: self.model.clone(),
            version: Some(self.version),
            engine: Some(self.engine),
            source: Source::Model,
            tag: None,
            about: Map::new(),
            inputs: self.inputs.clone(),
            answer: self.answer.clone(),
            warnings: self.warning.clone().into_iter().collect(),
            shadow: self.shadow.as_ref().filter(|shadow| shadow.version != self.version).map(|shadow| {
                let state = shadow.state.load();
                let ready = state.as_ref().as_ref().map_err(Clone::clone);
                Shadowed::of(shadow.version, ready.and_then(|ready| self.asked(ready)))
            }),
        }
    }

    fn weight(&self) -> usize {
        let values: usize = self.arrays.iter().map(|array| array.values.len()).sum();
        size_of::<Self>() + 16 * values + 128 * (self.inputs.len() + self.answer.len())
    }
}

impl LoggedRow {
    fn asked(&self, ready: &Ready) -> Result<(EngineKind, Map<String, Value>), String> {
        let tensors = &ready.engine.manifest.inputs;
        if tensors.len() != self.arrays.len() {
            return Err("takes other inputs than the version in use".to_owned());
        }
        let named = tensors.iter().map(|tensor| tensor.name.as_str()).zip(self.arrays.iter().cloned());
        let arrays = ordered(tensors, named).map_err(|(_, reason)| reason)?;
        let answers = answer(ready, &arrays, None).map_err(|error| error.to_string())?;
        Ok((answers.engine(), named_outputs(&answers, 0)))
    }
}

/// Each column of a row under its name; a tensor without columns, or with several rows of them, as nested lists.
fn named_inputs(tensors: &[TensorSpec], arrays: &[Array], row: usize) -> Map<String, Value> {
    let mut named = Map::new();
    for (tensor, array) in tensors.iter().zip(arrays) {
        let width = array.row_width();
        if tensor.columns.len() == width {
            for (index, column) in tensor.columns.iter().enumerate() {
                let one = Nested { values: &array.values, shape: &[], start: row * width + index };
                named.insert(column.name.clone(), json(&one));
            }
        } else {
            named.insert(tensor.name.clone(), json(&nested(array, row)));
        }
    }
    named
}

fn named_outputs(answers: &Answers, row: usize) -> Map<String, Value> {
    answers.iter().map(|(name, array)| (name.to_owned(), json(&nested(array, row)))).collect()
}

/// One row without its batch axis.
fn nested(array: &Array, row: usize) -> Nested<'_> {
    Nested { values: &array.values, shape: array.shape.get(1..).unwrap_or_default(), start: row * array.row_width() }
}

/// An infinity, which JSON does not have, is null.
fn json(nested: &Nested<'_>) -> Value {
    serde_json::to_value(nested).unwrap_or(Value::Null)
}
