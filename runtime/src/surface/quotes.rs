//! A day's quotes from memory, reduced as those of a file are.

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::day::SurfaceDay;
use crate::surface::features::{CALL, NO_VOLUME, PUT, Quote, daily_features};
use crate::surface::symbol::checked_symbol;

/// The right that an option gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

/// One quote of a day's surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceQuote {
    /// Call or put.
    pub kind: OptionKind,
    /// The strike, in the spot's currency.
    pub strike: f64,
    /// Time to expiry in years.
    pub years: f64,
    /// Implied volatility, decimal per year: 0.25 is 25 %.
    pub implied_volatility: f64,
    /// Contracts traded, where that is known.
    pub volume: Option<f64>,
}

impl SurfaceDay {
    /// A day of quotes from memory, by the rules that surface files are read by: quotes at the bounds of a solver, far
    /// from the money or deep in it do not count.
    ///
    /// # Errors
    /// [`Error::Symbol`]; [`Error::Input`] when the spot or a field of a quote (counted from 0) is no number above zero,
    /// or when no expiry has three strikes that count.
    ///
    /// # Examples
    /// ```
    /// use dollarbill_ml::surface::{OptionKind, SurfaceDay, SurfaceQuote};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let quote = |strike, implied_volatility| SurfaceQuote {
    ///     kind: OptionKind::Call, strike, years: 30.0 / 365.0, implied_volatility, volume: Some(100.0),
    /// };
    /// let quotes = [quote(100.0, 0.30), quote(105.0, 0.28), quote(110.0, 0.27)];
    /// let day = SurfaceDay::from_quotes("TSLA", Some("2024-03-04".parse()?), 100.0, &quotes)?;
    /// assert!(day.features[0] > 0.27 && day.features[0] < 0.30);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_quotes(symbol: &str, date: Option<Date>, spot: f64, quotes: &[SurfaceQuote]) -> Result<Self, Error> {
        let symbol = checked_symbol(symbol)?;
        positive(&symbol, "spot", spot)?;
        let mut rows = Vec::with_capacity(quotes.len());
        for (index, quote) in quotes.iter().enumerate() {
            let place = format!("{symbol}: quote {index}");
            positive(&place, "strike", quote.strike)?;
            positive(&place, "years", quote.years)?;
            positive(&place, "implied_volatility", quote.implied_volatility)?;
            let volume = quote.volume.unwrap_or(NO_VOLUME);
            if quote.volume.is_some_and(|volume| !volume.is_finite() || volume < 0.0) {
                return Err(Error::Input { place, reason: format!("volume is {volume}, must not be negative") });
            }
            rows.push(Quote {
                tenor: quote.years,
                strike: quote.strike,
                kind: if quote.kind == OptionKind::Call { CALL } else { PUT },
                iv: quote.implied_volatility,
                volume,
                moneyness: quote.strike / spot,
            });
        }
        rows.sort_by(Quote::order);
        rows.dedup();
        let features = daily_features(&rows).ok_or_else(|| Error::Input {
            place: symbol.clone(),
            reason: "no expiry has 3 strikes with a clean implied volatility (0.01 to 5, as a decimal) near the money"
                .to_owned(),
        })?;
        Ok(Self { date, symbol, features })
    }
}

fn positive(place: &str, field: &str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::Input { place: place.to_owned(), reason: format!("{field} is {value}, must be a number above zero") })
}
