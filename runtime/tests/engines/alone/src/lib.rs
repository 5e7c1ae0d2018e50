//! An engine that depends on nothing but the models' crate, with its default features: signals and surfaces from memory.

use dollarbill_ml::surface::{OptionKind, SurfaceDay, SurfaceQuote};
use dollarbill_ml::{Date, Error, MlService};

/// A row of the engine's surface of one day.
pub struct Point {
    pub call: bool,
    pub strike: f64,
    pub expiry_years: f64,
    pub iv: f64,
}

/// The day as the models see it.
pub fn day(symbol: &str, date: Date, spot: f64, points: &[Point]) -> Result<SurfaceDay, Error> {
    let quotes: Vec<_> = points
        .iter()
        .map(|point| SurfaceQuote {
            kind: if point.call { OptionKind::Call } else { OptionKind::Put },
            strike: point.strike,
            years: point.expiry_years,
            implied_volatility: point.iv,
            volume: None,
        })
        .collect();
    SurfaceDay::from_quotes(symbol, Some(date), spot, &quotes)
}

/// Whether volatility is worth buying.
pub fn buys_volatility(ml: &MlService, days: &[SurfaceDay]) -> Result<bool, Error> {
    Ok(ml.forecast_days(days)?.change_percent > 2.0)
}

#[cfg(test)]
mod tests {
    use dollarbill_ml::Fixed;

    use super::*;

    #[test]
    fn a_fake_decides_what_is_bought() {
        let points: Vec<_> = [90.0, 95.0, 100.0, 105.0, 110.0]
            .map(|strike| Point { call: strike >= 100.0, strike, expiry_years: 0.1, iv: 0.3 })
            .into();
        let days = [day("ABC", "2024-03-04".parse().unwrap(), 100.0, &points).unwrap()];
        for (change, buys) in [(5.0, true), (1.0, false)] {
            let ml = MlService::fixed(Fixed::default().change_percent(change));
            assert_eq!(buys_volatility(&ml, &days).unwrap(), buys);
        }
    }
}
