//! What to read of a chain that needs a word, and how one is refused.

use std::path::Path;

use jiff::civil::Date;

use crate::error::Error;
use crate::surface::calendar::Calendar;

/// How the refusal of another kind of file begins.
pub(crate) const NOT_A_CHAIN: &str = "not an option chain";

/// What to read of a file that needs a word.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainReading {
    /// The symbol to read of a file with several, or of one that names none.
    pub symbol: Option<String>,
    /// The day of the quotes of a file that does not say it.
    pub date: Option<Date>,
    /// Interest a year (0.04 is 4 %), for expiries whose discount the chain does not tell.
    pub rate: f64,
    /// Use what is drastic and note it.
    pub accept: bool,
    /// Which days are trading days; of a coin every day is.
    pub calendar: Calendar,
    /// A column whose volatilities become [`ChainQuote::model_iv`].
    pub model_iv: Option<String>,
}

/// The error that names the file.
pub(super) fn refuse(path: &Path, reason: String) -> Error {
    Error::Surface { path: path.to_path_buf(), reason }
}

/// It is no chain at all.
pub(super) fn no_chain(path: &Path) -> Error {
    refuse(
        path,
        format!(
            "{NOT_A_CHAIN}: expected quotes with a strike, a side, an expiry as a date (or a contract's symbol) and a bid \
             and ask, a price or an implied volatility"
        ),
    )
}
