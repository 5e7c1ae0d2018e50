//! A day of one symbol's surface.

use jiff::civil::Date;

/// Number of daily features.
pub const N_DAILY: usize = 7;

/// Names of the daily features, in the order of [`SurfaceDay::features`].
pub const DAILY_FEATURES: [&str; N_DAILY] = ["avg_iv", "atm_iv", "skew", "curvature", "term_slope", "volume", "quotes"];

/// So many quotes, all with the same implied volatility as on the day before, are a copy; fewer may repeat by chance.
pub(crate) const COPY_QUOTES: u32 = 5;

/// One day of one symbol's surface, reduced to the features that the forecast is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceDay {
    /// The trading day; `None` for a snapshot that carries no date.
    pub date: Option<Date>,
    /// The symbol as written in the file, or the one that the file is named for.
    pub symbol: String,
    /// The daily features; NaN = the day's quotes do not tell. `avg_iv` is always known.
    pub features: [f64; N_DAILY],
}

/// A day with the same features to the bit as the one before, on so many quotes, was not observed anew.
pub(crate) fn is_copy(day: &SurfaceDay, before: &SurfaceDay) -> bool {
    let bits = |day: &SurfaceDay| day.features.map(f64::to_bits);
    day.features[N_DAILY - 1] >= f64::from(COPY_QUOTES) && bits(day) == bits(before)
}
