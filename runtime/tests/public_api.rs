//! What the crate promises stands in `public-api.txt`: a change of it is seen in review, and never made by accident.
//!
//! The lint `unreachable_pub` keeps the word `pub` to what a user can reach, so the sources themselves are the listing:
//! every public item, field and variant with its attributes `cfg` and `derive`. Rewrite the file with
//! `DOLLARBILL_ML_WRITE_API=1 cargo test --test public_api`.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("bin") {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("fuzzing.rs") {
            found.push(path);
        }
    }
}

/// One line without what follows the signature.
fn signature(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        text += line.trim();
        let value = text.starts_with("pub const") || text.starts_with("pub use");
        if text.ends_with(['{', ';', '}']) || (!value && text.ends_with(',') && !text.contains('(')) {
            break;
        }
        text.push(' ');
    }
    let end = if text.starts_with("pub use") { None } else { text.find(" {") };
    let text = end.map_or(text.as_str(), |end| &text[..end]);
    text.trim_end_matches([';', ',']).replace("( ", "(").replace(", )", ")").trim().to_owned()
}

/// The public items of one file: the type or trait that they belong to, then the signature.
fn items(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| line.contains("cfg(test)") || line.contains("cfg(all(test"));
    let lines = &lines[..end.unwrap_or(lines.len())];
    let (mut owner, mut attributes, mut hidden, mut variants) = (String::new(), Vec::new(), false, false);
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("#[") {
            hidden |= trimmed == "#[doc(hidden)]";
            if ["#[cfg", "#[derive", "#[non_exhaustive", "#[serde"].iter().any(|start| trimmed.starts_with(start)) {
                attributes.push(trimmed.to_owned());
            }
            continue;
        }
        if trimmed.starts_with("//") {
            continue;
        }
        let is_public = trimmed.starts_with("pub ") && !hidden;
        let is_impl = line.starts_with("impl") && line.contains(" for ");
        if is_public || is_impl {
            let what = signature(&lines[index..]);
            let what = [attributes.join(" "), what].join(" ");
            let place = if line.starts_with(' ') { format!("{owner}: ") } else { String::new() };
            found.push(format!("{place}{}", what.trim()));
        } else if variants && line.starts_with("    ") && !line.starts_with("     ") && trimmed != "}," {
            found.push(format!("{owner}: variant {}", trimmed.trim_end_matches(['{', ',']).trim()));
        }
        if !line.starts_with([' ', '}']) && trimmed.ends_with('{') {
            let words = trimmed.trim_end_matches('{').trim();
            words.rsplit(" for ").next().unwrap_or_default().clone_into(&mut owner);
            owner = owner.trim_start_matches("pub ").to_owned();
            variants = is_public && trimmed.starts_with("pub enum");
        } else if line.starts_with('}') {
            (owner, variants) = (String::new(), false);
        }
        attributes.clear();
        hidden = false;
    }
    found
}

#[test]
fn the_public_interface_is_the_one_that_was_agreed_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    let mut listed: Vec<String> = paths.iter().flat_map(|path| items(&fs::read_to_string(path).unwrap())).collect();
    // Private types have traits too; they are listed with the rest, so only those of what is named `pub` are kept.
    let public: Vec<String> = listed
        .iter()
        .filter_map(|line| line.split("pub ").nth(1))
        .filter_map(|item| item.split([' ', '(', '<', '{', ';']).nth(1).map(str::to_owned))
        .collect();
    listed.retain(|line| match line.rsplit_once(" for ").filter(|_| line.contains("impl")) {
        Some((_, name)) => public.iter().any(|known| *known == name.split(['<', ' ']).next().unwrap_or_default()),
        None => true,
    });
    listed.sort();
    listed.dedup();
    let listed = listed.join("\n") + "\n";
    let path = root.join("public-api.txt");
    if std::env::var_os("DOLLARBILL_ML_WRITE_API").is_some() {
        fs::write(&path, &listed).unwrap();
    }
    let agreed = fs::read_to_string(&path).unwrap_or_default();
    let gone: Vec<_> = agreed.lines().filter(|line| !listed.lines().any(|other| other == *line)).collect();
    let new: Vec<_> = listed.lines().filter(|line| !agreed.lines().any(|other| other == *line)).collect();
    let todo = "if it is meant, run `DOLLARBILL_ML_WRITE_API=1 cargo test --test public_api` and commit public-api.txt";
    assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}\n{todo}");
}
