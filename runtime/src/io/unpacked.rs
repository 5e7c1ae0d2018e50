//! Bytes as they were before they were packed: gzip, zstd or plain, told by the first bytes and not by a name.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Of the unpacked text.
pub(crate) const MAX_BYTES: u64 = 1 << 30;
/// Bytes of text from which on the ratio counts.
const BOMB_FROM: u64 = 1 << 26;
/// Text bytes for one packed byte; real tables have 5 to 20.
const BOMB_RATIO: u64 = 200;
/// Bytes that a zstd frame may look back, which are held in memory; `zstd -19` needs 8 MiB. `MAX_WINDOW` of
/// `train/core/tables/unpacked.py` is the same.
const MAX_WINDOW: u64 = 100 << 20;
/// The longest beginning that tells how a file is packed.
pub(crate) const MAGIC: usize = 4;

/// Of a file that the feature `parquet` would read.
#[cfg(not(feature = "parquet"))]
pub(crate) const NO_PARQUET: &str = "is in Parquet, which is not read here; write the table as CSV";

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Parquet,
}

impl Packing {
    /// By the first bytes, [`MAGIC`] of them where there are so many.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            _ => Self::Plain,
        }
    }

    /// As messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Parquet => "Parquet",
        }
    }

    /// What is in `input`, in bounded memory.
    pub(crate) fn unpack<'a>(self, input: impl BufRead + 'a) -> Box<dyn BufRead + 'a> {
        match self {
            Self::Gzip => Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input))),
            Self::Zstd => Box::new(BufReader::with_capacity(1 << 16, Frames::new(input))),
            Self::Plain | Self::Parquet => Box::new(input),
        }
    }
}

/// How much a file has become so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    total: u64,
    packed: Option<u64>,
}

impl Sizes {
    /// Of a packed file of so many bytes.
    pub(crate) fn new(packed: u64) -> Self {
        Self { total: 0, packed: Some(packed) }
    }

    /// Of a file that is not packed.
    pub(crate) fn plain() -> Self {
        Self { total: 0, packed: None }
    }

    /// Counts more bytes of text.
    ///
    /// # Errors
    /// In words: it is too large, or unpacks to far more than any table does.
    pub(crate) fn add(&mut self, bytes: u64) -> Result<(), String> {
        self.total += bytes;
        if self.total > MAX_BYTES {
            return Err(format!("more than {MAX_BYTES} bytes of text; split the file"));
        }
        if self.packed.is_some_and(|packed| self.total > BOMB_FROM.max(BOMB_RATIO * packed)) {
            let ratio = BOMB_RATIO;
            return Err(format!("unpacks to more than {ratio} times its size, as no table does; fetch the file again"));
        }
        Ok(())
    }
}

/// A frame of zstd looks back further than is held in memory.
#[derive(Debug, thiserror::Error)]
#[error("its zstd frames look back more than {MAX_WINDOW} bytes; pack it with zstd --long=26 or less")]
pub(crate) struct WindowTooLong;

/// The frames of a zstd file, one after the other.
struct Frames<R> {
    input: R,
    frame: FrameDecoder,
    begun: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(input: R) -> Self {
        Self { input, frame: FrameDecoder::new(), begun: false }
    }

    /// Begins the next frame; false at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            let head = read_head(&mut self.input)?;
            if window_of(&head).is_some_and(|window| window > MAX_WINDOW) {
                return Err(io::Error::other(WindowTooLong));
            }
            match self.frame.reset(head.chain(&mut self.input)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.input.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.begun {
                self.begun = self.begin()?;
                if !self.begun {
                    return Ok(0);
                }
            }
            let count = self.frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if !self.frame.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.frame.decode_blocks(&mut self.input, one).map_err(io::Error::other)?;
                continue;
            }
            let (written, found) = (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum());
            if written.is_some() && written != found {
                return Err(io::Error::other("the checksum of a frame is another"));
            }
            self.begun = false;
        }
    }
}

/// The header of a frame, as far as it says how long its window is (RFC 8878, 3.1.1.1).
fn read_head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; 5];
    input.read_exact(&mut head)?;
    if Packing::of(&head) == Packing::Zstd {
        let flags = head[4];
        let single = flags >> 5 & 1;
        let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
        let size = [single, 2, 4, 8][usize::from(flags >> 6)];
        head.resize(5 + usize::from(1 - single) + dictionary + usize::from(size), 0);
        input.read_exact(&mut head[5..])?;
    }
    Ok(head)
}

/// How far a frame with that header looks back; `None`: it is no frame of zstd.
fn window_of(head: &[u8]) -> Option<u64> {
    if Packing::of(head) != Packing::Zstd {
        return None;
    }
    let flags = *head.get(4)?;
    if flags >> 5 & 1 == 0 {
        let byte = *head.get(5)?;
        let base = 1_u64 << (10 + (byte >> 3));
        return Some(base + base / 8 * u64::from(byte & 7));
    }
    // The window is the whole content, whose size comes last.
    let size = [1, 2, 4, 8][usize::from(flags >> 6)];
    let mut eight = [0; 8];
    eight[..size].copy_from_slice(head.get(head.len() - size..)?);
    Some(u64::from_le_bytes(eight).saturating_add(if size == 2 { 256 } else { 0 }))
}
