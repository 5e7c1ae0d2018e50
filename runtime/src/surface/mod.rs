//! Reads implied-volatility surface files into daily features.
//!
//! The rules, the arithmetic and the messages are those of `train/surface_reader.py`, `train/surfaces.py` and
//! `train/daily_features.py`: the same file gives the same bits, or the same refusal, on both sides.

pub(crate) mod calendar;
pub(crate) mod day;
pub(crate) mod features;
#[cfg(feature = "files")]
pub(crate) mod history;
#[cfg(feature = "files")]
pub(crate) mod name;
pub(crate) mod quotes;
#[cfg(feature = "files")]
pub(crate) mod reader;
pub(crate) mod symbol;

pub use day::{DAILY_FEATURES, N_DAILY, SurfaceDay};
#[cfg(feature = "files")]
pub use history::{SurfaceHistory, read_history, read_surface};
pub use quotes::{OptionKind, SurfaceQuote};
