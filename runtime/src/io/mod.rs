//! Files, JSON and words: what reads and writes, and knows nothing of models.

pub(crate) mod atomic;
pub(crate) mod cells;
pub(crate) mod decoded;
pub(crate) mod files;
pub(crate) mod guard;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod text;
