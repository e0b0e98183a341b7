//! Eight known mistakes of generators of system-call numbers, one test each.

use crate::common::*;
use aio_codegen::Tables;
use aio_codegen::tables::{Prototype, Row};
use std::collections::BTreeSet;

fn embedded() -> Tables {
    Tables::embedded().unwrap()
}

fn parse_rows(table: &str) -> Vec<Row> {
    embedded().table(table).unwrap().rows.clone()
}

#[test]
fn trap_1_the_kernel_does_not_filter_mips_by_tag() {
    let tables = embedded();
    let entry = "sys_set_mempolicy_home_node";
    for (abi, number) in [("mips-o32", 4450), ("mips-n32", 6450), ("mips-n64", 5450)] {
        assert_eq!(call(&tables, abi, "set_mempolicy_home_node"), Some((number, entry)));
    }
    // All but one are tagged n64, and all are calls.
    let tagged = parse_rows("mips-n64").iter().filter(|row| row.tag == "n64").count();
    assert_eq!(calls_of(&tables, "mips-n64").len(), tagged + 1);
}

#[test]
fn trap_2_columns_may_be_missing_or_empty() {
    let x86_64 = parse_rows("x86_64");
    let row = |name: &str| x86_64.iter().find(|row| row.name == name).unwrap();
    assert_eq!((row("uselib").entry.as_deref(), row("uselib").noreturn), (None, false));
    assert_eq!(row("_sysctl").entry.as_deref(), Some("sys_ni_syscall"));
    let noreturn: Vec<&str> =
        x86_64.iter().filter(|row| row.noreturn).map(|row| row.name.as_str()).collect();
    assert_eq!(noreturn, ["exit", "exit_group"]);
    assert!(row("exit").compat.is_none());
    // In s390's own columns a 31-bit call has no native entry.
    let s390 = parse_rows("s390-31bit");
    let only_compat: Vec<_> =
        s390.iter().filter(|row| row.entry.is_none() && row.compat.is_some()).collect();
    assert_eq!(only_compat.len(), 75);
    assert!(only_compat.iter().all(|row| row.tag == "32" || row.name == "readdir"));
    assert!(!embedded().sources.iter().any(|source| {
        parse_rows(&source.name)
            .iter()
            .any(|row| [&row.entry, &row.compat].into_iter().flatten().any(|symbol| symbol == "-"))
    }));

    let table = imported(&Tree::new(), &["i386"]).table("i386").unwrap().clone();
    let expected = |nr, name: &str, entry: Option<&str>, compat: Option<&str>, noreturn| Row {
        nr,
        tag: "i386".into(),
        name: name.into(),
        entry: entry.map(str::to_owned),
        compat: compat.map(str::to_owned),
        noreturn,
    };
    assert_eq!(
        table.rows[..4],
        [
            expected(1, "exit", Some("sys_exit"), None, true),
            expected(3, "read", Some("sys_read"), None, false),
            expected(17, "break", None, None, false),
            expected(245, "io_setup", Some("sys_io_setup"), Some("compat_sys_io_setup"), false),
        ]
    );
    let table = imported(&Tree::linux_6_12(), &["s390-31bit"]).table("s390-31bit").unwrap().clone();
    assert_eq!(table.rows[0].compat.as_deref(), Some("sys_time32"));
    assert_eq!((table.rows[0].entry.as_deref(), table.rows[1].compat.as_deref()), (None, None));
}

#[test]
fn trap_3_native_columns_hold_compat_entry_points() {
    let tables = embedded();
    let compat = |abi| -> Vec<u32> {
        let calls = calls_of(&tables, abi);
        calls
            .iter()
            .filter(|call| call.entry.is_some_and(|e| e.starts_with("compat_")))
            .map(|call| call.number)
            .collect()
    };
    assert_eq!(compat("x32").len(), 28);
    assert!(compat("mips-n32").len() >= 71, "as many as in Linux 7.2");
    assert!(
        compat("x32").iter().all(|number| (0x4000_0000 + 512..=0x4000_0000 + 547).contains(number))
    );
    for abi in ["x86_64", "i386", "mips-o32", "mips-n64", "aarch64", "arm64-compat"] {
        assert!(compat(abi).is_empty(), "{abi}");
    }
    assert_eq!(call(&tables, "mips-n32", "io_setup"), Some((6200, "compat_sys_io_setup")));
    assert_eq!(
        call(&tables, "x32", "io_submit"),
        Some((0x4000_0000 + 544, "compat_sys_io_submit"))
    );
}

