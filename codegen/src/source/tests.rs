//! Sources on disk and in memory.

use super::{Doubt, Source};
use crate::Error;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const FILES: &[(&str, &[u8])] = &[
    ("Makefile", b"VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\nEXTRAVERSION = -rc4\n"),
    ("fs/aio.c", b"/* \xff */\n"),
    ("fs/ext4/Kconfig", b"config EXT4\n"),
    ("fs/ext4/boot/a.c", b"a"),
];

fn memory() -> Source {
    let files = FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
    Source::in_memory("linux", files.collect())
}

fn new_directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    for (path, bytes) in FILES {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    directory
}

/// The properties that a directory and a map share.
#[test]
fn a_map_is_read_as_a_directory_is() {
    let directory = new_directory();
    for source in [memory(), Source::open(directory.path())] {
        assert_eq!(source.version().unwrap().as_str(), "7.3.0-rc4");
        assert!(source.is_directory("fs") && !source.is_file("fs") && source.exists("fs"));
        assert!(source.is_file("fs/aio.c") && !source.exists("fs/aio") && !source.exists("f"));
        assert_eq!(&*source.text("fs/ext4/../aio.c").unwrap(), "/* \u{fffd} */\n");
        let hash = source.sha256("fs/aio.c").unwrap();
        assert!(hash.starts_with("b3e9a748") && hash.len() == 64, "{hash}");
        let all = |_: &str| true;
        let found = source.walk(["fs", "mm"], all, all, Err).unwrap();
        assert_eq!(found, ["fs/aio.c", "fs/ext4/Kconfig", "fs/ext4/boot/a.c"]);
        let entered = |directory: &str| !directory.ends_with("/boot");
        assert_eq!(
            source.walk(["fs"], entered, |name| name.ends_with(".c"), Err).unwrap(),
            found[..1]
        );
        let name = source.name("fs/aio.c");
        assert_eq!(name, format!("{}/fs/aio.c", source.shown()));
        assert_eq!(
            (source.path(&name), source.spelled("fs/aio.c").as_str()),
            ("fs/aio.c", "fs/aio.c")
        );
        let refused = |result: Result<_, Error>| result.err().unwrap().what;
        assert_eq!(refused(source.text("fs")), "is not a regular file");
        let none = "cannot be read: No such file or directory (os error 2)";
        assert_eq!(refused(source.text("mm/a.c")), none);
        assert_eq!(refused(source.text("../a.c")), "is outside of the source");
        assert!(source.list("Makefile").unwrap_err().what.starts_with("cannot be listed: "));
    }
}

#[test]
fn a_file_is_read_once() {
    let directory = new_directory();
    let source = Source::open(directory.path());
    let (text, list) = (source.text("Makefile").unwrap(), source.list("fs").unwrap());
    fs::remove_file(directory.path().join("Makefile")).unwrap();
    fs::remove_dir_all(directory.path().join("fs")).unwrap();
    assert_eq!(source.text("Makefile").unwrap(), text);
    assert_eq!(source.list("fs").unwrap(), list);
}

/// `cp -rs` copies a file as a link out of the tree. A link within the tree is a duplicate, and a
/// link to a directory may form a cycle.
#[test]
fn links_out_of_the_tree_are_read() {
    let (directory, other) = (new_directory(), new_directory());
    let fs = directory.path().join("fs");
    symlink(other.path().join("fs/aio.c"), fs.join("out.c")).unwrap();
    symlink("aio.c", fs.join("within.c")).unwrap();
    symlink("nowhere.c", fs.join("dangling.c")).unwrap();
    symlink("..", fs.join("circle")).unwrap();
    symlink(other.path().join("fs"), fs.join("directory")).unwrap();
    let source = Source::open(directory.path());
    let names: Vec<_> = source.list("fs").unwrap().iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(names, ["aio.c", "ext4", "out.c"]);
    // A link that is named explicitly is read.
    assert!(source.is_file("fs/within.c") && source.text("fs/within.c").is_ok());
    assert!(source.exists("fs/dangling.c") && source.text("fs/dangling.c").is_err());
}

