//! The fourteen places where readers of Linux's tables have gone wrong, one test each: on the
//! committed tables, or if these cannot show it, on a miniature kernel tree.

use crate::common::*;
use aio_codegen::Tables;
use std::collections::{BTreeMap, BTreeSet};

fn embedded() -> Tables {
    Tables::embedded().unwrap()
}

/// A call of an ABI: the ABI, the name, the number, the entry point.
#[track_caller]
fn holds(tables: &Tables, facts: &[(&str, &str, u32, &str)]) {
    for (abi, name, number, entry) in facts {
        assert_eq!(call(tables, abi, name), Some((*number, *entry)), "{abi} {name}");
    }
}

#[track_caller]
fn assert_absent(tables: &Tables, name: &str, abis: &[&str]) {
    for abi in abis {
        assert_eq!(call(tables, abi, name), None, "{abi} {name}");
    }
}

#[test]
fn gotcha_01_mips_n64_common_row_is_kept() {
    let tables = embedded();
    let rows = &tables.table("mips-n64").unwrap().rows;
    let other: Vec<_> =
        rows.iter().filter(|row| row.tag != "n64").map(|row| (row.nr, row.tag.as_str())).collect();
    assert_eq!(other, [(450, "common")]);
    assert_eq!(calls_of(&tables, "mips-n64").len(), rows.len());
    assert_eq!(tables.table("mips-n64").unwrap().tags("mips-n64"), Some(&[][..]));
    holds(&tables, &[("mips-n64", "set_mempolicy_home_node", 5450, "sys_set_mempolicy_home_node")]);

    let mut tree = Tree::new();
    tree.edit("arch/mips/kernel/syscalls/syscall_n64.tbl", "450\tn64", "450\tcommon");
    let expected = Some((5450, "sys_set_mempolicy_home_node"));
    assert_eq!(call(&imported(&tree, &[]), "mips-n64", "set_mempolicy_home_node"), expected);
}

#[test]
fn gotcha_02_csky_and_hexagon_rename_84() {
    let tables = embedded();
    for abi in ["csky", "hexagon"] {
        holds(&tables, &[(abi, "sync_file_range2", 84, "sys_sync_file_range2")]);
        // One call, without an alias.
        assert_eq!(
            calls_of(&tables, abi).iter().filter(|call| call.number == 84).count(),
            1,
            "{abi}"
        );
    }
    assert_absent(&tables, "sync_file_range", &["csky", "hexagon"]);
    for abi in
        ["aarch64", "riscv64", "riscv32", "loongarch64", "loongarch32", "nios2", "openrisc", "arc"]
    {
        holds(&tables, &[(abi, "sync_file_range", 84, "sys_sync_file_range")]);
    }
}

/// MIPS's swaps in assembly, only with FPU affinity, are not followed.
#[test]
fn gotcha_03_c_files_swap_entry_points() {
    let tables = embedded();
    holds(
        &tables,
        &[
            ("arc", "clone", 220, "sys_clone_wrapper"),
            ("arc", "clone3", 435, "sys_clone3_wrapper"),
            ("arc", "mmap2", 222, "sys_mmap_pgoff"),
            ("hexagon", "mmap2", 222, "sys_mmap_pgoff"),
            ("nios2", "mmap2", 222, "sys_mmap_pgoff"),
            ("openrisc", "mmap2", 222, "sys_mmap_pgoff"),
            ("csky", "mmap2", 222, "sys_mmap2"),
            ("csky", "fadvise64_64", 223, "sys_csky_fadvise64_64"),
            ("hexagon", "fadvise64_64", 223, "sys_hexagon_fadvise64_64"),
            ("arc", "fadvise64_64", 223, "sys_fadvise64_64"),
            ("nios2", "clone3", 435, "__sys_clone3"),
            ("openrisc", "clone3", 435, "__sys_clone3"),
            ("openrisc", "clone", 220, "__sys_clone"),
            ("nios2", "clone", 220, "sys_clone"),
            ("aarch64", "personality", 92, "sys_arm64_personality"),
            ("riscv64", "personality", 92, "sys_personality"),
            ("mips-o32", "sched_setaffinity", 4239, "sys_sched_setaffinity"),
        ],
    );
    // The prototype follows the swap.
    let prototypes = tables.prototypes().unwrap();
    for entry in [
        "sys_arm64_personality",
        "sys_csky_fadvise64_64",
        "sys_hexagon_fadvise64_64",
        "sys_mmap_pgoff",
    ] {
        assert!(prototypes.iter().any(|prototype| prototype.entry == entry), "{entry}");
    }
}

