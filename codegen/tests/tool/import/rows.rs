//! Invalid rows of a kernel table.

use super::*;
use aio_codegen::import::{self, Findings};
use aio_codegen::{Tables, store};

/// Replaces `from` by `to` in the x86_64 table; the message then names this line.
#[track_caller]
fn refused_row(from: &str, to: &str, message: &str) {
    let mut tree = Tree::new();
    let line = tree.edit(X86_64, from, to);
    refused(&tree, &format!("{{tree}}/{X86_64}:{line}: {message}"));
}

const EXIT: &str = "60\tcommon\texit\t\t\tsys_exit\t\t\t-\t\t\tnoreturn\n";

#[test]
fn a_number_is_used_once_in_an_abi() {
    refused_row("60\tc", "13\tc", "number 13 is used twice in x86_64; the first is at line 3");
    refused_row("543\tx32", "512\tx32", "number 512 is used twice in x32; the first is at line 13");
    // Linux 4.7 has preadv2 there, too; another call is an error.
    let mut tree = Tree::new();
    let twice = "534\tx32\tpreadv\tsys_preadv\n534\tx32\tmy_call\tsys_preadv\n543\tx32";
    let line = tree.edit(X86_64, "543\tx32", twice);
    let message = format!("number 534 is used twice in x32; the first is at line {line}");
    refused(&tree, &format!("{{tree}}/{X86_64}:{}: {message}", line + 1));
}

/// The findings of an import into another directory, and its result.
fn lenient(tree: &Tree) -> (Tables, String) {
    let findings = Findings::lenient();
    let files = import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
    let warnings: Vec<String> =
        findings.warnings().iter().map(|(_, error)| error.to_string()).collect();
    (store::in_memory("{tables}", &files).unwrap(), warnings.join("\n"))
}

#[test]
fn a_private_call_is_found_where_its_row_is() {
    // Another line has its name before.
    let mut tree = Tree::new();
    let text = format!("# The entry vectors\n{}", tree.read(X86_64));
    tree.put(X86_64, &text);
    tree.append(X86_64, "600\tcommon\tentry\tsys_read\n");
    let line = tree.read(X86_64).lines().count();
    let (_, warnings) = lenient(&tree);
    assert!(warnings.contains(&format!("{{tree}}/{X86_64}:{line}: entry (600 on")), "{warnings}");
}

#[test]
fn a_call_in_the_list_of_a_header_may_have_capitals() {
    let mut tree = Tree::linux_6_1();
    let header = "include/uapi/asm-generic/unistd.h";
    let text = "#define __NR_myCall 500\n__SYSCALL(__NR_myCall, sys_read)\n#define __NR_BASE 501\n";
    let text = format!("{}{text}", tree.read(header));
    tree.put(header, &text);
    let (tables, warnings) = lenient(&tree);
    assert_eq!(call(&tables, "aarch64", "myCall"), Some((500, "sys_read")));
    assert_eq!(call(&tables, "aarch64", "BASE"), None);
    assert!(warnings.contains("myCall (500 on aarch64"), "{warnings}");
}

#[test]
fn a_name_is_used_once_in_an_abi() {
    refused_row(
        "common\tio_destroy",
        "common\tio_setup",
        "the name `io_setup` is used twice in x86_64; the first is at line 6",
    );
}

#[test]
fn numbers_rise() {
    refused_row(
        EXIT,
        "12\t64\tbrk\tsys_brk\n",
        "number 12 is out of order in x86_64: it comes after 13",
    );
}

#[test]
fn a_tag_belongs_to_an_abi() {
    let ends = "if this is a new ABI, add it to abis.toml";
    refused_row(
        "134\t64",
        "134\t65",
        &format!("unknown tag `65`; expected one of 64, common, x32; {ends}"),
    );
    refused_row(
        "134\t64",
        "134\t6",
        &format!("unknown tag `6`; expected one of 64, common, x32; {ends}"),
    );
}

#[test]
fn no_tag_is_a_prefix_of_another() {
    let ends = "and syscallhdr.sh compares prefixes only; rename one of them";
    refused_row("134\t64", "134\t64bit", &format!("the tag `64bit` begins like `64`, {ends}"));
    refused_row(
        "207\tcommon",
        "207\tcommon64",
        &format!("the tag `common64` begins like `common`, {ends}"),
    );
}

