//! Headers, errors and terminals: the tool as a process.

use super::*;

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Headers of sh, as a distribution installs them, of Linux 7.2.13.
fn headers() -> TempDir {
    let root = TempDir::new().unwrap();
    let directory = root.path().join("sh4-linux-gnu");
    write(
        &directory,
        "asm/unistd.h",
        "#define __NR_mmap 90\n#define __NR_io_setup 245\n#define __NR_pidfd_send_signal 424\n\
         #define __NR_set_mempolicy_home_node 450\n#define __NR_rseq_slice_yield 471\n",
    );
    write(&directory, "asm/errno.h", "#define EPERM 1 /* Operation not permitted */\n");
    write(&directory, "linux/version.h", "#define LINUX_VERSION_CODE 459277\n");
    root
}

#[test]
fn headers_are_compared_without_entry_points_and_other_abis() {
    let (tables, headers) = (imported_directory(&Tree::new()), headers());
    let directory = headers.path().join("sh4-linux-gnu");
    let compared = |subcommand: &str, more: &[&str]| {
        let mut command = codegen();
        command
            .arg(subcommand)
            .arg("--tables")
            .arg(tables.path())
            .arg("--headers")
            .arg(&directory)
            .args(more);
        run(&mut command)
    };
    let (status, text, stderr) = compared("diff", &[]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let without = format!("entry points not compared, since {} has none: sh", directory.display());
    assert!(text.ends_with(&format!("\n\n{without}\nthe same: 1 ABI\n")), "{text}");
    let (status, text, stderr) = compared("check", &["--arch", "sh"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(text.starts_with("5 names of 1 ABI in common with "), "{text}");
    // On both sides.
    let (status, text, _) = tool(&[&"diff", &"--headers", &directory, &"--tables", &tables.path()]);
    assert!(status == Some(0) && text.ends_with("the same: 1 ABI\n"), "{text}");

    let unistd = directory.join("asm/unistd.h");
    let edited = fs::read_to_string(&unistd).unwrap().replace("mmap 90", "mmap 91");
    fs::write(&unistd, edited.replace("#define __NR_io_setup 245\n", "")).unwrap();
    let (status, text, _) = compared("diff", &[]);
    assert_eq!(status, Some(1));
    let lines = "sh, Linux 7.2.13\n  renumbered  90 → 91  mmap\n  removed         245  io_setup  \
                 sys_io_setup\n";
    assert!(text.contains(lines), "{text}");
    let (status, text, _) = compared("check", &[]);
    assert_eq!(status, Some(1));
    let file = format!("{}/asm/unistd.h", directory.display());
    assert!(text.contains(&format!(
        "error: sh: mmap is 90 in {}/sh.toml, but 91 in {file}\n",
        tables.path().display()
    )));
    assert!(text.contains(&format!("but not in {file}, whose kernel is not older\n")), "{text}");

    let (status, _, stderr) = compared("check", &["--abi", "arm"]);
    assert!(
        status == Some(2) && stderr.contains(": has none of the ABIs to compare with "),
        "{stderr}"
    );
    let (status, _, stderr) = compared("check", &["--arch", "vax"]);
    assert!(
        status == Some(2) && stderr.ends_with("headers for sh, but --arch is vax\n"),
        "{stderr}"
    );
}

/// The shared headers may be above the directory that was named.
#[test]
fn a_header_above_the_directory_is_named_by_its_path() {
    let (tables, root) = (imported_directory(&Tree::new()), TempDir::new().unwrap());
    let own = root.path().join("aarch64-linux-gnu");
    write(&own, "asm/unistd.h", "#include <asm-generic/unistd.h>\n");
    write(&own, "asm/errno.h", "#define EPERM 1\n");
    write(root.path(), "asm-generic/unistd.h", "#define __NR_io_setup 91\n");
    write(root.path(), "linux/version.h", "#define LINUX_VERSION_CODE 459277\n");
    let (_, text, _) = tool(&[&"check", &"--headers", &own, &"--tables", &tables.path()]);
    let file = root.path().join("asm-generic/unistd.h");
    assert!(text.contains(&format!(", but 91 in {}\n", file.display())), "{text}");
}

/// `import` and `check` join split headers; `diff` compares the two directories.
#[test]
fn headers_in_two_directories() {
    let (tables, headers) = (imported_directory(&Tree::new()), headers());
    let (own, shared) = (headers.path().join("sh4-linux-gnu"), headers.path().join("shared"));
    fs::create_dir(&shared).unwrap();
    fs::rename(own.join("linux"), shared.join("linux")).unwrap();
    let unistd = fs::read_to_string(own.join("asm/unistd.h")).unwrap();
    fs::write(own.join("asm/unistd.h"), unistd.replace("mmap 90", "mmap 91")).unwrap();
    let directory = tables.path().join("installed");
    let split = |subcommand: &str, tables: &Path| {
        tool(&[&subcommand, &"--headers", &shared, &"--headers", &own, &"--tables", &tables])
    };
    let (status, _, stderr) = split("import", &directory);
    assert!(status == Some(0) && stderr.ends_with("2 files written\n"), "{stderr}");
    let (status, text, stderr) = split("check", tables.path());
    assert_eq!((status, stderr.as_str()), (Some(1), ""));
    let file = own.join("asm/unistd.h").display().to_string();
    assert!(text.contains(&format!(", but 91 in {file}\n")), "{text}");
    let both = format!("in common with {} and {}: 1 error,", shared.display(), own.display());
    assert!(text.contains(&both), "{text}");
    let (status, _, stderr) = tool(&[&"diff", &"--headers", &own, &"--headers", &shared]);
    let place = format!("error: {}: has no asm/unistd.h; ", shared.display());
    assert!(status == Some(2) && stderr.starts_with(&place), "{stderr}");
}

#[test]
fn headers_without_a_version() {
    let (tables, headers) = (imported_directory(&Tree::new()), headers());
    let own = headers.path().join("sh4-linux-gnu");
    let directory = tables.path().join("installed");
    let subcommands = [("import", &*directory), ("check", tables.path())];
    let said = |(subcommand, tables): (&str, &Path), version: &str| {
        let version: &dyn AsRef<OsStr> = &version;
        tool(&[&subcommand, &"--headers", &own, &"--tables", &tables, &"--linux-version", version])
    };
    for subcommand in subcommands {
        let (status, _, stderr) = said(subcommand, "7.2.12");
        let both = "/linux/version.h: is of Linux 7.2.13, but --linux-version is 7.2.12\n";
        assert!(status == Some(2) && stderr.ends_with(both), "{stderr}");
    }
    fs::remove_file(own.join("linux/version.h")).unwrap();
    for subcommand in subcommands {
        assert_eq!(said(subcommand, "7.2.12").0, Some(0));
        let (status, _, stderr) = said(subcommand, "abc");
        let refused = "error: invalid value 'abc' for '--linux-version <VERSION>': expected a \
                       kernel version such as 6.12, ";
        assert!(status == Some(2) && stderr.starts_with(refused), "{stderr}");
        for (option, value) in [("--linux-version", "7.2"), ("--arch", "sh")] {
            let (_, _, stderr) = tool(&[&subcommand.0, &"--linux", &own, &option, &value]);
            assert!(stderr.starts_with("error: the argument '--linux <DIR>' cannot"), "{stderr}");
            let (status, _, stderr) = tool(&[&subcommand.0, &option, &value]);
            assert!(status == Some(2) && stderr.contains("  --headers <DIR>"), "{stderr}");
        }
    }
    let linux = fs::read_to_string(directory.join("sh.toml")).unwrap();
    assert!(linux.contains("linux  = \"7.2.12\"\n"), "{linux}");
}

#[test]
fn unreadable_sources_have_status_2() {
    let (mut tree, empty) = (Tree::new(), TempDir::new().unwrap());
    let disk = tree.on_disk();
    let missing = empty.path().join("missing");
    let refused = |args: &[&dyn AsRef<OsStr>], starts: &str| {
        let (status, stdout, stderr) = tool(args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
        let starts = format!("error: {}", starts.replace("{missing}", missing.to_str().unwrap()));
        assert!(stderr.starts_with(&starts) && !stderr.contains("panicked"), "{stderr}");
    };
    let no_tree = "{missing}: is not a kernel source tree: it is not a directory; ";
    refused(&[&"diff", &"--linux", &missing], no_tree);
    refused(&[&"diff", &"--linux", &disk.path(), &"--linux", &missing], no_tree);
    refused(&[&"check", &"--linux", &missing], no_tree);
    refused(&[&"diff", &"--tables", &missing], "{missing}: has no imported tables; ");
    refused(
        &[&"check", &"--tables", &missing, &"--linux", &disk.path()],
        "{missing}: has no imported tables; ",
    );
    refused(&[&"check"], "give --linux DIR or --headers DIR\n");
    refused(&[&"import"], "give --linux DIR or --headers DIR\n");
    let wanted = "give two releases, a release and a source, or one or two sources; ";
    refused(&[&"diff"], wanted);
    refused(&[&"diff", &"6.1"], wanted);
    refused(&[&"diff", &"6.1", &"6.6", &"--linux", &disk.path()], wanted);
    let three: &[&dyn AsRef<OsStr>] =
        &[&"diff", &"--linux", &"a", &"--tables", &"b", &"--linux", &"c"];
    refused(three, wanted);
    refused(
        &[&"check", &"--linux", &"a", &"--headers", &"b"],
        "the argument '--linux <DIR>' cannot be used with",
    );
    refused(
        &[&"diff", &"--linux", &disk.path(), &"--abi", &"vax"],
        "--abi: unknown ABI `vax`; expected an AUDIT_ARCH value or one of x86_64, x32, ",
    );
    // Comparing nothing is not agreement.
    let directory = imported_directory(&tree);
    for subcommand in ["diff", "check"] {
        let (status, _, stderr) = tool(&[
            &subcommand,
            &"--tables",
            &directory.path(),
            &"--linux",
            &disk.path(),
            &"--abi",
            &"ia64",
        ]);
        let message = format!(
            "error: {}: has none of the ABIs to compare with {}\n",
            disk.path().display(),
            directory.path().display()
        );
        assert_eq!((status, stderr), (Some(2), message));
    }
    // A damaged tree, and a damaged table.
    let line = tree.append(SH, "1 half\n");
    let disk = tree.on_disk();
    refused(
        &[&"diff", &"--linux", &disk.path()],
        &format!("{}/{SH}:{line}: `1 half` is not a row", disk.path().display()),
    );
    fs::write(directory.path().join("sh.toml"), "linux = 7").unwrap();
    let place = format!("{}/sh.toml:1: ", directory.path().display());
    refused(&[&"diff", &"--tables", &directory.path()], &place);
}

#[test]
fn a_stale_copy_is_a_difference() {
    let repository = new_repository();
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
    write_pages(repository.path());
    let stale = |name: &str| {
        (
            Some(1),
            String::new(),
            format!("error: {name}: is out of date; run `cargo codegen emit`\n"),
        )
    };
    assert_eq!(emit(&["--check"]), stale("aio-sys/src/generated/target.rs"));
    assert_eq!(emit(&[]).0, Some(0));
    assert_eq!(emit(&["--check"]), (Some(0), String::new(), String::new()));
    for (name, text) in PAGES {
        fs::write(repository.path().join(name), text).unwrap();
        assert_eq!(emit(&["--check"]), stale(name));
        assert_eq!(emit(&[]).0, Some(0));
    }
}

/// The tool on a terminal of `script`.
fn on_a_terminal(tree: &Tree, settings: &[(&str, &str)]) -> Option<String> {
    let tool = codegen();
    let (old, new) = (Tree::new().on_disk(), tree.on_disk());
    let line = format!(
        "'{}' diff --linux '{}' --linux '{}' --abi sh",
        tool.get_program().to_str().unwrap(),
        old.path().display(),
        new.path().display()
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
    let tree = changed_tree();
    let (_, plain) = diff(&Tree::new(), &tree, &[]);
    assert!(!plain.contains('\u{1b}'), "{plain}");
    match on_a_terminal(&tree, &[]) {
        None => aio_tests::skip("colours on a terminal", "`script` is not installed"),
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
fn text_of_a_tree_cannot_command_the_terminal() {
    let mut tree = changed_tree();
    tree.edit("Makefile", "EXTRAVERSION =", "EXTRAVERSION = -\u{1b}[2J");
    let (_, text) = diff(&Tree::new(), &tree, &["--abi", "sh"]);
    assert!(text.contains("\nsh, Linux 7.2.13 → 7.2.13-\\u{1b}[2J\n"), "{text}");
}

/// A table that cannot be read was not checked.
#[test]
fn a_check_of_a_part_is_not_a_success() {
    let mut tree = Tree::new();
    let directory = imported_directory(&tree);
    // What an older kernel does not have is no error.
    is_linux(&mut tree, "7.2.1");
    let check = |tree: &Tree| {
        let disk = tree.on_disk();
        tool(&[&"check", &"--linux", &disk.path(), &"--tables", &directory.path()])
    };
    assert_eq!(check(&tree).0, Some(0));
    tree.remove("arch/m68k/kernel/syscalls/syscall.tbl");
    let (status, text, stderr) = check(&tree);
    assert!(stderr.contains("; m68k is left out\n"), "{stderr}");
    let said = "\nerror: what the warnings say is left out was not checked\n";
    assert!(status == Some(1) && text.contains(said), "{text}");
    assert!(text.contains(": 1 error, "), "{text}");
}
