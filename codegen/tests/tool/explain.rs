//! `explain`: what becomes of a call, as the tool prints it. The labels it prints are compared with
//! the kernel's source by ci/oracle/paths, the rows by ci/oracle/agree.

use crate::common::*;
use std::fs;
use tempfile::TempDir;

/// What the tool answers on the committed tables.
fn explain(args: &[&str]) -> String {
    let (status, out, err) =
        run(codegen().arg("explain").args(args).arg("--tables").arg(committed()));
    assert_eq!((status, err.as_str()), (Some(0), ""), "{args:?}");
    out
}

/// What it prints of a call that an ABI does not have.
fn absent(args: &[&str]) -> String {
    let (status, out, err) =
        run(codegen().arg("explain").args(args).arg("--tables").arg(committed()));
    assert_eq!((status, err.as_str()), (Some(1), ""), "{args:?}");
    out
}

/// The error message that it refuses with.
fn refusal(args: &[&str]) -> String {
    let (status, out, err) =
        run(codegen().arg("explain").args(args).arg("--tables").arg(committed()));
    assert_eq!((status.is_some_and(|status| status != 0), out.as_str()), (true, ""), "{args:?}");
    assert_eq!(err.lines().count(), 1, "{err}");
    err.trim_end().to_owned()
}

/// The first words of the lines of a text.
fn first_words(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

/// Whether all of `wanted` stand in the text in this order.
#[track_caller]
fn in_order(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for part in wanted {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("`{part}` is missing, or out of order:\n{text}")
        };
        rest = after;
    }
}

/// The oracles are macros and functions of the kernel's source: include/uapi/asm-generic/unistd.h,
/// arch/arm/include/uapi/asm/unistd.h, and the wrappers of arch/*/include/asm/syscall_wrapper.h.
#[test]
fn macros_and_functions_name_the_call() {
    for (call, texts) in [
        ("openat", &["__NR_openat", "SYS_openat", "sys_openat", "__x64_sys_openat"][..]),
        ("openat", &["compat_sys_openat", "__ia32_compat_sys_openat", "__se_sys_openat"]),
        ("openat", &["__riscv_sys_openat", "__arm64_sys_openat", "__s390x_sys_openat"]),
        ("fadvise64", &["__NR3264_fadvise64"]),
        ("set_tls", &["__ARM_NR_set_tls"]),
        ("create_module", &["__NR_create_module", "sys_create_module"]),
        // No macro: a call of powerpc's is called so.
        ("sys_debug_setcontext", &["sys_debug_setcontext", "__NR_sys_debug_setcontext"]),
    ] {
        let expected = run(codegen().args(["explain", call]));
        for text in texts {
            assert_eq!(run(codegen().args(["explain", text])), expected, "{text}");
        }
    }
    let openat = explain(&["openat", "--abi", "x86_64", "--kernel", "5.10"]);
    assert_eq!(explain(&["SYS_openat", "--abi", "amd64", "--kernel", "5.10"]), openat);
    // fs/stat.c: stat() of a word of 64 bits ends in sys_newstat, and sys_stat is an older call.
    for (text, abis, call, others) in [
        ("__x64_sys_newstat", &["--abi", "x86_64"][..], "stat", "`stat`"),
        ("sys_newstat", &[], "stat", "`stat`, `stat64`; this is `stat`"),
        ("sys_stat", &[], "oldstat", "`oldstat`"),
        // They need not begin with sys_. abis.toml has the second in place of what the table has.
        ("__sys_clone", &[], "clone", "`clone`"),
        ("sys_clone_wrapper", &[], "clone", "`clone`"),
        ("old_mmap", &[], "mmap", "`mmap`"),
    ] {
        let (status, expected, _) = run(codegen().args(["explain", call]).args(abis));
        let entry = text.trim_start_matches("__x64_");
        let note = format!("{entry} is the entry point of {others}\n");
        let found = run(codegen().args(["explain", text]).args(abis));
        assert_eq!(found, (status, expected, note), "{text}");
    }
    for misspelt in ["openatt", "__NR_openatt", "__x64_sys_openatt"] {
        let (status, _, stderr) = run(codegen().args(["explain", misspelt]));
        assert_eq!(status, Some(2));
        assert!(stderr.contains("`openatt`") && stderr.contains("`openat`"), "{stderr}");
    }
}

