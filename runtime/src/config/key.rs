//! What a key of the config may hold, and how a wrong value is refused.

use std::path::Path;

use serde_json::Value;

use crate::artifact::version::Version;
use crate::surface::calendar::Calendar;

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Section,
    Switch,
    Text,
    /// A text that is not empty.
    Path,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// The name of a calendar.
    Calendar,
    Texts,
    /// A list of just these texts, in order.
    Features(&'static [&'static str]),
    /// The place of a compiled model.
    Model,
    /// The version of a model.
    Version,
    /// A whole number within inclusive limits.
    Whole(u64, u64),
    /// One of three whole numbers.
    OneOf([u64; 3]),
    /// Any number within inclusive limits.
    Number(f64, f64),
    /// Any number strictly within limits.
    Within(f64, f64),
}

/// A key, or one of a model's own below `models.<model>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// Whether `null` is accepted and means the same as leaving the key out.
    pub(crate) nullable: bool,
}

pub(crate) const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, nullable: false }
}

pub(crate) const fn optional(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, nullable: true }
}

pub(crate) const ANY: u64 = u64::MAX;

/// The reason why a value is refused; `path` is the whole path of its key.
pub(crate) fn check_value(path: &str, key: Key, value: &Value) -> Result<(), String> {
    let texts = || value.as_array().map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let expected = match key.kind {
        Kind::Section => (!value.is_object()).then(|| "an object".to_owned()),
        Kind::Switch => (!value.is_boolean()).then(|| "true or false".to_owned()),
        Kind::Text => (!value.is_string()).then(|| "a text".to_owned()),
        Kind::Path => value.as_str().is_none_or(str::is_empty).then(|| "a path".to_owned()),
        Kind::Texts => (!matches!(texts(), Some(Some(_)))).then(|| "a list of texts".to_owned()),
        Kind::Features(names) => (texts().flatten().as_deref() != Some(names))
            .then(|| format!("the contract's features in order: {}", names.join(", "))),
        Kind::Word(words) => {
            (!value.as_str().is_some_and(|word| words.contains(&word))).then(|| format!("one of {}", words.join(", ")))
        }
        Kind::Calendar => match value.as_str().map(Calendar::of_name) {
            Some(Ok(_)) => None,
            Some(Err(reason)) => return Err(reason),
            None => Some("a text".to_owned()),
        },
        Kind::Version => {
            let fits = value.as_str().is_some_and(|version| version.parse::<Version>().is_ok());
            (!fits).then(|| "a version, 12 lower-case hex digits".to_owned())
        }
        Kind::Model => return check_model_path(path, value),
        Kind::Whole(low, high) => (!value.as_u64().is_some_and(|number| (low..=high).contains(&number))).then(|| {
            if high == ANY {
                format!("a whole number of {low} or more")
            } else {
                format!("a whole number {low}..{high}")
            }
        }),
        Kind::OneOf(numbers) => {
            (!value.as_u64().is_some_and(|number| numbers.contains(&number))).then(|| format!("one of {numbers:?}"))
        }
        Kind::Number(low, high) => (!value.as_f64().is_some_and(|number| (low..=high).contains(&number)))
            .then(|| if low == f64::MIN { "a number".to_owned() } else { format!("a number {low}..{high}") }),
        Kind::Within(low, high) => (!value.as_f64().is_some_and(|number| number > low && number < high))
            .then(|| format!("a number above {low} and below {high}")),
    };
    match expected {
        None => Ok(()),
        Some(expected) => Err(format!("must be {expected}, found {}", shortened(value))),
    }
}

fn check_model_path(path: &str, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Err(format!("must be a text, found {}", shortened(value)));
    };
    if text.is_empty() {
        return Err("must name the folder artifacts/<model>".to_owned());
    }
    let ending = Path::new(text).extension();
    if ["pkl", "h5"].iter().any(|old| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(old))) {
        let model = path.split('.').nth(1).unwrap_or("<model>");
        return Err(format!(
            "{text:?} is not a compiled model; run `python -m train {model} && python -m export {model} && \
             python -m verify {model}`, then set it to \"artifacts/{model}\""
        ));
    }
    Ok(())
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("...".chars()).collect() }
}
