//! Prototypes: each entry point of each table has one or a reason, and each call's registers agree
//! with other sources.

use aio_codegen::report::coverage;
use aio_codegen::tables::{Abi, Prototype, Why};
use aio_codegen::{Tables, emit, lower};
use std::collections::BTreeSet;

fn embedded() -> Tables {
    Tables::embedded().unwrap()
}

/// Shown by `cargo test -p aio-tests --test prototypes -- --nocapture figures`.
#[test]
fn figures() {
    let tables = embedded();
    println!("{:13} {:>9}  entry points", "ABI", "functions");
    for (abi, found) in coverage::abis(&tables).unwrap() {
        let [functions, calls] = found.functions;
        println!("{:13} {functions:>4}/{calls:<4}  {found}", abi.name);
        assert_eq!(found.entries, found.prototypes + found.bare.len(), "{}", abi.name);
        assert!(
            found.prototypes * 100 > found.entries * 90,
            "{} has lost its prototypes",
            abi.name
        );
        // Each prototype has a function: all C types are known.
        assert_eq!(found.unclear, [""; 0], "{}", abi.name);
        let not_found = found.bare.iter().filter(|(_, why)| *why == Some(Why::NotFound));
        assert_eq!(
            not_found.count(),
            0,
            "{}: every entry point without prototype has a reason",
            abi.name
        );
    }
    let summary = coverage::summary(&tables).unwrap();
    println!("{}", summary.join("\n"));
    assert_eq!(summary.len(), 1, "every ABI has entry points");
}

/// An entry point with rivals has one prototype per ABI, or several with the same emitted function.
#[test]
fn no_abi_is_left_between_variants() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    let entries: BTreeSet<&str> =
        prototypes.iter().map(|prototype| prototype.entry.as_str()).collect();
    for abi in &tables.abis {
        for &entry in &entries {
            let mut variants = prototypes.iter().filter(|prototype| prototype.entry == entry);
            if variants
                .any(|variant| variant.abis.as_ref().is_some_and(|abis| abis.contains(&abi.name)))
            {
                assert!(lower::prototype(prototypes, abi, entry).is_some(), "{} {entry}", abi.name);
            }
        }
    }
}

/// The arguments of an entry point on an ABI.
fn arguments(prototypes: &[Prototype], abi: &Abi, entry: &str) -> Vec<String> {
    let found =
        lower::prototype(prototypes, abi, entry).unwrap_or_else(|| panic!("{} {entry}", abi.name));
    found.args.iter().map(|(_, name)| name.clone()).collect()
}

/// The call that a program would use, so that the compiler can name the replacement.
#[test]
fn absent_calls_have_prototypes() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    for absent in tables.absent().unwrap() {
        for abi in absent.abis.iter().map(|abi| tables.abi(abi).unwrap()) {
            // A call that only older kernels do not have has a row.
            let linux = &tables.table(&abi.table).unwrap().linux;
            if !absent.holds(&abi.name, linux) || tables.frozen(&abi.arch) {
                continue;
            }
            let found = lower::prototype(prototypes, abi, &absent.entry);
            assert!(found.is_some(), "{} {}", abi.name, absent.entry);
        }
    }
}

/// Against clone(2), sigsuspend and rt_sigaction of the C libraries, which have the same
/// differences by architecture.
#[test]
fn variants_belong_to_their_architecture() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    let of =
        |abi: &str, entry: &str| arguments(prototypes, tables.abi(abi).unwrap(), entry).join(" ");
    for (abis, order) in [
        (
            &["x86_64", "loongarch64", "sh", "csky", "hexagon"][..],
            "clone_flags newsp parent_tidptr child_tidptr tls",
        ),
        (
            &["i386", "arm", "aarch64", "riscv64", "riscv32", "powerpc64", "powerpc32", "xtensa"],
            "clone_flags newsp parent_tidptr tls child_tidptr",
        ),
        (&["s390x"], "newsp clone_flags parent_tidptr child_tidptr tls"),
        (&["microblaze"], "clone_flags newsp stack_size parent_tidptr child_tidptr tls"),
    ] {
        for abi in abis {
            assert_eq!(of(abi, "sys_clone"), order, "{abi}");
        }
    }
    assert_eq!(of("mips-o32", "__sys_clone"), "clone_flags newsp parent_tidptr tls child_tidptr");
    assert_eq!(of("alpha", "alpha_clone"), "clone_flags newsp parent_tidptr child_tidptr tls");
    for abi in ["i386", "arm", "m68k", "s390x"] {
        assert_eq!(of(abi, "sys_sigsuspend"), "unused1 unused2 mask", "{abi}");
    }
    for abi in ["alpha", "powerpc32", "sh", "sparc32"] {
        assert_eq!(of(abi, "sys_sigsuspend"), "mask", "{abi}");
    }
    assert_eq!(of("mips-o32", "sys_sigsuspend"), "uset");
    assert_eq!(of("alpha", "sys_rt_sigaction"), "sig act oact sigsetsize restorer");
    assert_eq!(of("sparc64", "sys_rt_sigaction"), "sig act oact restorer sigsetsize");
    assert_eq!(of("mips-n64", "sys_rt_sigaction"), "sig act oact sigsetsize");
    assert_eq!(of("i386", "sys_set_thread_area"), "u_info");
    assert_eq!(of("m68k", "sys_set_thread_area"), "tp");
}

