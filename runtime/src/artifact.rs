//! For those who make artifacts: check one, or put raw rows through one.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::Error;
use crate::library::Library;
use crate::manifest::{Version, version_folder};
use crate::model::Model;
use crate::slots::{Contract, contract_of};

/// What checking a version folder showed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// The model's name.
    pub model: &'static str,
    /// Its version.
    pub version: Version,
    /// The version folder.
    pub folder: PathBuf,
    /// How many golden cases were replayed.
    pub cases: usize,
    /// The largest difference to the original's answers.
    pub largest_difference: f64,
}

/// Where the library comes from: the config if there is one, else the usual places seen from `root`.
#[derive(Debug, Clone, Default)]
pub struct Place {
    configured: Option<PathBuf>,
    root: PathBuf,
}

impl Place {
    /// As the config says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { configured: config.onnxruntime_library.clone(), root: config.root.clone() }
    }

    /// The usual places, seen from a folder.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { configured: None, root: root.to_path_buf() }
    }
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
        .map_err(crate::files::io_error("read", path))?
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

fn is_model_folder(path: &Path) -> bool {
    path.is_dir() && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| contract_of(name).is_some())
}

/// Integrity, contract and golden replay of one model folder (its current version), version folder, or `model.onnx`.
///
/// # Errors
/// [`Error::Parity`] when a golden case differs; any other error when it could not be checked.
pub fn check(path: &Path, place: &Place) -> Result<Checked, Error> {
    let (folder, name, contract) = resolve(path)?;
    let library = Library::open(place.configured.as_deref(), &place.root)?;
    let (model, replay) = Model::load_proven(&library, &folder, name, 1, contract)?;
    Ok(Checked {
        model: name,
        version: model.version,
        folder,
        cases: replay.cases,
        largest_difference: replay.largest_difference,
    })
}

fn resolve(path: &Path) -> Result<(PathBuf, &'static str, Contract), Error> {
    let folder = version_folder(path)?;
    let whole = std::fs::canonicalize(&folder).map_err(crate::files::io_error("read", &folder))?;
    let model = whole.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let (name, contract) = contract_of(&model.unwrap_or_default()).ok_or_else(|| Error::Artifact {
        path: folder.clone(),
        reason: "must lie in a folder named signal_classifier or volatility_predictor".to_owned(),
    })?;
    Ok((folder, name, contract))
}

/// Puts raw rows through a model with the very session code that serves, and without validation: for proof of parity.
#[derive(Debug)]
pub struct Evaluator {
    model: Model,
}

impl Evaluator {
    /// Opens a version folder: integrity and contract are checked, the golden cases are not.
    ///
    /// # Errors
    /// The artifact is refused, or there is no usable onnxruntime.
    pub fn open(path: &Path, place: &Place) -> Result<Self, Error> {
        let (folder, name, contract) = resolve(path)?;
        let library = Library::open(place.configured.as_deref(), &place.root)?;
        let (model, _) = Model::load(&library, &folder, name, 1, contract)?;
        Ok(Self { model })
    }

    /// Numbers in a row: the input tensor flattened.
    #[must_use]
    pub fn row_width(&self) -> usize {
        self.model.row_width()
    }

    /// Numbers in an answer: the output tensors flattened, one after the other.
    #[must_use]
    pub fn answer_width(&self) -> usize {
        self.model.answer_width()
    }

    /// Answers whole rows into `answers`.
    ///
    /// # Errors
    /// [`Error::Length`] when the lengths do not fit, [`Error::Run`] when onnxruntime fails.
    pub fn evaluate(&self, rows: &[f64], answers: &mut [f64]) -> Result<(), Error> {
        self.model.run(rows, answers)
    }
}
