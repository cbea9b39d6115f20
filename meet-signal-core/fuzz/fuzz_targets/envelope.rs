#![no_main]
//! `cargo +nightly fuzz run envelope`. What it does is in `tests/fuzz_targets/envelope.rs`, where the stable
//! compiler runs it as well.

#[path = "../../tests/fuzz_targets/envelope.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
