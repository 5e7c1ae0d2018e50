//! The time zone of each column, from the schema that Arrow's writers leave beside Parquet's own.
//!
//! It is a message of Arrow's IPC format, a `FlatBuffer` (`Schema.fbs`, `Message.fbs`); Parquet itself says no more than
//! that moments are of UTC. Where a text is written, its clock is that of the zone.

use base64ct::{Base64, Encoding};
use jiff::tz::{Offset, TimeZone};
use parquet::file::metadata::FileMetaData;

const KEY: &str = "ARROW:schema";
const MOST_FIELDS: usize = 10_000;
/// Number of the type among those of a field.
const TIMESTAMP: u8 = 10;

/// For each column that has one its name and its zone.
pub(super) fn zones(file: &FileMetaData) -> Vec<(String, String)> {
    let entry = file.key_value_metadata().and_then(|all| all.iter().find(|entry| entry.key == KEY));
    let text = entry.and_then(|entry| entry.value.as_deref());
    let bytes = text.and_then(|text| Base64::decode_vec(text).ok());
    bytes.and_then(|bytes| of_message(&bytes)).unwrap_or_default()
}

/// A zone by its name, or by its distance from UTC as +05:30; `None` where it is not known.
pub(super) fn zone_of(name: &str) -> Option<TimeZone> {
    let fixed = |name: &str| {
        let (sign, rest) = (if name.starts_with('-') { -1 } else { 1 }, name.strip_prefix(['+', '-'])?);
        let (hours, minutes) = rest.split_once(':').or_else(|| rest.split_at_checked(2))?;
        let part = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() == 2 && !text.starts_with('+'));
        Offset::from_seconds(sign * (part(hours)? * 3600 + part(minutes)? * 60)).ok().map(TimeZone::fixed)
    };
    fixed(name).or_else(|| TimeZone::get(name).ok())
}

fn of_message(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    // A mark that the length follows, and the length.
    let message = bytes.strip_prefix(&[0xff; 4]).unwrap_or(bytes).get(4..)?;
    let table = |at: usize| Table { bytes: message, at };
    let root = table(number(message, 0)?);
    let schema = table(root.reference(2)?);
    let fields = schema.reference(1)?;
    let count = number(message, fields)?;
    if count > MOST_FIELDS {
        return None;
    }
    let mut found = Vec::new();
    for at in 0..count {
        let place = fields + 4 + 4 * at;
        let field = table(place.checked_add(number(message, place)?)?);
        let kind = field.place(2).and_then(|at| message.get(at)).copied();
        if kind != Some(TIMESTAMP) {
            continue;
        }
        let zone = field.reference(3).and_then(|at| table(at).text(1));
        if let (Some(name), Some(zone)) = (field.text(0), zone) {
            found.push((name, zone));
        }
    }
    Some(found)
}

/// A table of a `FlatBuffer`: its fields are found by a list of places that it points to.
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Table<'_> {
    /// Where a field stands; `None`: it is not there.
    fn place(&self, field: usize) -> Option<usize> {
        let back = i32::from_le_bytes(self.bytes.get(self.at..)?.get(..4)?.try_into().ok()?);
        let list = self.at.checked_add_signed(isize::try_from(-i64::from(back)).ok()?)?;
        let half = |at: usize| {
            let two = self.bytes.get(at..)?.get(..2)?;
            Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
        };
        let entry = 4 + 2 * field;
        if entry >= half(list)? {
            return None;
        }
        let offset = half(list + entry)?;
        (offset > 0).then_some(self.at + offset)
    }

    /// What a field points to.
    fn reference(&self, field: usize) -> Option<usize> {
        let place = self.place(field)?;
        place.checked_add(number(self.bytes, place)?)
    }

    fn text(&self, field: usize) -> Option<String> {
        let at = self.reference(field)?;
        let text = self.bytes.get(at.checked_add(4)?..)?.get(..number(self.bytes, at)?)?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..)?.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}
