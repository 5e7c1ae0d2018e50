//! Notices new versions and lets them in while others serve.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::Error;
use crate::manifest::Version;
use crate::service::MlService;
use crate::{SIGNAL_CLASSIFIER, VOLATILITY_PREDICTOR};

/// A thread that looked all the time would take a core from those who answer.
const MOST_OFTEN: Duration = Duration::from_millis(1);

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
    /// Starts looking at both `current.json` every so often. A version that is refused is logged once, with the reason,
    /// and the one in use stays.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(service: &MlService, every: Duration) -> Result<Self, Error> {
        let every = every.max(MOST_OFTEN);
        let (stop, stopped) = mpsc::channel();
        let service = service.downgrade();
        let watch = move || {
            let mut refused = [const { String::new() }; 2];
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let Some(service) = MlService::upgrade(&service) else { return };
                note(SIGNAL_CLASSIFIER, service.reload_signals(), &mut refused[0]);
                note(VOLATILITY_PREDICTOR, service.reload_volatility(), &mut refused[1]);
            }
        };
        let thread = thread::Builder::new()
            .name("dollarbill-ml-watch".to_owned())
            .spawn(watch)
            .map_err(crate::files::io_error("start", std::path::Path::new("the watching thread")))?;
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
