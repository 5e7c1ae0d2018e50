//! Signals read strictly, from JSON and from the fields of a CSV row.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::Error;
use crate::io::text::nearest;
use crate::models::signal_classifier::contract::{Limits, unit_of};
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_FIELDS};
use crate::models::signal_classifier::signal::TradeSignal;

impl TradeSignal {
    /// Reads one JSON object with exactly the eight fields, each once, each a number within the contract's limits.
    ///
    /// # Errors
    /// [`Error::Signal`] that names the field: unknown, missing, twice, not a number, NaN, infinite, out of range, or
    /// not whole where it must be.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_json_at("signal", text)
    }

    pub(crate) fn from_json_at(place: &str, text: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Signal { place: place.to_owned(), reason };
        let raw = RawSignal::parse(text).map_err(refuse)?;
        raw.signal(&Limits::contract()).map_err(refuse)
    }
}

/// As strict as [`TradeSignal::from_json`], from any format that describes itself.
impl<'de> Deserialize<'de> for TradeSignal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawSignal::deserialize(deserializer)?;
        raw.signal(&Limits::contract()).map_err(serde::de::Error::custom)
    }
}

/// What a JSON field held.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    Number(f64),
    Other(String),
}

/// A JSON object as read, before it is known to be a signal.
#[derive(Debug, Default)]
pub(crate) struct RawSignal {
    values: [Option<Found>; N_FIELDS],
    others: Vec<String>,
    twice: Option<String>,
}

impl RawSignal {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err("is empty, must be a JSON object with the fields of a signal".to_owned());
        }
        serde_json::from_str(text).map_err(|error| match field_before(text, &error) {
            Some(name) => format!("field '{name}' is not a JSON number (NaN and Infinity are not accepted): {error}"),
            None => format!("not a JSON object: {error}"),
        })
    }

    /// The signal, if all fields are there and right, and no other.
    pub(crate) fn signal(&self, limits: &Limits) -> Result<TradeSignal, String> {
        self.check_twice()?;
        if let Some(name) = self.others.first() {
            return Err(unknown_field(name));
        }
        self.fields(limits)
    }

    /// The signal in a row of a file, where other fields may stand beside it that `check_other` lets pass.
    #[cfg(feature = "files")]
    pub(crate) fn signal_of_row(
        &self,
        limits: &Limits,
        check_other: impl Fn(&str) -> Result<(), String>,
    ) -> Result<TradeSignal, String> {
        self.check_twice()?;
        self.others.iter().try_for_each(|name| check_other(name))?;
        self.fields(limits)
    }

    fn check_twice(&self) -> Result<(), String> {
        self.twice.as_ref().map_or(Ok(()), |name| Err(format!("field '{name}' stands twice; keep one")))
    }

    fn fields(&self, limits: &Limits) -> Result<TradeSignal, String> {
        let mut features = [0.0; N_FIELDS];
        for (index, feature) in features.iter_mut().enumerate() {
            let name = SIGNAL_FIELDS[index];
            *feature = match &self.values[index] {
                Some(Found::Number(number)) => *number,
                Some(Found::Other(found)) => return Err(format!("field '{name}' must be a number, found {found}")),
                None => {
                    let others: Vec<_> = self.others.iter().map(String::as_str).collect();
                    return Err(format!("{} ({})", missing(name, &others), unit_of(index)));
                }
            };
            limits.check_value(index, *feature)?;
        }
        Ok(TradeSignal::from_features(features))
    }
}

/// The message for a field that is not there, with the other name that may be meant for it.
pub(crate) fn missing(field: &str, others: &[&str]) -> String {
    let hint = nearest(field, others.iter().copied()).map(|near| format!("; is it '{near}'?")).unwrap_or_default();
    format!("field '{field}' is missing{hint}")
}

/// Reads the text fields of a CSV row as a signal; `columns[i]` is the place of field i.
#[cfg(feature = "files")]
pub(crate) fn from_text_fields(
    fields: &csv::StringRecord,
    columns: &[usize; N_FIELDS],
    limits: &Limits,
) -> Result<TradeSignal, String> {
    let mut features = [0.0; N_FIELDS];
    for (index, feature) in features.iter_mut().enumerate() {
        let (name, text) = (SIGNAL_FIELDS[index], fields.get(columns[index]).unwrap_or("").trim());
        if text.is_empty() {
            return Err(format!("field '{name}' is missing ({})", unit_of(index)));
        }
        *feature = text.parse().map_err(|_| format!("field '{name}' must be a number, found {text:?}"))?;
        limits.check_value(index, *feature)?;
    }
    Ok(TradeSignal::from_features(features))
}

pub(crate) fn unknown_field(name: &str) -> String {
    let hint = nearest(name, SIGNAL_FIELDS).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
    format!("unknown field '{name}'; {hint}the fields are {}", SIGNAL_FIELDS.join(", "))
}

