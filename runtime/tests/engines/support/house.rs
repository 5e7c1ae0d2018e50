//! What an engine's host has on its disk: the artifacts, a config and surfaces, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The two versions of the signal classifier among the fixtures.
pub const VERSIONS: [&str; 2] = ["25714ebf86ed", "38b4ee5ff11e"];

pub struct House(PathBuf);

impl House {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mini-engine-{name}-{}-{count}", std::process::id()));
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        for part in ["artifacts", "config"] {
            copy(&runtime.join("tests/fixtures").join(part), &folder.join(part));
        }
        fs::create_dir_all(folder.join("data")).unwrap();
        fs::copy(runtime.join("../tests/data/surfaces/dated.csv"), folder.join("data/abc_vol_surface.csv")).unwrap();
        let house = Self(folder);
        house.point_to(VERSIONS[0]);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes a version of the signal classifier the one in use, as `python -m verify` does.
    pub fn point_to(&self, version: &str) {
        fs::write(self.path("artifacts/signal_classifier/current.json"), format!("{{\"version\": \"{version}\"}}"))
            .unwrap();
    }

    /// Breaks the graph of a version by one byte, or mends it again.
    pub fn flip(&self, version: &str) {
        let path = self.path("artifacts/signal_classifier").join(version).join("model.onnx");
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
