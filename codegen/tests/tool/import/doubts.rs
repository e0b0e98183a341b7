//! How each kind of finding is handled, in the repository and elsewhere: the table of
//! `import/findings.rs`, row by row.

use super::*;
use aio_codegen::import::{Class, Findings, KINDS, Kind};
use aio_codegen::tables::Call;
use aio_codegen::{Error, import, store};
use std::collections::BTreeSet;

const LIB: &str = "lib/calls.c";
const I386: &str = "arch/x86/entry/syscalls/syscall_32.tbl";
const M68K: &str = "arch/m68k/kernel/syscalls/syscall.tbl";

/// A tree with one error.
struct Case {
    kind: Kind,
    harm: fn(&mut Tree),
    /// The message of an import into another directory, as an error or a warning.
    message: &'static str,
    /// The rows that the damaged tree has in addition, and those that it is missing: `ABI number
    /// name`.
    more: &'static [&'static str],
    less: &'static [&'static str],
}

/// Damage that changes no row.
const fn harmless(kind: Kind, harm: fn(&mut Tree), message: &'static str) -> Case {
    Case { kind, harm, message, more: &[], less: &[] }
}

/// Appends text to a file, without adding definitions.
fn behind(tree: &mut Tree, path: &str, text: &str) {
    let whole = tree.read(path) + text;
    tree.put(path, whole);
}

