//! A door for the fuzzer, compiled for it alone: any bytes to any reader.

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use crate::manifest::{Golden, Manifest};
use crate::{Config, MlService, TradeSignal, batch, config, graph, json, surface};

/// Gives the bytes to reader number `which` (`fuzz/run.sh` names them), modulo their count.
pub fn read(which: u8, bytes: &[u8]) {
    match which % 7 {
        0 => drop(TradeSignal::from_json(&String::from_utf8_lossy(bytes))),
        1 => drop(Manifest::parse(bytes)),
        2 => drop(serde_json::from_slice::<Golden>(bytes)),
        3 => drop(graph::audit(bytes, &std::collections::BTreeMap::new())),
        4 => drop(json::parse(bytes).and_then(|value| Config::from_value(&value, Path::new("/")))),
        5 => {
            static SERVICE: OnceLock<Option<MlService>> = OnceLock::new();
            let service = SERVICE.get_or_init(|| {
                let value = serde_json::json!({"ml_integration": {"enabled": false}});
                config::Config::from_value(&value, Path::new("/")).ok().and_then(|config| MlService::open(&config).ok())
            });
            if let Some(service) = service {
                drop(batch::classify_stream(service, bytes, std::io::sink(), "fuzz", |_| {}));
            }
        }
        _ => {
            if let Ok(mut file) = tempfile::Builder::new().suffix("_vol_surface.csv").tempfile_in("/dev/shm")
                && file.write_all(bytes).is_ok()
            {
                drop(surface::read_surface(file.path()));
            }
        }
    }
}
