//! Damage in unexpected places, and files that are not regular files.

use super::*;
use aio_codegen::import::{self, Findings};
use aio_codegen::source::Source;
use aio_codegen::tables::Row;

/// Rewrites the file without adding missing definitions.
fn damage(tree: &mut Tree, path: &str, text: &str) {
    tree.put(path, text);
}

/// Every entry point has a definition, or `kernel/sys_ni.c` says that it may have none.
#[test]
fn entry_points_are_defined() {
    let none = "there, and no file here does";
    let mut tree = Tree::new();
    damage(&mut tree, "lib/calls.c", "SYSCALL_DEFINE0(read)\n");
    let stderr = mistake(&tree, &[]);
    // The file is the one in the committed tables.
    assert!(stderr.starts_with("{tree}/") && stderr.contains(": does not exist; "), "{stderr}");
    assert!(stderr.ends_with(none), "{stderr}");
    let mut tree = Tree::new();
    let calls = tree.read("lib/calls.c");
    assert!(calls.contains("\nSYSCALL_DEFINE0(read)\n"));
    damage(&mut tree, "lib/calls.c", &calls.replace("\nSYSCALL_DEFINE0(read)\n", "\n"));
    refused(
        &tree,
        &format!("{{tree}}/fs/read_write.c: does not exist; mainline defines sys_read {none}"),
    );
    // An optional entry point must exist if the committed tables have it.
    damage(&mut tree, "lib/calls.c", &calls);
    tree.append("kernel/sys_ni.c", "COND_SYSCALL(memfd_secret);\nCOND_SYSCALL(new_call);\n");
    tree.append(X86_64, "545\tx32\tnew_call\tsys_new_call\n");
    let calls = tree.read("lib/calls.c");
    damage(&mut tree, "lib/calls.c", &calls.replace("SYSCALL_DEFINE0(new_call)\n", ""));
    good(&tree, &[]);
    damage(&mut tree, "lib/calls.c", &calls.replace("SYSCALL_DEFINE0(memfd_secret)\n", ""));
    refused(
        &tree,
        &format!(
            "{{tree}}/mm/secretmem.c: does not exist; mainline defines sys_memfd_secret {none}"
        ),
    );
    // An import of only tables needs no definitions.
    good(&tree, &["x86_64"]);
}

#[test]
fn files_needed_for_definitions_exist() {
    let complete = "is the tree complete?";
    for (path, text, message) in [
        (
            "kernel/sys_ni.c",
            "",
            format!("{{tree}}/kernel/sys_ni.c: lists no optional system call; {complete}"),
        ),
        (
            "arch/sh/Kconfig",
            "",
            format!(
                "{{tree}}/arch/sh/Kconfig: declares no symbol; \
                                         {complete}"
            ),
        ),
        (
            "arch/Kconfig",
            "# none\n",
            format!(
                "{{tree}}/arch/Kconfig: declares no symbol; \
                                              {complete}"
            ),
        ),
        (
            "arch/x86/Kconfig",
            "config 64BIT\n\tbool \"64-bit kernel\"\n",
            format!(
                "{{tree}}/arch/x86/Kconfig: does not declare COMPAT, which \
                 arch/x86/entry/syscall_32.c needs; {complete}"
            ),
        ),
        (
            "arch/x86/Kconfig",
            "menu \"m\"\nconfig 64BIT\n\tbool\n",
            "{tree}/arch/x86/Kconfig: has no endmenu: it was cut off; fetch the tree again"
                .to_owned(),
        ),
        (
            "arch/x86/Kconfig",
            "config 64BIT",
            "{tree}/arch/x86/Kconfig:1: the file ends within a line; was it cut off?".to_owned(),
        ),
        (
            "init/Kconfig",
            "",
            format!(
                "{{tree}}/fs/aio.c:8: compat_sys_io_setup needs CONFIG_AIO, which no Kconfig file \
                 declares; {complete}"
            ),
        ),
        (
            "fs/Makefile",
            "",
            format!(
                "{{tree}}/fs: no makefile here builds aio.c, which defines \
                     compat_sys_io_setup; {complete}"
            ),
        ),
        (
            "lib/Makefile",
            "ifdef CONFIG_AIO\nobj-y += calls.o\n",
            "{tree}/lib/Makefile: an ifdef or ifeq has no endif; repair the file".to_owned(),
        ),
    ] {
        let mut tree = Tree::new();
        tree.write("arch/x86/entry/syscall_32.c", "/* both tables */\n");
        damage(&mut tree, path, text);
        refused(&tree, &message);
        if text.is_empty() && path.ends_with("Kconfig") && path != "init/Kconfig"
            || path.ends_with("sys_ni.c")
        {
            tree.remove(path);
            refused(
                &tree,
                &format!(
                    "{{tree}}/{path}: cannot be read: No such file or directory \
                                     (os error 2)"
                ),
            );
        }
    }
    // An architecture's additions to the shared table.
    let mut tree = Tree::new();
    let (csky, swaps) = ("arch/csky/include/uapi/asm/unistd.h", "arch/csky/kernel/syscall_table.c");
    tree.write(csky, "#include <asm/unistd_32.h>\n");
    // A kernel that is older than the committed tables may not have had the name yet.
    is_linux(&mut tree, "7.1.0");
    good(&tree, &[]);
    let linux = &COMMITTED.table("asm-generic").unwrap().linux;
    is_linux(&mut tree, linux.as_str());
    refused(
        &tree,
        &format!(
            "{{tree}}/{csky}: does not define __NR_sync_file_range2, which it did in Linux \
             {linux}; is it cut off?"
        ),
    );
    let mut tree = Tree::new();
    damage(&mut tree, swaps, "#include <linux/syscalls.h>\n");
    refused(&tree, &format!("{{tree}}/{swaps}: does not define sys_call_table; is it cut off?"));
    // Assembly that the committed tables know.
    let mut tree = Tree::new();
    let alpha = tree.read("arch/alpha/kernel/calls.c");
    damage(&mut tree, "arch/alpha/kernel/calls.c", &alpha.replace("alpha_syscall_zero", "zero"));
    refused(
        &tree,
        "{tree}/arch/alpha/kernel/entry.S: does not exist; mainline defines alpha_syscall_zero \
         there, and no file here does",
    );
}

