//! The example `aiocp`, as its users meet it: what needs no root. `ci/check/aiocp` has the rest, on
//! file systems of its own.

use aio_tests::skip;
use std::ffi::{CString, OsStr};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const CHUNK: usize = 256 << 10;

/// The program: the one that `$AIOCP` names, or the example, built by the cargo that runs this
/// test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("AIOCP") {
            return path.into();
        }
        crate::example::example("aiocp")
    })
}

/// A directory to work in, which is the program's working directory too.
struct Room(TempDir);

impl Room {
    fn new() -> Room {
        Room(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("room for a file");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect("the file is there").mode() & 0o7777
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the directory is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs it, and sees to it that it succeeds with one line on standard output.
    fn copy(&self, src: &str, dst: &str) -> String {
        let Output { status, stdout, stderr } = self.command([src, dst]).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "copying {src} to {dst}");
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
        stdout
    }

    /// Runs it, and sees to it that it fails with this message alone, and changes nothing.
    fn refuse(&self, src: &str, dst: &str, message: &str) {
        let before = self.names();
        let output = self.command([src, dst]).output().unwrap();
        assert_failed(&output, message);
        assert_eq!(self.names(), before, "the directory is as it was");
    }
}

#[track_caller]
fn assert_failed(output: &Output, message: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, format!("aiocp: {message}\n"));
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
}