/// The oracle is syscall(2); for what is clobbered, the assembler functions of glibc's
/// sysdeps/unix/sysv/linux/ARCH/sysdep.h.
#[test]
fn operands_and_clobbers_are_shown() {
    for (abi, operands, clobbers) in [
        (
            "x86_64",
            "number rax; arguments rdi, rsi, rdx, r10, r8, r9; result rax, negative on failure",
            "rcx, r11",
        ),
        (
            "aarch64",
            "number x8; arguments x0, x1, x2, x3, x4, x5; result x0, negative on failure",
            "p0-p15, ffr, z0-z31 (if defined __ARM_FEATURE_SVE)",
        ),
        (
            "mips-o32",
            "number $2; arguments $4, $5, $6, $7, then memory; result $2, which is errno if $7 is \
             not 0",
            "$1, $8-$15, $24, $25, hi, lo (if !defined __mips_isa_rev || __mips_isa_rev < 6)",
        ),
    ] {
        let text = explain(&["read", "--abi", abi]);
        let row = |name| {
            let row = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
            row.map(str::trim_start)
        };
        assert_eq!(row("operands "), Some(operands), "{text}");
        assert_eq!(row("clobbers "), Some(clobbers), "{text}");
    }
    // The psABI of ARM, and glibc's SYSCALL_LL64_PRW: an even register, the lower half first in
    // memory on little-endian. i386 has no such rule.
    for (abi, arguments) in [
        ("arm", "fd r0, buf r1, count r2, 0 r3, pos[0] r4, pos[1] r5"),
        ("i386", "fd ebx, buf ecx, count edx, pos[0] esi, pos[1] edi"),
        ("mips-o32", "fd $4, buf $5, count $6, 0 $7, pos[0] memory, pos[1] memory"),
    ] {
        let text = explain(&["pread64", "--abi", abi]);
        let row =
            format!("\n  arguments  {arguments}; [0] is the half that comes first in memory\n");
        assert!(text.contains(&row), "{text}");
    }
    for (name, abi) in [("pread64", "x86_64"), ("read", "arm")] {
        assert!(!explain(&[name, "--abi", abi]).contains("arguments  "), "{name} on {abi}");
    }
    // A call of the SPUs has none: stop 0x2104.
    assert!(!explain(&["read", "--abi", "powerpc-spu"]).contains("operands "));
}

/// A word that names an ABI gets a tip about the option.
#[test]
fn an_abi_without_its_option_gets_a_tip() {
    for args in [&["explain", "read", "arm64"][..], &["export", "tsv", "arm64"], &["emit", "arm64"]]
    {
        let (status, _, stderr) = run(codegen().args(args));
        assert_eq!(status, Some(2), "{args:?}");
        assert!(stderr.contains("tip: to choose this ABI, use '--abi arm64'\n"), "{stderr}");
    }
    let (_, _, stderr) = run(codegen().args(["explain", "read", "write"]));
    assert!(!stderr.contains("tip:"), "{stderr}");
}

#[test]
fn a_call_from_the_instruction_to_its_function() {
    let text = explain(&["io_submit", "--abi", "x86_64"]);
    in_order(
        &text,
        &[
            "io_submit on x86_64\n",
            "209 (0xd1)\n",
            "arch/x86/entry/syscalls/syscall_64.tbl of Linux ",
            &format!(", tag 64 ({})\n", committed().join("x86_64.toml").display()),
            "\n  syscall\n",
            "entry_SYSCALL_64 ",
            " arch/x86/entry/entry_64.S\n",
            "do_syscall_64 ",
            " arch/x86/entry/syscall_64.c\n",
            "x64_sys_call ",
            "__x64_sys_io_submit ",
            " fs/aio.c:",
            "\n  long sys_io_submit(aio_context_t ctx_id, long nr, struct iocb __user *__user \
             *iocbpp)\n    fs/aio.c:",
            ", ENOSYS unless CONFIG_AIO\n",
        ],
    );
    // The same by its number, in both spellings.
    assert_eq!(explain(&["209", "--abi", "x86_64"]), text);
    assert_eq!(explain(&["0xd1", "--abi", "x86_64"]), text);
}

#[test]
fn which_entry_point_depends_on_the_kernel() {
    let text = explain(&["io_submit", "--abi", "i386"]);
    in_order(
        &text,
        &[
            "\n  int 0x80, on a 64-bit kernel\n",
            "do_int80_emulation ",
            "__ia32_compat_sys_io_submit ",
            "\n  int 0x80, on a 32-bit kernel\n",
            "entry_INT80_32 ",
            "__ia32_sys_io_submit ",
            "\n  sysenter, in the vDSO, on a 32-bit kernel\n",
            "entry_SYSENTER_32 ",
            "__ia32_sys_io_submit ",
            "\n  long compat_sys_io_submit(compat_aio_context_t ctx_id, ",
            "\n  long sys_io_submit(aio_context_t ctx_id, ",
        ],
    );
}

#[test]
fn an_abi_with_a_base() {
    let text = explain(&["io_submit", "--abi", "x32"]);
    in_order(
        &text,
        &[
            "1073742368 (0x40000220), which is __X32_SYSCALL_BIT + 544\n",
            ", tag x32 ",
            "x32_sys_call ",
        ],
    );
    for number in ["544", "0x40000220", "1073742368"] {
        assert_eq!(explain(&[number, "--abi", "x32"]), text);
    }
    let text = explain(&["4244", "--abi", "mips-o32"]);
    in_order(
        &text,
        &["io_submit on mips-o32\n", "4244 (0x1094), which is __NR_Linux + 244\n", "handle_sys "],
    );
    assert_eq!(explain(&["244", "--abi", "mips-o32"]), text);
}

