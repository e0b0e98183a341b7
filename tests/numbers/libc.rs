//! The crate `libc`: by hand and by many, with a file for each C library and target, each as old as
//! its last visitor.

use crate::{Numbers, OURS, Oracle, is_error, text};
use std::path::Path;

pub(crate) const LIBC: Oracle =
    Oracle { name: "libc", mark: "pub const SYS_read:", files: FILES, read, one_kernel: false };

/// The runtime that wasm32 is for has the numbers of x86_64.
const FILES: &[(&str, &str)] = &[
    ("x86_64", "linux/gnu/b64/x86_64/not_x32.rs"),
    ("x86_64", "linux/musl/b64/x86_64/mod.rs"),
    ("x86_64", "android/b64/x86_64/mod.rs"),
    ("x86_64", "linux/musl/b64/wasm32/mod.rs"),
    ("x32", "linux/gnu/b64/x86_64/x32.rs"),
    ("i386", "linux/gnu/b32/x86/mod.rs"),
    ("i386", "linux/musl/b32/x86/mod.rs"),
    ("i386", "android/b32/x86/mod.rs"),
    ("arm", "linux/gnu/b32/arm/mod.rs"),
    ("arm", "linux/musl/b32/arm/mod.rs"),
    ("arm", "linux/uclibc/arm/mod.rs"),
    ("arm", "android/b32/arm.rs"),
    ("aarch64", "linux/gnu/b64/aarch64/mod.rs"),
    ("aarch64", "linux/musl/b64/aarch64/mod.rs"),
    ("aarch64", "android/b64/aarch64/mod.rs"),
    ("riscv64", "linux/gnu/b64/riscv64/mod.rs"),
    ("riscv64", "linux/musl/b64/riscv64/mod.rs"),
    ("riscv64", "android/b64/riscv64/mod.rs"),
    ("riscv32", "linux/gnu/b32/riscv32/mod.rs"),
    ("riscv32", "linux/musl/b32/riscv32/mod.rs"),
    ("loongarch64", "linux/gnu/b64/loongarch64/mod.rs"),
    ("loongarch64", "linux/musl/b64/loongarch64/mod.rs"),
    ("powerpc64", "linux/gnu/b64/powerpc64/mod.rs"),
    ("powerpc64", "linux/musl/b64/powerpc64.rs"),
    ("powerpc32", "linux/gnu/b32/powerpc.rs"),
    ("powerpc32", "linux/musl/b32/powerpc.rs"),
    ("s390x", "linux/gnu/b64/s390x.rs"),
    ("s390x", "linux/musl/b64/s390x.rs"),
    ("mips-o32", "linux/gnu/b32/mips/mod.rs"),
    ("mips-o32", "linux/musl/b32/mips/mod.rs"),
    ("mips-o32", "linux/uclibc/mips/mips32/mod.rs"),
    ("mips-n64", "linux/gnu/b64/mips64/mod.rs"),
    ("mips-n64", "linux/musl/b64/mips64.rs"),
    ("sparc64", "linux/gnu/b64/sparc64/mod.rs"),
    ("sparc32", "linux/gnu/b32/sparc/mod.rs"),
    ("m68k", "linux/gnu/b32/m68k/mod.rs"),
    ("csky", "linux/gnu/b32/csky/mod.rs"),
    ("hexagon", "linux/musl/b32/hexagon.rs"),
];

fn read(source: &Path, file: &str) -> Numbers {
    let text = text(&source.join("src/unix/linux_like").join(file));
    Numbers { calls: calls(&text), errors: errors(&text) }
}

/// `pub const ENAME: c_int = number;`, for the errors that we know: other constants begin with an E
/// as well.
fn errors(text: &str) -> Vec<(String, i64)> {
    text.lines()
        .filter_map(|line| {
            line.trim().strip_prefix("pub const ")?.strip_suffix(';')?.split_once(": c_int = ")
        })
        .filter(|(name, _)| is_error(name) && OURS["x86"].contains_key(*name))
        .filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
        .collect()
}

/// `pub const SYS_name: c_long = number;`, the number being a sum.
fn calls(text: &str) -> Vec<(String, i64)> {
    let mut numbers: Vec<(String, i64)> = Vec::new();
    for line in text.lines() {
        let Some(line) = line.trim().strip_prefix("pub const SYS_") else { continue };
        let Some((name, typed)) = line.split_once(": c_") else { continue };
        let Some((_, value)) = typed.split_once(" = ") else { continue };
        let term = |term: &str| match term.trim() {
            "__X32_SYSCALL_BIT" => 0x4000_0000,
            other => match other.strip_prefix("SYS_") {
                Some(alias) => {
                    numbers.iter().find(|(name, _)| name == alias).map(|(_, number)| *number)
                }
                None => other.parse().ok(),
            }
            .unwrap_or_else(|| panic!("`{other}` is not understood")),
        };
        let sum = value.split(';').next().unwrap_or(value).split('+').map(term).sum();
        numbers.push((name.to_owned(), sum));
    }
    numbers
}
