//! A kernel's `syscall.tbl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aio_codegen::fuzzing::table(bytes));
