//! Which line of a text a CSV record ends on. The csv crate counts from where it stopped reading, which for Windows line
//! ends and after empty lines is the line before.

use std::collections::VecDeque;

/// Counts lines as bytes go by; `\n`, `\r\n` and `\r` end one.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    read: u64,
    after_return: bool,
    /// Where lines end that lie behind the last question.
    ends: VecDeque<u64>,
    before: u64,
}

impl Lines {
    /// The next bytes of the text.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for place in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let second = if place == 0 { self.after_return } else { bytes.get(place - 1) == Some(&b'\r') };
            if !(second && bytes.get(place) == Some(&b'\n')) {
                self.ends.push_back(self.read + place as u64);
            }
        }
        if let Some(last) = bytes.last() {
            self.after_return = *last == b'\r';
        }
        self.read += bytes.len() as u64;
    }

    /// The line, counted from 1, of a record after which the csv reader stands at byte `position`. Never ask for an
    /// earlier one again.
    pub(crate) fn of_record(&mut self, position: u64) -> u64 {
        while self.ends.front().is_some_and(|end| end + 1 < position) {
            self.ends.pop_front();
            self.before += 1;
        }
        self.before + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_on_the_line_that_an_editor_shows() {
        for (text, wanted) in [
            ("h\na\nb\n", [1, 2, 3].as_slice()),
            ("h\r\na\r\nb\r\n", &[1, 2, 3]),
            ("h\ra\rb", &[1, 2, 3]),
            ("\n\nh\n\n\na\r\n\r\nb", &[3, 6, 8]),
            ("h\n\"a\nb\"\nc\n", &[1, 3, 4]),
        ] {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut lines = Lines::default();
            lines.read(text.as_bytes());
            let (mut record, mut found) = (csv::StringRecord::new(), Vec::new());
            while reader.read_record(&mut record).is_ok_and(|more| more) {
                found.push(lines.of_record(reader.position().byte()));
            }
            assert_eq!(found, wanted, "{text:?}");
            let (mut byte_by_byte, mut whole) = (Lines::default(), Lines::default());
            text.bytes().for_each(|byte| byte_by_byte.read(&[byte]));
            whole.read(text.as_bytes());
            assert_eq!(byte_by_byte.ends, whole.ends, "{text:?}");
        }
    }
}
