//! The numbers against those of the `libc` crate and of the C compiler's headers.

use aio_codegen::Tables;
use aio_tests::{CCompiler, package_source, skip};
use std::collections::BTreeMap;
use std::fs;

/// Where libc is wrong, or speaks of something else: ABI, name, libc's number, why. A new disagreement fails the test, and
/// so does one that is gone.
const LIBC_IS_WRONG: &[(&str, &str, i64, &str)] = &[];

fn ours(abi: &str) -> BTreeMap<String, i64> {
    let tables = Tables::embedded().unwrap();
    let abi = tables.abi(abi).unwrap();
    let table = tables.table(&abi.table).unwrap();
    abi.calls(&table).iter().map(|call| (call.name.to_owned(), i64::from(call.number))).collect()
}

/// `pub const SYS_name: c_long = number;` of one file of libc's source.
fn libc(file: &str) -> BTreeMap<String, i64> {
    let path = package_source("libc").join("src/unix/linux_like/linux").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let number = |line: &str| {
        let (name, value) = line.trim().strip_prefix("pub const SYS_")?.split_once(": c_long = ")?;
        Some((name.to_owned(), value.trim_end_matches(';').parse().ok()?))
    };
    text.lines().filter_map(number).collect()
}

#[test]
fn libc_agrees_but_for_its_known_errors() {
    for (abi, file) in [("x86_64", "gnu/b64/x86_64/not_x32.rs"), ("i386", "gnu/b32/x86/mod.rs")] {
        let (ours, theirs) = (ours(abi), libc(file));
        assert!(theirs.len() > 330, "{abi}: only {} numbers read from libc's {file}", theirs.len());
        let wrong: Vec<_> = theirs.iter().filter(|(name, number)| ours.get(*name) != Some(number)).collect();
        let known: Vec<_> = LIBC_IS_WRONG.iter().filter(|known| known.0 == abi).collect();
        let unknown: Vec<_> = wrong
            .iter()
            .filter(|(name, number)| !known.iter().any(|known| known.1 == **name && known.2 == **number))
            .map(|(name, number)| (name, number, ours.get(*name)))
            .collect();
        assert!(unknown.is_empty(), "{abi}: libc's number, ours: {unknown:?}");
        let mended: Vec<_> = known.iter().filter(|known| !wrong.iter().any(|(name, _)| *name == known.1)).collect();
        assert!(mended.is_empty(), "{abi}: no longer wrong in libc: {mended:?}");
    }
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
