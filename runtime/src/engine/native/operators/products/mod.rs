//! Products of matrices, and the recurrent layers that are made of them.

pub(crate) mod matmul;
pub(crate) mod packed;
pub(crate) mod recurrent;