/// Xtensa's `SYS_XTENSA_*` numbers below 6 select an operation of its own call; they are not calls.
#[test]
fn trap_4_headers_add_names_and_bases() {
    let tables = embedded();
    for (abi, name, number, entry) in [
        ("arm", "sync_file_range2", 341, "sys_sync_file_range2"),
        ("arm", "arm_sync_file_range", 341, "sys_sync_file_range2"),
        ("csky", "sync_file_range2", 84, "sys_sync_file_range2"),
        ("hexagon", "sync_file_range2", 84, "sys_sync_file_range2"),
        ("alpha", "umount", 22, "sys_umount"),
        ("alpha", "umount2", 22, "sys_umount"),
        ("alpha", "osf_shmat", 209, "sys_shmat"),
        ("alpha", "getpid", 20, "sys_getxpid"),
        ("alpha", "getuid", 24, "sys_getxuid"),
        ("alpha", "getgid", 47, "sys_getxgid"),
        ("ia64", "umount", 1044, "sys_umount"),
        ("arm", "breakpoint", 0xf_0001, "-"),
        ("arm", "cacheflush", 0xf_0002, "-"),
        ("arm", "usr26", 0xf_0003, "-"),
        ("arm", "usr32", 0xf_0004, "-"),
        ("arm", "set_tls", 0xf_0005, "-"),
        ("arm", "get_tls", 0xf_0006, "-"),
        ("arm-oabi", "get_tls", 0x9f_0006, "-"),
    ] {
        assert_eq!(call(&tables, abi, name), Some((number, entry)), "{abi} {name}");
    }
    let based: Vec<(&str, u32)> = tables
        .abis
        .iter()
        .filter(|abi| abi.base != 0)
        .map(|abi| (abi.name.as_str(), abi.base))
        .collect();
    assert_eq!(
        based,
        [
            ("x32", 0x4000_0000),
            ("arm-oabi", 0x90_0000),
            ("mips-o32", 4000),
            ("mips-n32", 6000),
            ("mips-n64", 5000),
            ("ia64", 1024)
        ]
    );
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        assert!(abi.calls(table).iter().all(|call| call.number >= abi.base), "{}", abi.name);
    }
    assert!(!calls_of(&tables, "xtensa").iter().any(|call| call.name.contains("XTENSA")));
}

#[test]
fn trap_5_no_tag_is_a_prefix_of_another() {
    let tables = embedded();
    for source in &tables.sources {
        let mut tags: BTreeSet<String> =
            parse_rows(&source.name).into_iter().map(|row| row.tag).collect();
        tags.extend(
            tables.table(&source.name).unwrap().takes.iter().flat_map(|taker| taker.tags.clone()),
        );
        assert!(!tags.is_empty());
        for tag in &tags {
            let like = tags.iter().find(|other| *other != tag && other.starts_with(tag.as_str()));
            assert_eq!(like, None, "{} begins like {tag}", source.name);
        }
    }
    // The kernel's own script counts this row among those of x86_64.
    let mut tree = Tree::new();
    let line = tree.edit(X86_64, "134\t64\t", "134\t64only\t");
    let message = "the tag `64only` begins like `64`, and syscallhdr.sh compares prefixes only; \
                   rename one of them";
    refused(&tree, &format!("{{tree}}/{X86_64}:{line}: {message}"));
}

#[test]
fn trap_6_a_name_is_not_an_entry_point() {
    let differ = |table| {
        let rows = parse_rows(table);
        let other = |row: &&Row| {
            row.entry.as_ref().is_some_and(|entry| *entry != format!("sys_{}", row.name))
        };
        (table, rows.iter().filter(other).count())
    };
    let tables = ["i386", "m68k", "arm", "mips-o32", "asm-generic", "x86_64"];
    // In Linux 7.2; later ones add to it.
    for ((table, found), least) in tables.map(differ).into_iter().zip([115, 113, 110, 99, 50, 35]) {
        assert!(found >= least, "{table}: {found}");
    }
    let tables = embedded();
    assert_eq!(call(&tables, "x86_64", "stat"), Some((4, "sys_newstat")));
    assert_eq!(call(&tables, "x86_64", "newstat"), None);
    assert_eq!(call(&tables, "m68k", "chown"), Some((16, "sys_chown16")));
    assert_eq!(call(&tables, "m68k", "chown32"), Some((198, "sys_chown")));
    let tables = imported(&Tree::new(), &["sparc", "arm"]);
    assert_eq!(call(&tables, "sparc32", "lchown32"), Some((31, "sys_lchown")));
    assert_eq!(call(&tables, "arm", "arm_sync_file_range"), Some((341, "sys_sync_file_range2")));
}

