//! Directories of tables, complete and incomplete, and the tool's standard output.

use crate::committed::export;
use crate::common::*;
use crate::import::RESOLVED;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::process::Stdio;
use tempfile::TempDir;

#[test]
fn the_export_of_a_directory_names_the_damaged_line() {
    for (from, to, message) in [
        ("nr = 435, ", "nr = 435 ", "not valid TOML: "),
        ("nr = 435, ", "nr = 4x5, ", "not valid TOML: "),
        ("nr = 435, ", "nr = -435, ", "`nr` is -435, but must be in 0..=2147483647\n"),
        ("nr = 435, ", "nr = 4294967296, ", "`nr` is 4294967296, but must be in 0..=2147483647\n"),
        ("nr = 435, ", "nr = \"435\", ", "`nr` must be a whole number, not a string\n"),
        ("nr = 435, ", "", "the key `nr` is missing\n"),
        ("nr = 435, ", "nr = 4294967295, ", "`nr` is 4294967295, but must be in 0..=2147483647\n"),
        ("nr = 435, ", "nr = 424, ", "xtensa has two calls with the number 424; remove one\n"),
        (
            "nr = 435, ",
            "rn = 435, ",
            "unknown key `rn`; expected one of nr, tag, name, entry, compat, noreturn\n",
        ),
        ("nr = 435, ", "nr = 435, \0", "not valid TOML: "),
    ] {
        let directory = TempDir::new().unwrap();
        let tree = Tree::new().on_disk();
        assert_eq!(import(tree.path(), directory.path(), &[]).0, Some(0));
        let path = directory.path().join("xtensa.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1);
        fs::write(&path, text.replace(from, to)).unwrap();
        let (status, stdout, stderr) = export(directory.path(), &[]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{to}");
        assert!(
            stderr.starts_with(&format!("error: {}:11: {message}", path.display())),
            "{to}: {stderr}"
        );
        assert!(!stderr.contains("panicked"), "{stderr}");
        // The next import repairs only this file.
        let repaired = format!("wrote {}\n{RESOLVED}1 of 21 files changed\n", path.display());
        assert_eq!(import(tree.path(), directory.path(), &[]).2, repaired);
    }
}

#[test]
fn the_export_of_a_directory_without_one_table() {
    let (tree, directory) = (Tree::new().on_disk(), TempDir::new().unwrap());
    assert_eq!(import(tree.path(), directory.path(), &[]).0, Some(0));
    let path = directory.path().join("sh.toml");
    fs::remove_file(&path).unwrap();
    let missing = format!(
        "error: {}: is missing from the tables next to it; import them again\n",
        path.display()
    );
    for subcommand in [&["export", "tsv"][..], &["explain", "io_setup"]] {
        let said = run(codegen().args(subcommand).arg("--tables").arg(directory.path()));
        assert_eq!(said, (Some(2), String::new(), missing.clone()));
    }
    symlink("nowhere", &path).unwrap();
    let dangling = format!(
        "error: {}: cannot be read: No such file or directory (os error 2)\n",
        path.display()
    );
    assert_eq!(export(directory.path(), &[]), (Some(2), String::new(), dangling));
    // An import restores it, and a directory of one table is complete.
    fs::remove_file(&path).unwrap();
    assert_eq!(import(tree.path(), directory.path(), &["sh"]).0, Some(0));
    assert_eq!(export(directory.path(), &[]).0, Some(0));
    let one = TempDir::new().unwrap();
    assert_eq!(import(tree.path(), one.path(), &["sh"]).0, Some(0));
    assert_eq!(export(one.path(), &[]).0, Some(0));
    // The repository has them all.
    let repository = new_repository();
    let here = |subcommand: &[&str]| {
        run(codegen().env("CARGO_MANIFEST_DIR", repository.path().join("codegen")).args(subcommand))
    };
    let (status, _, stderr) = here(&["export", "tsv"]);
    assert!(
        status == Some(2) && stderr.contains(".toml: is missing from the tables next to it"),
        "{stderr}"
    );
}

#[test]
fn the_export_of_a_directory_without_tables() {
    let directory = TempDir::new().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("missing")] {
        let message = format!(
            "error: {}: has no imported tables; create them with `import`\n",
            path.display()
        );
        assert_eq!(export(&path, &[]), (Some(2), String::new(), message));
    }
}

/// The rows of newer kernels would be lost, and the history would still have their releases.
#[test]
fn an_older_kernel_is_not_imported_into_the_repository() {
    let (repository, mut tree) = (new_repository(), Tree::new());
    let (root, tables) = (repository.path(), repository.path().join("tables/linux"));
    write_pages(root);
    let import = |tree: &Tree, more: &[&str]| {
        let on_disk = tree.on_disk();
        let mut command = codegen();
        command.env("CARGO_MANIFEST_DIR", root).arg("import").args(more);
        let (status, _, stderr) = run(command.arg("--linux").arg(on_disk.path()));
        (status, stderr.replace(&on_disk.path().display().to_string(), "{tree}"))
    };
    assert_eq!(import(&tree, &[]).0, Some(0));
    let before = contents(&tables);
    let refused = |linux: &str| {
        let message = format!(
            "error: {{tree}}: is Linux {linux}, which is older than the tables of this repository, \
             from 7.2.13; pass --tables DIR to import it into another directory\n"
        );
        (Some(2), message)
    };
    for linux in ["7.2.12", "7.2.13-rc1", "6.18.2"] {
        is_linux(&mut tree, linux);
        for more in [&[][..], &["--only", "x86_64"], &["--only", "ia64", "--only", "prototypes"]] {
            assert_eq!(import(&tree, more), refused(linux), "{more:?}");
        }
    }
    // An error of the tree comes second.
    tree.edit("arch/sh/kernel/syscalls/syscall.tbl", "90\t", "90\tx\n90\t");
    assert_eq!(import(&tree, &[]), refused("6.18.2"));
    // A table of an ABI that the kernel has removed is older.
    assert_eq!(import(&Tree::linux_6_1(), &["--only", "ia64"]).0, Some(0));
    let after = contents(&tables);
    assert!(before.iter().all(|(name, text)| name == "ia64.toml" || after[name] == *text));
    // The same kernel, as a distribution calls it.
    let mut tree = Tree::new();
    is_linux(&mut tree, "7.2.13-1-amd64");
    assert_eq!(import(&tree, &[]).0, Some(0));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut tool = codegen();
    tool.args(["export", "tsv", "--tables"])
        .arg(committed())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tool = tool.spawn().unwrap();
    let mut reader = BufReader::new(tool.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let mut stderr = String::new();
    tool.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((tool.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
    assert_eq!(first, "x86_64\t0\tread\tsys_read\t\t2.6.12 or earlier\t\n");
}

#[test]
fn a_full_disk_is_an_error() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let message =
        "error: standard output cannot be written: No space left on device (os error 28)\n";
    for arguments in [&["export", "tsv"][..], &["--help"], &["export", "--help"]] {
        let said = run(codegen().args(arguments).stdout(full()));
        assert_eq!(said, (Some(2), String::new(), message.to_owned()), "{arguments:?}");
    }
    // A failed write to standard error does not change the status.
    for (arguments, status) in [
        (&["explain", "io_sumbit"][..], 2),
        (&["no-subcommand"], 2),
        (&["explain", "io_submit"], 0),
    ] {
        assert_eq!(run(codegen().args(arguments).stderr(full())).0, Some(status), "{arguments:?}");
    }
    let (tree, directory) = (Tree::new().on_disk(), TempDir::new().unwrap());
    let mut tool = codegen();
    tool.arg("import")
        .arg("--linux")
        .arg(tree.path())
        .arg("--tables")
        .arg(directory.path())
        .stderr(full());
    assert_eq!(run(&mut tool).0, Some(0));
    assert_eq!(contents(directory.path()).len(), IMPORTED.len());
}
