//! A C file with system calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aio_codegen::fuzzing::prototypes(bytes));
