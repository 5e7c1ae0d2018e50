//! The days observed: where they are kept, how they get in, and how a forecast gets at them.

pub(crate) mod day_cache;
pub(crate) mod history;
pub(crate) mod observe;
pub(crate) mod read_only;

pub use history::HistoryStore;
pub use observe::{Observed, ObservedSymbol, Observing, observe, observe_as};
