//! The crate `linux-raw-sys`: what bindgen made of one kernel's installed headers.

use crate::{Numbers, Oracle, text};
use aio_codegen::Tables;
use aio_codegen::tables::Constants;
use aio_tests::package_source;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const LINUX_RAW_SYS: Oracle = Oracle {
    name: "linux-raw-sys",
    mark: "pub const __NR_read:",
    files: &[
        ("x86_64", "x86_64/general.rs"),
        ("x32", "x32/general.rs"),
        ("i386", "x86/general.rs"),
        ("arm", "arm/general.rs"),
        ("aarch64", "aarch64/general.rs"),
        ("riscv64", "riscv64/general.rs"),
        ("riscv32", "riscv32/general.rs"),
        ("loongarch64", "loongarch64/general.rs"),
        ("powerpc64", "powerpc64/general.rs"),
        ("powerpc32", "powerpc/general.rs"),
        ("s390x", "s390x/general.rs"),
        ("mips-o32", "mips/general.rs"),
        ("mips-o32", "mips32r6/general.rs"),
        ("mips-n64", "mips64/general.rs"),
        ("mips-n64", "mips64r6/general.rs"),
        ("sparc64", "sparc64/general.rs"),
        ("sparc32", "sparc/general.rs"),
        ("m68k", "m68k/general.rs"),
        ("csky", "csky/general.rs"),
        ("hexagon", "hexagon/general.rs"),
    ],
    read,
    one_kernel: true,
};

/// `__NR_name`, and `__ARM_NR_name` for arm's private calls. A name with capital letters
/// (`__NR_Linux`) is not a call.
fn read(source: &Path, file: &str) -> Numbers {
    let general = source.join("src").join(file);
    let (general, errno) = (text(&general), text(&general.with_file_name("errno.rs")));
    let named = |prefix: &'static str| {
        constants(&general, prefix).map(|(name, nr)| (name[prefix.len()..].to_owned(), nr))
    };
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
        constant
            .and_then(|(name, number)| Some((name, number.parse().ok()?)))
            .unwrap_or_else(|| panic!("`{line}`"))
    })
}

/// Those of AIO, which are the same everywhere, and those that differ.
#[test]
fn its_constants_are_ours() {
    let tables = Tables::embedded().unwrap();
    let headers = tables.constants().unwrap();
    let source = package_source("linux-raw-sys");
    for (abi, file) in LINUX_RAW_SYS.files {
        let arch = &tables.abi(abi).unwrap().arch;
        let (common, own): (Vec<_>, Vec<_>) =
            headers.iter().partition(|header| header.archs.is_empty());
        let own: Vec<_> = own.into_iter().filter(|header| header.archs.contains(arch)).collect();
        let constants_of_headers = common.iter().chain(&own).flat_map(|header| &header.constants);
        let ours: BTreeMap<_, _> =
            constants_of_headers.map(|constant| (&*constant.name, constant.value)).collect();
        let read = |file: &str| text(&source.join("src").join(file));
        let (text, ioctl) = (read(file), read(&file.replace("general", "ioctl")));
        // The auxiliary vector has a file of its own there, and PowerPC's bits in it have none. Nor
        // have the ioctl numbers of some architectures.
        let general = |header: &&&Constants| match &header.source {
            name if name.ends_with("auxvec.h") || name.ends_with("cputable.h") => false,
            name if name.ends_with("linux/fs.h") => ioctl.contains("pub const "),
            _ => true,
        };
        for constant in own.iter().filter(general).flat_map(|header| &header.constants) {
            let mut theirs =
                constants(&text, &constant.name).chain(constants(&ioctl, &constant.name));
            let theirs = theirs.find(|(name, _)| *name == constant.name);
            assert_eq!(theirs, Some((&*constant.name, constant.value)), "{file}");
        }
        // The hints of fcntl have names of the same kind.
        let theirs = constants(&text, "RWF_").filter(|(name, _)| !name.contains("LIFE"));
        let compared = theirs
            .inspect(|(name, value)| assert_eq!(ours.get(name), Some(value), "{file}: {name}"))
            .count();
        assert!(compared >= 5, "only {compared} flags of {file} were read");
    }
}
