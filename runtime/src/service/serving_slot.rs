//! The place of a model in the service: what is in it, and how another version gets in.

use std::path::Path;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::artifact::place::{locate, other_model};
use crate::artifact::version::Version;
use crate::config::settings::{Config, ModelConfig};
use crate::engine::choice::EngineChoice;
use crate::engine::place::Place;
use crate::error::Error;
use crate::service::face::{Face, load};
use crate::service::live::shadow::Shadow;
use crate::service::meter;

/// Why a model does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Disabled,
    Refused,
}

/// A model that answers, a fake, or the reason why the fallback does.
pub(crate) enum State<F: Face> {
    Ready(F),
    Fixed(F::Fixed),
    Off { why: Why, cause: String },
}

impl<F: Face> State<F> {
    /// The version that answers, if a model does.
    fn version(&self) -> Option<Version> {
        match self {
            Self::Ready(face) => Some(face.engine().version),
            Self::Fixed(_) => Some(Version::FAKE),
            Self::Off { .. } => None,
        }
    }
}

pub(crate) struct ServingSlot<F: Face> {
    /// Whether the model is served at all; if not it is never loaded.
    serves: bool,
    current: ArcSwap<State<F>>,
    shadow: Option<Arc<Shadow<F>>>,
}

/// A slot whatever model it holds.
pub(crate) trait Served {
    fn name(&self) -> &'static str;

    /// The version in use; `None` when the fallback answers.
    fn version(&self) -> Option<Version>;

    /// Why the installed model is refused, if it is.
    fn refused(&self) -> Option<String>;

    /// The version that answers beside it, or why it does not; `None` where the config names none.
    fn shadowed(&self) -> Option<Result<Version, String>>;

    /// Looks whether another version is current; if so proves it aside and swaps it in, in one step.
    ///
    /// Calls that run meanwhile finish on the version they began with. On an error the slot stays as it was.
    fn reload(&self, config: &Config) -> Result<Option<Version>, Error>;
}

impl<F: Face> ServingSlot<F> {
    /// A loaded model, the fallback where the config allows it, or the error.
    pub(crate) fn open(config: &Config, wanted: bool) -> Result<Self, Error> {
        let model = configured(config, F::NAME)?;
        let shadow = if wanted && model.enabled { Shadow::open(config)? } else { None };
        let serves = wanted && model.enabled;
        let slot = |state| Self { serves, current: ArcSwap::from_pointee(state), shadow };
        if !wanted {
            let cause = "not opened in this process".to_owned();
            return Ok(slot(State::Off { why: Why::Disabled, cause }));
        }
        let (why, cause) = if model.enabled {
            let place = Place::of(config);
            // What was asked for by name must be there, whatever becomes of the model.
            if place.engine == EngineChoice::Onnxruntime {
                place.library()?;
            }
            let located = locate(&model.model_path)?;
            if let Some(found) = other_model(&located.folder, F::NAME) {
                let shown = located.folder.display();
                let reason = format!("field 'models.{}.model_path': {shown} holds the model {found:?}", F::NAME);
                return Err(Error::Config { path: config.path.clone(), reason });
            }
            match load(config, &place, &located) {
                Ok(face) => return Ok(slot(State::Ready(face))),
                Err(error @ (Error::Config { .. } | Error::Library { .. } | Error::LibraryMissing { .. })) => {
                    return Err(error);
                }
                Err(error) if !config.fallback => return Err(error),
                Err(error) => (Why::Refused, error.to_string()),
            }
        } else {
            (Why::Disabled, format!("switched off in {}", config.path.display()))
        };
        if config.fallback {
            tracing::warn!("fallback: {} does not answer: {cause}", F::NAME);
        }
        Ok(slot(State::Off { why, cause }))
    }

    /// A fake, which no version can replace; `None`: the fallback answers.
    pub(crate) fn fixed(answer: Option<F::Fixed>) -> Self {
        let off = || State::Off { why: Why::Disabled, cause: "the fake was given no answer".to_owned() };
        Self { serves: false, current: ArcSwap::from_pointee(answer.map_or_else(off, State::Fixed)), shadow: None }
    }

    /// What is in it now; it stays usable while another version is swapped in.
    pub(crate) fn load(&self) -> Guard<Arc<State<F>>> {
        self.current.load()
    }

    pub(crate) fn shadow(&self) -> Option<&Arc<Shadow<F>>> {
        self.shadow.as_ref()
    }

    fn refresh(&self, config: &Config) -> Result<Option<Version>, Error> {
        let located = locate(&configured(config, F::NAME)?.model_path)?;
        if is_named(&located.folder, self.version()) {
            return Ok(None);
        }
        let face: F = load(config, &Place::of(config), &located)?;
        let version = face.engine().version;
        self.current.store(Arc::new(State::Ready(face)));
        tracing::info!(%version, "model replaced");
        Ok(Some(version))
    }
}

impl<F: Face> Served for ServingSlot<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn version(&self) -> Option<Version> {
        self.current.load().version()
    }

    fn refused(&self) -> Option<String> {
        match &**self.current.load() {
            State::Off { why: Why::Refused, cause } => Some(cause.clone()),
            State::Off { .. } | State::Ready(_) | State::Fixed(_) => None,
        }
    }

    fn shadowed(&self) -> Option<Result<Version, String>> {
        let shadow = self.shadow.as_ref()?;
        Some(shadow.load().as_ref().as_ref().map(|_| shadow.version).map_err(Clone::clone))
    }

    fn reload(&self, config: &Config) -> Result<Option<Version>, Error> {
        if !self.serves {
            return Ok(None);
        }
        if let Some(shadow) = &self.shadow {
            shadow.look_again(config);
        }
        let _span = meter::reload_span(F::NAME).entered();
        let found = self.refresh(config);
        meter::reload(F::NAME, &found);
        found
    }
}

/// Whether a version folder is that of the version in use.
pub(crate) fn is_named(folder: &Path, version: Option<Version>) -> bool {
    let named: Option<Version> = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    named.is_some() && named == version
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a ModelConfig, Error> {
    config.model(name).ok_or_else(|| Error::Config {
        path: config.path.clone(),
        reason: format!("field 'models.{name}': is missing"),
    })
}
