//! Headers of older kernel trees instead of tables.

use super::*;
use aio_codegen::import::{self, Findings, Kind};
use aio_codegen::store;
use aio_codegen::tables::Abi;

#[test]
fn the_generic_header_is_preprocessed_for_each_abi() {
    let tables = imported(&Tree::linux_6_1(), &[]);
    let unified = |secret| {
        format!(
            "424 pidfd_send_signal sys_pidfd_send_signal\n435 clone3 sys_clone3\n\
                   {secret}450 set_mempolicy_home_node sys_set_mempolicy_home_node\n471 \
                   rseq_slice_yield sys_rseq_slice_yield\n"
        )
    };
    let secret = unified("447 memfd_secret sys_memfd_secret\n");
    assert_eq!(
        listed(&tables, "aarch64"),
        "0 io_setup sys_io_setup\n4 io_getevents sys_io_getevents\n25 fcntl sys_fcntl\n38 renameat \
         sys_renameat\n\
         84 sync_file_range sys_sync_file_range\n92 personality sys_arm64_personality\n220 clone \
         sys_clone\n\
         222 mmap sys_mmap\n"
            .to_owned() + &secret
    );
    // The architecture's switch, its own call, a name for 32 bits.
    assert_eq!(
        listed(&tables, "riscv32"),
        "0 io_setup sys_io_setup\n25 fcntl64 sys_fcntl64\n84 sync_file_range sys_sync_file_range\n\
         92 personality sys_personality\n220 clone sys_clone\n222 mmap2 sys_mmap2\n\
         259 riscv_flush_icache sys_riscv_flush_icache\n"
            .to_owned()
            + &secret
    );
    // The swaps of a C file, and those of the header.
    assert_eq!(call(&tables, "arc", "clone"), Some((220, "sys_clone_wrapper")));
    assert_eq!(call(&tables, "arc", "mmap2"), Some((222, "sys_mmap_pgoff")));
    assert_eq!(call(&tables, "arc", "sysfs"), Some((247, "sys_sysfs")));
    assert_eq!(call(&tables, "openrisc", "or1k_atomic"), Some((244, "sys_or1k_atomic")));
    assert_eq!(call(&tables, "csky", "sync_file_range2"), Some((84, "sys_sync_file_range2")));
    assert_eq!(call(&tables, "csky", "sync_file_range"), None);
    assert_eq!(call(&tables, "hexagon", "clone3"), None);
    let table = tables.table("asm-generic").unwrap();
    assert_eq!(table.source, "include/uapi/asm-generic/unistd.h");
    assert_eq!(table.tags("loongarch32"), None, "its time had not come");
    assert!(
        table
            .rows
            .iter()
            .all(|row| row.tag == "common"
                || row.tag.split('+').all(|abi| table.tags(abi).is_some()))
    );
    // A row of all ABIs is `common`; others name their ABIs.
    let tag = |name: &str| table.rows.iter().find(|row| row.name == name).unwrap().tag.clone();
    assert_eq!(
        (tag("io_setup").as_str(), tag("clone3").as_str()),
        ("common", "aarch64+riscv64+riscv32+loongarch64+openrisc+csky+arc")
    );
}

#[test]
fn aarch32_on_arm64_has_its_own_header() {
    let tables = imported(&Tree::linux_6_1(), &["arm64-compat"]);
    assert_eq!(
        listed(&tables, "arm64-compat"),
        "0 restart_syscall sys_restart_syscall\n243 io_setup compat_sys_io_setup\n\
         424 pidfd_send_signal sys_pidfd_send_signal\n435 clone3 sys_clone3\n\
         450 set_mempolicy_home_node sys_set_mempolicy_home_node\n471 rseq_slice_yield \
         sys_rseq_slice_yield\n"
    );
}

