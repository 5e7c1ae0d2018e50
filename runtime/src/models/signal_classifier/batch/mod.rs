//! Files of signals: their header, their rows, and what became of them.

pub(crate) mod columns;
pub(crate) mod pipeline;
pub(crate) mod stream;
pub(crate) mod summary;
