//! The artifact format, versions 1 and 2: `artifacts/README.md` is its specification, this module its strict reader.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::artifact::array::Dtype;
use crate::artifact::novelty::NoveltyEntry;
use crate::artifact::tensor::{TensorSpec, check_unique};
use crate::io::json;

const FORMAT_VERSION: u64 = 2;
const OLD_VERSION: u64 = 1;
const MAX_TENSORS: usize = 64;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphEntry {
    file: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    opset: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionEntry {
    intra_op_num_threads: u16,
}

/// In parity: `abs(x - y) <= absolute + relative * abs(y)`, y being the original's answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParityEntry {
    #[serde(rename = "reference")]
    _reference: String,
    pub(crate) absolute: f64,
    pub(crate) relative: f64,
}

impl ParityEntry {
    /// Whether `found` is in parity with the original's `expected`; NaN only with NaN.
    pub(crate) fn holds(&self, found: f64, expected: f64) -> bool {
        if found.is_nan() || expected.is_nan() {
            return found.is_nan() && expected.is_nan();
        }
        // Equal also for the infinities, whose difference is NaN.
        found == expected || (found - expected).abs() <= self.absolute + self.relative * expected.abs()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoldenEntry {
    file: String,
    pub(crate) sha256: String,
    pub(crate) cases: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainingEntry {
    #[serde(rename = "estimator")]
    _estimator: String,
    data: Value,
    #[serde(rename = "random_state", deserialize_with = "Option::deserialize")]
    _random_state: Option<i64>,
    #[serde(rename = "libraries")]
    _libraries: BTreeMap<String, String>,
    #[serde(default, rename = "window")]
    _window: Option<String>,
    #[serde(default, rename = "provenance")]
    _provenance: Option<Value>,
    #[serde(default, rename = "distribution")]
    _distribution: Option<Value>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Task {
    /// Says how likely something is.
    Classifier,
    /// Says how much.
    Regressor,
    /// Says what comes after a row of days.
    Forecaster,
    /// Says what to do.
    Policy,
    /// Turns values into others.
    Transformer,
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Classifier => "classifier",
            Self::Regressor => "regressor",
            Self::Forecaster => "forecaster",
            Self::Policy => "policy",
            Self::Transformer => "transformer",
        })
    }
}

/// The checked content of `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Of its file; who reads one fills it in.
    #[serde(skip)]
    pub(crate) sha256: String,
    format_version: u64,
    pub(crate) model: String,
    pub(crate) task: Task,
    pub(crate) graph: GraphEntry,
    session: SessionEntry,
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    pub(crate) parity: ParityEntry,
    pub(crate) golden: GoldenEntry,
    pub(crate) settings: Value,
    #[serde(default)]
    pub(crate) novelty: Option<NoveltyEntry>,
    training: TrainingEntry,
    #[serde(rename = "quality")]
    _quality: Vec<Value>,
}

impl Manifest {
    /// What training saw, in words, and whether that was files: those have a hash, a simulator has none.
    pub(crate) fn trained_on(&self) -> Option<(&str, bool)> {
        let source = self.training.data.get("source")?.as_str()?;
        let of_files = self.training.data.get("sha256").is_some_and(Value::is_string);
        Some((source, of_files))
    }

