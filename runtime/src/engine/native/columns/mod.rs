//! Rows of float64 columns that are computed from each other, column by column: what a tree or an output needs of them and
//! no more, without a tensor between one operator and the next.

pub(crate) mod lower;
pub(crate) mod machine;
