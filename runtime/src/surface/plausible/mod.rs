//! What is odd or drastic in a surface file, held against itself and against the days before; the room `plausible/` of
//! the training alike.

#[cfg(feature = "files")]
pub(crate) mod columns_agree;
#[cfg(feature = "files")]
pub(crate) mod judgement;
pub(crate) mod levels;
#[cfg(feature = "files")]
pub(crate) mod quotes;
#[cfg(feature = "files")]
pub(crate) mod times;
