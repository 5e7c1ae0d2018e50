//! Reads implied-volatility surface files into daily features.
//!
//! The rules, the arithmetic and the messages are those of `train/volatility_predictor/surfaces/csv_reader.py`, `train/volatility_predictor/surfaces/surface_days.py` and
//! `train/volatility_predictor/surfaces/daily_features.py`: the same file gives the same bits, or the same refusal, on both sides.

pub(crate) mod calendar;
pub(crate) mod columns;
pub(crate) mod dates;
pub(crate) mod day;
pub(crate) mod features;
pub(crate) mod history;
pub(crate) mod judgement;
pub(crate) mod name;
pub(crate) mod plausibility;
pub(crate) mod reader;
pub(crate) mod symbol;
pub(crate) mod table;

pub use day::{DAILY_FEATURES, N_DAILY, SurfaceDay};
pub use history::{Reading, SurfaceHistory, read_history, read_history_as, read_surface};
