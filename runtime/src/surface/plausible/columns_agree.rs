//! Columns that say the same thing, held against each other; `plausible/columns_agree.py` of `train/` alike.
//!
//! The time to expiry against the date of expiry, the spot price against strike and moneyness, the implied volatility
//! against the price of the option. None of them is read; where they do not agree, one of the two is in another unit.

use std::collections::HashSet;

use crate::surface::features::{CALL, UNKNOWN};
use crate::surface::row_reader::Row;

const ENOUGH: usize = 5;
/// Relative and in years: trading days of 252 a year agree, calendar days of 252 do not.
const TENOR_OFF: f64 = 0.1;
const DAYS_OFF: f64 = 3.0 / 365.0;
/// One in so many.
const MOST_TENORS_OFF: usize = 20;
/// A factor that no forward of a listed expiry has.
const SPOT_OFF: f64 = 1.2;
/// A factor on the implied volatility that rates, dividends and early exercise do not explain.
const IV_OFF: f64 = 1.4;
/// How far the forward may lie from the spot: so much, and so much a year.
const FORWARD_FROM: f64 = 0.01;
const FORWARD_RATE: f64 = 0.06;
const PRICED_FROM: f64 = 7.0 / 365.0;
const PRICED_TO: f64 = 3.0;
/// Of the spot: a cheaper option's price is mostly its tick.
const LEAST_PRICE: f64 = 0.002;
const TRADING_YEAR: f64 = 252.0;
const CALENDAR_YEAR: f64 = 365.0;
/// Days; a tenor written with four digits is a whole number of days to so much.
const ROUNDED: f64 = 0.02;
/// Different tenors that show how they are counted.
const ACROSS: usize = 3;
const MOST_LENGTHS: usize = 1000;

/// How many rows were compared, how many of them do not agree, and the first of these in words.
#[derive(Default)]
struct Tally {
    compared: usize,
    off: usize,
    low: usize,
    first: String,
}

impl Tally {
    fn add(&mut self, is_off: bool, low: bool, words: impl FnOnce() -> String) {
        self.compared += 1;
        if is_off {
            self.off += 1;
            self.low += usize::from(low);
            if self.first.is_empty() {
                self.first = words();
            }
        }
    }

    fn differ(&self) -> String {
        format!("{}; {} of {} rows differ", self.first, self.off, self.compared)
    }
}

/// Collects what the rows of a file tell.
#[derive(Default)]
pub(crate) struct ColumnsAgree {
    tenors: Tally,
    spots: Tally,
    prices: Tally,
    lengths: HashSet<u64>,
}

impl ColumnsAgree {
    /// Looks at a day's rows, whose moneyness is strike / spot already.
    pub(crate) fn see(&mut self, rows: &[Row]) {
        for row in rows {
            if row.quote.tenor > 0.0 && self.lengths.len() < MOST_LENGTHS {
                self.lengths.insert(row.quote.tenor.to_bits());
            }
            self.see_tenor(row);
            self.see_spot(row);
        }
        let priced: Vec<&Row> = rows.iter().filter(|row| is_priced(row)).collect();
        let different: HashSet<u64> = priced.iter().map(|row| row.other.price.to_bits()).collect();
        // One price in every row is a placeholder.
        if 2 * different.len() > priced.len() {
            for row in priced {
                self.see_price(row);
            }
        }
    }

    /// What is in another unit.
    pub(crate) fn drastic(&self) -> Vec<String> {
        let mut found = Vec::new();
        if MOST_TENORS_OFF * self.tenors.off > self.tenors.compared {
            found.push(format!("the time to expiry is not that of the date of expiry: {}", self.tenors.differ()));
        }
        if 2 * self.spots.off > self.spots.compared {
            found.push(format!("strike, moneyness and spot price do not agree: {}", self.spots.differ()));
        }
        let t = &self.prices;
        if t.compared >= ENOUGH && 2 * t.off > t.compared && (5 * t.low >= 4 * t.off || 5 * t.low <= t.off) {
            found.push(format!("the implied volatility is not that of the price: {}", t.differ()));
        }
        found
    }

    /// Whether the prices of the options are there and are those of the implied volatilities.
    pub(crate) fn priced(&self) -> bool {
        self.prices.compared >= ENOUGH && 5 * self.prices.off <= self.prices.compared
    }

