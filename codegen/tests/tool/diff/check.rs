//! `check`: errors and notes.

use super::*;

#[test]
fn tables_agree_with_the_kernel_they_are_from() {
    let tree = Tree::new();
    let (status, said) = check(&good(&tree, &[]), &tree);
    assert_eq!(status, Some(0));
    assert_eq!(said.len(), 1, "{said:?}");
    let names =
        said[0].strip_suffix(" names of 32 ABIs in common with {tree}: 0 errors, 0 notes").unwrap();
    let tables = imported(&tree, &[]);
    let there = tables.abis.iter().filter(|abi| tables.has_table(&abi.table));
    assert_eq!(
        names.parse(),
        Ok(there.map(|abi| calls_of(&tables, &abi.name).len()).sum::<usize>())
    );
}

/// For the same kernel, each difference is an error, with ABI, call, numbers and files.
#[test]
fn any_difference_from_the_same_kernel_is_an_error() {
    let (ours, tree) = (good(&Tree::new(), &[]), changed_tree());
    let (status, said) = check(&ours, &tree);
    assert_eq!(status, Some(1));
    let i386 = format!("{{tree}}/{I386}");
    let sh = format!("{{tree}}/{SH}");
    let not_older = "whose kernel is not older";
    let expected = [
        format!("error: i386: 1 is exit in {{ours}}/i386.toml, but leave in {i386}"),
        format!(
            "error: i386: read (3) has the entry point sys_read in {{ours}}/i386.toml, but \
             sys_newread in {i386}"
        ),
        format!("error: i386: break (17) is in {{ours}}/i386.toml, but not in {i386}, {not_older}"),
        format!(
            "error: i386: io_setup (245) has the compat entry point compat_sys_io_setup in \
             {{ours}}/i386.toml, \
             but compat_sys_io_newsetup in {i386}"
        ),
        format!(
            "error: arm: breakpoint (983041) is in {{tree}}/{ARM}, but not in {{ours}}/arm.toml, \
             {not_older}"
        ),
        format!(
            "error: arm: cacheflush is 983042 in {{ours}}/arm.toml, but 983043 in {{tree}}/{ARM}"
        ),
        format!(
            "error: arm-oabi: breakpoint (10420225) is in {{tree}}/{ARM}, but not in \
             {{ours}}/arm.toml, {not_older}"
        ),
        format!(
            "error: arm-oabi: cacheflush is 10420226 in {{ours}}/arm.toml, but 10420227 in \
             {{tree}}/{ARM}"
        ),
        format!("error: sh: readdir (89) is in {sh}, but not in {{ours}}/sh.toml, {not_older}"),
        format!("error: sh: mmap is 90 in {{ours}}/sh.toml, but 91 in {sh}"),
    ];
    assert_eq!(said[..said.len() - 1], expected);
    assert!(said.last().unwrap().ends_with(": 10 errors, 0 notes"), "{said:?}");
}

/// The counts of errors and notes, and the notes.
fn judged(ours: &Files, tree: &Tree) -> (Option<i32>, usize, Vec<String>) {
    let (status, said) = check(ours, tree);
    let (errors, rest): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|line| line.starts_with("error: "));
    let notes: Vec<_> = rest.into_iter().filter(|line| line.starts_with("note: ")).collect();
    (status, errors.len(), notes)
}

