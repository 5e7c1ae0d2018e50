//! What the config says about signatures.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Whether a version must be signed to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Signatures are not looked at.
    #[default]
    Off,
    /// What is wrong with a signature is logged, and the version is loaded all the same.
    Warn,
    /// A version without a good signature is refused.
    Require,
}

/// Whose versions are loaded. The files are read anew at every load, so that keys are rotated and revoked without a
/// restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Trust {
    /// Whether a version must be signed.
    pub policy: Policy,
    /// Files of public keys (PEM, one each) whose signatures are trusted.
    pub keys: Vec<PathBuf>,
    /// Files of public keys that are trusted no more, whatever `keys` says.
    pub revoked: Vec<PathBuf>,
    /// The folder that remembers the newest step of each model, so that an older one is refused after a restart, too.
    pub counter: Option<PathBuf>,
}

impl Trust {
    /// Only versions that one of these keys signed.
    ///
    /// # Examples
    /// ```
    /// use dollarbill_ml::trust::{Policy, Trust};
    /// let trust = Trust::require(["keys/weekly.pub.pem"]);
    /// assert_eq!(trust.policy, Policy::Require);
    /// ```
    #[must_use]
    pub fn require<P: Into<PathBuf>>(keys: impl IntoIterator<Item = P>) -> Self {
        Self { policy: Policy::Require, keys: keys.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// From the section `trust` of a config that was checked.
    pub(crate) fn of_checked(section: Option<&Value>, root: &Path) -> Self {
        let text = |key: &str| section.and_then(|section| section.get(key)).and_then(Value::as_str);
        let files = |key: &str| {
            let list = section.and_then(|section| section.get(key)).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(|file| root.join(file)).collect()
        };
        let policy = match text("policy") {
            Some("require") => Policy::Require,
            Some("warn") => Policy::Warn,
            _ => Policy::Off,
        };
        Self {
            policy,
            keys: files("keys"),
            revoked: files("revoked"),
            counter: text("counter").map(|path| root.join(path)),
        }
    }
}
