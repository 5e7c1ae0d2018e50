//! A JSON document -> a header and records of text cells; `documents.py` of `train/` alike.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::chain::columns::{Meaning, is_header, is_known, names_of, short};
use crate::chain::reading::{no_chain, refuse};
use crate::error::Error;
use crate::io::decoded::decoded;
use crate::io::files::{io_error, open_regular};
use crate::io::json;

/// Bytes of a JSON document, which is held in memory.
const MOST_JSON: u64 = 1 << 26;
/// Objects inside of objects that are looked into.
const DEEPEST: usize = 8;
const LISTS: [&[&str]; 6] =
    [&["data", "options"], &["options", "option"], &["options"], &["results"], &["result"], &["data"]];

/// Whether the name says JSON.
pub(super) fn is_json(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    ends(&name, &[".json", ".jsonl", ".ndjson"])
}

fn ends(name: &str, ends: &[&str]) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let name = name.strip_suffix(".zst").unwrap_or(name);
    ends.iter().any(|end| name.ends_with(end))
}

/// A JSON document a line.
fn is_lines(name: &str) -> bool {
    ends(name, &[".jsonl", ".ndjson"])
}

/// A document in memory.
pub(super) struct JsonDocument {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// What holds for every quote.
    pub(super) shared: BTreeMap<usize, String>,
    /// Whether its moments are in UTC.
    pub(super) utc: bool,
}

/// Reads a whole document.
pub(super) fn read_json(path: &Path) -> Result<JsonDocument, Error> {
    let file = BufReader::new(open_regular(path)?);
    let mut bytes = Vec::new();
    let input = decoded(file).map_err(io_error("read", path))?;
    input.take(MOST_JSON + 1).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.len() as u64 > MOST_JSON {
        return Err(refuse(path, format!("more than {MOST_JSON} bytes of JSON; split the file")));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let document = if is_lines(&name) {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        lines.map(json::parse).collect::<Result<Vec<_>, _>>().map(Value::Array)
    } else {
        json::parse(&bytes)
    };
    let mut document = document.map_err(|reason| refuse(path, reason))?;
    by_expiry(&mut document);
    drop(bytes);
    let (rows, parents) = find_rows(&document).ok_or_else(|| no_chain(path))?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for (key, value) in parents.iter().flat_map(|parent| parent.iter()) {
        if !value.is_object() && !value.is_array() {
            fields.retain(|(known, _)| known != key);
            fields.push((key.clone(), text_of(value)));
        }
    }
    let mut header: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut cells = Vec::with_capacity(rows.len());
    for (row, side) in rows {
        let mut flat = Vec::new();
        if let Some(side) = side {
            flat.push(("side".to_owned(), side.to_owned()));
        }
        flatten(row, "", &mut flat, 0);
        let mut line = vec![String::new(); header.len()];
        for (key, text) in flat {
            let at = *places.entry(key.clone()).or_insert_with(|| {
                header.push(key);
                header.len() - 1
            });
            line.resize(header.len().max(line.len()), String::new());
            line[at] = text;
        }
        cells.push(line);
    }
    for line in &mut cells {
        line.resize(header.len(), String::new());
    }
    let known = header.iter().map(String::as_str);
    let beside = fields.iter().map(|(key, _)| key.as_str()).filter(|key| is_known(&short(key)));
    if cells.is_empty() || !is_header(known.chain(beside).chain(["contractSymbol"])) {
        return Err(no_chain(path));
    }
    let mut shared = BTreeMap::new();
    for meaning in [Meaning::Spot, Meaning::Expiry, Meaning::Day, Meaning::Moment, Meaning::Underlying] {
        let value = names_of(meaning).find_map(|name| {
            fields.iter().find(|(key, text)| short(key) == name && !text.is_empty()).map(|(_, text)| text.clone())
        });
        if let Some(value) = value {
            shared.insert(meaning as usize, value);
        }
    }
    let utc = document.pointer("/data/options").is_some();
    Ok(JsonDocument { header, rows: cells, shared, utc })
}

/// Schwab's: a map of expiries, in it of strikes, of quotes whose `volatility` is the implied one; they become `options`.
fn by_expiry(document: &mut Value) {
    let Some(map) = document.as_object_mut().filter(|map| map.get("callExpDateMap").is_some_and(Value::is_object))
    else {
        return;
    };
    let mut found = Vec::new();
    for half in ["callExpDateMap", "putExpDateMap"] {
        let Some(Value::Object(strikes)) = map.remove(half) else { continue };
        for by_strike in
            strikes.into_iter().filter_map(|(_, of)| if let Value::Object(of) = of { Some(of) } else { None })
        {
            for (_, quotes) in by_strike {
                let Value::Array(quotes) = quotes else { continue };
                for mut quote in quotes {
                    let Some(fields) = quote.as_object_mut() else { continue };
                    let volatility = fields.get("volatility").cloned().unwrap_or(Value::Null);
                    fields.insert("impliedVolatility".to_owned(), volatility);
                    found.push(quote);
                }
            }
        }
    }
    map.insert("options".to_owned(), Value::Array(found));
}

type Found<'a> = (Vec<(&'a Map<String, Value>, Option<&'static str>)>, Vec<&'a Map<String, Value>>);

/// The quotes of a document, and the objects around them.
fn find_rows(document: &Value) -> Option<Found<'_>> {
    let objects = |list: &'_ [Value]| -> Vec<usize> { (0..list.len()).filter(|at| list[*at].is_object()).collect() };
    let of = |list: &'_ Vec<Value>| -> usize { objects(list).len() };
    if let Some(list) = document.as_array() {
        return Some((list.iter().filter_map(Value::as_object).map(|row| (row, None)).collect(), Vec::new()));
    }
    for way in LISTS {
        let (mut node, mut parents) = (document, Vec::new());
        for key in way {
            let Some(map) = node.as_object() else { break };
            let Some(next) = map.get(*key) else { break };
            parents.push(map);
            node = next;
        }
        if parents.len() != way.len() {
            continue;
        }
        if let Some(list) = node.as_array().filter(|list| of(list) > 0) {
            return Some((list.iter().filter_map(Value::as_object).map(|row| (row, None)).collect(), parents));
        }
    }
    let map = document.as_object()?;
    let half = |name: &str| map.get(name).and_then(Value::as_array);
    half("calls")?;
    let mut rows = Vec::new();
    for (name, side) in [("calls", "c"), ("puts", "p")] {
        let list = half(name).into_iter().flatten();
        rows.extend(list.filter_map(Value::as_object).map(|row| (row, Some(side))));
    }
    Some((rows, vec![map]))
}

fn flatten(row: &Map<String, Value>, prefix: &str, out: &mut Vec<(String, String)>, depth: usize) {
    for (key, value) in row {
        match value {
            Value::Object(inner) if depth < DEEPEST => flatten(inner, &format!("{prefix}{key}."), out, depth + 1),
            Value::Object(_) | Value::Array(_) => {}
            other => out.push((format!("{prefix}{key}"), text_of(other))),
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
