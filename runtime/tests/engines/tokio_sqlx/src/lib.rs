//! An engine as the one that this crate is for: tokio, sqlx 0.8 with SQLite, decimals, a struct of its own for signals.

pub mod ml;
pub mod trade;
