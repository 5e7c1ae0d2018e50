//! A page as it was before it was packed: exactly as many bytes as its header says, never more.

use std::io::{Cursor, Read};

use brotli_decompressor::Decompressor;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;

use crate::io::unpacked::Packing;

/// The `size` bytes that were packed.
pub(super) fn unpack(how: Compression, packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    match how {
        Compression::UNCOMPRESSED if packed.len() == size => Ok(packed.to_vec()),
        Compression::SNAPPY => snappy(packed, size),
        Compression::LZ4_RAW => lz4(packed, size),
        Compression::LZ4 => hadoop(packed, size).or_else(|_| lz4(packed, size)),
        Compression::GZIP(_) => exactly(MultiGzDecoder::new(packed), size),
        Compression::BROTLI(_) => exactly(Decompressor::new(packed, 1 << 12), size),
        Compression::ZSTD(_) => exactly(Packing::Zstd.unpack(Cursor::new(packed.to_vec())), size),
        other => Err(format!("a page of {} bytes is not {size} by {other}", packed.len())),
    }
}

/// Stops at one byte too many.
fn exactly(input: impl Read, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input.take(size as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() == size { Ok(bytes) } else { Err("a page unpacks to another size than it says".to_owned()) }
}

fn snappy(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    if snap::raw::decompress_len(packed).map_err(|error| error.to_string())? != size {
        return Err("a page unpacks to another size than it says".to_owned());
    }
    snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| error.to_string())
}

fn lz4(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    match lz4_flex::block::decompress_into(packed, &mut bytes) {
        Ok(length) if length == size => Ok(bytes),
        Ok(_) => Err("a page unpacks to another size than it says".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Blocks, each after its two lengths (big-endian): what Hadoop calls LZ4.
fn hadoop(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::new(), packed);
    while !rest.is_empty() {
        let length = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(|four| u32::from_be_bytes(four) as usize);
        let (Some(whole), Some(part)) = (length(0), length(4)) else { return Err("an LZ4 block is cut short".into()) };
        let block = rest.get(8..part.saturating_add(8)).filter(|_| bytes.len() + whole <= size);
        let block = block.ok_or("an LZ4 block is cut short")?;
        bytes.extend(lz4(block, whole)?);
        rest = &rest[8 + part..];
    }
    if bytes.len() == size { Ok(bytes) } else { Err("a page unpacks to another size than it says".to_owned()) }
}
