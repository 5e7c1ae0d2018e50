//! Serves the compiled `DollarBill` models in the engine's own process.

pub mod error;
pub mod history;
pub mod surface;

pub use error::Error;
