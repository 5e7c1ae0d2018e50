//! A signal from an engine's own Greeks, converted by the names of their units and never by a guess.

use crate::error::Error;
use crate::models::signal_classifier::contract::Limits;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_FIELDS};
use crate::models::signal_classifier::signal::TradeSignal;

/// Points of volatility in 1.00, and percent in a fraction.
const HUNDRED: f64 = 100.0;
const CALENDAR_DAYS: f64 = 365.0;
const TRADING_DAYS: f64 = 252.0;

const EDGE: usize = 0;
const DELTA: usize = 1;
const GAMMA: usize = 2;
const VEGA: usize = 3;
const THETA: usize = 4;
const VOLUME: usize = 5;
const OPEN_INTEREST: usize = 6;
const DAYS: usize = 7;

/// Builds a [`TradeSignal`] field by field; each method says the unit of what it takes.
///
/// # Examples
/// A put as many engines hold it:
/// ```
/// use dollarbill_ml::SignalBuilder;
/// let signal = SignalBuilder::new()
///     .edge_fraction(0.155)
///     .put_delta_unsigned(0.35)
///     .gamma(0.004)
///     .vega_per_point(0.452)
///     .theta_per_day(-0.0233)
///     .volume(1200)
///     .open_interest(8500)
///     .days_to_expiry(45)
///     .build()?;
/// assert_eq!((signal.edge_percent, signal.delta), (15.5, -0.35));
/// assert!((signal.vega - 45.2).abs() < 1e-9 && (signal.theta + 8.5045).abs() < 1e-9);
///
/// let error = SignalBuilder::new().edge_percent(15.5).edge_fraction(0.155).build().unwrap_err();
/// assert!(error.to_string().contains("field 'edge_percent' is set twice"));
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct SignalBuilder {
    values: [Option<f64>; N_FIELDS],
    wrong: Option<String>,
}

