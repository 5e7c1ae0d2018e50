//! The quotes of a document, whatever the vendor; `quotes.py` of `train/` alike.

use std::path::Path;

use crate::chain::columns::{MEANINGS, Meaning, Places, find_columns, parse_contract, short};
use crate::chain::document::Document;
use crate::chain::moments::{Days, NEW_YORK_HOURS};
use crate::chain::quote_rows::{NUMBERS, Quotes, Reading, TIMES};
use crate::chain::reading::refuse;
use crate::error::Error;
use crate::io::cells::{Spelling, decimal_commas};

/// All quotes of a file.
pub(super) fn read_quotes(path: &Path, model_iv: Option<&str>) -> Result<Quotes, Error> {
    let document = Document::open(path)?;
    let first = document.first()?.ok_or_else(|| refuse(path, "it has a header and no rows".to_owned()))?;
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let mut places = find_columns(&document.header, &first);
    check_twice(&document, &places)?;
    check_places(&document, &places)?;
    if let Some(name) = model_iv {
        let at = document.header.iter().position(|one| short(one) == short(name));
        let names: String = document.header.join(", ").chars().take(160).collect();
        let at = at.ok_or_else(|| refuse(path, format!("has no column {name}; it has {names}")))?;
        places[Meaning::Model as usize] = Some(at);
    }
    let contract = places[Meaning::Contract as usize].and_then(|at| parse_contract(first[at]));
    let coin = contract.is_some_and(|contract| contract.coin);
    let (days, commas) = settle(&document, &places, coin)?;
    let mut reading = Reading::new(&document, &places, days, commas, coin)?;
    document.each(&mut |line, cells| reading.row(line, cells))?;
    reading.check_units()?;
    Ok(reading.finish())
}

/// Refuses a column that is read and whose name stands twice: nobody knows which of the two is meant.
pub(super) fn check_twice(document: &Document, places: &Places) -> Result<(), Error> {
    let names: Vec<String> = document.header.iter().map(|name| short(name)).collect();
    let mut read: Vec<usize> = places.iter().copied().flatten().collect();
    read.sort_unstable();
    let twice = read.into_iter().find(|at| names.iter().filter(|name| **name == names[*at]).count() > 1);
    twice.map_or(Ok(()), |at| {
        Err(refuse(&document.path, format!("column '{}' stands twice; keep one", document.header[at])))
    })
}

fn check_places(document: &Document, places: &Places) -> Result<(), Error> {
    let has = |meaning: Meaning| places[meaning as usize].is_some();
    let contract = has(Meaning::Contract);
    let missing = if !has(Meaning::Strike) && !contract {
        "strike"
    } else if !has(Meaning::Side) && !contract {
        "side"
    } else if !has(Meaning::Expiry) && !contract && !document.shared.contains_key(&(Meaning::Expiry as usize)) {
        "expiry"
    } else if ![Meaning::Bid, Meaning::Mark, Meaning::Last, Meaning::Iv].into_iter().any(has) {
        "price"
    } else {
        return Ok(());
    };
    let names: String = document.header.join(", ").chars().take(160).collect();
    Err(refuse(
        &document.path,
        format!(
            "not an option chain: no column for the {missing} (an expiry is a date, not a number of years); found {names}"
        ),
    ))
}

type Settled = ([Days; 4], [bool; MEANINGS]);

/// Looks through the whole file for what only the whole of it tells.
fn settle(document: &Document, places: &Places, coin: bool) -> Result<Settled, Error> {
    let hours = if coin { 0 } else { NEW_YORK_HOURS };
    let mut days = TIMES
        .map(|meaning| if meaning == Meaning::Expiry { Days::new(0, false) } else { Days::new(hours, document.utc) });
    let name = |meaning: Meaning| places[meaning as usize].map_or("a field", |at| document.header[at].as_str());
    let mut spellings = [Spelling::default(); NUMBERS.len()];
    document.each(&mut |line, cells| {
        for (column, meaning) in days.iter_mut().zip(TIMES) {
            if let Some(at) = places[meaning as usize] {
                column.see(cells[at]).map_err(|reason| {
                    refuse(&document.path, format!("row {line}: column {}: {reason}", name(meaning)))
                })?;
            }
        }
        if !document.by_comma {
            for (spelling, meaning) in spellings.iter_mut().zip(NUMBERS) {
                if let Some(cell) =
                    places[meaning as usize].map(|at| cells[at]).filter(|cell| cell.contains([',', '.']))
                {
                    spelling.see(cell);
                }
            }
        }
        Ok(())
    })?;
    for (column, meaning) in days.iter_mut().zip(TIMES) {
        let wrong = |reason: String| refuse(&document.path, format!("column {}: {reason}", name(meaning)));
        if let (None, Some(text)) = (places[meaning as usize], document.shared.get(&(meaning as usize))) {
            column.see(text).map_err(wrong)?;
        }
        column.settle().map_err(wrong)?;
    }
    let mut commas = [false; MEANINGS];
    for (meaning, comma) in NUMBERS.into_iter().zip(decimal_commas(&spellings)) {
        commas[meaning as usize] = comma.ok_or_else(|| {
            refuse(
                &document.path,
                format!(
                    "column {}: a comma can be read as a decimal mark and as one between thousands; write decimal points \
                     and no other mark",
                    name(meaning)
                ),
            )
        })?;
    }
    Ok((days, commas))
}
