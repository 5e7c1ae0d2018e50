//! Public keys: read from PEM, named by the hash of their PEM, and what they verify.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};

use crate::artifact::version::sha256_hex;
use crate::error::Error;
use crate::io::files::read_limited;

/// The most bytes that are read of a key.
const KEY_LIMIT: u64 = 16 << 10;
/// As many keys as a list may name.
const MOST_KEYS: usize = 64;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
const NOT_AFTER: &str = "not-after:";
const ABOVE: &str =
    "says something above the key; only `not-after: YYYY-MM-DD` and lines that begin with # may stand there";

enum Curve {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

/// A public key, and the last day on which it is good.
pub(crate) struct Key {
    pub(crate) path: PathBuf,
    /// SHA-256 of its PEM, as signatures quote it.
    pub(crate) fingerprint: String,
    not_after: Option<Date>,
    curve: Curve,
}

impl Key {
    /// Reads one key from a PEM file; above it may stand `not-after: 2027-01-31` and comments (`#`).
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Signature { path: path.to_path_buf(), reason: reason.to_owned() };
        let bytes = read_limited(path, KEY_LIMIT)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| refuse("is no text; a public key is a PEM file"))?;
        if text.contains("PRIVATE KEY") {
            return Err(refuse("holds a private key; name the public one here, and keep that one elsewhere"));
        }
        let (before, rest) =
            text.split_once(BEGIN).ok_or_else(|| refuse("holds no public key (-----BEGIN PUBLIC KEY-----)"))?;
        let (body, after) = rest.split_once(END).ok_or_else(|| refuse("is cut off: its end is missing"))?;
        if !after.trim().is_empty() {
            return Err(refuse("holds more than one key; one file, one key"));
        }
        let curve = Curve::parse(&format!("{BEGIN}{body}{END}\n"))
            .ok_or_else(|| refuse("is no ECDSA key on P-256, P-384 or P-521"))?;
        let mut not_after = None;
        for line in before.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            // A last day that is spelled in another way must not be passed over: the key would never end.
            let date = line.strip_prefix(NOT_AFTER).ok_or_else(|| refuse(ABOVE))?.trim();
            let day = Some(date).filter(|date| date.len() == "2027-01-31".len()).and_then(|date| date.parse().ok());
            let day = day.ok_or_else(|| refuse("not-after: must be a day such as 2027-01-31"))?;
            if not_after.replace(day).is_some() {
                return Err(refuse("says not-after: twice"));
            }
        }
        let pem = curve.pem().ok_or_else(|| refuse("cannot be written as PEM"))?;
        Ok(Self { path: path.to_path_buf(), fingerprint: sha256_hex(pem.as_bytes()), not_after, curve })
    }

    /// Reads a list of keys.
    pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, Error> {
        if let Some(path) = paths.get(MOST_KEYS) {
            let reason = format!("is one key too many; {MOST_KEYS} are read");
            return Err(Error::Signature { path: path.clone(), reason });
        }
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Whether its last day has passed.
    pub(crate) fn expired(&self) -> Option<Date> {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        self.not_after.filter(|last| today > *last)
    }

    /// Whether it made this signature (ASN.1 DER) over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.curve {
            Curve::P256(key) => {
                p256::ecdsa::Signature::from_der(signature).is_ok_and(|found| key.verify(message, &found).is_ok())
            }
            Curve::P384(key) => {
                p384::ecdsa::Signature::from_der(signature).is_ok_and(|found| key.verify(message, &found).is_ok())
            }
            Curve::P521(key) => {
                p521::ecdsa::Signature::from_der(signature).is_ok_and(|found| key.verify(message, &found).is_ok())
            }
        }
    }
}

impl Curve {
    fn parse(pem: &str) -> Option<Self> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            return Some(Self::P256(key));
        }
        if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            return Some(Self::P384(key));
        }
        p521::ecdsa::VerifyingKey::from_public_key_pem(pem).ok().map(Self::P521)
    }

    fn pem(&self) -> Option<String> {
        match self {
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF).ok(),
            Self::P384(key) => key.to_public_key_pem(LineEnding::LF).ok(),
            Self::P521(key) => key.to_public_key_pem(LineEnding::LF).ok(),
        }
    }
}
