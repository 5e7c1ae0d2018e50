//! Text as it was meant: unpacked where it is gzip or zstd, and without the byte order mark that some editors write first.

use std::io::{self, BufRead, Cursor, Read};

use crate::io::text::MARK;
use crate::io::unpacked::{MAGIC, Packing};

/// The text in `input`, told by its first bytes and not by a name.
pub(crate) fn decoded<'a>(input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let (start, rest) = begun(input, MAGIC)?;
    let packing = Packing::of(&start);
    if packing == Packing::Parquet {
        return Err(io::Error::other("is in Parquet, which is read from a file only"));
    }
    let (start, rest) = begun(packing.unpack(Cursor::new(start).chain(rest)), MARK.len())?;
    Ok(without_mark(start, rest))
}

/// The first bytes, fewer than asked for at the end of the input only.
fn begun<R: BufRead>(mut input: R, count: usize) -> io::Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(count);
    input.by_ref().take(count as u64).read_to_end(&mut start)?;
    Ok((start, input))
}

fn without_mark<'a>(mut start: Vec<u8>, rest: impl BufRead + 'a) -> Box<dyn BufRead + 'a> {
    if start == MARK {
        start.clear();
    }
    Box::new(Cursor::new(start).chain(rest))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;
    use crate::io::text::unmarked;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        // One byte at a time, as a slow pipe gives them.
        decoded(BufReader::with_capacity(1, bytes))?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn plain_marked_and_packed_text_are_the_same_text() {
        for text in [b"".as_slice(), b"a", b"ab\n", b"a,b,c\n1,2,3\n"] {
            let marked = [MARK.as_slice(), text].concat();
            let zstd = [zstd(text), zstd(&marked), [zstd(&marked), zstd(b"")].concat()];
            for form in [text.to_vec(), marked.clone(), packed(text), packed(&marked)].iter().chain(&zstd) {
                assert_eq!(read(form).unwrap(), text);
            }
            assert_eq!(unmarked(&marked), text);
        }
    }

    #[test]
    fn a_packed_text_that_is_cut_off_is_an_error() {
        let text = b"1,2,3\n".repeat(1000);
        for whole in [packed(&text), zstd(&text)] {
            for cut in [1, 9, whole.len() - 5] {
                assert!(read(&whole[..whole.len() - cut]).is_err());
            }
        }
    }
}
