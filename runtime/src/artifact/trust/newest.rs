//! The newest step that was seen of each model: an older one is a replay, however well it is signed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::error::Error;
use crate::io::files::{POINTER_LIMIT, io_error, read_limited};
use crate::io::json;

/// By model folder, of this process.
static SEEN: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    step: u64,
}

/// Refuses a step older than the newest one seen, and remembers a newer one. Equal steps are the same step.
pub(crate) fn not_older(model_folder: &Path, model: &str, step: u64, counter: Option<&Path>) -> Result<(), Error> {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let file = counter.map(|folder| folder.join(format!("{model}.json")));
    let remembered = file.as_deref().map(read).transpose()?.flatten().unwrap_or(0);
    let newest = seen.get(model_folder).copied().unwrap_or(0).max(remembered);
    if step < newest {
        let reason = format!("step {step} is older than step {newest}, which was seen before: a replay");
        return Err(Error::Signature { path: model_folder.join("current.json"), reason });
    }
    if let Some(file) = file.filter(|_| step > remembered) {
        write(&file, step)?;
    }
    seen.insert(model_folder.to_path_buf(), step);
    Ok(())
}

fn read(file: &Path) -> Result<Option<u64>, Error> {
    if !file.exists() {
        return Ok(None);
    }
    let bytes = read_limited(file, POINTER_LIMIT)?;
    let Remembered { step } = json::parse(&bytes).and_then(json::typed).map_err(|reason| Error::Signature {
        path: file.to_path_buf(),
        reason: format!("{reason}; write the newest step in it, or remove it"),
    })?;
    Ok(Some(step))
}

fn write(file: &Path, step: u64) -> Result<(), Error> {
    let wrong = || io_error("write", file);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(wrong())?;
    }
    // Two processes may be here at once: each writes a file of its own and moves it.
    let aside = file.with_extension(format!("{}.new", std::process::id()));
    let mut stream = File::create(&aside).map_err(wrong())?;
    stream.write_all(format!("{{\"step\": {step}}}\n").as_bytes()).map_err(wrong())?;
    stream.sync_all().map_err(wrong())?;
    fs::rename(&aside, file).map_err(wrong())
}
