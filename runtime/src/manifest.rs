//! The artifact format, version 1: `artifacts/README.md` is its specification, this module its strict reader.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::files::{GOLDEN_LIMIT, GRAPH_LIMIT, MANIFEST_LIMIT, POINTER_LIMIT, read_limited};
use crate::json::{self, Nested};
use crate::novelty::NoveltyEntry;

const FORMAT_VERSION: u64 = 1;
const MAX_AXIS: usize = 4096;

/// The version of a model: the first 12 hex digits of the SHA-256 of its manifest.
///
/// # Examples
/// ```
/// use dollarbill_ml::Version;
/// let version: Version = "0123456789ab".parse().unwrap();
/// assert_eq!(version.to_string(), "0123456789ab");
/// assert!("../../../etc".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version([u8; 12]);

impl std::fmt::Debug for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Version({self})")
    }
}

impl Version {
    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every byte was checked to be an ASCII digit or letter, so this cannot fail.
        str::from_utf8(&self.0).unwrap_or("")
    }

    fn of(manifest: &[u8]) -> Self {
        let digits = sha256_hex(manifest);
        let mut version = [b'0'; 12];
        version.copy_from_slice(&digits.as_bytes()[..12]);
        Self(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes: [u8; 12] = text.as_bytes().try_into().map_err(|_| "must be 12 hex digits".to_owned())?;
        if bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(bytes))
        } else {
            Err("must be 12 lower-case hex digits".to_owned())
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One column of a tensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    pub(crate) integer: bool,
    // `deserialize_with` makes the key required: null is a value, absence is an error.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) trained_minimum: Option<f64>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) trained_maximum: Option<f64>,
    #[serde(rename = "meaning")]
    _meaning: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Axis {
    Number(usize),
    Name(String),
}

/// An input or output of the graph.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    dtype: String,
    shape: Vec<Axis>,
    pub(crate) columns: Vec<Column>,
}

impl Tensor {
    /// The lengths of all axes but the batch.
    pub(crate) fn row_shape(&self) -> Vec<usize> {
        self.shape.iter().skip(1).map(|axis| if let Axis::Number(length) = axis { *length } else { 0 }).collect()
    }

    /// How many numbers one row holds.
    pub(crate) fn row_width(&self) -> usize {
        self.row_shape().iter().product()
    }

