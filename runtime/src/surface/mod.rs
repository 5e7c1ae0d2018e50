//! Reads implied-volatility surface files into daily features.
//!
//! The rules, the arithmetic and the messages are those of `csv_reader.py`, `surface_days.py` and `daily_features.py` in the
//! room `surfaces/` of the training: the same file gives the same bits, or the same refusal, on both sides.

pub(crate) mod calendar;
#[cfg(feature = "files")]
pub(crate) mod columns;
#[cfg(feature = "files")]
pub(crate) mod dates;
pub(crate) mod day;
pub(crate) mod features;
#[cfg(feature = "files")]
pub(crate) mod history;
#[cfg(feature = "files")]
pub(crate) mod name;
pub(crate) mod plausible;
pub(crate) mod quotes;
#[cfg(feature = "files")]
pub(crate) mod reader;
#[cfg(feature = "files")]
pub(crate) mod row_reader;
pub(crate) mod symbol;
#[cfg(feature = "files")]
pub(crate) mod table;

pub use calendar::Calendar;
pub use day::{DAILY_FEATURES, N_DAILY, SurfaceDay};
#[cfg(feature = "files")]
pub use history::{Reading, SurfaceHistory, read_history, read_history_as, read_surface};
pub use quotes::{OptionKind, SurfaceQuote};