#[test]
fn absence_has_a_reason() {
    let message = "riscv32 has no io_getevents: it has no 32-bit time; removed after Linux 5.0; \
                   use `io_pgetevents_time64`\n";
    assert_eq!(absent(&["io_getevents", "--abi", "riscv32"]), message);
    for (name, abi, why) in [
        ("open", "aarch64", "another call replaces it; use `openat`"),
        ("fork", "riscv64", "another call replaces it; use `clone`"),
        ("futex", "loongarch32", "it has no 32-bit time; use `futex_time64`"),
        ("futex_time64", "x32", "its time is 64-bit in every call; use `futex`"),
        (
            "mmap",
            "csky",
            "its call for 64-bit offsets and sizes has another name; use `mmap2`, whose offset is \
             in units of 4096 bytes",
        ),
        (
            "chown32",
            "aarch64",
            "its user and group numbers have 32 bits in every call; use `fchownat`",
        ),
        (
            "sync_file_range",
            "csky",
            "it has the variant with another order of arguments; removed after Linux 6.9; use \
             `sync_file_range2`",
        ),
        (
            "mseal",
            "ia64",
            "the ABI was removed from the kernel, and its table of Linux 6.1 does not have the \
             call; use the calls of Linux 6.1",
        ),
        ("llseek", "i386", "its call for 64-bit offsets and sizes has another name; use `_llseek`"),
        (
            "execve",
            "powerpc-spu",
            "SPU code has only a part of the 64-bit calls \
             (arch/powerpc/platforms/cell/spu_callbacks.c); use a call from the PowerPC side",
        ),
        ("osf_shmat", "x86_64", "only alpha has it"),
        ("break", "x86_64", "no kernel implements it"),
        ("breakpoint", "aarch64", "only arm and arm-oabi have it"),
        ("stty", "sh", "no kernel implements it; removed after Linux 3.3"),
    ] {
        let expected = format!("{abi} has no {name}: {why}\n");
        assert_eq!(absent(&[name, "--abi", abi]), expected);
    }
    // One that is there does not hide one that is not.
    let text = absent(&["open", "--abi", "aarch64", "--abi", "x86_64"]);
    assert!(text.contains("open on x86_64\n") && text.contains("aarch64 has no open: "), "{text}");
}

/// compat_arm_syscall() of arch/arm64/kernel/sys_compat.c answers two numbers of AArch32 programs
/// that the table does not have: who derives a filter from the table would block them.
#[test]
fn what_the_kernel_answers_outside_of_a_table() {
    for (name, number, hexadecimal) in
        [("cacheflush", "983042", "0xf0002"), ("set_tls", "983045", "0xf0005")]
    {
        let why = format!(
            "it is not in the table, but the kernel answers {number} ({hexadecimal}): \
             compat_arm_syscall() in arch/arm64/kernel/sys_compat.c\n"
        );
        let expected = format!("arm64-compat has no {name}: {why}");
        assert_eq!(absent(&[name, "--abi", "arm64-compat"]), expected);
        assert!(explain(&[name]).contains(&format!("\nnot on arm64-compat: {why}")));
        for number in [number, hexadecimal] {
            let text = absent(&[number, "--abi", "arm64-compat"]);
            in_order(
                &text,
                &["arm64-compat has no call ", &format!("\n  on arm it is {name}; here: {why}")],
            );
            assert!(explain(&[number]).contains(&format!("\nnot on arm64-compat: {why}")));
        }
    }
    // x86_64 has the call, with another number.
    let text = absent(&["0x40000208", "--abi", "x86_64"]);
    assert!(!text.contains("on x32"), "{text}");
}

/// `socketcall` and `ipc` can be asked both ways.
#[test]
fn a_call_by_another_call() {
    let text = explain(&["socketcall", "--abi", "i386"]);
    in_order(&text, &["socketcall on i386\n", "  does      1 socket, 2 bind, ", ", 20 sendmmsg\n"]);
    let text = explain(&["ipc", "--abi", "s390x"]);
    in_order(&text, &["ipc on s390x\n", "  does      1 semop, 2 semget, ", ", 24 shmctl\n"]);
    let text = explain(&["socket", "--abi", "i386"]);
    in_order(&text, &["socket on i386\n", "  also by   socketcall, SYS_SOCKET (1)\n"]);
    for (name, abi, why) in [
        (
            "accept",
            "i386",
            "SYS_ACCEPT (5) of its `socketcall`; use `accept4`, or `socketcall` with SYS_ACCEPT",
        ),
        ("semop", "sparc64", "SEMOP (1) of its `ipc`; use `ipc` with SEMOP"),
    ] {
        let expected = format!("{abi} has no {name}: the call is {why}\n");
        assert_eq!(absent(&[name, "--abi", abi]), expected);
    }
    assert_eq!(
        absent(&["socketcall", "--abi", "x86_64"]),
        "x86_64 has no socketcall: each of its calls has a number of its own; use `socket`, \
         `connect`, `sendmsg` and the others\n"
    );
    // The name alone is left there.
    let text = explain(&["semop", "--abi", "microblaze"]);
    assert!(!text.contains("also by"), "{text}");
}

