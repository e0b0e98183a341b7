//! `tables/history.toml`: how it is built, its facts for each release, and what an import of the
//! next release adds. `ci/oracle/history` checks its rows.

use crate::common::*;
use aio_codegen::import::history;
use aio_codegen::tables::history::{Release, Run};
use aio_codegen::version::Version;
use aio_codegen::{Error, Tables, store};
use std::collections::BTreeSet;
use std::fs;

/// The committed tables as another kernel's, after edits of some of them.
fn kernel(linux: &str, edits: &[(&str, &str, &str)]) -> (Version, Tables) {
    let mut files: Files = contents(&committed())
        .into_iter()
        .map(|(name, text)| (name, String::from_utf8(text).unwrap()))
        .collect();
    for (file, from, to) in edits {
        let (_, text) = files.iter_mut().find(|(name, _)| name == file).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        *text = text.replace(from, to);
    }
    (Version::new(linux), store::in_memory(linux, &files).unwrap())
}

/// The text after the comment.
fn built(kernels: &[(Version, Tables)]) -> Result<String, Error> {
    let text = history::from_releases(kernels, &COMMITTED)?;
    Ok(text.split_once("\n\n").unwrap().1.to_owned())
}

/// A row of a committed table, as it is written there.
fn row(table: &str, name: &str) -> String {
    let text = fs::read_to_string(committed().join(table)).unwrap();
    let named = |line: &&str| line.contains(&format!("name = \"{name}\","));
    format!("{}\n", text.lines().find(named).unwrap())
}

#[test]
fn a_release_lists_its_changes() {
    let fchroot = row("x86_64.toml", "fchroot");
    let (mseal, sh) = (row("sh.toml", "mseal"), row("sh.toml", "fchroot"));
    let moved = mseal.replace("nr = 462,", "nr = 999,");
    let named = sh.replace("\"fchroot\"", "\"chroot2\"");
    let older = kernel(
        "7.1.3",
        &[
            ("x86_64.toml", &fchroot, ""),
            ("sh.toml", &mseal, ""),
            ("sh.toml", &sh, &(named + &moved)),
        ],
    );
    let text = built(&[older, kernel("7.3.4", &[])]).unwrap();
    let (first, second) = text.split_once("\n[[release]]\n").unwrap();
    assert!(first.starts_with("[[release]]\nlinux   = \"7.1\"\ntree    = \"7.1.3\"\n"), "{first}");
    assert!(first.contains("\nseen    = [\"x86_64\", ") && first.contains("\narrived = []\n"));
    assert_eq!(
        second,
        "linux   = \"7.3\"\ntree    = \"7.3.4\"\nunseen  = [\"7.2\"]\nseen    = []\narrived = []\n\
         left    = []\n\
         \n  [[release.change]]\n  abis = [\"sh\"]\n\
         \x20 renamed = [\n    \"472 chroot2 fchroot\",\n  ]\n\
         \x20 renumbered = [\n    \"999 462 mseal\",\n  ]\n\
         \n  [[release.change]]\n  abis = [\"x86_64\", \"x32\"]\n\
         \x20 added = [\n    \"472 fchroot\",\n  ]\n"
    );
}

#[test]
fn a_tree_that_the_committed_tables_do_not_follow_is_refused() {
    let fchroot = row("x86_64.toml", "fchroot");
    let refused = built(&[kernel("7.3.4", &[("x86_64.toml", &fchroot, "")])]).unwrap_err();
    assert!(refused.to_string().contains("472 fchroot"), "{refused}");
    let refused = built(&[kernel("7.3.1", &[]), kernel("7.3.4", &[])]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "7.3.1 and 7.3.4 are trees of the same release; pass one of them"
    );
}

#[test]
fn trees_are_corrected() {
    let xtensa = row("xtensa.toml", "sync_file_range2");
    let before = kernel(
        "3.17.0",
        &[("xtensa.toml", &xtensa, &xtensa.replace("sync_file_range2", "sync_file_range"))],
    );
    let text = built(&[before, kernel("3.18.20", &[]), kernel("7.3.4", &[])]).unwrap();
    let (before, after) = text.split_once("linux   = \"7.3\"").unwrap();
    assert!(!before.contains("[[release.change]]"), "{before}");
    assert!(after.contains("\"326 sync_file_range sync_file_range2\""), "{after}");
}

