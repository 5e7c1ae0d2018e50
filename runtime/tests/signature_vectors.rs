//! The `OpenSSF` specification's kinds of vectors (`fixtures/make_signature_vectors.py`): each is taken or refused as it says.
//! `tests/versions/test_signature_vectors.py` asks the same of Python and of the `OpenSSF`'s own library.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use dollarbill_ml::trust::{Trust, verify};
use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    keys: Vec<String>,
    good: bool,
    says: Option<String>,
    change: Vec<Vec<String>>,
    #[serde(default)]
    revoked: Vec<String>,
    #[serde(default)]
    ignore_unsigned: bool,
    #[serde(default)]
    inside: bool,
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signature_vectors")
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

impl Case {
    fn all() -> Vec<Self> {
        serde_json::from_slice(&fs::read(vectors().join("cases.json")).unwrap()).unwrap()
    }

    /// The model as it is found, and where its signature lies.
    fn model(&self, place: &Path) -> (PathBuf, PathBuf) {
        let model = place.join(&self.model);
        copy(&vectors().join("models").join(&self.model), &model);
        for change in &self.change {
            let words: Vec<&str> = change.iter().map(String::as_str).collect();
            let at = |path: &str| model.join(path);
            match words.as_slice() {
                ["write", path, content] => {
                    fs::create_dir_all(at(path).parent().unwrap()).unwrap();
                    fs::write(at(path), content).unwrap();
                }
                ["remove", path] => fs::remove_file(at(path)).unwrap(),
                ["link", path, to] => std::os::unix::fs::symlink(to, at(path)).unwrap(),
                other => panic!("{}: no such change: {other:?}", self.name),
            }
        }
        let signature = vectors().join(format!("signatures/{}.sig", self.name));
        if self.inside {
            copy(&signature, &model.join("model.sig"));
            return (model.clone(), model.join("model.sig"));
        }
        (model, signature)
    }

    fn trust(&self) -> Trust {
        let files = |names: &[String]| -> Vec<PathBuf> {
            names.iter().map(|name| vectors().join(format!("keys/{name}.pub.pem"))).collect()
        };
        let mut trust = Trust::require(files(&self.keys));
        trust.revoked = files(&self.revoked);
        trust
    }
}

#[test]
fn every_vector_is_taken_or_refused_as_the_specification_says() {
    let (cases, mut wrong) = (Case::all(), Vec::new());
    for case in &cases {
        let place = TempDir::new().unwrap();
        let (model, signature) = case.model(place.path());
        match verify(&model, &signature, &case.trust(), case.ignore_unsigned) {
            Ok(found) if !case.good => wrong.push(format!("{}: taken, of {:?}", case.name, found.name)),
            Err(error) if case.good => wrong.push(format!("{}: refused: {error}", case.name)),
            Err(error) if !error.to_string().contains(case.says.as_deref().unwrap()) => {
                wrong.push(format!("{}: refused by another word: {error}", case.name));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let good = cases.iter().filter(|case| case.good).count();
    assert!(good > 20 && cases.len() - good > 80, "{good} of {}", cases.len());
}

#[test]
fn the_command_says_who_signed_and_refuses_in_one_line() {
    for case in Case::all().iter().filter(|case| ["good-deep", "changed-file"].contains(&case.name.as_str())) {
        let place = TempDir::new().unwrap();
        let (model, signature) = case.model(place.path());
        let key = vectors().join("keys/weekly.pub.pem");
        let mut arguments = vec!["check-signature", model.to_str().unwrap(), "--signature"];
        arguments.extend([signature.to_str().unwrap(), "--key", key.to_str().unwrap()]);
        let done = support::House::new().run(&arguments);
        if case.good {
            assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
            assert!(done.stdout.starts_with("deep: 4 files as signed by "), "{}", done.stdout);
        } else {
            assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
            assert_eq!(done.stderr.lines().count(), 1);
            assert!(done.stderr.contains("config.json: was changed after it was signed"), "{}", done.stderr);
        }
    }
}
