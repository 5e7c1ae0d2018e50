//! What the name of a surface file says of its symbol and its day; the rules of `surfaces/file_name.py` of the
//! training.

use std::path::Path;

#[cfg(feature = "history")]
use jiff::civil::Date;

#[cfg(feature = "history")]
use crate::error::Error;

/// Characters of a date as YYYY-MM-DD.
const LENGTH: usize = 10;
/// Of a file whose name gives none.
pub(crate) const UNKNOWN_SYMBOL: &str = "UNKNOWN";

const VOLATILITY: [&str; 9] = ["vix", "vol", "vxn", "vxd", "rvx", "ovx", "gvz", "index", "implied"];
/// Words of file names that are no symbols.
const GENERIC: [&str; 44] = [
    "vol",
    "vols",
    "surface",
    "surfaces",
    "iv",
    "ivs",
    "implied",
    "volatility",
    "history",
    "hist",
    "daily",
    "price",
    "prices",
    "data",
    "export",
    "chain",
    "chains",
    "option",
    "options",
    "eod",
    "snapshot",
    "download",
    "file",
    "table",
    "surf",
    "volsurf",
    "impvol",
    "opts",
    "index",
    "indices",
    "idx",
    "quote",
    "quotes",
    "cboe",
    "yahoo",
    "stooq",
    "market",
    "mkt",
    "timeseries",
    "cleaned",
    "latest",
    "smile",
    "close",
    "closes",
];

/// The symbol a file is named for: `vix_1990_2019.csv`, `2024-03-04_vix.csv` and `vol_surface_VIX.csv` are VIX's.
///
/// The part between `_` and blanks that is no date, no number of a year or of days, and no word for what such files hold;
/// of several the one in capitals (`my_TSLA.csv`). Where that leaves none or a choice, it is [`UNKNOWN_SYMBOL`].
/// `BRK.A_iv.csv` keeps its class, `0700.HK.csv` its exchange.
pub(crate) fn symbol_of(path: &Path) -> String {
    let name = file_name(path);
    let mut stem = name.as_str();
    while let Some(shorter) =
        [".csv", ".gz", ".zst", ".parquet", ".txt", ".tsv"].iter().find_map(|end| strip_end(stem, end))
    {
        stem = shorter;
    }
    let generic = |word: &str| GENERIC.iter().any(|known| word.eq_ignore_ascii_case(known));
    let mut found: Vec<String> = Vec::new();
    for part in stem.split(['_', ' ']) {
        let mut words: Vec<&str> = part.split('-').collect();
        while words.len() > 1 && words.last().is_some_and(|word| generic(word)) {
            words.pop();
        }
        let symbol = words.join("-");
        if is_date(part.as_bytes()) || symbol.is_empty() || is_number(&symbol) || generic(&symbol) {
            continue;
        }
        let symbol = if has_class(&symbol) { symbol.as_str() } else { symbol.split('.').next().unwrap_or_default() };
        found.push(symbol.to_owned());
    }
    let capital = |symbol: &str| symbol.chars().any(char::is_uppercase) && !symbol.chars().any(char::is_lowercase);
    if found.len() > 1 && found.iter().any(|symbol| capital(symbol)) {
        found.retain(|symbol| capital(symbol));
    }
    let mut different: Vec<String> = found.iter().map(|symbol| symbol.to_uppercase()).collect();
    different.sort();
    different.dedup();
    match different.as_slice() {
        [one] if !one.is_empty() => one.clone(),
        _ => UNKNOWN_SYMBOL.to_owned(),
    }
}

fn strip_end<'a>(name: &'a str, end: &str) -> Option<&'a str> {
    let (before, last) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
    last.eq_ignore_ascii_case(end).then_some(before)
}

/// A date as YYYYMMDD, a year or a quarter, a term as 30d, or the number of a copy in brackets.
fn is_number(part: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let copy = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let year = |text: &str| text.len() == 4 && digits(text) && (text.starts_with("19") || text.starts_with("20"));
    let (most, last) = part.split_at_checked(part.len().saturating_sub(1)).unwrap_or((part, ""));
    let days = digits(most) && most.len() <= 3 && last.contains(['d', 'w', 'm', 'y', 'D', 'W', 'M', 'Y']);
    let quarter = last.contains(['1', '2', '3', '4']) && most.strip_suffix(['q', 'Q']).is_some_and(year);
    (digits(part) && part.len() == 8) || year(part) || days || quarter || copy.is_some_and(digits)
}

/// A share class or an exchange behind the only dot.
fn has_class(symbol: &str) -> bool {
    symbol.split_once('.').is_some_and(|(before, class)| {
        !before.is_empty() && (1..=3).contains(&class.len()) && class.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// The date in a file's name, written YYYY-MM-DD: `tsla_2024-03-04.csv`.
///
/// # Errors
/// [`Error::Surface`]: the name holds two dates, or one that is no day of the calendar.
#[cfg(feature = "history")]
pub(crate) fn date_in_name(path: &Path) -> Result<Option<Date>, Error> {
    let refused = |reason: String| Error::Surface { path: path.to_path_buf(), reason };
    let name = file_name(path);
    let bytes = name.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut found = None;
    for start in 0..bytes.len().saturating_sub(LENGTH - 1) {
        let alone = !digit(start + LENGTH) && start.checked_sub(1).is_none_or(|before| !digit(before));
        let Some(text) = name.get(start..start + LENGTH).filter(|text| alone && is_date(text.as_bytes())) else {
            continue;
        };
        let date: Option<Date> = text.parse().ok().filter(|date: &Date| date.year() > 0);
        let date = date.ok_or_else(|| refused(format!("'{text}' in its name is not a day of the calendar")))?;
        if found.is_some_and(|before| before != date) {
            return Err(refused("its name holds two dates; keep one".to_owned()));
        }
        found = Some(date);
    }
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether the text is written as a date is, whatever the numbers.
fn is_date(text: &[u8]) -> bool {
    text.len() == LENGTH
        && text
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
}

/// Whether the name of an index file says that it holds volatility.
pub(crate) fn says_volatility(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_ascii_lowercase().replace("volume", " "))
        .unwrap_or_default();
    let word = |part: &str| part == "iv";
    VOLATILITY.iter().any(|word| name.contains(word)) || name.split(|c: char| !c.is_ascii_lowercase()).any(word)
}