    /// What a reader should know.
    pub(crate) fn odd(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let t = &self.tenors;
        if t.off > 0 && MOST_TENORS_OFF * t.off <= t.compared {
            let (off, compared, first) = (t.off, t.compared, &t.first);
            lines.push(format!("the time to expiry of {off} of {compared} rows is not that of the date: {first}"));
        }
        let t = &self.prices;
        if t.compared >= ENOUGH && 5 * t.off > t.compared {
            let (off, compared, first) = (t.off, t.compared, &t.first);
            lines.push(format!("the implied volatility of {off} of {compared} rows is not that of the price: {first}"));
        }
        if self.is_in_trading_days() {
            let doubt = if self.tenors.compared > 0 {
                ""
            } else {
                "; are they trading days? Calendar days would be 45 % too long: write days / 365, or add the date of \
                 expiry"
            };
            lines.push(format!("the time to expiry is counted in days of 252 a year{doubt}"));
        }
        lines
    }

    fn see_tenor(&mut self, row: &Row) {
        let (years, tenor) = (row.other.years, row.quote.tenor);
        if years == 0.0 || tenor <= 0.0 {
            return;
        }
        let is_off = (tenor - years).abs() > (TENOR_OFF * years).max(DAYS_OFF);
        self.tenors.add(is_off, false, || {
            let days = years * CALENDAR_YEAR;
            format!("row {}: {tenor:.4} years, but {days:.0} days ({years:.4} years) to the date", row.line)
        });
    }

    fn see_spot(&mut self, row: &Row) {
        let (spot, quote) = (row.other.spot, &row.quote);
        if spot <= 0.0 || quote.moneyness <= 0.0 || !row.other.both {
            return;
        }
        let own = quote.strike / quote.moneyness;
        self.spots.add(own > SPOT_OFF * spot || own * SPOT_OFF < spot, false, || {
            format!(
                "row {}: strike {:?} at moneyness {:.4} makes a spot of {own:.2}, the column says {spot:.2}",
                row.line, quote.strike, quote.moneyness
            )
        });
    }

    fn see_price(&mut self, row: &Row) {
        let (quote, price, spot) = (&row.quote, row.other.price, spot_of(row));
        let drift = FORWARD_FROM + FORWARD_RATE * quote.tenor;
        let of = |forward: f64, iv: f64| black(forward, quote.strike, quote.tenor, iv, quote.kind == CALL);
        let (mut down, mut up) = (spot * (1.0 - drift), spot * (1.0 + drift));
        if quote.kind != CALL {
            std::mem::swap(&mut down, &mut up);
        }
        let (low, high) = (of(down, quote.iv / IV_OFF), of(up, quote.iv * IV_OFF));
        let is_off = !(low <= price && price <= high);
        self.prices.add(is_off, price < low, || {
            let implied = implied_volatility(|iv| of(spot, iv), price);
            let iv = quote.iv;
            format!("row {}: a price of {price:.4} is one of about {implied:.3}, the column says {iv:.3}", row.line)
        });
    }

    fn is_in_trading_days(&self) -> bool {
        let all = |days: f64, most: f64| self.lengths.iter().all(|bits| is_whole(f64::from_bits(*bits) * days, most));
        // Months and quarters are whole in both.
        self.lengths.len() >= ACROSS && all(TRADING_YEAR, ROUNDED) && !all(CALENDAR_YEAR, ROUNDED) && !all(12.0, 0.001)
    }
}

fn is_whole(number: f64, most: f64) -> bool {
    number >= 0.5 && (number - (number + 0.5).floor()).abs() <= most
}

fn spot_of(row: &Row) -> f64 {
    if row.other.spot > 0.0 { row.other.spot } else { row.quote.strike / row.quote.moneyness }
}

fn is_priced(row: &Row) -> bool {
    let quote = &row.quote;
    row.other.price > 0.0
        && quote.kind != UNKNOWN
        && (PRICED_FROM..=PRICED_TO).contains(&quote.tenor)
        && quote.is_clean()
        && row.other.price >= LEAST_PRICE * spot_of(row)
}

/// Undiscounted price of an option (Black 1976), in the unit of `forward`.
fn black(forward: f64, strike: f64, years: f64, iv: f64, call: bool) -> f64 {
    let deviation = iv * years.sqrt();
    let d = (forward / strike).ln() / deviation + deviation / 2.0;
    let price = forward * normal(d) - strike * normal(d - deviation);
    if call { price } else { price - forward + strike }
}

fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The volatility of a price between 0.001 and 10, by halving; for a message, not for an answer.
fn implied_volatility(price_of: impl Fn(f64) -> f64, price: f64) -> f64 {
    let (mut low, mut high) = (0.001, 10.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if price_of(middle) < price { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}