fn conditions(prototypes: &[Prototype], entry: &str) -> Vec<Option<String>> {
    prototypes
        .iter()
        .filter(|prototype| prototype.entry == entry)
        .map(|prototype| prototype.optional.clone())
        .collect()
}

#[test]
fn trap_7_io_getevents_is_two_calls() {
    let tables = embedded();
    for abi in &tables.abis {
        let (name, base) = (abi.name.as_str(), abi.base);
        let getevents = call(&tables, name, "io_getevents").map(|(_, entry)| entry);
        let expected = match name {
            "riscv32" | "loongarch32" => None,
            // x32 takes 64-bit time everywhere; the other two have their own columns for the 32-bit
            // entry.
            "x32" | "powerpc-spu" | "s390" => Some("sys_io_getevents"),
            _ if abi.bits == 32 => Some("sys_io_getevents_time32"),
            _ => Some("sys_io_getevents"),
        };
        assert_eq!(getevents, expected, "{name}");
        let number = call(&tables, name, "io_pgetevents_time64").map(|(number, _)| number);
        let has = abi.bits == 32 && !["x32", "powerpc-spu"].contains(&name);
        assert_eq!(number, has.then_some(base + 416), "{name}");
    }
    let prototypes = tables.prototypes().unwrap();
    let only_if = |condition: &str| vec![Some(condition.to_owned())];
    assert_eq!(conditions(prototypes, "sys_io_getevents"), only_if("CONFIG_AIO && CONFIG_64BIT"));
    assert_eq!(
        conditions(prototypes, "sys_io_getevents_time32"),
        only_if("CONFIG_AIO && CONFIG_COMPAT_32BIT_TIME")
    );
    assert_eq!(
        conditions(prototypes, "sys_io_pgetevents_time32"),
        only_if("CONFIG_AIO && CONFIG_COMPAT_32BIT_TIME && !CONFIG_64BIT")
    );
    assert_eq!(conditions(prototypes, "sys_io_pgetevents"), only_if("CONFIG_AIO"));
    let absent = tables.absent().unwrap();
    let getevents = absent.iter().find(|absent| absent.name == "io_getevents").unwrap();
    assert_eq!((getevents.instead.as_str(), getevents.abis.len()), ("io_pgetevents_time64", 2));
}

#[test]
fn trap_8_the_entry_point_leads_to_the_arguments() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    let known: BTreeSet<&str> =
        prototypes.iter().map(|prototype| prototype.entry.as_str()).collect();
    // How many have arguments in Linux 7.2, and which have none.
    for (abi, least, without) in [
        ("x86_64", 368, &[][..]),
        ("aarch64", 325, &[]),
        ("i386", 439, &["sys_uselib"]),
        ("openrisc", 344, &["sys_or1k_atomic"]),
        ("mips-n64", 362, &[]),
    ] {
        let entries = calls_of(&tables, abi).into_iter().filter_map(|call| call.entry);
        let (found, missing): (Vec<_>, Vec<_>) = entries
            .filter(|entry| *entry != "sys_ni_syscall")
            .partition(|entry| known.contains(entry));
        assert!(
            found.len() >= least && missing == without,
            "{abi}: {}, without {missing:?}",
            found.len()
        );
    }
    let args = |entry: &str| -> Vec<String> {
        let found = prototypes.iter().find(|prototype| prototype.entry == entry).unwrap();
        found.args.iter().map(|(ctype, name)| format!("{ctype} {name}")).collect()
    };
    // By its name, x86_64's `stat` would be the old one, and `umount2` would have no definition.
    assert_eq!(args("sys_newstat")[1], "struct stat __user * statbuf");
    assert_eq!(args("sys_stat")[1], "struct __old_kernel_stat __user * statbuf");
    assert!(known.contains("sys_umount") && !known.contains("sys_umount2"));
    // strace lists 3, 4 and 4.
    assert_eq!(["sys_bpf", "sys_preadv", "sys_pwritev"].map(|entry| args(entry).len()), [5, 5, 5]);
    assert_eq!(
        args("sys_io_submit"),
        ["aio_context_t ctx_id", "long nr", "struct iocb __user *__user * iocbpp"]
    );
    assert_eq!(args("compat_sys_io_setup"), ["unsigned nr_events", "u32 __user * ctx32p"]);
}
