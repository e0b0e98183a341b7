//! Headers of vendors' kernels: private calls, and what only a kernel build defines.

use super::*;
use aio_codegen::import::{self, Findings};
use aio_codegen::store;
use aio_tests::{CCompiler, skip};

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

const GENERIC_HEADER: &str = "include/uapi/asm-generic/unistd.h";

#[test]
fn the_table_is_compiled_with_the_macro_of_the_kernel() {
    let mut tree = Tree::linux_6_1();
    let rows = "#define __NR_both 500\n__SYSCALL(__NR_both, sys_read)\n\
                #define __NR_only_user 501\n#define __NR_only_kernel 502\n\
                #ifndef __KERNEL__\n__SYSCALL(__NR_only_user, sys_read)\n\
                #else\n__SYSCALL(__NR_only_kernel, sys_read)\n#endif\n\
                #define __NR_nowhere 503\n";
    tree.append(GENERIC_HEADER, rows);
    let (tables, warnings) = lenient(&tree);
    for abi in ["aarch64", "riscv32"] {
        assert_eq!(call(&tables, abi, "both"), Some((500, "sys_read")));
        assert_eq!(call(&tables, abi, "only_user"), Some((501, "-")));
        assert_eq!(call(&tables, abi, "only_kernel"), Some((502, "sys_read")));
        assert_eq!(call(&tables, abi, "nowhere"), Some((503, "-")));
    }
    match CCompiler::find() {
        None => skip("the list of a C compiler", "there is no C compiler"),
        Some(cc) => {
            let list = format!("#define __SYSCALL(number, entry) number entry\n{rows}");
            let found = cc.run(&["-E", "-P", "-D__KERNEL__"], &list).unwrap();
            let calls = calls_of(&tables, "aarch64");
            let ours = calls.iter().filter(|call| call.number >= 500);
            let ours = ours.filter_map(|call| Some(format!("{} {}\n", call.number, call.entry?)));
            assert_eq!(found, ours.collect::<String>());
        }
    }
    // What is not in the kernel's list ends in ENOSYS.
    let of = |name: &str| {
        let named = format!(": {name} (");
        warnings.iter().find(|line| line.contains(&named)).unwrap()
    };
    let none = "; it has no entry point, so the kernel answers ENOSYS";
    let found =
        ["both", "only_user", "only_kernel", "nowhere"].map(|name| of(name).ends_with(none));
    assert_eq!(found, [false, true, false, true], "{warnings:#?}");
}

#[test]
fn a_header_may_hide_its_list_from_all_but_one_file() {
    let mut tree = Tree::linux_6_1();
    let before = lenient(&tree).0;
    let text = format!("#ifndef __KERNEL__\n{}#endif\n", tree.read(GENERIC_HEADER));
    tree.put(GENERIC_HEADER, &text);
    let (tables, warnings) = lenient(&tree);
    for abi in ["aarch64", "hexagon", "csky"] {
        assert_eq!(listed(&tables, abi), listed(&before, abi));
    }
    assert!(!warnings.iter().any(|line| line.contains("__KERNEL__")), "{warnings:#?}");
}

/// The header of powerpc, which includes others that the tree does not have.
fn includes(lines: &str) -> Tree {
    let mut tree = Tree::linux_4_19();
    let text = format!("{lines}{}", tree.read(POWERPC));
    tree.put(POWERPC, &text);
    tree
}

#[test]
fn the_header_with_the_version_is_generated() {
    let lines = "#include <linux/version.h>\n\
                 #if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 19, 0)\n#define __NR_new 400\n#endif\n\
                 #if LINUX_VERSION_CODE > KERNEL_VERSION(4, 20, 0)\n#define __NR_newer 401\n\
                 #endif\n";
    for name in ["linux/version.h", "generated/uapi/linux/version.h"] {
        let (tables, warnings) = lenient(&includes(&lines.replace("linux/version.h", name)));
        assert_eq!(call(&tables, "powerpc64", "new"), Some((400, "-")));
        assert_eq!(call(&tables, "powerpc64", "newer"), None);
        assert!(!warnings.iter().any(|line| line.contains("version")), "{warnings:#?}");
    }
}