/// The warnings of an import into another directory.
fn warnings(tree: &Tree) -> Vec<String> {
    let findings = Findings::lenient();
    import::tree(&source(tree, "{tree}"), &COMMITTED, &[], &findings).unwrap();
    findings.warnings().into_iter().map(|(_, error)| error.to_string()).collect()
}

/// A copy that ended early, at the end of a line: the release has more calls. The numbers from 424
/// on are compared with the tree's other tables.
#[test]
fn the_release_has_calls_that_the_table_lost() {
    let table = COMMITTED.table("x86_64").unwrap();
    let row = |row: &Row| {
        let entry = row.entry.as_deref().unwrap_or_default();
        format!("{}\t{}\t{}\t{entry}\n", row.nr, row.tag, row.name)
    };
    let warned = |kept: fn(&&Row) -> bool, linux: &str| {
        let mut tree = Tree::new();
        is_linux(&mut tree, linux);
        tree.write(X86_64, table.rows.iter().filter(kept).map(row).collect::<String>());
        let warnings = warnings(&tree).into_iter();
        warnings.filter(|said| said.contains("is the file cut off?")).collect::<Vec<_>>()
    };
    let linux = table.linux.as_str();
    assert_eq!(warned(|_| true, linux), [""; 0]);
    let [version, patchlevel, _] = table.linux.series();
    let said = |abi: &str, calls: &str| {
        format!(
            "{{tree}}/{X86_64}: {abi} does not have {calls}, which Linux {version}.{patchlevel} \
             has; is the file cut off?"
        )
    };
    let calls = "3 calls, from fanotify_init (300) to prlimit64 (302)";
    let lost = warned(|row| row.nr < 300 || row.nr > 302, linux);
    assert_eq!(lost, [said("x86_64", calls), said("x32", calls)]);
    assert_eq!(warned(|row| row.nr != 206, linux), [said("x86_64", "io_setup (206)")]);
    // Of this one nothing is known.
    assert_eq!(warned(|row| row.nr != 206, "99.1.0"), [""; 0]);
}