/// Linux 4.19's x86 tables wrap the symbols as `__x64_sys_x/ptregs`.
#[test]
fn gotcha_04_entry_points_have_all_kinds_of_names() {
    holds(
        &embedded(),
        &[
            ("alpha", "clone3", 545, "alpha_clone3"),
            ("alpha", "osf_syscall", 0, "alpha_syscall_zero"),
            ("sparc64", "exit", 1, "sparc_exit"),
            ("sparc32", "execv", 11, "sunos_execv"),
            ("sparc64", "clone3", 435, "__sys_clone3"),
            ("powerpc64", "personality", 136, "sys_ppc64_personality"),
            ("powerpc32", "pread64", 179, "sys_ppc_pread64"),
            ("parisc32", "pread64", 108, "parisc_pread64"),
            ("mips-n64", "pipe", 5021, "sysm_pipe"),
            ("sh", "mmap", 90, "old_mmap"),
            ("xtensa", "shmat", 93, "xtensa_shmat"),
        ],
    );
    let tables = embedded();
    let compat = |name| {
        calls_of(&tables, "mips-o32")
            .iter()
            .find(|call| call.name == name)
            .and_then(|call| call.compat)
    };
    assert_eq!(compat("syscall"), Some("sys32_syscall"));

    let tables = imported(&Tree::linux_4_19(), &[]);
    holds(
        &tables,
        &[
            ("x86_64", "clone", 56, "sys_clone"),
            ("x32", "rt_sigaction", 0x4000_0000 + 512, "compat_sys_rt_sigaction"),
            ("x32", "execve", 0x4000_0000 + 520, "compat_sys_execve"),
        ],
    );
    let i386: Vec<_> =
        calls_of(&tables, "i386").iter().map(|call| (call.entry, call.compat)).collect();
    assert_eq!(
        i386,
        [
            (Some("sys_exit"), None),
            (None, None),
            (Some("sys_clone"), Some("compat_sys_x86_clone")),
            (Some("sys_io_setup"), Some("compat_sys_io_setup")),
        ]
    );
}

#[test]
fn gotcha_05_kernel_internal_headers_are_not_user_space_numbers() {
    let tables = embedded();
    assert_absent(&tables, "time", &["sparc64", "arm64-compat"]);
    holds(&tables, &[("sparc32", "time", 231, "sys_time32")]);
    assert!(!calls_of(&tables, "sparc64").iter().any(|call| call.number == 231));
    let kernel_only: Vec<&str> =
        tables.abis.iter().filter(|abi| !abi.uapi).map(|abi| abi.name.as_str()).collect();
    assert_eq!(kernel_only, ["arm64-compat", "powerpc-spu"]);
    // Those have no header that could be wrong, and no Rust target.
    assert!(tables.abis.iter().all(|abi| abi.uapi || abi.rust.is_empty()));
    let mut tree = Tree::new();
    tree.append("arch/arm64/include/uapi/asm/unistd.h", "#define __NR_mine 5000\n");
    let tables = imported(&tree, &[]);
    assert_eq!(call(&tables, "aarch64", "mine"), Some((5000, "-")));
    assert_absent(&tables, "mine", &["arm64-compat"]);
}

#[test]
fn gotcha_06_numbers_are_unique_only_within_an_abi() {
    let tables = embedded();
    let rows = |table: &str, nr: u32| -> Vec<String> {
        let rows = tables.table(table).unwrap().rows.iter().filter(|row| row.nr == nr);
        rows.map(|row| {
            format!("{} {} {}", row.tag, row.name, row.entry.as_deref().unwrap_or_default())
        })
        .collect()
    };
    assert_eq!(
        rows("powerpc", 18),
        ["32 oldstat sys_stat", "64 oldstat sys_ni_syscall", "spu oldstat sys_ni_syscall"]
    );
    assert_eq!(rows("sparc", 1), ["32 exit sys_exit", "64 exit sparc_exit"]);
    assert_eq!(
        rows("asm-generic", 244),
        [
            "arc cacheflush sys_cacheflush",
            "csky set_thread_area sys_set_thread_area",
            "nios2 cacheflush sys_cacheflush",
            "or1k or1k_atomic sys_or1k_atomic"
        ]
    );
    assert_eq!(
        rows("asm-generic", 245),
        ["arc arc_settls sys_arc_settls", "csky cacheflush sys_cacheflush"]
    );
    assert_eq!(tables.abis.len(), 34);
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        let calls: Vec<_> =
            abi.calls(table).into_iter().filter(|call| call.tag.is_some()).collect();
        let numbers: BTreeSet<u32> = calls.iter().map(|call| call.number).collect();
        let names: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
        assert_eq!((numbers.len(), names.len()), (calls.len(), calls.len()), "{}", abi.name);
    }
}

