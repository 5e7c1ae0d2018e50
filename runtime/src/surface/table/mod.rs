//! Tables in any packing and encoding, as records of cells.

mod file;
mod text;

pub(crate) use file::{Records, Table};
