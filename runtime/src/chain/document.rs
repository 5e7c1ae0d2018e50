//! A chain file -> a header, records of text cells, and the fields that hold for all quotes; `documents.py` of `train/`
//! alike.
//!
//! Tables, JSON documents (Cboe, Deribit, Tradier, Polygon, the engine's), and tables with calls and puts side by side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::chain::columns::{Meaning, is_header, is_known, short};
use crate::chain::json_document::{is_json, read_json};
use crate::chain::reading::{NOT_A_CHAIN, no_chain, refuse};
use crate::error::Error;
use crate::surface::table::Table;

/// Lines above the header at most.
const PREAMBLE: usize = 5;
const THINKORSWIM: &str = "Stock quote and option quote for";
const MANY_TABLES: &str = "thinkorswim's export is a table for each expiry, with the expiry above it; make it one table \
                           with the columns expiry, strike, type, bid and ask";

/// What is done with a line and its cells.
type Take<'a> = dyn FnMut(u64, &[&str]) -> Result<(), Error> + 'a;

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
            let found = read_json(path)?;
            return Ok(Self {
                path: path.to_path_buf(),
                header: found.header,
                shared: found.shared,
                utc: found.utc,
                by_comma: true,
                rows: Rows::Json(found.rows),
            });
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
        if lines.iter().any(|line| line.starts_with(THINKORSWIM)) {
            return Err(refuse(path, format!("{NOT_A_CHAIN}: {MANY_TABLES}")));
        }
        Err(no_chain(path))
    }

    /// Gives every row with its line; the first error ends it.
    pub(super) fn each(&self, take: &mut Take<'_>) -> Result<(), Error> {
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
