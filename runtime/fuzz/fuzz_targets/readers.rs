//! Any bytes, to the reader that `FUZZ_READER` numbers. None may panic, hang, or take much memory.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static READER: OnceLock<u8> = OnceLock::new();

fuzz_target!(init: {
    let number = std::env::var("FUZZ_READER").ok().and_then(|text| text.parse().ok());
    let _ = READER.set(number.expect("FUZZ_READER must be the number of a reader; see run.sh"));
}, |bytes: &[u8]| {
    dollarbill_ml::fuzzing::read(*READER.get().unwrap_or(&0), bytes);
});