const CASES: &[Case] = &[
    harmless(
        Kind::Conflict,
        |tree| {
            tree.append(M68K, "<<<<<<< HEAD\n");
        },
        "{tree}/arch/m68k/kernel/syscalls/syscall.tbl:7: a merge conflict marker; resolve the \
         conflict first",
    ),
    harmless(
        Kind::Unreadable,
        |tree| {
            tree.append(M68K, "500\tcommon\n");
        },
        "{tree}/arch/m68k/kernel/syscalls/syscall.tbl:7: `500 common` is not a row; expected \
         `NUMBER TAG NAME`; is the file cut off?",
    ),
    harmless(
        Kind::Twice,
        |tree| {
            tree.append(M68K, "471\tcommon\tmine\tsys_mine\n");
        },
        "{tree}/arch/m68k/kernel/syscalls/syscall.tbl:7: number 471 is used twice in m68k; the \
         first is at line 6",
    ),
    harmless(
        Kind::Tags,
        |tree| {
            tree.edit(X86_64, "206\t64\tio_setup", "206\t64bit\tio_setup");
        },
        "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:6: the tag `64bit` begins like `64`, and \
         syscallhdr.sh compares prefixes only; rename one of them",
    ),
    harmless(
        Kind::Base,
        |tree| {
            tree.edit(HEADER_X86, "0x40000000", "0x20000000");
        },
        "{tree}/arch/x86/include/uapi/asm/unistd.h: defines the base of x32 as 0x20000000, but \
         abis.toml has 0x40000000; correct `base` there",
    ),
    Case {
        kind: Kind::Gap,
        harm: |tree| {
            tree.edit(M68K, "435\tcommon\tclone3\tsys_clone3\n", "");
        },
        message: "{tree}/arch/m68k/kernel/syscalls/syscall.tbl: m68k does not have clone3, which \
                  the tree's other tables have; if the file is complete, add the reason to \
                  tables/absent.toml",
        more: &[],
        less: &["m68k 435 clone3"],
    },
    Case {
        kind: Kind::Skipped,
        harm: |tree| {
            tree.edit(X86_64, "206\t64\tio_setup", " 206\t64\tio_setup");
        },
        message: "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:6: `206 64 io_setup sys_io_setup` \
                  is indented, and the kernel's scripts skip such a row; remove the indentation",
        more: &[],
        less: &["x86_64 206 io_setup"],
    },
    harmless(
        Kind::Unsorted,
        |tree| {
            tree.edit(X86_64, "206\t64\tio_setup\t\tsys_io_setup\n", "");
            tree.append(X86_64, "206\t64\tio_setup\t\tsys_io_setup\n");
        },
        "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:14: number 206 is out of order in x86_64: \
         it comes after 471",
    ),
    harmless(
        Kind::Column,
        |tree| {
            tree.edit(X86_64, "\tsys_io_destroy\n", "\tsys_io_destroy # mine\n");
        },
        "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:7: `# mine` is a comment after a row; put \
         it on its own line",
    ),
    harmless(
        Kind::Unnumbered,
        |tree| behind(tree, HEADER_X86, "#define __NR_gone __NR_nowhere\n"),
        "{tree}/arch/x86/include/uapi/asm/unistd.h:9: `__NR_gone` has a number that cannot be \
         evaluated",
    ),
    Case {
        kind: Kind::OwnTable,
        harm: |tree| {
            let own = tree.read(GENERIC).replace("450\tcommon", "464\tcommon");
            tree.put("arch/arm64/tools/syscall_64.tbl", own);
        },
        message: "{tree}/arch/arm64/tools/syscall_64.tbl: is not scripts/syscall.tbl, from which \
                  other architectures take their rows",
        more: &["aarch64 464 set_mempolicy_home_node"],
        less: &["aarch64 450 set_mempolicy_home_node"],
    },
    Case {
        kind: Kind::LeftOut,
        harm: |tree| tree.remove("arch/nios2/kernel/Makefile.syscalls"),
        message: "{tree}/arch/nios2/kernel/Makefile.syscalls: cannot be read: No such file or \
                   directory (os error 2); nios2 is left out",
        more: &[],
        less: &["nios2"],
    },
    harmless(
        Kind::Names,
        |tree| {
            tree.edit(HEADER_X86, "unistd_x32.h", "unistd_32.h");
        },
        "{tree}/arch/x86/include/uapi/asm/unistd.h: does not include <asm/unistd_x32.h> for x32; \
         correct `header` or `predefined` in tables/abis.toml",
    ),
    Case {
        kind: Kind::LostName,
        harm: |tree| {
            // A call of a kernel that is not older.
            is_linux(tree, COMMITTED.table("asm-generic").unwrap().linux.as_str());
            tree.put(CSKY, "#include <asm/unistd_32.h>\n");
        },
        message: "{tree}/arch/csky/include/uapi/asm/unistd.h: does not define \
                   __NR_sync_file_range2, which it did in Linux {linux}; is it cut off?",
        more: &["csky 84 sync_file_range"],
        less: &["csky 84 sync_file_range2"],
    },
    harmless(
        Kind::LastLine,
        |tree| {
            let text = tree.read(LIB);
            tree.put(LIB, text + "int cut");
        },
        "{tree}/lib/calls.c:{last}: the file ends within a line; was it cut off?",
    ),
    harmless(
        Kind::Merge,
        |tree| {
            let text = tree.read(LIB);
            tree.put(LIB, "<<<<<<< HEAD\n=======\n>>>>>>> topic\n".to_owned() + &text);
        },
        "{tree}/lib/calls.c:1: a merge conflict marker; resolve the conflict first",
    ),
    harmless(
        Kind::Undeclared,
        |tree| {
            let text = tree.read(LIB).replace("\nSYSCALL_DEFINE0(read)\n", "\n");
            tree.put(LIB, text + "#ifdef CONFIG_NOWHERE\nSYSCALL_DEFINE0(read)\n#endif\n");
        },
        "{tree}/lib/calls.c:{last}: sys_read needs CONFIG_NOWHERE, which no Kconfig file \
         declares; is the tree complete?",
    ),
    harmless(
        Kind::Undefined,
        |tree| {
            let text = tree.read(LIB).replace("\nSYSCALL_DEFINE0(read)\n", "\n");
            tree.put(LIB, text);
        },
        "{tree}/fs/read_write.c: does not exist; mainline defines sys_read there, and no file \
         here does",
    ),
    harmless(
        Kind::Unbuilt,
        |tree| tree.put("mm/orphan.c", "SYSCALL_DEFINE0(read)\n"),
        "{tree}/mm: no makefile here builds orphan.c, which defines sys_read; is the tree \
         complete?",
    ),
    harmless(
        Kind::Unlisted,
        |tree| tree.put("virt", "a file in the place of a directory\n"),
        "{tree}/virt: cannot be listed: not a directory",
    ),
    harmless(
        Kind::Code,
        |tree| behind(tree, LIB, "SYSCALL_DEFINE1(bad)\n"),
        "{tree}/lib/calls.c:{last}: SYSCALL_DEFINE1(bad): expected 1 pairs of type and name, found \
         0 words; repair it, or add a macro that stands for more to WIDE in prototypes.rs",
    ),
    harmless(
        Kind::Kconfig,
        |tree| behind(tree, "init/Kconfig", "endmenu\n"),
        "{tree}/init/Kconfig:4: unmatched endmenu; repair the file",
    ),
    harmless(
        Kind::Makefile,
        |tree| behind(tree, "lib/Makefile", "endif\n"),
        "{tree}/lib/Makefile:2: endif without ifdef or ifeq; repair the file",
    ),
    harmless(
        Kind::Errno,
        |tree| tree.remove("arch/mips/include/uapi/asm/errno.h"),
        "{tree}/arch/mips/include/uapi/asm/errno.h: cannot be read: No such file or directory (os \
         error 2)",
    ),
    harmless(
        Kind::Constant,
        |tree| tree.remove("include/uapi/linux/aio_abi.h"),
        "{tree}/include/uapi/linux/aio_abi.h: cannot be read: No such file or directory (os error \
         2)",
    ),
    harmless(
        Kind::Elsewhere,
        |tree| {
            tree.put("arch/um/kernel/bad.c", "SYSCALL_DEFINE1(bad)\n#if A");
            tree.put("arch/x86/um/bad.c", "SYSCALL_DEFINE1(bad)\n");
        },
        "",
    ),
];

