//! Finds libonnxruntime, looks it over without running it, and opens it once for the whole process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use object::read::{NameOrOrdinal, ReadCache};
use object::{Object, ObjectSection, ObjectSegment};
use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::engine::library_version;
use crate::error::Error;
use crate::io::files::{io_error, open_regular};

/// From `runtime/target/release/` to the root of the checkout, and one more.
const MOST_ABOVE: usize = 5;
/// The environment variable that names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// The key of the config that names the library.
const KEY: &str = "runtime.onnxruntime_library";
/// The symbol that every onnxruntime exports.
const ENTRY: &[u8] = b"OrtGetApiBase";

/// What onnxruntime needs to be called: one per process, because that is all that it allows.
pub(crate) struct Library {
    pub(crate) environment: Environment,
    path: PathBuf,
}

static OPENED: Mutex<Option<Arc<Library>>> = Mutex::new(None);

impl Library {
    /// Opens the library, or returns the one that this process has opened.
    ///
    /// One process can hold one onnxruntime: asking for another file later is an error.
    pub(crate) fn open(configured: Option<&Path>, root: &Path) -> Result<Arc<Self>, Error> {
        let path = locate(configured, root)?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = opened.as_ref() {
            if library.path == path {
                return Ok(Arc::clone(library));
            }
            let reason = format!("this process already runs {}; it can hold one only", library.path.display());
            return Err(Error::Library { path, reason });
        }
        preflight(&path).map_err(|error| by(error, configured))?;
        let library = Arc::new(load(&path)?);
        *opened = Some(Arc::clone(&library));
        Ok(library)
    }
}

/// The refusal of a library, with the place that named it.
fn by(error: Error, configured: Option<&Path>) -> Error {
    let who = match std::env::var_os(VARIABLE) {
        Some(value) if !value.is_empty() => VARIABLE,
        _ if configured.is_some() => KEY,
        _ => return error,
    };
    match error {
        Error::Library { path, reason } => Error::Library { path, reason: format!("named by {who}: {reason}") },
        other => other,
    }
}

/// Where the library lies. A place that the user named is taken or refused, never passed over.
fn locate(configured: Option<&Path>, root: &Path) -> Result<PathBuf, Error> {
    let mut tried = Vec::new();
    match std::env::var_os(VARIABLE) {
        Some(value) if !value.is_empty() => return named(PathBuf::from(value), VARIABLE),
        _ => tried.push(format!("{VARIABLE} (not set)")),
    }
    match configured {
        Some(path) => return named(root.join(path), KEY),
        None => tried.push(format!("{KEY} in the config (not set)")),
    }
    // The virtual environment beside `config/`, then that of the checkout which the program was built in.
    let program = std::env::current_exe().unwrap_or_default();
    let homes = std::iter::once(root).chain(program.ancestors().skip(1).take(MOST_ABOVE));
    let mut folders: Vec<PathBuf> = homes.flat_map(environments).collect();
    tried.push(root.join(".venv/lib/python3*/site-packages/onnxruntime/capi").display().to_string());
    if let Some(folder) = program.parent() {
        tried.push(format!("{} and .venv in the folders above", folder.display()));
        folders.extend([folder.join("lib"), folder.to_path_buf()]);
    }
    for folder in folders {
        let found = entries(&folder).into_iter().find(|path| is_library(path));
        if let Some(path) = found {
            return fs::canonicalize(&path).map_err(io_error("read", &path));
        }
    }
    Err(Error::LibraryMissing { tried: tried.join(", ") })
}

/// Where Python's onnxruntime keeps its library in a virtual environment below `home`.
fn environments(home: &Path) -> Vec<PathBuf> {
    entries(&home.join(".venv").join("lib"))
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")))
        .map(|path| path.join("site-packages/onnxruntime/capi"))
        .collect()
}

fn named(path: PathBuf, who: &str) -> Result<PathBuf, Error> {
    fs::canonicalize(&path).map_err(|error| Error::Library { path, reason: format!("named by {who}: {error}") })
}

/// The entries of a folder in a fixed order; none when it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let starts = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    starts("libonnxruntime.so")
        || name == "onnxruntime.dll"
        || (starts("libonnxruntime") && Path::new(&name).extension().is_some_and(|end| end == "dylib"))
}

/// Refuses a file that the loader would choke on. Mapping a truncated library kills the process with a bus error, and
/// loading any library runs its start-up code, so both are decided from the bytes.
fn preflight(path: &Path) -> Result<(), Error> {
    let refuse = |reason: String| Error::Library { path: path.to_path_buf(), reason };
    let file = open_regular(path).map_err(|error| match error {
        Error::Io { source, .. } => refuse(source.to_string()),
        other => other,
    })?;
    let length = file.metadata().map_err(io_error("read", path))?.len();
    let cache = ReadCache::new(file);
    inspect(&cache, length, path).map_err(refuse)
}

fn inspect(cache: &ReadCache<File>, length: u64, path: &Path) -> Result<(), String> {
    let damaged = |error: object::Error| format!("is no shared library, or is truncated ({error})");
    let library = object::File::parse(cache).map_err(damaged)?;
    let (built_for, running_on) = (library.architecture(), std::env::consts::ARCH);
    let fits = match running_on {
        "x86_64" => built_for == object::Architecture::X86_64,
        "aarch64" => built_for == object::Architecture::Aarch64,
        _ => true,
    };
    if !fits {
        return Err(format!("is built for {built_for:?}, this machine is {running_on}"));
    }
    for segment in library.segments() {
        let (start, size) = segment.file_range();
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err(format!("is truncated: a segment ends at {} of {length} bytes", start.saturating_add(size)));
        }
    }
    let exports = library.exports().map_err(damaged)?;
    let mut exported = false;
    for export in exports {
        let export = export.map_err(damaged)?;
        exported |= matches!(export.name(), NameOrOrdinal::Name(name) if name == ENTRY);
    }
    if !exported {
        return Err("is a library, but not onnxruntime: it has no OrtGetApiBase".to_owned());
    }
    let names = library.section_by_name(".dynstr").map_or(Ok(Default::default()), |section| section.data());
    library_version::check(names.map_err(damaged)?, path)
}

fn load(path: &Path) -> Result<Library, Error> {
    let refuse = |reason: String| Error::Library { path: path.to_path_buf(), reason };
    // ort asserts on an API pointer that only a counterfeit library gives; that too must end as an error.
    let environment = std::panic::catch_unwind(|| {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        builder
            .with_name("dollarbill-ml")
            .with_telemetry(false)
            .with_logger(Arc::new(forward))
            .build()
            .map_err(|error| error.message().to_owned())
    })
    .map_err(|_| refuse("broke off while it was opened".to_owned()))?
    .map_err(refuse)?;
    environment.set_log_level(LogLevel::Error);
    tracing::debug!(path = %path.display(), "onnxruntime opened");
    Ok(Library { environment, path: path.to_path_buf() })
}

/// onnxruntime's own messages; its errors come back as results, so they are of use to a developer only.
fn forward(_: LogLevel, category: &str, _: &str, place: &str, message: &str) {
    tracing::debug!(target: "onnxruntime", category, place, "{message}");
}