#[test]
fn missing_files_have_one_message() {
    let headers = |files: &[&str]| {
        let files = files.iter().map(|path| ((*path).to_owned(), Vec::new()));
        Source::headers_in_memory("include", files.collect())
    };
    let tree = memory().incomplete("fs", Doubt::Missing, "is empty");
    assert_eq!(tree.to_string(), "linux/fs: is empty; is the tree complete?");
    let installed = headers(&["asm/unistd.h"]).unwrap();
    let error = installed.incomplete("", Doubt::Missing, "is empty");
    assert_eq!(error.to_string(), "include: is empty; are all headers installed?");
    assert!(installed.is_installed() && !memory().is_installed());
    let refused = headers(&["asm/errno.h"]).err().unwrap().to_string();
    assert!(refused.starts_with("include: has no asm/unistd.h; pass a directory"), "{refused}");
    let none = Source::in_memory("linux", BTreeMap::new()).version().unwrap_err().to_string();
    assert!(none.starts_with("linux: is not a kernel source tree: it has no Makefile"), "{none}");
}

#[test]
fn a_path_of_headers_is_that_of_the_first_directory_that_has_it() {
    let root = TempDir::new().unwrap();
    let include = root.path().join("include");
    for path in ["x86_64-linux-gnu/asm/unistd.h", "asm-generic/unistd.h", "linux/version.h"] {
        let path = include.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let own = include.join("x86_64-linux-gnu");
    let source = Source::headers(&[&own]).unwrap();
    let shared = include.join("asm-generic/unistd.h").display().to_string();
    assert_eq!(source.name("asm-generic/unistd.h"), shared);
    assert_eq!(source.path(&shared), "asm-generic/unistd.h");
    assert_eq!(source.spelled("asm-generic/unistd.h"), shared);
    assert_eq!(source.spelled("asm/unistd.h"), "asm/unistd.h");
    assert!(source.is_file("linux/version.h") && !source.exists("linux/types.h"));
    assert!(source.name("linux/types.h").ends_with("/x86_64-linux-gnu/linux/types.h"));
    // Two that were named, in either order.
    fs::create_dir(include.join("asm")).unwrap();
    fs::write(include.join("asm/errno.h"), "").unwrap();
    fs::write(own.join("asm/errno.h"), "own").unwrap();
    for (first, second) in [(&own, &include), (&include, &own)] {
        let source = Source::headers(&[first, second]).unwrap();
        assert_eq!(source.shown(), format!("{} and {}", first.display(), second.display()));
        assert_eq!(source.name(""), source.shown());
        assert_eq!(source.spelled("asm-generic/unistd.h"), "asm-generic/unistd.h");
        assert_eq!(&*source.text("asm/errno.h").unwrap(), "own");
        let errno = own.join("asm/errno.h").display().to_string();
        assert_eq!(
            (source.name("asm/errno.h"), source.path(&errno)),
            (errno.clone(), "asm/errno.h")
        );
    }
}

/// What stands at the end may be complete without a newline.
#[test]
fn a_file_ends_with_a_newline_or_a_complete_line() {
    let ends = |file: &str, text: &str| super::ends(file, text).is_ok();
    for (file, text) in [
        ("kernel/Kconfig.preempt", "config PREEMPT_COUNT\n       bool"),
        ("mm/Kconfig", "config A\n\tdefault n"),
        ("mm/Makefile", "obj-y += a.o"),
        ("Kbuild", "obj-y += a/"),
        ("fs/a.c", "long sys_a(void)\n{\n}"),
        ("asm/unistd.h", "#endif /* A */"),
        ("asm/unistd.h", ""),
        ("syscall.tbl", "1\tcommon\ta\n"),
    ] {
        assert!(ends(file, text), "{file}: {text}");
        assert!(ends(file, &format!("{text}\n")), "{file}: {text}");
    }
    for (file, text) in [
        ("mm/Kconfig", "config MEM"),
        ("mm/Kconfig", "if MMU"),
        ("mm/Makefile", "obj-y +="),
        ("fs/a.c", "SYSCALL_DEFINE0(a)"),
        ("asm/unistd.h", "#define __NR_a 50"),
        ("asm/unistd.h", "#end"),
        ("syscall.tbl", "1\tcommon\ta"),
    ] {
        assert!(!ends(file, text), "{file}: {text}");
        assert!(ends(file, &format!("{text}\n")), "{file}: {text}");
    }
}
