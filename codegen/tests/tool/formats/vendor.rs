//! Headers of vendors' kernels: private calls, and what only a kernel build defines.

use super::*;
use aio_codegen::import::{self, Findings};
use aio_codegen::store;

const MIPS: &str = "arch/mips/include/uapi/asm/unistd.h";
const POWERPC: &str = "arch/powerpc/include/uapi/asm/unistd.h";

/// The result of an import into another directory, and its warnings.
#[track_caller]
fn lenient(tree: &Tree) -> (Tables, Vec<String>) {
    let findings = Findings::lenient();
    let files = import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings);
    let files = files.unwrap_or_else(|error| panic!("{error}"));
    let warnings = findings.warnings().iter().map(|(_, error)| error.to_string()).collect();
    (store::in_memory("{tables}", &files).unwrap(), warnings)
}

#[test]
fn a_name_may_begin_with_any_letter() {
    let mut tree = Tree::linux_4_19();
    let number = tree.append(POWERPC, "#define __NR_ACMEUtime 402\n#define __NR_2ndCall 403\n");
    let with_base = "#define __NR_ACME_BASE (__NR_Linux + 700)\n\
                     #define __NR_ACMEUtime (__NR_ACME_BASE + 2)\n\
                     #define __NR_O32_Linux_syscalls 702\n";
    tree.append(MIPS, with_base);
    let (tables, warnings) = lenient(&tree);
    for abi in ["powerpc64", "powerpc32"] {
        assert_eq!(call(&tables, abi, "ACMEUtime"), Some((402, "-")), "{abi}");
        assert_eq!(call(&tables, abi, "2ndCall"), Some((403, "-")), "{abi}");
    }
    for (abi, base) in [("mips-o32", 4000), ("mips-n64", 5000), ("mips-n32", 6000)] {
        assert_eq!(call(&tables, abi, "ACMEUtime"), Some((base + 702, "-")), "{abi}");
        let calls = calls_of(&tables, abi);
        let names = calls.iter().map(|call| call.name);
        let last: Vec<_> =
            names.filter(|name| name.contains("ACME") || name.contains("Linux")).collect();
        assert_eq!(last, ["ACMEUtime"], "{abi}: bases and counts are not calls");
    }
    let found = format!("{{tree}}/{POWERPC}:{number}: ACMEUtime (402 on powerpc64, powerpc32");
    assert!(warnings.iter().any(|line| line.starts_with(&found)), "{warnings:#?}");
}
