//! What times to expiry, volatilities and spots tell of each other over the days; `plausible/times.py` of `train/`
//! alike.
//!
//! No other column is needed. A listed option's time to expiry falls by a day a day; times that all change by one factor
//! overnight are in another unit; a volatility that grows as the root of time is the total one, not that of a year; one
//! far below what the spot itself moves is a variance or of a day.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::surface::features::{IV_HIGH, IV_LOW};
use crate::surface::row_reader::Row;

const DAY: f64 = 1.0 / 365.0;
/// Calendar days between neighbours that are compared; between those whose fall is measured.
const LONGEST_GAP: i32 = 10;
const FALL_GAP: i32 = 4;
const MOST_EXPIRIES: usize = 200;
/// Days that show how fast time falls, and what is a day a day: by the calendar, or by sessions of 252 a year.
const FALL_PAIRS: u32 = 4;
const FALL: std::ops::RangeInclusive<f64> = 0.8..=1.25;
const UNEQUAL: f64 = 0.1 * DAY;
const MOVED: f64 = 0.05 * DAY;
/// A change of all times by so much is one of unit; how alike the factors are; how far apart the expiries.
const FACTOR: f64 = 1.25;
const ALIKE: f64 = 1.1;
const ACROSS: f64 = 1.5;
const SHORT: f64 = 5.0 * DAY;
const NEAR: f64 = 0.05;
const TERM: f64 = 3.0;
/// Powers of time by which a volatility changes: an index's calm term structures stay below a quarter.
const GROWS: f64 = 0.35;
const GROWS_OF_TWO: f64 = 0.45;
const FALLS: f64 = -0.45;
const LONG_SHORTEST: f64 = 0.5;
const RETURNS: usize = 15;
const MOVES_MORE: f64 = 2.5;
const MOVES_ALIKE: f64 = 1.5;
const MOST_MOVED: f64 = 3.0;
const MEDIAN_OF_NORMAL: f64 = 0.6745;

/// Collects what the days of a file tell.
#[derive(Default)]
pub(crate) struct Times {
    before: Option<Before>,
    same: u32,
    pairs: u32,
    fallen: f64,
    calendar: f64,
    sessions: f64,
    scaled: Option<String>,
    shortest: Option<f64>,
    powers: Vec<f64>,
    of_more_than_two: bool,
    returns: Vec<f64>,
}

/// The day before.
struct Before {
    date: Date,
    tenors: Vec<f64>,
    spot: f64,
}

impl Times {
    /// Looks at a day's rows, whose moneyness is strike / spot already.
    pub(crate) fn see(&mut self, date: Option<Date>, rows: &[Row]) {
        let mut tenors: Vec<f64> = rows.iter().map(|row| row.quote.tenor).filter(|tenor| *tenor > 0.0).collect();
        tenors.sort_by(f64::total_cmp);
        tenors.dedup();
        if let Some(first) = tenors.first() {
            self.shortest = Some(self.shortest.map_or(*first, |shortest| shortest.min(*first)));
        }
        self.see_term(rows);
        let priced = rows.iter().map(|row| &row.quote).filter(|quote| quote.moneyness > 0.0);
        let spot = median(priced.map(|quote| quote.strike / quote.moneyness).collect());
        let Some(date) = date else { return };
        let before = self.before.take();
        let mut same = false;
        if let Some(before) = &before {
            same = before.tenors == tenors;
            let gap = (date - before.date).get_days();
            if (1..=LONGEST_GAP).contains(&gap) {
                if before.spot > 0.0 && spot > 0.0 {
                    self.returns.push((spot / before.spot).ln().abs() / sessions(before.date, gap).sqrt());
                }
                let most = tenors.len().max(before.tenors.len());
                if !tenors.is_empty() && !before.tenors.is_empty() && most <= MOST_EXPIRIES {
                    if gap <= FALL_GAP {
                        self.see_fall(before, gap, &tenors);
                    }
                    self.see_scale(before, date, gap, &tenors);
                }
            }
        }
        self.same = if same { self.same + 1 } else { 0 };
        self.before = Some(Before { date, tenors, spot });
    }

    /// What is in another unit; `level` is the average implied volatility of the median day.
    pub(crate) fn drastic(&self, level: f64) -> Vec<String> {
        let mut found: Vec<String> = self.scaled.iter().cloned().collect();
        if self.pairs >= FALL_PAIRS {
            let by_calendar = self.fallen / self.calendar;
            let by_sessions = self.fallen * 252.0 / 365.0 / self.sessions;
            if !FALL.contains(&by_calendar) && !FALL.contains(&by_sessions) {
                found.push(format!(
                    "the time to expiry falls by {by_calendar:.2} days a calendar day ({} pairs of days): it is not \
                     counted in years; write days / 365, or add the date of expiry",
                    self.pairs
                ));
            }
        }
        let power = self.power();
        if power >= if self.of_more_than_two { GROWS } else { GROWS_OF_TWO } {
            found.push(format!(
                "implied volatility grows as the time to expiry to the power of {power:.2}: is it the total one, times \
                 the root of time, or a total variance? Write that of a year"
            ));
        }
        let moved = self.moved();
        if MOVES_MORE * level < moved && moved <= MOST_MOVED {
            found.push(format!(
                "implied volatility is about {level:.3}, but the spot that strike and moneyness make moves by {moved:.3} \
                 a year: is it a variance ({:.3} as volatility) or another unit?",
                level.sqrt()
            ));
        }
        found
    }

