//! `diff` and `check` on miniature kernel trees: each kind of difference, which of them are errors,
//! and the exit statuses: 0 equal, 1 difference found, 2 error.

mod changes;
mod check;
mod process;

use crate::common::*;
use aio_codegen::cli::{Comparison, SideInput, check_sides, compare_sides};
use aio_codegen::{Error, store};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SH: &str = "arch/sh/kernel/syscalls/syscall.tbl";
const I386: &str = "arch/x86/entry/syscalls/syscall_32.tbl";
const ARM: &str = "arch/arm/include/uapi/asm/unistd.h";

/// A subcommand with its arguments, which may be paths.
fn tool(args: &[&dyn AsRef<OsStr>]) -> (Option<i32>, String, String) {
    run(codegen().args(args.iter().map(|arg| arg.as_ref())))
}

/// The result of a subcommand in this process: its exit status, and the text without colours.
fn plain(said: Result<Comparison, Error>) -> (Option<i32>, String) {
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    let text = anstream::adapter::strip_str(&said.text).to_string();
    (Some(i32::from(said.differs)), text)
}

/// Compares two trees, named `{old}` and `{new}`.
fn diff(old: &Tree, new: &Tree, more: &[&str]) -> (Option<i32>, String) {
    let (options, abis): (Vec<&str>, Vec<&str>) =
        more.iter().partition(|more| more.starts_with('-'));
    let only: Vec<String> = abis.into_iter().map(str::to_owned).collect();
    let [old, new] =
        [(old, "{old}"), (new, "{new}")].map(|(tree, shown)| SideInput::Linux(source(tree, shown)));
    plain(compare_sides(old, new, &only, options.contains(&"--json")))
}

/// A directory of these tables.
fn directory_of(files: &Files) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// A directory with the import of a tree.
fn imported_directory(tree: &Tree) -> TempDir {
    directory_of(&good(tree, &[]))
}

/// Tables as a side of a comparison.
fn given(shown: &str, files: &Files) -> SideInput {
    SideInput::Tables(shown.to_owned(), store::in_memory(shown, files).unwrap().into())
}

/// The files of one import, replaced by those of another.
fn with_newer(old: &Files, new: &Files) -> Files {
    let files: BTreeMap<_, _> = old.iter().chain(new).cloned().collect();
    files.into_iter().collect()
}

/// The tables of one tree, which are in `{ours}`, checked against another tree, `{tree}`.
fn check(ours: &Files, tree: &Tree) -> (Option<i32>, Vec<String>) {
    let theirs = SideInput::Linux(source(tree, "{tree}"));
    let (status, text) = plain(check_sides(given("{ours}", ours), theirs, &[]));
    (status, text.lines().map(str::to_owned).collect())
}

/// A tree in which something of every kind differs from [`Tree::new`].
fn changed_tree() -> Tree {
    let mut tree = Tree::new();
    tree.edit(
        SH,
        "90\tcommon\tmmap\told_mmap\n",
        "89\tcommon\treaddir\tsys_readdir\n91\tcommon\tmmap\told_mmap\n",
    );
    tree.edit(I386, "1\ti386\texit", "1\ti386\tleave");
    tree.edit(I386, "17\ti386\tbreak\n", "");
    tree.edit(I386, "3\ti386\tread\t\t\tsys_read\n", "3\ti386\tread\t\t\tsys_newread\n");
    tree.edit(I386, "compat_sys_io_setup", "compat_sys_io_newsetup");
    tree.edit(ARM, "(__ARM_NR_BASE + 2)", "(__ARM_NR_BASE + 3)");
    tree.append(ARM, "#define __ARM_NR_breakpoint (__ARM_NR_BASE + 1)\n");
    tree
}