#[test]
fn gotcha_07_some_abis_have_other_numbers() {
    let tables = embedded();
    holds(
        &tables,
        &[
            ("x86_64", "cachestat", 451, "sys_cachestat"),
            ("alpha", "cachestat", 561, "sys_cachestat"),
            ("alpha", "pidfd_send_signal", 534, "sys_pidfd_send_signal"),
            ("x86_64", "uretprobe", 335, "sys_uretprobe"),
            ("x86_64", "uprobe", 336, "sys_uprobe"),
            ("x86_64", "pidfd_send_signal", 424, "sys_pidfd_send_signal"),
            ("microblaze", "read", 3, "sys_read"),
            ("xtensa", "read", 12, "sys_read"),
            ("microblaze", "clock_gettime64", 403, "sys_clock_gettime"),
            ("xtensa", "clock_gettime64", 403, "sys_clock_gettime"),
            ("x86_64", "io_setup", 206, "sys_io_setup"),
            ("x32", "io_setup", 0x4000_0000 + 543, "compat_sys_io_setup"),
            ("x32", "io_destroy", 0x4000_0000 + 207, "sys_io_destroy"),
        ],
    );
    let rows = &tables.table("x86_64").unwrap().rows;
    let numbers = |from: u32, to: u32| {
        rows.iter().filter(move |row| (from..=to).contains(&row.nr)).map(|row| row.nr)
    };
    assert_eq!(numbers(337, 423).count(), 0);
    let x32: Vec<u32> = rows.iter().filter(|row| row.tag == "x32").map(|row| row.nr).collect();
    assert_eq!(x32, (512..=547).collect::<Vec<_>>());
    // Alpha's shift is the same for all newer calls that both have.
    let alpha: BTreeMap<&str, u32> =
        calls_of(&tables, "alpha").iter().map(|call| (call.name, call.number)).collect();
    let newer: Vec<_> =
        calls_of(&tables, "aarch64").into_iter().filter(|call| call.number >= 424).collect();
    assert!(newer.len() >= 48, "as many as in Linux 7.2");
    for call in newer.iter().filter(|call| call.name != "memfd_secret") {
        assert_eq!(alpha[call.name], call.number + 110, "{}", call.name);
    }
}

#[test]
fn gotcha_08_placeholders_are_rows_like_others() {
    let tables = embedded();
    let rows = |table: &str| &tables.table(table).unwrap().rows;
    let reserved = |table: &str| {
        let kinds = ["unused", "reserved", "available"];
        let numbered = |name: &str| {
            kinds
                .iter()
                .any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok()))
        };
        rows(table).iter().filter(|row| numbered(&row.name)).count()
    };
    let found =
        ["mips-o32", "mips-n32", "mips-n64", "xtensa"].map(|table| (table, reserved(table)));
    assert_eq!(found, [("mips-o32", 8), ("mips-n32", 2), ("mips-n64", 2), ("xtensa", 23)]);
    let ni = |table: &str| {
        rows(table).iter().filter(|row| row.entry.as_deref() == Some("sys_ni_syscall")).count()
    };
    assert_eq!(["microblaze", "alpha"].map(ni), [42, 97]);
    let without_entry = |table: &str| rows(table).iter().filter(|row| row.entry.is_none()).count();
    assert_eq!(["x86_64", "i386", "arm", "asm-generic"].map(without_entry), [16, 19, 2, 0]);
    // Not every such name is a placeholder.
    holds(
        &tables,
        &[
            ("mips-o32", "unused59", 4059, "sys_olduname"),
            ("mips-o32", "reserved82", 4082, "sys_ni_syscall"),
            ("xtensa", "available4", 2, "sys_ni_syscall"),
            ("x86_64", "uselib", 134, "-"),
        ],
    );
}

