//! One file a mistake in `fail/` and `aio/`, named after it: what the compiler says of it is the
//! golden file beside it. Valid code is in `pass/`, a part of this program.

use aio_tests::skip;
use std::process::Command;

#[path = "pass/another_name.rs"]
mod another_name;
#[path = "pass/shadowed_names.rs"]
mod shadowed_names;
#[allow(clippy::multiple_bound_locations, reason = "what the attribute has to keep")]
#[path = "pass/signature.rs"]
mod signature;
#[path = "pass/temporaries.rs"]
mod temporaries;

/// The compiler that the golden files were written by; others say the same in other words.
const BLESSED_BY: &str = "rustc 1.95.0";

#[test]
fn errors_are_messages_at_one_token() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8_lossy(&version);
    if cfg!(not(target_arch = "x86_64")) || !version.starts_with(BLESSED_BY) {
        return skip(
            "the golden files of tests/ui",
            &format!("written by {BLESSED_BY} for x86_64, and this is {}", version.trim()),
        );
    }
    // Without one that is to pass, trybuild checks all of them in one run of cargo.
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*.rs");
    cases.compile_fail("aio/*.rs");
}

#[test]
fn valid_code_compiles_and_runs() {
    another_name::main();
    shadowed_names::main();
    signature::main();
    temporaries::main();
}
