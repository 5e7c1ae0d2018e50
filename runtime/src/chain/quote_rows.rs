//! The rows of a document as quotes: no text left in them; `quotes.py` of `train/` alike.

use std::collections::HashMap;

use crate::chain::columns::{MEANINGS, Meaning, Places, parse_contract, side_of};
use crate::chain::document::Document;
use crate::chain::moments::{Days, UNKNOWN_DAY, few, number_of};
use crate::chain::parity::median;
use crate::chain::reading::refuse;
use crate::error::Error;
use crate::io::cells::read_number;

/// More quotes are not held.
const MOST_QUOTES: usize = 2_000_000;
pub(super) const NUMBERS: [Meaning; 13] = [
    Meaning::Strike,
    Meaning::Bid,
    Meaning::Ask,
    Meaning::Mark,
    Meaning::Last,
    Meaning::Iv,
    Meaning::Volume,
    Meaning::Interest,
    Meaning::Spot,
    Meaning::UnderlyingBid,
    Meaning::UnderlyingAsk,
    Meaning::Index,
    Meaning::Model,
];
pub(super) const TIMES: [Meaning; 4] = [Meaning::Day, Meaning::Moment, Meaning::Quoted, Meaning::Expiry];

/// One quote; numbers are NaN and days -1 where nothing is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    pub(super) day: i32,
    pub(super) moment: i32,
    pub(super) quoted: i32,
    pub(super) expiry: i32,
    pub(super) root: u16,
    pub(super) underlying: u16,
    pub(super) call: bool,
    pub(super) strike: f64,
    pub(super) bid: f64,
    pub(super) ask: f64,
    pub(super) middle: f64,
    pub(super) iv: f64,
    pub(super) volume: f64,
    pub(super) interest: f64,
    pub(super) spot: f64,
    pub(super) model: f64,
    /// What a price is multiplied with.
    scale: f64,
}