/// Each line is about a row that exists, or existed.
#[test]
fn every_line_of_the_committed_history_takes_effect() {
    let tables = &*COMMITTED;
    let history = tables.history().unwrap();
    let mut lines = 0;
    for abi in &tables.abis {
        let runs = history.runs(abi, tables.table(&abi.table).unwrap());
        assert!(!runs.is_empty(), "{}", abi.name);
        for (at, Release { linux, changes, .. }) in history.releases.iter().enumerate() {
            for changes in changes.iter().filter(|changes| changes.abis.contains(&abi.name)) {
                let effects = changes.added.iter().map(|row| (row, true));
                let effects = effects.chain(changes.removed.iter().map(|row| (row, false)));
                for ((nr, name), added) in effects {
                    let here = |run: &&Run<'_>| {
                        let when = if added { Some(run.since) } else { run.until.map(|u| u + 1) };
                        run.number == abi.base + nr && run.name == name && when == Some(at)
                    };
                    assert_eq!(runs.iter().filter(here).count(), 1, "{} {linux} {name}", abi.name);
                    lines += 1;
                }
            }
        }
    }
    assert!(lines > 4500, "{lines}");
}

/// ABIs that take the same row of a file have it since the same release, as long as they share the
/// file: a correction of one of them would be missing for the others. The exceptions are rows whose
/// tag changed, or that an ABI did not take at first.
#[test]
fn abis_that_share_a_row_have_it_since_the_same_release() {
    /// Since when tables whose ABIs had other sources before are one file, with tags.
    const SHARED: &[(&str, &str)] = &[("arm", "4.10"), ("asm-generic", "6.11"), ("powerpc", "5.0")];
    let tables = &*COMMITTED;
    let history = tables.history().unwrap();
    let at = |linux: &str| history.releases.iter().position(|r| r.linux.as_str() == linux).unwrap();
    let mut later = BTreeSet::new();
    for source in &tables.sources {
        let (table, name) = (tables.table(&source.name).unwrap(), source.name.as_str());
        let shared = SHARED.iter().find(|(shared, _)| *shared == name);
        let shared = shared.map_or(0, |(_, linux)| at(linux));
        let abis: Vec<_> = tables.abis.iter().filter(|abi| abi.table == name).collect();
        let spans = abis.iter().map(|abi| {
            let arrived = |r: &Release| r.seen.contains(&abi.name) || r.arrived.contains(&abi.name);
            (history.releases.iter().position(arrived).unwrap(), history.runs(abi, table))
        });
        let spans: Vec<_> = spans.collect();
        for row in &table.rows {
            let takers = abis.iter().zip(&spans).filter(|(abi, _)| {
                table.tags(&abi.name).is_some_and(|tags| tags.contains(&row.tag))
            });
            let dated = takers.map(|(abi, (first, runs))| {
                let same = |run: &&Run<'_>| run.number == abi.base + row.nr && run.name == row.name;
                let run = runs.iter().rfind(same).unwrap_or_else(|| panic!("{} {row:?}", abi.name));
                (abi, *first, run.since)
            });
            let dated: Vec<_> = dated.collect();
            for (abi, first, since) in &dated {
                // An ABI or a file that is younger than the row says nothing about its age.
                let earlier = dated.iter().any(|(_, others_first, others)| {
                    let both = *first.max(others_first).max(&shared);
                    both.max(*others) < both.max(*since)
                });
                if earlier {
                    let linux = &history.releases[*since].linux;
                    later.insert(format!("{} {linux} on {}", row.name, abi.name));
                }
            }
        }
    }
    let explained = [
        // The tag was `64` in 3.5.
        "kcmp 3.6 on x32",
        // The tag was `64` until 6.9.
        "map_shadow_stack 6.10 on x32",
        // arch/loongarch/kernel/Makefile.syscalls takes the tag since 7.0.
        "memfd_secret 7.0 on loongarch32",
        "memfd_secret 7.0 on loongarch64",
    ];
    assert_eq!(later.iter().collect::<Vec<_>>(), explained);
}

#[test]
fn a_line_that_no_import_writes_is_refused() {
    let refused = |rows: &str| {
        let text = format!(
            "[[release]]\nlinux = \"7.3\"\ntree = \"7.3.4\"\nunseen = []\nseen = []\narrived = []\n\
             left = []\n[[release.change]]\nabis = [\"sh\"]\n{rows}\n"
        );
        let abis = fs::read_to_string(committed().join("../abis.toml")).unwrap();
        let files = [("abis.toml", abis), ("history.toml", text)];
        let files = files.map(|(name, text)| (name.to_owned(), name.to_owned(), text.into()));
        Tables::new(files.into()).unwrap().history().err().map(|error| error.to_string())
    };
    assert_eq!(refused("added = [\"1 exit\"]"), None);
    assert_eq!(refused("renumbered = [\"1 2 exit\"]"), None);
    for (key, text) in [
        ("added", "exit"),
        ("added", "x exit"),
        ("removed", "-1 exit"),
        ("renamed", "1 exit"),
        ("renumbered", "1 exit"),
    ] {
        let error = refused(&format!("{key} = [\"{text}\"]")).unwrap();
        let wanted =
            format!("history.toml:8: `{text}` in `{key}` is not what `import` writes there");
        assert_eq!(error, wanted);
    }
    assert!(refused("moved = []").unwrap().contains("unknown key `moved`"));
}

