//! What was asked and answered, kept for those who look later: opt-in, bounded, and never in the way of a call.

#[cfg(feature = "live")]
pub(crate) mod check;
#[cfg(feature = "live")]
pub(crate) mod files;
#[cfg(feature = "live")]
pub(crate) mod log;
#[cfg(feature = "live")]
mod queue;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "nothing is logged"))]
pub(crate) mod row;
pub(crate) mod settings;
pub(crate) mod shadow;
#[cfg(not(feature = "live"))]
mod without;
#[cfg(feature = "live")]
mod writer;

#[cfg(feature = "live")]
pub(crate) use log::Live;
#[cfg(not(feature = "live"))]
pub(crate) use without::Live;