#[test]
fn a_name_that_only_the_tree_has_is_an_error_unless_the_tree_is_newer() {
    let ours = good(&Tree::new(), &[]);
    let mut tree = Tree::new();
    tree.edit(
        SH,
        "90\t",
        "80\tcommon\tgetgroups\tsys_getgroups\n81\tcommon\tsetgroups\tsys_setgroups\n90\t",
    );
    for (version, error) in
        [("7.2.13", true), ("7.2.12", true), ("7.1.9", true), ("7.2.14", false), ("7.10.0", false)]
    {
        is_linux(&mut tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 2) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: sh: Linux {version} also has getgroups (80), setgroups (81): {{tree}}/{SH}; our \
             table is from Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

#[test]
fn a_name_that_only_the_tables_have_is_an_error_unless_the_tree_is_older() {
    let ours = good(&Tree::new(), &[]);
    let mut tree = Tree::new();
    tree.edit(SH, "90\tcommon\tmmap\told_mmap\n", "");
    // Release 7.1 has the call, and no update removes it.
    for (version, error) in
        [("7.2.13", true), ("7.2.14", true), ("8.0.0", true), ("7.2.12", false), ("7.1.9", true)]
    {
        is_linux(&mut tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 1) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: sh: Linux {version} does not have mmap (90): {{tree}}/{SH}; our table is from \
             Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

/// The history has Linux 2.6.24 and 2.6.28, and no release between them. On i386, both have
/// madvise1, and 322 is timerfd in the first and timerfd_create in the second.
#[test]
fn a_release_that_the_history_does_not_have_is_like_those_around_it() {
    let with = |version: &str, rows: &str| {
        let mut tree = Tree::new();
        let before = "424\t";
        tree.edit(I386, before, &(rows.replace(' ', "\t") + before));
        is_linux(&mut tree, version);
        tree
    };
    let ours = good(&with("7.2.13", "322 i386 timerfd_create sys_timerfd_create\n"), &[]);
    let errors = |version: &str, rows: &str| {
        let (_, said) = check(&ours, &with(version, rows));
        said.into_iter().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>()
    };
    let renamed = format!(
        "error: i386: 322 is timerfd_create in {{ours}}/i386.toml, but timerfd in {{tree}}/{I386}"
    );
    for (version, expected) in [("2.6.24", vec![]), ("2.6.26", vec![]), ("2.6.28", vec![renamed])] {
        assert_eq!(errors(version, "322 i386 timerfd sys_timerfd\n"), expected, "{version}");
    }
    let both = "219 i386 madvise1 sys_madvise\n322 i386 timerfd_create sys_timerfd_create\n";
    assert_eq!(errors("2.6.26", both), [""; 0]);
    let removed = format!(
        "error: i386: madvise1 (219) is in {{tree}}/{I386}, but not in {{ours}}/i386.toml, which \
         contradicts tables/history.toml"
    );
    assert_eq!(errors("3.3.0", both), [removed]);
}

#[test]
fn numbers_and_names_never_change() {
    let ours = good(&Tree::new(), &[]);
    for (from, to) in
        [("90\tcommon\tmmap", "91\tcommon\tmmap"), ("90\tcommon\tmmap", "90\tcommon\tmap")]
    {
        let mut tree = Tree::new();
        tree.edit(SH, from, to);
        for version in ["7.2.12", "7.2.13", "8.0.0"] {
            is_linux(&mut tree, version);
            assert_eq!(judged(&ours, &tree), (Some(1), 1, vec![]), "{version}: {to}");
        }
    }
}

/// arm64's own header of compat numbers called 341 sync_file_range2 from Linux 3.17 to 6.10, until
/// it became a table. Another name is another call, also where no header is installed.
#[test]
fn names_of_the_kernel_alone_change_as_the_history_says() {
    let table = "arch/arm64/tools/syscall_32.tbl";
    let with = |version: &str, name: &str| {
        let mut tree = Tree::new();
        let row = format!("341\tcommon\t{name}\tsys_sync_file_range2\n424\t");
        tree.edit(table, "424\t", &row);
        is_linux(&mut tree, version);
        tree
    };
    let ours = good(&with("7.2.13", "arm_sync_file_range"), &[]);
    for (version, name, error) in [
        ("6.9.0", "sync_file_range2", false),
        ("6.12.0", "sync_file_range2", true),
        ("6.9.0", "mine", true),
    ] {
        let (status, errors, notes) = judged(&ours, &with(version, name));
        assert_eq!((status, errors), if error { (Some(1), 1) } else { (Some(0), 0) }, "{version}");
        let note = format!(
            "note: arm64-compat: Linux {version} differs in arm_sync_file_range (341) → {name}: \
             {{tree}}/{table}; our table is from Linux 7.2.13"
        );
        assert_eq!(notes, if error { vec![] } else { vec![note] });
    }
}

/// A number may have another entry point in another kernel: lookup_dcookie is sys_ni_syscall since
/// 6.8.
#[test]
fn entry_points_are_compared_for_the_same_version() {
    let ours = good(&Tree::new(), &[]);
    let mut tree = Tree::new();
    tree.edit(SH, "old_mmap", "sys_mmap");
    tree.edit(I386, "\t\t\tcompat_sys_io_setup", "");
    for (version, error) in [("7.2.13", true), ("7.2.12", false), ("8.0.0", false)] {
        is_linux(&mut tree, version);
        let (status, errors, notes) = judged(&ours, &tree);
        assert_eq!((status, errors), if error { (Some(1), 2) } else { (Some(0), 0) }, "{version}");
        let said: Vec<&str> =
            notes.iter().map(|note| note.split(": {tree}").next().unwrap()).collect();
        let has = format!("Linux {version} differs in");
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
fn abis_missing_on_one_side() {
    // The table of s390 remains when the kernel has removed it.
    let tree = Tree::new();
    let mut ours = with_newer(&good(&Tree::linux_6_12(), &[]), &good(&tree, &[]));
    let note = "note: s390: is in {ours}/s390-31bit.toml (Linux 6.12.107), but not in Linux 7.2.13"
        .to_owned();
    assert_eq!(judged(&ours, &tree), (Some(0), 0, vec![note]));
    // A table that was imported with the others must exist.
    ours.retain(|(name, _)| name != "xtensa.toml");
    let (directory, disk) = (directory_of(&ours), tree.on_disk());
    let missing = format!(
        "error: {}: is missing from the tables next to it; import them again\n",
        directory.path().join("xtensa.toml").display()
    );
    let checked = tool(&[&"check", &"--tables", &directory.path(), &"--linux", &disk.path()]);
    assert_eq!(checked, (Some(2), String::new(), missing));
    // An ABI that is not frozen must exist, too, if tables are given one by one.
    ours.retain(|(name, _)| name != "prototypes.toml");
    let (status, said) = check(&ours, &tree);
    assert_eq!(status, Some(1));
    assert!(
        said.contains(
            &"error: xtensa: is in {tree}/arch/xtensa/kernel/syscalls/syscall.tbl, but not in \
              {ours}"
                .to_owned()
        ),
        "{said:?}"
    );
}

/// Comparing nothing is an error.
#[test]
fn check_needs_an_abi_that_both_have() {
    let tree = Tree::new().on_disk();
    let (status, _, stderr) = tool(&[&"check", &"--linux", &tree.path(), &"--abi", &"ia64"]);
    let message = format!(
        "error: {}: has none of the ABIs to compare with tables/linux\n",
        tree.path().display()
    );
    assert_eq!((status, stderr), (Some(2), message));
}

/// arch/powerpc/include/asm/systbl.h of Linux 4.19 marks the calls of the SPUs, without names:
/// `diff`, `check` and `explain` must not say that the kernel does not have them.
#[test]
fn an_abi_that_older_kernels_have_in_another_form() {
    let (old, new) = (Tree::linux_4_19(), Tree::new());
    let unread = "not read from kernels before Linux 5.0: arch/powerpc/include/asm/systbl.h has \
                  entry points without names";
    let (_, said) = check(&good(&new, &[]), &old);
    let notes: Vec<_> = said.iter().filter(|line| line.contains("powerpc-spu")).collect();
    assert_eq!(notes, [&format!("note: powerpc-spu: is {unread}")]);
    for (old, new) in [(&old, &new), (&new, &old)] {
        let (status, text) = diff(old, new, &["--abi", "powerpc-spu"]);
        let expected = format!("not compared: powerpc-spu, which is {unread}\n");
        assert_eq!((status, text), (Some(0), format!("--- {{old}}\n+++ {{new}}\n\n{expected}")));
    }
    let directory = TempDir::new().unwrap();
    let (status, _, stderr) = import(old.on_disk().path(), directory.path(), &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let explain =
        tool(&[&"explain", &"read", &"--abi", &"powerpc-spu", &"--tables", &directory.path()]);
    let message = format!("error: --abi: these tables do not have powerpc-spu: it is {unread}; ");
    assert!(explain.0 == Some(2) && explain.2.starts_with(&message), "{}", explain.2);
    // The history, too, begins with the first of these kernels, and that is not a difference.
    for (old, new, abi) in [("4.20", "5.0", "powerpc-spu"), ("3.16", "3.17", "arm64-compat")] {
        let (status, text, _) = tool(&[&"diff", &old, &new, &"--abi", &abi]);
        let end = format!("\nnot compared, since the history does not have them in Linux {old}: ");
        assert!(status == Some(0) && text.ends_with(&format!("{end}{abi}\n")), "{text}");
    }
}
