//! `diff` and `check` on kernel trees in miniature: every kind of difference, which of them are
//! mistakes, and the exit statuses: 0 the same, 1 something differs, 2 could not.

use crate::common::*;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SH: &str = "arch/sh/kernel/syscalls/syscall.tbl";
const I386: &str = "arch/x86/entry/syscalls/syscall_32.tbl";
const ARM: &str = "arch/arm/include/uapi/asm/unistd.h";

/// A verb with its arguments, which may be paths.
fn tool(args: &[&dyn AsRef<OsStr>]) -> (Option<i32>, String, String) {
    run(codegen().args(args.iter().map(|arg| arg.as_ref())))
}

/// Two trees compared; `{old}` and `{new}` stand for their folders in what is returned.
fn diff(old: &Tree, new: &Tree, more: &[&str]) -> (Option<i32>, String) {
    let mut command = codegen();
    command.arg("diff").arg("--linux").arg(old.path()).arg("--linux").arg(new.path()).args(more);
    let (status, stdout, stderr) = run(&mut command);
    assert_eq!(stderr, "");
    let name = |tree: &Tree| tree.path().to_str().unwrap().to_owned();
    (status, stdout.replace(&name(old), "{old}").replace(&name(new), "{new}"))
}

/// What a tree's own import writes.
fn imported_folder(tree: &Tree) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (status, _, stderr) = import(tree.path(), folder.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    folder
}

/// The tables of one tree checked against another tree; `{ours}` and `{tree}` stand for the
/// folders.
fn check(ours: &TempDir, tree: &Tree) -> (Option<i32>, Vec<String>) {
    let (status, stdout, stderr) =
        tool(&[&"check", &"--tables", &ours.path(), &"--linux", &tree.path()]);
    assert_eq!(stderr, "");
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let text = stdout.replace(&name(ours.path()), "{ours}").replace(&name(tree.path()), "{tree}");
    (status, text.lines().map(str::to_owned).collect())
}

fn is_linux(tree: &Tree, version: &str) {
    let mut parts = version.split('.');
    let mut part = || parts.next().unwrap();
    let text = format!(
        "VERSION = {}\nPATCHLEVEL = {}\nSUBLEVEL = {}\nEXTRAVERSION =\n",
        part(),
        part(),
        part()
    );
    tree.write("Makefile", text);
}

