//! What the name of a surface file says of its symbol and its day; the rules of `train/surface_name.py`.

use std::path::Path;

#[cfg(feature = "history")]
use jiff::civil::Date;

#[cfg(feature = "history")]
use crate::error::Error;

/// Characters of a date as YYYY-MM-DD.
const LENGTH: usize = 10;

/// The symbol a file is named for: `vix_1990_2019.csv` and `2024-03-04_vix.csv` are VIX's.
pub(crate) fn symbol_of(path: &Path) -> String {
    let name = file_name(path);
    let stem = name.split('.').next().unwrap_or_default();
    let symbol = stem.split('_').find(|part| !part.is_empty() && !is_date(part.as_bytes())).unwrap_or("UNKNOWN");
    symbol.to_uppercase()
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