impl SignalBuilder {
    /// Nothing is set yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn set(mut self, field: usize, value: f64) -> Self {
        if self.values[field].replace(value).is_some() {
            let twice = || format!("field '{}' is set twice; keep one", SIGNAL_FIELDS[field]);
            self.wrong.get_or_insert_with(twice);
        }
        self
    }

    /// (model price - market mid) / market mid x 100: 15.5 is an edge of 15.5 %. Negative: sell.
    pub fn edge_percent(self, percent: f64) -> Self {
        self.set(EDGE, percent)
    }

    /// (model price - market mid) / market mid: 0.155 is an edge of 15.5 %.
    pub fn edge_fraction(self, fraction: f64) -> Self {
        self.set(EDGE, fraction * HUNDRED)
    }

    /// Signed: calls positive, puts negative.
    pub fn delta(self, delta: f64) -> Self {
        self.set(DELTA, delta)
    }

    /// The delta of a put without its sign, 0 to 1: 0.35 becomes -0.35.
    pub fn put_delta_unsigned(mut self, delta: f64) -> Self {
        if delta < 0.0 {
            let signed =
                || format!("field 'delta': put_delta_unsigned takes 0..1, found {delta}; `delta` takes a signed one");
            self.wrong.get_or_insert_with(signed);
        }
        self.set(DELTA, -delta)
    }

    /// Per $1 of spot.
    pub fn gamma(self, gamma: f64) -> Self {
        self.set(GAMMA, gamma)
    }

    /// $ per 1.00 of volatility (100 points).
    pub fn vega(self, vega: f64) -> Self {
        self.set(VEGA, vega)
    }

    /// $ per point of volatility (0.01), as trading platforms show it.
    pub fn vega_per_point(self, vega: f64) -> Self {
        self.set(VEGA, vega * HUNDRED)
    }

    /// $ per year.
    pub fn theta_per_year(self, theta: f64) -> Self {
        self.set(THETA, theta)
    }

    /// $ per calendar day (x 365), as trading platforms show it.
    pub fn theta_per_day(self, theta: f64) -> Self {
        self.set(THETA, theta * CALENDAR_DAYS)
    }

    /// $ per trading day (x 252).
    pub fn theta_per_trading_day(self, theta: f64) -> Self {
        self.set(THETA, theta * TRADING_DAYS)
    }

    /// Contracts traded today.
    #[expect(clippy::cast_precision_loss, reason = "far beyond the limit before precision is lost")]
    pub fn volume(self, contracts: u64) -> Self {
        self.set(VOLUME, contracts as f64)
    }

    /// Contracts open at the start of the day.
    #[expect(clippy::cast_precision_loss, reason = "far beyond the limit before precision is lost")]
    pub fn open_interest(self, contracts: u64) -> Self {
        self.set(OPEN_INTEREST, contracts as f64)
    }

    /// Calendar days; 0 on the day of expiry.
    pub fn days_to_expiry(self, days: u32) -> Self {
        self.set(DAYS, f64::from(days))
    }

    /// The signal, within the limits of the contract.
    ///
    /// # Errors
    /// [`Error::Signal`] that names the field: missing, set twice, not finite, or out of range.
    pub fn build(&self) -> Result<TradeSignal, Error> {
        self.checked().map_err(|reason| Error::Signal { place: "signal".to_owned(), reason })
    }

    fn checked(&self) -> Result<TradeSignal, String> {
        if let Some(reason) = &self.wrong {
            return Err(reason.clone());
        }
        let (limits, mut features) = (Limits::contract(), [0.0; N_FIELDS]);
        for (index, (feature, value)) in features.iter_mut().zip(&self.values).enumerate() {
            *feature = value.ok_or_else(|| format!("field '{}' is not set", SIGNAL_FIELDS[index]))?;
            limits.check_value(index, *feature)?;
        }
        Ok(TradeSignal::from_features(features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> SignalBuilder {
        let builder = SignalBuilder::new().edge_percent(15.5).delta(0.65).gamma(0.004).vega(45.2).theta_per_year(-8.5);
        builder.volume(1200).open_interest(8500).days_to_expiry(45)
    }

    type Setter = fn(SignalBuilder) -> SignalBuilder;

    #[test]
    fn every_unit_is_converted_by_its_name() {
        let cases: [(&str, Setter, f64); 12] = [
            ("edge_percent", |b| b.edge_percent(2.5), 2.5),
            ("edge_percent", |b| b.edge_fraction(0.025), 2.5),
            ("delta", |b| b.delta(-0.5), -0.5),
            ("delta", |b| b.put_delta_unsigned(0.5), -0.5),
            ("gamma", |b| b.gamma(0.25), 0.25),
            ("vega", |b| b.vega(25.0), 25.0),
            ("vega", |b| b.vega_per_point(0.25), 25.0),
            ("theta", |b| b.theta_per_year(-365.0), -365.0),
            ("theta", |b| b.theta_per_day(-1.0), -365.0),
            ("theta", |b| b.theta_per_trading_day(-1.0), -252.0),
            ("volume", |b| b.volume(7), 7.0),
            ("days_to_expiry", |b| b.days_to_expiry(9), 9.0),
        ];
        for (field, set, expected) in cases {
            let index = SIGNAL_FIELDS.iter().position(|name| *name == field).unwrap();
            let mut builder = whole();
            builder.values[index] = None;
            assert_eq!(set(builder.clone()).build().unwrap().features()[index], expected, "{field}");
            let missing = builder.build().unwrap_err().to_string();
            assert_eq!(missing, format!("signal: field '{field}' is not set"));
            let twice = set(set(builder)).build().unwrap_err().to_string();
            assert_eq!(twice, format!("signal: field '{field}' is set twice; keep one"));
        }
    }

    #[test]
    fn what_is_out_of_range_or_no_number_names_the_field() {
        let cases: [(Setter, &str); 3] = [
            (|b| b.delta(1.5), "field 'delta' must lie in -1..1"),
            (|b| b.delta(f64::NAN), "field 'delta' must be finite"),
            (|b| b.put_delta_unsigned(-0.35), "put_delta_unsigned takes 0..1, found -0.35"),
        ];
        for (set, expected) in cases {
            let mut builder = whole();
            builder.values[DELTA] = None;
            let error = set(builder).build().unwrap_err();
            assert_eq!(error.code(), "signal");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