    fn check(&self, field: &str) -> Result<(), String> {
        if self.dtype != "float64" {
            return Err(format!("field '{field}.dtype': must be \"float64\", found {:?}", self.dtype));
        }
        if !matches!(self.shape.first(), Some(Axis::Name(name)) if name == "batch") {
            return Err(format!("field '{field}.shape': the first axis must be \"batch\""));
        }
        let rest = &self.shape[1..];
        let sound = |axis: &Axis| matches!(axis, Axis::Number(length) if (1..=MAX_AXIS).contains(length));
        if rest.len() > 3 || !rest.iter().all(sound) || self.row_width() > 1 << 16 {
            return Err(format!(
                "field '{field}.shape': the axes after \"batch\" must be numbers from 1 to {MAX_AXIS}"
            ));
        }
        for (index, column) in self.columns.iter().enumerate() {
            let trained = column.trained_minimum.is_some() == column.trained_maximum.is_some();
            if column.minimum > column.maximum || column.trained_minimum > column.trained_maximum || !trained {
                return Err(format!("field '{field}.columns[{index}]': minimum and maximum do not fit each other"));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphEntry {
    file: String,
    sha256: String,
    bytes: u64,
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
struct GoldenEntry {
    file: String,
    sha256: String,
    cases: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainingEntry {
    #[serde(rename = "estimator")]
    _estimator: String,
    #[serde(rename = "data")]
    _data: Value,
    #[serde(rename = "random_state")]
    _random_state: i64,
    #[serde(rename = "libraries")]
    _libraries: BTreeMap<String, String>,
}

/// The checked content of `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format_version: u64,
    pub(crate) model: String,
    graph: GraphEntry,
    session: SessionEntry,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) outputs: Vec<Tensor>,
    pub(crate) parity: ParityEntry,
    golden: GoldenEntry,
    pub(crate) settings: Value,
    #[serde(default)]
    pub(crate) novelty: Option<NoveltyEntry>,
    #[serde(rename = "training")]
    _training: TrainingEntry,
    #[serde(rename = "quality")]
    _quality: Vec<Value>,
}

impl Manifest {
    /// Parses and checks a manifest; the error names the field.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value = json::parse(bytes)?;
        // Another format may have other fields: its number is looked at first.
        match value.get("format_version") {
            Some(found) if found.as_u64() != Some(FORMAT_VERSION) => {
                return Err(format!(
                    "field 'format_version': must be {FORMAT_VERSION}, found {found}; update this program or export again"
                ));
            }
            _ => {}
        }
        let manifest: Self = json::typed(value)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.format_version != FORMAT_VERSION {
            return Err("field 'format_version': unknown".to_owned());
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
        if self.inputs.len() != 1 {
            return Err(format!("field 'inputs': must list one tensor, found {}", self.inputs.len()));
        }
        if !(1..=4).contains(&self.outputs.len()) {
            return Err(format!("field 'outputs': must list 1 to 4 tensors, found {}", self.outputs.len()));
        }
        for (index, tensor) in self.inputs.iter().enumerate() {
            tensor.check(&format!("inputs[{index}]"))?;
        }
        for (index, tensor) in self.outputs.iter().enumerate() {
            tensor.check(&format!("outputs[{index}]"))?;
        }
        if let Some(novelty) = &self.novelty {
            novelty.check(&self.inputs[0].row_shape())?;
        }
        Ok(())
    }

    /// The versions of the operator sets that the graph must declare.
    pub(crate) fn opset(&self) -> &BTreeMap<String, u32> {
        &self.graph.opset
    }

    /// How many threads a session of this model must use.
    pub(crate) fn threads(&self) -> usize {
        usize::from(self.session.intra_op_num_threads)
    }
}

/// The golden cases: rows and the original's answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Golden {
    pub(crate) inputs: BTreeMap<String, Nested>,
    pub(crate) outputs: BTreeMap<String, Nested>,
}

impl Golden {
    fn parse(bytes: &[u8], manifest: &Manifest) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let golden: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| format!("field '{}': {}", error.path(), error.inner()))?;
        reader.end().map_err(|error| format!("not JSON: {error}"))?;
        let cases = manifest.golden.cases;
        for (side, tensors, found) in
            [("inputs", &manifest.inputs, &golden.inputs), ("outputs", &manifest.outputs, &golden.outputs)]
        {
            if tensors.len() != found.len() {
                return Err(format!("field '{side}': holds other tensors than the manifest"));
            }
            for tensor in tensors {
                let name = &tensor.name;
                let nested = found.get(name).ok_or_else(|| format!("field '{side}.{name}': is missing"))?;
                let mut shape = vec![cases];
                shape.extend(tensor.row_shape());
                if nested.shape != shape {
                    return Err(format!("field '{side}.{name}': must have shape {shape:?}, has {:?}", nested.shape));
                }
            }
        }
        Ok(golden)
    }
}

/// One version of a model as read from the disk: hashes checked, not yet loaded into onnxruntime.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) folder: PathBuf,
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    pub(crate) graph: Vec<u8>,
    pub(crate) golden: Golden,
}

impl Artifact {
    /// Reads a version folder (or the `model.onnx` in one) and checks everything that needs no onnxruntime.
    pub(crate) fn read(folder: &Path, model: &str) -> Result<Self, Error> {
        let refuse = |path: &Path, reason: String| Error::Artifact { path: path.to_path_buf(), reason };
        let manifest_path = plain_file(folder, "manifest.json")?;
        let manifest_bytes = read_limited(&manifest_path, MANIFEST_LIMIT)?;
        let version = Version::of(&manifest_bytes);
        let names = names_of(folder)?;
        if names.version != version.as_str() {
            let reason =
                format!("hashes to version {version}, but the folder is named {}; export again", names.version);
            return Err(refuse(&manifest_path, reason));
        }
        let manifest = Manifest::parse(&manifest_bytes).map_err(|reason| refuse(&manifest_path, reason))?;
        for (what, found) in [("asked for", model), ("of the folder", names.model.as_str())] {
            if manifest.model != found {
                let reason = format!("field 'model': is {:?}, the model {what} is {found:?}", manifest.model);
                return Err(refuse(&manifest_path, reason));
            }
        }
        let graph_path = plain_file(folder, "model.onnx")?;
        let graph = read_limited(&graph_path, GRAPH_LIMIT)?;
        check_hash(&graph_path, &graph, &manifest.graph.sha256, "graph.sha256")?;
        if graph.len() as u64 != manifest.graph.bytes {
            return Err(refuse(&manifest_path, format!("field 'graph.bytes': the file holds {} bytes", graph.len())));
        }
        let golden_path = plain_file(folder, "golden/cases.json")?;
        let golden_bytes = read_limited(&golden_path, GOLDEN_LIMIT)?;
        check_hash(&golden_path, &golden_bytes, &manifest.golden.sha256, "golden.sha256")?;
        let golden = Golden::parse(&golden_bytes, &manifest).map_err(|reason| refuse(&golden_path, reason))?;
        Ok(Self { folder: folder.to_path_buf(), version, manifest, graph, golden })
    }
}

