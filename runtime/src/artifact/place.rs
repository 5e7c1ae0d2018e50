//! Where a version lies: the folder that a path means, and the names that it bears.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::artifact::version::Version;
use crate::error::Error;
use crate::io::files::{MANIFEST_LIMIT, POINTER_LIMIT, io_error, read_limited};
use crate::io::json;

/// A file inside a version folder; a link anywhere below the folder is refused, so nothing outside is read.
pub(crate) fn plain_file(folder: &Path, name: &str) -> Result<PathBuf, Error> {
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

pub(crate) struct Names {
    pub(crate) model: String,
    pub(crate) version: String,
}

/// The names of a version folder and of the model folder that it lies in.
pub(crate) fn names_of(folder: &Path) -> Result<Names, Error> {
    let whole = fs::canonicalize(folder).map_err(io_error("read", folder))?;
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    Ok(Names { model: name(whole.parent()), version: name(Some(&whole)) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    version: Version,
    /// The step that put it there: `steps/<number>.json` is signed where versions are.
    #[serde(default)]
    step: Option<NonZeroU64>,
}

/// A version folder, and how it was found.
#[derive(Debug)]
#[cfg_attr(not(feature = "signatures"), allow(dead_code, reason = "signatures are what asks how it was found"))]
pub(crate) struct Located {
    pub(crate) folder: PathBuf,
    /// Whether `current.json` led to it.
    pub(crate) pointed: bool,
    /// The step that `current.json` names.
    pub(crate) step: Option<u64>,
}

/// The version folder that `path` means: a model folder (through `current.json`), a version folder, or its graph.
pub(crate) fn version_folder(path: &Path) -> Result<PathBuf, Error> {
    Ok(locate(path)?.folder)
}

/// As [`version_folder`], with what led there; the pointer is read once.
pub(crate) fn locate(path: &Path) -> Result<Located, Error> {
    let named = |folder: PathBuf| Located { folder, pointed: false, step: None };
    let refuse = |path: &Path, reason: String| Error::Artifact { path: path.to_path_buf(), reason };
    if !path.exists() {
        return Err(refuse(
            path,
            "no artifact here; run `make`, or `python -m export` and `python -m verify`".to_owned(),
        ));
    }
    if path.is_file() {
        return match (path.file_name(), path.parent()) {
            (Some(name), Some(parent)) if name == "model.onnx" => Ok(named(parent.to_path_buf())),
            _ => Err(refuse(path, "must be a model folder, a version folder, or a model.onnx in one".to_owned())),
        };
    }
    if path.join("manifest.json").exists() {
        return Ok(named(path.to_path_buf()));
    }
    let pointer = path.join("current.json");
    if !pointer.exists() {
        let is_version =
            |entry: fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.parse::<Version>().is_ok());
        let versions = fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(is_version));
        let reason = if versions || path.join("candidate.json").exists() {
            "holds no current.json; run `python -m verify` to make an exported version current (on the folder, with \
             --original, for a model of your own)"
        } else {
            "is no model folder: it holds neither current.json nor a manifest.json; export a model to it first"
        };
        return Err(refuse(path, reason.to_owned()));
    }
    let pointer = plain_file(path, "current.json")?;
    let bytes = read_limited(&pointer, POINTER_LIMIT)?;
    let Pointer { version, step } =
        json::parse(&bytes).and_then(json::typed).map_err(|reason| refuse(&pointer, reason))?;
    let folder = path.join(version.as_str());
    let kind = fs::symlink_metadata(&folder).map_err(|_| {
        refuse(&pointer, format!("names version {version}, which is not there; export the model again"))
    })?;
    if !kind.is_dir() {
        return Err(refuse(&folder, "must be a folder, not a link or a file".to_owned()));
    }
    Ok(Located { folder, pointed: true, step: step.map(NonZeroU64::get) })
}