#[test]
fn a_number_without_a_call_has_neighbours() {
    let text = absent(&["209", "--abi", "x32"]);
    let row =
        "x32 has no call 1073742033 (0x400000d1): row 209 of its table, io_submit, is tagged 64, ";
    in_order(
        &text,
        &[row, "before it 0x400000d0 is io_getevents; after it 0x400000d2 is io_cancel\n"],
    );
    let text = absent(&["4294967295", "--abi", "x86_64"]);
    in_order(
        &text,
        &["x86_64 has no call 4294967295 (0xffffffff)\n", "after it the table ends there\n"],
    );
}

#[test]
fn what_answers_enosys_says_so() {
    // Reserved without entry point, wired to sys_ni_syscall, and wired to what no configuration
    // builds.
    in_order(
        &explain(&["uselib", "--abi", "x86_64"]),
        &["__x64_sys_ni_syscall ", "answers ENOSYS: the number is only "],
    );
    in_order(
        &explain(&["_sysctl", "--abi", "x86_64"]),
        &["__x64_sys_ni_syscall ", "answers ENOSYS\n"],
    );
    // What is surprising about a way stands under it.
    in_order(
        &explain(&["spill", "--abi", "xtensa"]),
        &["sys_ni_syscall ", "(fast_syscall_user answers numbers 0 and 1, "],
    );
    let text = explain(&["map_shadow_stack", "--abi", "arm"]);
    in_order(
        &text,
        &["sys_map_shadow_stack ", "answers ENOSYS: no configuration builds it (kernel/sys_ni.c:"],
    );
}

/// A definition that the ABI's kernels cannot be configured to have is none.
#[test]
fn calls_that_no_configuration_builds() {
    let text = explain(&["mbind", "--abi", "arm"]);
    in_order(
        &text,
        &["sys_mbind ", "answers ENOSYS: no configuration builds it (kernel/sys_ni.c:"],
    );
    in_order(
        &text,
        &["long sys_mbind(", "mm/mempolicy.c:", ", which no configuration of this ABI builds\n"],
    );
    let text = explain(&["mbind", "--abi", "x86_64"]);
    in_order(&text, &["sys_mbind ", "mm/mempolicy.c:", "ENOSYS unless CONFIG_NUMA\n"]);
    in_order(
        &explain(&["mbind"]),
        &["\nENOSYS on arm, arm-oabi, ", ": no configuration builds sys_mbind\n"],
    );
}

#[test]
fn of_rivals_the_one_that_a_usual_kernel_has() {
    let text = explain(&["clock_settime", "--abi", "i386"]);
    assert_eq!(text.matches("long sys_clock_settime32(").count(), 1, "{text}");
    in_order(
        &text,
        &[
            "kernel/time/posix-timers.c:",
            "ENOSYS unless CONFIG_POSIX_TIMERS && CONFIG_COMPAT_32BIT_TIME\n",
        ],
    );
    assert!(explain(&["clock_settime", "--abi", "x86_64"]).contains(", if CONFIG_POSIX_TIMERS\n"));
}

#[test]
fn the_old_convention_of_arm() {
    let text = explain(&["pread64", "--abi", "arm-oabi"]);
    in_order(
        &text,
        &[
            "CONFIG_OABI_COMPAT\n",
            "sys_oabi_call_table ",
            "sys_oabi_pread64 ",
            "arch/arm/kernel/entry-common.S:",
        ],
    );
    in_order(
        &text,
        &["without CONFIG_AEABI\n", "sys_pread64 ", " fs/read_write.c:", "long sys_oabi_pread64("],
    );
    assert!(!explain(&["pread64", "--abi", "arm"]).contains("oabi"));
}

