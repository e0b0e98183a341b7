//! `diff`: every kind of change.

use super::*;
use serde_json::Value;

#[test]
fn every_kind_of_change_is_a_line_below_its_abi() {
    let (status, text) = diff(&Tree::new(), &changed_tree(), &[]);
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

the same: x86_64, x32, aarch64, arm64-compat, riscv64, riscv32, loongarch64, loongarch32, \
         powerpc64, powerpc32, powerpc-spu, s390x, mips-o32, mips-n32, mips-n64, sparc64, \
         sparc32, parisc64, parisc32, alpha, m68k, microblaze, nios2, openrisc, csky, arc, \
         hexagon, xtensa
"
    );
    // In the other direction.
    let (status, text) = diff(&changed_tree(), &Tree::new(), &["--abi", "sh", "--abi", "i386"]);
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
fn equal_tables_are_reported_with_status_0() {
    let tree = Tree::new();
    let same = "--- {old}\n+++ {new}\n\nthe same: 32 ABIs\n";
    assert_eq!(diff(&tree, &tree, &[]), (Some(0), same.to_owned()));
    // Tags, order and comments are ignored.
    let mut other = Tree::new();
    other.edit(I386, "-\t\t\tnoreturn", "");
    other.edit(SH, "\tcommon\tmmap", "\tcommon \tmmap");
    assert_eq!(diff(&tree, &other, &[]).0, Some(0));
}

