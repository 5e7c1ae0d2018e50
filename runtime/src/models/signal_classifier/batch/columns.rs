//! Where the fields of a signal stand in a header, however it spells them; whatever else stands there passes through.

use crate::models::signal_classifier::given::raw_signal::missing;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_FIELDS};

/// What an answer adds to a row.
pub(crate) const ADDED: [&str; 5] = ["confidence", "recommendation", "source", "warnings", "trained_on"];

/// The place of each field; the error names the header at fault.
pub(crate) fn columns_of<'a>(header: impl Iterator<Item = &'a str>) -> Result<[usize; N_FIELDS], String> {
    let mut columns: [Option<(usize, &str)>; N_FIELDS] = [None; N_FIELDS];
    let mut others = Vec::new();
    for (place, name) in header.enumerate() {
        let plain = spelled(name);
        if let Some(index) = SIGNAL_FIELDS.iter().position(|field| spelled(field) == plain) {
            if let Some((_, before)) = columns[index].replace((place, name)) {
                return Err(if before == name {
                    format!("field '{name}' stands twice; keep one")
                } else {
                    format!("'{before}' and '{name}' are both the field '{}'; keep one", SIGNAL_FIELDS[index])
                });
            }
        } else {
            check_other(name)?;
            others.push(name);
        }
    }
    let mut found = [0; N_FIELDS];
    for (index, column) in columns.iter().enumerate() {
        let (place, _) = column.ok_or_else(|| missing(SIGNAL_FIELDS[index], &others))?;
        found[index] = place;
    }
    Ok(found)
}

/// A column that passes through must not be called like one that is added.
pub(crate) fn check_other(name: &str) -> Result<(), String> {
    let added = ADDED.contains(&name.trim());
    if added { Err(format!("'{}' is a column that this adds; leave it out or rename it", name.trim())) } else { Ok(()) }
}

/// A name without what differs from one program to the next: case, spaces, hyphens, underscores.
fn spelled(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Result<[usize; N_FIELDS], String> {
        columns_of(header.split(','))
    }

    #[test]
    fn fields_are_found_however_they_are_spelled_and_wherever_they_stand() {
        let plain = columns("edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry").unwrap();
        assert_eq!(plain, [0, 1, 2, 3, 4, 5, 6, 7]);
        let other =
            columns(",Ticker,Days-To-Expiry, Edge Percent ,DELTA,Gamma,vega,theta,Volume,openInterest").unwrap();
        assert_eq!(other, [3, 4, 5, 6, 7, 8, 9, 2]);
    }

    #[test]
    fn a_header_that_leaves_a_doubt_is_refused_by_name() {
        let rest = "gamma,vega,theta,volume,open_interest,days_to_expiry";
        for (header, expected) in [
            (format!("edge_percent,Edge-Percent,delta,{rest}"), "'edge_percent' and 'Edge-Percent' are both the field"),
            (format!("edge_percent,delta,delta,{rest}"), "field 'delta' stands twice"),
            (format!("edge_percent,detla,{rest}"), "field 'delta' is missing; is it 'detla'?"),
            (format!("edge_percent,{rest}"), "field 'delta' is missing"),
            (format!("edge_percent,delta,{rest},confidence"), "'confidence' is a column that this adds"),
        ] {
            assert!(columns(&header).unwrap_err().starts_with(expected), "{header}: {:?}", columns(&header));
        }
    }
}
