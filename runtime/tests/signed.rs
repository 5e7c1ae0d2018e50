//! Signatures made by the real model-signing library (`fixtures/make_signed.py`): the good ones open the door, and every
//! part that is tampered with closes it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dollarbill_ml::trust::{Policy, Trust};
use dollarbill_ml::{Error, Model};
use tempfile::TempDir;

const FIRST: &str = "04286ce53248";
const SECOND: &str = "c5432a341e8e";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signed")
}

fn key(name: &str) -> PathBuf {
    fixtures().join(format!("keys/{name}.pub.pem"))
}

fn copy(from: &Path, to: &Path) {
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

/// A copy of the signed models, to be tampered with.
struct House(TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        copy(&fixtures(), house.0.path());
        house
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn point(&self, version: &str, step: u64) {
        let pointer = format!("{{\"version\": \"{version}\", \"step\": {step}}}\n");
        fs::write(self.at("numbers/current.json"), pointer).unwrap();
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(path)).unwrap();
        assert!(text.contains(from), "{path} holds no {from}");
        fs::write(self.at(path), text.replacen(from, to, 1)).unwrap();
    }

    fn open_with(&self, model: &str, trust: Trust) -> Result<Model, Error> {
        Model::options().lanes(1).library(support::library()).trust(trust).open(self.at(model))
    }

    fn open(&self) -> Result<Model, Error> {
        self.open_with("numbers", Trust::require([key("weekly")]))
    }
}