/// The output for `jq` and other programs.
#[test]
fn json_has_the_same_changes() {
    let (status, text) = diff(
        &Tree::new(),
        &changed_tree(),
        &["--json", "--abi", "i386", "--abi", "arm", "--abi", "xtensa"],
    );
    assert_eq!(status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let table = |source: &str| serde_json::json!({ "linux": "7.2.13", "source": source });
    fn i386(number: u32, name: &str, entry: Option<&str>, compat: Option<&str>) -> Value {
        serde_json::json!({ "number": number, "name": name, "entry": entry, "compat": compat })
    }
    let change = |what: &str, header_name: bool, old: Value, new: Value| {
        serde_json::json!({
            "change": what, "header_name": header_name, "mainline": null,
            "old": old, "new": new,
        })
    };
    let setup = |compat| i386(245, "io_setup", Some("sys_io_setup"), Some(compat));
    let none = Value::Null;
    let (exit, read) = (Some("sys_exit"), Some("sys_read"));
    let arm = table("arch/arm/tools/syscall.tbl");
    let (old, new) = (setup("compat_sys_io_setup"), setup("compat_sys_io_newsetup"));
    let flush = |number| i386(number, "cacheflush", None, None);
    assert_eq!(
        json,
        serde_json::json!({
            "differs": true,
            "old": { "kind": "linux", "path": "{old}" },
            "new": { "kind": "linux", "path": "{new}" },
            "abis": [
                {
                    "abi": "i386", "old": table(I386), "new": table(I386),
                    "left_the_kernel": false, "entries_compared": true, "unread": null,
                    "changes": [
                        change(
                            "renamed", false,
                            i386(1, "exit", exit, None), i386(1, "leave", exit, None)
                        ),
                        change(
                            "entry", false,
                            i386(3, "read", read, None), i386(3, "read", Some("sys_newread"), None)
                        ),
                        change("removed", false, i386(17, "break", None, None), none.clone()),
                        change("compat", false, old, new),
                    ],
                },
                {
                    "abi": "arm", "old": arm, "new": arm,
                    "left_the_kernel": false, "entries_compared": true, "unread": null,
                    "changes": [
                        change("added", true, none, i386(983_041, "breakpoint", None, None)),
                        change("renumbered", true, flush(983_042), flush(983_043)),
                    ],
                },
                {
                    "abi": "xtensa",
                    "old": table("arch/xtensa/kernel/syscalls/syscall.tbl"),
                    "new": table("arch/xtensa/kernel/syscalls/syscall.tbl"),
                    "left_the_kernel": false, "entries_compared": true, "unread": null,
                    "changes": [],
                },
            ],
        })
    );
}

/// What a vendor added: calls of its own, and those of later releases.
#[test]
fn added_calls_are_private_or_of_a_later_release() {
    let (mut old, mut new) = (Tree::linux_6_1(), Tree::linux_6_1());
    for tree in [&mut old, &mut new] {
        is_linux(tree, "6.1.20");
    }
    new.append(X86_64, "442\tcommon\tmount_setattr\tsys_mount_setattr\n");
    new.append(X86_64, "451\tcommon\tcachestat\tsys_cachestat\n600\tcommon\tmine\tsys_mine\n");
    let (status, text) = diff(&old, &new, &["x86_64"]);
    assert_eq!(status, Some(1));
    let lines = "\n  added  442  mount_setattr  sys_mount_setattr\n  \
                 added  451  cachestat      sys_cachestat (mainline: 6.5)\n  \
                 added  600  mine           sys_mine (private)\n";
    assert!(text.contains(lines), "{text}");
    let (_, text) = diff(&old, &new, &["x86_64", "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let changes = json["abis"][0]["changes"].as_array().unwrap();
    let mainline: Vec<&Value> = changes.iter().map(|change| &change["mainline"]).collect();
    assert_eq!(mainline, [&Value::Null, &Value::from("6.5"), &Value::from("private")]);
    // Of a kernel that is newer than the history nothing is known.
    for tree in [&mut old, &mut new] {
        is_linux(tree, "99.1.0");
    }
    assert!(!diff(&old, &new, &["x86_64"]).1.contains("private"), "{text}");
}

/// The sides are in the order of the command line, whatever the options are.
#[test]
fn the_first_source_is_the_old_side() {
    let directory = imported_directory(&Tree::new());
    let other = changed_tree().on_disk();
    let sign = |text: &str| text.contains("\n  added            89  readdir");
    let (status, text, _) =
        tool(&[&"diff", &"--tables", &directory.path(), &"--linux", &other.path()]);
    assert!(status == Some(1) && sign(&text), "{text}");
    let (status, text, _) =
        tool(&[&"diff", &"--linux", &other.path(), &"--tables", &directory.path()]);
    assert!(
        status == Some(1) && !sign(&text) && text.contains("\n  removed          89  readdir"),
        "{text}"
    );
    let (status, text, _) =
        tool(&[&"diff", &"--tables", &directory.path(), &"--tables", &directory.path()]);
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
    let (status, text, _) =
        tool(&[&"diff", &"--linux", &Tree::new().on_disk().path(), &"--abi", &"sh"]);
    assert_eq!(status, Some(1));
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with("  removed ")).collect();
    assert_eq!(own[..1], ["--- tables/linux"]);
    // Every call of the small tree is in the big one.
    assert!(
        own[2..].iter().all(|line| line.is_empty() || line.starts_with("sh, Linux ")),
        "{text}"
    );
}

/// What is doubtful about other ABIs is not reported, and what is wrong with them stops nothing.
#[test]
fn of_a_tree_only_the_tables_of_the_chosen_abis_are_read() {
    let (old, mut new) = (Tree::new(), Tree::new());
    new.append(I386, "500\ti386\tmine\tsys_mine\n");
    new.append(SH, "500\tcommon\tmine\tsys_mine\n600\tcommon\tyours\tsys_yours\n");
    let compared = |new: &Tree, only: &str| {
        let sides = [(&old, "{old}"), (new, "{new}")];
        let [old, new] = sides.map(|(tree, shown)| SideInput::Linux(source(tree, shown)));
        compare_sides(old, new, &[only.to_owned()], false)
    };
    let numbers = |only: &str| {
        let warnings = compared(&new, only).unwrap().warnings;
        let private = warnings.iter().filter_map(|said| said.split_once(" is in no table"));
        let named = private.filter_map(|(said, _)| said.split_once(": ")?.1.split_once(": "));
        named.map(|(_, call)| call.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("i386"), ["mine (500 on i386)"]);
    assert_eq!(numbers("sh"), ["mine (500 on sh)", "yours (600 on sh)"]);
    assert_eq!(numbers("m68k"), [""; 0]);
    new.append(SH, "500\tcommon\tthird\tsys_third\n");
    assert!(compared(&new, "sh").is_err());
    assert!(compared(&new, "i386").is_ok_and(|compared| compared.text.contains("sys_mine")));
}

#[test]
fn abis_missing_on_one_side_are_listed_once() {
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

/// The tables keep the calls of a removed ABI; an import of a later kernel does not change them.
#[test]
fn tables_of_removed_abis_are_not_a_difference() {
    let mut tree = Tree::new();
    let ours = with_newer(&good(&Tree::linux_6_12(), &[]), &good(&tree, &[]));
    let diff =
        |ours: &Files, new: SideInput| plain(compare_sides(given("{ours}", ours), new, &[], false));
    let (status, text) = diff(&ours, SideInput::Linux(source(&tree, "{tree}")));
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.ends_with(
            "\n\nnot compared, since the kernel has removed them: s390\nthe same: 32 ABIs\n"
        ),
        "{text}"
    );
    // The kernel of its own series must have it.
    is_linux(&mut tree, "6.12.1");
    let (status, text) = diff(&ours, SideInput::Linux(source(&tree, "{tree}")));
    assert!(status == Some(1) && text.contains("\nonly in {ours}: s390\n"), "{text}");
    // Tables that were imported from the tree say the same as the tree, on either side.
    let other = good(&Tree::new(), &[]);
    let end = "\n\nnot compared, since the kernel has removed them: s390\nthe same: 32 ABIs\n";
    let (status, text) = diff(&ours, given("{other}", &other));
    assert!(status == Some(0) && text.ends_with(end), "{text}");
    let (status, text) = diff(&other, given("{ours}", &ours));
    assert!(status == Some(0) && text.ends_with(end), "{text}");
    let (status, text) = diff(&ours, given("{other}", &good(&tree, &[])));
    assert!(status == Some(1) && text.contains("\nonly in {ours}: s390\n"), "{text}");
}

/// Tables from headers have no entry points, so those of the other side are not compared.
#[test]
fn entry_points_of_one_side_only_are_not_compared() {
    let tree = Tree::new();
    let mut ours = good(&tree, &[]);
    let (_, text) = ours.iter_mut().find(|(name, _)| name == "sh.toml").unwrap();
    let row = |line: &str| match line.split_once("entry = ") {
        Some((kept, _)) => format!("{} }},\n", kept.trim_end().trim_end_matches(',')),
        None => format!("{line}\n"),
    };
    let without: String = text.lines().map(row).collect();
    assert!(!without.contains("entry = "));
    *text = without.replace("nr = 245", "nr = 246");
    let linux = || SideInput::Linux(source(&tree, "{tree}"));
    let (status, text) = plain(compare_sides(linux(), given("{ours}", &ours), &[], false));
    assert_eq!(status, Some(1));
    let part = "\n\nsh, Linux 7.2.13\n  renumbered  245 → 246  io_setup\n\n\
        entry points not compared, since {ours} has none: sh\nthe same: x86_64, x32, ";
    assert!(text.contains(part), "{text}");
    let only = ["sh".to_owned()];
    let (status, text) = plain(check_sides(given("{ours}", &ours), linux(), &only));
    assert!(
        status == Some(1)
            && text.contains("5 names of 1 ABI in common")
            && text.contains(": 1 error,"),
        "{text}"
    );
}

/// s390 had compat entry points until 6.18.
#[test]
fn compat_entry_points_of_one_side_only_are_one_fact() {
    let s390 = "arch/s390/kernel/syscalls/syscall.tbl";
    let (tree, mut with_compat) = (Tree::new(), Tree::new());
    for name in ["alarm", "io_setup"] {
        let row = format!("\t{name}\tsys_{name}");
        with_compat.edit(s390, &row, &format!("{row}\tcompat_sys_{name}"));
    }
    let (status, text) = diff(&with_compat, &tree, &["s390x"]);
    let block = "\ns390x, Linux 7.2.13\n  compat entry points of 2 calls are only in {old}\n";
    assert!(status == Some(1) && text.contains(block), "{text}");
    let (_, text) = diff(&tree, &with_compat, &["s390x"]);
    assert!(text.contains("  compat entry points of 2 calls are only in {new}\n"), "{text}");
    // Other changes of the ABI stay lines of their own, and JSON is complete.
    let mut other = tree.clone();
    other.edit(s390, "13\tcommon\talarm\tsys_alarm", "13\tcommon\talarm\tsys_newalarm");
    let (_, text) = diff(&with_compat, &other, &["s390x"]);
    let block = "\n  entry  13  alarm  sys_alarm → sys_newalarm\n  compat entry points of 2 calls";
    assert!(text.contains(block), "{text}");
    let (_, text) = diff(&with_compat, &other, &["--json", "s390x"]);
    assert_eq!(text.matches("\"change\": \"compat\"").count(), 2, "{text}");
    // A note between versions, an error for the same kernel.
    let ours = good(&tree, &[]);
    for (linux, kind) in [("7.2.12", "note"), ("7.2.13", "error")] {
        is_linux(&mut with_compat, linux);
        let (status, said) = check(&ours, &with_compat);
        let line = format!(
            "{kind}: s390x: compat entry points of 2 calls are only in {{tree}}/{s390} (Linux \
             {linux})"
        );
        assert_eq!((status, said.len()), (Some(i32::from(kind == "error")), 2), "{said:?}");
        assert_eq!(said[0], line);
    }
    // One call is a fact about that call.
    let mut with_one = Tree::new();
    with_one.edit(s390, "\tsys_alarm", "\tsys_alarm\tcompat_sys_alarm");
    let (_, text) = diff(&with_one, &tree, &["s390x"]);
    assert!(text.contains("\n  compat  13  alarm  compat_sys_alarm → –\n"), "{text}");
}