#[test]
fn a_name_is_short_and_plain() {
    let ends = "is not a system-call name; expected at most 64 letters, digits and _";
    refused_row(
        "\texit\t",
        &format!("\t{}\t", "x".repeat(1000)),
        &format!("`{}…` {ends}", "x".repeat(40)),
    );
    refused_row("\texit\t", "\tex-it\t", &format!("`ex-it` {ends}"));
    refused_row("\texit\t", "\texité\t", &format!("`exité` {ends}"));
}

#[test]
fn a_tag_is_short_and_plain() {
    let ends = "expected a C identifier; if this is a new ABI, add it to abis.toml";
    let mut tree = Tree::new();
    let line = tree.append(MIPS_O32, &format!("500\t{}\tx\tsys_x\n", "o".repeat(1000)));
    refused(
        &tree,
        &format!("{{tree}}/{MIPS_O32}:{line}: unknown tag `{}…`; {ends}", "o".repeat(40)),
    );
}

#[test]
fn a_row_has_three_to_six_columns() {
    let few = "is not a row; expected `NUMBER TAG NAME`; is the file cut off?";
    refused_row(EXIT, "60\n", &format!("`60` {few}"));
    refused_row(EXIT, "60 common\n", &format!("`60 common` {few}"));
    refused_row(
        EXIT,
        "60 common exit sys_exit - noreturn really\n",
        "7 columns; expected at most six; is this a syscall.tbl?",
    );
    refused_row(
        EXIT,
        "60 common exit sys_exit - never\n",
        "`never` in the sixth column; expected noreturn",
    );
    refused_row(EXIT, &format!("{}\n", "6".repeat(1000)), &format!("`{}…` {few}", "6".repeat(40)));
}

#[test]
fn an_entry_point_is_a_symbol() {
    for bad in ["sys-exit", "sys_exit()", "\"sys_exit\"", "sys_exit;"] {
        let message = "is not an entry point; expected a C identifier or -";
        refused_row(EXIT, &format!("60 common exit {bad}\n"), &format!("`{bad}` {message}"));
        refused_row(
            EXIT,
            &format!("60 common exit sys_exit {bad}\n"),
            &format!("`{bad}` {message}"),
        );
    }
}

#[test]
fn a_number_is_a_number() {
    for bad in [
        "-1",
        "+60",
        "060",
        "6O",
        "60,",
        "0x",
        "0x+3c",
        "4294967296",
        "0x100000000",
        "99999999999999999999",
    ] {
        let message = format!("`{bad}` is not a system-call number; a row must start with one");
        refused_row(EXIT, &format!("{bad}\tcommon\texit\tsys_exit\n"), &message);
    }
    refused_row(
        EXIT,
        "exit\tcommon\n",
        "`exit common` does not start with a number; the kernel's scripts skip such a line",
    );
    // It fits, but not with the base that user space adds.
    let mut tree = Tree::new();
    let line = tree.append(MIPS_O32, "4294967295\to32\tlast\tsys_last\n");
    let message = "`4294967295` is not a system-call number; a row must start with one";
    refused(&tree, &format!("{{tree}}/{MIPS_O32}:{line}: {message}"));
}

#[test]
fn a_conflict_is_resolved_first() {
    for marker in ["<<<<<<< HEAD", "=======", "||||||| base", ">>>>>>> theirs"] {
        refused_row(
            EXIT,
            &format!("{marker}\n{EXIT}"),
            "a merge conflict marker; resolve the conflict first",
        );
    }
}

#[test]
fn a_file_that_ends_within_a_line_was_cut_off() {
    let mut tree = Tree::new();
    let text = tree.read(X86_64);
    let last = text.lines().count();
    tree.write(X86_64, &text[..text.len() - 3]);
    let message = "the file ends within a line; was it cut off?";
    refused(&tree, &format!("{{tree}}/{X86_64}:{last}: {message}"));
    tree.write(X86_64, &text[..text.len() - "\tio_setup\t\tcompat_sys_io_setup\n".len()]);
    let message = "`543 x32` is not a row; expected `NUMBER TAG NAME`; is the file cut off?";
    refused(&tree, &format!("{{tree}}/{X86_64}:{last}: {message}"));
    tree.write(X86_64, "");
    refused(&tree, &format!("{{tree}}/{X86_64}: this file has no rows; fetch the tree again"));
    tree.write(X86_64, "# number, tag, name, entry\n");
    refused(&tree, &format!("{{tree}}/{X86_64}:1: this file has no rows; fetch the tree again"));
}

