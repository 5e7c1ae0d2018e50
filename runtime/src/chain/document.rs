//! A chain file -> a header, records of text cells, and the fields that hold for all quotes; `documents.py` of `train/`
//! alike.
//!
//! Tables, JSON documents (Cboe, Deribit, Tradier, Polygon, the engine's), and tables with calls and puts side by side.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde_json::{Map, Value};

use crate::chain::columns::{Meaning, is_known, names_of, short};
use crate::error::Error;
use crate::io::decoded::decoded;
use crate::io::files::{io_error, open_regular};
use crate::io::json;
use crate::surface::table::Table;

/// How the refusal of another kind of file begins.
pub(crate) const NOT_A_CHAIN: &str = "not an option chain";
/// Bytes of a JSON document, which is held in memory.
const MOST_JSON: u64 = 1 << 26;
/// Lines above the header at most.
const PREAMBLE: usize = 5;
/// Objects inside of objects that are looked into.
const DEEPEST: usize = 8;
const LISTS: [&[&str]; 6] =
    [&["data", "options"], &["options", "option"], &["options"], &["results"], &["result"], &["data"]];

/// A document whose beginning was looked at.
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) header: Vec<String>,
    /// What holds for every quote.
    pub(super) shared: BTreeMap<usize, String>,
    pub(super) utc: bool,
    pub(super) by_comma: bool,
    rows: Rows,
}

enum Rows {
    Table { table: Table, above: usize, width: usize, halves: Option<Halves> },
    Json(Vec<Vec<String>>),
}

/// Calls and puts side by side.
struct Halves {
    common: Vec<usize>,
    calls: Vec<Option<usize>>,
    puts: Vec<Option<usize>>,
}

impl Document {
    /// Looks at the beginning of a file.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if is_json(path) {
            return open_json(path);
        }
        let table = Table::open(path)?;
        let mut lines = Vec::new();
        let mut record = StringRecord::new();
        let mut records = table.records()?;
        for above in 0..=PREAMBLE {
            if records.next(&mut record)?.is_none() {
                break;
            }
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            if is_header(cells.iter().map(String::as_str)) {
                drop(records);
                return Ok(of_table(path, table, cells, above, &lines.join("\n")));
            }
            lines.push(cells.join(", "));
        }
        Err(no_chain(path))
    }

    /// Gives every row with its line; the first error ends it.
    pub(super) fn each(&self, take: &mut dyn FnMut(u64, &[&str]) -> Result<(), Error>) -> Result<(), Error> {
        let (table, above, width, halves) = match &self.rows {
            Rows::Json(rows) => {
                for (at, row) in rows.iter().enumerate() {
                    take(at as u64 + 1, &row.iter().map(String::as_str).collect::<Vec<_>>())?;
                }
                return Ok(());
            }
            Rows::Table { table, above, width, halves } => (table, *above, *width, halves),
        };
        let mut record = StringRecord::new();
        let mut records = table.records()?;
        for _ in 0..=above {
            records.next(&mut record)?;
        }
        while let Some(line) = records.next(&mut record)? {
            let mut cells: Vec<&str> = record.iter().collect();
            if cells.len() == width + 1 && cells.last().is_some_and(|last| last.is_empty()) {
                cells.pop();
            }
            if cells.len() != width {
                let found = cells.len();
                return Err(refuse(
                    &self.path,
                    format!("row {line}: has {found} fields, the header has {width}; is the file cut short?"),
                ));
            }
            let Some(halves) = halves else {
                take(line, &cells)?;
                continue;
            };
            for (places, side) in [(&halves.calls, "C"), (&halves.puts, "P")] {
                let mut half: Vec<&str> = halves.common.iter().map(|at| cells[*at]).collect();
                half.extend(places.iter().map(|at| at.map_or("", |at| cells[at])));
                half.push(side);
                take(line, &half)?;
            }
        }
        Ok(())
    }

    /// The first row; `None` where there is none.
    pub(super) fn first(&self) -> Result<Option<Vec<String>>, Error> {
        let mut first = None;
        let stop = || refuse(&self.path, String::new());
        let ended = self.each(&mut |_, cells| {
            first = Some(cells.iter().map(|cell| (*cell).to_owned()).collect());
            Err(stop())
        });
        if first.is_some() { Ok(first) } else { ended.map(|()| None) }
    }
}

/// Whether the name says JSON.
pub(super) fn is_json(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    [".json", ".json.gz"].iter().any(|end| name.ends_with(end))
}

pub(super) fn refuse(path: &Path, reason: String) -> Error {
    Error::Surface { path: path.to_path_buf(), reason }
}

fn no_chain(path: &Path) -> Error {
    refuse(
        path,
        format!(
            "{NOT_A_CHAIN}: expected quotes with a strike, a side, an expiry as a date (or a contract's symbol) and a bid \
             and ask, a price or an implied volatility"
        ),
    )
}