    /// Whether the spot moved on enough days, and about as the implied volatility says.
    pub(crate) fn moves_like(&self, level: f64) -> bool {
        let moved = self.moved();
        moved > 0.0 && moved <= MOVES_ALIKE * level
    }

    /// What a reader should know.
    pub(crate) fn odd(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(shortest) = self.shortest.filter(|shortest| *shortest >= LONG_SHORTEST) {
            lines.push(format!("the shortest time to expiry is {:.0} days: is it counted in years?", shortest / DAY));
        }
        let power = self.power();
        if !self.of_more_than_two && (GROWS..GROWS_OF_TWO).contains(&power) {
            lines.push(format!(
                "implied volatility grows as the time to expiry to the power of {power:.2}: is it that of a year?"
            ));
        }
        if power <= FALLS {
            lines.push(format!(
                "implied volatility falls as the time to expiry to the power of {power:.2}: is it that of a year?"
            ));
        }
        lines
    }

    fn power(&self) -> f64 {
        median(self.powers.clone())
    }

    /// The spot's volatility of a year by the median move, which splits and jumps do not change; 0: too few days.
    fn moved(&self) -> f64 {
        if self.returns.len() < RETURNS {
            return 0.0;
        }
        median(self.returns.clone()) / MEDIAN_OF_NORMAL * 252.0_f64.sqrt()
    }

    fn see_term(&mut self, rows: &[Row]) {
        let tells = |row: &&Row| {
            let quote = &row.quote;
            quote.tenor >= SHORT && (quote.moneyness - 1.0).abs() <= NEAR && IV_LOW < quote.iv && quote.iv < IV_HIGH
        };
        let mut near: Vec<(f64, f64)> = rows.iter().filter(tells).map(|row| (row.quote.tenor, row.quote.iv)).collect();
        // Stable: the volatilities of a tenor stay in the order of the rows, as in the other language.
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let points: Vec<(f64, f64)> = near
            .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
            .filter_map(|group| {
                let (tenor, _) = group.first()?;
                let total: f64 = group.iter().map(|(_, iv)| iv).sum();
                Some((tenor.ln(), (total / count(group.len())).ln()))
            })
            .collect();
        let (Some((first, _)), Some((last, _))) = (near.first(), near.last()) else { return };
        if points.len() < 2 || *last < TERM * first {
            return;
        }
        let number = count(points.len());
        let x = points.iter().map(|point| point.0).sum::<f64>() / number;
        let y = points.iter().map(|point| point.1).sum::<f64>() / number;
        let above: f64 = points.iter().map(|(a, b)| (a - x) * (b - y)).sum();
        let below: f64 = points.iter().map(|(a, _)| (a - x) * (a - x)).sum();
        self.powers.push(above / below);
        self.of_more_than_two |= points.len() > 2;
    }

    fn see_fall(&mut self, before: &Before, gap: i32, tenors: &[f64]) {
        // An expiry may have been added at the far end, and one at the near end has passed.
        for added in 0..3 {
            let now = tenors.iter().rev().skip(added);
            let falls: Vec<f64> = before.tenors.iter().rev().zip(now).map(|(before, now)| before - now).collect();
            let (Some(least), Some(most)) =
                (falls.iter().copied().min_by(f64::total_cmp), falls.iter().copied().max_by(f64::total_cmp))
            else {
                continue;
            };
            let fall = falls[0];
            if falls.len() < 2 || most - least > UNEQUAL {
                continue;
            }
            if fall.abs() <= MOVED {
                return;
            }
            if fall > 0.0 {
                self.pairs += 1;
                self.fallen += fall / DAY;
                self.calendar += f64::from(gap);
                self.sessions += sessions(before.date, gap);
                return;
            }
        }
    }

    fn see_scale(&mut self, before: &Before, date: Date, gap: i32, tenors: &[f64]) {
        if self.scaled.is_some() {
            return;
        }
        let fixed = self.same >= 2 && before.tenors.len() == tenors.len();
        for fall in [0, gap] {
            let earlier = before.tenors.iter().rev().map(|tenor| tenor - f64::from(fall) * DAY);
            let pairs: Vec<(f64, f64)> =
                earlier.zip(tenors.iter().rev().copied()).filter(|(before, _)| *before > SHORT).collect();
            let (Some(far), Some(near)) = (pairs.first(), pairs.last()) else { continue };
            if (pairs.len() < 3 && !fixed) || (pairs.len() > 1 && far.0 < ACROSS * near.0) {
                continue;
            }
            let mut factors: Vec<f64> = pairs.iter().map(|(before, now)| now / before).collect();
            factors.sort_by(f64::total_cmp);
            let middle = factors[factors.len() / 2];
            let alike = factors[factors.len() - 1] <= ALIKE * factors[0];
            if (middle >= FACTOR || middle <= 1.0 / FACTOR) && alike {
                self.scaled = Some(format!(
                    "the times to expiry of {date} are {middle:.2} times those of {}: their unit changes inside the \
                     file; write years of 365 days, or add the date of expiry",
                    before.date
                ));
                return;
            }
        }
    }
}

/// Weekdays in so many days after the first; 1 at least.
fn sessions(one: Date, gap: i32) -> f64 {
    let is_session = |days: i32| {
        let day = one.checked_add(days.days()).unwrap_or(one);
        day.weekday().to_monday_zero_offset() < 5
    };
    count((1..=gap).filter(|days| is_session(*days)).count().max(1))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}
