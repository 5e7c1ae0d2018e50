//! A signature file: a sigstore bundle (v0.3) with a DSSE envelope around an in-toto statement of the `OpenSSF` model
//! signature v1.0, made with a key. Whatever this does not know how to check is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::artifact::trust::keys::Key;
use crate::artifact::version::sha256_hex;
use crate::io::json;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
const MOST_RESOURCES: usize = 4096;
/// What the library calls the file where a model is a single one; the specification calls it by its name.
pub(crate) const SINGLE_FILE: &str = ".";

/// What was signed: the model's name, and the SHA-256 of every file by its path.
pub(crate) struct Statement {
    pub(crate) subject: String,
    pub(crate) files: BTreeMap<String, String>,
    /// Paths that were left out.
    pub(crate) ignored: Vec<String>,
    /// The file of the key that made the signature.
    pub(crate) key: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    /// A certificate instead of a key is not of this method, one besides it of no method.
    public_key: Option<Hint>,
    certificate: Option<IgnoredAny>,
    x509_certificate_chain: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Hint {
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Sig>,
}

#[derive(Deserialize)]
struct Sig {
    sig: String,
}

#[derive(Deserialize)]
struct InToto {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    /// Must be said; what is linked is refused, whatever it says.
    #[serde(rename = "allow_symlinks")]
    _links: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

/// Verifies a signature file and gives what it signs.
pub(crate) fn verify(bytes: &[u8], keys: &[Key], revoked: &[Key]) -> Result<Statement, String> {
    let bundle: Bundle = json::parse(bytes).and_then(json::typed)?;
    if bundle.media_type != MEDIA_TYPE {
        return Err(format!("field 'mediaType': must be {MEDIA_TYPE}, found {:?}", bundle.media_type));
    }
    let Material { public_key, certificate, x509_certificate_chain } = bundle.verification_material;
    let Some(Hint { hint }) = public_key else {
        return Err("field 'verificationMaterial.publicKey': is missing; sign with a key".to_owned());
    };
    if certificate.is_some() || x509_certificate_chain.is_some() {
        return Err(
            "field 'verificationMaterial': holds a certificate besides the key; one of them says who".to_owned()
        );
    }
    let Envelope { payload, payload_type, signatures } = bundle.dsse_envelope;
    if payload_type != PAYLOAD_TYPE {
        return Err(format!("field 'dsseEnvelope.payloadType': must be {PAYLOAD_TYPE}, found {payload_type:?}"));
    }
    let [Sig { sig }] = signatures.as_slice() else {
        return Err(format!("field 'dsseEnvelope.signatures': must hold one, found {}", signatures.len()));
    };
    let decoded = |field: &str, text: &str| {
        Base64::decode_vec(text).map_err(|_| format!("field 'dsseEnvelope.{field}': is no base64"))
    };
    let (payload, signature) = (decoded("payload", &payload)?, decoded("signatures.sig", sig)?);
    // An empty hint is none, as the library takes it.
    let hint = hint.filter(|hint| !hint.is_empty());
    let key = signer(hint.as_deref(), &envelope_of(&payload), &signature, keys, revoked)?;
    statement(&payload, key.path.clone())
}

/// DSSE's pre-authentication encoding: what is signed, with its type.
fn envelope_of(payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

/// Finds the trusted key that made the signature.
fn signer<'a>(
    hint: Option<&str>,
    message: &[u8],
    signature: &[u8],
    keys: &'a [Key],
    revoked: &[Key],
) -> Result<&'a Key, String> {
    let quoted = |key: &&Key| hint.is_none_or(|hint| hint == key.fingerprint);
    let made = |list: &[Key]| list.iter().filter(quoted).position(|key| key.verifies(message, signature));
    if made(revoked).is_some() {
        return Err(format!("signed by a revoked key{}", named(hint)));
    }
    let candidates: Vec<_> = keys.iter().filter(quoted).collect();
    if candidates.is_empty() {
        return Err(format!("signed by a key that is not trusted{}", named(hint)));
    }
    let Some(key) = candidates.into_iter().find(|key| key.verifies(message, signature)) else {
        return Err("the signature does not fit what it signs".to_owned());
    };
    match key.expired() {
        Some(last) => Err(format!("signed by {}, which expired on {last}", key.path.display())),
        None => Ok(key),
    }
}

fn named(hint: Option<&str>) -> String {
    hint.map(|hint| format!(" ({:.12})", hint.escape_debug().to_string())).unwrap_or_default()
}

/// The statement in a payload whose signature was good.
fn statement(payload: &[u8], key: PathBuf) -> Result<Statement, String> {
    let found: InToto = json::parse(payload).and_then(json::typed)?;
    for (field, wanted, value) in [
        ("_type", STATEMENT_TYPE, &found.kind),
        ("predicateType", PREDICATE_TYPE, &found.predicate_type),
        ("predicate.serialization.method", "files", &found.predicate.serialization.method),
        ("predicate.serialization.hash_type", "sha256", &found.predicate.serialization.hash_type),
    ] {
        if value != wanted {
            return Err(format!("field '{field}': must be {wanted:?}, found {value:?}"));
        }
    }
    let [subject] = found.subject.as_slice() else {
        return Err(format!("field 'subject': must hold one, found {}", found.subject.len()));
    };
    if found.predicate.resources.is_empty() {
        return Err("field 'predicate.resources': is empty: nothing is signed".to_owned());
    }
    if found.predicate.resources.len() > MOST_RESOURCES {
        return Err(format!("field 'predicate.resources': holds more than {MOST_RESOURCES}"));
    }
    let alone = found.predicate.resources.len() == 1;
    let mut digests = Vec::new();
    let mut files = BTreeMap::new();
    for Resource { name, algorithm, digest } in found.predicate.resources {
        let bytes = if algorithm == "sha256" { bytes_of(&digest) } else { None };
        digests.extend(bytes.ok_or_else(|| format!("resource {name:?}: must have 64 hex digits of sha256"))?);
        if !(is_plain(&name) || name == SINGLE_FILE && alone) {
            return Err(format!("resource {name:?}: must be a plain path within the folder"));
        }
        if let Some(twice) = files.insert(name.clone(), digest).map(|_| name) {
            return Err(format!("resource {twice:?}: stands twice"));
        }
    }
    if subject.digest.get("sha256").map(String::as_str) != Some(sha256_hex(&digests).as_str()) {
        return Err("field 'subject.digest': is not that of the resources".to_owned());
    }
    let ignored = found.predicate.serialization.ignore_paths;
    Ok(Statement { subject: subject.name.clone(), files, ignored, key })
}

/// 64 lower-case hex digits as 32 bytes.
fn bytes_of(digest: &str) -> Option<[u8; 32]> {
    let digits = digest.as_bytes();
    if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn is_plain(name: &str) -> bool {
    !name.contains(['\\', '\0']) && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