fn check_hash(path: &Path, bytes: &[u8], expected: &str, field: &str) -> Result<(), Error> {
    let found = sha256_hex(bytes);
    if found == expected {
        return Ok(());
    }
    Err(Error::Artifact {
        path: path.to_path_buf(),
        reason: format!("field '{field}': the file hashes to {found}, the manifest says {expected}; export again"),
    })
}

/// A file inside a version folder; a link anywhere below the folder is refused, so nothing outside is read.
fn plain_file(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut path = folder.to_path_buf();
    for part in name.split('/') {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(kind) if kind.file_type().is_symlink() => {
                return Err(Error::Artifact { path, reason: "is a link; an artifact holds plain files".to_owned() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Artifact { path, reason: "is missing; export the model again".to_owned() });
            }
            Err(source) => return Err(Error::Io { what: "read", path, source }),
        }
    }
    Ok(path)
}

/// The model that a version folder holds, when it is soundly another than the one asked for: a mistake in the config.
pub(crate) fn other_model(folder: &Path, asked: &str) -> Option<String> {
    let model = names_of(folder).ok()?.model;
    let bytes = read_limited(&plain_file(folder, "manifest.json").ok()?, MANIFEST_LIMIT).ok()?;
    let manifest = json::parse(&bytes).ok()?;
    (model != asked && manifest.get("model").and_then(Value::as_str) == Some(&model)).then_some(model)
}

struct Names {
    model: String,
    version: String,
}

/// The names of a version folder and of the model folder that it lies in.
fn names_of(folder: &Path) -> Result<Names, Error> {
    let whole = fs::canonicalize(folder).map_err(crate::files::io_error("read", folder))?;
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    Ok(Names { model: name(whole.parent()), version: name(Some(&whole)) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    version: Version,
}

/// The version folder that `path` means: a model folder (through `current.json`), a version folder, or its graph.
pub(crate) fn version_folder(path: &Path) -> Result<PathBuf, Error> {
    let refuse = |path: &Path, reason: String| Error::Artifact { path: path.to_path_buf(), reason };
    if !path.exists() {
        return Err(refuse(
            path,
            "no artifact here; run `make`, or `python -m export` and `python -m verify`".to_owned(),
        ));
    }
    if path.is_file() {
        return match (path.file_name(), path.parent()) {
            (Some(name), Some(parent)) if name == "model.onnx" => Ok(parent.to_path_buf()),
            _ => Err(refuse(path, "must be a model folder, a version folder, or a model.onnx in one".to_owned())),
        };
    }
    if path.join("manifest.json").exists() {
        return Ok(path.to_path_buf());
    }
    let pointer = path.join("current.json");
    if !pointer.exists() {
        let reason = "holds no current.json; run `python -m verify` to make an exported version current".to_owned();
        return Err(refuse(path, reason));
    }
    let pointer = plain_file(path, "current.json")?;
    let bytes = read_limited(&pointer, POINTER_LIMIT)?;
    let Pointer { version } = json::parse(&bytes).and_then(json::typed).map_err(|reason| refuse(&pointer, reason))?;
    let folder = path.join(version.as_str());
    let kind = fs::symlink_metadata(&folder).map_err(|_| {
        refuse(&pointer, format!("names version {version}, which is not there; export the model again"))
    })?;
    if !kind.is_dir() {
        return Err(refuse(&folder, "must be a folder, not a link or a file".to_owned()));
    }
    Ok(folder)
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