fn refused(result: Result<Model, Error>) -> String {
    match result {
        Ok(_) => panic!("it was let in"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_a_trusted_key_signed_is_loaded_and_answers() {
    let house = House::new();
    let model = house.open().unwrap();
    assert_eq!(model.signature().version.to_string(), FIRST);
    assert_eq!(model.run_one(&[30.0, 1.5, 3.0]).unwrap().output("sum").unwrap().float64(), Some([31.5].as_slice()));
    house.open_with("narrow", Trust::require([key("weekly")])).unwrap();
    // A version named without the pointer: its newest good signature counts.
    house.open_with(&format!("numbers/{FIRST}"), Trust::require([key("weekly")])).unwrap();
    house.open_with(&format!("numbers/{SECOND}/model.onnx"), Trust::require([key("weekly")])).unwrap();
}

#[test]
fn every_curve_of_the_format_is_verified() {
    for (step, name) in [(4, "p384"), (5, "p521")] {
        let house = House::new();
        house.point(FIRST, step);
        house.open_with("numbers", Trust::require([key("weekly"), key(name)])).unwrap();
        let said = refused(house.open());
        assert!(said.contains("a key that is not trusted"), "{said}");
    }
}

#[test]
fn a_key_that_is_revoked_unknown_or_expired_opens_nothing() {
    let mut revoking = Trust::require([key("weekly"), key("revoked")]);
    revoking.revoked = vec![key("revoked")];
    for (step, trust, reason) in [
        (6, revoking, "signed by a revoked key"),
        (7, Trust::require([key("weekly")]), "signed by a key that is not trusted"),
        (8, Trust::require([key("weekly"), key("expired")]), "which expired on 2020-12-31"),
        (1, Trust::require(Vec::<PathBuf>::new()), "signed by a key that is not trusted"),
    ] {
        let house = House::new();
        house.point(FIRST, step);
        let said = refused(house.open_with("numbers", trust));
        assert!(said.contains(reason), "step {step}: {said}");
    }
}

#[test]
fn a_key_can_be_revoked_while_the_process_runs() {
    let house = House::new();
    let mut trust = Trust::require([house.at("keys/weekly.pub.pem")]);
    trust.revoked = vec![house.at("revoked.pub.pem")];
    fs::copy(key("revoked"), house.at("revoked.pub.pem")).unwrap();
    house.point(FIRST, 1);
    let model = house.open_with("numbers", trust).unwrap();
    fs::copy(key("weekly"), house.at("revoked.pub.pem")).unwrap();
    house.point(SECOND, 2);
    let said = model.reload().unwrap_err().to_string();
    assert!(said.contains("signed by a revoked key"), "{said}");
    assert_eq!(model.signature().version.to_string(), FIRST);
}

#[test]
#[allow(clippy::type_complexity, reason = "a table")]
fn every_part_that_is_tampered_with_closes_the_door() {
    let step = "numbers/steps/00000003.json";
    let signature = "numbers/steps/00000003.sig";
    let cases: [(&str, fn(&House), &str); 24] = [
        ("graph", |h| flip(&h.at(&format!("numbers/{FIRST}/model.onnx"))), "hashes to"),
        ("golden", |h| h.replace(&format!("numbers/{FIRST}/golden/cases.json"), "3", "4"), "hashes to"),
        ("manifest", |h| h.replace(&format!("numbers/{FIRST}/manifest.json"), "signed", "sighed"), "hashes to version"),
        (
            "card",
            |h| h.replace(&format!("numbers/{FIRST}/model_card.md"), "#", "##"),
            "was changed after it was signed",
        ),
        ("card gone", |h| fs::remove_file(h.at(&format!("numbers/{FIRST}/model_card.md"))).unwrap(), "is not there"),
        (
            "extra file",
            |h| fs::write(h.at(&format!("numbers/{FIRST}/parity.json")), "{}").unwrap(),
            "it was added later",
        ),
        ("extra folder", |h| copy(&h.at("keys"), &h.at(&format!("numbers/{FIRST}/golden/more"))), "it was added later"),
        ("hidden file", |h| fs::write(h.at(&format!("numbers/{FIRST}/.gitignore")), "").unwrap(), "it was added later"),
        ("step", |h| h.replace("numbers/steps/00000003.json", "a test", "a tost"), "was changed after it was signed"),
        ("step gone", |h| fs::remove_file(h.at("numbers/steps/00000003.json")).unwrap(), "is missing"),
        ("signature gone", |h| fs::remove_file(h.at("numbers/steps/00000003.sig")).unwrap(), "is not signed"),
        ("signature empty", |h| fs::write(h.at("numbers/steps/00000003.sig"), "").unwrap(), "00000003.sig"),
        ("signature cut", |h| cut(&h.at("numbers/steps/00000003.sig")), "00000003.sig"),
        ("another step's signature", |h| swap(h, "00000001", "00000003"), "does not sign steps/00000003.json"),
        (
            "another step under its name",
            |h| {
                swap(h, "00000001", "00000003");
                fs::copy(h.at("numbers/steps/00000001.json"), h.at("numbers/steps/00000003.json")).unwrap();
            },
            "does not sign steps/00000003.json",
        ),
        (
            "another model's signature",
            |h| {
                fs::copy(h.at("narrow/steps/00000001.sig"), h.at("numbers/steps/00000003.sig")).unwrap();
            },
            "signs the model \"narrow\"",
        ),
        (
            "another model's folder",
            |h| {
                fs::remove_dir_all(h.at("numbers")).unwrap();
                copy(&h.at("narrow"), &h.at("numbers"));
            },
            "signs the model \"narrow\"",
        ),
        ("pointer to another version", |h| h.point(SECOND, 3), "not step 3 of numbers"),
        ("pointer to another step", |h| h.point(FIRST, 2), "is step 2"),
        (
            "pointer without a step",
            |h| {
                fs::write(h.at("numbers/current.json"), format!("{{\"version\": \"{FIRST}\"}}")).unwrap();
            },
            "names no step",
        ),
        ("pointer to no step", |h| h.point(FIRST, 99), "is not signed"),
        ("pointer to step 0", |h| h.point(FIRST, 0), "current.json"),
        (
            "renamed version",
            |h| {
                fs::rename(h.at(&format!("numbers/{FIRST}")), h.at("numbers/0123456789ab")).unwrap();
                h.point("0123456789ab", 3);
            },
            "is step 3",
        ),
        (
            "payload of another type",
            |h| {
                h.replace("numbers/steps/00000003.sig", "application/vnd.in-toto+json", "application/json");
            },
            "payloadType",
        ),
    ];
    for (name, tamper, reason) in cases {
        let house = House::new();
        tamper(&house);
        let said = refused(house.open());
        assert!(said.contains(reason), "{name}: {said}");
    }
    let house = House::new();
    assert!(house.at(step).is_file() && house.at(signature).is_file());
    house.open().unwrap();
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() - 10]).unwrap();
}

fn swap(house: &House, from: &str, to: &str) {
    fs::copy(house.at(&format!("numbers/steps/{from}.sig")), house.at(&format!("numbers/steps/{to}.sig"))).unwrap();
}

#[test]
fn every_byte_of_payload_and_signature_counts() {
    let house = House::new();
    let path = house.at("numbers/steps/00000003.sig");
    let whole = fs::read_to_string(&path).unwrap();
    for field in ["\"payload\": \"", "\"payload\":\"", "\"sig\": \"", "\"sig\":\""] {
        let Some(begin) = whole.find(field).map(|place| place + field.len()) else { continue };
        let end = begin + whole[begin..].find('"').unwrap();
        for place in (begin..end).step_by(((end - begin) / 20).max(1)) {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            fs::write(&path, &bytes).unwrap();
            refused(house.open());
        }
    }
    fs::write(&path, whole).unwrap();
    house.open().unwrap();
}

#[test]
fn who_can_rehash_a_changed_model_gets_no_further() {
    // A manifest that was changed, its folder named anew, step and pointer made to fit: all but the signature.
    let house = House::new();
    let manifest = house.at(&format!("numbers/{FIRST}/manifest.json"));
    let changed = fs::read_to_string(&manifest).unwrap().replace("\"signed\"", "\"sold\"");
    fs::write(&manifest, &changed).unwrap();
    let version = &support::sha256(changed.as_bytes())[..12];
    fs::rename(house.at(&format!("numbers/{FIRST}")), house.at(&format!("numbers/{version}"))).unwrap();
    house.replace("numbers/steps/00000003.json", FIRST, version);
    house.point(version, 3);
    Model::options().lanes(1).library(support::library()).open(house.at("numbers")).unwrap();
    let said = refused(house.open());
    assert!(said.contains("was changed after it was signed"), "{said}");
}

#[test]
fn a_step_that_was_seen_is_never_followed_by_an_older_one() {
    let house = House::new();
    house.point(FIRST, 1);
    let model = house.open().unwrap();
    house.point(SECOND, 2);
    assert!(model.reload().unwrap().is_some());
    house.point(FIRST, 1);
    let said = model.reload().unwrap_err().to_string();
    assert!(said.contains("step 1 is older than step 2") && said.contains("a replay"), "{said}");
    assert_eq!(model.signature().version.to_string(), SECOND);
    // The same version again, by a step of its own: that is a rollback.
    house.point(FIRST, 3);
    assert!(model.reload().unwrap().is_some());
}

#[test]
fn a_process_serves_without_a_gap_while_versions_come_go_and_are_refused() {
    let house = House::new();
    house.point(FIRST, 1);
    let model = house.open().unwrap();
    let watcher = dollarbill_ml::Watcher::start(&model, Duration::from_millis(1)).unwrap();
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answers = model.run_one(&[30.0, 1.5, 3.0]).unwrap();
                    assert_eq!(answers.output("sum").unwrap().float64(), Some([31.5].as_slice()));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let serves = |version: &str| model.signature().version.to_string() == version;
        let comes = |version: &str| {
            let until = Instant::now() + Duration::from_secs(20);
            while !serves(version) {
                assert!(Instant::now() < until, "{version} did not come");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let stays = |version: &str| {
            std::thread::sleep(Duration::from_millis(100));
            assert!(serves(version));
        };
        // In one rename, as promotion does it: a reader never sees half a pointer.
        let point = |version: &str, step: u64| {
            let pointer = format!("{{\"version\": \"{version}\", \"step\": {step}}}\n");
            fs::write(house.at("numbers/new.json"), pointer).unwrap();
            fs::rename(house.at("numbers/new.json"), house.at("numbers/current.json")).unwrap();
        };
        point(SECOND, 7); // a stranger's signature, and of another version
        stays(FIRST);
        point(SECOND, 2); // promoted
        comes(SECOND);
        point(FIRST, 1); // replayed
        stays(SECOND);
        let card = house.at(&format!("numbers/{FIRST}/model_card.md"));
        let whole = fs::read(&card).unwrap();
        fs::write(&card, "tampered").unwrap();
        point(FIRST, 3);
        stays(SECOND);
        fs::write(&card, whole).unwrap(); // rolled back
        comes(FIRST);
        stop.store(true, Ordering::Relaxed);
    });
    drop(watcher);
    assert!(calls.load(Ordering::Relaxed) > 1000);
}

#[test]
fn the_counter_is_remembered_beyond_the_process() {
    let house = House::new();
    let mut trust = Trust::require([key("weekly")]);
    trust.counter = Some(house.at("counter/below"));
    house.open_with("numbers", trust.clone()).unwrap();
    let file = house.at("counter/below/numbers.json");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), "{\"step\": 3}");
    // Another folder stands for another process: only the file knows of step 3.
    let fresh = House::new();
    fresh.point(SECOND, 2);
    let said = refused(fresh.open_with("numbers", trust.clone()));
    assert!(said.contains("step 2 is older than step 3"), "{said}");
    fs::write(&file, "{}").unwrap();
    let said = refused(House::new().open_with("numbers", trust));
    assert!(said.contains("numbers.json") && said.contains("step"), "{said}");
}