/// A file's quotes, in dollars.
pub(super) struct Quotes {
    pub(super) rows: Vec<Raw>,
    pub(super) roots: Vec<String>,
    pub(super) underlyings: Vec<String>,
    pub(super) has: [bool; MEANINGS],
    pub(super) coin: bool,
    pub(super) percent: bool,
    /// Its day is that of a moment.
    pub(super) moments: bool,
    pub(super) shared_underlying: String,
    pub(super) thousandths: Option<bool>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the file")]
/// Reads one row after the other.
pub(super) struct Reading<'a> {
    document: &'a Document,
    places: Places,
    days: [Days; 4],
    commas: [bool; MEANINGS],
    /// Of roots and underlyings.
    codes: [HashMap<String, u16>; 2],
    names: [Vec<String>; 2],
    dollars: bool,
    percent: bool,
    /// The first row whose own volatility stands in percent, and the first that does not.
    spelled: [Option<u64>; 2],
    ratios: Vec<f64>,
    rows: Vec<Raw>,
    spot: f64,
    has_quotes: bool,
    coin: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        document: &'a Document,
        places: &Places,
        days: [Days; 4],
        commas: [bool; MEANINGS],
        coin: bool,
    ) -> Result<Self, Error> {
        let mut reading = Self {
            document,
            places: *places,
            days,
            commas,
            codes: [HashMap::new(), HashMap::new()],
            names: [Vec::new(), Vec::new()],
            dollars: false,
            percent: false,
            spelled: [None; 2],
            ratios: Vec::new(),
            rows: Vec::new(),
            spot: f64::NAN,
            has_quotes: false,
            coin,
        };
        reading.spot = reading.shared_spot()?;
        Ok(reading)
    }

    fn shared_spot(&self) -> Result<f64, Error> {
        let shared = self.document.shared.get(&(Meaning::Spot as usize));
        let Some((text, (value, _))) = shared.and_then(|text| Some((text, read_number(text.trim(), false)?))) else {
            return Ok(f64::NAN);
        };
        if value > 0.0 && value.is_finite() {
            return Ok(value);
        }
        let reason = format!("the spot price must be a number above zero, found '{}'", few(text));
        Err(refuse(&self.document.path, reason))
    }

    fn wrong(&self, line: u64, meaning: Meaning, problem: &str) -> Error {
        let name = self.places[meaning as usize].map_or("?", |at| self.document.header[at].as_str());
        refuse(&self.document.path, format!("row {line}: column {name}: {problem}"))
    }

    fn number(&mut self, line: u64, cells: &[&str], meaning: Meaning) -> Result<f64, Error> {
        let Some(at) = self.places[meaning as usize] else { return Ok(f64::NAN) };
        let Some((value, percent)) = read_number(cells[at].trim(), self.commas[meaning as usize]) else {
            return Ok(f64::NAN);
        };
        let ratio = matches!(meaning, Meaning::Iv | Meaning::Model);
        if value.is_nan() || (percent && !ratio) {
            return Err(self.wrong(line, meaning, &format!("must be a number, found '{}'", few(cells[at]))));
        }
        if meaning == Meaning::Iv {
            self.percent |= percent;
            if percent || (value > 0.0 && value.is_finite()) {
                self.spelled[usize::from(!percent)].get_or_insert(line);
            }
        }
        let value = if percent { value / 100.0 } else { value };
        Ok(if value.is_finite() { value } else { f64::NAN })
    }

    fn day(&self, cells: &[&str], which: usize) -> i32 {
        let meaning = TIMES[which] as usize;
        let text = self.places[meaning].map(|at| cells[at]).or(self.document.shared.get(&meaning).map(String::as_str));
        text.map_or(UNKNOWN_DAY, |text| self.days[which].day(text))
    }

    fn code(&mut self, which: usize, text: &str) -> u16 {
        if let Some(code) = self.codes[which].get(text) {
            return *code;
        }
        let code = u16::try_from(self.names[which].len()).unwrap_or(u16::MAX);
        self.codes[which].insert(text.to_owned(), code);
        self.names[which].push(text.to_owned());
        code
    }

    pub(super) fn row(&mut self, line: u64, cells: &[&str]) -> Result<(), Error> {
        if self.rows.len() >= MOST_QUOTES {
            return Err(refuse(&self.document.path, format!("more than {MOST_QUOTES} quotes; split the file")));
        }
        let mut values = [f64::NAN; MEANINGS];
        for meaning in NUMBERS {
            values[meaning as usize] = self.number(line, cells, meaning)?;
        }
        let of = |meaning: Meaning| values[meaning as usize];
        let (mut strike, mut expiry) = (of(Meaning::Strike), self.day(cells, 3));
        let (mut call, mut root) = (None, String::new());
        if let Some(at) = self.places[Meaning::Contract as usize] {
            let wrong = || format!("'{}' is no contract's symbol", few(cells[at]));
            let found = parse_contract(cells[at]).ok_or_else(|| self.wrong(line, Meaning::Contract, &wrong()))?;
            if strike.is_finite() && self.ratios.len() < 50_000 {
                self.ratios.push(strike / found.strike);
            }
            (strike, call, root) = (found.strike, Some(found.call), found.root);
            if expiry == UNKNOWN_DAY {
                expiry = number_of(found.expiry);
            }
        }
        if let Some(at) = self.places[Meaning::Side as usize] {
            let wrong = || format!("must be Call or Put, found '{}'", few(cells[at]));
            call = Some(side_of(cells[at].trim()).ok_or_else(|| self.wrong(line, Meaning::Side, &wrong()))?);
        }
        let moment = self.day(cells, 1);
        let quoted = self.day(cells, 2);
        let moment = if moment == UNKNOWN_DAY { quoted } else { moment };
        let mut spot = of(Meaning::Spot);
        if spot.is_nan() {
            spot = (of(Meaning::UnderlyingBid) + of(Meaning::UnderlyingAsk)) / 2.0;
        }
        if self.places[Meaning::Spot as usize].is_none() && self.spot.is_finite() {
            spot = self.spot;
        }
        let currency = self.places[Meaning::Currency as usize].map(|at| cells[at].trim().to_ascii_uppercase());
        self.dollars |= currency.is_some_and(|currency| ["USD", "USDC", "USDT"].contains(&currency.as_str()));
        let underlying = self.places[Meaning::Underlying as usize]
            .map_or_else(String::new, |at| cells[at].trim().to_ascii_uppercase());
        let (bid, ask) = (of(Meaning::Bid), of(Meaning::Ask));
        self.has_quotes |= bid.is_finite() && ask.is_finite();
        let single = if of(Meaning::Mark).is_nan() { of(Meaning::Last) } else { of(Meaning::Mark) };
        let scale = if self.coin { spot } else { 1.0 };
        let row = Raw {
            day: self.day(cells, 0),
            moment,
            quoted,
            expiry,
            root: self.code(0, &root),
            underlying: self.code(1, &underlying),
            call: call.unwrap_or(false),
            strike,
            bid,
            ask,
            middle: single,
            iv: of(Meaning::Iv),
            volume: of(Meaning::Volume),
            interest: of(Meaning::Interest),
            // Of a coin's contract the underlying's price is the forward of each expiry.
            spot: if self.coin { of(Meaning::Index) } else { spot },
            model: of(Meaning::Model),
            scale,
        };
        self.rows.push(row);
        Ok(())
    }

    /// Refuses volatilities of which some stand in percent and some do not, once all rows were read.
    pub(super) fn check_units(&self) -> Result<(), Error> {
        let (Some(with), Some(without), Some(at)) =
            (self.spelled[0], self.spelled[1], self.places[Meaning::Iv as usize])
        else {
            return Ok(());
        };
        let name = &self.document.header[at];
        Err(refuse(
            &self.document.path,
            format!("column {name}: row {with} stands in percent, and row {without} without it; write one unit"),
        ))
    }

    /// All quotes, in dollars.
    pub(super) fn finish(self) -> Quotes {
        let Self {
            document,
            places,
            names: [roots, underlyings],
            dollars,
            percent,
            ratios,
            mut rows,
            has_quotes,
            coin,
            ..
        } = self;
        for row in &mut rows {
            if coin {
                // Deribit's prices are in the coin, unless they are quoted in dollars.
                let scale = if dollars { 1.0 } else { row.scale };
                (row.bid, row.ask, row.middle) = (row.bid * scale, row.ask * scale, row.middle * scale);
            }
            if has_quotes {
                row.middle = (row.bid + row.ask) / 2.0;
            }
        }
        let ratio = median(ratios);
        let shared = |meaning: Meaning| document.shared.get(&(meaning as usize));
        Quotes {
            rows,
            roots,
            underlyings,
            has: places.map(|place| place.is_some()),
            coin,
            percent,
            moments: places[Meaning::Day as usize].is_none() && shared(Meaning::Day).is_none(),
            shared_underlying: shared(Meaning::Underlying).cloned().unwrap_or_default(),
            thousandths: ratio.is_finite().then_some((ratio - 1000.0).abs() < 1.0),
        }
    }
}
