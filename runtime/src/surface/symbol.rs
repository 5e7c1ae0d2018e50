//! Ticker symbols, which become parts of file names.

use crate::error::Error;

/// Besides letters and digits: `BRK.B`, `BRK-B`, `^GSPC`, `ES=F`, `$SPX`, `BRK/B`, `M&M.NS`.
const MARKS: [char; 8] = ['.', '-', '_', '^', '=', '$', '/', '&'];

/// Whether a text is a symbol; `file_name.py` of the training says the same.
pub(crate) fn is_symbol(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(&c);
    (1..=16).contains(&text.len()) && text.chars().all(fits) && !text.contains("..")
}

/// The symbol in upper case.
pub(crate) fn checked_symbol(symbol: &str) -> Result<String, Error> {
    if is_symbol(symbol) { Ok(symbol.to_ascii_uppercase()) } else { Err(Error::Symbol { symbol: symbol.to_owned() }) }
}

/// What a symbol is called in the name of a file: in lower case, with a hyphen for the slash that would be a folder.
#[cfg(any(test, all(feature = "files", feature = "history")))]
pub(crate) fn name_in_file(symbol: &str) -> String {
    symbol.to_ascii_lowercase().replace('/', "-")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Cases {
        accepted: Vec<[String; 3]>,
        refused: Vec<String>,
    }

    #[test]
    fn rust_and_python_agree_on_what_is_a_symbol_and_on_its_file() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/symbol_cases.json");
        let cases: Cases = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for [text, symbol, name] in &cases.accepted {
            assert_eq!(&checked_symbol(text).unwrap(), symbol);
            assert_eq!(&name_in_file(symbol), name);
            assert!(!name.contains(std::path::MAIN_SEPARATOR), "{name}");
        }
        for text in &cases.refused {
            assert!(checked_symbol(text).is_err(), "{text:?} is accepted");
        }
    }
}
