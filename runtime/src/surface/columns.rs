//! The header of a surface file -> what each column means; the rules of
//! `columns.py` of `train/`.
//!
//! The engine's own names come first; other spellings (`snake_case`, Title Case, blanks, common abbreviations) mean the
//! same. A file is of the old script's shape only when no column tells symbol, expiry or type. Two columns that mean the
//! same, or one that could mean two things, are refused with both readings.

use std::collections::BTreeMap;
use std::path::Path;

use csv::StringRecord;

use crate::error::Error;
use crate::surface::name::says_volatility;

/// How the refusal of another kind of file begins.
pub(crate) const NOT_A_SURFACE: &str = "row 1: not the header of a surface file";
const HEADERS: &str = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume (with or without a leading \
                       Date), date,strike,implied_vol,volume,moneyness, or date,close";
const INDEX_NAMES: [&str; 5] = ["date", "close", "open", "high", "low"];
const HINT: &str = "; an index of volatility with these columns is read when its name says so: vix.csv";
/// What a price file has besides; an index has it only where the file's name says volatility.
const PRICE_NAMES: [&str; 5] = ["adj close", "adj_close", "volume", "dividends", "stock splits"];
/// Names that tell neither expiry nor symbol nor type.
const HARMLESS: &str = "index id level0 openinterest oi delta gamma vega theta rho last lastprice lastsale exchange currency \
                        note notes comment change changepct bidsize asksize source quality count vol open high low close";
/// Parts of the names of what is said about a volatility, and is none.
const OF_IV: [&str; 8] = ["rank", "percentile", "change", "chg", "date", "time", "error", "source"];
/// What stands before or after `iv` in the name of one that is not the quote's own.
const IV_SIDES: [&str; 10] = ["bid", "ask", "call", "put", "model", "mark", "last", "smooth", "fit", "trade"];
/// The later of two names of one meaning wins.
const EXACT: [(&str, Meaning); 9] = [
    ("date", Meaning::Date),
    ("symbol", Meaning::Symbol),
    ("strike", Meaning::Strike),
    ("timetoexpiry", Meaning::Tenor),
    ("implied_vol", Meaning::Iv),
    ("impliedvol", Meaning::Iv),
    ("moneyness", Meaning::Moneyness),
    ("optiontype", Meaning::Kind),
    ("volume", Meaning::Volume),
];
const SPELLINGS: [(Meaning, Unit, &str); 17] = [
    (
        Meaning::Date,
        Unit::Plain,
        "date tradedate tradingdate quotedate asof asofdate datadate observationdate quotetime timestamp datetime",
    ),
    (
        Meaning::Symbol,
        Unit::Plain,
        "symbol ticker underlying underlyingsymbol underlyingticker root rootsymbol undsymbol",
    ),
    (Meaning::Strike, Unit::Plain, "strike strikeprice k exerciseprice"),
    (
        Meaning::Tenor,
        Unit::Plain,
        "timetoexpiry timetoexpiration timetomaturity timetoexpiryyears tte ttm tau t tenor yearstoexpiry \
         yearstoexpiration yearfraction expiryyears maturityyears",
    ),
    (
        Meaning::Tenor,
        Unit::Days,
        "dte days daystoexpiry daystoexpiration daystomaturity timetoexpirydays dtm expirydays",
    ),
    (
        Meaning::Tenor,
        Unit::Expiry,
        "expiry expiration expirydate expirationdate expdate exdate maturity maturitydate expiredate",
    ),
    (Meaning::Iv, Unit::Plain, "impliedvol impliedvolatility iv impvol impvolatility midiv ivmid sigma"),
    (
        Meaning::Iv,
        Unit::Percent,
        "iv% ivpct ivpercent impliedvol% impliedvolpct impliedvolpercent impliedvolatility% impliedvolatilitypct \
         impliedvolatilitypercent",
    ),
    (Meaning::Moneyness, Unit::Plain, "moneyness strikeoverspot strikespot kovers"),
    (Meaning::Moneyness, Unit::Logarithm, "logmoneyness lnmoneyness logm"),
    (Meaning::Moneyness, Unit::Percent, "moneyness% moneynesspct moneynesspercent"),
    (Meaning::Kind, Unit::Plain, "optiontype type right cp cpflag callput putcall callorput putorcall optionright"),
    (Meaning::Volume, Unit::Plain, "volume tradevolume tradedvolume optionvolume dailyvolume contractvolume"),
    (Meaning::Spot, Unit::Plain, "spot spotprice underlyingprice underlyinglast stockprice undprice underlyingclose"),
    (Meaning::Price, Unit::Plain, "mid midprice midpoint mark markprice optionprice optionmid premium"),
    (Meaning::Bid, Unit::Plain, "bid bidprice bestbid"),
    (Meaning::Ask, Unit::Plain, "ask askprice bestask offer"),
];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Date,
    Symbol,
    Strike,
    Tenor,
    Iv,
    Moneyness,
    Kind,
    Volume,
    Spot,
    /// Held against the time to expiry, as are `Days`.
    Expiry,
    Days,
    Price,
    Bid,
    Ask,
}

