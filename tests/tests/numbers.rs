//! The numbers against those of the `libc` crate and of the C compiler's headers.

use aio_codegen::Tables;
use aio_tests::{CCompiler, package_source, root, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// libc's source files with numbers, and the ABI that each is for. Those of wasm32 (a runtime with x86_64's numbers) and of
/// targets that share a file are left out.
const LIBC_FILES: &[(&str, &str)] = &[
    ("x86_64", "linux/gnu/b64/x86_64/not_x32.rs"),
    ("x86_64", "linux/musl/b64/x86_64/mod.rs"),
    ("x86_64", "android/b64/x86_64/mod.rs"),
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

fn ours(abi: &str) -> BTreeMap<String, i64> {
    let tables = Tables::embedded().unwrap();
    let abi = tables.abi(abi).unwrap();
    let table = tables.table(&abi.table).unwrap();
    abi.calls(&table).iter().map(|call| (call.name.to_owned(), i64::from(call.number))).collect()
}

/// `pub const SYS_name: c_long = number;`, the number being a sum.
fn libc(folder: &Path, file: &str) -> Vec<(String, i64)> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut numbers: Vec<(String, i64)> = Vec::new();
    for line in text.lines() {
        let Some(line) = line.trim().strip_prefix("pub const SYS_") else { continue };
        let Some((name, typed)) = line.split_once(": c_") else { continue };
        let Some((_, value)) = typed.split_once(" = ") else { continue };
        let term = |term: &str| match term.trim() {
            "__X32_SYSCALL_BIT" => 0x4000_0000,
            other => match other.strip_prefix("SYS_") {
                Some(alias) => numbers.iter().find(|(name, _)| name == alias).map(|(_, number)| *number),
                None => other.parse().ok(),
            }
            .unwrap_or_else(|| panic!("{file}: `{other}` is not understood")),
        };
        let sum = value.split(';').next().unwrap_or(value).split('+').map(term).sum();
        numbers.push((name.to_owned(), sum));
    }
    numbers
}

#[test]
fn libc_agrees_but_for_its_known_errors() {
    let mut wrong = BTreeSet::new();
    let mut compared = 0;
    let folder = package_source("libc").join("src/unix/linux_like");
    for (abi, file) in LIBC_FILES {
        let ours = ours(abi);
        let theirs = libc(&folder, file);
        assert!(theirs.len() > 250, "{abi}: only {} numbers read from libc's {file}", theirs.len());
        compared += theirs.len();
        wrong.extend(
            theirs.into_iter().filter(|(name, number)| ours.get(name) != Some(number)).map(|wrong| (*abi, wrong)),
        );
    }
    let list = fs::read_to_string(root().join("tests/oracles/libc.txt")).unwrap();
    let known: BTreeSet<_> = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [abi, name, number] => (abi, (name.to_owned(), number.parse().unwrap())),
            _ => panic!("oracles/libc.txt: `{line}` is no ABI, name and number"),
        })
        .collect();
    let new: Vec<_> = wrong
        .difference(&known)
        .map(|(abi, (name, number))| (abi, name, number, ours(abi).get(name).copied()))
        .collect();
    assert!(
        new.is_empty(),
        "{} of libc's {compared} numbers are not ours (ABI, name, theirs, ours): {new:#?}",
        new.len()
    );
    let mended: Vec<_> = known.difference(&wrong).collect();
    assert!(mended.is_empty(), "no longer wrong in libc: {mended:?}");
}

/// The constants that this crate was compiled with are the tables' own.
#[test]
fn the_compiled_numbers_are_libc_s_own() {
    for (ours, theirs) in [
        (aio_sys::nr::SYS_io_setup, libc::SYS_io_setup),
        (aio_sys::nr::SYS_io_destroy, libc::SYS_io_destroy),
        (aio_sys::nr::SYS_io_submit, libc::SYS_io_submit),
        (aio_sys::nr::SYS_io_cancel, libc::SYS_io_cancel),
        (aio_sys::nr::SYS_io_getevents, libc::SYS_io_getevents),
        (aio_sys::nr::SYS_openat2, libc::SYS_openat2),
        (aio_sys::nr::SYS_mseal, libc::SYS_mseal),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn the_c_compiler_s_asm_unistd_h_agrees() {
    let Some(cc) = CCompiler::find() else { return skip("asm/unistd.h", "no C compiler") };
    for (abi, word) in [("x86_64", "-m64"), ("i386", "-m32")] {
        let macros = match cc.run(&[word, "-E", "-dM"], "#include <asm/unistd.h>\n") {
            Ok(macros) => macros,
            Err(why) => {
                skip(&format!("asm/unistd.h of {abi}"), &why);
                continue;
            }
        };
        let ours = ours(abi);
        let mut compared = 0;
        for line in macros.lines() {
            let Some((name, value)) = line.strip_prefix("#define __NR_").and_then(|rest| rest.split_once(' ')) else {
                continue;
            };
            assert_eq!(ours.get(name).map(i64::to_string).as_deref(), Some(value), "{abi}: {name}");
            compared += 1;
        }
        assert!(compared > 330, "{abi}: only {compared} numbers in asm/unistd.h");
    }
}
