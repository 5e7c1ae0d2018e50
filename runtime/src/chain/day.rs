//! One day of a chain: forwards, discounts and volatilities of its quotes; `day.py` of `train/` alike.

use std::path::Path;

use jiff::civil::Date;

use crate::chain::black::Option76;
use crate::chain::moments::date_of;
use crate::chain::parity::{Forward, forward_of, median, violations};
use crate::chain::quote_rows::Raw;
use crate::chain::reading::ChainReading;
use crate::chain::reading::refuse;
use crate::chain::rules::{ARBITRAGE, LeftOut, NO_FORWARD, NO_VOLATILITY};
use crate::error::Error;
use crate::surface::features::within_bounds;
use crate::surface::quotes::{OptionKind, SurfaceQuote};

/// Forward of the nearest expiry over spot: outside, one of them is of something else.
const LEVEL: (f64, f64) = (0.8, 1.25);
/// A dollar of strike that is worth so many dollars of price, or so few, is of another unit than the price.
const ONE_UNIT: f64 = 3.0;
const HOW_FORWARD: &str = "no forward: an expiry needs a call and a put of one strike, or a spot price";
const ODD_RATIO: f64 = 0.25;
const ODD_POINTS: f64 = 0.03;

/// One expiry of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainExpiry {
    /// The date of expiry.
    pub date: Date,
    /// Calendar days to it over 365.
    pub years: f64,
    /// The forward, in dollars.
    pub forward: f64,
    /// The discount factor.
    pub discount: f64,
    /// Whether put-call parity gave the discount, not the rate.
    pub own_discount: bool,
}

/// One tradeable quote; numbers are NaN where the file does not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainQuote {
    /// Call or put.
    pub kind: OptionKind,
    /// In dollars.
    pub strike: f64,
    /// In dollars.
    pub bid: f64,
    /// In dollars.
    pub ask: f64,
    /// Of bid and ask, else the mark or last price.
    pub middle: f64,
    /// Its expiry.
    pub expiry: ChainExpiry,
    /// The volatility of the middle by Black-76, decimal a year; NaN where it has none.
    pub iv: f64,
    /// The file's own volatility.
    pub own_iv: f64,
    /// Contracts traded.
    pub volume: f64,
    /// Contracts open.
    pub open_interest: f64,
    /// Of the column that [`ChainReading::model_iv`] names.
    pub model_iv: f64,
    /// Out of the money against the forward: the side that a surface is made of.
    pub out_of_the_money: bool,
}

/// One day of a symbol's chain.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainDay {
    /// The day.
    pub date: Date,
    /// In dollars.
    pub spot: f64,
    /// Whether the file gives the spot; else put-call parity of the nearest expiry does.
    pub spot_stated: bool,
    /// Each expiry with tradeable quotes, the nearest first.
    pub expiries: Vec<ChainExpiry>,
    /// The tradeable quotes, by expiry and strike.
    pub quotes: Vec<ChainQuote>,
}

impl ChainDay {
    /// The quotes of its surface: out of the money, with a volatility.
    #[must_use]
    pub fn surface(&self) -> Vec<SurfaceQuote> {
        let of = self.quotes.iter().filter(|quote| quote.out_of_the_money && quote.iv.is_finite());
        let quote = |quote: &ChainQuote| SurfaceQuote {
            kind: quote.kind,
            strike: quote.strike,
            years: quote.expiry.years,
            implied_volatility: quote.iv,
            volume: Some(quote.volume).filter(|volume| *volume >= 0.0),
        };
        of.map(quote).collect()
    }
}

impl ChainQuote {
    pub(super) fn option(&self) -> Option76 {
        let ChainExpiry { years, forward, discount, .. } = self.expiry;
        Option76 { forward, discount, strike: self.strike, years, call: self.kind == OptionKind::Call }
    }
}

