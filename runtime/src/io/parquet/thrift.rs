//! As much of Thrift's compact protocol as headers of pages and a look at a schema need.
//!
//! Source: the protocol's specification at thrift.apache.org, and `parquet.thrift` of the format.

/// Structs inside of structs.
const DEEPEST: usize = 32;

/// The type of a field or of the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Whole,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Whole,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return None,
        })
    }
}

/// Reads from the beginning of `bytes`; `None` from any of its functions: it is damaged.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A whole number, which must fit 32 bits.
    pub(super) fn number(&mut self) -> Option<i32> {
        let coded = self.varint()?;
        let half = i64::try_from(coded >> 1).ok()?;
        i32::try_from(if coded & 1 == 1 { -half - 1 } else { half }).ok()
    }

    /// Gives each field of a struct, which `take` reads or leaves (false) to be passed over.
    pub(super) fn fields(&mut self, take: &mut dyn FnMut(&mut Self, i32, Kind) -> Option<bool>) -> Option<()> {
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            let kind = Kind::of(head & 0xf)?;
            id = if head >> 4 == 0 { self.number()? } else { id + i32::from(head >> 4) };
            if !take(self, id, kind)? {
                self.skip(kind, DEEPEST)?;
            }
        }
    }

    /// The kind and number of a list's elements; each has a byte at least.
    pub(super) fn list(&mut self) -> Option<(Kind, usize)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { usize::try_from(self.varint()?).ok()? } else { usize::from(head >> 4) };
        if count == 0 {
            return Some((Kind::Byte, 0));
        }
        (count <= self.bytes.len().saturating_sub(self.at)).then_some((Kind::of(head & 0xf)?, count))
    }

    pub(super) fn skip(&mut self, kind: Kind, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match kind {
            Kind::True | Kind::False => {}
            Kind::Byte => self.at += 1,
            Kind::Whole => drop(self.varint()?),
            Kind::Double => self.at += 8,
            Kind::Binary => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.at = self.at.checked_add(length)?;
            }
            Kind::List => {
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    self.element(kind, deeper)?;
                }
            }
            Kind::Map => {
                let count = self.varint()?;
                if count > 0 {
                    let kinds = self.byte()?;
                    let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0xf)?);
                    for _ in 0..count {
                        self.element(key, deeper)?;
                        self.element(value, deeper)?;
                    }
                }
            }
            Kind::Struct => loop {
                let head = self.byte()?;
                if head == 0 {
                    break;
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(Kind::of(head & 0xf)?, deeper)?;
            },
        }
        (self.at <= self.bytes.len()).then_some(())
    }

    /// As a field, but truth values are a byte each.
    fn element(&mut self, kind: Kind, depth: usize) -> Option<()> {
        match kind {
            Kind::True | Kind::False => self.byte().map(drop),
            other => self.skip(other, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lists_and_structs_are_read_and_what_ends_too_soon_is_none() {
        // Field 1: 300; field 3: a list of two numbers; field 4: a struct with a text; the end.
        let bytes = [0x15, 0xd8, 0x04, 0x29, 0x25, 0x02, 0x03, 0x1c, 0x18, 0x02, b'a', b'b', 0x00, 0x00];
        let mut seen = Vec::new();
        let mut reader = Thrift::new(&bytes);
        let read = reader.fields(&mut |reader, id, kind| {
            if id == 1 {
                seen.push(reader.number()?);
            }
            seen.push(id);
            assert!(id != 3 || kind == Kind::List);
            Some(id == 1)
        });
        assert_eq!((read, seen, reader.at()), (Some(()), vec![300, 1, 3, 4], bytes.len()));
        for end in 0..bytes.len() {
            let mut reader = Thrift::new(&bytes[..end]);
            let read =
                reader.fields(&mut |reader, id, _| Some(if id == 1 { reader.number().map(|_| true)? } else { false }));
            assert_eq!(read, None, "{end}");
        }
        assert!(Thrift::new(&[0xf5, 0xff, 0xff, 0x03]).list().is_none(), "more elements than bytes");
        assert!(Thrift::new(&[0x1c; 100]).skip(Kind::Struct, DEEPEST).is_none(), "structs without an end");
    }
}