/// A tree in which something of every kind differs from [`Tree::new`].
fn other() -> Tree {
    let tree = Tree::new();
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

// diff.

#[test]
fn every_kind_of_change_is_a_line_below_its_abi() {
    let (status, text) = diff(&Tree::new(), &other(), &[]);
    assert_eq!(status, Some(1));
    assert_eq!(
        text,
        "\
--- {old}
+++ {new}

i386, Linux 7.2.13
  renamed    1  exit → leave
  entry      3  read          sys_read → sys_newread
  removed   17  break
  compat   245  io_setup      compat_sys_io_setup → compat_sys_io_newsetup

arm, Linux 7.2.13
  added                983041  breakpoint  (header name)
  renumbered  983042 → 983043  cacheflush  (header name)

arm-oabi, Linux 7.2.13
  added                  10420225  breakpoint  (header name)
  renumbered  10420226 → 10420227  cacheflush  (header name)

sh, Linux 7.2.13
  added            89  readdir  sys_readdir
  renumbered  90 → 91  mmap

the same: 28 ABIs
"
    );
    // The other way round.
    let (status, text) = diff(&other(), &Tree::new(), &["--abi", "sh", "--abi", "i386"]);
    assert_eq!(status, Some(1));
    assert!(
        text.contains(
            "\n  removed          89  readdir  sys_readdir\n  renumbered  91 → 90  mmap\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("\n  renamed    1  leave → exit\n")
            && text.contains("\n  added     17  break\n"),
        "{text}"
    );
    assert!(!text.contains("arm") && !text.contains("the same"), "{text}");
}

#[test]
fn nothing_differs_is_said_and_is_status_0() {
    let tree = Tree::new();
    let same = "--- {old}\n+++ {old}\n\nthe same: 32 ABIs\n";
    assert_eq!(diff(&tree, &tree, &[]), (Some(0), same.to_owned()));
    // Tags, order and remarks are no difference.
    let other = Tree::new();
    other.edit(I386, "-\t\t\tnoreturn", "");
    other.edit(SH, "\tcommon\tmmap", "\tcommon \tmmap");
    assert_eq!(diff(&tree, &other, &[]).0, Some(0));
}

/// What `jq` or any other program reads.
#[test]
fn json_has_the_same_to_say() {
    let (status, text) = diff(
        &Tree::new(),
        &other(),
        &["--json", "--abi", "i386", "--abi", "arm", "--abi", "xtensa"],
    );
    assert_eq!(status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let table = |source: &str| serde_json::json!({ "linux": "7.2.13", "source": source });
    let i386 = |number: u32, name: &str, entry: Option<&str>, compat: Option<&str>| serde_json::json!({ "number": number, "name": name, "entry": entry, "compat": compat });
    let change = |change: &str,
                  header_name: bool,
                  old: serde_json::Value,
                  new: serde_json::Value| serde_json::json!({ "change": change, "header_name": header_name, "old": old, "new": new });
    let none = serde_json::Value::Null;
    let flush = |number| i386(number, "cacheflush", None, None);
    let setup = |compat| i386(245, "io_setup", Some("sys_io_setup"), Some(compat));
    assert_eq!(
        json,
        serde_json::json!({
            "differs": true,
            "old": { "kind": "linux", "path": "{old}" },
            "new": { "kind": "linux", "path": "{new}" },
            "abis": [
                {
                    "abi": "i386", "old": table(I386), "new": table(I386),
                    "left_the_kernel": false, "entries_compared": true,
                    "changes": [
                        change("renamed", false, i386(1, "exit", Some("sys_exit"), None), i386(1, "leave", Some("sys_exit"), None)),
                        change("entry", false, i386(3, "read", Some("sys_read"), None), i386(3, "read", Some("sys_newread"), None)),
                        change("removed", false, i386(17, "break", None, None), none.clone()),
                        change("compat", false, setup("compat_sys_io_setup"), setup("compat_sys_io_newsetup")),
                    ],
                },
                {
                    "abi": "arm", "old": table("arch/arm/tools/syscall.tbl"), "new": table("arch/arm/tools/syscall.tbl"),
                    "left_the_kernel": false, "entries_compared": true,
                    "changes": [
                        change("added", true, none, i386(983_041, "breakpoint", None, None)),
                        change("renumbered", true, flush(983_042), flush(983_043)),
                    ],
                },
                {
                    "abi": "xtensa",
                    "old": table("arch/xtensa/kernel/syscalls/syscall.tbl"),
                    "new": table("arch/xtensa/kernel/syscalls/syscall.tbl"),
                    "left_the_kernel": false, "entries_compared": true, "changes": [],
                },
            ],
        })
    );
}

/// The order of the command line is that of the sides, whatever the options are called.
#[test]
fn the_first_source_is_the_old_side() {
    let (tree, other) = (Tree::new(), other());
    let folder = imported_folder(&tree);
    let sign = |text: &str| text.contains("\n  added            89  readdir");
    let (status, text, _) =
        tool(&[&"diff", &"--tables", &folder.path(), &"--linux", &other.path()]);
    assert!(status == Some(1) && sign(&text), "{text}");
    let (status, text, _) =
        tool(&[&"diff", &"--linux", &other.path(), &"--tables", &folder.path()]);
    assert!(
        status == Some(1) && !sign(&text) && text.contains("\n  removed          89  readdir"),
        "{text}"
    );
    let (status, text, _) =
        tool(&[&"diff", &"--tables", &folder.path(), &"--tables", &folder.path()]);
    assert!(status == Some(0) && text.ends_with("\n\nthe same: 32 ABIs\n"), "{text}");
}

/// With one source the committed tables are the old side.
#[test]
fn one_source_is_compared_with_the_committed_tables() {
    let (status, text, stderr) = tool(&[&"diff", &"--tables", &committed()]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(
        text.starts_with("--- tables/linux\n+++ ") && text.ends_with("\n\nthe same: 34 ABIs\n"),
        "{text}"
    );
    let (status, text, _) = tool(&[&"diff", &"--linux", &Tree::new().path(), &"--abi", &"sh"]);
    assert_eq!(status, Some(1));
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with("  removed ")).collect();
    assert_eq!(own[..1], ["--- tables/linux"]);
    // Every call of the little tree stands in the big one.
    assert!(
        own[2..].iter().all(|line| line.is_empty() || line.starts_with("sh, Linux ")),
        "{text}"
    );
}

#[test]
fn abis_that_one_side_lacks_are_said_once() {
    let (old, new) = (Tree::linux_6_12(), Tree::new());
    let (status, text) = diff(&old, &new, &[]);
    assert_eq!(status, Some(1));
    assert_eq!(text.matches("s390").count(), 1, "{text}");
    assert!(
        text.ends_with("\nonly in {old}: s390\nonly in {new}: loongarch32\nthe same: 31 ABIs\n"),
        "{text}"
    );
    let (status, text) = diff(&new, &old, &["--abi", "s390"]);
    assert_eq!((status, text.as_str()), (Some(1), "--- {old}\n+++ {new}\n\nonly in {new}: s390\n"));
    let json: serde_json::Value =
        serde_json::from_str(&diff(&new, &old, &["--abi", "s390", "--json"]).1).unwrap();
    let abi = &json["abis"][0];
    assert!(abi["old"].is_null() && abi["changes"].as_array().unwrap().is_empty(), "{json}");
    assert!(
        json["differs"] == true
            && abi["new"]["linux"] == "6.12.107"
            && abi["left_the_kernel"] == false,
        "{json}"
    );
}

/// Tables keep what an ABI had when it left the kernel, and an import of a later kernel changes
/// nothing of that.
#[test]
fn tables_of_abis_that_have_left_the_kernel_are_no_difference() {
    let (tree, folder) = (Tree::new(), imported_folder(&Tree::linux_6_12()));
    assert_eq!(import(tree.path(), folder.path(), &[]).0, Some(0));
    let (status, text, _) = tool(&[&"diff", &"--tables", &folder.path(), &"--linux", &tree.path()]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.ends_with(
            "\n\nnot compared, since they have left the kernel: s390\nthe same: 32 ABIs\n"
        ),
        "{text}"
    );
    // The kernel of its own series has to have it.
    is_linux(&tree, "6.12.1");
    let (status, text, _) = tool(&[&"diff", &"--tables", &folder.path(), &"--linux", &tree.path()]);
    assert!(
        status == Some(1)
            && text.contains(&format!("\nonly in {}: s390\n", folder.path().display())),
        "{text}"
    );
    let (status, text, _) = tool(&[
        &"diff",
        &"--tables",
        &folder.path(),
        &"--tables",
        &imported_folder(&Tree::new()).path(),
    ]);
    assert!(
        status == Some(1) && text.contains("\nonly in ") && text.contains(": s390\n"),
        "{text}"
    );
}

/// Tables of headers have no entry points; the side that has them has nothing to be compared with.
#[test]
fn entry_points_that_one_side_does_not_know() {
    let tree = Tree::new();
    let folder = imported_folder(&tree);
    let path = folder.path().join("sh.toml");
    let text = fs::read_to_string(&path).unwrap();
    let row = |line: &str| match line.split_once("entry = ") {
        Some((kept, _)) => format!("{} }},\n", kept.trim_end().trim_end_matches(',')),
        None => format!("{line}\n"),
    };
    let without: String = text.lines().map(row).collect();
    assert!(!without.contains("entry = "));
    fs::write(&path, without.replace("nr = 245", "nr = 246")).unwrap();
    let (status, text, stderr) =
        tool(&[&"diff", &"--linux", &tree.path(), &"--tables", &folder.path()]);
    assert_eq!((status, stderr.as_str()), (Some(1), ""));
    let ends = "\n\nsh, Linux 7.2.13\n  renumbered  245 → 246  io_setup\n\n\
        without entry points, since one side knows none: sh\nthe same: 31 ABIs\n";
    assert!(text.ends_with(ends), "{text}");
    let (status, text, _) =
        tool(&[&"check", &"--linux", &tree.path(), &"--tables", &folder.path(), &"--abi", &"sh"]);
    assert!(
        status == Some(1)
            && text.contains("5 names of 1 ABI in common")
            && text.contains(": 1 error,"),
        "{text}"
    );
}

// check.

#[test]
fn tables_agree_with_the_kernel_they_are_from() {
    let tree = Tree::new();
    let (status, said) = check(&imported_folder(&tree), &tree);
    assert_eq!(status, Some(0));
    assert_eq!(said.len(), 1, "{said:?}");
    let names =
        said[0].strip_suffix(" names of 32 ABIs in common with {tree}: 0 errors, 0 notes").unwrap();
    let tables = tables(imported_folder(&tree).path());
    let there = tables.abis.iter().filter(|abi| tables.has_table(&abi.table));
    assert_eq!(names.parse(), Ok(there.map(|abi| calls(&tables, &abi.name).len()).sum::<usize>()));
}

/// The same kernel: whatever differs is a mistake, with ABI, call, numbers and files.
#[test]
fn what_differs_from_the_same_kernel_is_an_error() {
    let (ours, tree) = (imported_folder(&Tree::new()), other());
    let (status, said) = check(&ours, &tree);
    assert_eq!(status, Some(1));
    let i386 = format!("{{tree}}/{I386}");
    let sh = format!("{{tree}}/{SH}");
    let not_older = "whose kernel is not older";
    let expected = [
        format!("error: i386: 1 is exit in {{ours}}/i386.toml, and leave in {i386}"),
        format!(
            "error: i386: read (3) ends in sys_read in {{ours}}/i386.toml, and in sys_newread in {i386}"
        ),
        format!("error: i386: break (17) is in {{ours}}/i386.toml, and not in {i386}, {not_older}"),
        format!(
            "error: i386: io_setup (245) has the compat entry point compat_sys_io_setup in {{ours}}/i386.toml, \
             and compat_sys_io_newsetup in {i386}"
        ),
        format!(
            "error: arm: breakpoint (983041) is in {{tree}}/{ARM}, and not in {{ours}}/arm.toml, {not_older}"
        ),
        format!(
            "error: arm: cacheflush is 983042 in {{ours}}/arm.toml, and 983043 in {{tree}}/{ARM}"
        ),
        format!(
            "error: arm-oabi: breakpoint (10420225) is in {{tree}}/{ARM}, and not in {{ours}}/arm.toml, {not_older}"
        ),
        format!(
            "error: arm-oabi: cacheflush is 10420226 in {{ours}}/arm.toml, and 10420227 in {{tree}}/{ARM}"
        ),
        format!("error: sh: readdir (89) is in {sh}, and not in {{ours}}/sh.toml, {not_older}"),
        format!("error: sh: mmap is 90 in {{ours}}/sh.toml, and 91 in {sh}"),
    ];
    assert_eq!(said[..said.len() - 1], expected);
    assert!(said.last().unwrap().ends_with(": 10 errors, 0 notes"), "{said:?}");
}

/// Errors and notes: how many there are, and the notes.
fn judged(ours: &TempDir, tree: &Tree) -> (Option<i32>, usize, Vec<String>) {
    let (status, said) = check(ours, tree);
    let (errors, rest): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|line| line.starts_with("error: "));
    let notes: Vec<_> = rest.into_iter().filter(|line| line.starts_with("note: ")).collect();
    (status, errors.len(), notes)
}

#[test]
fn a_name_that_only_the_tree_has_is_an_error_unless_the_tree_is_newer() {
    let ours = imported_folder(&Tree::new());
    let tree = Tree::new();
    tree.edit(
        SH,
        "90\t",
        "80\tcommon\tgetgroups\tsys_getgroups\n81\tcommon\tsetgroups\tsys_setgroups\n90\t",
    );
    for (version, error) in
        [("7.2.13", true), ("7.2.12", true), ("7.1.9", true), ("7.2.14", false), ("7.10.0", false)]
    {
        is_linux(&tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 2) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: sh: Linux {version} has also getgroups (80), setgroups (81): {{tree}}/{SH}; our table is from Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

#[test]
fn a_name_that_only_the_tables_have_is_an_error_unless_the_tree_is_older() {
    let ours = imported_folder(&Tree::new());
    let tree = Tree::new();
    tree.edit(SH, "90\tcommon\tmmap\told_mmap\n", "");
    for (version, error) in
        [("7.2.13", true), ("7.2.14", true), ("8.0.0", true), ("7.2.12", false), ("7.1.9", false)]
    {
        is_linux(&tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 1) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: sh: Linux {version} has not yet mmap (90): {{tree}}/{SH}; our table is from Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

#[test]
fn numbers_and_names_never_change() {
    let ours = imported_folder(&Tree::new());
    for (from, to) in
        [("90\tcommon\tmmap", "91\tcommon\tmmap"), ("90\tcommon\tmmap", "90\tcommon\tmap")]
    {
        let tree = Tree::new();
        tree.edit(SH, from, to);
        for version in ["7.2.12", "7.2.13", "8.0.0"] {
            is_linux(&tree, version);
            assert_eq!(judged(&ours, &tree), (Some(1), 1, vec![]), "{version}: {to}");
        }
    }
}

/// arm64's own header of compat numbers called 341 sync_file_range2 until it became a table.
#[test]
fn names_that_user_space_does_not_get_may_change() {
    let ours = imported_folder(&Tree::new());
    let tree = Tree::new();
    let table = "arch/arm64/tools/syscall_32.tbl";
    tree.edit(table, "\trestart_syscall", "\tstart_again");
    for (version, error) in [("7.2.13", true), ("7.2.12", false), ("8.0.0", false)] {
        is_linux(&tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 1) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: arm64-compat: Linux {version} has otherwise restart_syscall (0) → start_again: {{tree}}/{table}; our \
             table is from Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

/// A number may end somewhere else in another kernel: lookup_dcookie has ended in sys_ni_syscall
/// since 6.8.
#[test]
fn entry_points_are_held_against_those_of_the_same_version() {
    let ours = imported_folder(&Tree::new());
    let tree = Tree::new();
    tree.edit(SH, "old_mmap", "sys_mmap");
    tree.edit(I386, "\t\t\tcompat_sys_io_setup", "");
    for (version, error) in [("7.2.13", true), ("7.2.12", false), ("8.0.0", false)] {
        is_linux(&tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 2) } else { (Some(0), 0) }, "{version}");
        let said: Vec<&str> =
            notes.iter().map(|note| note.split(": {tree}").next().unwrap()).collect();
        let has = format!("Linux {version} has otherwise");
        let expected = [
            format!("note: i386: {has} io_setup (245) compat compat_sys_io_setup → –"),
            format!("note: sh: {has} mmap (90) old_mmap → sys_mmap"),
        ];
        assert_eq!(
            said,
            if error { vec![] } else { expected.iter().map(String::as_str).collect::<Vec<_>>() }
        );
    }
}

#[test]
fn abis_that_one_side_lacks() {
    // The table of s390 stays behind when the kernel goes on without it.
    let (tree, ours) = (Tree::new(), imported_folder(&Tree::linux_6_12()));
    assert_eq!(import(tree.path(), ours.path(), &[]).0, Some(0));
    let note = "note: s390: is in {ours}/s390-31bit.toml (Linux 6.12.107), and not in Linux 7.2.13"
        .to_owned();
    assert_eq!(judged(&ours, &tree), (Some(0), 0, vec![note]));
    // A table that the others were imported with has to be there.
    let xtensa = ours.path().join("xtensa.toml");
    fs::remove_file(&xtensa).unwrap();
    let missing = format!(
        "error: {}: is missing from the tables beside it; import them again\n",
        xtensa.display()
    );
    let checked = tool(&[&"check", &"--tables", &ours.path(), &"--linux", &tree.path()]);
    assert_eq!(checked, (Some(2), String::new(), missing));
    // And so has an ABI that is not frozen, where tables are given one by one.
    fs::remove_file(ours.path().join("prototypes.toml")).unwrap();
    let (status, said) = check(&ours, &tree);
    assert_eq!(status, Some(1));
    assert!(
        said.contains(
            &"error: xtensa: is in {tree}/arch/xtensa/kernel/syscalls/syscall.tbl, and not in {ours}".to_owned()
        ),
        "{said:?}"
    );
}

// Headers.

/// Headers of sh, as a distribution installs them, of Linux 7.2.13.
fn headers() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("sh4-linux-gnu").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "asm/unistd.h",
        "#define __NR_mmap 90\n#define __NR_io_setup 245\n#define __NR_pidfd_send_signal 424\n\
         #define __NR_set_mempolicy_home_node 450\n#define __NR_rseq_slice_yield 471\n",
    );
    write("asm/errno.h", "#define EPERM 1 /* Operation not permitted */\n");
    write("linux/version.h", "#define LINUX_VERSION_CODE 459277\n");
    folder
}

#[test]
fn headers_are_compared_without_entry_points_and_other_abis() {
    let (tables, headers) = (imported_folder(&Tree::new()), headers());
    let folder = headers.path().join("sh4-linux-gnu");
    let compared = |verb: &str, more: &[&str]| {
        let mut command = codegen();
        command
            .arg(verb)
            .arg("--tables")
            .arg(tables.path())
            .arg("--headers")
            .arg(&folder)
            .args(more);
        run(&mut command)
    };
    let (status, text, stderr) = compared("diff", &[]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(
        text.ends_with(
            "\n\nwithout entry points, since one side knows none: sh\nthe same: 1 ABI\n"
        ),
        "{text}"
    );
    let (status, text, stderr) = compared("check", &["--arch", "sh"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(text.starts_with("5 names of 1 ABI in common with "), "{text}");
    // On either side.
    let (status, text, _) = tool(&[&"diff", &"--headers", &folder, &"--tables", &tables.path()]);
    assert!(status == Some(0) && text.ends_with("the same: 1 ABI\n"), "{text}");

    let unistd = folder.join("asm/unistd.h");
    let edited = fs::read_to_string(&unistd).unwrap().replace("mmap 90", "mmap 91");
    fs::write(&unistd, edited.replace("#define __NR_io_setup 245\n", "")).unwrap();
    let (status, text, _) = compared("diff", &[]);
    assert_eq!(status, Some(1));
    let lines = "sh, Linux 7.2.13\n  renumbered  90 → 91  mmap\n  removed         245  io_setup  sys_io_setup\n";
    assert!(text.contains(lines), "{text}");
    let (status, text, _) = compared("check", &[]);
    assert_eq!(status, Some(1));
    let file = format!("{}/asm/unistd.h", folder.display());
    assert!(text.contains(&format!(
        "error: sh: mmap is 90 in {}/sh.toml, and 91 in {file}\n",
        tables.path().display()
    )));
    assert!(text.contains(&format!("and not in {file}, whose kernel is not older\n")), "{text}");

    let (status, _, stderr) = compared("check", &["--abi", "arm"]);
    assert!(
        status == Some(2)
            && stderr.contains(": has none of the ABIs that are to be compared with "),
        "{stderr}"
    );
    let (status, _, stderr) = compared("check", &["--arch", "vax"]);
    assert!(
        status == Some(2) && stderr.ends_with("headers of sh, and --arch says vax\n"),
        "{stderr}"
    );
}

// What cannot be done.

#[test]
fn what_cannot_be_read_is_status_2() {
    let (tree, empty) = (Tree::new(), TempDir::new().unwrap());
    let missing = empty.path().join("missing");
    let refused = |args: &[&dyn AsRef<OsStr>], starts: &str| {
        let (status, stdout, stderr) = tool(args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
        let starts = format!("error: {}", starts.replace("{missing}", missing.to_str().unwrap()));
        assert!(stderr.starts_with(&starts) && !stderr.contains("panicked"), "{stderr}");
    };
    let no_tree = "{missing}: is no kernel source tree (it is no folder); ";
    refused(&[&"diff", &"--linux", &missing], no_tree);
    refused(&[&"diff", &"--linux", &tree.path(), &"--linux", &missing], no_tree);
    refused(&[&"check", &"--linux", &missing], no_tree);
    refused(&[&"diff", &"--tables", &missing], "{missing}: holds no imported tables; ");
    refused(
        &[&"check", &"--tables", &missing, &"--linux", &tree.path()],
        "{missing}: holds no imported tables; ",
    );
    refused(&[&"check"], "give --linux DIR or --headers DIR\n");
    refused(&[&"diff"], "the following required arguments were not provided:\n  <--linux <DIR>|");
    let three: &[&dyn AsRef<OsStr>] =
        &[&"diff", &"--linux", &"a", &"--tables", &"b", &"--linux", &"c"];
    refused(three, "one or two sources can be compared\n");
    refused(
        &[&"check", &"--linux", &"a", &"--headers", &"b"],
        "the argument '--linux <DIR>' cannot be used with",
    );
    refused(
        &[&"diff", &"--linux", &tree.path(), &"--abi", &"x86"],
        "--abi: `x86` is no ABI; there are x86_64, x32, ",
    );
    // Nothing is compared, and that is no agreement.
    let folder = imported_folder(&tree);
    for verb in ["diff", "check"] {
        let (status, _, stderr) = tool(&[
            &verb,
            &"--tables",
            &folder.path(),
            &"--linux",
            &tree.path(),
            &"--abi",
            &"ia64",
        ]);
        let sentence = format!(
            "error: {}: has none of the ABIs that are to be compared with {}\n",
            tree.path().display(),
            folder.path().display()
        );
        assert_eq!((status, stderr), (Some(2), sentence));
    }
    // A damaged tree, and a damaged table.
    let line = tree.append(SH, "half\n");
    refused(
        &[&"diff", &"--linux", &tree.path()],
        &format!("{}/{SH}:{line}: `half` is no row", tree.path().display()),
    );
    fs::write(folder.path().join("sh.toml"), "linux = 7").unwrap();
    let place = format!("{}/sh.toml:1: ", folder.path().display());
    refused(&[&"diff", &"--tables", &folder.path()], &place);
}

#[test]
fn a_stale_copy_is_a_difference() {
    let repository = repository();
    let emit = |more: &[&str]| {
        let mut command = codegen();
        command.env("CARGO_MANIFEST_DIR", repository.path().join("codegen")).arg("emit").args(more);
        run(&mut command)
    };
    for (name, bytes) in contents(&committed()) {
        fs::write(repository.path().join("tables/linux").join(name), bytes).unwrap();
    }
    let readme = repository.path().join("README.md");
    let missing = (
        Some(2),
        String::new(),
        format!(
            "error: {}: cannot be read: No such file or directory (os error 2)\n",
            readme.display()
        ),
    );
    assert_eq!(emit(&["--check"]), missing);
    fs::write(&readme, README).unwrap();
    let stale = |name: &str| {
        (
            Some(1),
            String::new(),
            format!("error: {name}: is not what the tables give; run `cargo codegen emit`\n"),
        )
    };
    assert_eq!(emit(&["--check"]), stale("aio-sys/src/generated/target.rs"));
    assert_eq!(emit(&[]).0, Some(0));
    assert_eq!(emit(&["--check"]), (Some(0), String::new(), String::new()));
    fs::write(&readme, README).unwrap();
    assert_eq!(emit(&["--check"]), stale("README.md"));
}

// What is shown, and how.

/// The tool on a terminal that `script` makes.
fn on_a_terminal(tree: &Tree, settings: &[(&str, &str)]) -> Option<String> {
    let tool = codegen();
    let old = Tree::new();
    let line = format!(
        "'{}' diff --linux '{}' --linux '{}' --abi sh",
        tool.get_program().to_str().unwrap(),
        old.path().display(),
        tree.path().display()
    );
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    for other in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(other);
    }
    let output = command.envs(settings.iter().copied()).output().ok()?;
    assert_eq!(output.status.code(), Some(1), "the status passes through");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn colours_are_for_terminals() {
    let tree = other();
    let (_, plain) = diff(&Tree::new(), &tree, &[]);
    assert!(!plain.contains('\u{1b}'), "{plain}");
    match on_a_terminal(&tree, &[]) {
        None => {
            aio_tests::skip("colours on a terminal", "this machine has no `script` to make one")
        }
        Some(coloured) => {
            assert!(
                coloured.contains("\u{1b}[32madded     \u{1b}[0m       89  readdir"),
                "{coloured:?}"
            );
            for setting in [("NO_COLOR", "1"), ("TERM", "dumb")] {
                let plain = on_a_terminal(&tree, &[setting]).unwrap();
                assert!(
                    plain.contains("  added            89  readdir") && !plain.contains('\u{1b}'),
                    "{plain:?}"
                );
            }
        }
    }
}

#[test]
fn what_a_tree_says_is_no_command_to_a_terminal() {
    let tree = other();
    tree.edit("Makefile", "EXTRAVERSION =", "EXTRAVERSION = -\u{1b}[2J");
    let (_, text) = diff(&Tree::new(), &tree, &["--abi", "sh"]);
    assert!(text.contains("\nsh, Linux 7.2.13 → 7.2.13-\\u{1b}[2J\n"), "{text}");
}

/// To compare nothing is no success.
#[test]
fn check_needs_an_abi_that_both_have() {
    let tree = Tree::new();
    let (status, _, stderr) = tool(&[&"check", &"--linux", &tree.path(), &"--abi", &"ia64"]);
    let sentence = format!(
        "error: {}: has none of the ABIs that are to be compared with tables/linux\n",
        tree.path().display()
    );
    assert_eq!((status, stderr), (Some(2), sentence));
}
