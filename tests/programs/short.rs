//! The short examples, which newcomers copy first.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Standard output, or standard error if it fails.
fn run(name: &str, directory: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(crate::example::example(name));
    let output = command.args(args).current_dir(directory).output();
    let Output { status, stdout, stderr } = output.expect("the program can be run");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}

/// A directory with an empty file and two others.
fn files() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for (name, content) in
        [("empty", ""), ("short", "1\n2\n3"), ("long", &"a line\n".repeat(40_000))]
    {
        fs::write(directory.path().join(name), content).expect("space for a file");
    }
    directory
}

#[test]
fn they_have_40_lines_at_most() {
    let examples = aio_tests::root().join("aio-sys/examples");
    for name in ["lookup", "read", "scope", "syscall", "tokio"] {
        let text = fs::read_to_string(examples.join(name).with_extension("rs")).unwrap();
        assert!(text.lines().count() <= 40, "{name}");
    }
}

#[test]
fn read_prints_the_start_of_each_file() {
    let directory = files();
    let many = ["long"; 70];
    let output = run("read", directory.path(), &[&["empty", "short"], &many[..]].concat()).unwrap();
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort();
    assert_eq!((lines[0], lines[71]), ("empty: ", "short: 1\\n2\\n3"));
    assert!(lines[1..71].iter().all(|&line| line == "long: a line\\na line\\na "));
    assert!(run("read", directory.path(), &["short", "nothing"]).unwrap_err().contains("NotFound"));
    let no_aio = run("read", directory.path(), &["."]).unwrap_err();
    assert!(no_aio.contains(".: EINVAL (Invalid argument)"), "{no_aio}");
}

#[test]
fn scope_prints_both_ends_of_a_file() {
    let directory = files();
    let scope = |name| run("scope", directory.path(), &[name]).unwrap();
    assert_eq!(scope("empty"), "head: \ntail: \n");
    assert_eq!(scope("short"), "head: 1\\n2\\n3\ntail: 1\\n2\\n3\n");
    assert_eq!(scope("long"), "head: a line\\na line\\na \ntail: e\\na line\\na line\\n\n");
}

#[test]
fn tokio_counts_lines_as_wc_does() {
    let directory = files();
    let names = ["long", "short", "empty", "long"];
    let wc = Command::new("wc").arg("-l").args(names).current_dir(&directory).output().unwrap();
    let wc = String::from_utf8(wc.stdout).unwrap();
    let expected: Vec<_> = wc.lines().take(names.len()).map(str::trim).collect();
    let output = run("tokio", directory.path(), &names).unwrap();
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn syscall_prints_random_bytes() {
    let bytes = || run("syscall", Path::new("/"), &[]).unwrap();
    let once = bytes();
    let all = once.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_byte = |byte: &str| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok();
    assert_eq!(all.unwrap().split(", ").filter(|byte| is_byte(byte)).count(), 16, "{once}");
    assert_ne!(once, bytes());
}

/// The oracle is the C library's number.
#[test]
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
fn lookup_prints_the_number_of_each_abi() {
    let table = run("lookup", Path::new("/"), &["io_submit"]).unwrap();
    let row = table.lines().find(|line| line.starts_with("x86_64 ")).unwrap();
    let number = libc::SYS_io_submit.to_string();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["x86_64", &number, "sys_io_submit"]);
    let open = run("lookup", Path::new("/"), &["open"]).unwrap();
    assert!(
        open.lines().any(|line| line.starts_with("aarch64 ") && line.ends_with(" -")),
        "{open}"
    );
}
