//! A door for the fuzzer, compiled for it alone: any bytes to any reader.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use crate::any_model::signature::Signature;
use crate::any_model::{Model, answer_stream};
use crate::artifact::golden::{Golden, parse_inputs};
use crate::artifact::graph;
use crate::artifact::manifest::Manifest;
use crate::config::settings::Config;
use crate::engine::place::Place;
use crate::io::json;
use crate::models::{TradeSignal, batch};
use crate::service::ml_service::MlService;
use crate::surface;

/// The fixture of this folder: its inputs are of all types.
const MIXED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/others/mixed");

/// Where the virtual environment with the library lies.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Gives the bytes to reader number `which` (`fuzz/run.sh` names them), modulo their count.
pub fn read(which: u8, bytes: &[u8]) {
    match which % 9 {
        0 => drop(TradeSignal::from_json(&String::from_utf8_lossy(bytes))),
        1 => drop(Manifest::parse(bytes)),
        2 => read_golden(bytes),
        3 => drop(graph::audit(bytes, &std::collections::BTreeMap::new())),
        4 => drop(json::parse(bytes).and_then(|value| Config::from_value(&value, Path::new("/")))),
        5 => {
            static SERVICE: OnceLock<Option<MlService>> = OnceLock::new();
            let service = SERVICE.get_or_init(|| {
                let value = serde_json::json!({"ml_integration": {"enabled": false}});
                Config::from_value(&value, Path::new("/")).ok().and_then(|config| MlService::open(&config).ok())
            });
            if let Some(service) = service {
                drop(batch::classify_stream(service, bytes, std::io::sink(), "fuzz", |_| {}));
            }
        }
        6 => {
            if let Ok(mut file) = tempfile::Builder::new().suffix("_vol_surface.csv").tempfile_in("/dev/shm")
                && file.write_all(bytes).is_ok()
            {
                drop(surface::read_surface(file.path()));
            }
        }
        7 => {
            for name in ["spy_2024-01-05.csv", "spy_2024-01-05.json"] {
                let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
                let path = folder.path().join(name);
                if std::fs::write(&path, bytes).is_ok()
                    && let Ok(chain) = crate::chain::read::read(&path, &crate::chain::reading::ChainReading::default())
                {
                    for day in &chain.days {
                        drop(day.signals(|_| Some(0.3)));
                    }
                }
            }
        }
        _ => {
            static MODEL: OnceLock<Option<Model>> = OnceLock::new();
            let open = || Model::options().lanes(1).place(Place::below(Path::new(CHECKOUT))).open(MIXED).ok();
            if let Some(model) = MODEL.get_or_init(open) {
                drop(answer_stream(model, bytes, std::io::sink(), "fuzz", |_| {}));
            }
        }
    }
}

/// Golden cases are read by the manifest that they belong to: here that of the mixed fixture.
fn read_golden(bytes: &[u8]) {
    static MANIFEST: OnceLock<Option<(Manifest, Signature)>> = OnceLock::new();
    let read = || {
        let folder = crate::artifact::place::version_folder(Path::new(MIXED)).ok()?;
        let manifest = Manifest::parse(&std::fs::read(folder.join("manifest.json")).ok()?).ok()?;
        let signature = Signature::of(&manifest, "0123456789ab".parse().ok()?);
        Some((manifest, signature))
    };
    if let Some((manifest, signature)) = MANIFEST.get_or_init(read) {
        drop(Golden::parse(bytes, manifest));
        drop(parse_inputs(bytes, &signature.inputs));
    }
}
