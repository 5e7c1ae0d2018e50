//! Files, JSON and words: what reads and writes, and knows nothing of models.

pub(crate) mod files;
#[cfg(feature = "files")]
pub(crate) mod guard;
pub(crate) mod json;
#[cfg(feature = "files")]
pub(crate) mod lines;
pub(crate) mod text;
