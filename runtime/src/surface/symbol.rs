//! Ticker symbols, which become parts of file names.

use crate::error::Error;

/// The symbol in upper case, if it can be part of a file name.
pub(crate) fn checked_symbol(symbol: &str) -> Result<String, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '^');
    let sound = (1..=16).contains(&symbol.len()) && symbol.chars().all(fits) && !symbol.contains("..");
    if sound { Ok(symbol.to_ascii_uppercase()) } else { Err(Error::Symbol { symbol: symbol.to_owned() }) }
}
