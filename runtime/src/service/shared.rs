//! The service behind the drop-in functions.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::config::settings::Config;
use crate::error::Error;
use crate::service::ml_service::MlService;
use crate::service::watcher::Watcher;

/// How often the service behind the drop-in functions looks for a new version.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The service behind the drop-in functions: opened at the first call, with the config that [`Config::find`] finds.
/// New versions are let in as by a [`Watcher`], within five seconds.
///
/// # Errors
/// As [`Config::find`] and [`MlService::open`]; the next call tries again.
pub fn shared() -> Result<&'static MlService, Error> {
    static SERVICE: OnceLock<(MlService, Watcher)> = OnceLock::new();
    static OPENING: Mutex<()> = Mutex::new(());
    if let Some((service, _)) = SERVICE.get() {
        return Ok(service);
    }
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((service, _)) = SERVICE.get() {
        return Ok(service);
    }
    let service = MlService::open(&Config::find(None)?)?;
    let watcher = Watcher::start(&service, LOOK_EVERY)?;
    Ok(&SERVICE.get_or_init(|| (service, watcher)).0)
}