impl Meaning {
    fn words(self) -> &'static str {
        match self {
            Self::Date => "the date",
            Self::Symbol => "the symbol",
            Self::Strike => "the strike",
            Self::Tenor => "the time to expiry",
            Self::Iv => "the implied volatility",
            Self::Moneyness => "the moneyness",
            Self::Kind => "the option type",
            Self::Volume => "the volume",
            Self::Spot => "the spot price",
            Self::Expiry | Self::Days => "the date of expiry",
            Self::Price | Self::Bid | Self::Ask => "the price",
        }
    }
}

/// What a column's name says of its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The engine's own.
    #[default]
    Plain,
    /// Calendar days.
    Days,
    /// The date of expiry.
    Expiry,
    Percent,
    Logarithm,
}

/// The kind of file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The engine's, with or without dates.
    #[default]
    Engine,
    /// The old script's.
    Old,
    /// Dates and levels in percent.
    Index,
}

/// Where each column stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(super) kind_of_file: Kind,
    pub(super) names: Vec<String>,
    pub(super) date: Option<usize>,
    pub(super) symbol: Option<usize>,
    pub(super) strike: Option<usize>,
    pub(super) tenor: Option<usize>,
    pub(super) iv: Option<usize>,
    pub(super) moneyness: Option<usize>,
    pub(super) kind: Option<usize>,
    pub(super) volume: Option<usize>,
    pub(super) spot: Option<usize>,
    /// The date of expiry that a time to expiry is held against, or days to it.
    pub(super) expiry: Option<usize>,
    pub(super) days: Option<usize>,
    pub(super) price: Option<usize>,
    pub(super) bid: Option<usize>,
    pub(super) ask: Option<usize>,
    pub(super) tenor_unit: Unit,
    pub(super) iv_unit: Unit,
    pub(super) moneyness_unit: Unit,
    /// A column of the old script's shape that may tell expiry, symbol or type: its name is not known.
    pub(super) unknown: Option<usize>,
    /// Columns of other implied volatilities (the bid's, the call's, a model's), which are not read.
    pub(super) also: Vec<String>,
}

impl Shape {
    /// The columns that hold numbers.
    pub(super) fn numbers(&self) -> Vec<usize> {
        let tenor = self.tenor.filter(|_| self.tenor_unit != Unit::Expiry);
        let read = [self.strike, tenor, self.iv, self.moneyness, self.volume, self.spot];
        read.into_iter().chain(self.compared()).flatten().collect()
    }

    /// The columns of numbers that are not read, but held against those that are.
    pub(super) fn compared(&self) -> [Option<usize>; 4] {
        [self.days, self.price, self.bid, self.ask]
    }

    /// The column of dates of expiry, read or compared.
    pub(super) fn expiries(&self) -> Option<usize> {
        if self.tenor_unit == Unit::Expiry { self.tenor } else { self.expiry }
    }
}

type Places = BTreeMap<Meaning, usize>;
type Units = BTreeMap<Meaning, Unit>;

