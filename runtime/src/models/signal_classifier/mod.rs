//! Trade signals: eight numbers in the units of the engine in, a confidence out.

pub(crate) mod answer;
pub(crate) mod answers;
#[cfg(feature = "files")]
pub(crate) mod batch;
pub(crate) mod builder;
pub(crate) mod contract;
pub(crate) mod drop_in;
pub(crate) mod face;
pub(crate) mod given;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod novelty;
pub(crate) mod options;
pub(crate) mod rule;
pub(crate) mod signal;
