//! What `serve` does: signals in, one a line, as they come; answers out, one a line; new versions let in meanwhile.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

use dollarbill_ml::{Config, Error, MlService, TradeSignal, Watcher};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::commands::{LOG_PATIENCE, say_losses};
use crate::out::cannot;

/// How often it looks for a new version.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A signal is one small object.
const LONGEST_LINE: u64 = 1 << 16;

pub(crate) fn serve(config: &Config) -> Result<(), Error> {
    let service = MlService::open_signals(config)?;
    let _watcher = Watcher::start(&service, LOOK_EVERY)?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|source| cannot("read", "stdin", source))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(&service, &line).unwrap_or_else(|error| json!({"error": error.to_string()}));
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        written.map_err(|source| cannot("write", "stdout", source))?;
    }
    say_losses(service.flush_log(LOG_PATIENCE), service.log_health().as_ref());
    Ok(())
}

/// The answer to a line: a signal, and `tag` where it has one.
fn answer(service: &MlService, line: &[u8]) -> Result<Value, Error> {
    let refuse = |reason: String| Error::Signal { place: "line".to_owned(), reason };
    let text = std::str::from_utf8(line).map_err(|_| refuse("is no UTF-8".to_owned()))?;
    let Unique(mut fields) = serde_json::from_str(text).map_err(|error| refuse(format!("not JSON: {error}")))?;
    let tag = match fields.remove("tag") {
        None => None,
        Some(Value::String(tag)) => Some(tag),
        Some(_) => return Err(refuse("field 'tag' must be a text".to_owned())),
    };
    let signal = TradeSignal::from_json(&Value::Object(fields).to_string())?;
    let answer = match &tag {
        Some(tag) => service.classify_tagged(&signal, tag)?,
        None => service.classify(&signal)?,
    };
    let mut answer = serde_json::to_value(answer).map_err(|error| cannot("write", "stdout", error.into()))?;
    if let (Some(tag), Some(answer)) = (tag, answer.as_object_mut()) {
        answer.insert("tag".to_owned(), tag.into());
    }
    Ok(answer)
}

/// An object that says nothing twice.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Unique;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with the fields of a signal")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("field '{name}' stands twice; keep one")));
                    }
                    fields.insert(name, value);
                }
                Ok(Unique(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
