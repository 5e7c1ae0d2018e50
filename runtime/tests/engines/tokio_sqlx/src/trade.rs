//! What the engine has, whether or not a model helps: its signals and its book.

use rust_decimal::Decimal;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::ml::Opinion;

/// A signal by the engine's own names and in its own units.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub ticker: String,
    /// (model - market) / market.
    pub edge_fraction: Decimal,
    pub delta: f64,
    pub gamma: f64,
    /// $ per point of volatility.
    pub vega_per_point: f64,
    /// $ per calendar day.
    pub theta_per_day: f64,
    pub traded: u64,
    pub open: u64,
    pub dte: u32,
}

/// The engine's own database; the history store of the models is another file.
pub struct Book {
    pool: SqlitePool,
    /// Where orders would go.
    pub broker: reqwest::Client,
}

impl Book {
    pub async fn open(path: &std::path::Path) -> Result<Self, sqlx::Error> {
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true)).await?;
        sqlx::query("CREATE TABLE decision (ticker TEXT NOT NULL, confidence REAL NOT NULL, traded INTEGER NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self { pool, broker: reqwest::Client::new() })
    }

    pub async fn note(&self, candidate: &Candidate, opinion: &Opinion) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO decision VALUES (?1, ?2, ?3)")
            .bind(&candidate.ticker)
            .bind(opinion.confidence)
            .bind(opinion.trade)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    pub async fn decisions(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT count(*) FROM decision").fetch_one(&self.pool).await
    }
}
