//! A version and the step that put it into use, held against their signature.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::artifact::place::{Located, plain_file};
use crate::artifact::trust::bundle::verify;
use crate::artifact::trust::keys::Key;
use crate::artifact::trust::newest::not_older;
use crate::artifact::trust::settings::Trust;
use crate::artifact::version::{Version, sha256_hex};
use crate::error::Error;
use crate::io::files::{GRAPH_LIMIT, MANIFEST_LIMIT, io_error, read_limited};
use crate::io::json;

/// Files that a version folder may hold, folders included.
const MOST_FILES: usize = 64;
/// Steps that are looked through for the one of a version that was named without a pointer.
const MOST_STEPS: usize = 100_000;
/// The files that are read and hashed when the version is loaded; their hashes are compared then.
pub(crate) const LOADED: [&str; 3] = ["manifest.json", "model.onnx", "golden/cases.json"];

/// The signed SHA-256 of what is loaded, in the order of [`LOADED`].
pub(crate) type Digests = [String; 3];

#[derive(Deserialize)]
struct Step {
    format: u64,
    model: String,
    number: u64,
    version: Version,
    #[serde(flatten)]
    _rest: BTreeMap<String, Value>,
}

/// Verifies the signature of a version: of the step that the pointer names, or of the newest that names the version.
pub(crate) fn signed(located: &Located, trust: &Trust) -> Result<Digests, Error> {
    let (keys, revoked) = (Key::read_all(&trust.keys)?, Key::read_all(&trust.revoked)?);
    let folder = fs::canonicalize(&located.folder).map_err(io_error("read", &located.folder))?;
    let (Some(model_folder), Some(version)) = (folder.parent(), folder.file_name().and_then(|name| name.to_str()))
    else {
        let reason = "lies in no model's folder, where its signature would be".to_owned();
        return Err(Error::Signature { path: folder, reason });
    };
    let model = model_folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let one = OneModel { folder: model_folder, model: &model, version, keys: &keys, revoked: &revoked };
    if located.pointed {
        let pointer = model_folder.join("current.json");
        let reason = "names no step, so nothing is signed; promote with --key".to_owned();
        let step = located.step.ok_or(Error::Signature { path: pointer, reason })?;
        let digests = one.check(step)?;
        not_older(model_folder, &model, step, trust.counter.as_deref())?;
        return Ok(digests);
    }
    one.newest()
}

struct OneModel<'a> {
    folder: &'a Path,
    model: &'a str,
    version: &'a str,
    keys: &'a [Key],
    revoked: &'a [Key],
}

impl OneModel<'_> {
    fn refuse(path: &Path, reason: impl Into<String>) -> Error {
        Error::Signature { path: path.to_path_buf(), reason: reason.into() }
    }

    /// Everything that step `number` signs.
    fn check(&self, number: u64) -> Result<Digests, Error> {
        let (step_name, signature_name) = (format!("steps/{number:08}.json"), format!("steps/{number:08}.sig"));
        let path = self.folder.join(&signature_name);
        if fs::symlink_metadata(&path).is_err() {
            return Err(Self::refuse(&path, "is missing: the version is not signed; promote with --key"));
        }
        let bytes = read_limited(&plain_file(self.folder, &signature_name)?, MANIFEST_LIMIT)?;
        let statement = verify(&bytes, self.keys, self.revoked).map_err(|reason| Self::refuse(&path, reason))?;
        if statement.subject != self.model {
            let reason = format!("signs the model {:?}, the folder is of {:?}", statement.subject, self.model);
            return Err(Self::refuse(&path, reason));
        }
        let mut files = statement.files;
        let mut take =
            |name: &str| files.remove(name).ok_or_else(|| Self::refuse(&path, format!("does not sign {name}")));
        let step_path = plain_file(self.folder, &step_name)?;
        let step_bytes = read_limited(&step_path, MANIFEST_LIMIT)?;
        if sha256_hex(&step_bytes) != take(&step_name)? {
            return Err(Self::refuse(&step_path, "was changed after it was signed"));
        }
        let step: Step =
            json::parse(&step_bytes).and_then(json::typed).map_err(|reason| Self::refuse(&step_path, reason))?;
        if (step.format, step.model.as_str(), step.number, step.version.as_str())
            != (1, self.model, number, self.version)
        {
            let reason = format!(
                "is step {} of {} {}, not step {number} of {} {}",
                step.number, step.model, step.version, self.model, self.version
            );
            return Err(Self::refuse(&step_path, reason));
        }
        let mut loaded = Digests::default();
        for (digest, name) in loaded.iter_mut().zip(LOADED) {
            *digest = take(&format!("{}/{name}", self.version))?;
        }
        for name in self.other_files()? {
            let file = self.folder.join(&name);
            let signed = take(&name).map_err(|_| Self::refuse(&file, "is not signed: it was added later"))?;
            if sha256_hex(&read_limited(&file, GRAPH_LIMIT)?) != signed {
                return Err(Self::refuse(&file, "was changed after it was signed"));
            }
        }
        match files.into_keys().next() {
            None => Ok(loaded),
            Some(name) => Err(Self::refuse(&self.folder.join(name), "is signed, and is not there")),
        }
    }

    /// Paths of the version's files that are not loaded, from the model's folder on.
    fn other_files(&self) -> Result<Vec<String>, Error> {
        let root = self.folder.join(self.version);
        let (mut found, mut open, mut count) = (Vec::new(), vec![(root.clone(), String::new())], 0);
        while let Some((folder, before)) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(io_error("read", &folder))? {
                let entry = entry.map_err(io_error("read", &folder))?;
                count += 1;
                if count > MOST_FILES {
                    return Err(Self::refuse(&root, format!("holds more than {MOST_FILES} files")));
                }
                let Ok(name) = entry.file_name().into_string() else {
                    return Err(Self::refuse(&entry.path(), "is not signed: its name is no text"));
                };
                let (whole, kind) = (format!("{before}{name}"), entry.file_type().map_err(io_error("read", &folder))?);
                if kind.is_dir() {
                    open.push((entry.path(), format!("{whole}/")));
                } else if !kind.is_file() {
                    return Err(Self::refuse(&entry.path(), "is no plain file"));
                } else if !LOADED.contains(&whole.as_str()) {
                    found.push(format!("{}/{whole}", self.version));
                }
            }
        }
        Ok(found)
    }

    /// The newest good signature of a version that no pointer leads to.
    fn newest(&self) -> Result<Digests, Error> {
        let steps: PathBuf = self.folder.join("steps");
        let none = || Self::refuse(&steps, format!("signs no version {}; promote with --key", self.version));
        let entries = fs::read_dir(&steps).map_err(|_| none())?;
        let number = |name: &str| name.strip_suffix(".sig").filter(|stem| stem.len() >= 8)?.parse::<u64>().ok();
        let named = entries.take(MOST_STEPS).flatten().filter_map(|entry| number(&entry.file_name().to_string_lossy()));
        let mut numbers: Vec<u64> = named.collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        let of_this = |number: &u64| {
            let step = plain_file(self.folder, &format!("steps/{number:08}.json")).ok();
            let bytes = step.and_then(|path| read_limited(&path, MANIFEST_LIMIT).ok());
            let step = bytes.and_then(|bytes| json::parse(&bytes).ok());
            step.is_some_and(|step| step.get("version").and_then(Value::as_str) == Some(self.version))
        };
        let mut last = none();
        for number in numbers.into_iter().filter(of_this) {
            match self.check(number) {
                Ok(digests) => return Ok(digests),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