/// Whether a call may be missing, against Kconfig's help texts.
#[test]
fn optional_calls_have_a_condition() {
    let prototypes = embedded().prototypes().unwrap().to_vec();
    let optional = |entry: &str| {
        let mut found = prototypes.iter().filter(|prototype| prototype.entry == entry);
        found.next().unwrap_or_else(|| panic!("{entry}")).optional.clone()
    };
    for (entry, condition) in [
        ("sys_io_submit", Some("CONFIG_AIO")),
        ("sys_io_uring_setup", Some("CONFIG_IO_URING")),
        ("sys_membarrier", Some("CONFIG_MEMBARRIER")),
        ("sys_landlock_add_rule", Some("CONFIG_SECURITY_LANDLOCK")),
        ("sys_bpf", Some("CONFIG_BPF && CONFIG_BPF_SYSCALL")),
        ("sys_epoll_ctl", Some("CONFIG_EPOLL")),
        ("sys_io_getevents", Some("CONFIG_AIO && CONFIG_64BIT")),
        // kernel/sys_ni.c names these, and every kernel has them.
        ("sys_execveat", None),
        ("sys_copy_file_range", None),
        ("sys_read", None),
        ("sys_openat", None),
    ] {
        assert_eq!(optional(entry).as_deref(), condition, "{entry}");
    }
}

/// The calls that no configuration of an ABI builds, against the options of each architecture in
/// the kernel's documentation (Documentation/features: numa-memblock, arch-supports-kexec…), and
/// arch/*/Kconfig.
#[test]
fn calls_that_no_configuration_builds() {
    let bare = embedded().bare().unwrap().to_vec();
    let unbuilt = |entry: &str, abi: &str| {
        bare.iter().any(|bare| {
            bare.why == Why::NotBuilt
                && bare.entry == entry
                && bare.abis.iter().any(|name| name == abi)
        })
    };
    for (entry, not, but) in [
        (
            "sys_mbind",
            "arm m68k csky openrisc hexagon arc loongarch32",
            "x86_64 aarch64 powerpc64 s390x sparc64 sh",
        ),
        ("sys_pkey_alloc", "arm riscv64 s390x mips-n64 alpha", "x86_64 i386 aarch64 powerpc64"),
        (
            "sys_memfd_secret",
            "arm powerpc64 mips-n64 sparc64",
            "x86_64 aarch64 riscv64 s390x loongarch64",
        ),
        (
            "sys_kexec_load",
            "alpha sparc64 csky hexagon",
            "x86_64 arm aarch64 powerpc64 m68k mips-n64 sh",
        ),
        ("sys_swapon", "nios2 microblaze", "x86_64 arm m68k"),
        ("sys_io_submit", "", "x86_64 arm riscv32 hexagon"),
    ] {
        for (abis, expected) in [(not, true), (but, false)] {
            for abi in abis.split_whitespace() {
                assert_eq!(unbuilt(entry, abi), expected, "{entry} on {abi}");
            }
        }
    }
}

/// The rows of arm's table have a fifth column, for programs of the old convention on a kernel of
/// the new one.
#[test]
fn entry_points_of_the_old_convention() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    let [arm, oabi] = ["arm", "arm-oabi"].map(|name| tables.abi(name).unwrap());
    let table = tables.table("arm").unwrap();
    let calls = oabi.calls(table);
    let own: Vec<&str> = calls.iter().filter_map(|call| call.compat).collect();
    assert_eq!(own.len(), 19);
    for entry in own {
        let prototype =
            lower::prototype(prototypes, oabi, entry).unwrap_or_else(|| panic!("{entry}"));
        let sources = ["arch/arm/kernel/sys_oabi-compat.c", "arch/arm/kernel/entry-common.S"];
        assert!(sources.contains(&prototype.source.as_str()), "{entry}");
        assert!(prototype.abis.as_ref().is_none_or(|abis| !abis.contains(&arm.name)), "{entry}");
    }
    let of = |entry: &str| arguments(prototypes, oabi, entry).join(" ");
    assert_eq!(of("sys_oabi_pread64"), "fd buf count pos");
    assert_eq!(of("sys_oabi_semop"), "semid tsops nsops");
}

