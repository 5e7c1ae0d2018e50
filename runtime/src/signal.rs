//! Trade signals: eight numbers in the units of the engine, read strictly and held to the limits of the contract.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::manifest::{Column, Manifest, Version};
use crate::text::nearest;

/// How many fields a signal has.
pub const N_FIELDS: usize = 8;

/// The names of the fields, in the order in which a model takes them.
pub const SIGNAL_FIELDS: [&str; N_FIELDS] =
    ["edge_percent", "delta", "gamma", "vega", "theta", "volume", "open_interest", "days_to_expiry"];

/// Columns that a file of signals may carry besides, which pass through untouched.
pub const PASSED_THROUGH: [&str; 4] = ["timestamp", "symbol", "pnl", "is_profitable"];

/// One trade signal, in the units of the engine's own Black-Scholes-Merton code.
///
/// # Examples
/// ```
/// use dollarbill_ml::TradeSignal;
/// let signal = TradeSignal::from_json(
///     r#"{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5,
///         "volume": 1200, "open_interest": 8500, "days_to_expiry": 45}"#,
/// )?;
/// assert_eq!(signal.volume, 1200);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TradeSignal {
    /// (model price - market mid) / market mid x 100. Positive: buy. Negative: sell.
    pub edge_percent: f64,
    /// Signed, -1 to 1, per $1 of spot.
    pub delta: f64,
    /// Per $1 of spot.
    pub gamma: f64,
    /// $ per 1.00 of volatility (100 points).
    pub vega: f64,
    /// $ per year.
    pub theta: f64,
    /// Contracts traded today.
    pub volume: u64,
    /// Contracts open at the start of the day.
    pub open_interest: u64,
    /// Calendar days; 0 on the day of expiry.
    pub days_to_expiry: u32,
}

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
        raw.signal(&[], &Limits::contract()).map_err(refuse)
    }

    /// The fields as a model takes them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "whole numbers up to the contract's limit of 1e12 are exact")]
    pub fn features(&self) -> [f64; N_FIELDS] {
        [
            self.edge_percent,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.volume as f64,
            self.open_interest as f64,
            f64::from(self.days_to_expiry),
        ]
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and within limits"
    )]
    fn from_features(values: [f64; N_FIELDS]) -> Self {
        let [edge_percent, delta, gamma, vega, theta, volume, open_interest, days_to_expiry] = values;
        Self {
            edge_percent,
            delta,
            gamma,
            vega,
            theta,
            volume: volume as u64,
            open_interest: open_interest as u64,
            days_to_expiry: days_to_expiry as u32,
        }
    }
}

/// The inclusive limits of one field, and the range that training saw of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    minimum: f64,
    maximum: f64,
    trained: Option<(f64, f64)>,
}

/// The limits of all fields: the manifest's once a model is loaded, the contract's before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits([Limit; N_FIELDS]);

/// Unit, minimum, maximum, whole: what `train/contract.py` says, for the time when no manifest is loaded.
const CONTRACT: [(&str, f64, f64, bool); N_FIELDS] = [
    ("percent", -100.0, 1e6, false),
    ("per $1 of spot", -1.0, 1.0, false),
    ("per $1 of spot", 0.0, 1e4, false),
    ("$ per 1.00 of volatility", 0.0, 1e7, false),
    ("$ per year", -1e8, 1e8, false),
    ("contracts", 0.0, 1e12, true),
    ("contracts", 0.0, 1e12, true),
    ("calendar days", 0.0, 3650.0, true),
];

impl Limits {
    pub(crate) fn contract() -> Self {
        Self(CONTRACT.map(|(_, minimum, maximum, _)| Limit { minimum, maximum, trained: None }))
    }

    pub(crate) fn of(columns: &[Column]) -> Self {
        let mut limits = Self::contract();
        for (limit, column) in limits.0.iter_mut().zip(columns) {
            let trained = column.trained_minimum.zip(column.trained_maximum);
            *limit = Limit { minimum: column.minimum, maximum: column.maximum, trained };
        }
        limits
    }

    /// The features of a signal if all are finite and within the limits.
    pub(crate) fn check(&self, signal: &TradeSignal) -> Result<[f64; N_FIELDS], Error> {
        let values = signal.features();
        for (index, &value) in values.iter().enumerate() {
            self.check_value(index, value).map_err(|reason| Error::Signal { place: "signal".to_owned(), reason })?;
        }
        Ok(values)
    }

