//! The footer of a file, looked over before it is decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::catch_unwind;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::io::parquet::limits::damaged;
use crate::io::parquet::thrift::{Kind, Thrift};

/// Bytes; a thousand groups of a hundred columns have ten MiB.
const LONGEST: u64 = 16 << 20;
/// Columns and groups of columns of a schema.
const MOST_ELEMENTS: usize = 10_000;
/// Groups of columns inside of each other.
const DEEPEST: usize = 32;
const MAGIC: &[u8] = b"PAR1";

/// What the end of a file of `size` bytes says of it.
pub(super) fn read_footer(file: &mut File, size: u64) -> Result<ParquetMetaData, String> {
    let mut end = [0; 8];
    if size < 12 {
        return Err(damaged("it has no footer"));
    }
    read_at(file, size - 8, &mut end)?;
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if end[4..] != *MAGIC {
        return Err(damaged("it does not end as Parquet does"));
    }
    if length > LONGEST || length > size - 12 {
        return Err(damaged("its footer is longer than it can be"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    read_at(file, size - 8 - length, &mut bytes)?;
    if !sound_schema(&bytes).unwrap_or(false) {
        return Err(damaged("its schema"));
    }
    let read = || ParquetMetaDataReader::decode_metadata(&bytes);
    catch_unwind(read).map_err(|_| damaged("its footer"))?.map_err(damaged)
}

fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> Result<(), String> {
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes)).map_err(damaged)
}

/// Whether the schema is a tree of so many elements as there are: decoding recurses, and allocates as many as it says.
fn sound_schema(bytes: &[u8]) -> Option<bool> {
    let mut sound = None;
    Thrift::new(bytes).fields(&mut |reader, id, kind| {
        if (id, kind) != (2, Kind::List) {
            return Some(false);
        }
        let (kind, count) = reader.list()?;
        if kind != Kind::Struct || count > MOST_ELEMENTS {
            return None;
        }
        let mut open: Vec<i32> = Vec::new();
        for at in 0..count {
            let mut children = 0;
            reader.fields(&mut |reader, id, kind| {
                let wanted = (id, kind) == (5, Kind::Whole);
                if wanted {
                    children = reader.number()?;
                }
                Some(wanted)
            })?;
            // The tree is done when nothing is open, and that must be at the last element.
            if children < 0 || (at > 0 && open.is_empty()) {
                return None;
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > DEEPEST {
                return None;
            }
        }
        sound = Some(open.is_empty());
        Some(true)
    })?;
    sound
}
