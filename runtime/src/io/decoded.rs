//! Text as it was meant: unpacked where it is gzip, and without the byte order mark that some editors write first.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

use crate::io::text::MARK;

/// What gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The text in `input`, told by its first bytes and not by a name.
pub(crate) fn decoded<'a>(input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let (start, rest) = begun(input)?;
    if !start.starts_with(&GZIP) {
        return Ok(without_mark(start, rest));
    }
    let unpacked = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(Cursor::new(start).chain(rest)));
    let (start, rest) = begun(unpacked)?;
    Ok(without_mark(start, rest))
}

/// The first bytes, fewer than asked for at the end of the input only.
fn begun<R: BufRead>(mut input: R) -> io::Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(MARK.len());
    input.by_ref().take(MARK.len() as u64).read_to_end(&mut start)?;
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
    use std::io::Write;

    use super::*;
    use crate::io::text::unmarked;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
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
            for form in [text.to_vec(), marked.clone(), packed(text), packed(&marked)] {
                assert_eq!(read(&form).unwrap(), text);
            }
            assert_eq!(unmarked(&marked), text);
        }
    }

    #[test]
    fn a_packed_text_that_is_cut_off_is_an_error() {
        let whole = packed(&b"1,2,3\n".repeat(1000));
        assert!(read(&whole[..whole.len() - 9]).is_err());
    }
}
