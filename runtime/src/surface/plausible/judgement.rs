//! What a whole file tells of its units, and the notes on how it was read;
//! `judgement.py` of `train/` alike.
//!
//! What is drastic (another unit inside the file, whole years of expiry, a level that no volatility has, an index that
//! may be a price) is refused unless it is accepted, and then noted; what is odd is noted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::columns::{Kind, Shape, Unit};
use crate::surface::features::{NO_TENOR, Quote};
use crate::surface::name::says_volatility;
use crate::surface::plausible::columns_agree::ColumnsAgree;
use crate::surface::plausible::levels::level_change;
use crate::surface::plausible::quotes::{
    Convention, ENOUGH, INVERSE, LOGARITHM, NOT_ONE, PERCENT, RATIO, as_ratio, convention,
};
use crate::surface::plausible::times::Times;
use crate::surface::row_reader::{LeftOut, Row, UNKNOWN_VOLUME};

/// Years; no listed option lives longer.
const LONGEST_TENOR: f64 = 12.0;
/// Levels of a whole file: above and below the first two it is in another unit, below the third it may be.
const HIGH: f64 = 2.0;
const LOW: f64 = 0.04;
/// Below it a level may be a variance: neither reading is taken unless prices or the spot's own moves tell which.
const ODD: f64 = 0.1;
/// Days to expiry that are fractions, all below the first, may be years.
const FEW_DAYS: f64 = 5.0;
const PART_OF_DAY: f64 = 0.01;
const PERCENT_CAUSE: usize = 2;
const CAUSES: [&str; 7] = [
    "without an implied volatility",
    "of an expiry that has passed or is today's",
    "with an implied volatility of 5 (500 %) or more: is it in percent?",
    "with an implied volatility of 0.01 or less",
    "far from the money (strike / spot outside 0.875 to 1.125)",
    "deep in the money (are puts and calls swapped?)",
    "that look sound, but share their expiry with too few others (is the time to expiry another in each row?)",
];

/// Collects what the days of one file tell.
pub(crate) struct Judgement {
    path: PathBuf,
    causes: BTreeMap<usize, (usize, u64)>,
    rows: usize,
    reasons: BTreeMap<String, (usize, String)>,
    written: BTreeMap<String, (usize, String)>,
    doubtful: BTreeMap<String, (usize, String)>,
    agree: ColumnsAgree,
    times: Times,
    last: Convention,
    percent_days: Vec<String>,
    /// How many rows are of more years than an option has, the first of them, and its years.
    long: Option<(usize, u64, f64)>,
    whole: bool,
    longest: f64,
    parts_of_days: bool,
    /// The first day on which a strike has several volatilities, without a tenor that would part them.
    mixed: Option<String>,
    inverted: bool,
}

impl Judgement {
    /// Says that the volatilities come from prices.
    pub(crate) fn inverted(&mut self) {
        self.inverted = true;
    }

    pub(crate) fn new(path: &Path, moneyness: Unit) -> Self {
        let written = match moneyness {
            Unit::Logarithm => LOGARITHM,
            Unit::Percent => PERCENT,
            _ => RATIO,
        };
        Self {
            path: path.to_path_buf(),
            causes: BTreeMap::new(),
            rows: 0,
            reasons: BTreeMap::new(),
            written: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            agree: ColumnsAgree::default(),
            times: Times::default(),
            last: Convention { written, forward: false },
            percent_days: Vec::new(),
            long: None,
            whole: true,
            longest: 0.0,
            parts_of_days: false,
            mixed: None,
            inverted: false,
        }
    }

    /// Makes moneyness strike / spot, whatever it is written as.
    pub(crate) fn as_ratios(&mut self, date: Option<Date>, rows: &mut [Row]) {
        self.see_tenors(rows);
        self.see_strikes(rows);
        let quotes: Vec<Quote> = rows.iter().map(|row| row.quote).collect();
        if let Some(written) = convention(&quotes) {
            let first = name_of(rows.first().and_then(|row| row.date));
            self.written.entry(written.to_string()).or_insert((0, first)).0 += 1;
            self.last = written;
        }
        let any_below = quotes.iter().any(|quote| quote.moneyness <= 0.0);
        if !(self.last.written == INVERSE && any_below) {
            for row in &mut *rows {
                row.quote.moneyness = as_ratio(row.quote.moneyness, self.last.written);
            }
        }
        self.agree.see(rows);
        self.times.see(date, rows);
    }

    /// Whether the moneyness of the last day is by the forward of each expiry.
    pub(crate) fn by_forward(&self) -> bool {
        self.last.forward
    }

    /// Counts a day that is kept and may be none.
    pub(crate) fn doubtful(&mut self, date: Option<Date>, reason: &str) {
        self.doubtful.entry(reason.to_owned()).or_insert((0, name_of(date))).0 += 1;
    }