/// Up to Linux 3.16, the kernel's header of AArch32 named only the numbers that the kernel uses
/// itself. The header of arm has the names for programs.
#[test]
fn aarch32_on_arm64_had_names_for_the_kernel() {
    let (kernel, programs) =
        ("arch/arm64/include/asm/unistd32.h", "arch/arm/include/uapi/asm/unistd.h");
    let mut tree = Tree::linux_6_1();
    is_linux(&mut tree, "3.10.0");
    tree.remove("arch/arm/tools/syscall.tbl");
    tree.put(
        programs,
        "#define __NR_OABI_SYSCALL_BASE 0x900000\n\
         #if defined(__thumb__) || defined(__ARM_EABI__)\n#define __NR_SYSCALL_BASE 0\n#else\n\
         #define __NR_SYSCALL_BASE __NR_OABI_SYSCALL_BASE\n#endif\n\
         #define __NR_restart_syscall (__NR_SYSCALL_BASE+0)\n\
         #define __NR_exit (__NR_SYSCALL_BASE+1)\n\
         #define __NR_stat (__NR_SYSCALL_BASE+106)\n\
         #define __NR_sigreturn (__NR_SYSCALL_BASE+119)\n",
    );
    tree.put(
        kernel,
        "#define __NR_compat_restart_syscall 0\n__SYSCALL(0, sys_restart_syscall)\n\
         __SYSCALL(1, sys_exit)\n__SYSCALL(13, sys_ni_syscall)\n\
         __SYSCALL(106, compat_sys_newstat)\n\
         #define __NR_compat_sigreturn 119\n__SYSCALL(119, compat_sys_sigreturn_wrapper)\n\
         #define __NR_compat_syscalls 390\n\
         #define __ARM_NR_compat_cacheflush 0xf0002\n",
    );
    let read = |tree: &Tree| {
        let (findings, only) = (Findings::lenient(), ["arm64-compat".to_owned()]);
        let files = import::tree(&source(tree, "{tree}"), &COMMITTED, &only, &findings).unwrap();
        let tables = store::in_memory("{tables}", &files).unwrap();
        let warnings = findings.warnings().into_iter();
        let about = warnings
            .map(|(_, error)| error.to_string())
            .filter(|said| said.contains("no name is defined") || said.contains("ptree"));
        (listed(&tables, "arm64-compat"), about.collect::<Vec<_>>())
    };
    let rows = "0 restart_syscall sys_restart_syscall\n1 exit sys_exit\n\
                106 stat compat_sys_newstat\n119 sigreturn compat_sys_sigreturn_wrapper\n";
    assert_eq!(read(&tree), (rows.to_owned(), vec![]));

    // What neither header names, such as a vendor's private calls.
    let mut vendor = tree.clone();
    let private = "__SYSCALL(384, compat_sys_ptree)\n__SYSCALL(385, sys_exit)\n\
                   __SYSCALL(386, arm64_call)\n";
    vendor.put(kernel, tree.read(kernel) + private);
    let unnamed = |line: u32, what: &str| {
        format!("{{tree}}/{kernel}:{line}: no name is defined for the number {what}")
    };
    let warnings = vec![
        unnamed(10, "384 of compat_sys_ptree; the tables call it ptree"),
        unnamed(11, "385 of sys_exit"),
        unnamed(12, "386 of arm64_call"),
        format!(
            "{{tree}}/{kernel}: ptree (384 on arm64-compat) is in no table of Linux {}: a private \
             call, or one of another kernel; 384 is getrandom there",
            COMMITTED.table("arm").unwrap().linux
        ),
    ];
    assert_eq!(read(&vendor), (format!("{rows}384 ptree compat_sys_ptree\n"), warnings));

    // A private call at the number that arm has for another one.
    let private = "__SYSCALL(1, sys_mine)\n";
    tree.put(kernel, tree.read(kernel).replace("__SYSCALL(1, sys_exit)\n", private));
    let (rows, warnings) = read(&tree);
    assert!(rows.contains("\n1 mine sys_mine\n"), "{rows}");
    assert_eq!(warnings[0], unnamed(3, "1 of sys_mine; the tables call it mine"));

    // An entry point that shows no name is that of no other call, as parisc_pread64 is of pread64.
    let mut other = tree.clone();
    other.put(programs, tree.read(programs) + "#define __NR_pread64 (__NR_SYSCALL_BASE+180)\n");
    other.put(kernel, tree.read(kernel) + "__SYSCALL(180, mine)\n");
    let (rows, warnings) = read(&other);
    assert!(!rows.contains("pread64"), "{rows}");
    assert_eq!(warnings[1], unnamed(10, "180 of mine"));

    // Without the names for programs, no name is guessed.
    tree.remove(programs);
    let findings = Findings::lenient();
    let files = import::tree(&source(&tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
    assert!(files.iter().all(|(name, _)| name != "arm64-compat.toml"));
    let left = unnamed(
        3,
        "1 of sys_mine, and {tree}/arch/arm/include/uapi/asm/unistd.h, which has the names for \
         programs, cannot be read; arm64-compat is left out",
    );
    let warnings = findings.warnings();
    assert!(warnings.iter().any(|(_, error)| error.to_string() == left), "{warnings:?}");
}

/// Up to Linux 3.19, the kernel's file counted the lines of this header. Mainline's 3.17 is one
/// line short.
#[test]
fn aarch32_on_arm64_had_its_calls_in_order() {
    let header = "arch/arm64/include/asm/unistd32.h";
    let mut tree = Tree::linux_6_1();
    is_linux(&mut tree, "3.10.0");
    let lines = |second: u32| {
        format!(
            "#define __NR_restart_syscall 0\n__SYSCALL(0, sys_restart_syscall)\n\
             #define __NR_exit {second}\n__SYSCALL({second}, sys_exit)\n"
        )
    };
    tree.put("arch/arm64/kernel/sys32.S", "#define __SYSCALL(x, y) .quad y // x\n");
    let warned = |tree: &Tree, said: &str| {
        let findings = Findings::lenient();
        import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
        findings.warnings().iter().any(|(_, error)| error.to_string() == said)
    };
    for (second, wrong) in [(1, false), (2, true)] {
        tree.put(header, lines(second));
        let said = format!(
            "{{tree}}/{header}:4: lists sys_exit as 2, but the kernel makes it 1, and so on: \
             arch/arm64/kernel/sys32.S ignores the numbers and counts the lines"
        );
        assert_eq!(warned(&tree, &said), wrong);
    }
    // A copy that ended early.
    tree.put(header, lines(1).trim_end());
    let said = format!("{{tree}}/{header}:4: the file ends within a line; was it cut off?");
    assert!(warned(&tree, &said));
}

/// The count is in the header with the numbers, or in the kernel's own. Mainline's 3.14 has two
/// that are too low: s390's, and that of AArch32 on arm64.
#[test]
fn calls_that_the_table_has_no_room_for() {
    let warnings = |tree: &Tree| {
        let findings = Findings::lenient();
        import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
        let warnings = findings.warnings().into_iter().map(|(_, error)| error.to_string());
        warnings.collect::<Vec<_>>()
    };
    let others = warnings(&Tree::linux_4_19());
    assert!(!others.iter().any(|said| said.ends_with("raise it")), "{others:?}");
    for (path, from, to, said) in [
        (
            "arch/sparc/include/uapi/asm/unistd.h",
            "NR_syscalls 361",
            "NR_syscalls 268",
            ":13: NR_syscalls is 268, but io_setup is 268",
        ),
        (
            "arch/mips/include/uapi/asm/unistd.h",
            "__NR_Linux_syscalls 366",
            "__NR_Linux_syscalls 240",
            ":6: __NR_Linux_syscalls is 240, but io_setup is 241",
        ),
        (
            "arch/xtensa/include/uapi/asm/unistd.h",
            "count 352",
            "count 239",
            ":8: __NR_syscall_count is 239, but io_setup is 239",
        ),
        (
            "arch/m68k/include/asm/unistd.h",
            "",
            "#include <uapi/asm/unistd.h>\n#define NR_syscalls (241)\n",
            ":2: NR_syscalls is 241, but io_setup is 241",
        ),
        (
            "arch/alpha/include/asm/unistd.h",
            "",
            "#include <uapi/asm/unistd.h>\n#define NR_SYSCALLS 300\n",
            ":2: NR_SYSCALLS is 300, but umount is 321",
        ),
        (
            "arch/arm64/include/asm/unistd.h",
            "",
            "#ifdef CONFIG_COMPAT\n#define __NR_compat_syscalls 1\n#endif\n\
             #include <uapi/asm/unistd.h>\n",
            ":2: __NR_compat_syscalls is 1, but io_setup is 243",
        ),
    ] {
        let mut tree = Tree::linux_4_19();
        match from {
            "" => tree.put(path, to),
            _ => _ = tree.edit(path, from, to),
        }
        let said = format!("{{tree}}/{path}{said}, so the kernel answers ENOSYS; raise it");
        let new = warnings(&tree).into_iter().filter(|said| !others.contains(said));
        assert_eq!(new.collect::<Vec<_>>(), [said]);
    }
}

/// A private number whose entry point was forgotten.
#[test]
fn a_private_number_without_an_entry_point_is_named() {
    let mut tree = Tree::linux_4_19();
    let generic = "include/uapi/asm-generic/unistd.h";
    tree.edit(
        generic,
        "#define __NR_personality",
        "#define __NR_mine 93\n#define __NR_personality",
    );
    let findings = Findings::lenient();
    import::tree(&source(&tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
    let said = "mine (93 on aarch64, riscv64, riscv32, nios2, openrisc, arc, hexagon) is in no \
                table of Linux ";
    let warnings = findings.warnings().into_iter().filter(|(kind, _)| *kind == Kind::Private);
    let warnings: Vec<String> = warnings.map(|(_, error)| error.to_string()).collect();
    assert!(warnings.iter().any(|warning| warning.contains(said)), "{warnings:#?}");
}

/// In Linux 3.7 the common headers for user space were separate, and those of x86 were not yet. A
/// header of the kernel includes that of user space, which has its name.
#[test]
fn the_common_headers_were_separate_first() {
    let mut tree = Tree::linux_4_19();
    is_linux(&mut tree, "3.7.0");
    let uapi = "arch/x86/include/uapi/asm/";
    let moved = tree.files.keys().filter(|path| path.starts_with(uapi)).cloned();
    for path in moved.collect::<Vec<_>>() {
        let text = tree.read(&path);
        tree.put(&path.replace("/uapi/", "/"), text);
        tree.remove(&path);
    }
    let before = imported(&tree, &[]).constants().unwrap().len();
    let common = "include/uapi/linux/";
    let names = tree.files.keys().filter_map(|path| path.strip_prefix(common)).map(str::to_owned);
    for name in names.collect::<Vec<_>>() {
        tree.put(&format!("include/linux/{name}"), format!("#include <uapi/linux/{name}>\n"));
    }
    assert_eq!(imported(&tree, &[]).constants().unwrap().len(), before);
}

/// Up to Linux 2.6.39, m68k's header said of three calls that they are not there.
#[test]
fn what_is_not_supported_has_no_number() {
    let mut tree = Tree::linux_4_19();
    let rows = |tree: &Tree| imported(tree, &["m68k"]).table("m68k").unwrap().rows.clone();
    let before = rows(&tree);
    let header = "arch/m68k/include/uapi/asm/unistd.h";
    let line = tree.append(header, "#define __NR_iopl /* 110 */ not supported\n");
    tree.append(header, "#define __NR_idle /* 112 */ Obsolete\n");
    assert_eq!(rows(&tree), before);
    tree.append(header, "#define __NR_mine nothing\n");
    let unknown = "`__NR_mine` has a number that cannot be evaluated";
    assert_eq!(mistake(&tree, &["m68k"]), format!("{{tree}}/{header}:{}: {unknown}", line + 2));
}

/// Up to Linux 5.18, riscv had no 32-bit programs on a 64-bit kernel, and their entry points are
/// not missing.
#[test]
fn a_compat_column_needs_a_kernel_that_has_it() {
    let mut tree = Tree::linux_4_19();
    let calls = "lib/calls.c";
    let defined = "COMPAT_SYSCALL_DEFINE0(sync_file_range)\n{\n}\n";
    tree.put(calls, tree.read(calls).replace(defined, ""));
    let warned = |tree: &Tree| {
        let findings = Findings::lenient();
        import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
        findings
            .warnings()
            .iter()
            .any(|(_, error)| error.to_string().contains("compat_sys_sync_file_range"))
    };
    assert!(warned(&tree));
    tree.put("arch/riscv/Kconfig", "config 64BIT\n\tbool \"64-bit kernel\"\n");
    assert!(!warned(&tree));
}

/// Up to Linux 3.2, what x86 wants was in headers that its asm/unistd.h included. Some entry points
/// were plain functions, where another architecture used the macro.
#[test]
fn definitions_of_older_kernels() {
    let mut tree = Tree::new();
    let directory = "arch/x86/include/asm";
    tree.put(
        &format!("{directory}/unistd.h"),
        "#ifndef CONFIG_64BIT\n# include \"unistd_32.h\"\n\
         #else\n# include \"unistd_64.h\"\n#endif\n",
    );
    for (bits, name) in [(32, "NARROW"), (64, "WIDE")] {
        let text =
            format!("#ifndef A_{bits}\n#define A_{bits}\n#define __ARCH_WANT_{name}\n#endif\n");
        tree.put(&format!("{directory}/unistd_{bits}.h"), text);
    }
    tree.put(
        "kernel/old.c",
        "#ifdef __ARCH_WANT_WIDE\nSYSCALL_DEFINE0(wide)\n#endif\n\
         #ifdef __ARCH_WANT_NARROW\nSYSCALL_DEFINE0(narrow)\n#endif\n\
         SYSCALL_DEFINE1(star, char __user, *text)\n",
    );
    tree.put("arch/sh/kernel/old.c", "SYSCALL_DEFINE0(plain)\n");
    tree.put(
        "arch/x86/kernel/old.c",
        "\nunsigned long sys_plain(int one)\n{\n}\nSYSCALL_DEFINE0(both)\n",
    );
    for directory in ["kernel", "arch/sh/kernel", "arch/x86/kernel"] {
        tree.put(&format!("{directory}/Makefile"), "obj-y += old.o\n");
    }
    let rows = ["wide", "narrow", "star", "plain", "both"].iter().zip(500..);
    for (name, nr) in rows {
        let row = format!("{nr}\t64\t{name}\tsys_{name}\n");
        tree.append("arch/x86/entry/syscalls/syscall_64.tbl", &row);
    }
    // It has no definition there, so functions are searched, too.
    tree.append("arch/sh/kernel/syscalls/syscall.tbl", "504\tcommon\tboth\tsys_both\n");
    let files = import::tree(&source(&tree, "{tree}"), &COMMITTED, &[], &Findings::lenient());
    let tables = store::in_memory("{tables}", &files.unwrap()).unwrap();
    let args = |entry: &str| {
        let found = tables.prototypes().unwrap().iter().filter(|row| row.entry == entry);
        found.map(|row| (row.source.clone(), row.args.clone())).collect::<Vec<_>>()
    };
    let typed = |c: &str, name: &str| vec![(c.to_owned(), name.to_owned())];
    assert_eq!(args("sys_wide"), [("kernel/old.c".to_owned(), vec![])]);
    assert_eq!(args("sys_narrow"), []);
    assert_eq!(args("sys_star"), [("kernel/old.c".to_owned(), typed("char __user *", "text"))]);
    assert_eq!(args("sys_plain"), [("arch/x86/kernel/old.c".to_owned(), typed("int", "one"))]);
    assert_eq!(args("sys_both"), [("arch/x86/kernel/old.c".to_owned(), vec![])]);
}

#[test]
fn the_header_of_aarch32_on_arm64_is_not_lost() {
    let (header, table) = ("arch/arm64/include/asm/unistd32.h", "arch/arm64/tools/syscall_32.tbl");
    for (mut tree, path) in [
        (Tree::linux_4_19(), header),
        (Tree::linux_6_1(), header),
        (Tree::linux_6_12(), table),
        (Tree::new(), table),
    ] {
        tree.remove(path);
        refused(
            &tree,
            &format!(
                "{{tree}}/{path}: cannot be read: No such file or directory (os error 2); \
                 arm64-compat is left out"
            ),
        );
        // A table that was not requested does not stop the import.
        good(&tree, &["s390"]);
        if path == header {
            tree.write(path, "");
            refused(
                &tree,
                &format!("{{tree}}/{path}: defines no system call; is the tree complete?"),
            );
        }
    }
}

#[test]
fn a_word_has_a_width() {
    let path = "include/uapi/asm-generic/bitsperlong.h";
    for mut tree in [Tree::linux_6_1(), Tree::linux_4_19()] {
        tree.write(path, "");
        refused(&tree, &format!("{{tree}}/{path}: is empty; is the tree complete?"));
        tree.write(path, "#define BITS_PER_LONG 64\n");
        refused(
            &tree,
            &format!("{{tree}}/{path}: does not define __BITS_PER_LONG; is the tree complete?"),
        );
    }
}

#[test]
fn a_generic_header_that_is_damaged_is_refused() {
    let generic = "include/uapi/asm-generic/unistd.h";
    let mut tree = Tree::linux_6_1();
    tree.edit(generic, "#define __NR_clone 220\n", "#define __NR_clone 220 +\n");
    let stderr = mistake(&tree, &[]);
    assert!(
        stderr.contains("`__SYSCALL(__NR_clone, sys_clone)` has a number that cannot be evaluated"),
        "{stderr}"
    );
    let mut tree = Tree::linux_6_1();
    tree.edit(generic, "sys_clone)\n", "sys-clone)\n");
    let stderr = mistake(&tree, &[]);
    assert!(
        stderr.contains("`__SYSCALL(__NR_clone, sys-clone)` has an entry point that cannot"),
        "{stderr}"
    );
    let mut tree = Tree::linux_6_1();
    let line =
        tree.edit(generic, "#define __NR_clone 220\n", "<<<<<<< HEAD\n#define __NR_clone 220\n");
    refused(
        &tree,
        &format!("{{tree}}/{generic}:{line}: a merge conflict marker; resolve the conflict first"),
    );
    let mut tree = Tree::linux_6_1();
    tree.edit(
        generic,
        "#define __NR_pidfd_send_signal 424\n__SYSCALL(__NR_pidfd_send_signal, \
         sys_pidfd_send_signal)\n",
        "",
    );
    let stderr = mistake(&tree, &[]);
    assert!(stderr.contains("aarch64 does not have pidfd_send_signal"), "{stderr}");
    let mut tree = Tree::linux_6_1();
    tree.write("arch/nios2/include/uapi/asm/unistd.h", "#include <asm/nothing.h>\n");
    let place = "{tree}/arch/nios2/include/uapi/asm";
    let message = format!(
        "{place}/unistd.h:1: includes <asm/nothing.h>, which does not exist, and is left out; if a \
         build or a C library provides it, copy it to {place}/nothing.h"
    );
    refused(&tree, &message);
    tree.write("arch/nios2/include/uapi/asm/unistd.h", "\n");
    let message = "defines no system call; is the tree complete?";
    refused(&tree, &format!("{{tree}}/arch/nios2/include/uapi/asm/unistd.h: {message}"));
}

// Plain #defines, as Linux 4.19 has them.

#[test]
fn plain_defines_are_preprocessed_for_each_abi() {
    let tables = imported(&Tree::linux_4_19(), &[]);
    for (abi, expected) in [
        ("mips-o32", "0 syscall -\n241 io_setup -\n"),
        ("mips-n32", "200 io_setup -\n"),
        ("mips-n64", "200 io_setup -\n"),
        ("sparc32", "1 exit -\n53 getgid32 -\n268 io_setup -\n"),
        ("sparc64", "1 exit -\n268 io_setup -\n"),
        ("powerpc32", "1 exit -\n204 fcntl64 -\n227 io_setup -\n"),
        ("powerpc64", "1 exit -\n227 io_setup -\n"),
        ("powerpc-spu", ""),
        // Names of another system are not Linux's.
        ("parisc32", "1 exit -\n215 io_setup -\n"),
        (
            "alpha",
            "0 osf_syscall -\n22 umount2 -\n209 shmat -\n321 umount -\n398 io_setup -\n209 \
             (osf_shmat) -\n",
        ),
        // The numbers include the base.
        ("ia64", "0 ni_syscall -\n214 io_setup -\n"),
        // A comment defines nothing, and numbers below 0 are not calls.
        ("m68k", "241 io_setup -\n"),
        ("microblaze", "245 io_setup -\n"),
        ("sh", "245 io_setup -\n"),
        // __SYSCALL with three arguments.
        ("xtensa", "0 spill sys_ni_syscall\n239 io_setup sys_io_setup\n"),
    ] {
        assert_eq!(listed(&tables, abi), expected, "{abi}");
    }
    // These three had tables; lines may end with CR LF, and numbers may be hexadecimal.
    assert_eq!(
        listed(&tables, "x86_64"),
        "0 read sys_read\n56 clone sys_clone\n134 uselib -\n206 io_setup sys_io_setup\n"
    );
    assert_eq!(calls_of(&tables, "x32").last().unwrap().name, "uselib_too");
    assert_eq!(call(&tables, "arm", "io_setup"), Some((243, "sys_io_setup")));
    assert_eq!(call(&tables, "s390", "time"), Some((13, "-")));
    assert_eq!(tables.table("arm").unwrap().tags("arm-oabi").unwrap(), ["common", "oabi"]);
}

#[test]
fn x86_had_another_directory() {
    let mut tree = Tree::linux_4_19();
    tree.write("Makefile", "VERSION = 3\nPATCHLEVEL = 9\nSUBLEVEL = 0\nEXTRAVERSION =\n");
    let moved = tree.files.iter().filter_map(|(path, bytes)| {
        let name = path.strip_prefix("arch/x86/entry/syscalls/")?;
        Some((format!("arch/x86/syscalls/{name}"), bytes.clone()))
    });
    let moved: Vec<_> = moved.collect();
    tree.remove("arch/x86/entry/syscalls");
    tree.files.extend(moved);
    // Linux 3.9 had no RWF_ and kept the ring's constants elsewhere.
    tree.write("include/uapi/linux/fs.h", "#define BLKSSZGET 0x1268\n");
    tree.write(
        "fs/aio.c",
        "SYSCALL_DEFINE2(io_setup, unsigned, nr_events, aio_context_t __user *, ctxp)\n{\n}\n",
    );
    let tables = imported(&tree, &[]);
    let table = tables.table("x86_64").unwrap();
    assert_eq!(
        (table.source.as_str(), table.linux.as_str()),
        ("arch/x86/syscalls/syscall_64.tbl", "3.9.0")
    );
    assert_eq!(call(&tables, "x32", "execve"), Some((0x4000_0000 + 520, "compat_sys_execve")));
}

#[test]
fn a_table_that_is_not_in_the_tree() {
    refused_only(
        &{
            let mut tree = Tree::new();
            tree.remove("arch/xtensa");
            tree
        },
        &["xtensa"],
        "{tree}: is Linux 7.2.13, which has no ABI of the table xtensa",
    );
}

#[test]
fn an_abi_that_leaves_the_kernel_is_not_lost() {
    let repository = new_repository();
    write_pages(repository.path());
    let import = |tree: &Path| {
        let mut command = codegen();
        command.env("CARGO_MANIFEST_DIR", repository.path().join("codegen"));
        run(command.arg("import").arg("--linux").arg(tree))
    };
    let mut tree = Tree::new();
    assert_eq!(import(tree.on_disk().path()).0, Some(0));
    let before = contents(&repository.path().join("tables/linux"));
    tree.edit("arch/x86/entry/syscalls/Makefile", "$(uapi)/unistd_x32.h: abis := common,x32\n", "");
    tree.edit(
        X86_64,
        "512\tx32\trt_sigaction\t\tcompat_sys_rt_sigaction\n\
         543\tx32\tio_setup\t\tcompat_sys_io_setup\n",
        "",
    );
    tree.edit(HEADER_X86, "#elif defined(__ILP32__)\n#include <asm/unistd_x32.h>\n", "");
    tree.edit("Makefile", "PATCHLEVEL = 2", "PATCHLEVEL = 3");
    let message = "error: tables/linux/x86_64.toml: Linux 7.3.13 has no x32 any more, but the \
                   table is from 7.2.13; if the kernel has removed it, give it its own [[table]] \
                   in abis.toml with frozen = \"7.2\", and import that from a tree of this \
                   series\n";
    let disk = tree.on_disk();
    assert_eq!(import(disk.path()), (Some(2), String::new(), message.to_owned()));
    assert!(contents(&repository.path().join("tables/linux")) == before);
    // A complete table is not lost, either, when the tree is only a part.
    let part = Tree::new().on_disk();
    fs::remove_dir_all(part.path().join("arch/sh")).unwrap();
    let message = format!(
        "error: {}: has no arch/sh/kernel/syscalls/syscall.tbl, but the repository has \
         tables/linux/sh.toml; is the tree complete? If the kernel has removed it, set frozen = \
         \"…\" in the [[table]] of abis.toml to the last series that had it\n",
        part.path().display()
    );
    assert_eq!(import(part.path()), (Some(2), String::new(), message));
    assert!(contents(&repository.path().join("tables/linux")) == before);
    // Nothing can be lost in another directory.
    let tables = imported(&tree, &[]);
    assert_eq!(tables.table("x86_64").unwrap().tags("x32"), None);
    assert!(calls_of(&tables, "x32").is_empty());
}

/// Their calls would be missing silently. User-mode Linux has those of its host.
#[test]
fn architectures_without_an_abi_are_named() {
    let mut tree = Tree::linux_6_1();
    for path in [
        "arch/tile/include/uapi/asm/unistd.h",
        "arch/cris/include/asm/unistd.h",
        "include/asm-v850/unistd.h",
        "include/asm-generic/unistd.h",
        "arch/um/include/asm/unistd.h",
    ] {
        tree.put(path, "#define __NR_exit 1\n");
    }
    // The last one has no calls of its own.
    for arch in ["tile", "cris", "v850", "um", "lm32"] {
        tree.put(&format!("arch/{arch}/kernel/entry.c"), "\n");
    }
    let report = |tree: &Tree, more: &[&str]| {
        let (disk, directory) = (tree.on_disk(), TempDir::new().unwrap());
        let mut command = codegen();
        command.args(["import", "--strict", "--linux"]).arg(disk.path());
        let (status, _, said) = run(command.arg("--tables").arg(directory.path()).args(more));
        assert_eq!(status, Some(0), "{said}");
        let about = said.lines().filter(|line| line.starts_with("not read"));
        about.map(str::to_owned).collect::<Vec<_>>()
    };
    let line =
        "not read, since this project does not have their ABIs: arch/cris, arch/tile, arch/v850";
    assert_eq!(report(&tree, &[]), [line]);
    assert!(report(&tree, &["--only", "sh"]).is_empty());
    assert!(report(&Tree::linux_6_1(), &[]).is_empty());
}

/// A tree of a kernel in which the headers for user space are not separate: those of sparc are
/// where `sparc` says, and x86 has no tables.
fn without_uapi(version: &str, sparc: &str) -> Tree {
    let mut tree = Tree::linux_4_19();
    tree.remove("arch/x86/entry/syscalls");
    tree.remove("arch/x86/include/uapi/asm/unistd.h");
    for (path, text) in std::mem::take(&mut tree.files) {
        let path = path.replace("include/uapi/", "include/");
        tree.put(&path.replace("arch/sparc/include/asm", sparc), text);
    }
    tree.put(
        "arch/x86/include/asm/unistd.h",
        "#ifdef __i386__\n#include \"unistd_32.h\"\n#else\n#include <asm/unistd_64.h>\n#endif\n",
    );
    tree.put("arch/x86/include/asm/unistd_32.h", "#define __NR_exit 1\n");
    tree.put("arch/x86/include/asm/unistd_64.h", "#define __NR_exit 60\n");
    // From a newer kernel.
    for path in ["include/uapi/drm/drm.h", "arch/x86/include/uapi/asm/hyperv.h"] {
        tree.put(path, "#define ACME 1\n");
    }
    is_linux(&mut tree, version);
    tree
}

/// The ABIs of an import into another directory, and the warnings about ABIs that are left out.
fn abis_and_left_out(tree: &Tree, only: &[&str]) -> (Vec<String>, Vec<String>) {
    let (findings, only) = (Findings::lenient(), only.iter().map(|only| (*only).to_owned()));
    let only: Vec<String> = only.collect();
    let files = import::tree(&source(tree, "{tree}"), &COMMITTED, &only, &findings);
    let tables = store::in_memory("{tables}", &files.unwrap()).unwrap();
    let is_read = |abi: &&Abi| {
        tables.has_table(&abi.table) && tables.table(&abi.table).unwrap().tags(&abi.name).is_some()
    };
    let abis = tables.abis.iter().filter(is_read).map(|abi| abi.name.clone());
    let warnings = findings.warnings();
    let said = warnings.iter().map(|(_, error)| error.to_string());
    for said in said.clone() {
        assert!(!said.contains("uapi"), "this kernel has no such directory: {said}");
    }
    let left = warnings.iter().zip(said).filter(|((kind, _), _)| *kind == Kind::LeftOut);
    (abis.collect(), left.map(|(_, said)| said).collect())
}

/// The warning names the file that such a kernel has, and each ABI that is left out.
#[test]
fn a_lost_header_of_numbers_leaves_out_its_abis() {
    let lost = |path: &str, abi: &str| {
        format!(
            "{{tree}}/{path}: cannot be read: No such file or directory (os error 2); {abi} is \
             left out"
        )
    };
    let included = |line: usize, header: &str, abi: &str| {
        let file = "{tree}/arch/x86/include/asm/unistd.h";
        format!("{file}:{line}: includes <{header}>, which does not exist; {abi} is left out")
    };
    let merged = without_uapi("2.6.32", "arch/sparc/include/asm");
    let old = without_uapi("2.6.24", "include/asm-sparc");
    // Its ABIs were architectures of their own.
    let mut apart = old.clone();
    for (path, text) in [
        ("include/asm-sparc64/unistd.h", "#define __NR_exit 2\n"),
        ("include/asm-sparc64/errno.h", "#include <asm-generic/errno.h>\n"),
        ("arch/sparc64/kernel/entry.c", "\n"),
    ] {
        apart.put(path, text);
    }
    let x86 = "arch/x86/include/asm/unistd.h";
    for (tree, path, abis, warnings) in [
        (&merged, x86, vec!["x86_64", "i386"], vec![lost(x86, "x86_64"), lost(x86, "i386")]),
        (
            &merged,
            "arch/x86/include/asm/unistd_32.h",
            vec!["i386"],
            vec![included(2, "unistd_32.h", "i386")],
        ),
        (
            &merged,
            "arch/x86/include/asm/unistd_64.h",
            vec!["x86_64"],
            vec![included(4, "asm/unistd_64.h", "x86_64")],
        ),
        (
            &merged,
            "arch/sparc/include/asm/unistd.h",
            vec!["sparc64", "sparc32"],
            ["sparc64", "sparc32"].map(|abi| lost("arch/sparc/include/asm/unistd.h", abi)).to_vec(),
        ),
        (
            &old,
            "include/asm-sparc/unistd.h",
            vec!["sparc64", "sparc32"],
            ["sparc64", "sparc32"].map(|abi| lost("include/asm-sparc/unistd.h", abi)).to_vec(),
        ),
        (
            &apart,
            "include/asm-sparc64/unistd.h",
            vec!["sparc64"],
            vec![lost("include/asm-sparc64/unistd.h", "sparc64")],
        ),
    ] {
        let (whole, none) = abis_and_left_out(tree, &[]);
        assert!(none.is_empty(), "{none:?}");
        let mut tree = tree.clone();
        tree.remove(path);
        let (found, said) = abis_and_left_out(&tree, &[]);
        assert_eq!(said, warnings, "{path}");
        let left: Vec<_> = whole.iter().filter(|abi| !found.contains(abi)).collect();
        assert_eq!(left.len(), abis.len(), "{path}: {left:?}");
        assert!(abis.iter().all(|abi| left.iter().any(|left| left == abi)), "{path}: {left:?}");
        // Others can be imported without a warning.
        assert!(abis_and_left_out(&tree, &["alpha"]).1.is_empty());
    }
}

#[test]
fn other_lost_headers_have_the_path_of_that_kernel() {
    for path in ["include/linux/aio_abi.h", "arch/x86/include/asm/unistd.h"] {
        let mut tree = without_uapi("2.6.32", "arch/sparc/include/asm");
        tree.remove(path);
        let findings = Findings::lenient();
        import::tree(&source(&tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
        let said: Vec<_> = findings.warnings().iter().map(|(_, e)| e.to_string()).collect();
        let place = format!("{{tree}}/{path}: cannot be read");
        assert!(said.iter().any(|said| said.starts_with(&place)), "{said:#?}");
        assert!(said.iter().all(|said| !said.contains("uapi")), "{said:#?}");
    }
}
