//! Finds artifacts and checks them: what can be proven of one without serving it.

use std::path::{Path, PathBuf};

use crate::artifact::array::Array;
use crate::artifact::place::{locate, version_folder};
use crate::artifact::read::Artifact;
use crate::artifact::trust::admit::admit;
use crate::artifact::trust::settings::Trust;
use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::engine::choose::{Loading, load_proven};
use crate::engine::place::Place;
use crate::error::Error;
use crate::io::files::io_error;
use crate::models::registry::{check_contract, has_face};

/// What checking a version folder showed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: Version,
    /// The version folder.
    pub folder: PathBuf,
    /// How many golden cases were replayed.
    pub cases: usize,
    /// The largest difference to the original's answers.
    pub largest_difference: f64,
    /// Which engine answered them, and serves.
    pub engine: EngineKind,
    /// Why this one.
    pub why: String,
}

/// What a version folder holds, as far as it can be told without onnxruntime.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: Version,
    /// The version folder.
    pub folder: PathBuf,
    /// How many golden cases it brings.
    pub cases: usize,
}

/// The models installed below `path`: itself if it is a model or version folder, else the folders in it that are.
///
/// # Errors
/// There is no model below `path`, or it cannot be read.
pub fn installed(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if path.is_file() || path.join("manifest.json").exists() || path.join("current.json").exists() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(io_error("read", path))?
        .flatten()
        .map(|entry| entry.path())
        // A model's folder without a version in use is a broken set-up, not one model less.
        .filter(|entry| entry.join("current.json").exists() || is_model_folder(entry))
        .collect();
    found.sort();
    if found.is_empty() {
        let reason = "holds no installed model (no <model>/current.json); run `make`".to_owned();
        return Err(Error::Artifact { path: path.to_path_buf(), reason });
    }
    Ok(found)
}

/// A folder for a model that has a face, or one that holds a version of any model.
fn is_model_folder(path: &Path) -> bool {
    let named = |entry: &Path| entry.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let is_version = |entry: PathBuf| {
        named(&entry).is_some_and(|name| name.parse::<Version>().is_ok()) && entry.join("manifest.json").exists()
    };
    let holds_version =
        || std::fs::read_dir(path).into_iter().flatten().flatten().any(|entry| is_version(entry.path()));
    path.is_dir() && (named(path).is_some_and(|name| has_face(&name)) || holds_version())
}

/// All of [`check`] that needs no onnxruntime, and so no feature: hashes, format, operators, and the contract of a model
/// that has a face here. Whether it answers as its original did is not known then.
///
/// # Errors
/// The artifact is refused.
///
/// # Examples
/// ```
/// # let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/others/mixed");
/// let found = dollarbill_ml::artifact::inspect(&path)?;
/// assert!(found.cases > 0);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn inspect(path: &Path) -> Result<Inspected, Error> {
    let folder = version_folder(path)?;
    let Artifact { version, manifest, golden, .. } = Artifact::checked(&folder, None, check_contract)?;
    let cases = golden.inputs.first().map_or(0, Array::rows);
    Ok(Inspected { model: manifest.model, version, folder, cases })
}

/// Integrity, format and golden replay (and the contract of a model that has a face here) of one model folder (its current version), version folder, or `model.onnx`.
///
/// # Errors
/// [`Error::Parity`] when a golden case differs; any other error when it could not be checked.
pub fn check(path: &Path, place: &Place) -> Result<Checked, Error> {
    check_trusted(path, place, &Trust::default())
}

/// As [`check`], and whether the version is signed as `trust` asks.
///
/// # Errors
/// As [`check`], and [`Error::Signature`].
pub fn check_trusted(path: &Path, place: &Place, trust: &Trust) -> Result<Checked, Error> {
    let located = locate(path)?;
    let admitted = admit(&located, trust)?;
    let folder = located.folder;
    let loading = Loading { place, folder: &folder, asked: None, lanes: 1 };
    let (engine, replay) = load_proven(&loading, |manifest| {
        admitted.holds(manifest)?;
        check_contract(manifest)
    })?;
    Ok(Checked {
        model: engine.name().to_owned(),
        version: engine.version,
        engine: engine.kind(),
        why: engine.why,
        folder,
        cases: replay.cases,
        largest_difference: replay.largest_difference,
    })
}