#[test]
fn gotcha_09_absent_calls_have_a_reason() {
    let tables = embedded();
    let absent = tables.absent().unwrap();
    let mut pairs = BTreeSet::new();
    for entry in absent {
        assert!(!entry.why.is_empty() && !entry.instead.is_empty(), "{}", entry.name);
        let linux =
            |abi: &str| tables.table(&tables.abi(abi).unwrap().table).unwrap().linux.clone();
        for abi in entry.abis.iter().filter(|abi| entry.holds(abi, &linux(abi))) {
            assert_eq!(call(&tables, abi, &entry.name), None, "{abi} has {}", entry.name);
            assert!(
                pairs.insert((entry.name.as_str(), abi.as_str())),
                "{abi} {} stands there twice",
                entry.name
            );
        }
    }
    // The ABIs with it and those listed without it are all ABIs that are still in the kernel.
    let frozen = |abi: &str| ["ia64", "s390"].contains(&abi);
    for (name, with) in [
        ("clone3", 30),
        ("rseq_slice_yield", 31),
        ("set_mempolicy_home_node", 31),
        ("memfd_secret", 9),
        ("io_getevents", 30),
    ] {
        let abis = tables.abis.iter().map(|abi| abi.name.as_str()).filter(|abi| !frozen(abi));
        let (has, not): (Vec<&str>, Vec<&str>) =
            abis.partition(|abi| call(&tables, abi, name).is_some());
        let known =
            pairs.iter().filter(|pair| pair.0 == name && !frozen(pair.1)).map(|pair| pair.1);
        assert_eq!(has.len(), with, "{name}");
        assert_eq!(not.into_iter().collect::<BTreeSet<_>>(), known.collect(), "{name}");
    }
    let secret =
        tables.abis.iter().filter(|abi| call(&tables, &abi.name, "memfd_secret").is_some());
    let archs: BTreeSet<&str> = secret.map(|abi| abi.arch.as_str()).collect();
    assert_eq!(archs, BTreeSet::from(["arm64", "loongarch", "riscv", "s390", "x86"]));

    for abi in ["riscv32", "loongarch32"] {
        for name in ["io_getevents", "gettimeofday", "nanosleep", "fstat64", "llseek"] {
            assert_eq!(call(&tables, abi, name).is_some(), name == "llseek", "{abi} {name}");
        }
        assert_absent(&tables, "getrlimit", &[abi]);
    }
    assert_absent(&tables, "_llseek", &["riscv32", "arc", "csky"]);
    holds(&tables, &[("arc", "llseek", 62, "sys_llseek"), ("csky", "fstat64", 80, "sys_fstat64")]);

    // A call in only one table is a gap in all others, until absent.toml gives a reason.
    let mut tree = Tree::new();
    tree.append("arch/sh/kernel/syscalls/syscall.tbl", "472\tcommon\tbrand_new\tsys_brand_new\n");
    refused(
        &tree,
        &format!(
            "{{tree}}/{X86_64}: x86_64 does not have brand_new, which the tree's other tables \
             have; if the file is complete, add the reason to tables/absent.toml"
        ),
    );
}

#[test]
fn gotcha_10_order_is_per_abi() {
    let tables = embedded();
    let rows = &tables.table("asm-generic").unwrap().rows;
    let renameat: Vec<_> =
        rows.iter().filter(|row| row.tag == "renameat").map(|row| row.name.as_str()).collect();
    assert_eq!(renameat, ["renameat"]);
    let back = rows.windows(2).filter(|pair| pair[1].nr < pair[0].nr);
    assert_eq!(
        back.map(|pair| (pair[1].nr, pair[1].tag.as_str())).collect::<Vec<_>>(),
        [(244, "csky"), (244, "nios2")]
    );
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        let rows: Vec<u32> = abi
            .calls(table)
            .iter()
            .filter(|call| call.tag.is_some())
            .map(|call| call.number)
            .collect();
        assert!(rows.is_sorted() && !rows.is_empty(), "{}", abi.name);
    }
    let mut tree = Tree::new();
    let line = tree.edit(GENERIC, "245\tcsky", "243\tcsky");
    let message = "number 243 is out of order in csky: it comes after 244";
    refused(&tree, &format!("{{tree}}/{GENERIC}:{line}: {message}"));
}

