//! Reads implied-volatility surface files into daily features.

use std::path::Path;

use crate::error::Error;

/// Number of daily features.
pub const N_DAILY: usize = 1;

/// Names of the daily features, in the order of [`SurfaceDay::features`].
pub const DAILY_FEATURES: [&str; N_DAILY] = ["average_iv"];

/// One day of one symbol's surface, reduced to the features that the forecast is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceDay {
    /// The trading day; `None` for a snapshot that carries no date.
    pub date: Option<jiff::civil::Date>,
    /// The symbol as written in the file.
    pub symbol: String,
    /// The daily features; NaN = missing.
    pub features: [f64; N_DAILY],
}

/// Reads a plain or gzip CSV surface file of any of the three shapes, sorted by date.
///
/// # Errors
/// The file cannot be read or is not a surface file.
pub fn read_surface(path: &Path) -> Result<Vec<SurfaceDay>, Error> {
    Err(Error::Surface { path: path.to_path_buf(), reason: "the reader is not written yet".to_owned() })
}