#[test]
fn a_history_is_not_replaced_by_that_of_fewer_releases() {
    let (repository, tree) = (new_repository(), Tree::new().on_disk());
    for (name, bytes) in contents(&committed()) {
        fs::write(repository.path().join("tables/linux").join(name), bytes).unwrap();
    }
    let history = repository.path().join("tables/history.toml");
    fs::copy(committed().join("../history.toml"), &history).unwrap();
    let before = fs::read_to_string(&history).unwrap();
    let releases = before.matches("\n[[release]]\n").count();
    let mut command = codegen();
    command.env("CARGO_MANIFEST_DIR", repository.path().join("codegen"));
    let (status, _, stderr) = run(command.arg("history").arg(tree.path()));
    assert_eq!(status, Some(2));
    let wanted = format!("error: 1 tree for the {releases} releases in tables/history.toml; ");
    assert!(stderr.starts_with(&wanted), "{stderr}");
    assert!(fs::read_to_string(&history).unwrap() == before);
}

#[test]
fn an_import_into_the_repository_adds_its_release() {
    let (repository, mut tree) = (new_repository(), Tree::new());
    let root = repository.path();
    write_pages(root);
    let import = |tree: &Tree| {
        let on_disk = tree.on_disk();
        let mut command = codegen();
        command.env("CARGO_MANIFEST_DIR", root).arg("import").arg("--linux").arg(on_disk.path());
        let (status, _, stderr) = run(&mut command);
        assert_eq!(status, Some(0), "{stderr}");
        fs::read_to_string(root.join("tables/history.toml")).unwrap()
    };
    // The history of the tables that the first import writes.
    let arrived =
        COMMITTED.abis.iter().filter(|abi| !FROZEN.contains(&&*format!("{}.toml", abi.table)));
    let arrived: Vec<String> = arrived.map(|abi| format!("\"{}\"", abi.name)).collect();
    let first = format!(
        "[[release]]\nlinux   = \"7.2\"\ntree    = \"7.2.13\"\nunseen  = []\nseen    = [{}]\n\
         arrived = []\nleft    = []\n",
        arrived.join(", ")
    );
    fs::write(root.join("tables/history.toml"), &first).unwrap();
    assert_eq!(import(&tree), first);

    let sh = "arch/sh/kernel/syscalls/syscall.tbl";
    tree.edit(sh, "90\t", "80\tcommon\tnew_call\tsys_io_setup\n90\t");
    is_linux(&mut tree, "7.4.0");
    let added = |text: String| text.split_once(&first).map(|(_, added)| added.to_owned());
    let second = |tree: &str, rows: &str| {
        format!(
            "\n[[release]]\nlinux   = \"7.4\"\ntree    = \"{tree}\"\nunseen  = [\"7.3\"]\n\
             seen    = []\narrived = []\nleft    = []\n\n  [[release.change]]\n\
             \x20 abis = [\"sh\"]\n  added = [\n{rows}  ]\n"
        )
    };
    let rows = "    \"80 new_call\",\n";
    assert_eq!(added(import(&tree)), Some(second("7.4.0", rows)));

    // A stable update is of the same release.
    tree.edit(sh, "90\t", "81\tcommon\tnewer_call\tsys_io_setup\n90\t");
    is_linux(&mut tree, "7.4.1");
    let rows = "    \"80 new_call\",\n    \"81 newer_call\",\n";
    assert_eq!(added(import(&tree)), Some(second("7.4.1", rows)));
}