#[test]
fn a_file_cut_off_between_lines_is_missing_common_calls() {
    for (path, abi) in [
        (X86_64, "x86_64"),
        ("arch/x86/entry/syscalls/syscall_32.tbl", "i386"),
        (GENERIC, "aarch64"),
        ("arch/arm/tools/syscall.tbl", "arm"),
        ("arch/arm64/tools/syscall_32.tbl", "arm64-compat"),
        ("arch/powerpc/kernel/syscalls/syscall.tbl", "powerpc64"),
        (S390, "s390x"),
        (MIPS_O32, "mips-o32"),
        ("arch/mips/kernel/syscalls/syscall_n32.tbl", "mips-n32"),
        ("arch/mips/kernel/syscalls/syscall_n64.tbl", "mips-n64"),
        ("arch/sparc/kernel/syscalls/syscall.tbl", "sparc64"),
        ("arch/parisc/kernel/syscalls/syscall.tbl", "parisc64"),
        ("arch/alpha/kernel/syscalls/syscall.tbl", "alpha"),
        ("arch/m68k/kernel/syscalls/syscall.tbl", "m68k"),
        ("arch/sh/kernel/syscalls/syscall.tbl", "sh"),
        ("arch/microblaze/kernel/syscalls/syscall.tbl", "microblaze"),
        ("arch/xtensa/kernel/syscalls/syscall.tbl", "xtensa"),
    ] {
        let mut tree = Tree::new();
        let text = tree.read(path);
        let ends = "which the tree's other tables have; if the file is complete, add the reason to \
                    tables/absent.toml";
        let row = text.find("rseq_slice_yield").unwrap();
        tree.write(path, &text[..=text[..row].rfind('\n').unwrap()]);
        refused(&tree, &format!("{{tree}}/{path}: {abi} does not have rseq_slice_yield, {ends}"));
        // A table that was not requested does not stop the import.
        let other = if path == GENERIC { "sh" } else { "asm-generic" };
        good(&tree, &[other]);
        let row = text.find("pidfd_send_signal").unwrap();
        tree.write(path, &text[..=text[..row].rfind('\n').unwrap()]);
        let stderr = mistake(&tree, &[]);
        assert!(
            stderr.contains(", pidfd_send_signal, rseq_slice_yield")
                || stderr.contains(" pidfd_send_signal, rseq"),
            "{stderr}"
        );
    }
}

/// The last rows of the x86_64 table are in no other table.
#[test]
fn a_file_that_was_cut_off_among_the_last_rows() {
    let mut tree = Tree::new();
    tree.edit(X86_64, "543\tx32\tio_setup\t\tcompat_sys_io_setup\n", "");
    let ends = "which the tree's other tables have; if the file is complete, add the reason to \
                tables/absent.toml";
    refused(&tree, &format!("{{tree}}/{X86_64}: x32 does not have io_setup, {ends}"));
}

#[test]
fn a_file_with_too_many_rows_is_not_a_table() {
    let mut tree = Tree::new();
    let rows: String = (0..=10_000).map(|nr| format!("{nr}\to32\tcall{nr}\n")).collect();
    tree.write(MIPS_O32, rows);
    let message = "more than 10000 rows; is this a kernel table?";
    refused(&tree, &format!("{{tree}}/{MIPS_O32}:10001: {message}"));
}

#[test]
fn binary_garbage_is_named_and_not_printed() {
    let start = "does not start with a number; the kernel's scripts skip such a line";
    refused_row(EXIT, "\0\x1b[2J\x07\n", &format!("`\\u{{0}}\\u{{1b}}[2J\\u{{7}}` {start}"));
    refused_row(
        "\texit\t",
        "\tex\0it\t",
        "`ex\\u{0}it` is not a system-call name; expected at most 64 letters, digits and _",
    );
    refused_row(
        "134\t64",
        "134\t\x1b[2J",
        "unknown tag `\\u{1b}[2J`; expected one of 64, common, x32; if this is a new ABI, add it \
         to abis.toml",
    );
    let mut tree = Tree::new();
    tree.write(X86_64, b"0\tcommon\tre\xff\xfead\tsys_read\n");
    let message = "is not a system-call name; expected at most 64 letters, digits and _";
    refused(&tree, &format!("{{tree}}/{X86_64}:1: `re\u{fffd}\u{fffd}ad` {message}"));
}
