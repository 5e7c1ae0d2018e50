//! One version of a model from the disk: names, hashes, manifest and golden cases, before onnxruntime sees any of it.

use std::path::{Path, PathBuf};

use crate::artifact::golden::Golden;
use crate::artifact::graph::audit;
use crate::artifact::manifest::Manifest;
use crate::artifact::place::{names_of, plain_file};
use crate::artifact::version::{Version, sha256_hex};
use crate::error::Error;
use crate::io::files::{GOLDEN_LIMIT, GRAPH_LIMIT, MANIFEST_LIMIT, read_limited};

/// One version of a model as read from the disk: hashes checked, not yet loaded into onnxruntime.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) folder: PathBuf,
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    pub(crate) graph: Vec<u8>,
    pub(crate) golden: Golden,
}

impl Artifact {
    /// As [`read`](Self::read), and holds it against the contract of its model and the operators that are allowed.
    pub(crate) fn checked(
        folder: &Path,
        asked: Option<&str>,
        contract: impl FnOnce(&Manifest) -> Result<(), String>,
    ) -> Result<Self, Error> {
        let artifact = Self::read(folder, asked)?;
        let refuse = |file: &str, reason: String| Error::Artifact { path: artifact.folder.join(file), reason };
        contract(&artifact.manifest).map_err(|reason| refuse("manifest.json", reason))?;
        audit(&artifact.graph, artifact.manifest.opset()).map_err(|reason| refuse("model.onnx", reason))?;
        Ok(artifact)
    }

    /// Reads a version folder: names, hashes, manifest and golden cases. `asked`: the model that it must be of.
    pub(crate) fn read(folder: &Path, asked: Option<&str>) -> Result<Self, Error> {
        let refuse = |path: &Path, reason: String| Error::Artifact { path: path.to_path_buf(), reason };
        let manifest_path = plain_file(folder, "manifest.json")?;
        let manifest_bytes = read_limited(&manifest_path, MANIFEST_LIMIT)?;
        let version = Version::of(&manifest_bytes);
        let names = names_of(folder)?;
        if names.version != version.as_str() {
            let reason =
                format!("hashes to version {version}, but the folder is named {}; export again", names.version);
            return Err(refuse(&manifest_path, reason));
        }
        let mut manifest = Manifest::parse(&manifest_bytes).map_err(|reason| refuse(&manifest_path, reason))?;
        manifest.sha256 = sha256_hex(&manifest_bytes);
        let asked = asked.map(|name| ("asked for", name));
        for (what, found) in asked.into_iter().chain([("of the folder", names.model.as_str())]) {
            if manifest.model != found {
                let reason = format!("field 'model': is {:?}, the model {what} is {found:?}", manifest.model);
                return Err(refuse(&manifest_path, reason));
            }
        }
        let graph_path = plain_file(folder, "model.onnx")?;
        let graph = read_limited(&graph_path, GRAPH_LIMIT)?;
        check_hash(&graph_path, &graph, &manifest.graph.sha256, "graph.sha256")?;
        if graph.len() as u64 != manifest.graph.bytes {
            return Err(refuse(&manifest_path, format!("field 'graph.bytes': the file holds {} bytes", graph.len())));
        }
        let golden_path = plain_file(folder, "golden/cases.json")?;
        let golden_bytes = read_limited(&golden_path, GOLDEN_LIMIT)?;
        check_hash(&golden_path, &golden_bytes, &manifest.golden.sha256, "golden.sha256")?;
        let golden = Golden::parse(&golden_bytes, &manifest).map_err(|reason| refuse(&golden_path, reason))?;
        Ok(Self { folder: folder.to_path_buf(), version, manifest, graph, golden })
    }
}

fn check_hash(path: &Path, bytes: &[u8], expected: &str, field: &str) -> Result<(), Error> {
    let found = sha256_hex(bytes);
    if found == expected {
        return Ok(());
    }
    Err(Error::Artifact {
        path: path.to_path_buf(),
        reason: format!("field '{field}': the file hashes to {found}, the manifest says {expected}; export again"),
    })
}
