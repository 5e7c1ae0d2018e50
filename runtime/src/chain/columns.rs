//! Names of columns -> meanings, contracts' symbols -> root, expiry, side and strike; `columns.py` of `train/` alike.

use jiff::civil::Date;

/// What a column holds; the order is the one in which names are looked for.
pub(super) const NAMES: [(Meaning, &str); 20] = [
    (
        Meaning::Contract,
        "contractsymbol option optionsymbol optionroot instrumentname instrument detailsticker occ contract \
         contractname localsymbol symbol ticker",
    ),
    (
        Meaning::Underlying,
        "underlying underlyingsymbol underlyingassetticker root rootsymbol actsymbol chainsymbol ticker symbol",
    ),
    (Meaning::Day, "quotedate date datadate tradedate asof asofdate"),
    (Meaning::Moment, "quotereadtime quotetime snapshot fetchedat timestamp creationtimestamp"),
    (
        Meaning::Quoted,
        "lastupdated lastquotelastupdated quotedatetime quotetimestamp quotedat quotetimeinlong updatedat \
      biddate askdate",
    ),
    (
        Meaning::Expiry,
        "expiration expirationdate detailsexpirationdate expiry expirydate expiredate exdate expdate maturity \
         maturitydate expirdate lasttradedateorcontractmonth lasttradingday",
    ),
    (Meaning::Side, "optiontype type side right cpflag callput putcall contracttype detailscontracttype cp"),
    (Meaning::Strike, "strike strikeprice detailsstrikeprice k"),
    (Meaning::Bid, "bid bidprice bestbid bestbidprice lastquotebid bid1545 bideod"),
    (Meaning::Ask, "ask askprice bestask bestaskprice bestoffer offer offerprice lastquoteask ask1545 askeod"),
    (Meaning::Mark, "mark markprice mid midprice middle"),
    (Meaning::Last, "last lastprice lastsale lasttradeprice dayclose close"),
    (
        Meaning::Iv,
        "impliedvolatility impliedvol implvolatility iv markiv midiv greeksmidiv iv1545 impliedvolatility1545",
    ),
    (Meaning::Volume, "volume dayvolume vol tradevolume totalvolume"),
    (Meaning::Interest, "openinterest oi openint optionopeninterest"),
    (
        Meaning::Spot,
        "spot spotprice underlyinglast underlyingprice stockprice undprice currentprice activeunderlyingprice1545 \
         underlyingassetprice",
    ),
    (Meaning::UnderlyingBid, "underlyingbid underlyingbid1545 underlyingbideod"),
    (Meaning::UnderlyingAsk, "underlyingask underlyingask1545 underlyingaskeod"),
    (Meaning::Index, "indexprice estimateddeliveryprice"),
    (Meaning::Currency, "quotecurrency"),
];
/// How many meanings there are; the last is a column named by `--model-iv`.
pub(super) const MEANINGS: usize = 21;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Roots of an index's other series.
const WEEKLIES: [(&str, &str); 6] =
    [("SPXW", "SPX"), ("NDXP", "NDX"), ("RUTW", "RUT"), ("VIXW", "VIX"), ("XSPW", "XSP"), ("DJXW", "DJX")];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Contract,
    Underlying,
    Day,
    Moment,
    Quoted,
    Expiry,
    Side,
    Strike,
    Bid,
    Ask,
    Mark,
    Last,
    Iv,
    Volume,
    Interest,
    Spot,
    UnderlyingBid,
    UnderlyingAsk,
    Index,
    Currency,
    Model,
}

/// Where each meaning stands.
pub(super) type Places = [Option<usize>; MEANINGS];

/// A column's name without case, blanks and marks.
pub(super) fn short(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '.' | '-' | '[' | ']' | '/'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The names of a meaning.
pub(super) fn names_of(meaning: Meaning) -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter(move |(one, _)| *one == meaning).flat_map(|(_, names)| names.split(' '))
}

/// Whether some column is called so.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.iter().any(|(_, names)| names.split(' ').any(|one| one == name))
}

/// Meaning -> place of the first of its names that is there; the first row tells what `symbol` is.
pub(super) fn find_columns(header: &[String], first: &[&str]) -> Places {
    let names: Vec<String> = header.iter().map(|name| short(name)).collect();
    let mut places: Places = [None; MEANINGS];
    for (meaning, spellings) in NAMES {
        for name in spellings.split(' ') {
            let Some(at) = names.iter().position(|one| one == name) else { continue };
            if places.contains(&Some(at)) {
                continue;
            }
            let cell = first.get(at).copied().unwrap_or_default().trim();
            if meaning == Meaning::Contract && parse_contract(cell).is_none() {
                continue;
            }
            // An epoch is of the last trade.
            if meaning == Meaning::Day && cell.len() >= 9 && cell.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            places[meaning as usize] = Some(at);
            break;
        }
    }
    places
}

/// What a contract's symbol says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contract {
    pub(super) root: String,
    pub(super) expiry: Date,
    pub(super) call: bool,
    /// In dollars.
    pub(super) strike: f64,
    /// Its prices may be in the coin (Deribit).
    pub(super) coin: bool,
}

