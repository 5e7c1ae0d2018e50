//! What makers of artifacts need: see [`crate::artifact`], which shows it.

pub(crate) mod check;
pub(crate) mod evaluate;
#[cfg(fuzzing)]
pub mod fuzzing;
