//! One handle for many threads: what is open, how another version gets in, and what an operator sees of it.

pub(crate) mod face;
pub(crate) mod live;
pub(crate) mod meter;
pub(crate) mod ml_service;
pub(crate) mod serving_slot;
pub(crate) mod shared;
pub(crate) mod source;
pub(crate) mod watcher;

pub use ml_service::MlService;
pub use shared::shared;
pub use source::Source;
pub use watcher::{Watch, Watcher};