#[test]
fn a_missing_header_is_left_out() {
    for (name, place) in [
        ("bits/wordsize.h", "include/uapi/bits/wordsize.h"),
        ("asm/vendor.h", "arch/powerpc/include/uapi/asm/vendor.h"),
    ] {
        // What only a compiler predefines, or a header itself, does not come from it.
        let lines = format!(
            "#ifndef _VENDOR_H\n#define _VENDOR_H\n#include <{name}>\n\
             #ifndef __ACME__\n#define __NR_acme 400\n#endif\n\
             #if ACME_WORD == 64\n#define ACME 1\n#endif\n#endif\n"
        );
        let (tables, warnings) = lenient(&includes(&lines));
        assert_eq!(call(&tables, "powerpc64", "acme"), Some((400, "-")));
        let expected = format!(
            "{{tree}}/{POWERPC}:3: includes <{name}>, which does not exist, and is left out; if a \
             build or a C library provides it, copy it to {{tree}}/{place}"
        );
        assert!(warnings.contains(&expected), "{warnings:#?}");
    }
}

#[test]
fn a_number_does_not_depend_on_a_missing_header() {
    let lines = "#include <bits/wordsize.h>\n#define ACME_64 (ACME_WORD == 64)\n\
                 #if 1\n#if ACME_64\n#define __NR_acme 400\n#else\n#define __NR_acme 401\n#endif\n\
                 #endif\n";
    let mut tree = includes(lines);
    let place = "include/uapi/bits/wordsize.h";
    refused_only(
        &tree,
        &["powerpc"],
        &format!(
            "{{tree}}/{POWERPC}:4: `__NR_acme` depends on ACME_WORD, which is not defined, and \
             <bits/wordsize.h> of {{tree}}/{POWERPC}:1 does not exist; create {{tree}}/{place}, \
             with a comment alone if it does not define ACME_WORD"
        ),
    );
    for (text, number) in [("/* None. */\n", 401), ("#define ACME_WORD 64\n", 400)] {
        tree.write(place, text);
        assert_eq!(call(&lenient(&tree).0, "powerpc64", "acme"), Some((number, "-")));
    }
}

#[test]
fn a_header_that_only_the_kernel_includes_decides_nothing_silently() {
    let mut tree = Tree::linux_6_1();
    let rows = "#define __NR_acme 500\n#ifdef __KERNEL__\n#include <asm/acme.h>\n#ifdef ACME\n\
                __SYSCALL(__NR_acme, sys_read)\n#endif\n#endif\n";
    let line = tree.append(GENERIC_HEADER, rows);
    let error = mistake(&tree, &["asm-generic"]);
    let found = format!(
        "{{tree}}/{GENERIC_HEADER}:{}: `__SYSCALL(__NR_acme, sys_read)` depends on ACME",
        line + 3
    );
    assert!(error.starts_with(&found), "{error}");
}