    /// Parses and checks a manifest; the error names the field.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut value = json::parse(bytes)?;
        // Another format may have other fields: its number is looked at first.
        let old = match value.get("format_version").map(|found| (found, found.as_u64())) {
            Some((_, Some(OLD_VERSION))) => true,
            None | Some((_, Some(FORMAT_VERSION))) => false,
            Some((found, _)) => {
                return Err(format!(
                    "field 'format_version': must be {OLD_VERSION} or {FORMAT_VERSION}, found {found}; update this \
                     program or export again"
                ));
            }
        };
        if old {
            modernise(&mut value)?;
        }
        let manifest: Self = json::typed(value)?;
        if old {
            manifest.check_old()?;
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.format_version != FORMAT_VERSION {
            return Err("field 'format_version': unknown".to_owned());
        }
        if !is_model_name(&self.model) {
            let rule = "must be 1 to 64 lower-case letters, digits and _, starting with a letter";
            return Err(format!("field 'model': {rule}, found {:?}", self.model));
        }
        for (field, found, expected) in
            [("graph.file", &self.graph.file, "model.onnx"), ("golden.file", &self.golden.file, "golden/cases.json")]
        {
            if found != expected {
                return Err(format!("field '{field}': must be {expected:?}, found {found:?}"));
            }
        }
        for (field, digits) in [("graph.sha256", &self.graph.sha256), ("golden.sha256", &self.golden.sha256)] {
            if digits.len() != 64 || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(format!("field '{field}': must be 64 lower-case hex digits"));
            }
        }
        if self.session.intra_op_num_threads != 1 {
            return Err("field 'session.intra_op_num_threads': must be 1".to_owned());
        }
        if !(self.parity.absolute >= 0.0 && self.parity.relative >= 0.0) {
            return Err("field 'parity': absolute and relative must be 0 or more".to_owned());
        }
        if self.golden.cases == 0 {
            return Err("field 'golden.cases': must be more than 0".to_owned());
        }
        if !self.settings.is_object() {
            return Err("field 'settings': must be an object".to_owned());
        }
        for (side, tensors) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            if !(1..=MAX_TENSORS).contains(&tensors.len()) {
                return Err(format!("field '{side}': must list 1 to {MAX_TENSORS} tensors, found {}", tensors.len()));
            }
            for (index, tensor) in tensors.iter().enumerate() {
                tensor.check(&format!("{side}[{index}]"))?;
            }
            check_unique(side, tensors, side == "outputs")?;
        }
        match (&self.novelty, self.inputs.as_slice()) {
            (None, _) => Ok(()),
            (Some(novelty), [input]) if input.dtype.is_float() => {
                novelty.check(&input.fixed_row_shape().unwrap_or_default())
            }
            (Some(_), _) => Err("field 'novelty': goes with a single input of numbers".to_owned()),
        }
    }

    /// What version 1 did not have.
    fn check_old(&self) -> Result<(), String> {
        if self.inputs.len() != 1 {
            return Err(format!("field 'inputs': must list one tensor, found {}", self.inputs.len()));
        }
        if !(1..=4).contains(&self.outputs.len()) {
            return Err(format!("field 'outputs': must list 1 to 4 tensors, found {}", self.outputs.len()));
        }
        for (side, tensors) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            for (index, tensor) in tensors.iter().enumerate() {
                if tensor.dtype != Dtype::Float64 || tensor.fixed_row_shape().is_none() {
                    let rule = "must be float64 without free axes in version 1";
                    return Err(format!("field '{side}[{index}]': {rule}"));
                }
                let told = |column: &crate::artifact::tensor::Column| {
                    column.unit.is_some() && column.minimum.is_some() && column.maximum.is_some()
                };
                if let Some(place) = tensor.columns.iter().position(|column| !told(column)) {
                    let rule = "unit, minimum and maximum must not be null in version 1";
                    return Err(format!("field '{side}[{index}].columns[{place}]': {rule}"));
                }
            }
        }
        Ok(())
    }

    /// The versions of the operator sets that the graph must declare.
    pub(crate) fn opset(&self) -> &BTreeMap<String, u32> {
        &self.graph.opset
    }

    /// How many threads a session of this model must use.
    #[cfg(feature = "ort")]
    pub(crate) fn threads(&self) -> usize {
        usize::from(self.session.intra_op_num_threads)
    }
}

/// The name of a model: a folder's, and a key's of the config.
pub(crate) fn is_model_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(sound) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Version 1 as version 2: the fields that it lacks, as the specification's table says.
fn modernise(value: &mut Value) -> Result<(), String> {
    let deep = |tensor: &Value| tensor["shape"].as_array().is_some_and(|shape| shape.len() >= 3);
    let task = if value["inputs"].get(0).is_some_and(deep) { "forecaster" } else { "classifier" };
    for (side, is_input) in [("inputs", true), ("outputs", false)] {
        for (index, tensor) in value.get_mut(side).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            let missing = is_input && deep(tensor);
            let columns = tensor.get_mut("columns").and_then(Value::as_array_mut);
            for (place, column) in columns.into_iter().flatten().enumerate() {
                let Some(column) = column.as_object_mut() else { continue };
                if column.insert("missing".to_owned(), missing.into()).is_some() {
                    return Err(format!("field '{side}[{index}].columns[{place}]': unknown field `missing`"));
                }
            }
        }
    }
    let Some(fields) = value.as_object_mut() else { return Ok(()) };
    if fields.insert("task".to_owned(), task.into()).is_some() {
        return Err("unknown field `task`".to_owned());
    }
    fields.insert("format_version".to_owned(), json!(FORMAT_VERSION));
    Ok(())
}
