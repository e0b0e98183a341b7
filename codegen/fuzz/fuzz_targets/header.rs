//! A header, through the preprocessor.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aio_codegen::fuzzing::header(bytes));
