//! A version that answers beside the one in use, without being used: its answers stand in the log alone.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::artifact::place::Located;
use crate::artifact::version::Version;
use crate::config::settings::Config;
use crate::engine::place::Place;
use crate::error::Error;
use crate::service::face::{Face, load};

/// A version that is loaded, or why it is not.
pub(crate) struct Shadow<F: Face> {
    pub(crate) version: Version,
    state: ArcSwap<Result<F, String>>,
}

impl<F: Face> Shadow<F> {
    /// Loads the version that the config names for this model; that it cannot be loaded is logged, and no error.
    ///
    /// # Errors
    /// A shadow is asked for where nothing is logged: nobody would see its answers.
    pub(crate) fn open(config: &Config) -> Result<Option<Arc<Self>>, Error> {
        let Some(version) = config.model(F::NAME).and_then(|model| model.shadow) else { return Ok(None) };
        if config.log.is_none() {
            let reason = format!("field 'models.{}.shadow': its answers go to the log; set runtime.log", F::NAME);
            return Err(Error::Config { path: config.path.clone(), reason });
        }
        let state = loaded(config, version);
        if let Err(reason) = &state {
            tracing::warn!("shadow: {} {version} does not answer: {reason}", F::NAME);
        }
        Ok(Some(Arc::new(Self { version, state: ArcSwap::from_pointee(state) })))
    }

    /// Looks again for a version that could not be loaded.
    pub(crate) fn look_again(&self, config: &Config) {
        if self.state.load().is_err() {
            let state = loaded(config, self.version);
            if state.is_ok() {
                tracing::info!("shadow: {} {} answers", F::NAME, self.version);
            }
            self.state.store(Arc::new(state));
        }
    }

    pub(crate) fn load(&self) -> Guard<Arc<Result<F, String>>> {
        self.state.load()
    }
}

fn loaded<F: Face>(config: &Config, version: Version) -> Result<F, String> {
    let folder = place_of::<F>(config, version)?;
    // It answers one row after the other, where nobody waits.
    let config = Config { lanes: 1, ..config.clone() };
    load(&config, &Place::of(&config), &Located { folder, pointed: false, step: None })
        .map_err(|error| error.to_string())
}

/// The version's folder: in the model's, or beside the version that the config names.
fn place_of<F: Face>(config: &Config, version: Version) -> Result<PathBuf, String> {
    let path = config.model(F::NAME).map(|model| model.model_path.clone()).unwrap_or_default();
    let within = [Some(path.as_path()), path.parent(), path.parent().and_then(|folder| folder.parent())];
    let mut folders = within.into_iter().flatten().map(|folder| folder.join(version.as_str()));
    folders
        .find(|folder| folder.join("manifest.json").is_file())
        .ok_or_else(|| format!("{} holds no version {version}", path.display()))
}