/// The labels of `abis.toml` are those of the committed tables' kernel, and another kernel may not
/// have them; the file and the definitions are those of the tables asked for.
#[test]
fn tables_of_another_kernel() {
    let directory = TempDir::new().unwrap();
    let mut tree = Tree::linux_6_12();
    let calls = "lib/calls.c";
    tree.put(calls, tree.read(calls).replace("\nSYSCALL_DEFINE0(io_destroy)\n", "\n"));
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let explain = |call: &str| {
        let mut tool = codegen();
        tool.args(["explain", call, "--abi", "x86_64", "--tables"]).arg(directory.path());
        run(&mut tool).1
    };
    let file = directory.path().join("x86_64.toml");
    let linux = &COMMITTED.table("x86_64").unwrap().linux;
    // The ways of another release have other names.
    let known = format!(
        "\n\n  The ways into the kernel are known for Linux {linux}: `explain read --abi x86_64` \
         shows them.\n\n  long sys_io_setup("
    );
    let text = explain("io_setup");
    let table = format!("of Linux 6.12.107, tag 64 ({})\n", file.display());
    in_order(&text, &[&table, "  ends in   sys_io_setup (fs/aio.c:", ")\n", "operands", &known]);
    assert!(!text.contains("__x64_") && !text.contains("arch/x86/entry/entry_64.S"), "{text}");
    let text = explain("io_destroy");
    in_order(&text, &["  ends in   sys_io_destroy (no definition found in Linux 6.12.107)\n"]);
    // Whoever has an `abis.toml` beside the tables has written the ways down for them.
    let own = committed().join("../abis.toml");
    fs::copy(own, directory.path().join("abis.toml")).unwrap();
    let text = explain("io_setup");
    assert!(!text.contains("known for Linux") && text.contains("__x64_sys_io_setup "), "{text}");
    fs::remove_file(directory.path().join("abis.toml")).unwrap();
    // Another update of the same release.
    let [version, patchlevel, _] = linux.series();
    is_linux(&mut tree, &format!("{version}.{patchlevel}.99"));
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let way = format!("\n\n  The way into the kernel, as of Linux {linux}:\n\n  syscall\n");
    in_order(&explain("io_setup"), &[&way, "__x64_sys_io_setup "]);
    // The last table of a removed ABI has its own kernel's ways.
    assert!(!self::explain(&["read", "--abi", "ia64"]).contains("as of Linux"));
}

