//! Signatures: whose versions are loaded. Signed by `python -m export`, in the `OpenSSF` model-signing format; checked here
//! before onnxruntime sees a byte. `docs/retraining.md` describes both.

pub(crate) mod admit;
#[cfg(feature = "signatures")]
pub(crate) mod bundle;
#[cfg(feature = "signatures")]
pub(crate) mod folder;
#[cfg(feature = "signatures")]
pub(crate) mod keys;
#[cfg(feature = "signatures")]
pub(crate) mod newest;
pub(crate) mod settings;
#[cfg(feature = "signatures")]
pub(crate) mod signed;

#[cfg(feature = "signatures")]
pub use folder::{Verified, verify};
pub use settings::{Policy, Trust};
