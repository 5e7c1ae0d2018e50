//! Numbers as tables hold them: decimal commas, thousands, currency, percent, brackets; `train/core/cells.py` alike.
//!
//! Whether a comma is a decimal mark is settled by a whole column, or by the columns beside it, never by one cell.

/// How exports spell a value that is not there, in lower case.
const MISSING: [&str; 12] = ["", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "-", "--", ".", "\\n"];
const CURRENCY: [char; 4] = ['$', '€', '£', '¥'];
const SPACES: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}'];

/// What the cells of one column seen so far tell of their decimal mark.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spelling {
    comma: bool,
    point: bool,
    /// A comma that could part thousands or decimals, as in 1,200.
    doubtful: bool,
}

impl Spelling {
    /// Looks at one more cell.
    pub(crate) fn see(&mut self, text: &str) {
        let mark = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
        let text: String = text.chars().filter(|c| !SPACES.contains(c)).collect();
        let Some(start) = text.find(mark) else { return };
        let rest = &text[start..];
        let digits = &rest[..rest.find(|c| !mark(c)).unwrap_or(rest.len())];
        match (digits.rfind(','), digits.rfind('.')) {
            (Some(comma), Some(point)) if comma > point => self.comma = true,
            (Some(_), Some(_)) => self.point = true,
            (Some(_), None) if groups(digits, ',') => self.doubtful = true,
            (Some(_), None) => self.comma = true,
            (None, Some(_)) if digits.len() > 1 && !groups(digits, '.') => self.point = true,
            _ => {}
        }
    }
}

/// 1,200 or 12,345,678: digits that the mark parts as it does thousands.
fn groups(digits: &str, mark: char) -> bool {
    let mut parts = digits.split(mark);
    let first = parts.next().unwrap_or_default();
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut more = parts.clone().peekable();
    (1..=3).contains(&first.len())
        && number(first)
        && !first.starts_with('0')
        && more.peek().is_some()
        && more.all(|part| part.len() == 3 && number(part))
}

/// For each column whether its decimal mark is a comma; `None` where it could be read in two ways.
pub(crate) fn decimal_commas(columns: &[Spelling]) -> Vec<Option<bool>> {
    let comma = columns.iter().any(|column| column.comma);
    let point = columns.iter().any(|column| column.point);
    let decide = |column: &Spelling| {
        if (column.comma && column.point) || (column.doubtful && !column.point && comma && point) {
            (column.comma && !column.point).then_some(true)
        } else if column.comma || column.point {
            Some(column.comma)
        } else {
            Some(comma && !point)
        }
    };
    columns.iter().map(decide).collect()
}

/// The number of a cell without blanks around it, and whether it stands in percent; `None`: it is missing. NaN: it is no
/// number.
///
/// Brackets, U+2212, a minus behind and `DR` make it negative, `CR` and currency signs change nothing.
pub(crate) fn read_number(text: &str, comma: bool) -> Option<(f64, bool)> {
    let plain = if comma { None } else { text.parse::<f64>().ok().filter(|number| !number.is_nan()) };
    if let Some(plain) = plain {
        return Some((plain, false));
    }
    if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return None;
    }
    Some(unusual(&text.replace('\u{2212}', "-"), comma))
}

fn unusual(written: &str, comma: bool) -> (f64, bool) {
    let (mut text, mut negative, mut signs) = (written, false, 0);
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        text = inner.trim();
        negative = true;
        if text.starts_with(['-', '+']) {
            return (f64::NAN, false);
        }
    }
    for (word, debit) in [("CR", false), ("DR", true)] {
        if let Some(before) = strip_word(text, word) {
            text = before.trim_end();
            negative ^= debit;
            signs += 1;
        }
    }
    let percent = text.ends_with('%');
    text = text.strip_suffix('%').unwrap_or(text).trim_end();
    for code in ["USD", "EUR", "GBP"] {
        let rest = text.strip_suffix(code).unwrap_or(text);
        text = rest.strip_prefix(code).unwrap_or(rest).trim();
    }
    text = text.trim_matches(CURRENCY).trim();
    if let Some(before) = text.strip_suffix('-') {
        text = before.trim_end();
        negative = !negative;
        signs += 1;
    }
    if text.starts_with(['-', '+']) {
        negative ^= text.starts_with('-');
        signs += 1;
        text = text[1..].trim().trim_start_matches(CURRENCY);
    }
    let mut number: String = text.chars().filter(|c| !SPACES.contains(c)).collect();
    if comma {
        number = number.replace('.', "").replace(',', ".");
    } else if with_groups(&number) {
        number = number.replace(',', "");
    }
    if signs > 1 || !is_number(&number) {
        return (f64::NAN, percent);
    }
    let value = number.parse().unwrap_or(f64::NAN);
    (if negative { -value } else { value }, percent)
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(word.len())?;
    let (before, end) = text.split_at_checked(start)?;
    end.eq_ignore_ascii_case(word).then_some(before)
}

/// 1,234.50: commas between thousands, a point before decimals.
fn with_groups(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = whole.split(',');
    let first = parts.next().unwrap_or_default();
    let mut more = parts.peekable();
    (1..=3).contains(&first.len())
        && number(first)
        && number(decimals)
        && more.peek().is_some()
        && more.all(|part| part.len() == 3 && number(part))
}

/// Digits with at most one point, and an exponent or none.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(decimals)
        && digits(exponent)
        && !exponent.is_empty()
        && !(whole.is_empty() && decimals.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, comma, wanted) in [
            ("(12.30)", false, Some((-12.3, false))),
            ("$1,234.50", false, Some((1234.5, false))),
            ("-$1,234.50", false, Some((-1234.5, false))),
            ("1.234,50", true, Some((1234.5, false))),
            ("\u{2212}0.5", false, Some((-0.5, false))),
            ("12.30-", false, Some((-12.3, false))),
            ("12.3%", false, Some((12.3, true))),
            ("12.30 DR", false, Some((-12.3, false))),
            ("12.30 CR", false, Some((12.3, false))),
            ("12.30 USD", false, Some((12.3, false))),
            ("1e3", false, Some((1000.0, false))),
            ("N/A", false, None),
            ("-", false, None),
        ] {
            assert_eq!(read_number(text, comma), wanted, "{text}");
        }
        for text in ["--5", "1,2", "abc", "1_000", "(-5)", "-5-", "1.2.3"] {
            assert!(read_number(text, false).is_some_and(|(number, _)| number.is_nan()), "{text}");
        }
    }

    #[test]
    fn a_comma_is_what_its_column_or_those_beside_it_make_of_it() {
        let column = |cells: &[&str]| {
            let mut spelling = Spelling::default();
            for cell in cells {
                spelling.see(cell);
            }
            spelling
        };
        let (thousands, comma, point) = (column(&["1,200", "3"]), column(&["0,25"]), column(&["0.25"]));
        assert_eq!(decimal_commas(&[thousands, point]), [Some(false), Some(false)]);
        assert_eq!(decimal_commas(&[thousands, comma]), [Some(true), Some(true)]);
        assert_eq!(decimal_commas(&[thousands, comma, point]), [None, Some(true), Some(false)]);
    }
}
