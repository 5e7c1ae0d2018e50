//! The typed face of a model: what it adds to the engine that runs it, and how one is loaded.

use std::path::Path;

use crate::artifact::manifest::Manifest;
use crate::artifact::place::Located;
use crate::artifact::trust::admit::admit;
use crate::config::settings::Config;
use crate::engine::choose::{Loading, load_proven};
use crate::engine::loaded::Engine;
use crate::engine::place::Place;
use crate::error::Error;

/// What a model with typed inputs and answers adds to the engine that runs it.
pub(crate) trait Face: Sized + Send + Sync + 'static {
    /// The model's name.
    const NAME: &'static str;
    /// What a fake of it answers.
    type Fixed: Send + Sync;

    /// Refuses a manifest that is not of the model this face was written for.
    fn check_contract(manifest: &Manifest) -> Result<(), String>;

    /// The face of a proven version; an error where the config asks for what it cannot do.
    fn of(engine: Engine, config: &Config, folder: &Path) -> Result<Self, Error>;

    fn engine(&self) -> &Engine;
}

/// A version that is trusted, proven, and of the model that the face was written for.
pub(crate) fn load<F: Face>(config: &Config, place: &Place, located: &Located) -> Result<F, Error> {
    let folder = &located.folder;
    let admitted = admit(located, &config.trust)?;
    let loading = Loading { place, folder, asked: Some(F::NAME), lanes: config.lanes };
    let (engine, _) = load_proven(&loading, |manifest| {
        admitted.holds(manifest)?;
        F::check_contract(manifest)
    })?;
    F::of(engine, config, folder)
}