    fn see_tenors(&mut self, rows: &[Row]) {
        for row in rows {
            let tenor = row.quote.tenor;
            if tenor == NO_TENOR || tenor == 0.0 {
                self.whole = self.whole && tenor == 0.0;
                continue;
            }
            self.whole = self.whole && tenor == tenor.trunc();
            self.longest = self.longest.max(tenor);
            let days = tenor * 365.0;
            self.parts_of_days |= (days - days.round_ties_even()).abs() > PART_OF_DAY;
            if tenor > LONGEST_TENOR {
                self.long.get_or_insert((0, row.line, tenor)).0 += 1;
            }
        }
    }

    fn see_strikes(&mut self, rows: &[Row]) {
        if self.mixed.is_some() || rows.first().is_none_or(|row| row.quote.tenor != NO_TENOR) {
            return;
        }
        let mut quotes: Vec<(u64, u64)> =
            rows.iter().map(|row| (row.quote.strike.to_bits(), row.quote.iv.to_bits())).collect();
        quotes.sort_unstable();
        quotes.dedup();
        if quotes.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.mixed = Some(name_of(rows.first().and_then(|row| row.date)));
        }
    }

    /// A day of which nothing is of use: why its rows are not.
    pub(crate) fn unusable(&mut self, rows: &[Row]) {
        let mut percent = 0;
        for row in rows {
            let why = row.quote.cause();
            percent += usize::from(why == PERCENT_CAUSE);
            self.causes.entry(why).or_insert((0, row.line)).0 += 1;
        }
        self.rows += rows.len();
        if let Some(date) = rows.first().and_then(|row| row.date) {
            // Most of a day beyond the upper bound is another unit, and not junk.
            if rows.len() >= ENOUGH && 5 * percent >= 4 * rows.len() {
                self.percent_days.push(date.to_string());
            }
        }
    }

    /// Counts a day that was left out.
    pub(crate) fn dropped(&mut self, date: Option<Date>, reason: &str) {
        self.reasons.entry(reason.to_owned()).or_insert((0, name_of(date))).0 += 1;
    }

    /// Why most of the days were left out.
    pub(crate) fn commonest_reason(&self) -> String {
        let mut most: Option<(&String, &(usize, String))> = None;
        for (reason, found) in &self.reasons {
            if most.is_none_or(|(_, (count, _))| found.0 > *count) {
                most = Some((reason, found));
            }
        }
        match most {
            None => "it has a header and no rows".to_owned(),
            Some((reason, (_, first))) if first == "the file" => reason.clone(),
            Some((reason, (1, first))) => format!("{first}: {reason}"),
            Some((reason, (count, first))) => format!("{first} and {} more: {reason}", count - 1),
        }
    }

    /// What most of the useless rows have in common; empty where there are none.
    pub(crate) fn commonest_cause(&self) -> String {
        if let Some(long) = self.long_tenor() {
            return format!("; {long}");
        }
        let mut most: Option<(usize, (usize, u64))> = None;
        for (why, found) in &self.causes {
            if most.is_none_or(|(_, (count, _))| found.0 > count) {
                most = Some((*why, *found));
            }
        }
        most.map(|(why, (count, first))| {
            format!(": {count} of {} rows {}, the first is row {first}", self.rows, CAUSES[why])
        })
        .unwrap_or_default()
    }

    /// Lines on how the file was read and what was left out; an error where what it holds is not plausible and not
    /// accepted.
    pub(crate) fn notes(
        &self,
        days: &[(Option<Date>, f64)],
        not_compared: Option<&str>,
        left_out: &LeftOut,
        shape: &Shape,
        accept: bool,
    ) -> Result<Vec<String>, Error> {
        let mut sorted: Vec<f64> = days.iter().map(|(_, level)| *level).collect();
        sorted.sort_by(f64::total_cmp);
        let level = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let mut lines = Vec::new();
        let changes = changes(days);
        let jumps = changes.iter().filter(|(drastic, _)| *drastic).map(|(_, text)| text.clone());
        for problem in self.drastic(level, shape).into_iter().chain(jumps) {
            if !accept {
                let reason = format!("{problem}; if it is right, add --accept");
                return Err(Error::Surface { path: self.path.clone(), reason });
            }
            lines.push(format!("accepted: {problem}"));
        }
        for written in self.written.keys().filter(|written| ![RATIO, NOT_ONE].contains(&written.as_str())) {
            lines.push(format!("moneyness is read as {written}"));
        }
        lines.extend(not_compared.map(|problem| format!("{problem} and is not compared")));
        if let (false, Some(iv)) = (shape.also.is_empty(), shape.iv) {
            let also = shape.also.join(", ");
            lines.push(format!("column {} is read as the implied volatility, and not {also}", shape.names[iv]));
        }
        lines.extend(self.agree.odd());
        if shape.kind_of_file != Kind::Index {
            lines.extend(self.times.odd());
        }
        let odd: Vec<&String> = changes.iter().filter(|(drastic, _)| !drastic).map(|(_, text)| text).collect();
        match odd.as_slice() {
            [] => {}
            [one] => lines.push((*one).clone()),
            [before @ .., last] => lines.push(format!("{last}, and {} more changes before it", before.len())),
        }
        lines.extend(rows_left_out(left_out));
        let mut days: Vec<_> = self.reasons.iter().collect();
        days.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (reason, (count, day)) in days {
            lines.push(format!("left out: {count} day{}: {reason}, the first is {day}", plural(*count)));
        }
        let mut doubtful: Vec<_> = self.doubtful.iter().collect();
        doubtful.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (reason, (count, day)) in doubtful {
            let more = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            lines.push(format!("{day}{more}: {reason}"));
        }
        Ok(lines)
    }

    fn drastic(&self, level: f64, shape: &Shape) -> Vec<String> {
        let mut found = Vec::new();
        let level_name = shape.iv.map_or("", |at| shape.names[at].as_str());
        if shape.kind_of_file == Kind::Index {
            if level_name == "close" && !says_volatility(&self.path) {
                found.push(
                    "date,close may be an index of volatility or a price, and its name does not say which; call it \
                     vix.csv, spy_iv.csv or the like"
                        .to_owned(),
                );
            }
            if level > HIGH {
                found.push(format!("its level is about {:.0}; is it the price of something?", level * 100.0));
            }
            return found;
        }
        if let Some(long) = self.long_tenor() {
            found.push(long);
        } else if self.whole && self.longest >= 2.0 {
            found.push(
                "column for the time to expiry: whole numbers only, which can be read as years and as months or days; \
                 write years, or call it dte if it is in days"
                    .to_owned(),
            );
        }
        if let (Unit::Days, Some(at), true) = (shape.tenor_unit, shape.tenor, self.parts_of_days)
            && self.longest < FEW_DAYS / 365.0
        {
            found.push(format!(
                "column {}: fractions of a day, and none of {FEW_DAYS:.0} days or more: are they years? Then call it \
                 time_to_expiry",
                shape.names[at]
            ));
        }
        if let (Some(at), Some(day)) = (shape.unknown, &self.mixed) {
            found.push(format!(
                "column '{}' is not known, and strikes have several volatilities on a day (the first is {day}): is it the \
                 expiry, the symbol or the type? Call it time_to_expiry, symbol or option_type, or leave it out",
                shape.names[at]
            ));
        }
        if let Some((count, day)) = self.written.get(NOT_ONE) {
            let plural = if *count > 1 { "s" } else { "" };
            found.push(format!(
                "column moneyness: strike / moneyness is not one spot price on {count} day{plural}, the first is {day}; \
                 write strike / spot, or leave moneyness out and add the spot price"
            ));
        } else if self.written.len() > 1 {
            let mut text = "column moneyness: its unit changes inside the file".to_owned();
            for (at, (name, (count, day))) in self.written.iter().enumerate() {
                let _ = write!(text, "{} {name} on {count} days from {day}", if at == 0 { ":" } else { "," });
            }
            found.push(text);
        }
        if let (Some(first), Some(last)) = (self.percent_days.first(), self.percent_days.last()) {
            found.push(format!(
                "column of the implied volatility: its unit changes inside the file: {} days from {first} to {last} \
                 look like percent",
                self.percent_days.len()
            ));
        }
        found.extend(self.agree.drastic());
        found.extend(self.times.drastic(level));
        if level > HIGH {
            found.push(format!(
                "implied volatility is about {level:.2} ({:.0} % a year); is it in percent?",
                level * 100.0
            ));
        }
        if level < LOW {
            found.push(format!(
                "implied volatility is about {level:.4}; is it a variance, or of a day instead of a year?"
            ));
        } else if level < ODD && !self.inverted && !self.agree.priced() && !self.times.moves_like(level) {
            found.push(format!(
                "implied volatility is about {level:.3}, which can be read as a volatility and as a variance ({:.3} as \
                 volatility); prices of the options in the file would tell",
                level.sqrt()
            ));
        }
        found
    }

    fn long_tenor(&self) -> Option<String> {
        self.long.map(|(count, first, value)| {
            format!(
                "row {first}: {value:?} years to expiry, and {count} rows beyond {LONGEST_TENOR:.0} years, which no \
                 listed option has; write years, or call the column dte if it is in days"
            )
        })
    }
}

fn name_of(date: Option<Date>) -> String {
    date.map_or_else(|| "the file".to_owned(), |date| date.to_string())
}

/// How many rows were of no use, or in part, by reason, the commonest first.
pub(crate) fn rows_left_out(left_out: &LeftOut) -> Vec<String> {
    let mut rows: Vec<_> = left_out.iter().collect();
    rows.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let line = |(reason, (count, first)): (&&str, &(usize, u64))| {
        let left_out = if *reason == UNKNOWN_VOLUME { "" } else { "left out: " };
        format!("{left_out}{count} row{} {reason}, the first is row {first}", plural(*count))
    };
    rows.into_iter().map(line).collect()
}

fn plural(count: usize) -> &'static str {
    if count > 1 { "s" } else { "" }
}

/// What moved from one day to the next as it seldom does.
fn changes(days: &[(Option<Date>, f64)]) -> Vec<(bool, String)> {
    let dated: Vec<(Date, f64)> = days.iter().filter_map(|(date, level)| Some(((*date)?, *level))).collect();
    dated.windows(2).filter_map(|pair| level_change(pair[0], pair[1])).collect()
}
