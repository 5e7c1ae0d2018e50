//! Where the library comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::settings::Config;
use crate::engine::choice::EngineChoice;
use crate::engine::library::Library;
use crate::error::Error;

/// Where the library comes from (the config if there is one, else the usual places seen from `root`), and which engine is
/// asked for.
#[derive(Debug, Clone, Default)]
pub struct Place {
    configured: Option<PathBuf>,
    root: PathBuf,
    pub(crate) engine: EngineChoice,
    /// Whether native and onnxruntime are held against each other where both are there.
    pub(crate) crosses: bool,
}

impl Place {
    /// As the config says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            configured: config.onnxruntime_library.clone(),
            root: config.root.clone(),
            engine: config.engine,
            crosses: config.cross_check,
        }
    }

    /// The usual places, seen from a folder.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { configured: None, root: root.to_path_buf(), engine: EngineChoice::Auto, crosses: true }
    }

    /// As the config says that [`Config::find`] finds; where there is none, the usual places, seen from the working
    /// directory.
    ///
    /// # Errors
    /// The config is wrong, or the one that is named is not there.
    pub fn find(named: Option<&Path>) -> Result<Self, Error> {
        match Config::find(named) {
            Ok(config) => Ok(Self::of(&config)),
            Err(Error::ConfigMissing { .. }) => Ok(Self::below(Path::new("."))),
            Err(error) => Err(error),
        }
    }

    /// This library, whatever the config says.
    #[must_use]
    pub fn library_at(path: &Path) -> Self {
        Self { configured: Some(path.to_path_buf()), ..Self::below(Path::new(".")) }
    }

    /// The same place, with this engine whatever the config says.
    #[must_use]
    pub fn engine(self, engine: EngineChoice) -> Self {
        Self { engine, ..self }
    }

    /// The same place; `false`: native, once its golden cases were replayed, is not held against onnxruntime.
    #[must_use]
    pub fn cross_check(self, crosses: bool) -> Self {
        Self { crosses, ..self }
    }

    pub(crate) fn library(&self) -> Result<Arc<Library>, Error> {
        Library::open(self.configured.as_deref(), &self.root)
    }
}
