//! The door: what the policy says to a version, before it is loaded and once its bytes are known.

use crate::artifact::manifest::Manifest;
use crate::artifact::place::Located;
use crate::artifact::trust::settings::{Policy, Trust};
use crate::error::Error;

/// A version that may be loaded, if its bytes are those that were signed.
pub(crate) struct Admitted {
    /// Signed SHA-256 of manifest, graph and golden cases; none where nothing is asked for, or only warned of.
    digests: Option<[String; 3]>,
    warn_only: bool,
}

impl Admitted {
    /// Whether what was read is what was signed.
    pub(crate) fn holds(&self, manifest: &Manifest) -> Result<(), String> {
        let Some(signed) = &self.digests else { return Ok(()) };
        let read = [&manifest.sha256, &manifest.graph.sha256, &manifest.golden.sha256];
        let names = ["manifest.json", "model.onnx", "golden/cases.json"];
        for ((read, signed), name) in read.into_iter().zip(signed).zip(names) {
            if read != signed {
                let reason = format!("{name} was changed after it was signed");
                if self.warn_only {
                    tracing::warn!("{}: {reason}", manifest.model);
                    continue;
                }
                return Err(reason);
            }
        }
        Ok(())
    }
}

/// What the policy says to a version.
///
/// # Errors
/// The policy is `require`, and the version is not signed by a trusted key as it is, or is older than one seen before.
pub(crate) fn admit(located: &Located, trust: &Trust) -> Result<Admitted, Error> {
    let warn_only = match trust.policy {
        Policy::Off => return Ok(Admitted { digests: None, warn_only: true }),
        Policy::Warn => true,
        Policy::Require => false,
    };
    match signed(located, trust) {
        Ok(digests) => Ok(Admitted { digests: Some(digests), warn_only }),
        Err(error) if warn_only => {
            tracing::warn!("signature: {error}");
            Ok(Admitted { digests: None, warn_only })
        }
        Err(error) => Err(error),
    }
}

#[cfg(feature = "signatures")]
fn signed(located: &Located, trust: &Trust) -> Result<[String; 3], Error> {
    crate::artifact::trust::signed::signed(located, trust)
}

#[cfg(not(feature = "signatures"))]
fn signed(_: &Located, _: &Trust) -> Result<[String; 3], Error> {
    Err(Error::Feature { feature: "signatures", what: "a trust.policy other than off" })
}