const CSKY: &str = "arch/csky/include/uapi/asm/unistd.h";

/// An import and its warnings.
fn imported(tree: &Tree, findings: Findings) -> (Result<Files, Error>, Vec<(Kind, String)>) {
    let files = import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings);
    let warnings = findings.warnings().into_iter();
    (files, warnings.map(|(kind, error)| (kind, error.to_string())).collect())
}

/// Every row of the tables: `ABI number name`.
fn parse_rows(files: &Files) -> BTreeSet<String> {
    let tables = store::in_memory("{tables}", files).unwrap();
    let there = tables.abis.iter().filter(|abi| tables.has_table(&abi.table));
    there
        .flat_map(|abi| {
            let calls = abi.calls(tables.table(&abi.table).unwrap());
            let row = |call: &Call<'_>| format!("{} {} {}", abi.name, call.number, call.name);
            calls.iter().map(row).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_kind_of_finding() {
    let whole = imported(&Tree::new(), Findings::strict()).0.unwrap();
    let whole = parse_rows(&whole);
    // These have tests of their own.
    let others = [Kind::Private, Kind::Optional, Kind::Replaced, Kind::Beyond];
    for &(kind, class, _) in KINDS.iter().filter(|(kind, ..)| !others.contains(kind)) {
        let Case { harm, message, more, less, .. } =
            CASES.iter().find(|case| case.kind == kind).unwrap_or_else(|| panic!("{kind:?}"));
        let mut tree = Tree::new();
        harm(&mut tree);
        let last = tree.read(LIB).lines().count() - usize::from(kind == Kind::Undeclared);
        let linux = COMMITTED.table("asm-generic").unwrap().linux.to_string();
        let message = message.replace("{last}", &last.to_string()).replace("{linux}", &linux);
        let refused = |(result, _): (Result<Files, Error>, _)| {
            assert_eq!(result.err().map(|error| error.to_string()), Some(message.clone()));
        };
        let (strict, lenient) =
            (imported(&tree, Findings::strict()), imported(&tree, Findings::lenient()));
        match class {
            Class::WrongNumber => {
                refused(strict);
                refused(lenient);
                continue;
            }
            Class::Doubtful => {
                refused(strict);
                assert_eq!(lenient.1[0], (kind, message));
                // The rows of an ABI that is left out belong to no ABI.
                let follows = |kind: Kind| [Kind::LeftOut, Kind::Skipped].contains(&kind);
                assert!(lenient.1[1..].iter().all(|(other, _)| follows(kind) && follows(*other)));
            }
            Class::NotOurs => {
                assert!(strict.0.is_ok());
                assert_eq!(lenient.1, []);
            }
        }
        let found = parse_rows(&lenient.0.unwrap_or_else(|error| panic!("{kind:?}: {error}")));
        let more: Vec<&str> = more.to_vec();
        assert_eq!(found.difference(&whole).collect::<Vec<_>>(), more, "{kind:?}");
        let lost = |row: &&String| less.iter().any(|less| row.starts_with(less));
        let less: Vec<_> = whole.iter().filter(lost).collect();
        assert_eq!(whole.difference(&found).collect::<Vec<_>>(), less, "{kind:?}");
    }
}

/// A private call: its rows, and its definition.
#[test]
fn private_calls_are_reported_and_are_in_the_tables() {
    type Harm = fn(&mut Tree);
    let defined = |tree: &mut Tree, path: &str| {
        tree.put(path, "SYSCALL_DEFINE1(mine, int, a)\n");
        let text = tree.read(LIB).replace("SYSCALL_DEFINE0(mine)\n", "");
        tree.put(LIB, text);
    };
    let cases: &[(Harm, &str, &[&str])] = &[
        (
            |tree| {
                tree.edit(X86_64, "206\t64", "199\tcommon\tmine\tsys_mine\n206\t64");
            },
            "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:6: mine (199 on x86_64, x32)",
            &["x32 1073742023 mine", "x86_64 199 mine"],
        ),
        (
            |tree| {
                tree.append(X86_64, "548\t64\tmine\tsys_mine\n");
            },
            "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:15: mine (548 on x86_64)",
            &["x86_64 548 mine"],
        ),
        (
            |tree| {
                tree.edit(
                    X86_64,
                    "512\tx32",
                    "472\tcommon\tmine\tsys_mine\n473\t64\tmine2\tsys_mine\n512\tx32",
                );
            },
            "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:13: mine (472 on x86_64, x32)",
            &["x32 1073742296 mine", "x86_64 472 mine", "x86_64 473 mine2"],
        ),
        (
            |tree| {
                tree.append(X86_64, "548\tcommon\tmine\tsys_mine\n");
                tree.append(I386, "472\ti386\tmine\tsys_mine\n");
            },
            "{tree}/arch/x86/entry/syscalls/syscall_64.tbl:15: mine (548 on x86_64, x32, 472 on \
             i386)",
            &["i386 472 mine", "x32 1073742372 mine", "x86_64 548 mine"],
        ),
    ];
    let whole = parse_rows(&imported(&Tree::new(), Findings::strict()).0.unwrap());
    for (harm, place, more) in cases {
        for file in ["kernel/mine.c", "mine/mine.c", "drivers/misc/mine.c"] {
            let mut tree = Tree::new();
            harm(&mut tree);
            defined(&mut tree, file);
            tree.put("Kbuild", "obj-y += kernel/ mine/ drivers/ lib/\n");
            let (directory, _) = file.rsplit_once('/').unwrap();
            tree.put(&format!("{directory}/Makefile"), "obj-y += sys.o exit.o mine.o\n");
            let (files, warnings) = imported(&tree, Findings::lenient());
            let (kind, said) = &warnings[0];
            let linux = &COMMITTED.table("x86_64").unwrap().linux;
            let why = format!(
                "is in no table of Linux {linux}: a private call, or one of another kernel"
            );
            // What mainline has at the number is behind.
            assert_eq!(*kind, Kind::Private, "{file}");
            assert!(said.starts_with(&format!("{place} {why}")), "{file}: {said}");
            assert!(warnings[1..].iter().all(|(kind, _)| *kind == Kind::Private), "{warnings:?}");
            let files = files.unwrap();
            assert_eq!(parse_rows(&files).difference(&whole).collect::<Vec<_>>(), *more, "{file}");
            let tables = store::in_memory("{tables}", &files).unwrap();
            let found = tables.prototypes().unwrap().iter().find(|found| found.entry == "sys_mine");
            assert_eq!(found.map(|found| found.source.as_str()), Some(file));
        }
    }
}

/// ARM's own calls are only in a header.
#[test]
fn a_private_call_beside_the_table_is_named() {
    let header = "arch/arm/include/uapi/asm/unistd.h";
    let mut tree = Tree::new();
    tree.append(header, "#define __ARM_NR_mine (__ARM_NR_BASE + 9)\n");
    let (files, warnings) = imported(&tree, Findings::lenient());
    assert!(files.is_ok());
    let linux = &COMMITTED.table("x86_64").unwrap().linux;
    let why = format!("is in no table of Linux {linux}: a private call, or one of another kernel");
    let [(Kind::Private, said)] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(said.starts_with(&format!("{{tree}}/{header}:")), "{said}");
    assert!(said.ends_with(&format!("mine (983049 on arm, arm-oabi) {why}")), "{said}");
    // A second name of a number is no call of its own.
    let mut tree = Tree::new();
    tree.append(header, "#define __NR_alias (__NR_SYSCALL_BASE + 243)\n");
    assert_eq!(imported(&tree, Findings::lenient()).1, []);
}

/// The entry point may have been forgotten. A row with `sys_ni_syscall` reserves its number.
#[test]
fn a_private_call_without_an_entry_point_is_named() {
    for (row, named) in [("mine", true), ("mine\tsys_ni_syscall", false)] {
        let mut tree = Tree::new();
        tree.append(I386, &format!("500\ti386\t{row}\n"));
        let (files, warnings) = imported(&tree, Findings::lenient());
        assert!(parse_rows(&files.unwrap()).contains("i386 500 mine"));
        let private = warnings.iter().any(|(kind, _)| *kind == Kind::Private);
        assert_eq!(private, named, "{row}: {warnings:?}");
    }
}

/// The tool's output and exit status.
#[test]
fn warnings_are_counted_and_status_1_with_strict() {
    let mut tree = Tree::new();
    tree.edit(M68K, "435\tcommon\tclone3\tsys_clone3\n", "");
    tree.append(M68K, "500\tcommon\tmine\tsys_mine\n");
    let (disk, directory) = (tree.on_disk(), TempDir::new().unwrap());
    let (status, out, said) = import(disk.path(), directory.path(), &[]);
    assert_eq!((status, out.as_str()), (Some(0), ""));
    let lines: Vec<&str> = said.lines().collect();
    let warned = |at: usize, kind: &str| {
        let place = format!("warning: {}/{M68K}:", disk.path().display());
        assert!(lines[at].starts_with(&place) && lines[at].contains(kind), "{said}");
    };
    warned(0, "mine (500 on m68k) is in no table");
    warned(1, "m68k does not have clone3");
    assert_eq!(lines.last(), Some(&"2 warnings: 1 gap, 1 private call"));
    let strictly = |more: &[&str]| {
        let mut command = codegen();
        command.arg("import").arg("--linux").arg(disk.path());
        run(command.arg("--strict").args(more))
    };
    let other = TempDir::new().unwrap();
    let (status, ..) = strictly(&["--tables", other.path().to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(contents(other.path()) == contents(directory.path()), "they are written all the same");
    let (status, _, said) = strictly(&[]);
    assert!(status == Some(2) && said.contains("--tables"), "{said}");
}

/// A gap that the user explains is not reported; `absent.toml` is read from the target directory.
#[test]
fn tables_by_hand_are_those_of_the_directory() {
    let mut tree = Tree::new();
    tree.edit(M68K, "435\tcommon\tclone3\tsys_clone3\n", "");
    let (disk, directory) = (tree.on_disk(), TempDir::new().unwrap());
    let (_, _, said) = import(disk.path(), directory.path(), &[]);
    let copy =
        format!("{}/absent.toml, a copy of tables/absent.toml\n", directory.path().display());
    assert!(said.contains(&format!("add the reason to {copy}")), "{said}");
    let by_hand = directory.path().join("absent.toml");
    let committed = fs::read_to_string(committed().join("../absent.toml")).unwrap();
    let known = "\n[[absent]]\nname = \"clone3\"\nabis = [\"m68k\"]\nentry = \"sys_clone3\"\n\
                 why = \"it does not\"\ninstead = \"`clone`\"\n";
    fs::write(&by_hand, committed.clone() + known).unwrap();
    let (status, _, said) = import(disk.path(), directory.path(), &[]);
    assert!(status == Some(0) && !said.contains("warning"), "{said}");
    fs::write(&by_hand, &committed).unwrap();
    let (_, _, said) = import(disk.path(), directory.path(), &[]);
    assert!(said.contains(&format!("add the reason to {}\n", by_hand.display())), "{said}");
    fs::write(&by_hand, "absent = 1\n").unwrap();
    let (status, _, said) = import(disk.path(), directory.path(), &[]);
    let place = format!("error: {}:1: ", by_hand.display());
    assert!(status == Some(2) && said.starts_with(&place), "{said}");
}

/// The frozen table is the committed copy.
#[test]
fn an_abi_that_the_tree_has_is_given() {
    let mut tree = Tree::linux_6_12();
    tree.edit("Makefile", "PATCHLEVEL = 12", "PATCHLEVEL = 18");
    let has = |findings| {
        let files = imported(&tree, findings).0.unwrap();
        files.iter().any(|(name, _)| name == "s390-31bit.toml")
    };
    assert_eq!((has(Findings::lenient()), has(Findings::strict())), (true, false));
    let only = ["s390-31bit".to_owned()];
    let found = import::tree(&source(&tree, "t"), &COMMITTED, &only, &Findings::lenient()).unwrap();
    assert_eq!(found.len(), 1);
}

/// A compiler with other predefined macros would give the numbers of another ABI.
#[test]
fn a_long_has_the_width_of_the_abi() {
    let mut tree = Tree::linux_6_1();
    let header = "arch/riscv/include/uapi/asm/bitsperlong.h";
    tree.put(header, "#define __BITS_PER_LONG 32\n");
    let (files, _) = imported(&tree, Findings::lenient());
    let said = files.unwrap_err().to_string();
    assert!(said.contains("defines a long of 32 bits for riscv64, which has 64"), "{said}");
}

/// The content of a header of numbers besides plain `#define`s of calls.
#[test]
fn calls_in_headers_of_numbers() {
    let mut tree = Tree::linux_6_1();
    let arm64 = "arch/arm64/include/asm/unistd32.h";
    let line = tree.read(arm64).lines().count();
    behind(&mut tree, arm64, "__SYSCALL(500, sys_mine)\n#define __NR_myCall 501\n");
    behind(&mut tree, arm64, "__SYSCALL(500, sys_other)\n");
    let (files, warnings) = imported(&tree, Findings::lenient());
    let said: Vec<&str> = warnings.iter().map(|(_, said)| said.as_str()).collect();
    let unnamed = format!(
        "{{tree}}/{arm64}:{}: no name is defined for the number 500 of sys_other; the tables call \
         it other",
        line + 3
    );
    let replaced = format!(
        "{{tree}}/{arm64}:{}: sys_other replaces sys_mine at the number 500, from \
         {{tree}}/{arm64}:{}",
        line + 3,
        line + 1
    );
    assert!(said.contains(&&*unnamed) && said.contains(&&*replaced), "{said:?}");
    let rows = parse_rows(&files.unwrap());
    assert!(
        ["500 other", "501 myCall"]
            .iter()
            .all(|row| { rows.contains(&format!("arm64-compat {row}")) })
    );
}

/// Editors of other systems write a byte order mark.
#[test]
fn a_byte_order_mark_is_not_part_of_a_row() {
    let mut tree = Tree::new();
    let text = tree.read(M68K);
    tree.put(M68K, format!("\u{feff}{text}"));
    assert!(imported(&tree, Findings::strict()).0.is_ok(), "the first line is a comment");
    let rows: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    tree.put(M68K, format!("\u{feff}{rows}"));
    let (_, warnings) = imported(&tree, Findings::lenient());
    assert_eq!(warnings.first().map(|(kind, _)| *kind), Some(Kind::Skipped));
}

/// A block that was pasted twice: a compiler uses the last number.
#[test]
fn a_call_is_not_defined_twice_in_a_header() {
    let mut tree = Tree::linux_6_1();
    let arm64 = "arch/arm64/include/asm/unistd32.h";
    let first = tree.read(arm64).lines().position(|line| line.contains("__NR_clone3 ")).unwrap();
    let line = tree.read(arm64).lines().count() + 1;
    behind(&mut tree, arm64, "#define __NR_clone3 500\n");
    let said = imported(&tree, Findings::lenient()).0.unwrap_err().to_string();
    let again = format!(
        "{{tree}}/{arm64}:{line}: `__NR_clone3` is defined again, as `500`; the first is at \
         {{tree}}/{arm64}:{}",
        first + 1
    );
    assert_eq!(said, again);
    let text = tree.read(arm64).replace("#define __NR_clone3 500\n", "");
    tree.put(arm64, text + "#undef __NR_clone3\n#define __NR_clone3 500\n");
    assert!(imported(&tree, Findings::lenient()).0.is_ok());
}

/// Two calls that were merged from different branches: the message has both lines, which are in
/// headers that the architecture's `asm/unistd.h` includes.
#[test]
fn a_number_is_not_used_twice_in_a_header() {
    let mut tree = Tree::linux_4_19();
    let (top, own) = ("arch/sh/include/uapi/asm/unistd.h", "arch/sh/include/uapi/asm/unistd_32.h");
    let first = tree.read(own).lines().count() + 1;
    behind(&mut tree, own, "#define __NR_mine 500\n#define __NR_other 501\n");
    assert!(imported(&tree, Findings::lenient()).0.is_ok());
    let refused = |tree: &Tree, file: &str, line: usize| {
        let said = imported(tree, Findings::lenient()).0.unwrap_err().to_string();
        let again = format!(
            "{{tree}}/{file}:{line}: `__NR_yours` has the number 500 of sh again; the first is \
             `__NR_mine` at {{tree}}/{own}:{first}"
        );
        assert_eq!(said, again);
    };
    let mut here = tree.clone();
    behind(&mut here, own, "#define __NR_yours 500\n");
    refused(&here, own, first + 2);
    let last = tree.read(top).lines().count() + 1;
    behind(&mut tree, top, "#define __NR_yours 500\n");
    refused(&tree, top, last);
}

/// A download that ended early.
#[test]
fn a_header_may_be_cut_off_within_a_line() {
    let own = "arch/sh/include/uapi/asm/unistd_32.h";
    let line = Tree::linux_4_19().read(own).lines().count() + 1;
    let cut = format!("{{tree}}/{own}:{line}: the file ends within a line; was it cut off?");
    let import = |end: &str| {
        let mut tree = Tree::linux_4_19();
        behind(&mut tree, own, end);
        let (files, warnings) = imported(&tree, Findings::lenient());
        let about = warnings.iter().map(|(_, error)| error.to_string()).filter(|said| *said == cut);
        (files.map(|_| ()).map_err(|error| error.to_string()), about.count())
    };
    for end in ["#define", "#define ", "#def"] {
        assert_eq!(import(end), (Err(cut.clone()), 0), "{end}");
    }
    // More digits may have followed.
    for end in ["#define __NR_", "#define __NR_mine 50", "#define __NR_mine"] {
        assert_eq!(import(end), (Ok(()), 1), "{end}");
    }
    assert_eq!(import("#define __NR_mine 500\n"), (Ok(()), 0));
}

/// Files of a newer kernel that an incomplete update left in an older tree, which does not use
/// them.
#[test]
fn files_left_over_from_a_newer_kernel_are_ignored() {
    let mut older = Tree::linux_4_19();
    let texts: Vec<_> = older.files.clone().into_iter().collect();
    for (path, text) in texts {
        if let Some(name) = path.strip_prefix("arch/x86/entry/syscalls/") {
            older.remove(&path);
            older.put(&format!("arch/x86/syscalls/{name}"), text);
        }
    }
    let clean = parse_rows(&imported(&older, Findings::lenient()).0.unwrap());
    assert!(clean.iter().any(|row| row.starts_with("x86_64 ")));
    older.put(X86_64, Tree::new().read(X86_64) + "600\tcommon\tmine\tsys_mine\n");
    let (files, _) = imported(&older, Findings::lenient());
    assert_eq!(parse_rows(&files.unwrap()), clean);

    let mut older = Tree::linux_6_1();
    let clean = parse_rows(&imported(&older, Findings::lenient()).0.unwrap());
    older.put(GENERIC, Tree::new().read(GENERIC));
    let (files, warnings) = imported(&older, Findings::lenient());
    assert_eq!(parse_rows(&files.unwrap()), clean);
    assert!(warnings.iter().any(|(kind, _)| *kind == Kind::LeftOut), "{warnings:?}");
}

/// Lines that the kernel's scripts skip.
#[test]
fn a_line_without_a_number_is_not_a_row() {
    let mut tree = Tree::new();
    let whole = parse_rows(&imported(&tree, Findings::strict()).0.unwrap());
    tree.append(M68K, "// my calls\n/* mine */\n");
    let (files, warnings) = imported(&tree, Findings::lenient());
    assert_eq!(parse_rows(&files.unwrap()), whole);
    assert!(warnings.len() == 2 && warnings.iter().all(|(kind, _)| *kind == Kind::Skipped));
}

/// An export of the directory would have ABIs of two kernels.
#[test]
fn tables_of_an_earlier_import_are_named() {
    let directory = TempDir::new().unwrap();
    let left = directory.path().join("ia64.toml").display().to_string();
    for (tree, reported) in [(Tree::linux_6_1(), false), (Tree::new(), true)] {
        let (status, _, said) = import(tree.on_disk().path(), directory.path(), &[]);
        let line = format!(
            "{left} is from an earlier import, and this one has no such table; delete the \
             file if the directory is for this kernel alone"
        );
        assert_eq!((status, said.lines().any(|said| said == line)), (Some(0), reported), "{said}");
    }
}
