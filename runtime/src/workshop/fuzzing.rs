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
use crate::engine::native::trial::engines::{native, native_any};
use crate::engine::native::trial::make::graph as graph_of;
use crate::engine::native::trial::source::Source;
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
    match which % 12 {
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
        9 => drop(native_any(bytes)),
        10 => drop(native(&graph_of(Source::Bytes(bytes)))),
        11 => edited(bytes),
        _ => {
            static MODEL: OnceLock<Option<Model>> = OnceLock::new();
            let open = || Model::options().lanes(1).place(Place::below(Path::new(CHECKOUT))).open(MIXED).ok();
            if let Some(model) = MODEL.get_or_init(open) {
                drop(answer_stream(model, bytes, std::io::sink(), "fuzz", |_| {}));
            }
        }
    }
}

/// A small graph that the first two bytes number; each further three change one of its bytes.
fn edited(bytes: &[u8]) {
    let Some((number, edits)) = bytes.split_first_chunk::<2>() else { return };
    let mut graph = graph_of(Source::Seed(u16::from_le_bytes(*number).into()));
    for edit in edits.chunks_exact(3) {
        let place = usize::from(edit[0]) << 8 | usize::from(edit[1]);
        let place = place % graph.bytes.len();
        graph.bytes[place] ^= edit[2];
    }
    drop(native_any(&graph.bytes));
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
