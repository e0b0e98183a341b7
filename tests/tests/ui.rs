//! One file a mistake in `ui/`, named after it: what the compiler says of it is the golden file beside it.

use aio_tests::skip;
use std::process::Command;

/// The compiler that the golden files were written by; others say the same in other words.
const BLESSED_BY: &str = "rustc 1.95.0";

#[test]
fn mistakes_are_sentences_at_one_token() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8_lossy(&version);
    if cfg!(not(target_arch = "x86_64")) || !version.starts_with(BLESSED_BY) {
        return skip(
            "ui/*.rs",
            &format!("written by {BLESSED_BY} for x86_64, and this is {}", version.trim()),
        );
    }
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/*.rs");
    cases.compile_fail("ui/aio/*.rs");
}