/// What is lost is named, and not each function in it.
#[test]
fn lost_files_with_definitions_are_named() {
    let mut tree = Tree::new();
    // The file of the committed tables.
    tree.put("lib/calls.c", tree.read("lib/calls.c").replace("SYSCALL_DEFINE0(read)\n{\n}\n", ""));
    let said = "{tree}/fs/read_write.c: does not exist; mainline defines sys_read there, and no \
                file here does";
    assert_eq!(warnings(&tree), [said]);
    tree.put("fs/read_write.c", "");
    let complete = "does not define sys_read, the entry point of read on ";
    assert!(warnings(&tree)[0].contains(complete), "{:?}", warnings(&tree));

    // Two entry points that no release has.
    let mut tree = Tree::new();
    tree.append(X86_64, "500\t64\tone\tstub_one\n501\t64\ttwo\tstub_two\n");
    let calls = "arch/x86/kernel/calls.c";
    for entry in ["stub_one", "stub_two"] {
        let defined = format!("asmlinkage long {entry}(void)\n{{\n}}\n");
        tree.put(calls, tree.read(calls).replace(&defined, ""));
    }
    let undefined = |tree: &Tree| {
        let warnings = warnings(tree).into_iter();
        warnings
            .filter(|said| said.contains("stub_"))
            .filter(|said| !said.contains("private"))
            .collect::<Vec<_>>()
    };
    let none = "{tree}/arch: has no assembly files (.S): 2 entry points have no definition, such \
                as stub_one";
    assert_eq!(undefined(&tree), [none]);
    tree.put("arch/x86/kernel/entry.S", "nop\n");
    assert_eq!(undefined(&tree).len(), 2);
}

/// A merge that is not finished.
#[test]
fn conflict_markers_are_found_in_every_file() {
    let mark = "<<<<<<< HEAD\n=======\n>>>>>>> topic\n";
    let said = |path: &str| {
        format!("{{tree}}/{path}:1: a merge conflict marker; resolve the conflict first")
    };
    for path in ["kernel/sys_ni.c", "lib/calls.c", "fs/Makefile", "init/Kconfig", "fs/aio.c"] {
        let mut tree = Tree::new();
        tree.put(path, format!("{mark}{}", tree.read(path)));
        assert_eq!(warnings(&tree), [said(path)], "{path}");
    }
    // Its values are left out.
    let (mut tree, errno) = (Tree::new(), "include/uapi/asm-generic/errno.h");
    tree.put(errno, format!("{mark}{}", tree.read(errno)));
    let from = source(&tree, "{tree}");
    let files = import::tree(&from, &COMMITTED, &[], &Findings::lenient()).unwrap();
    let (_, text) = files.iter().find(|(name, _)| name == "errno.toml").unwrap();
    assert!(!text.contains("\"x86\""), "{text}");
    assert!(warnings(&tree).contains(&said(errno)));
    // The version would be wrong.
    let mut tree = Tree::new();
    tree.put("Makefile", format!("{mark}{}", tree.read("Makefile")));
    assert_eq!(mistake(&tree, &[]), said("Makefile"));
    // A line below a title.
    let mut tree = Tree::new();
    tree.put("fs/aio.c", format!("/*\nTitle\n=======\n*/\n{}", tree.read("fs/aio.c")));
    assert_eq!(warnings(&tree), [""; 0]);
}

/// A copy that ended early may have lost whole architectures.
#[test]
fn abis_of_the_release_that_the_tree_does_not_have_are_listed() {
    let (mut tree, directory) = (Tree::new(), TempDir::new().unwrap());
    let missing = |tree: &Tree| {
        let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &[]);
        assert_eq!(status, Some(0), "{stderr}");
        let line = stderr.lines().find(|line| line.contains("this tree does not: "));
        line.map(str::to_owned)
    };
    assert_eq!(missing(&tree), None);
    tree.files.retain(|path, _| !path.starts_with("arch/sh/") && !path.starts_with("arch/arm/"));
    let said = "Linux 7.2 also has, and this tree does not: arm, arm-oabi, sh";
    assert_eq!(missing(&tree).as_deref(), Some(said));
}

#[test]
fn a_file_is_a_file_of_a_sensible_size() {
    for path in
        [X86_64, HEADER_X86, "arch/x86/entry/syscalls/Makefile", "include/uapi/linux/aio_abi.h"]
    {
        let disk = Tree::new().on_disk();
        let full = disk.path().join(path);
        let left = if path.ends_with("Makefile") { "; x86_64 is left out" } else { "" };
        let refused =
            |what: &str| refused_there(disk.path(), &format!("{{tree}}/{path}: {what}{left}"));
        fs::remove_file(&full).unwrap();
        let lost = if path == X86_64 { "; x86_64 is left out" } else { "" };
        refused(&format!("cannot be read: No such file or directory (os error 2){lost}"));
        fs::create_dir(&full).unwrap();
        refused("is not a regular file");
        fs::remove_dir(&full).unwrap();
        symlink(&full, &full).unwrap();
        refused("cannot be read: Too many levels of symbolic links (os error 40)");
        fs::remove_file(&full).unwrap();
        // Opening a pipe without a writer would block forever.
        assert!(Command::new("mkfifo").arg(&full).status().unwrap().success());
        refused("is not a regular file");
        fs::remove_file(&full).unwrap();
        File::create(&full).unwrap().set_len((8 << 20) + 1).unwrap();
        refused("is larger than 8 MiB, the limit for a source file");
    }
    let disk = Tree::new().on_disk();
    File::create(disk.path().join("kernel/huge.c")).unwrap().set_len((8 << 20) + 1).unwrap();
    refused_there(
        disk.path(),
        "{tree}/kernel/huge.c: is larger than 8 MiB, the limit for a source file",
    );
}