/// The registers of calls with 64-bit arguments. The oracles: the compilers that ci/oracle/pairs
/// runs, for entry points with whole arguments; and the kernel's own declarations for halves or
/// padding (`arch/x86/kernel/sys_ia32.c`, `arch/powerpc/kernel/sys_ppc32.c`,
/// `arch/parisc/kernel/sys_parisc.c`, `arch/sh/kernel/sys_sh32.c`, `arch/arm/kernel/sys_arm.c`,
/// `arch/hexagon/kernel/syscalltab.c`).
const LAYOUTS: &[(&str, &[(&str, &str)])] = &[
    (
        "pread64",
        &[
            (
                "arm mips-o32 powerpc32 hexagon xtensa arm64-compat",
                "fd, buf, count, 0, pos[0], pos[1]",
            ),
            (
                "i386 riscv32 parisc32 arm-oabi sparc32 m68k arc openrisc csky",
                "fd, buf, count, pos[0], pos[1]",
            ),
            ("sh", "fd, buf, count, dummy, pos[0], pos[1]"),
            ("x86_64 x32 aarch64 mips-n32 mips-n64 s390x", "fd, buf, count, pos"),
        ],
    ),
    (
        "pwrite64",
        &[
            ("arm mips-o32 powerpc32", "fd, buf, count, 0, pos[0], pos[1]"),
            ("i386 riscv32 parisc32", "fd, buf, count, pos[0], pos[1]"),
            ("sh", "fd, buf, count, dummy, pos[0], pos[1]"),
            ("x32 mips-n32", "fd, buf, count, pos"),
        ],
    ),
    // The kernel declares the halves as longs, low before high on every byte order, and needs no
    // second on 64 bits.
    (
        "preadv",
        &[
            (
                "arm mips-o32 powerpc32 i386 riscv32 parisc32 sh x86_64",
                "fd, vec, vlen, pos_l, pos_h",
            ),
            ("x32", "fd, vec, vlen, pos"),
            ("mips-n32", "fd, vec, vlen, pos_l, pos_h"),
        ],
    ),
    (
        "preadv2",
        &[
            (
                "arm mips-o32 powerpc32 i386 riscv32 parisc32 sh x86_64",
                "fd, vec, vlen, pos_l, pos_h, flags",
            ),
            ("x32", "fd, vec, vlen, pos, flags"),
            ("mips-n32", "fd, vec, vlen, pos_l, pos_h, flags"),
        ],
    ),
    (
        "fallocate",
        &[
            (
                "arm mips-o32 powerpc32 i386 riscv32 parisc32 sh",
                "fd, mode, offset[0], offset[1], len[0], len[1]",
            ),
            ("x32 mips-n32 x86_64", "fd, mode, offset, len"),
        ],
    ),
    (
        "ftruncate64",
        &[
            ("arm mips-o32 powerpc32", "fd, 0, length[0], length[1]"),
            ("i386 riscv32 parisc32 sh", "fd, length[0], length[1]"),
        ],
    ),
    (
        "truncate64",
        &[
            ("arm mips-o32 powerpc32", "path, 0, length[0], length[1]"),
            ("i386 riscv32 parisc32 sh", "path, length[0], length[1]"),
        ],
    ),
    (
        "sync_file_range",
        &[
            ("i386 riscv32 parisc32 sh", "fd, offset[0], offset[1], nbytes[0], nbytes[1], flags"),
            ("mips-o32", "fd, 0, offset[0], offset[1], nbytes[0], nbytes[1], flags"),
            ("x32 mips-n32", "fd, offset, nbytes, flags"),
        ],
    ),
    (
        "sync_file_range2",
        &[(
            "arm powerpc32 sh hexagon csky",
            "fd, flags, offset[0], offset[1], nbytes[0], nbytes[1]",
        )],
    ),
    (
        "fadvise64_64",
        &[
            ("i386 riscv32 parisc32 sh", "fd, offset[0], offset[1], len[0], len[1], advice"),
            ("csky hexagon", "fd, advice, offset[0], offset[1], len[0], len[1]"),
            ("powerpc32", "fd, advice, offset_high, offset_low, len_high, len_low"),
        ],
    ),
    ("arm_fadvise64_64", &[("arm arm-oabi", "fd, advice, offset[0], offset[1], len[0], len[1]")]),
    (
        "readahead",
        &[
            ("arm mips-o32 powerpc32", "fd, 0, offset[0], offset[1], count"),
            ("i386 riscv32 parisc32 sh", "fd, offset[0], offset[1], count"),
            ("x32 mips-n32", "fd, offset, count"),
        ],
    ),
    (
        "_llseek",
        &[(
            "arm mips-o32 powerpc32 i386 parisc32 sh",
            "fd, offset_high, offset_low, result, whence",
        )],
    ),
    ("llseek", &[("riscv32", "fd, offset_high, offset_low, result, whence")]),
    (
        "fanotify_mark",
        &[
            (
                "arm mips-o32 powerpc32 i386 riscv32 parisc32 sh",
                "fanotify_fd, flags, mask[0], mask[1], dfd, pathname",
            ),
            ("x32 mips-n32 x86_64", "fanotify_fd, flags, mask, dfd, pathname"),
        ],
    ),
    (
        "io_submit",
        &[("arm mips-o32 powerpc32 i386 riscv32 parisc32 sh x32 mips-n32", "ctx_id, nr, iocbpp")],
    ),
    (
        "io_getevents",
        &[(
            "arm mips-o32 powerpc32 i386 parisc32 sh x32 mips-n32",
            "ctx_id, min_nr, nr, events, timeout",
        )],
    ),
    (
        "io_pgetevents_time64",
        &[(
            "arm mips-o32 powerpc32 i386 riscv32 parisc32 sh mips-n32",
            "ctx_id, min_nr, nr, events, timeout, usig",
        )],
    ),
    // One pointer to the six, and the stack first.
    ("mmap", &[("s390x i386 m68k", "arg"), ("x86_64", "addr, len, prot, flags, fd, off")]),
];