#[test]
fn two_releases_are_compared_without_a_tree() {
    let diff = |more: &[&str]| run(codegen().arg("diff").args(more));
    let (status, text, stderr) = diff(&["5.0", "5.1", "--abi", "x86_64", "--abi", "i386"]);
    assert_eq!((status, stderr.as_str()), (Some(1), ""));
    // The calls that musl and man-pages list as new in 5.1.
    let added = |abi: &str| {
        let part = text.split_once(&format!("\n{abi}, Linux 5.0 → 5.1\n")).unwrap().1;
        part.split("\n\n").next().unwrap().lines().count()
    };
    assert_eq!(added("x86_64"), 4);
    assert!(added("i386") > 30 && text.contains("added  403  clock_gettime64"), "{text}");
    assert_eq!(diff(&["6.1", "6.1"]).0, Some(0));
    let (status, _, stderr) = diff(&["6.14", "6.16"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("no tree of Linux 6.16 was read"), "{stderr}");
    assert_eq!(diff(&["6.14"]).0, Some(2));
    assert_eq!(diff(&["6.14", "6.17", "--tables", "x"]).0, Some(2));
}

/// The private calls of a vendor's kernel, without a tree of the release that it is based on.
#[test]
fn a_release_is_compared_with_a_tree() {
    let mut tree = Tree::new();
    let added = |tree: &Tree| {
        let on_disk = tree.on_disk();
        let mut diff = codegen();
        diff.args(["diff", "7.2", "--abi", "x86_64", "--linux"]).arg(on_disk.path());
        let text = run(&mut diff).1;
        let added = text.lines().filter_map(|line| line.trim().strip_prefix("added"));
        added.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(added(&tree), [""; 0]);
    // The history does not have arm64-compat before 3.17: that is no addition of the tree's.
    let on_disk = tree.on_disk();
    let text = run(codegen().args(["diff", "3.10", "--linux"]).arg(on_disk.path())).1;
    let line = text.lines().find_map(|line| {
        line.strip_prefix("not compared, since the history does not have them in Linux 3.10: ")
    });
    assert!(line.is_some_and(|abis| abis.contains("arm64-compat")), "{text}");
    tree.edit(
        "arch/x86/entry/syscalls/syscall_64.tbl",
        "543\tx32\tio_setup",
        "500\tcommon\tacme_ring\tsys_acme_ring\n543\tx32\tio_setup",
    );
    assert_eq!(added(&tree), ["500 acme_ring sys_acme_ring (private)"]);
}

#[test]
fn a_call_is_explained_for_a_release() {
    let explain = |more: &[&str]| {
        let (status, text, stderr) = run(codegen().arg("explain").args(more));
        (status, text + &stderr)
    };
    // man-pages: openat2 is of 5.6, clone3 of 5.3.
    let (status, text) = explain(&["openat2", "--kernel", "5.5", "--abi", "x86_64"]);
    assert_eq!((status, &*text), (Some(1), "not in Linux 5.5 on x86_64: since 5.6\n"));
    // A number is of no use without the name.
    // That its table ends with Linux 6.12 says nothing of older kernels.
    let (_, text) = explain(&["openat2", "--kernel", "5.5", "--abi", "s390"]);
    assert_eq!(text, "not in Linux 5.5 on s390: since 5.6, until 6.18\n");
    let line = "437 is openat2, since 5.6: not in Linux 5.4 on aarch64\n";
    assert_eq!(explain(&["437", "--kernel", "5.4", "--abi", "arm64"]), (Some(1), line.to_owned()));
    let (status, text) = explain(&["437", "--kernel", "v5.4"]);
    let line = "437 is openat2, since 5.6: not in Linux 5.4 on x86_64, i386, ";
    assert!(status == Some(0) && text.contains(line), "{text}");
    let line = "not in Linux 5.4 on loongarch64, loongarch32: the release does not have the ABI\n";
    assert!(text.contains(line), "{text}");
    let (status, text) = explain(&["clone3", "--kernel", "5.3.18-150", "--abi", "x86_64"]);
    assert_eq!(status, Some(0));
    assert_eq!(text, "ABI     number  name    since  until\nx86_64  435     clone3  5.3\n");
    // A name that no kernel has any more, and its new name.
    let (status, text) = explain(&["322", "--kernel", "2.6.24", "--abi", "i386"]);
    assert!(status == Some(0) && text.contains("  timerfd  "), "{text}");
    let (_, text) = explain(&["322", "--abi", "i386"]);
    assert!(text.contains("before    322 timerfd, added after 2.6.20 and by 2.6.24"), "{text}");
    let (_, text) = explain(&["io_submit", "--abi", "x32"]);
    let evidence = "since     3.15 (seen in 3.15.5, a stable update; not in 3.14.1)\n";
    assert!(text.contains(evidence), "{text}");
    let (_, text) = explain(&["cachestat"]);
    assert!(text.contains("no longer on ia64: 1475 cachestat, since 6.5, until 6.6\n"), "{text}");
    // 5.13 is not known, in which landlock_create_ruleset is new; io_setup is older.
    let note = "No tree of Linux 5.13 was read: of calls that came or went after 5.12 and by \
                5.14, it\nis not known whether it has them.\n\n";
    for (name, abi, kernel, wanted) in [
        ("io_setup", "i386", "5.13", Ok("ABI   number  name      since")),
        (
            "memfd_secret",
            "x86_64",
            "5.13",
            Err("not known whether in Linux 5.13 on x86_64: added after 5.12 and by 5.14\n"),
        ),
        (
            "memfd_secret",
            "riscv64",
            "5.13",
            Err("not in Linux 5.13 on riscv64: since 5.19; use `memfd_create`\n"),
        ),
        (
            "landlock_create_ruleset",
            "i386",
            "5.13",
            Err("not known whether in Linux 5.13 on i386: added after 5.12 and by 5.14\n"),
        ),
    ] {
        let (status, text) = explain(&[name, "--kernel", kernel, "--abi", abi]);
        let answer = text.strip_prefix(note).unwrap_or_else(|| panic!("{text}"));
        match wanted {
            Ok(head) => assert!(status == Some(0) && answer.starts_with(head), "{name}: {text}"),
            Err(line) => assert_eq!((status, answer), (Some(1), line), "{name}"),
        }
    }
    let (status, text) = explain(&["timerfd", "--kernel", "2.6.26", "--abi", "i386"]);
    assert_eq!(status, Some(1));
    let line = "not known whether in Linux 2.6.26 on i386: added after 2.6.20 and by 2.6.24, \
                removed after 2.6.24 and by 2.6.28\n";
    assert!(
        text.starts_with("No tree of Linux 2.6.26 was read: ") && text.ends_with(line),
        "{text}"
    );
    // Before all that is known, and behind it.
    for (kernel, begin, end) in [
        (
            "2.6.5",
            "older than what is known, which begins with 2.6.12.",
            "since 2.6.12 or earlier\n",
        ),
        ("99.0", "newer than what is known, which ends with 7.3.", "since 2.6.12 or earlier\n"),
    ] {
        let (status, text) = explain(&["read", "--kernel", kernel, "--abi", "x86_64"]);
        let answer = format!("not known whether in Linux {kernel} on x86_64: {end}");
        assert_eq!(status, Some(1));
        assert_eq!(text, format!("Linux {kernel} is {begin}\n\n{answer}"));
    }
    let (status, text) = explain(&["io_sumbit", "--kernel", "5.10"]);
    assert!(status == Some(2) && text.contains("no release has a call io_sumbit"), "{text}");
}

/// What to use instead is a call that the release has.
#[test]
fn a_call_that_a_release_does_not_have_has_a_replacement() {
    for (name, kernel, abi, wanted) in [
        // Never there: the reason, and what to use.
        ("open", "5.4", "aarch64", "another call replaces it; use `openat`"),
        (
            "clock_gettime64",
            "5.0",
            "x86_64",
            "its time is 64-bit in every call; use `clock_gettime`",
        ),
        ("uretprobe", "6.12", "arm", "only x86_64 and x32 have it"),
        // There later, or once.
        ("clone3", "6.12", "sparc64", "since 7.0; use `clone`"),
        ("clock_gettime64", "5.0", "i386", "since 5.1; use `clock_gettime`"),
        ("socket", "4.2", "i386", "since 4.3; use `socketcall` with SYS_SOCKET"),
        ("newfstatat", "6.10", "loongarch64", "since 6.11; use `statx`"),
        ("sync_file_range2", "6.9", "csky", "since 6.10; use `sync_file_range`"),
        ("sync_file_range", "6.10", "csky", "since 4.20, until 6.9; use `sync_file_range2`"),
        // `timerfd_create` has the number only later.
        (
            "timerfd",
            "2.6.20",
            "i386",
            "added after 2.6.20 and by 2.6.24, removed after 2.6.24 and by 2.6.28",
        ),
        (
            "timerfd",
            "3.0",
            "i386",
            "added after 2.6.20 and by 2.6.24, removed after 2.6.24 and by 2.6.28; use \
             `timerfd_create`",
        ),
        // The release does not have it, and the tables do not.
        ("memfd_secret", "3.16", "s390x", "since 6.4"),
        ("memfd_secret", "3.17", "s390x", "since 6.4; use `memfd_create`"),
        ("openat2", "5.4", "aarch64", "since 5.6"),
        ("open", "3.6", "aarch64", "the release does not have the ABI"),
    ] {
        let (status, text, stderr) =
            run(codegen().args(["explain", name, "--kernel", kernel, "--abi", abi]));
        assert_eq!((status, stderr.as_str()), (Some(1), ""), "{name}");
        assert_eq!(text, format!("not in Linux {kernel} on {abi}: {wanted}\n"));
    }
}