/// The shape of a file by its header.
pub(crate) fn read_header(path: &Path, header: &StringRecord) -> Result<Shape, Error> {
    let refuse = |reason: String| Error::Surface { path: path.to_path_buf(), reason };
    let names: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    let twice = names.iter().enumerate().find(|(at, name)| !name.is_empty() && names[..*at].contains(name));
    if let Some((_, twice)) = twice {
        return Err(refuse(format!("row 1: column '{twice}' stands twice")));
    }
    let (places, units) = places(&names).map_err(refuse)?;
    let has = |meaning| places.contains_key(&meaning);
    if has(Meaning::Iv) && has(Meaning::Strike) && (has(Meaning::Moneyness) || has(Meaning::Spot)) {
        return surface(names, &places, &units).map_err(refuse);
    }
    let others = names.iter().find(|name| is_other_iv(name));
    if let (false, true, Some(other)) = (has(Meaning::Iv), has(Meaning::Strike), others) {
        return Err(refuse(format!(
            "row 1: column '{other}' is one of several implied volatilities, and none is the quote's own; call the one to \
             read implied_vol (of bid and ask: their middle; calls and puts: a row each)"
        )));
    }
    if let Some((date, level)) = index(path, &names) {
        return Ok(Shape { kind_of_file: Kind::Index, names, date: Some(date), iv: Some(level), ..Shape::default() });
    }
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let of_prices = |name: &String| [&INDEX_NAMES[..], &PRICE_NAMES, &[""]].concat().contains(&name.as_str());
    let prices = has("date") && has("close") && names.iter().all(of_prices);
    let hint = if prices { HINT } else { "" };
    Err(refuse(format!("{}{hint}", unknown(&header.iter().collect::<Vec<_>>().join(",")))))
}

fn unknown(header: &str) -> String {
    let found: String = header.chars().take(200).collect();
    format!("{NOT_A_SURFACE}: '{found}'; expected {HEADERS}")
}

fn places(names: &[String]) -> Result<(Places, Units), String> {
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    let mut places: Places = EXACT.iter().filter_map(|(name, meaning)| Some((*meaning, at(name)?))).collect();
    let mut units = Units::new();
    let exact: Vec<Meaning> = places.keys().copied().collect();
    let short: Vec<String> = names.iter().map(|name| letters(name)).collect();
    for (at, name) in short.iter().enumerate() {
        let Some((meaning, unit)) = meaning_of(name) else { continue };
        if places.values().any(|place| *place == at) {
            continue;
        }
        if matches!(meaning, Meaning::Price | Meaning::Bid | Meaning::Ask) {
            // Two prices may differ, and neither is read.
            let first = !places.contains_key(&meaning);
            places.insert(meaning, if first { at } else { usize::MAX });
        } else if exact.contains(&meaning) && meaning != Meaning::Iv {
            match unit {
                Unit::Expiry => places.entry(Meaning::Expiry).or_insert(at),
                Unit::Days => places.entry(Meaning::Days).or_insert(at),
                _ => continue,
            };
        } else if let Some(other) = places.get(&meaning).copied() {
            // A time to expiry beside the date of expiry is no contradiction: the number is read, and held against it.
            if unit == Unit::Expiry {
                places.entry(Meaning::Expiry).or_insert(at);
            } else if units.get(&meaning) == Some(&Unit::Expiry) {
                places.entry(Meaning::Expiry).or_insert(other);
                places.insert(meaning, at);
                units.insert(meaning, unit);
            } else {
                return Err(format!(
                    "row 1: columns '{}' and '{}' could both be {}; keep one",
                    names[other],
                    names[at],
                    meaning.words()
                ));
            }
        } else {
            places.insert(meaning, at);
            units.insert(meaning, unit);
        }
    }
    if let Some(at) = short.iter().position(|name| name == "vol") {
        let (iv, volume) = (places.contains_key(&Meaning::Iv), places.contains_key(&Meaning::Volume));
        if iv && !volume {
            places.insert(Meaning::Volume, at);
        } else if !iv && volume {
            places.insert(Meaning::Iv, at);
        } else if !iv && places.contains_key(&Meaning::Strike) {
            return Err(format!(
                "row 1: column '{}' can be read as the implied volatility and as the volume; call it implied_vol or \
                 volume",
                names[at]
            ));
        }
    }
    Ok((places, units))
}

