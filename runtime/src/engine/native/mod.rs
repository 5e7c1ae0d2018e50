//! The engine of this crate: reads an ONNX file, plans it once, and runs it without a library, a lock or an allocation.
//!
//! Trees give the bits of onnxruntime with one thread: the same comparisons, the same sums in the same order. Networks stay
//! within the artifact's tolerance; functions beyond the basic operations come from `libm`, so that the same artifact gives
//! the same bits on every processor.

#![expect(clippy::similar_names, clippy::doc_markdown, reason = "call and cell, GatherND: words of ONNX")]
#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide registers")]

pub(crate) mod alive;
pub(crate) mod build;
pub(crate) mod columns;
pub(crate) mod operators;
pub(crate) mod plan;
pub(crate) mod program;
pub(crate) mod proto;
pub(crate) mod read;
pub(crate) mod registers;
pub(crate) mod run;
pub(crate) mod scratch;
pub(crate) mod trees;
#[cfg(any(test, fuzzing))]
pub(crate) mod trial;
pub(crate) mod value;
