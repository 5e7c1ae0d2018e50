//! Files, JSON and words: what reads and writes, and knows nothing of models.

#[cfg(feature = "files")]
pub(crate) mod atomic;
#[cfg(feature = "files")]
pub(crate) mod cells;
#[cfg(feature = "files")]
pub(crate) mod decoded;
pub(crate) mod files;
#[cfg(feature = "files")]
pub(crate) mod guard;
pub(crate) mod json;
#[cfg(feature = "files")]
pub(crate) mod lines;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
#[cfg(feature = "files")]
pub(crate) mod rows_file;
pub(crate) mod text;
#[cfg(feature = "files")]
pub(crate) mod unpacked;
