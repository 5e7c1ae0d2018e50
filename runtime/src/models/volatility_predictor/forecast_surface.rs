//! The forecast surface: implied volatilities on a grid of tenors and moneynesses, free of arbitrage.

use serde::{Deserialize, Serialize};

use crate::surface::features::{NODES as GRID_MONEYNESS, TENOR_DAYS as GRID_TENOR_DAYS};

const DAYS_IN_A_YEAR: f64 = 365.0;
/// Cells of one horizon.
pub(crate) const CELLS: usize = GRID_TENOR_DAYS.len() * GRID_MONEYNESS.len();

/// The implied volatilities that the model expects, so many trading days ahead, on a grid.
///
/// Each horizon's grid has the forecast average as its mean and is free of calendar and butterfly arbitrage, on the grid
/// and between its points by the rule of [`implied_vol`](Self::implied_vol). Serialized as
/// `{"tenor_days": [30, ...], "moneyness": [0.9, ...], "usual_shape": false, "horizons": [{"days": 1, "implied_vol": [[...], ...]}, ...]}`.
///
/// # Examples
/// ```no_run
/// # fn main() -> Result<(), dollarbill_ml::Error> {
/// let ml = dollarbill_ml::MlService::open(&dollarbill_ml::Config::find(None)?)?;
/// if let Some(surface) = ml.forecast("TSLA")?.surface {
///     // A put 7 % out of the money with 45 days to expiry, tomorrow.
///     assert!(surface.implied_vol(1, 45.0, 0.93).is_some());
///     assert_eq!(surface.implied_vol(1, 45.0, 0.5), None);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastSurface {
    /// Calendar days to expiry, counted from the forecast's day.
    pub tenor_days: Vec<u32>,
    /// Strike over spot.
    pub moneyness: Vec<f64>,
    /// Whether the shape is merely what is usual at that level: the newest days hold the average alone, as an index does.
    pub usual_shape: bool,
    /// One grid a horizon, in the order of [`VolatilityForecast::horizons`](crate::VolatilityForecast::horizons).
    pub horizons: Vec<HorizonSurface>,
}

/// The forecast grid of one horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HorizonSurface {
    /// Trading days ahead.
    pub days: u32,
    /// Decimal per year, by tenor, then by moneyness.
    pub implied_vol: Vec<Vec<f64>>,
}

impl ForecastSurface {
    /// Takes the cells of all horizons, or says which cell is no volatility.
    pub(crate) fn new(horizons: &[u32], cells: &[f64], usual_shape: bool) -> Result<Self, String> {
        let mut grids = Vec::with_capacity(horizons.len());
        for (&days, grid) in horizons.iter().zip(cells.chunks_exact(CELLS)) {
            if let Some(wrong) = grid.iter().find(|cell| !(cell.is_finite() && **cell > 0.0)) {
                return Err(format!("the model answered a surface with a cell of {wrong} for {days} days ahead"));
            }
            let implied_vol = grid.chunks_exact(GRID_MONEYNESS.len()).map(<[f64]>::to_vec).collect();
            grids.push(HorizonSurface { days, implied_vol });
        }
        let (tenor_days, moneyness) = (GRID_TENOR_DAYS.to_vec(), GRID_MONEYNESS.to_vec());
        Ok(Self { tenor_days, moneyness, usual_shape, horizons: grids })
    }

    /// The implied volatility between the points of the grid: total variance is linear in the log of moneyness and in
    /// time to expiry. `None` outside of the grid and for a horizon that the model does not have.
    #[must_use]
    pub fn implied_vol(&self, days_ahead: u32, tenor_days: f64, moneyness: f64) -> Option<f64> {
        let grid = &self.horizons.iter().find(|grid| grid.days == days_ahead)?.implied_vol;
        let tenors: Vec<f64> = self.tenor_days.iter().map(|&days| f64::from(days)).collect();
        let (row, up) = place(&tenors, tenor_days, |days| days)?;
        let (column, right) = place(&self.moneyness, moneyness, f64::ln)?;
        let at = |row: usize, column: usize| {
            let volatility = grid.get(row)?.get(column)?;
            Some(volatility * volatility * tenors.get(row)? / DAYS_IN_A_YEAR)
        };
        let along = |row: usize| Some(between(at(row, column)?, at(row, column + 1)?, right));
        let total = between(along(row)?, along(row + 1)?, up);
        Some((total * DAYS_IN_A_YEAR / tenor_days).sqrt())
    }
}

/// The segment that holds `x`, and where in it `x` lies, 0 to 1, on the scale given.
fn place(points: &[f64], x: f64, scale: impl Fn(f64) -> f64) -> Option<(usize, f64)> {
    let segment = points.windows(2).position(|ends| ends[0] <= x && x <= ends[1])?;
    let (low, high) = (points[segment], points[segment + 1]);
    Some((segment, (scale(x) - scale(low)) / (scale(high) - scale(low))))
}

fn between(low: f64, high: f64, share: f64) -> f64 {
    low + (high - low) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface() -> ForecastSurface {
        let cells: Vec<f64> =
            (0..2 * CELLS).map(|cell| 0.2 + f64::from(u8::try_from(cell).unwrap()) / 1000.0).collect();
        ForecastSurface::new(&[1, 5], &cells, false).unwrap()
    }

    #[test]
    fn points_of_the_grid_are_given_as_they_are() {
        let surface = surface();
        for horizon in &surface.horizons {
            for (row, &tenor) in horizon.implied_vol.iter().zip(&surface.tenor_days) {
                for (&cell, &moneyness) in row.iter().zip(&surface.moneyness) {
                    let found = surface.implied_vol(horizon.days, f64::from(tenor), moneyness).unwrap();
                    assert!((found - cell).abs() < 1e-15, "{found} {cell}");
                }
            }
        }
    }

    #[test]
    fn between_the_points_total_variance_is_linear() {
        let surface = surface();
        let total = |tenor: f64, moneyness: f64| surface.implied_vol(5, tenor, moneyness).unwrap().powi(2) * tenor;
        let middle = (0.95_f64 * 1.0).sqrt();
        let mean = f64::midpoint(total(60.0, 0.95), total(60.0, 1.0));
        assert!((total(60.0, middle) - mean).abs() < 1e-12);
        assert!((total(45.0, 0.95) - f64::midpoint(total(30.0, 0.95), total(60.0, 0.95))).abs() < 1e-12);
    }

    #[test]
    fn outside_of_the_grid_nothing_is_guessed() {
        let surface = surface();
        for (days, tenor, moneyness) in
            [(2, 60.0, 1.0), (1, 29.9, 1.0), (1, 366.0, 1.0), (1, 60.0, 0.89), (1, 60.0, 1.11), (1, f64::NAN, f64::NAN)]
        {
            assert_eq!(surface.implied_vol(days, tenor, moneyness), None);
        }
    }

    #[test]
    fn a_cell_that_is_no_volatility_is_refused() {
        for wrong in [f64::NAN, f64::INFINITY, 0.0, -0.2] {
            let mut cells = vec![0.2; CELLS];
            cells[7] = wrong;
            assert!(ForecastSurface::new(&[1], &cells, false).unwrap_err().contains("surface with a cell of"));
        }
    }
}