/// Everything except the hashes: a line for each fact.
fn facts(tables: &Tables) -> String {
    let mut facts = String::new();
    for source in tables.sources.iter().filter(|source| tables.has_table(&source.name)) {
        let mut table = tables.table(&source.name).unwrap().clone();
        table.sha256.clear();
        table.extras.iter_mut().for_each(|extra| extra.sha256.clear());
        facts += &format!("{table:#?}\n");
    }
    let (mut constants, errnos) =
        (tables.constants().unwrap().to_vec(), tables.errnos("mips").unwrap());
    constants.iter_mut().for_each(|header| header.sha256.clear());
    facts + &format!("{:#?}\n{constants:#?}\n{errnos:#?}", tables.prototypes().unwrap())
}

#[test]
fn gotcha_11_blanks_and_line_ends_are_ignored() {
    let mut tree = Tree::new();
    let expected = facts(&imported(&tree, &[]));
    assert!(expected.contains("\"uselib\""));
    for (from, to) in [
        (
            "13\t64\trt_sigaction\t\tsys_rt_sigaction\n",
            "13   \t64  \trt_sigaction   \tsys_rt_sigaction \t \n",
        ),
        ("206\t64\tio_setup", "0xCe 64 io_setup"),
        ("134\t64\tuselib\n", "\n   # three columns\n134\t64\tuselib \n\t\n"),
    ] {
        tree.edit(X86_64, from, to);
    }
    assert_eq!(facts(&imported(&tree, &[])), expected);
    assert!(tree.files.len() > 60);
    for text in tree.files.values_mut() {
        *text = String::from_utf8_lossy(text).replace('\n', "\r\n").into_bytes();
    }
    assert_eq!(facts(&imported(&tree, &[])), expected);
    assert_eq!(call(&imported(&tree, &[]), "x86_64", "uselib"), Some((134, "-")));
}

/// A private call below the unified range is a row like any other; above, it is a gap in the other
/// tables.
#[test]
fn gotcha_12_vendor_trees_carry_conflicts_and_private_calls() {
    let mut tree = Tree::new();
    let row = "435\tcommon\tclone3\tsys_clone3\n";
    let line = tree.edit(
        "arch/m68k/kernel/syscalls/syscall.tbl",
        row,
        &format!(
            "<<<<<<< HEAD\n{row}=======\n434\tcommon\tpidfd_open\tsys_pidfd_open\n>>>>>>> vendor\n"
        ),
    );
    let path = "arch/m68k/kernel/syscalls/syscall.tbl";
    refused(
        &tree,
        &format!("{{tree}}/{path}:{line}: a merge conflict marker; resolve the conflict first"),
    );

    let mut tree = Tree::new();
    let nv = "341\tcommon\tarm_sync_file_range\tsys_sync_file_range2\n";
    tree.edit(
        "arch/arm/tools/syscall.tbl",
        nv,
        &format!("314\tcommon\tnv_mmap_pgoff\tsys_nv_mmap_pgoff\n{nv}"),
    );
    let tables = imported(&tree, &[]);
    holds(&tables, &[("arm", "nv_mmap_pgoff", 314, "sys_nv_mmap_pgoff")]);
    assert_absent(&embedded(), "nv_mmap_pgoff", &["arm", "i386", "x86_64"]);

    let line =
        tree.edit("arch/arm/tools/syscall.tbl", "314\tcommon\tnv_mmap", "243\tcommon\tnv_mmap");
    let message = "number 243 is used twice in arm; the first is at line";
    refused(&tree, &format!("{{tree}}/arch/arm/tools/syscall.tbl:{line}: {message} 4"));
    let mut tree = Tree::new();
    tree.append("arch/arm/tools/syscall.tbl", "900\tcommon\tnv_mmap_pgoff\tsys_nv_mmap_pgoff\n");
    refused(
        &tree,
        &format!(
            "{{tree}}/{X86_64}: x86_64 does not have nv_mmap_pgoff, which the tree's other tables \
             have; if the file is complete, add the reason to tables/absent.toml"
        ),
    );
}