/// The name of the field that stands before the place of a syntax error, if a value was expected there.
fn field_before<'a>(text: &'a str, error: &serde_json::Error) -> Option<&'a str> {
    let line = text.lines().nth(error.line().checked_sub(1)?)?;
    let before = line.get(..error.column().checked_sub(1)?)?.trim_end_matches(['-', '.']);
    let before = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let key = before.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    key.rfind('"').map(|quote| &key[quote + 1..])
}

impl<'de> Deserialize<'de> for RawSignal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawSignal;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with the fields of a signal")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawSignal, A::Error> {
        let mut raw = RawSignal::default();
        while let Some(name) = entries.next_key::<String>()? {
            let known = SIGNAL_FIELDS.iter().position(|field| *field == name);
            let again = if let Some(index) = known {
                raw.values[index].replace(entries.next_value()?).is_some()
            } else {
                entries.next_value::<IgnoredAny>()?;
                raw.others.contains(&name)
            };
            if again {
                raw.twice.get_or_insert(name);
            } else if known.is_none() {
                raw.others.push(name);
            }
        }
        Ok(raw)
    }
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FoundVisitor)
    }
}

struct FoundVisitor;

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found, E> {
        Ok(Found::Number(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "far beyond every limit before precision is lost")]
    fn visit_i64<E>(self, value: i64) -> Result<Found, E> {
        Ok(Found::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "far beyond every limit before precision is lost")]
    fn visit_u64<E>(self, value: u64) -> Result<Found, E> {
        Ok(Found::Number(value as f64))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found, E> {
        Ok(Found::Other(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Found, E> {
        Ok(Found::Other(format!("{:?}", value.chars().take(40).collect::<String>())))
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Other("null".to_owned()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Found, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other("a list".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Found, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an object".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5,
        "volume": 1200, "open_interest": 8500, "days_to_expiry": 45}"#;

    #[test]
    fn whole_numbers_may_be_written_as_decimals() {
        let one = TradeSignal::from_json(GOOD).unwrap();
        let other = TradeSignal::from_json(&GOOD.replace("1200", "1200.0").replace("45}", "4.5e1}")).unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn every_mistake_names_its_field() {
        let cases = [
            (GOOD.replace("\"delta\"", "\"detla\""), "unknown field 'detla'; did you mean 'delta'?"),
            (GOOD.replace("\"delta\": 0.65, ", ""), "field 'delta' is missing"),
            (GOOD.replace("\"delta\": 0.65", "\"delta\": 0.65, \"delta\": 0.65"), "field 'delta' stands twice"),
            (GOOD.replace("0.65", "\"0.65\""), "field 'delta' must be a number, found \"0.65\""),
            (GOOD.replace("0.65", "null"), "field 'delta' must be a number, found null"),
            (GOOD.replace("0.65", "true"), "field 'delta' must be a number, found true"),
            (GOOD.replace("0.65", "[0.65]"), "field 'delta' must be a number, found a list"),
            (GOOD.replace("0.65", "NaN"), "field 'delta' is not a JSON number"),
            (GOOD.replace("0.65", "-Infinity"), "field 'delta' is not a JSON number"),
            (GOOD.replace("0.65", "1e999"), "field 'delta' is not a JSON number"),
            (GOOD.replace("0.65", "1.65"), "field 'delta' must lie in -1..1 per $1 of spot, found 1.65"),
            (GOOD.replace("1200", "1200.5"), "field 'volume' must be a whole number, found 1200.5"),
            (GOOD.replace("1200", "-1"), "field 'volume' must lie in 0..1000000000000 contracts, found -1"),
            ("[]".to_owned(), "not a JSON object"),
            (GOOD[..60].to_owned(), "signal: "),
            (String::new(), "is empty"),
            (format!("{GOOD} x"), "not a JSON object: trailing characters"),
        ];
        for (text, expected) in cases {
            let error = TradeSignal::from_json(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n  gave {error}\n  not {expected}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,80}") {
            let _ = TradeSignal::from_json(&text);
        }

        #[test]
        fn a_signal_survives_being_written_and_read(
            edge_percent in -100.0..1e6_f64, delta in -1.0..=1.0_f64, gamma in 0.0..1e4_f64, vega in 0.0..1e7_f64,
            theta in -1e8..1e8_f64, volume in 0..1_000_000_000_000_u64, open_interest in 0..1_000_000_000_000_u64,
            days_to_expiry in 0..3650_u32,
        ) {
            let signal =
                TradeSignal { edge_percent, delta, gamma, vega, theta, volume, open_interest, days_to_expiry };
            let text = serde_json::to_string(&signal).unwrap();
            proptest::prop_assert_eq!(TradeSignal::from_json(&text).unwrap(), signal);
            proptest::prop_assert_eq!(serde_json::from_str::<TradeSignal>(&text).unwrap(), signal);
        }
    }
}