/// Bytes of which no two blocks are the same.
fn content(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn files_of_every_size_around_a_block_and_a_buffer() {
    let room = Room::new();
    let sizes = [
        0,
        1,
        511,
        512,
        513,
        4095,
        4096,
        4097,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        16 * CHUNK,
        (10 << 20) + 1,
    ];
    for size in sizes {
        let bytes = content(size);
        room.write("src", &bytes);
        let report = room.copy("src", "new");
        assert!(report.starts_with(&format!("{size} bytes (")), "{report}");
        assert!(room.read("new") == bytes, "{size} bytes, new");
        room.copy("src", "replaced");
        assert!(room.read("replaced") == bytes, "{size} bytes, replaced");
        fs::remove_file(room.path("new")).unwrap();
    }
    assert_eq!(room.names(), ["replaced", "src"]);
}

#[test]
fn the_report_counts_requests_and_names_both_sides() {
    let room = Room::new();
    room.write("src", content(2 * CHUNK + 1));
    let report = room.copy("src", "dst");
    let direct =
        |side: &str| [" yes", " no"].iter().any(|word| report.contains(&format!("{side}{word}")));
    assert!(report.starts_with("524289 bytes (512.0 KiB) in "), "{report}");
    // Three reads, three writes, one fsync.
    assert!(report.contains("/s, 7 requests, O_DIRECT: "), "{report}");
    assert!(direct("source") && direct("destination"), "{report}");
}

#[test]
fn a_sparse_file_is_copied_with_its_holes() {
    let room = Room::new();
    let src = File::create(room.path("src")).unwrap();
    src.write_at(b"in the middle", 5 << 20).unwrap();
    src.set_len((9 << 20) + 77).unwrap();
    room.copy("src", "dst");
    assert!(room.read("src") == room.read("dst"));
    let blocks = |name| fs::metadata(room.path(name)).unwrap().blocks();
    assert_eq!(blocks("dst"), blocks("src"));
}

#[test]
fn a_new_file_gets_the_permissions_of_the_source_less_the_umask() {
    let room = Room::new();
    room.write("src", content(5000));
    for (umask, mode, copied) in
        [(0o022, 0o777, 0o755), (0o077, 0o644, 0o600), (0, 0o666, 0o666), (0, 0o4755, 0o755)]
    {
        fs::set_permissions(room.path("src"), Permissions::from_mode(mode)).unwrap();
        let mut command = room.command(["src", "dst"]);
        // SAFETY: umask is async-signal-safe, and takes no memory.
        unsafe { command.pre_exec(move || Ok(_ = libc::umask(umask))) };
        assert!(command.output().unwrap().status.success());
        assert_eq!(room.mode("dst"), copied, "{mode:o} with umask {umask:o}");
        fs::remove_file(room.path("dst")).unwrap();
    }
}

#[test]
fn a_file_that_exists_keeps_its_permissions() {
    let room = Room::new();
    room.write("src", content(5000));
    room.write("dst", "old");
    fs::set_permissions(room.path("dst"), Permissions::from_mode(0o640)).unwrap();
    room.copy("src", "dst");
    assert_eq!(room.mode("dst"), 0o640);
    assert!(room.read("dst") == content(5000));
}

#[test]
fn a_directory_is_copied_into_and_never_replaced() {
    let room = Room::new();
    room.write("src", "content");
    fs::create_dir(room.path("dir")).unwrap();
    for name in ["dir", "dir/", "dir/.", "dir/other"] {
        room.copy("src", name);
    }
    assert_eq!(
        (room.read("dir/src"), room.read("dir/other")),
        (b"content".to_vec(), b"content".to_vec())
    );
    fs::create_dir_all(room.path("full/src")).unwrap();
    room.refuse("src", "full", r#"cannot write "full/src": EISDIR (Is a directory)"#);
}

#[test]
fn a_symbolic_link_is_followed_and_stays() {
    let room = Room::new();
    room.write("src", content(5000));
    room.write("file", "old");
    symlink("file", room.path("link")).unwrap();
    room.copy("src", "link");
    assert_eq!(fs::read_link(room.path("link")).unwrap(), Path::new("file"));
    assert!(room.read("file") == content(5000));

    symlink("nothing", room.path("dangling")).unwrap();
    room.refuse("src", "dangling", r#""dangling" is a dangling symbolic link"#);
}

#[test]
fn the_same_file_under_any_name_is_refused() {
    let room = Room::new();
    room.write("src", "content");
    fs::hard_link(room.path("src"), room.path("hard")).unwrap();
    symlink("src", room.path("soft")).unwrap();
    for name in ["src", "./src", "hard", "soft"] {
        room.refuse("src", name, &format!(r#""src" and "{name}" are the same file"#));
    }
    room.refuse("src", ".", r#""src" and "./src" are the same file"#);
    assert_eq!(room.read("src"), b"content");
}

#[test]
fn sources_that_cannot_be_read_are_named() {
    let room = Room::new();
    fs::create_dir(room.path("dir")).unwrap();
    room.refuse("nothing", "dst", r#"cannot read "nothing": ENOENT (No such file or directory)"#);
    room.refuse("dir", "dst", r#""dir" is a directory"#);
    room.refuse("", "dst", r#"cannot read "": ENOENT (No such file or directory)"#);
    room.refuse(
        "two\nlines",
        "dst",
        r#"cannot read "two\nlines": ENOENT (No such file or directory)"#,
    );
    room.write("secret", "content");
    fs::set_permissions(room.path("secret"), Permissions::from_mode(0o000)).unwrap();
    if File::open(room.path("secret")).is_ok() {
        return skip("EACCES of a source", "root may read everything");
    }
    room.refuse("secret", "dst", r#"cannot read "secret": EACCES (Permission denied)"#);
}

#[test]
fn destinations_that_cannot_be_created_are_named() {
    let room = Room::new();
    room.write("src", content(5000));
    room.write("file", "old");
    room.refuse(
        "src",
        "no/dst",
        r#"cannot create a file in "no": ENOENT (No such file or directory)"#,
    );
    room.refuse("src", "dst/", r#""dst/" is not a directory"#);
    room.refuse("src", "dst/.", r#""dst/." is not a directory"#);
    room.refuse("src", "file/", r#"cannot write "file/": ENOTDIR (Not a directory)"#);
    room.refuse("src", "", r#""" is not a directory"#);
    let long = "x".repeat(256);
    room.refuse(
        "src",
        &long,
        &format!(r#"cannot write "{long}": ENAMETOOLONG (File name too long)"#),
    );
    assert_eq!(room.read("file"), b"old");
}

#[test]
fn a_full_device_is_reported_with_the_offset() {
    let room = Room::new();
    room.write("src", content(5000));
    room.refuse(
        "src",
        "/dev/full",
        r#"cannot write "/dev/full" at offset 0: ENOSPC (No space left on device)"#,
    );
    room.copy("src", "/dev/null");
}

#[test]
fn files_without_a_size_are_read_to_the_end() {
    let room = Room::new();
    room.copy("/proc/version", "version");
    assert_eq!(room.read("version"), fs::read("/proc/version").unwrap());

    let bytes = content(3 * CHUNK + 1);
    let mut command = room.command(["/dev/stdin", "piped"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(room.read("piped") == bytes);
}

#[test]
fn a_pipe_is_written_in_place() {
    let room = Room::new();
    let bytes = content(3 * CHUNK + 1);
    room.write("src", &bytes);
    let name = CString::new(room.path("fifo").as_os_str().as_bytes()).unwrap();
    // SAFETY: a string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let reader = thread::spawn({
        let path = room.path("fifo");
        move || fs::read(path).unwrap()
    });
    let report = room.copy("src", "fifo");
    assert!(report.contains("0 requests, read and written in order"), "{report}");
    assert!(reader.join().unwrap() == bytes);
}

/// The kernel gives out a file of /sys page by page: every read of more is short.
#[test]
fn short_reads_are_continued() {
    let name = "/sys/kernel/btf/vmlinux";
    let Ok(bytes) = fs::read(name) else { return skip("short reads", &format!("no {name} here")) };
    let room = Room::new();
    room.copy(name, "dst");
    assert!(room.read("dst") == bytes);
}

/// A file of /sys may be shorter than it says: for a reader it has shrunk.
#[test]
fn a_source_that_is_shorter_than_its_size_is_copied_to_its_end() {
    let name = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Ok(bytes) = fs::read(name) else {
        return skip("a source below its size", &format!("no {name} here"));
    };
    let room = Room::new();
    room.copy(name, "dst");
    assert_eq!(room.read("dst"), bytes);
}

#[test]
fn a_source_that_shrinks_meanwhile_ends_where_it_ends() {
    let room = Room::new();
    let bytes = content(40 * CHUNK);
    for _ in 0..5 {
        room.write("src", &bytes);
        let child = room.command(["src", "dst"]).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(3));
        File::options()
            .write(true)
            .open(room.path("src"))
            .unwrap()
            .set_len(CHUNK as u64 + 77)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let copied = room.read("dst");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
        assert!(copied.len() > CHUNK && bytes.starts_with(&copied), "{} bytes", copied.len());
    }
}

#[test]
fn a_source_that_grows_meanwhile_is_copied_up_to_some_size_it_had() {
    let room = Room::new();
    let bytes = content(48 * CHUNK);
    room.write("src", &bytes[..40 * CHUNK]);
    let mut src = File::options().append(true).open(room.path("src")).unwrap();
    let child = room.command(["src", "dst"]).stdout(Stdio::null()).spawn().unwrap();
    for part in bytes[40 * CHUNK..].chunks(CHUNK) {
        src.write_all(part).unwrap();
    }
    assert!(child.wait_with_output().unwrap().status.success());
    let copied = room.read("dst");
    assert!(copied.len() >= 40 * CHUNK && bytes.starts_with(&copied), "{} bytes", copied.len());
}

#[test]
fn a_limit_on_the_size_of_files_is_reported() {
    let room = Room::new();
    room.write("src", content(CHUNK));
    room.write("dst", "old");
    let mut command = room.command(["src", "dst"]);
    let limit = libc::rlimit { rlim_cur: 100_000, rlim_max: 100_000 };
    // SAFETY: setrlimit is async-signal-safe, and only reads `limit`.
    unsafe { command.pre_exec(move || Ok(_ = libc::setrlimit(libc::RLIMIT_FSIZE, &limit))) };
    let message = format!(r#"cannot make room for {CHUNK} bytes in "dst": EFBIG (File too large)"#);
    assert_failed(&command.output().unwrap(), &message);
    assert_eq!(
        (room.names(), room.read("dst")),
        (vec!["dst".to_owned(), "src".to_owned()], b"old".to_vec())
    );
}

#[test]
fn an_interrupted_copy_leaves_nothing_and_dies_of_the_signal() {
    let room = Room::new();
    let src = File::create(room.path("src")).unwrap();
    // SAFETY: it touches no memory.
    assert_eq!(unsafe { libc::posix_fallocate(src.as_raw_fd(), 0, 200 << 20) }, 0);
    room.write("old", "old");
    for (signal, dst) in [
        (libc::SIGINT, "new"),
        (libc::SIGTERM, "old"),
        (libc::SIGHUP, "new"),
        (libc::SIGKILL, "old"),
    ] {
        let child = room.command(["src", dst]).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(20));
        // SAFETY: a process of ours, which was not waited for yet.
        unsafe { libc::kill(child.id() as i32, signal) };
        let status = child.wait_with_output().unwrap().status;
        if status.success() {
            skip(&format!("signal {signal} during a copy"), "the copy was faster");
            let _ = fs::remove_file(room.path("new"));
            room.write("old", "old");
            continue;
        }
        assert_eq!(status.signal(), Some(signal));
        assert_eq!(
            (room.names(), room.read("old")),
            (vec!["old".to_owned(), "src".to_owned()], b"old".to_vec())
        );
    }
}

#[test]
fn names_may_begin_with_a_dash() {
    let room = Room::new();
    room.write("-src", "content");
    assert!(room.command(["--", "-src", "-dst"]).output().unwrap().status.success());
    assert_eq!(room.read("-dst"), b"content");
}

#[test]
fn an_error_on_standard_output_is_reported_without_a_panic() {
    let room = Room::new();
    room.write("src", "content");
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let output =
        room.command(["src", "dst"]).stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_failed(&output, "cannot write to standard output: ENOSPC (No space left on device)");
    assert_eq!(room.read("dst"), b"content", "the copy was made all the same");
    let status = room.command(["nothing", "dst"]).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn in_a_pipe_there_is_neither_bar_nor_escape_code() {
    let room = Room::new();
    room.write("src", content(8 << 20));
    let Output { stdout, stderr, .. } = room.command(["src", "dst"]).output().unwrap();
    assert!(stderr.is_empty());
    assert!(!stdout.contains(&b'\r') && !stdout.contains(&0x1b));
}
