//! The crate `syscalls`: from one kernel's tables, and from `asm-generic/unistd.h` for
//! architectures that had no table.

use crate::{Numbers, Oracle, text};
use std::path::Path;

pub(crate) const SYSCALLS: Oracle = Oracle {
    name: "syscalls",
    mark: "        read = ",
    files: &[
        ("x86_64", "x86_64.rs"),
        ("i386", "x86.rs"),
        ("arm", "arm.rs"),
        ("aarch64", "aarch64.rs"),
        ("riscv64", "riscv64.rs"),
        ("riscv32", "riscv32.rs"),
        ("loongarch64", "loongarch64.rs"),
        ("powerpc64", "powerpc64.rs"),
        ("powerpc32", "powerpc.rs"),
        ("s390x", "s390x.rs"),
        ("mips-o32", "mips.rs"),
        ("mips-n64", "mips64.rs"),
        ("sparc64", "sparc64.rs"),
        ("sparc32", "sparc.rs"),
    ],
    read,
    one_kernel: true,
};

/// `name = number,`, where a keyword of Rust is `r#name`; and `NAME(number) = "text",` for the
/// errors of all targets.
fn read(source: &Path, file: &str) -> Numbers {
    let (calls, errors) =
        (text(&source.join("src/arch").join(file)), text(&source.join("src/errno/generated.rs")));
    let calls = calls.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    let errors =
        errors.lines().filter_map(|line| line.trim().split_once(") = \"")?.0.split_once('('));
    let number = |(name, number): (&str, &str)| {
        (name.trim_start_matches("r#").to_owned(), number.parse().unwrap())
    };
    // From 512 on are those that never leave the kernel.
    let leaves_the_kernel = |(_, number): &(String, i64)| *number < 512;
    Numbers {
        calls: calls.map(number).collect(),
        errors: errors.map(number).filter(leaves_the_kernel).collect(),
    }
}
