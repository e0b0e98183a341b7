//! The crate `linux-raw-sys`: what bindgen made of one kernel's installed headers.

use crate::{Numbers, Oracle, text};
use aio_codegen::Tables;
use aio_tests::package_source;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const LINUX_RAW_SYS: Oracle = Oracle {
    name: "linux-raw-sys",
    files: &[
        ("x86_64", "x86_64"),
        ("x32", "x32"),
        ("i386", "x86"),
        ("arm", "arm"),
        ("aarch64", "aarch64"),
        ("riscv64", "riscv64"),
        ("riscv32", "riscv32"),
        ("loongarch64", "loongarch64"),
        ("powerpc64", "powerpc64"),
        ("powerpc32", "powerpc"),
        ("s390x", "s390x"),
        ("mips-o32", "mips"),
        ("mips-o32", "mips32r6"),
        ("mips-n64", "mips64"),
        ("mips-n64", "mips64r6"),
        ("sparc64", "sparc64"),
        ("sparc32", "sparc"),
        ("m68k", "m68k"),
        ("csky", "csky"),
        ("hexagon", "hexagon"),
    ],
    read,
    one_kernel: true,
};

/// `__NR_name`, and `__ARM_NR_name` for arm's private calls. A name with capital letters (`__NR_Linux`) is no call.
fn read(source: &Path, file: &str) -> Numbers {
    let folder = source.join("src").join(file);
    let (general, errno) = (text(&folder.join("general.rs")), text(&folder.join("errno.rs")));
    let named =
        |prefix: &'static str| constants(&general, prefix).map(|(name, nr)| (name[prefix.len()..].to_owned(), nr));
    let calls = named("__NR_").chain(named("__ARM_NR_"));
    Numbers {
        calls: calls.filter(|(name, _)| !name.contains(|c: char| c.is_ascii_uppercase())).collect(),
        errors: constants(&errno, "E").map(|(name, number)| (name.to_owned(), number)).collect(),
    }
}

/// `pub const NAME: u32 = number;`, for the names that begin so.
fn constants<'t>(text: &'t str, prefix: &str) -> impl Iterator<Item = (&'t str, i64)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("pub const "));
    lines.filter(move |line| line.starts_with(prefix)).map(|line| {
        let constant = line.trim_end_matches(';').split_once(": u32 = ");
        constant.and_then(|(name, number)| Some((name, number.parse().ok()?))).unwrap_or_else(|| panic!("`{line}`"))
    })
}

#[test]
fn its_flags_of_aio_are_ours() {
    let headers = Tables::embedded().unwrap().constants().unwrap();
    let constants_of_headers = headers.iter().flat_map(|header| &header.constants);
    let ours: BTreeMap<_, _> = constants_of_headers.map(|constant| (&*constant.name, constant.value)).collect();
    let source = package_source("linux-raw-sys");
    for (_, folder) in LINUX_RAW_SYS.files {
        let text = text(&source.join("src").join(folder).join("general.rs"));
        // The hints of fcntl have names of the same kind.
        let theirs = constants(&text, "RWF_").filter(|(name, _)| !name.contains("LIFE"));
        let compared =
            theirs.inspect(|(name, value)| assert_eq!(ours.get(name), Some(value), "{folder}: {name}")).count();
        assert!(compared >= 5, "only {compared} flags of {folder} were read");
    }
}
