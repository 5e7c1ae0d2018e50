//! How the crate is built: no circles between its files, and no model's name outside of its own folder.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file of the library by its module path, for instance `engine::lane`; the root is the empty path.
fn modules(folder: &Path, path: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let own = if path.is_empty() { stem.clone() } else { format!("{path}::{stem}") };
        if file.is_dir() && stem != "bin" {
            modules(&file, &own, found);
        } else if file.is_file() {
            let own = if stem == "mod" || stem == "lib" { path.to_owned() } else { own };
            found.insert(own, fs::read_to_string(&file).unwrap());
        }
    }
}

/// The lines that are compiled outside of tests, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.lines().position(|line| line.contains("cfg(test)") || line.contains("cfg(all(test"));
    text.lines().take(tests.unwrap_or(usize::MAX)).filter(|line| !line.trim_start().starts_with("//"))
}

/// The longest beginning of a path that is a module.
fn module_of(path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    (1..=parts.len()).rev().map(|length| parts[..length].join("::")).find(|name| modules.contains_key(name))
}

/// The modules that a module uses: by `crate::` anywhere, or, where it shows what lies in its folder, by `pub use`.
fn uses(own: &str, text: &str, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for line in code(text) {
        assert!(!line.contains("super::"), "{own}: name the file, not the folder above: {line}");
        for (place, _) in line.match_indices("crate::") {
            let path: String = line[place + 7..].chars().take_while(|c| is_path(*c)).collect();
            let target = module_of(path.trim_end_matches(':'), modules);
            used.insert(target.expect(line));
        }
        if let Some(path) = line.strip_prefix("pub use ").filter(|path| !path.starts_with("crate::")) {
            let path: String = path.chars().take_while(|c| is_path(*c)).collect();
            let below = if own.is_empty() { path } else { format!("{own}::{path}") };
            used.extend(module_of(below.trim_end_matches(':'), modules).filter(|target| target != own));
        }
    }
    used.remove(own);
    used
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let mut all = BTreeMap::new();
    modules(&sources(), "", &mut all);
    assert!(all.len() > 40);
    let mut left: BTreeMap<String, BTreeSet<String>> =
        all.iter().map(|(own, text)| (own.clone(), uses(own, text, &all))).collect();
    // What uses nothing that is left is in no circle.
    loop {
        let done: Vec<_> = left
            .iter()
            .filter(|(_, used)| used.iter().all(|name| !left.contains_key(name)))
            .map(|(own, _)| own.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        left.retain(|own, _| !done.contains(own));
    }
    let circles: Vec<_> = left
        .iter()
        .map(|(own, used)| (own, used.iter().filter(|name| left.contains_key(*name)).collect::<Vec<_>>()))
        .collect();
    assert!(circles.is_empty(), "in a circle, or above one: {circles:#?}");
}

#[test]
fn no_folder_is_hard_to_survey() {
    fn check(folder: &Path) {
        let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let files = entries.iter().filter(|entry| !entry.ends_with("mod.rs")).count();
        assert!(files <= 14, "{} holds {files} entries", folder.display());
        entries.iter().filter(|entry| entry.is_dir()).for_each(|entry| check(entry));
    }
    check(&sources());
}

#[test]
fn a_model_is_named_in_its_own_folder_only() {
    fn check(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path == sources().join("models") {
                continue;
            }
            if path.is_dir() {
                check(&path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for word in ["signal_classifier", "volatility_predictor", "SIGNAL_CLASSIFIER", "VOLATILITY_PREDICTOR"] {
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        }
    }
    check(&sources());
}