/// The import of a tree on disk, which is `{tree}` in the message, into the repository is refused.
#[track_caller]
fn refused_there(tree: &Path, message: &str) {
    let source = Source::open(tree);
    let refused = import::tree(&source, &COMMITTED, &[], &Findings::strict()).unwrap_err();
    assert_eq!(refused.to_string(), message.replace("{tree}", tree.to_str().unwrap()));
}

/// The hash is that of the file's bytes, whatever the encoding.
#[test]
fn the_sha256_is_that_of_the_bytes() {
    let mut tree = Tree::new();
    tree.write(X86_64, [b"# Andr\xe9\r\n".as_slice(), tree.read(X86_64).as_bytes()].concat());
    let output =
        Command::new("sha256sum").arg(tree.on_disk().path().join(X86_64)).output().unwrap();
    let hash = String::from_utf8(output.stdout).unwrap();
    let table = imported(&tree, &["x86_64"]).table("x86_64").unwrap().clone();
    assert_eq!(Some(table.sha256.as_str()), hash.split(' ').next());
}

#[test]
fn damaged_files_cause_no_panic() {
    let tree = Tree::new();
    assert!(tree.files.len() > 60);
    let mut refusals = 0;
    for (path, good) in &tree.files {
        let garbage = good.iter().map(|byte| byte.wrapping_mul(167).wrapping_add(13)).collect();
        for (what, bytes) in [("half", good[..good.len() / 2].to_vec()), ("garbage", garbage)] {
            let mut tree = tree.clone();
            tree.put(path, bytes);
            if let Err(error) = files(&tree, &[]) {
                refusals += 1;
                assert_eq!(error.to_string().lines().count(), 1, "{what} of {path}: {error}");
            }
        }
    }
    assert!(refusals > 100, "{refusals}");
}

/// mips has numbers of its own; the generic ones would be wrong.
#[test]
fn an_architecture_does_not_lose_its_own_headers() {
    for header in ["errno.h", "fcntl.h"] {
        let mut tree = Tree::new();
        let path = format!("arch/mips/include/uapi/asm/{header}");
        tree.remove(&path);
        refused(
            &tree,
            &format!("{{tree}}/{path}: cannot be read: No such file or directory (os error 2)"),
        );
    }
}

/// Half of the error numbers are not accepted.
#[test]
fn a_header_that_another_includes_is_there_and_not_empty() {
    let errno = "include/uapi/asm-generic/errno.h";
    let base = "include/uapi/asm-generic/errno-base.h";
    let mut tree = Tree::new();
    tree.write(base, "");
    refused(&tree, &format!("{{tree}}/{base}: is empty; is the tree complete?"));
    tree.remove(base);
    // alpha comes first, and has its own header.
    let alpha = "arch/alpha/include/uapi/asm/errno.h";
    let missing = "includes <asm-generic/errno-base.h>, which does not exist; is the tree \
                   complete?";
    refused(&tree, &format!("{{tree}}/{alpha}:1: {missing}"));
    let disk = tree.on_disk();
    fs::create_dir(disk.path().join(base)).unwrap();
    refused_there(disk.path(), &format!("{{tree}}/{base}: is not a regular file"));
    fs::remove_dir(disk.path().join(base)).unwrap();
    symlink("errno-base.h", disk.path().join(base)).unwrap();
    refused_there(
        disk.path(),
        &format!(
            "{{tree}}/{base}: cannot be read: Too many levels of symbolic links (os error 40)"
        ),
    );
    let mut tree = Tree::linux_6_1();
    tree.remove(base);
    refused_only(&tree, &["ia64"], &format!("{{tree}}/{errno}:1: {missing}"));
}
