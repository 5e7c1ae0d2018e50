//! Any compiled model, with the guarantees of those that have a face of their own: every hash, the format and the graph
//! are checked, and the golden cases are answered as the original did, before the first answer is given.

#[cfg(feature = "files")]
pub(crate) mod answer_file;
pub(crate) mod answers;
#[cfg(feature = "files")]
pub(crate) mod csv_rows;
pub(crate) mod inputs;
pub(crate) mod json;
#[cfg(feature = "files")]
pub(crate) mod json_rows;
pub(crate) mod live;
pub(crate) mod model;
pub(crate) mod ready;
#[cfg(feature = "files")]
pub(crate) mod rows;
pub(crate) mod signature;
#[cfg(feature = "files")]
pub(crate) mod stream;
pub(crate) mod warnings;

#[cfg(feature = "files")]
pub use answer_file::answer_stream;
pub use answers::Answers;
pub use model::{Model, ModelOptions};
pub use signature::Signature;
pub use warnings::RowWarning;
