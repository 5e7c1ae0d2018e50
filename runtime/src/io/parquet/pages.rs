//! The pages of one column of one group of rows, unpacked one at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Crc;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use crate::io::parquet::thrift::{Kind, Thrift};
use crate::io::parquet::unpack::unpack;

/// Bytes of a page, packed or not; writers make pages of 1 MiB.
const LARGEST_PAGE: usize = 64 << 20;
/// Bytes of a dictionary, which is in memory as a list of its values; writers end one at 1 MiB.
const LARGEST_DICTIONARY: usize = 16 << 20;
/// Bytes of a page whose texts are written as ends to the text before: each can be as long as the page.
const LARGEST_OF_ENDS: usize = 4 << 20;
/// Bytes of a header: it may hold the least and the greatest text of the page.
const LONGEST_HEADER: usize = 1 << 20;
const FIRST_LOOK: usize = 256;

/// A file that all columns read from, each at its own place.
pub(super) type Shared = Arc<Mutex<File>>;

/// What a header says. Numbers that a kind of page does not have are 0.
#[derive(Debug, Default)]
struct Header {
    kind: i32,
    size: i32,
    packed: i32,
    crc: Option<i32>,
    values: i32,
    encoding: i32,
    level_encoding: i32,
    nulls: i32,
    rows: i32,
    level_bytes: [i32; 2],
    plain: bool,
}

/// Reads the pages between two places of the file.
pub(super) struct Pages {
    file: Shared,
    at: u64,
    end: u64,
    how: Compression,
    width: usize,
    /// Values that are still to come.
    left: u64,
    /// Whether the dictionary has come.
    dictionary: bool,
    /// Whether a value can be missing, so that pages begin with levels.
    levels: bool,
}

impl Pages {
    /// Of a column with so many rows, which is within a file of `size` bytes.
    pub(super) fn new(file: Shared, size: u64, chunk: &ColumnChunkMetaData, rows: u64) -> Option<Self> {
        let first = chunk.dictionary_page_offset().filter(|at| *at > 0).unwrap_or(i64::MAX);
        let at = u64::try_from(first.min(chunk.data_page_offset())).ok()?;
        let end = at.checked_add(u64::try_from(chunk.compressed_size()).ok()?).filter(|end| *end <= size)?;
        let width = match chunk.column_type() {
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(chunk.column_descr().type_length()).ok()?.max(1),
            _ => 4,
        };
        let levels = chunk.column_descr().max_def_level() > 0;
        Some(Self { file, at, end, how: chunk.compression(), width, left: rows, dictionary: false, levels })
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The next header, and where what it is of begins.
    fn header(&self) -> Result<(Header, u64)> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(LONGEST_HEADER);
        let mut look = FIRST_LOOK.min(most);
        loop {
            let bytes = self.read(self.at, look)?;
            let mut reader = Thrift::new(&bytes);
            if let Some(header) = read_header(&mut reader) {
                return Ok((header, self.at + reader.at() as u64));
            }
            if look == most {
                return Err(broken("the header of a page"));
            }
            look = look.saturating_mul(16).min(most);
        }
    }

    fn next_page(&mut self) -> Result<Option<Page>> {
        while self.at < self.end {
            let (header, start) = self.header()?;
            let size = |number: i32| usize::try_from(number).ok().filter(|size| *size <= LARGEST_PAGE);
            let (Some(size), Some(packed)) = (size(header.size), size(header.packed)) else {
                return Err(broken("the size of a page"));
            };
            self.at = start + packed as u64;
            if self.at > self.end {
                return Err(broken("a page is longer than its column"));
            }
            // 1: an index, which nobody needs.
            if header.kind != 1 {
                return self.page(&header, &self.read(start, packed)?, size).map(Some);
            }
        }
        Ok(None)
    }