    fn check_value(&self, index: usize, value: f64) -> Result<(), String> {
        let (Limit { minimum, maximum, .. }, (unit, _, _, whole)) = (self.0[index], CONTRACT[index]);
        // NaN and the infinities fail the first test too.
        if (minimum..=maximum).contains(&value) && (!whole || value.fract() == 0.0) {
            return Ok(());
        }
        let name = SIGNAL_FIELDS[index];
        Err(if !value.is_finite() {
            format!("field '{name}' must be finite, found {value}")
        } else if !(minimum..=maximum).contains(&value) {
            format!("field '{name}' must lie in {minimum}..{maximum} {unit}, found {value}")
        } else {
            format!("field '{name}' must be a whole number, found {value}")
        })
    }

    /// Which features lie outside the range seen in training, one bit each.
    pub(crate) fn outside(&self, values: &[f64; N_FIELDS]) -> u16 {
        let mut bits = 0;
        for (index, (limit, value)) in self.0.iter().zip(values).enumerate() {
            if limit.trained.is_some_and(|(low, high)| *value < low || *value > high) {
                bits |= 1 << index;
            }
        }
        bits
    }
}

/// Holds the manifest's columns against the signal that this library was written for.
pub(crate) fn check_contract(manifest: &Manifest) -> Result<(), String> {
    let input = &manifest.inputs[0];
    if input.name != "features" || input.row_shape() != [N_FIELDS] {
        return Err(format!("field 'inputs[0]': must be 'features', batch x {N_FIELDS}; use the runtime that fits"));
    }
    if input.columns.len() != N_FIELDS {
        return Err(format!("field 'inputs[0].columns': must list {N_FIELDS}, found {}", input.columns.len()));
    }
    for (index, column) in input.columns.iter().enumerate() {
        let (unit, minimum, maximum, whole) = CONTRACT[index];
        let expected = (SIGNAL_FIELDS[index], unit, whole);
        if (column.name.as_str(), column.unit.as_str(), column.integer) != expected {
            return Err(format!(
                "field 'inputs[0].columns[{index}]': is {:?} in {:?}, this runtime serves {:?} in {unit:?}",
                column.name, column.unit, SIGNAL_FIELDS[index]
            ));
        }
        // A narrower range is fine; a wider one would not fit the types of `TradeSignal`.
        if column.minimum < minimum || column.maximum > maximum {
            return Err(format!("field 'inputs[0].columns[{index}]': limits wider than {minimum}..{maximum}"));
        }
    }
    let [output] = manifest.outputs.as_slice() else {
        return Err("field 'outputs': must list one tensor, 'confidence'".to_owned());
    };
    if output.name != "confidence" || !output.row_shape().is_empty() {
        return Err("field 'outputs[0]': must be 'confidence', batch".to_owned());
    }
    if manifest.settings.as_object().is_none_or(|settings| !settings.is_empty()) {
        return Err("field 'settings': must be {} for this model".to_owned());
    }
    Ok(())
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
        if text.trim().is_empty() {
            return Err("is empty, must be a JSON object with the fields of a signal".to_owned());
        }
        serde_json::from_str(text).map_err(|error| match field_before(text, &error) {
            Some(name) => format!("field '{name}' is not a JSON number (NaN and Infinity are not accepted): {error}"),
            None => format!("not a JSON object: {error}"),
        })
    }

    /// The signal, if all fields are there and right; `allowed` are other fields that may be there.
    pub(crate) fn signal(&self, allowed: &[&str], limits: &Limits) -> Result<TradeSignal, String> {
        if let Some(name) = &self.twice {
            return Err(format!("field '{name}' stands twice; keep one"));
        }
        if let Some(name) = self.others.iter().find(|name| !allowed.contains(&name.as_str())) {
            return Err(unknown_field(name));
        }
        let mut features = [0.0; N_FIELDS];
        for (index, feature) in features.iter_mut().enumerate() {
            let name = SIGNAL_FIELDS[index];
            *feature = match &self.values[index] {
                Some(Found::Number(number)) => *number,
                Some(Found::Other(found)) => return Err(format!("field '{name}' must be a number, found {found}")),
                None => return Err(format!("field '{name}' is missing ({})", CONTRACT[index].0)),
            };
            limits.check_value(index, *feature)?;
        }
        Ok(TradeSignal::from_features(features))
    }
}

