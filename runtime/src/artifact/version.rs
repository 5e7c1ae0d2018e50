//! Versions: names made of the hash of what they name.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The version of a model: the first 12 hex digits of the SHA-256 of its manifest.
///
/// # Examples
/// ```
/// use dollarbill_ml::Version;
/// let version: Version = "0123456789ab".parse().unwrap();
/// assert_eq!(version.to_string(), "0123456789ab");
/// assert!("../../../etc".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version([u8; 12]);

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Version({self})")
    }
}

impl Version {
    /// The version that a fake goes by: no manifest hashes to it. See [`MlService::fixed`](crate::MlService::fixed).
    pub const FAKE: Self = Self([b'0'; 12]);

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every byte was checked to be an ASCII digit or letter, so this cannot fail.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    pub(crate) fn of(manifest: &[u8]) -> Self {
        let digits = sha256_hex(manifest);
        let mut version = [b'0'; 12];
        version.copy_from_slice(&digits.as_bytes()[..12]);
        Self(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes: [u8; 12] = text.as_bytes().try_into().map_err(|_| "must be 12 hex digits".to_owned())?;
        if bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(bytes))
        } else {
            Err("must be 12 lower-case hex digits".to_owned())
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