#[test]
fn gotcha_13_versions_differ() {
    let tables = embedded();
    let current = &tables.table("x86_64").unwrap().linux;
    for source in &tables.sources {
        let linux = &tables.table(&source.name).unwrap().linux;
        let frozen = match source.name.as_str() {
            "ia64" => Some("6.1"),
            "s390-31bit" => Some("6.12"),
            _ => None,
        };
        assert_eq!(source.frozen.as_ref().map(|series| series.as_str()), frozen);
        match frozen {
            Some(series) => assert!(
                linux.as_str().starts_with(&format!("{series}.")),
                "{} is of Linux {linux}",
                source.name
            ),
            None => assert_eq!(linux, current, "{}", source.name),
        }
    }
    holds(
        &tables,
        &[
            ("arm64-compat", "_sysctl", 149, "sys_ni_syscall"),
            ("alpha", "clone3", 545, "alpha_clone3"),
            ("hexagon", "clone3", 435, "sys_clone3"),
            ("nios2", "clone3", 435, "__sys_clone3"),
            ("sparc32", "clone3", 435, "__sys_clone3"),
            ("loongarch64", "memfd_secret", 447, "sys_memfd_secret"),
            ("loongarch32", "memfd_secret", 447, "sys_memfd_secret"),
            ("parisc32", "cacheflush", 356, "sys_cacheflush"),
            ("parisc64", "cacheflush", 356, "sys_cacheflush"),
            ("riscv64", "riscv_hwprobe", 258, "sys_riscv_hwprobe"),
            ("riscv32", "riscv_hwprobe", 258, "sys_riscv_hwprobe"),
        ],
    );
    assert!(calls_of(&tables, "s390").len() == 433 && calls_of(&tables, "s390x").len() >= 390);
    let tags: BTreeSet<String> =
        tables.table("s390").unwrap().rows.iter().map(|row| row.tag.clone()).collect();
    assert_eq!(tags, BTreeSet::from(["common".to_owned()]));

    let abis = |tree: Tree| -> Vec<String> {
        let tables = imported(&tree, &[]);
        let sources = tables.sources.iter().filter(|source| tables.has_table(&source.name));
        sources
            .flat_map(|source| tables.table(&source.name).unwrap().takes.clone())
            .map(|taker| taker.abi)
            .collect()
    };
    let has = |abis: &[String]| {
        ["ia64", "s390", "loongarch32"].map(|abi| abis.iter().any(|has| has == abi))
    };
    let [old, middle, new] = [Tree::linux_6_1(), Tree::linux_6_12(), Tree::new()].map(abis);
    assert_eq!(
        [&old, &middle, &new].map(|abis| has(abis)),
        [[true, true, false], [false, true, false], [false, false, true]]
    );
    assert_eq!([old.len(), middle.len(), new.len()], [33, 32, 32]);
}

/// Linux 6.1 keeps the asm-generic numbers in `include/uapi/asm-generic/unistd.h`, whose macros put
/// the compat entry point on the 64-bit row, too, where the number belongs to another call.
#[test]
fn gotcha_14_the_compat_column_belongs_to_32_bit() {
    let tables = embedded();
    let rows = &tables.table("asm-generic").unwrap().rows;
    let tags: BTreeSet<&str> =
        rows.iter().filter(|row| row.compat.is_some()).map(|row| row.tag.as_str()).collect();
    assert_eq!(tags, BTreeSet::from(["32", "common", "rlimit", "time32"]));
    let fcntl: Vec<_> = rows
        .iter()
        .filter(|row| row.nr == 25)
        .map(|row| (row.tag.as_str(), row.name.as_str(), row.compat.as_deref()))
        .collect();
    assert_eq!(fcntl, [("32", "fcntl64", Some("compat_sys_fcntl64")), ("64", "fcntl", None)]);

    let tables = imported(&Tree::linux_6_1(), &["asm-generic"]);
    let of = |abi, name: &str| {
        let call = calls_of(&tables, abi).into_iter().find(|call| call.name == name).unwrap();
        (call.number, call.entry, call.compat)
    };
    assert_eq!(of("aarch64", "fcntl"), (25, Some("sys_fcntl"), None));
    assert_eq!(of("riscv32", "fcntl64"), (25, Some("sys_fcntl64"), Some("compat_sys_fcntl64")));
    for abi in ["aarch64", "riscv32"] {
        assert_eq!(of(abi, "io_setup"), (0, Some("sys_io_setup"), Some("compat_sys_io_setup")));
    }
}
