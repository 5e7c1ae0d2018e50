//! Option chains as vendors export them -> forwards, volatilities and Greeks: [`read`], [`ChainDay::signals`].
//!
//! CSV or JSON, plain or packed by gzip or zstd, as Cboe, Deribit, `OptionMetrics`, Polygon, Tradier, yfinance and the engine write them,
//! and tables with a strike, a side, an expiry as a date and bid and ask. `docs/option_chains.md` is the specification;
//! `train/core/chains/` reads by it too.

mod black;
mod columns;
mod day;
pub(crate) mod document;
mod json_document;
mod moments;
mod parity;
mod quote_rows;
mod quotes;
pub(crate) mod read;
pub(crate) mod reading;
mod rules;
mod settle;
mod signals;

pub use crate::chain::day::{ChainDay, ChainExpiry, ChainQuote};
pub use crate::chain::read::{Chain, read};
pub use crate::chain::reading::ChainReading;
pub use crate::chain::signals::ChainSignal;
