//! Resolved and type-checked only: the history store beside sqlx 0.9.

/// One type of each, so that neither is left out.
pub type Both = (sqlx::SqlitePool, dollarbill_ml::history::HistoryStore);