/// The day of sorted quotes; `None` where nothing is tradeable.
pub(super) fn make_day(
    path: &Path,
    rows: &[Raw],
    reading: &ChainReading,
    left_out: &mut LeftOut,
    notes: &mut Vec<String>,
) -> Result<Option<ChainDay>, Error> {
    let Some(first) = rows.first() else { return Ok(None) };
    let date = date_of(first.day);
    let mut spot = median(rows.iter().map(|row| row.spot).filter(|spot| *spot > 0.0).collect());
    let (mut expiries, mut quotes, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
    for part in rows.chunk_by(|a, b| (a.expiry, a.root) == (b.expiry, b.root)) {
        if let Some((expiry, slope)) = expiry(part, spot, reading.rate, &mut quotes, (left_out, notes)) {
            expiries.push(expiry);
            slopes.extend(Some(slope).filter(|slope| slope.is_finite()));
        }
    }
    let Some(nearest) = expiries.first() else { return Ok(None) };
    check_unit(path, date, slopes, reading.accept, notes)?;
    let spot_stated = spot.is_finite();
    if spot_stated {
        check_level(path, date, spot, nearest.forward, reading.accept, notes)?;
    } else {
        spot = nearest.forward * nearest.discount;
        notes.push("no spot price: put-call parity of the nearest expiry gives it".to_owned());
    }
    let priced = quotes.iter().any(|quote| quote.middle.is_finite());
    if priced {
        for quote in &mut quotes {
            quote.iv = quote.option().volatility(quote.middle);
        }
        compare(&quotes, notes);
    }
    let before = quotes.len();
    // What a file without prices says outside of the bounds is a placeholder.
    quotes.retain(|quote| quote.iv.is_finite() && (priced || within_bounds(quote.iv)));
    left_out.add(NO_VOLATILITY, before - quotes.len());
    if quotes.is_empty() {
        return Ok(None);
    }
    Ok(Some(ChainDay { date, spot, spot_stated, expiries, quotes }))
}

/// Adds the tradeable quotes of one expiry, and gives it with what parity makes of its discount; `None` where there are none.
fn expiry(
    part: &[Raw],
    spot: f64,
    rate: f64,
    quotes: &mut Vec<ChainQuote>,
    (left_out, notes): (&mut LeftOut, &mut Vec<String>),
) -> Option<(ChainExpiry, f64)> {
    let first = part.first()?;
    let years = f64::from(first.expiry - first.day) / 365.0;
    let pairs: Vec<(f64, f64)> = part
        .windows(2)
        .filter(|two| two[0].strike == two[1].strike && two[0].call != two[1].call)
        .map(|two| {
            let (call, put) = if two[0].call { (two[0], two[1]) } else { (two[1], two[0]) };
            (call.strike, call.middle - put.middle)
        })
        .filter(|(_, difference)| difference.is_finite())
        .collect();
    let Forward { level: mut forward, discount, own, slope } = forward_of(&pairs, years, rate);
    if forward.is_nan() || forward <= 0.0 {
        forward = spot / discount;
    }
    if !(forward > 0.0 && forward.is_finite()) {
        left_out.add(NO_FORWARD, part.len());
        notes.push(HOW_FORWARD.to_owned());
        return None;
    }
    let priced = |row: &Raw| row.middle.is_finite();
    let mut bad: Vec<bool> = part.iter().map(|row| priced(row) && outside(row, discount, forward)).collect();
    for call in [true, false] {
        let places: Vec<usize> =
            (0..part.len()).filter(|at| part[*at].call == call && priced(&part[*at]) && !bad[*at]).collect();
        let side: Vec<_> = places
            .iter()
            .map(|at| (part[*at].strike, part[*at].middle, (part[*at].ask - part[*at].bid) / 2.0))
            .collect();
        for (at, found) in places.iter().zip(violations(&side, call)) {
            bad[*at] = found;
        }
    }
    left_out.add(ARBITRAGE, bad.iter().filter(|one| **one).count());
    let found = ChainExpiry { date: date_of(first.expiry), years, forward, discount, own_discount: own };
    let before = quotes.len();
    for (row, _) in part.iter().zip(bad).filter(|(_, bad)| !bad) {
        let own_iv = if row.iv > 0.0 { row.iv } else { f64::NAN };
        quotes.push(ChainQuote {
            kind: if row.call { OptionKind::Call } else { OptionKind::Put },
            strike: row.strike,
            bid: row.bid,
            ask: row.ask,
            middle: row.middle,
            expiry: found,
            iv: own_iv,
            own_iv,
            volume: row.volume,
            open_interest: row.interest,
            model_iv: row.model,
            out_of_the_money: (row.strike >= forward) == row.call,
        });
    }
    (quotes.len() > before).then_some((found, slope))
}

/// Whether no volatility gives the price.
fn outside(row: &Raw, discount: f64, forward: f64) -> bool {
    let price = row.middle / discount;
    let value = if row.call { forward - row.strike } else { row.strike - forward };
    price <= value.max(0.0) || price >= if row.call { forward } else { row.strike }
}

fn check_unit(
    path: &Path,
    date: Date,
    mut slopes: Vec<f64>,
    accept: bool,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    slopes.sort_by(f64::total_cmp);
    let slope = slopes.get(slopes.len() / 2).copied().unwrap_or(1.0);
    if 1.0 / ONE_UNIT < slope && slope < ONE_UNIT {
        return Ok(());
    }
    let words = if slope <= 0.0 {
        "of the wrong sign (calls and puts swapped?)".to_owned()
    } else if slope > 1.0 {
        format!("{slope:.0} times too large")
    } else {
        format!("{:.0} times too small", 1.0 / slope)
    };
    let problem = format!(
        "{date}: by put-call parity its prices are {words} for its strikes: is one of them in cents, thousandths or for a \
         whole contract?"
    );
    if !accept {
        return Err(refuse(path, format!("{problem} If it is right, add --accept")));
    }
    notes.push(format!("accepted: {problem}"));
    Ok(())
}

fn check_level(
    path: &Path,
    date: Date,
    spot: f64,
    forward: f64,
    accept: bool,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    if (LEVEL.0..=LEVEL.1).contains(&(forward / spot)) {
        return Ok(());
    }
    let problem =
        format!("{date}: spot is {spot:.2}, but put-call parity says {forward:.2}; are both of this symbol and day?");
    if !accept {
        return Err(refuse(path, format!("{problem} If it is right, add --accept")));
    }
    notes.push(format!("accepted: {problem}"));
    Ok(())
}

fn compare(quotes: &[ChainQuote], notes: &mut Vec<String>) {
    let ratios: Vec<(f64, f64)> = quotes
        .iter()
        .map(|quote| (quote.own_iv / quote.iv, quote.own_iv - quote.iv))
        .filter(|(ratio, _)| ratio.is_finite())
        .collect();
    let odd = |(ratio, points): &&(f64, f64)| (ratio - 1.0).abs() > ODD_RATIO && points.abs() > ODD_POINTS;
    if 2 * ratios.iter().filter(odd).count() > ratios.len() {
        let ratio = median(ratios.iter().map(|(ratio, _)| *ratio).collect());
        notes.push(format!(
            "warning: the file's own volatilities are {ratio:.2} times those of its prices: units, days or spot may be \
             other than they say"
        ));
    }
}