fn surface(names: Vec<String>, places: &Places, units: &Units) -> Result<Shape, String> {
    let at = |meaning| places.get(&meaning).copied().filter(|at| *at != usize::MAX);
    let unit = |meaning| units.get(&meaning).copied().unwrap_or_default();
    if at(Meaning::Tenor).is_none() {
        if let Some(telling) = at(Meaning::Symbol).or(at(Meaning::Kind)) {
            return Err(format!(
                "row 1: column '{}' is there, but none for the time to expiry (time_to_expiry in years, dte in days or \
                 expiry as a date); expiries must not be mixed",
                names[telling]
            ));
        }
        if at(Meaning::Date).is_none() {
            return Err(unknown(&names.join(",")));
        }
    }
    if let (Unit::Expiry, Some(expiry), None) = (unit(Meaning::Tenor), at(Meaning::Tenor), at(Meaning::Date)) {
        return Err(format!(
            "row 1: column '{}' is the date of expiry, and no column is the date of the row; add one, or \
             time_to_expiry in years",
            names[expiry]
        ));
    }
    Ok(Shape {
        kind_of_file: if at(Meaning::Tenor).is_some() { Kind::Engine } else { Kind::Old },
        date: at(Meaning::Date),
        symbol: at(Meaning::Symbol),
        strike: at(Meaning::Strike),
        tenor: at(Meaning::Tenor),
        iv: at(Meaning::Iv),
        moneyness: at(Meaning::Moneyness),
        kind: at(Meaning::Kind),
        volume: at(Meaning::Volume),
        spot: at(Meaning::Spot),
        expiry: at(Meaning::Expiry),
        days: at(Meaning::Days),
        price: at(Meaning::Price),
        bid: at(Meaning::Bid),
        ask: at(Meaning::Ask),
        tenor_unit: unit(Meaning::Tenor),
        iv_unit: unit(Meaning::Iv),
        moneyness_unit: unit(Meaning::Moneyness),
        unknown: names.iter().position(|name| may_part(name)).filter(|_| at(Meaning::Tenor).is_none()),
        also: names.iter().filter(|name| is_other_iv(name)).cloned().collect(),
        names,
    })
}

/// Whether a name that nothing is known of may be that of expiry, symbol or type.
fn may_part(name: &str) -> bool {
    let letters = letters(name);
    let harmless = HARMLESS.split(' ').any(|known| known == letters) || letters.starts_with("unnamed");
    !letters.is_empty() && !harmless && meaning_of(&letters).is_none() && !is_other_iv(name)
}

/// Whether a column holds an implied volatility by a name that is not the quote's own: `bid_iv`, `iv_call`.
fn is_other_iv(name: &str) -> bool {
    let letters = letters(name);
    if meaning_of(&letters).is_some() || OF_IV.iter().any(|word| letters.contains(word)) {
        return false;
    }
    let part = |part: &str| part == "iv" || part == "ivol";
    let side = letters.strip_suffix("iv").or_else(|| letters.strip_prefix("iv"));
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(part)
        || letters.contains("impliedvol")
        || side.is_some_and(|side| IV_SIDES.contains(&side))
}

/// Date and level of an index history, which has nothing else but open, high and low.
fn index(path: &Path, names: &[String]) -> Option<(usize, usize)> {
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    let known: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let volatility = says_volatility(path);
    let only = known.iter().all(|name| INDEX_NAMES.contains(name) || (volatility && PRICE_NAMES.contains(name)));
    if let (Some(date), Some(close), true) = (at("date"), at("close"), only) {
        return Some((date, close));
    }
    // As the Federal Reserve's database writes it: observation_date,VIXCLS.
    let levels: Vec<&&str> = known.iter().filter(|name| name.starts_with("vix") || name.ends_with("vixcls")).collect();
    let is_date = |name: &str| meaning_of(&letters(name)).is_some_and(|(meaning, _)| meaning == Meaning::Date);
    let dates: Vec<&&str> = known.iter().filter(|name| is_date(name)).collect();
    match (known.len(), levels.as_slice(), dates.as_slice()) {
        (2, [level], [date]) => at(date).zip(at(level)),
        _ => None,
    }
}

fn meaning_of(name: &str) -> Option<(Meaning, Unit)> {
    SPELLINGS
        .iter()
        .find(|(_, _, names)| !name.is_empty() && names.split(' ').any(|known| known == name))
        .map(|(meaning, unit, _)| (*meaning, *unit))
}

/// What is left of a name without blanks and marks; `Time To Expiry (years)` is `timetoexpiryyears`.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '%').collect()
}
