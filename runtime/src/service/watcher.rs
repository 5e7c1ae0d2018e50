//! Notices new versions and lets them in while others serve.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Weak;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::artifact::version::Version;
use crate::error::Error;
use crate::io::files::io_error;
use crate::service::ml_service::{Inner, MlService};

/// A thread that looked all the time would take a core from those who answer.
const MOST_OFTEN: Duration = Duration::from_millis(1);

/// What a [`Watcher`] can watch: a service or a single model. Not to be implemented elsewhere.
pub trait Watch: Sized + sealed::Sealed {
    /// A handle that does not keep it open.
    #[doc(hidden)]
    type Weak: Send + 'static;

    #[doc(hidden)]
    fn weak(&self) -> Self::Weak;

    /// The whole handle, while another one is left.
    #[doc(hidden)]
    fn strong(weak: &Self::Weak) -> Option<Self>;

    /// Looks for a new version of each model: its name, and what the look gave.
    #[doc(hidden)]
    fn reload_each(&self) -> Vec<(String, Result<Option<Version>, Error>)>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for MlService {}

impl Watch for MlService {
    type Weak = Weak<Inner>;

    fn weak(&self) -> Weak<Inner> {
        self.downgrade()
    }

    fn strong(weak: &Weak<Inner>) -> Option<Self> {
        Self::upgrade(weak)
    }

    fn reload_each(&self) -> Vec<(String, Result<Option<Version>, Error>)> {
        let slots = self.inner().faces.each();
        slots.into_iter().map(|slot| (slot.name().to_owned(), slot.reload(&self.inner().config))).collect()
    }
}

/// A thread that looks for new versions until this is dropped, or until the last handle to the service is.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use dollarbill_ml::{Config, MlService, Watcher};
/// let ml = MlService::open(&Config::find(None)?)?;
/// let watcher = Watcher::start(&ml, Duration::from_secs(5))?;
/// // ... serve for months ...
/// drop(watcher);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it stops looking when it is dropped"]
pub struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts looking at each `current.json` every so often. A version that is refused is logged once, with the reason,
    /// and the one in use stays.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start<W: Watch>(watched: &W, every: Duration) -> Result<Self, Error> {
        let every = every.max(MOST_OFTEN);
        let (stop, stopped) = mpsc::channel();
        let weak = watched.weak();
        let watch = move || {
            let mut refused = BTreeMap::new();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let Some(watched) = W::strong(&weak) else { return };
                for (model, found) in watched.reload_each() {
                    note(&model, found, refused.entry(model.clone()).or_default());
                }
            }
        };
        let thread = thread::Builder::new()
            .name("dollarbill-ml-watch".to_owned())
            .spawn(watch)
            .map_err(io_error("start", Path::new("the watching thread")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// Logs what a look gave; the same refusal only once.
fn note(model: &str, found: Result<Option<Version>, Error>, refused: &mut String) {
    match found {
        Ok(None) => {}
        Ok(Some(version)) => {
            refused.clear();
            tracing::info!(model, %version, "a new version answers");
        }
        Err(error) => {
            let reason = error.to_string();
            if *refused != reason {
                tracing::error!("{model}: the new version is refused, the old one stays: {reason}");
                *refused = reason;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