#[test]
fn registers_follow_the_abi() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    for (name, layouts) in LAYOUTS {
        for (abis, expected) in *layouts {
            for abi in abis.split(' ') {
                let abi = tables.abi(abi).unwrap();
                let table = tables.table(&abi.table).unwrap();
                let calls = abi.calls(table);
                let call = calls.iter().find(|call| call.name == *name);
                let call = call.unwrap_or_else(|| panic!("{} has no {name}", abi.name));
                let registers = lower::registers(prototypes, abi, call).unwrap_or_default();
                assert_eq!(registers.join(", "), *expected, "{} {name}", abi.name);
            }
        }
    }
}

/// The same for the emitted text, for the ABIs with stubs.
#[test]
fn emitted_calls_follow_the_abi() {
    let tables = embedded();
    let mut seen = 0;
    for abi in tables.abis.iter().filter(|abi| abi.stub().is_some()) {
        let text = emit::target(&lower::target(&tables, abi).unwrap());
        let word = |register: &str| match register.split_once('[') {
            Some((name, half)) => format!("Word::halves({name} as u64)[{half}"),
            None => format!("Word::from({register})"),
        };
        for (name, layouts) in LAYOUTS {
            for (_, expected) in
                layouts.iter().filter(|(abis, _)| abis.split(' ').any(|name| name == abi.name))
            {
                let registers: Vec<_> = expected.split(", ").map(word).collect();
                let call = format!(
                    "stub::syscall{}(nr::SYS_{name}, {})",
                    registers.len(),
                    registers.join(", ")
                );
                assert!(text.contains(&call), "{}: no {call}", abi.name);
                seen += usize::from(call.contains("halves"));
            }
        }
    }
    assert!(seen >= 20, "{seen} with a split argument");
}

/// If the kernel joins halves, the names of its arguments are the oracle for memory order.
#[test]
fn halves_that_the_kernel_joins_are_in_memory_order() {
    let tables = embedded();
    let prototypes = tables.prototypes().unwrap();
    let mut seen = 0;
    for (abi, first, second) in
        [("i386", "lo", "hi"), ("parisc32", "hi", "lo"), ("powerpc32", "hi", "lo")]
    {
        let abi = tables.abi(abi).unwrap();
        let table = tables.table(&abi.table).unwrap();
        for call in abi.calls(table) {
            let (Some(entry), Some(registers)) =
                (call.entry, lower::registers(prototypes, abi, &call))
            else {
                continue;
            };
            let Some(own) = lower::prototype(prototypes, abi, entry)
                .filter(|own| own.args.len() == registers.len())
            else {
                continue;
            };
            for (register, (_, declared)) in registers.iter().zip(&own.args) {
                let says = |word: &str| {
                    declared.rsplit('_').next().is_some_and(|last| last.contains(word))
                };
                if says("hi") || says("lo") {
                    let expected = if register.ends_with("[0]") { first } else { second };
                    if register.ends_with(']') {
                        seen += 1;
                        assert!(
                            says(expected),
                            "{} {}: {register} is {declared}",
                            abi.name,
                            call.name
                        );
                    }
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
