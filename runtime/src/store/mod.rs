//! The days observed: where they are kept, how they get in, and how a forecast gets at them.

#[cfg(feature = "files")]
pub(crate) mod day_cache;
pub(crate) mod history;
#[cfg(feature = "files")]
pub(crate) mod observe;
pub(crate) mod read_only;

pub use history::HistoryStore;
#[cfg(feature = "files")]
pub use observe::{Observed, ObservedSymbol, Observing, observe, observe_as};
