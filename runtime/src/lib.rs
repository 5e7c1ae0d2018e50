//! Serves the compiled DollarBill models in the engine's own process, through onnxruntime.
//!
//! The two calls that the engine has today:
//! ```
//! use dollarbill_ml::{TradeSignal, classify_signal_quality};
//! let signal = TradeSignal {
//!     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
//!     volume: 1200, open_interest: 8500, days_to_expiry: 45,
//! };
//! let confidence: f64 = classify_signal_quality(&signal);
//! assert!((0.0..=1.0).contains(&confidence));
//! ```
//! and the API behind them: [`MlService`]. Signals in other units are built by [`SignalBuilder`].
//!
//! # In async code
//!
//! [`MlService::classify`] takes some 15 microseconds and may stand in any task; [`MlService::classify_within`] gives up
//! when all sessions stay busy for so long. [`MlService::forecast`] and [`MlService::reload`] read files: call them within
//! `tokio::task::spawn_blocking`, on a clone of the service, which is one reference. A `tokio::time::timeout` around it gives
//! up waiting; the call itself runs to its end.
//!
//! Any other compiled model is served by [`Model`]. The unit tests of an engine take [`MlService::fixed`], which needs
//! neither artifacts nor a library.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `ort` (default) | models can be loaded into onnxruntime; without it the native engine serves what it knows |
//! | `files` | surfaces, option chains, signals and rows from files: `surface::read_surface`, `chain::read`, `batch`, `any_model::answer_stream` |
//! | `parquet` | Parquet wherever a table is read; brings `files` with it |
//! | `history` | `history::HistoryStore`, in `SQLite`; with `files` also `observe`, `MlService::forecast` and its drop-in |
//! | `signatures` | `trust.policy` of the config: versions are held against the signatures of trusted keys before they are loaded |
//! | `wide` (default) | the native engine uses the widest registers that the processor has: the same bits in less time |
//! | `live` | `runtime.log` and `models.<model>.shadow` of the config: what was asked and answered, kept ([`live_log`]) |
//! | `metrics` | counters and histograms through the `metrics` facade |
//! | `cli` | the binary; brings `wide`, `files`, `history`, `parquet`, `signatures` and `live` with it |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod any_model;
pub mod artifact;
#[cfg(feature = "files")]
pub mod chain;
pub mod config;
mod engine;
pub mod error;
mod io;
mod models;
mod service;
#[cfg(feature = "history")]
mod store;
pub mod surface;
mod workshop;

pub use any_model::{Answers, Model, ModelOptions, Signature};
pub use artifact::trust;
pub use artifact::{Array, Axis, Column, Dtype, Task, TensorSpec, Values, Version};
pub use config::Config;
pub use engine::choice::{EngineChoice, EngineKind};
pub use error::Error;
#[cfg(feature = "files")]
pub use io::atomic::AtomicFile;
#[cfg(feature = "files")]
pub use io::rows_file::open_rows;
/// A calendar day, as forecasts and the history store take and give it.
pub use jiff::civil::Date;
pub use models::*;
pub use service::{MlService, Source, Watch, Watcher, shared};
#[cfg(all(feature = "files", feature = "history"))]
pub use store::{Observed, ObservedSymbol, Observing, observe, observe_as};
#[cfg(fuzzing)]
pub use workshop::fuzzing;

/// The log of answers: opt-in (`runtime.log` of the config), bounded, and never in the way of a call. `docs/live_log.md` says
/// what its lines hold.
pub mod live_log {
    #[cfg(feature = "live")]
    pub use crate::service::live::check::{CheckedLog, check};
    #[cfg(feature = "live")]
    pub use crate::service::live::log::LogHealth;
    pub use crate::service::live::settings::LogSettings;
}

/// The history store: one row per symbol and day, in `SQLite`.
#[cfg(feature = "history")]
pub mod history {
    pub use crate::store::HistoryStore;
}