/// Tables of a kernel that has fewer architectures.
#[test]
fn what_the_tables_do_not_have() {
    let directory = TempDir::new().unwrap();
    for (name, text) in good(&Tree::linux_4_19(), &[]) {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let explain = |args: &[&str]| {
        let mut command = codegen();
        command.arg("explain").args(args).arg("--tables").arg(directory.path());
        run(&mut command)
    };
    let (status, text, error) = explain(&["spu_run", "--abi", "m68k"]);
    let only = "only powerpc32, powerpc64 have it";
    assert_eq!((status, &*error), (Some(1), ""));
    assert_eq!(text, format!("m68k has no spu_run: {only}\n"));
    assert_eq!(explain(&["spu_run"]).1, format!("not in these tables: {only}\n"));
    assert_eq!(explain(&["no_such_call"]).0, Some(2));
}

/// The tables of a kernel older than calls that releases have. The oracle is man-pages' "Linux
/// system calls", syscalls(2).
#[test]
fn a_call_newer_than_the_tables() {
    let directory = TempDir::new().unwrap();
    let mut tree = Tree::linux_4_19();
    is_linux(&mut tree, "4.15.0");
    tree.append(S390, "117 common ipc sys_ipc compat_sys_s390_ipc\n");
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let explain = |args: &[&str]| {
        run(codegen().arg("explain").args(args).arg("--tables").arg(directory.path()))
    };
    // s390 and ia64, too, had the call later, and do not have it any more.
    let (status, text, stderr) = explain(&["openat2"]);
    assert_eq!((status, &*stderr), (Some(1), ""), "{text}");
    assert!(text.starts_with("not in Linux 4.15.0 on x86_64, "), "{text}");
    in_order(&text, &[": since 5.6\n", "not in Linux 4.15.0 on s390: since 5.6, until 6.18\n"]);
    assert!(!text.contains("no longer"), "{text}");
    let line = |text: &str| (Some(1), text.to_owned(), String::new());
    assert_eq!(
        explain(&["openat2", "--abi", "x86_64"]),
        line("not in Linux 4.15.0 on x86_64: since 5.6\n")
    );
    assert_eq!(
        explain(&["437", "--abi", "x86_64"]),
        line("437 is openat2, since 5.6: not in Linux 4.15.0 on x86_64\n")
    );
    // ipc(2): MSGSND is one of its calls.
    assert_eq!(
        explain(&["msgsnd", "--abi", "s390x"]),
        line("not in Linux 4.15.0 on s390x: since 5.1; use `ipc` with MSGSND\n")
    );
    let (status, text, _) = explain(&["437"]);
    assert!(status == Some(1) && text.starts_with("437 is openat2, since 5.6: not in "), "{text}");
    // A row that ended before that kernel, and is not in its table.
    let (_, text, _) = explain(&["timerfd"]);
    let ended = "no longer on x86_64: 283 timerfd, added after 2.6.20 and by 2.6.24, removed after";
    assert!(text.contains(ended), "{text}");
}

/// Tables of a kernel that does not have every ABI.
#[test]
fn an_abi_that_the_kernel_does_not_have() {
    let directory = TempDir::new().unwrap();
    let (status, _, stderr) = import(Tree::linux_6_12().on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let explain = |args: &[&str]| {
        run(codegen().arg("explain").args(args).arg("--tables").arg(directory.path()))
    };
    let (status, _, stderr) = explain(&["io_setup", "--abi", "loongarch32"]);
    let message = "error: --abi: these tables do not have loongarch32: they are from Linux \
                   6.12.107, which does not have it; expected one of x86_64, ";
    assert!(status == Some(2) && stderr.starts_with(message), "{stderr}");
    let (status, _, stderr) = explain(&["io_setup", "--abi", "ia64"]);
    let message = "error: --abi: these tables do not have ia64: ia64.toml, which has its numbers, \
                   is missing; expected one of x86_64, ";
    assert!(status == Some(2) && stderr.starts_with(message), "{stderr}");
    let (status, text, _) = explain(&["io_setup"]);
    assert!(
        status == Some(0) && text.contains("\nloongarch64 ") && !text.contains("loongarch32"),
        "{text}"
    );
}

/// Neither what is typed nor what stands in third-party tables is a command to the terminal, nor
/// does it take time.
#[test]
fn hostile_words() {
    let long = "a".repeat(100_000);
    let said = refusal(&[&long]);
    assert!(said.len() < 300 && said.contains("aaa…`; "), "{said}");
    assert!(refusal(&[&format!("1{long}")]).len() < 300);
    assert_eq!(
        refusal(&["a\u{1b}[2Jb"]),
        "error: no ABI has a call `a\\u{1b}[2Jb`; `export tsv` lists them all"
    );
    let directory = TempDir::new().unwrap();
    assert_eq!(import(Tree::new().on_disk().path(), directory.path(), &[]).0, Some(0));
    let sh = directory.path().join("sh.toml");
    let text = fs::read_to_string(&sh).unwrap().replace("\"old_mmap\"", "\"old\\u001b[2Jmmap\"");
    fs::write(&sh, text.replace("\"7.2.13\"", "\"7.2.13\\u0007\"")).unwrap();
    let explain = |args: &[&str]| run(codegen().args(args).arg("--tables").arg(directory.path())).1;
    for args in [&["explain", "mmap", "--abi", "sh"][..], &["explain", "mmap"], &["export", "tsv"]]
    {
        let text = explain(args);
        assert!(
            text.contains("old\\u{1b}[2Jmmap") && !text.contains(['\u{1b}', '\u{7}']),
            "{text}"
        );
    }
}

#[test]
fn names_beside_the_table_s_own() {
    let header = "arch/alpha/include/uapi/asm/unistd.h";
    in_order(
        &explain(&["umount", "--abi", "alpha"]),
        &["umount on alpha\n", "22 (0x16)\n", "umount2 of ", "sys_umount "],
    );
    in_order(
        &explain(&["umount2", "--abi", "alpha"]),
        &["umount2 on alpha\n", &format!("umount of {header}\n")],
    );
    let text = explain(&["cacheflush", "--abi", "arm"]);
    in_order(
        &text,
        &["983042 (0xf0002)\n", "arch/arm/include/uapi/asm/unistd.h\n", "outside of its table.\n"],
    );
}

#[test]
fn redirected_and_assembler_entry_points() {
    let clone = explain(&["clone", "--abi", "arc"]);
    in_order(
        &clone,
        &["long sys_clone_wrapper(", "/entry.S:", ", which calls sys_clone (kernel/fork.c:"],
    );
    // mips defines a function of this name in C, which has nothing to do with sparc.
    let text = explain(&["rt_sigreturn", "--abi", "sparc32"]);
    in_order(&text, &["sys32_rt_sigreturn ", " arch/sparc/kernel/", ", in assembly\n"]);
    assert!(!text.contains("arch/mips"), "{text}");
    let text = explain(&["clone", "--abi", "arc"]);
    let redirected =
        "sys_clone in the table, which arch/arc/kernel/sys.c makes sys_clone_wrapper\n";
    in_order(&text, &[redirected, "sys_clone_wrapper ", "arch/arc/kernel/entry.S:"]);
    // What passes a call on has its arguments; what makes something of the registers has none.
    in_order(&text, &["long sys_clone_wrapper(unsigned long clone_flags, "]);
    let text = explain(&["rt_sigreturn", "--abi", "arm"]);
    in_order(
        &text,
        &["sys_rt_sigreturn_wrapper ", "arch/arm/kernel/entry-common.S:", ", in assembly\n"],
    );
}

#[test]
fn every_abi_at_a_glance() {
    let text = explain(&["io_submit"]);
    let (table, rest) = text.split_once("\n\n").unwrap();
    assert_eq!(first_words(table).len(), 1 + COMMITTED.abis.len());
    let row = |abi: &str| {
        let row = table.lines().find(|line| line.starts_with(&format!("{abi} "))).unwrap();
        row.split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(row("x86_64"), ["x86_64", "209", "sys_io_submit", "2.6.12", "or", "earlier"]);
    assert_eq!(row("x32"), ["x32", "0x40000220", "compat_sys_io_submit", "3.15"]);
    assert_eq!(row("i386")[..4], ["i386", "248", "sys_io_submit", "compat_sys_io_submit"]);
    in_order(
        rest,
        &["long compat_sys_io_submit(", "long sys_io_submit(", "explain io_submit --abi x86_64`"],
    );

    let text = explain(&["io_getevents"]);
    in_order(&text, &["\nnot on riscv32: ", "not on loongarch32: ", "_time64`\nno longer on risc"]);
    assert!(!first_words(&text).contains(&"riscv32"));

    let text = explain(&["544"]);
    in_order(
        &text,
        &[
            "\nx32 ",
            "io_submit ",
            "\nalpha ",
            "pidfd_open ",
            "\nnot on x86_64, ",
            ": no call is 544\n",
        ],
    );
}

#[test]
fn an_unknown_name_has_near_ones() {
    assert_eq!(
        refusal(&["io_sbumit"]),
        "error: no ABI has a call `io_sbumit`; did you mean `io_submit`?"
    );
    assert_eq!(
        refusal(&["xyzzyplugh", "--abi", "x86_64"]),
        "error: no ABI has a call `xyzzyplugh`; `export tsv` lists them all"
    );
    assert!(refusal(&[""]).starts_with("error: no ABI has a call ``; "));
    assert!(refusal(&["open\u{e4}t"]).contains("`openat`"));
}

#[test]
fn what_is_not_a_number() {
    let known = "is not the number of a system call; expected a number or a name, such as 209, \
                 0xd1 or io_submit";
    for number in ["0x", "0xzz", "4294967296", "2o9", "1.5", "0x-1"] {
        assert_eq!(refusal(&[number]), format!("error: `{number}` {known}"));
    }
    assert_eq!(refusal(&["99999"]), "error: no ABI has a call 99999");
}

#[test]
fn an_unknown_abi() {
    let message = refusal(&["io_submit", "--abi", "vax"]);
    let begin = "error: --abi: unknown ABI `vax`; expected an AUDIT_ARCH value or one of x86_64, \
                 x32, i386, ";
    assert!(message.starts_with(begin), "{message}");
    for (name, near) in [
        ("amd46", "amd64"),
        ("SCMP_ARCH_RISC64", "riscv64"),
        ("qemu-aarch46", "aarch64"),
        ("s39x", "s390x"),
        ("powerpc46", "powerpc64"),
    ] {
        let message = refusal(&["io_submit", "--abi", name]);
        let begin = format!("error: --abi: unknown ABI `{name}` (did you mean `{near}`?); ");
        assert!(message.starts_with(&begin), "{message}");
    }
}

#[test]
fn an_abi_by_the_names_that_others_have_for_it() {
    let own = explain(&["io_submit", "--abi", "mips-n32"]);
    for name in ["SCMP_ARCH_MIPSEL64N32", "mipsn32el", "mips64-linux-gnuabin32", "qemu-mipsn32"] {
        assert_eq!(explain(&["io_submit", "--abi", name]), own, "{name}");
    }
}

/// The oracle is the kernel's include/uapi/linux/audit.h: EM_AARCH64 is 183, EM_X86_64 62 and
/// EM_386 3; __AUDIT_ARCH_64BIT is the highest bit, and __AUDIT_ARCH_LE the next.
#[test]
fn an_abi_by_its_audit_value() {
    let (bit64, le) = (1_u32 << 31, 1_u32 << 30);
    for (arch, call, abi) in [
        (183 | bit64 | le, "437", "aarch64"),
        (62 | bit64 | le, "437", "x86_64"),
        (62 | bit64 | le, "0x40000220", "x32"),
        (62 | bit64 | le, "io_submit", "x86_64"),
        (3 | le, "20", "i386"),
        (40 | le, "20", "arm"),
        (40 | le, "0x900014", "arm-oabi"),
    ] {
        let own = explain(&[call, "--abi", abi]);
        for arch in [arch.to_string(), format!("{arch:#x}"), format!("{arch:08x}")] {
            assert_eq!(explain(&[call, "--abi", &arch]), own, "{arch}");
        }
    }
    // Go's name of i386 is not a number.
    assert_eq!(explain(&["20", "--abi", "386"]), explain(&["20", "--abi", "i386"]));
    for arch in ["0xc00000ff", "3221225727", "c00000ff", "0x", "4294967296", "-1"] {
        let message = refusal(&["20", &format!("--abi={arch}")]);
        assert!(message.starts_with(&format!("error: --abi: unknown ABI `{arch}`")), "{message}");
    }
    // Every subcommand takes it.
    let export = |abi: &str| run(codegen().args(["export", "tsv", "--abi", abi]));
    assert_eq!(export("0xc00000b7"), export("aarch64"));
    assert_eq!(export("arch=c00000b7"), export("aarch64"));
}

/// The tool as it is installed, outside of a checkout, answers from the tables that it
/// was built with, whichever the subcommand.
#[test]
fn outside_a_checkout() {
    let directory = TempDir::new().unwrap();
    let there = |args: &[&str]| {
        run(codegen().current_dir(directory.path()).env_remove("CARGO_MANIFEST_DIR").args(args))
    };
    for args in [
        &["explain", "io_submit"][..],
        &["export", "tsv", "--abi", "sh"],
        &["emit", "--abi", "i386"],
    ] {
        let tables = committed().join("..");
        let of_directory = run(codegen().args(args).arg("--tables").arg(tables));
        assert_eq!((there(args), of_directory.0), (of_directory.clone(), Some(0)), "{args:?}");
    }
    assert_eq!(there(&["diff", "--tables", committed().to_str().unwrap()]).0, Some(0));
    let tree = Tree::new().on_disk();
    for (args, what) in [
        (
            &["import", "--linux", tree.path().to_str().unwrap()][..],
            "error: {}; pass --tables DIR\n",
        ),
        (&["emit"], "error: {}; pass --abi ABI\n"),
        (&["emit", "--check"], "error: {}; pass --abi ABI\n"),
    ] {
        let message = what.replace("{}", "no checkout of aio-sys to write to here");
        assert_eq!(there(args), (Some(2), String::new(), message), "{args:?}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Within a checkout every subcommand answers from its tables, in whichever directory.
#[test]
fn within_a_checkout() {
    let repository = new_repository();
    let tables = repository.path().join("tables/linux");
    for (name, bytes) in contents(&committed()) {
        fs::write(tables.join(name), bytes).unwrap();
    }
    let sh = tables.join("sh.toml");
    fs::write(&sh, fs::read_to_string(&sh).unwrap().replace("\"io_submit\"", "\"io_sumbit\""))
        .unwrap();
    for directory in ["", "tables", "aio-sys/src"] {
        let there = |args: &[&str]| {
            let mut tool = codegen();
            run(tool
                .current_dir(repository.path().join(directory))
                .env_remove("CARGO_MANIFEST_DIR")
                .args(args))
        };
        assert_eq!(there(&["explain", "io_sumbit", "--abi", "sh"]).0, Some(0), "{directory}");
        let (status, text, _) =
            there(&["diff", "--abi", "sh", "--tables", committed().to_str().unwrap()]);
        assert!(status == Some(1) && text.contains("io_sumbit"), "{directory}: {text}");
    }
}

/// A mistake names the file of the directory that was asked for.
#[test]
fn the_directory_that_was_asked_for_is_named() {
    let directory = TempDir::new().unwrap();
    fs::copy(committed().join("i386.toml"), directory.path().join("i386.toml")).unwrap();
    let shown = directory.path().display();
    let there = |args: &[&str]| run(codegen().args(args).arg("--tables").arg(directory.path())).2;
    let writes = "missing table; create it with `import --linux`\n";
    assert_eq!(
        there(&["explain", "io_submit"]),
        format!("error: {shown}/prototypes.toml: {writes}")
    );
    assert!(there(&["emit", "--abi", "i386"]).starts_with(&format!("error: {shown}/")));
    let absent = "[[absent]]\nname = \"a\"\nabis = [\"none\"]\nentry = \"a\"\nwhy = \"a\"\ninstead \
                  = \"a\"\n";
    fs::write(directory.path().join("absent.toml"), absent).unwrap();
    let message = format!("error: {shown}/absent.toml:1: unknown ABI `none`: not in abis.toml\n");
    assert_eq!(there(&["export", "json"]), message);
}

/// A vendor's kernel has a call before the release that brought it, or a tree of a merge window.
#[test]
fn a_tree_that_has_a_call_earlier() {
    let (mut tree, directory) = (Tree::new(), TempDir::new().unwrap());
    tree.edit("Makefile", "VERSION = 7\nPATCHLEVEL = 2", "VERSION = 5\nPATCHLEVEL = 2");
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let answer = |name: &str| {
        let mut command = codegen();
        command.args(["explain", name, "--abi", "x86_64", "--tables"]).arg(directory.path());
        run(&mut command).1
    };
    // man-pages: clone3 is of 5.3.
    let clone3 = answer("clone3");
    assert!(clone3.contains("; the tree of this table, 5.2.13, has it\n"), "{clone3}");
    assert!(!answer("read").contains("the tree of this table"));
}

/// Headers of older kernels have numbers alone: such a number is not a reserved one.
#[test]
fn entry_points_that_are_not_known() {
    let directory = TempDir::new().unwrap();
    let (status, _, stderr) = import(Tree::linux_4_19().on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let without =
        "\nno entry points of powerpc64, powerpc32, mips-o32, mips-n32, mips-n64, sparc64, ";
    assert!(stderr.contains(without), "{stderr}");
    let answer = |abi: &str| {
        let mut command = codegen();
        command.args(["explain", "io_setup", "--abi", abi]).arg("--tables").arg(directory.path());
        run(&mut command).1
    };
    let sparc = answer("sparc64");
    let (sparc, others) =
        sparc.split_once("\n  On other ABIs of this kernel, it ends in ").unwrap();
    assert!(others.contains("\nlong sys_io_setup("), "{others}");
    assert!(sparc.contains("no header names it, and tables in assembly are not read"), "{sparc}");
    assert!(!sparc.contains("ENOSYS") && sparc.contains("  ends in   ? ("), "{sparc}");
    assert_eq!(sparc.matches('?').count(), 1, "{sparc}");
    assert!(answer("x86_64").contains("sys_io_setup"), "this one has a table");
}