    fn page(&mut self, header: &Header, packed: &[u8], size: usize) -> Result<Page> {
        if let Some(wanted) = header.crc {
            let mut crc = Crc::new();
            crc.update(packed);
            if crc.sum().to_le_bytes() != wanted.to_le_bytes() {
                return Err(broken("the checksum of a page is another"));
            }
        }
        let count = |number: i32| u32::try_from(number).map_err(|_| broken("a number of values"));
        let (encoding, num_values) = (encoding(header.encoding)?, count(header.values)?);
        if (header.kind == 2 && size > LARGEST_DICTIONARY)
            || (encoding == Encoding::DELTA_BYTE_ARRAY && size > LARGEST_OF_ENDS)
        {
            return Err(broken("the size of a page"));
        }
        let (reps, defs) = (count(header.level_bytes[0])?, count(header.level_bytes[1])?);
        // Levels of the second version are never packed.
        let ahead = if header.kind == 3 { reps as usize + defs as usize } else { 0 };
        let rest = packed.get(ahead..).filter(|_| ahead <= size).ok_or_else(|| broken("the levels of a page"))?;
        let how = if header.plain { Compression::UNCOMPRESSED } else { self.how };
        let mut bytes = packed[..ahead].to_vec();
        if size > ahead {
            bytes.extend(unpack(how, rest, size - ahead).map_err(ParquetError::General)?);
        }
        if header.kind == 2 {
            if num_values as usize > bytes.len() / self.width {
                return Err(broken("a dictionary is shorter than it says"));
            }
            if std::mem::replace(&mut self.dictionary, true) {
                return Err(broken("a second dictionary"));
            }
            return Ok(Page::DictionaryPage { buf: Bytes::from(bytes), num_values, encoding, is_sorted: false });
        }
        if matches!(encoding, Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY) && !self.dictionary {
            return Err(broken("a dictionary is missing"));
        }
        self.left = self.left.checked_sub(u64::from(num_values)).ok_or_else(|| broken("more values than rows"))?;
        if self.levels && header.kind == 0 && bytes.len() < 4 {
            return Err(broken("the levels of a page"));
        }
        let buf = Bytes::from(bytes);
        Ok(match header.kind {
            0 => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: level_encoding(header.level_encoding)?,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            },
            3 => Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls: count(header.nulls)?,
                num_rows: count(header.rows)?,
                def_levels_byte_len: defs,
                rep_levels_byte_len: reps,
                is_compressed: false,
                statistics: None,
            },
            _ => return Err(broken("a page of an unknown kind")),
        })
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next_page()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Err(broken("pages are read in order"))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(broken("pages are read in order"))
    }
}

fn read_header(reader: &mut Thrift) -> Option<Header> {
    let mut header = Header::default();
    reader.fields(&mut |reader, id, kind| {
        match (id, kind) {
            (1, Kind::Whole) => header.kind = reader.number()?,
            (2, Kind::Whole) => header.size = reader.number()?,
            (3, Kind::Whole) => header.packed = reader.number()?,
            (4, Kind::Whole) => header.crc = Some(reader.number()?),
            (5 | 7, Kind::Struct) => reader.fields(&mut |reader, id, kind| {
                match (id, kind) {
                    (1, Kind::Whole) => header.values = reader.number()?,
                    (2, Kind::Whole) => header.encoding = reader.number()?,
                    (3, Kind::Whole) => header.level_encoding = reader.number()?,
                    _ => return Some(false),
                }
                Some(true)
            })?,
            (8, Kind::Struct) => reader.fields(&mut |reader, id, kind| {
                match (id, kind) {
                    (1, Kind::Whole) => header.values = reader.number()?,
                    (2, Kind::Whole) => header.nulls = reader.number()?,
                    (3, Kind::Whole) => header.rows = reader.number()?,
                    (4, Kind::Whole) => header.encoding = reader.number()?,
                    (5, Kind::Whole) => header.level_bytes[1] = reader.number()?,
                    (6, Kind::Whole) => header.level_bytes[0] = reader.number()?,
                    (7, Kind::False) => header.plain = true,
                    (7, Kind::True) => {}
                    _ => return Some(false),
                }
                Some(true)
            })?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some(header)
}

fn level_encoding(code: i32) -> Result<Encoding> {
    #[expect(deprecated, reason = "old files have it")]
    let packed = Encoding::BIT_PACKED;
    match code {
        3 => Ok(Encoding::RLE),
        4 => Ok(packed),
        _ => Err(broken("an encoding of levels")),
    }
}

fn encoding(code: i32) -> Result<Encoding> {
    Ok(match code {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(broken("an encoding that is not known")),
    })
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
