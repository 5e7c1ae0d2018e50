//! What several test files need: a copy of the fixtures to break, the library, and the binary.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::must_use_candidate, clippy::new_without_default, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub const SIGNAL: &str = r#"{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5, "volume": 1200, "open_interest": 8500, "days_to_expiry": 45}"#;

/// Changes of a manifest, and what the refusal must say.
pub type Changes = Vec<(fn(&mut Value), &'static str)>;

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The onnxruntime library, found as a user's is: `ORT_DYLIB_PATH`, else the virtual environment of the checkout.
pub fn library() -> PathBuf {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return path.into();
    }
    let environments = repository().join(".venv/lib");
    for python in fs::read_dir(&environments).into_iter().flatten().flatten() {
        let folder = python.path().join("site-packages/onnxruntime/capi");
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("libonnxruntime.so") {
                return entry.path();
            }
        }
    }
    panic!("these tests need libonnxruntime: run `make`, or set ORT_DYLIB_PATH");
}

/// A copy of the fixtures in a folder of its own: `config/ml_config.json` and `artifacts/`.
pub struct House {
    folder: TempDir,
}

/// What the binary did.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl House {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), folder.path());
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("config/ml_config.json")
    }

    /// Writes a file below the house.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Changes the config.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&fs::read(self.config()).unwrap()).unwrap();
        change(&mut config);
        fs::write(self.config(), config.to_string()).unwrap();
    }

    /// The folder of a model, of the config's or another.
    pub fn model(&self, model: &str) -> PathBuf {
        ["artifacts", "others"].map(|root| self.path(root).join(model)).into_iter().find(|path| path.exists()).unwrap()
    }

    /// The version folder that is in use.
    pub fn version(&self, model: &str) -> PathBuf {
        let folder = self.model(model);
        let pointer: Value = serde_json::from_slice(&fs::read(folder.join("current.json")).unwrap()).unwrap();
        folder.join(pointer["version"].as_str().unwrap())
    }

    /// Changes the manifest in use and renames the folder, so that its hash is right and only the content is wrong.
    pub fn remake(&self, model: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let folder = self.version(model);
        let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        change(&mut manifest);
        self.set_manifest(model, manifest.to_string().as_bytes())
    }

    /// Replaces the manifest in use by any bytes, and renames the folder to their hash.
    pub fn set_manifest(&self, model: &str, bytes: &[u8]) -> PathBuf {
        let folder = self.version(model);
        fs::write(folder.join("manifest.json"), bytes).unwrap();
        let version = &sha256(bytes)[..12];
        let renamed = folder.parent().unwrap().join(version);
        fs::rename(&folder, &renamed).unwrap();
        fs::write(folder.parent().unwrap().join("current.json"), format!("{{\"version\": \"{version}\"}}")).unwrap();
        renamed
    }

    /// Replaces a file of the version in use and puts its new hash into the manifest.
    pub fn replace(&self, model: &str, entry: &str, file: &str, content: &[u8]) -> PathBuf {
        fs::write(self.version(model).join(file), content).unwrap();
        self.remake(model, |manifest| {
            manifest[entry]["sha256"] = sha256(content).into();
            if entry == "graph" {
                manifest[entry]["bytes"] = content.len().into();
            }
        })
    }

    /// The binary with this house's config and the library.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dollarbill-ml"));
        command.env_remove("DOLLARBILL_ML_CONFIG").env("ORT_DYLIB_PATH", library()).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command().args(arguments), b"")
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        outcome(self.command().args(arguments), input)
    }
}

pub fn outcome(command: &mut Command, input: &[u8]) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A program that was copied a moment ago is busy while another test's child still holds the copy open.
    let mut child = loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            spawned => break spawned.unwrap(),
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that refuses its arguments does not read.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Outcome {
    /// One clear line on stderr that says `part`, nothing on stdout, exit 2.
    #[track_caller]
    pub fn refused(&self, part: &str) {
        assert_eq!(self.code, Some(2), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(part), "{}", self.stderr);
    }

    #[track_caller]
    pub fn good(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        &self.stdout
    }
}

/// As gzip.
pub fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Puts a program at another place, ready to be run.
pub fn install(program: &Path, place: &Path) {
    if fs::hard_link(program, place).is_err() {
        fs::copy(program, place).unwrap();
        // A child that another test has just forked may still hold the file open for writing.
        while Command::new(place).arg("--version").output().is_err() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
