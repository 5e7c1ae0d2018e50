//! Any bytes, to each reader in turn: the first byte chooses which. None may panic, hang, or take much memory.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        dollarbill_ml::fuzzing::read(*first, rest);
    }
});
