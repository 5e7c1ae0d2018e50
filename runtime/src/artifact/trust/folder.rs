//! Any folder or file held against a signature of it, as the `OpenSSF` model-signing specification asks of a verifier: the
//! method `key`, the serialization `files`, SHA-256, no links. Whatever else it knows is refused by name.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::artifact::trust::bundle::{self, SINGLE_FILE, Statement};
use crate::artifact::trust::keys::Key;
use crate::artifact::trust::settings::Trust;
use crate::artifact::version::hex;
use crate::error::Error;
use crate::io::files::{MANIFEST_LIMIT, io_error, open_regular, read_limited};

/// Left out at the top of a model without being named, as the specification says.
const LEFT_OUT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];
/// Entries of a folder that are looked at, folders included.
const MOST_ENTRIES: usize = 100_000;

/// What a good signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The name that the model was signed under; of no weight here.
    pub name: String,
    /// Paths of the files that are as they were signed, from the model's folder on.
    pub files: Vec<String>,
    /// The file of the key that made the signature.
    pub key: PathBuf,
}

/// Holds a model (a folder of any content, or one file) against a detached signature file.
///
/// The keys of `trust` are looked at, its policy and its counter are not. With `ignore_unsigned`, files that the
/// signature does not name are let pass.
///
/// # Errors
/// [`Error::Signature`]: no trusted key made the signature, it was revoked or has expired, or a file was changed, removed
/// or added; [`Error::Io`]: something cannot be read.
///
/// # Examples
/// ```
/// use dollarbill_ml::trust::{Trust, verify};
/// # let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signed");
/// let trust = Trust::require([here.join("keys/weekly.pub.pem")]);
/// let found = verify(&here.join("narrow"), &here.join("narrow/steps/00000001.sig"), &trust, true)?;
/// assert_eq!(found.name, "narrow");
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn verify(model: &Path, signature: &Path, trust: &Trust, ignore_unsigned: bool) -> Result<Verified, Error> {
    let (keys, revoked) = (Key::read_all(&trust.keys)?, Key::read_all(&trust.revoked)?);
    let bytes = read_limited(signature, MANIFEST_LIMIT)?;
    let Statement { subject, files, ignored, key } =
        bundle::verify(&bytes, &keys, &revoked).map_err(|reason| refuse(signature, reason))?;
    let mut found = if fs::metadata(model).map_err(io_error("read", model))?.is_dir() {
        let listing = Listing { signature: fs::canonicalize(signature).ok(), ignored: &ignored, ignore_unsigned };
        listing.files(model)?
    } else {
        let name = model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if files.contains_key(SINGLE_FILE) { SINGLE_FILE.to_owned() } else { name };
        BTreeMap::from([(name, model.to_path_buf())])
    };
    for (name, digest) in &files {
        let Some(path) = found.remove(name) else {
            return Err(refuse(&model.join(name), "is signed, and is not there as a plain file"));
        };
        if sha256_of(&path)? != *digest {
            return Err(refuse(&path, "was changed after it was signed"));
        }
    }
    match found.into_values().next() {
        Some(path) if !ignore_unsigned => Err(refuse(&path, "is not signed: it was added later")),
        _ => Ok(Verified { name: subject, files: files.into_keys().collect(), key }),
    }
}

fn refuse(path: &Path, reason: impl Into<String>) -> Error {
    Error::Signature { path: path.to_path_buf(), reason: reason.into() }
}

struct Listing<'a> {
    /// The signature may lie in the model's folder, and is no part of it.
    signature: Option<PathBuf>,
    ignored: &'a [String],
    ignore_unsigned: bool,
}

impl Listing<'_> {
    /// The plain files below a folder by their paths from it on.
    fn files(&self, root: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
        let (mut found, mut open, mut count) = (BTreeMap::new(), vec![(root.to_path_buf(), String::new())], 0);
        while let Some((folder, before)) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(io_error("read", &folder))? {
                let entry = entry.map_err(io_error("read", &folder))?;
                count += 1;
                if count > MOST_ENTRIES {
                    return Err(refuse(root, format!("holds more than {MOST_ENTRIES} files")));
                }
                let (path, kind) = (entry.path(), entry.file_type().map_err(io_error("read", &folder))?);
                let Ok(name) = entry.file_name().into_string() else {
                    self.odd(&path, "is not signed: its name is no text")?;
                    continue;
                };
                let whole = format!("{before}{name}");
                let left_out = before.is_empty() && LEFT_OUT.contains(&name.as_str());
                if left_out || self.ignored.contains(&whole) {
                    continue;
                }
                if kind.is_dir() {
                    open.push((path, format!("{whole}/")));
                } else if !kind.is_file() {
                    self.odd(&path, "is no plain file; links are not followed")?;
                } else if self.signature.is_none() || fs::canonicalize(&path).ok() != self.signature {
                    found.insert(whole, path);
                }
            }
        }
        Ok(found)
    }

    fn odd(&self, path: &Path, reason: &str) -> Result<(), Error> {
        if self.ignore_unsigned { Ok(()) } else { Err(refuse(path, reason)) }
    }
}

/// The SHA-256 of a file of any length, 64 lower-case hex digits.
fn sha256_of(path: &Path) -> Result<String, Error> {
    let mut file = open_regular(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(io_error("read", path))? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(hex(&hasher.finalize()))
}