#[test]
fn a_number_may_depend_on_the_configuration() {
    let mut tree = Tree::linux_6_1();
    tree.append("init/Kconfig", "config ACME\n\tbool\nconfig ACME_MORE\n\tbool\n");
    let rows = "#ifdef CONFIG_ACME\n\
                #define __NR_acmeInit 500\n__SYSCALL(__NR_acmeInit, sys_read)\n\
                #define __NR_acmeAdd 501\n__SYSCALL(__NR_acmeAdd, sys_read)\n\
                #if defined(CONFIG_ACME_MORE)\n\
                #define __NR_acmeMore 502\n__SYSCALL(__NR_acmeMore, sys_read)\n\
                #endif\n#endif\n\
                #ifdef CONFIG_NOWHERE\n\
                #define __NR_acmeNowhere 503\n__SYSCALL(__NR_acmeNowhere, sys_read)\n\
                #endif\n\
                #define __NR_acmeStat 504\n\
                #ifdef CONFIG_ACME\n__SYSCALL(__NR_acmeStat, sys_read)\n\
                #else\n__SYSCALL(__NR_acmeStat, sys_ni_syscall)\n#endif\n";
    let line = tree.append(GENERIC_HEADER, rows);
    let (tables, warnings) = lenient(&tree);
    for abi in ["aarch64", "riscv32"] {
        for (name, number) in
            [("acmeInit", 500), ("acmeAdd", 501), ("acmeMore", 502), ("acmeStat", 504)]
        {
            assert_eq!(call(&tables, abi, name), Some((number, "sys_read")), "{abi}");
        }
        assert_eq!(call(&tables, abi, "acmeNowhere"), None);
    }
    let declared = "; not every kernel has it";
    for (at, what) in [
        (0, format!("`__NR_acmeInit` (and 2 more) depends on CONFIG_ACME{declared}")),
        (5, format!("`__NR_acmeMore` depends on CONFIG_ACME_MORE{declared}")),
        (
            10,
            "`__NR_acmeNowhere` depends on CONFIG_NOWHERE, which no Kconfig file declares; it is \
             not defined"
                .to_owned(),
        ),
        (15, format!("`__SYSCALL(__NR_acmeStat, sys_read)` depends on CONFIG_ACME{declared}")),
    ] {
        let expected = format!("{{tree}}/{GENERIC_HEADER}:{}: {what}", line + at);
        assert!(warnings.contains(&expected), "{expected}: {warnings:#?}");
    }
    let tree = source(&tree, "{tree}");
    let strict = import::tree(&tree, &COMMITTED, &["asm-generic".to_owned()], &Findings::strict());
    assert!(strict.unwrap_err().to_string().contains("depends on CONFIG_ACME;"));
}

#[test]
fn a_name_beside_a_table_may_depend_on_the_configuration() {
    let mut tree = Tree::new();
    tree.append("init/Kconfig", "config ACME\n\tbool\n");
    let text = "#ifdef CONFIG_ACME\n#define __NR_acme 600\n#endif\n";
    let line = tree.append(HEADER_X86, text);
    let (tables, warnings) = lenient(&tree);
    assert_eq!(call(&tables, "x86_64", "acme"), Some((600, "-")));
    let expected =
        format!("{{tree}}/{HEADER_X86}:{line}: `__NR_acme` depends on CONFIG_ACME; not every ");
    assert!(warnings.iter().any(|found| found.starts_with(&expected)), "{warnings:#?}");
}

#[test]
fn an_entry_point_that_no_header_names_is_unknown() {
    let directory = TempDir::new().unwrap();
    for (name, text) in good(&Tree::linux_4_19(), &[]) {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let explain = |call: &str| {
        let mut command = codegen();
        command.args(["explain", call, "--tables"]).arg(directory.path());
        let (status, out, error) = run(&mut command);
        assert_eq!((status, &*error), (Some(0), ""));
        let entry = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words[0].to_owned(), words[2].to_owned())
        };
        out.lines().skip(1).take_while(|line| !line.is_empty()).map(entry).collect::<Vec<_>>()
    };
    let entry = |call: &str, abi: &str| {
        let found = explain(call).into_iter().find(|(name, _)| name == abi);
        found.map(|(_, entry)| entry)
    };
    let is = |call: &str, abi: &str, expected: &str| {
        assert_eq!(entry(call, abi).as_deref(), Some(expected), "{call} on {abi}");
    };
    for abi in ["powerpc64", "powerpc32", "mips-o32", "sparc64", "alpha", "m68k", "sh"] {
        is("io_setup", abi, "?");
    }
    is("io_setup", "x86_64", "sys_io_setup");
    // Where the entry points are known, a row without one is reserved.
    is("uselib", "x86_64", "sys_ni_syscall");
}