/// Reads the text fields of a CSV row as a signal; `columns[i]` is the place of field i.
pub(crate) fn from_text_fields(
    fields: &csv::StringRecord,
    columns: &[usize; N_FIELDS],
    limits: &Limits,
) -> Result<TradeSignal, String> {
    let mut features = [0.0; N_FIELDS];
    for (index, feature) in features.iter_mut().enumerate() {
        let (name, text) = (SIGNAL_FIELDS[index], fields.get(columns[index]).unwrap_or("").trim());
        if text.is_empty() {
            return Err(format!("field '{name}' is missing ({})", CONTRACT[index].0));
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

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The compiled model.
    Model,
    /// The traditional rule or the persistence forecast, because the model could not answer.
    Fallback,
}

impl Source {
    /// The word that files and messages use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Fallback => "fallback",
        }
    }
}

/// What to do with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Recommendation {
    /// The confidence is above the configured threshold.
    Trade,
    /// It is not.
    Avoid,
}

impl Recommendation {
    /// The word that files and messages use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Avoid => "AVOID",
        }
    }
}

/// Something a trader should know about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The field lies outside the range that the model saw in training.
    OutsideTraining(&'static str),
    /// Each field lies within its range, but together they are unlike 99.9 % of the signals seen in training.
    UnlikeTraining,
    /// The model's confidence and the traditional rule's score are more than 0.4 apart.
    RuleDisagrees,
    /// The answer is the fallback's: the model is switched off in the config.
    ModelDisabled,
    /// The answer is the fallback's: the model was refused when it was loaded.
    ModelRefused,
    /// The answer is the fallback's: onnxruntime failed on this signal.
    ModelFailed,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideTraining(field) => write!(formatter, "{field} lies outside the range seen in training"),
            Self::UnlikeTraining => formatter.write_str("the fields together are unlike the signals seen in training"),
            Self::RuleDisagrees => formatter.write_str("the traditional rule disagrees strongly"),
            Self::ModelDisabled => formatter.write_str("fallback: the model is switched off"),
            Self::ModelRefused => formatter.write_str("fallback: the model was refused"),
            Self::ModelFailed => formatter.write_str("fallback: the model failed"),
        }
    }
}

const FLAGS: [Warning; 5] = [
    Warning::UnlikeTraining,
    Warning::RuleDisagrees,
    Warning::ModelDisabled,
    Warning::ModelRefused,
    Warning::ModelFailed,
];

/// The warnings of one answer: a set that costs no allocation.
///
/// # Examples
/// ```
/// use dollarbill_ml::Warnings;
/// assert!(Warnings::default().is_empty());
/// assert_eq!(Warnings::default().iter().count(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warnings(u16);

impl Warnings {
    pub(crate) fn outside(bits: u16) -> Self {
        Self(bits)
    }

    pub(crate) fn with(self, warning: Warning) -> Self {
        let flag = FLAGS.iter().position(|flag| *flag == warning);
        Self(self.0 | flag.map_or(0, |index| 1 << (N_FIELDS + index)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The warnings one by one.
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        let fields = SIGNAL_FIELDS.into_iter().map(Warning::OutsideTraining);
        fields.chain(FLAGS).enumerate().filter(move |(index, _)| self.0 & (1 << index) != 0).map(|(_, warning)| warning)
    }
}

impl Serialize for Warnings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|warning| warning.to_string()))
    }
}

/// The answer to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Classification {
    /// P(profit) of the trade, 0 to 1.
    pub confidence: f64,
    /// TRADE when the confidence is above the configured threshold.
    pub recommendation: Recommendation,
    /// Whether the confidence is above 0.8.
    pub high_confidence: bool,
    /// Who gave the answer.
    pub source: Source,
    /// The version of the model; `None` when the fallback answered.
    pub model_version: Option<Version>,
    /// The traditional rule's score, 0 to 1.
    pub rule_score: f64,
    /// What a trader should know.
    pub warnings: Warnings,
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
        }
    }
}
