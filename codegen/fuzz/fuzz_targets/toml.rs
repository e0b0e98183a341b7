//! Tables as TOML.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aio_codegen::fuzzing::toml(bytes));