#[test]
fn policies_off_and_warn_let_in_what_require_refuses() {
    for (policy, lets_in) in [(Policy::Off, true), (Policy::Warn, true), (Policy::Require, false)] {
        let house = House::new();
        fs::remove_file(house.at("numbers/steps/00000003.sig")).unwrap();
        let mut trust = Trust::require([key("weekly")]);
        trust.policy = policy;
        assert_eq!(house.open_with("numbers", trust).is_ok(), lets_in, "{policy:?}");
    }
}

#[test]
fn a_key_file_that_is_none_is_named() {
    let house = House::new();
    let pem = fs::read_to_string(key("weekly")).unwrap();
    let private = pem.replace("PUBLIC KEY", "PRIVATE KEY");
    let twice = format!("{pem}{pem}");
    let dated = |date: &str| format!("not-after: {date}\n{pem}");
    for (content, reason) in [
        ("", "holds no public key"),
        (private.as_str(), "holds a private key"),
        (twice.as_str(), "more than one key"),
        (&pem[..pem.len() - 40], "is cut off"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no ECDSA key"),
        (dated("soon").as_str(), "must be a day"),
        (dated("2030-02-30").as_str(), "must be a day"),
        (dated("20300228").as_str(), "must be a day"),
        (format!("Not-After: 2020-01-01\n{pem}").as_str(), "above the key"),
        (format!("not_after: 2020-01-01\n{pem}").as_str(), "above the key"),
        (format!("expires 2020-01-01\n{pem}").as_str(), "above the key"),
        (format!("not-after: 2030-01-01\n{}", dated("2031-01-01")).as_str(), "twice"),
    ] {
        let path = house.at("keys/made.pem");
        fs::write(&path, content).unwrap();
        let said = refused(house.open_with("numbers", Trust::require([path])));
        assert!(said.contains(reason) && said.contains("made.pem"), "{reason}: {said}");
    }
    refused(house.open_with("numbers", Trust::require([house.at("keys/nowhere.pem")])));
    fs::write(house.at("keys/made.pem"), format!("# of 2026\n\n{}", dated("2999-12-31"))).unwrap();
    house.open_with("numbers", Trust::require([house.at("keys/made.pem")])).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_signed_file_is_refused() {
    let house = House::new();
    let card = house.at(&format!("numbers/{FIRST}/model_card.md"));
    fs::rename(&card, house.at("elsewhere.md")).unwrap();
    std::os::unix::fs::symlink(house.at("elsewhere.md"), &card).unwrap();
    let said = refused(house.open());
    assert!(said.contains("is no plain file"), "{said}");
}
