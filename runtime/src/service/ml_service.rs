//! All models that have a face, behind one handle that many threads share. What can be asked of each stands with its
//! face, in `src/models/`.

use std::sync::{Arc, Weak};

use crate::artifact::version::Version;
use crate::config::settings::Config;
use crate::error::Error;
use crate::io::text::nearest;
use crate::models::registry::Faces;
use crate::service::live::Live;
#[cfg(feature = "live")]
use crate::service::live::log::LogHealth;
use crate::service::serving_slot::Served;

#[doc(hidden)]
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) faces: Faces,
    pub(crate) live: Option<Live>,
}

/// All models, ready for any number of threads; a clone is another handle to the same models.
///
/// # Examples
/// ```
/// use dollarbill_ml::{Config, MlService, TradeSignal};
/// let ml = MlService::open(&Config::find(None)?)?;
/// let signal = TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// let answer = ml.classify(&signal)?;
/// assert!((0.0..=1.0).contains(&answer.confidence));
///
/// let mut answers = Vec::new();
/// ml.classify_batch(&[signal, signal], &mut answers)?;
/// assert_eq!(answers[1], answer);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Clone)]
pub struct MlService(Arc<Inner>);

impl std::fmt::Debug for MlService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("MlService");
        for slot in self.0.faces.each() {
            shown.field(slot.name(), &slot.version());
        }
        shown.finish_non_exhaustive()
    }
}

impl MlService {
    /// Opens all models: reads, checks and proves them on the onnxruntime that is found.
    ///
    /// # Errors
    /// Whatever is a mistake of set-up: no usable onnxruntime, or nothing at a `model_path`. A model that is there but
    /// refused (damaged, of another format, not in parity) is an error too, unless the config lets the fallback answer.
    pub fn open(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, |_| true)
    }

    /// Opens the models that are wanted; the fallback answers for the others.
    pub(crate) fn open_some(config: &Config, wanted: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let faces = Faces::open(config, wanted)?;
        let live = config.log.as_ref().map(Live::open).transpose()?;
        Ok(Self(Arc::new(Inner { config: config.clone(), faces, live })))
    }

    pub(crate) fn of(config: Config, faces: Faces) -> Self {
        Self(Arc::new(Inner { config, faces, live: None }))
    }

    /// The version of a model in use; `None` when the fallback answers, or no model is called so.
    #[must_use]
    pub fn version(&self, model: &str) -> Option<Version> {
        self.slot(model).and_then(Served::version)
    }

    /// Looks whether `current.json` names another version of the model; if so loads it aside, proves it on its golden
    /// cases and swaps it in, in one step. Calls that run meanwhile finish on the version they began with.
    ///
    /// Gives the new version, or `None` when there is nothing new.
    ///
    /// # Errors
    /// The new version is refused, and the one in use stays; or no model is called so.
    pub fn reload(&self, model: &str) -> Result<Option<Version>, Error> {
        let slot = self.slot(model).ok_or_else(|| {
            let known = self.0.faces.each().map(Served::name);
            let hint = nearest(model, known).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            let reason = format!("unknown model {model:?}; {hint}there are {}", known.join(", "));
            Error::Input { place: "reload".to_owned(), reason }
        })?;
        slot.reload(&self.0.config)
    }

    /// Why the installed model is refused, so that the fallback answers in its place; `None` where the model answers, or
    /// is switched off on purpose.
    #[must_use]
    pub fn refused(&self, model: &str) -> Option<String> {
        self.slot(model).and_then(Served::refused)
    }

    /// The version that answers beside the one in use, for the log alone (`models.<model>.shadow`), or why it does not;
    /// `None` where the config names none.
    #[must_use]
    pub fn shadow(&self, model: &str) -> Option<Result<Version, String>> {
        self.slot(model).and_then(Served::shadowed)
    }

    /// What became of the rows of the log (`runtime.log`) so far; `None` where nothing is logged.
    #[cfg(feature = "live")]
    #[must_use]
    pub fn log_health(&self) -> Option<LogHealth> {
        self.0.live.as_ref().map(Live::health)
    }

    /// Waits until every row is in the log, or could not be; false if that takes longer. The last handle to a service
    /// that is dropped does so by itself; a process that ends without that loses the newest 20 milliseconds.
    #[cfg(feature = "live")]
    #[must_use]
    pub fn flush_log(&self, within: std::time::Duration) -> bool {
        self.0.live.as_ref().is_none_or(|live| live.flush(within))
    }

    fn slot(&self, model: &str) -> Option<&dyn Served> {
        self.0.faces.each().into_iter().find(|slot| slot.name() == model)
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(Self)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}