fn is_header<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let plain = |name: String| match name.strip_prefix(['c', 'p']) {
        Some(rest) if ["bid", "ask", "iv", "last"].contains(&rest) => rest.to_owned(),
        _ => name,
    };
    let names: Vec<String> = cells.map(|cell| plain(short(cell))).collect();
    let has = |meaning: Meaning| names_of(meaning).any(|name| names.iter().any(|one| one == name));
    let priced = [Meaning::Bid, Meaning::Mark, Meaning::Last, Meaning::Iv].into_iter().any(has);
    priced && ((has(Meaning::Strike) && has(Meaning::Expiry)) || has(Meaning::Contract))
}

fn of_table(path: &Path, table: Table, header: Vec<String>, above: usize, text: &str) -> Document {
    let mut shared = BTreeMap::new();
    if let Some((_, rest)) = text.split_once("Last:") {
        let rest = rest.trim_start().trim_start_matches('$');
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(rest.len());
        let price = rest[..end].trim_end_matches(['.', ',']).replace(',', "");
        if !price.is_empty() {
            shared.insert(Meaning::Spot as usize, price);
        }
    }
    if let Some(day) = day_in_words(text) {
        shared.insert(Meaning::Day as usize, day);
    }
    let names: Vec<String> = header.iter().map(|name| short(name)).collect();
    let (width, by_comma) = (header.len(), table.by_comma());
    let (header, halves) = match side_by_side(&names) {
        None => (header, None),
        Some((halves, wanted)) => {
            let mut both: Vec<String> = halves.common.iter().map(|at| header[*at].clone()).collect();
            both.extend(wanted);
            both.push("side".to_owned());
            (both, Some(halves))
        }
    };
    let rows = Rows::Table { table, above, width, halves };
    Document { path: path.to_path_buf(), header, shared, utc: false, by_comma, rows }
}

/// "January 5, 2024" anywhere in a preamble.
fn day_in_words(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(3).find_map(|three| {
        let [month, day, year] = three else { return None };
        let (day, year) = (day.trim_end_matches(','), year.trim_end_matches([',', '"']));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = month.len() >= 3 && month.bytes().all(|byte| byte.is_ascii_alphabetic());
        (fits && digits(day) && day.len() <= 2 && digits(year) && year.len() == 4)
            .then(|| format!("{month} {day} {year}"))
    })
}

/// Where calls and puts stand, and the names of what each has.
fn side_by_side(names: &[String]) -> Option<(Halves, Vec<String>)> {
    let at = |name: &str| names.iter().position(|one| one == name);
    if let (Some(calls), Some(strike), Some(puts)) = (at("calls"), at("strike"), at("puts"))
        && calls < strike
        && strike < puts
    {
        let mut wanted = vec!["contractsymbol".to_owned()];
        wanted.extend_from_slice(&names[calls + 1..strike]);
        let half = |from: usize, end: usize| (0..strike - calls).map(move |at| Some(from + at).filter(|at| *at < end));
        let common = (0..calls).chain([strike]).collect();
        let halves = Halves { common, calls: half(calls, strike).collect(), puts: half(puts, names.len()).collect() };
        return Some((halves, wanted));
    }
    let paired = |name: &String| {
        let rest = name.strip_prefix('c').filter(|rest| is_known(rest))?;
        at(&format!("p{rest}")).map(|_| rest.to_owned())
    };
    let mut wanted: Vec<String> = names.iter().filter_map(paired).collect();
    wanted.sort();
    wanted.dedup();
    if !wanted.iter().any(|name| name == "bid" || name == "iv") {
        return None;
    }
    let belongs = |name: &str| name.strip_prefix(['c', 'p']).is_some_and(|rest| wanted.iter().any(|one| one == rest));
    let common = (0..names.len()).filter(|at| !belongs(&names[*at])).collect();
    let half = |side: char| wanted.iter().map(|name| at(&format!("{side}{name}"))).collect();
    Some((Halves { common, calls: half('c'), puts: half('p') }, wanted))
}

fn open_json(path: &Path) -> Result<Document, Error> {
    let file = BufReader::new(open_regular(path)?);
    let mut bytes = Vec::new();
    let input = decoded(file).map_err(io_error("read", path))?;
    input.take(MOST_JSON + 1).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.len() as u64 > MOST_JSON {
        return Err(refuse(path, format!("more than {MOST_JSON} bytes of JSON; split the file")));
    }
    let document = json::parse(&bytes).map_err(|reason| refuse(path, reason))?;
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
    Ok(Document { path: path.to_path_buf(), header, shared, utc, by_comma: true, rows: Rows::Json(cells) })
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