/// A contract's symbol as OCC, `OptionMetrics` and Deribit write it; `None` where it is none.
pub(super) fn parse_contract(text: &str) -> Option<Contract> {
    let text = text.trim().to_ascii_uppercase();
    occ(&text).or_else(|| deribit(&text))
}

fn occ(text: &str) -> Option<Contract> {
    let text = text.strip_prefix("O:").unwrap_or(text);
    if !text.is_ascii() {
        return None;
    }
    // From behind: strike, side, date, root.
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, strike) = text.split_at(text.len() - digits);
    if !(4..=9).contains(&digits) {
        return None;
    }
    let rest = rest.trim_end();
    let call = rest.ends_with('C');
    let rest = rest.strip_suffix(['C', 'P'])?.trim_end();
    let (root, day) = rest.split_at_checked(rest.len().checked_sub(6)?)?;
    let root = root.trim_end();
    if !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let letters = root.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(root);
    let plain = letters.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'.');
    if letters.is_empty() || letters.len() > 6 || !plain || letters.starts_with('.') {
        return None;
    }
    let part = |from: usize| day.get(from..from + 2).and_then(|text| text.parse::<i8>().ok());
    let expiry = Date::new(2000 + i16::from(part(0)?), part(2)?, part(4)?).ok()?;
    let strike = f64::from(strike.parse::<u32>().ok()?) / 1000.0;
    Some(Contract { root: root.to_owned(), expiry, call, strike, coin: false })
}

fn deribit(text: &str) -> Option<Contract> {
    let mut parts = text.split('-');
    let (root, day, strike, side) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let letters = root.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if parts.next().is_some() || root.is_empty() || root.len() > 12 || !letters || !day.is_ascii() {
        return None;
    }
    let (number, year) = day.split_at_checked(day.len().checked_sub(2)?)?;
    let (number, month) = number.split_at_checked(number.len().checked_sub(3)?)?;
    let month = 1 + MONTHS.iter().position(|one| *one == month)?;
    let expiry = Date::new(2000 + year.parse::<i16>().ok()?, i8::try_from(month).ok()?, number.parse().ok()?).ok()?;
    let plain = |c: char| c.is_ascii_digit() || c == 'D';
    let strike = strike.chars().all(plain).then(|| strike.replace('D', ".").parse::<f64>().ok())??;
    let call = match side {
        "C" => true,
        "P" => false,
        _ => return None,
    };
    Some(Contract { root: root.to_owned(), expiry, call, strike, coin: !root.contains('_') })
}

/// The symbol that a root belongs to: SPXW is SPX's.
pub(super) fn same_symbol(root: &str) -> String {
    WEEKLIES.iter().find(|(one, _)| *one == root).map_or(root, |(_, symbol)| symbol).to_owned()
}

/// Whether an option is a call; `None`: neither.
pub(super) fn side_of(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["c", "call", "calls", "ce"]) { Some(true) } else { is(["p", "put", "puts", "pe"]).then_some(false) }
}

/// Whether cells are the header of a chain.
pub(super) fn is_header<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let plain = |name: String| match name.strip_prefix(['c', 'p']) {
        Some(rest) if ["bid", "ask", "iv", "last"].contains(&rest) => rest.to_owned(),
        _ => name,
    };
    let names: Vec<String> = cells.map(|cell| plain(short(cell))).collect();
    let has = |meaning: Meaning| names_of(meaning).any(|name| names.iter().any(|one| one == name));
    let priced = [Meaning::Bid, Meaning::Mark, Meaning::Last, Meaning::Iv].into_iter().any(has);
    priced && ((has(Meaning::Strike) && has(Meaning::Expiry)) || has(Meaning::Contract))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_read_as_exchanges_write_them() {
        for (text, root, expiry, call, strike) in [
            ("SPY240119C00450000", "SPY", "2024-01-19", true, 450.0),
            ("O:SPY240119P00450500", "SPY", "2024-01-19", false, 450.5),
            ("SPX   160115C01950000", "SPX", "2016-01-15", true, 1950.0),
            ("SPX 160115C1950000", "SPX", "2016-01-15", true, 1950.0),
            ("TSLA1240119C00200000", "TSLA1", "2024-01-19", true, 200.0),
            ("BTC-27JUN25-60000-C", "BTC", "2025-06-27", true, 60000.0),
            ("XRP_USDC-3MAY24-0D525-P", "XRP_USDC", "2024-05-03", false, 0.525),
        ] {
            let found = parse_contract(text).unwrap();
            let told = (found.root.as_str(), found.expiry.to_string(), found.call, found.strike);
            assert_eq!(told, (root, expiry.to_owned(), call, strike), "{text}");
        }
        for text in ["SPY", "SPY241319C00450000", "BTC-PERPETUAL", "240119C00450000", "BTC-31FEB24-1-C", "", "ä"] {
            assert!(parse_contract(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,32}", name in "[A-Z]{0,7}[0-9]{4,8}[CP][0-9]{2,10}") {
            let _ = (parse_contract(&text), parse_contract(&name), side_of(&text), short(&text));
        }
    }
}
