//! The example `wal`, as its users meet it: what it has acknowledged is there, whatever happens to
//! it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use tempfile::TempDir;

fn wal(verb: &str, log: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| crate::example::example("wal")));
    command.arg(verb).arg(log).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Appends lines, and returns what was acknowledged.
fn append(log: &Path, lines: &str) -> String {
    let mut child = wal("append", log).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

/// The records, without their numbers.
fn dump(log: &Path) -> Vec<String> {
    let output = wal("dump", log).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once('\t').expect("number, tab, record").1.to_owned())
        .collect()
}

#[test]
fn what_was_appended_is_acknowledged_and_there() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    assert_eq!(append(&log, "one\ntwo\n"), "1\n2\n");
    append(&log, "\nfour\n");
    assert_eq!(dump(&log), ["one", "two", "", "four"]);
}

#[test]
fn a_torn_record_ends_the_log() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    append(&log, "one\ntwo\nthree\n");
    let bytes = fs::read(&log).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(end as u64).unwrap();
    assert_eq!(dump(&log), ["one", "two"]);
    let mut damaged = bytes.clone();
    let two = bytes.windows(3).position(|word| word == b"two").unwrap();
    damaged[two] ^= 1;
    fs::write(&log, damaged).unwrap();
    assert_eq!(dump(&log), ["one"]);
}

/// The space that small records are written to next has written extents, as `FIEMAP` reports them:
/// a durable write to it needs no commit of the file system's journal.
#[test]
fn small_records_find_space_that_is_written() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    append(&log, "one\n");
    let Ok(extents) = Command::new("filefrag").arg("-v").arg(&log).output() else {
        return aio_tests::skip("zeros ahead of records", "no filefrag here");
    };
    let extents = String::from_utf8(extents.stdout).unwrap();
    let Some(unwritten) = extents.lines().find(|extent| extent.contains("unwritten")) else {
        return aio_tests::skip("zeros ahead of records", "no unwritten extents here");
    };
    let columns: Vec<&str> = unwritten.split([':', '.']).map(str::trim).collect();
    let first: u64 = columns[1].parse().unwrap();
    assert!(first >= 2 + 128, "{extents}");
    assert_eq!(dump(&log), ["one"]);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let directory = TempDir::new().unwrap();
    for round in 0..16 {
        let log = directory.path().join(format!("log{round}"));
        let mut child = wal("append", &log).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // In every other round a line is only written when the one before is acknowledged.
        let (next, may_write) = mpsc::channel();
        let one_at_a_time = round % 2 == 1;
        let writer = thread::spawn(move || {
            for number in 1.. {
                if writeln!(stdin, "record {number}").is_err()
                    || one_at_a_time && may_write.recv().is_err()
                {
                    break;
                }
            }
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut acknowledged = 0;
        for line in stdout.lines() {
            let Ok(line) = line else { break };
            acknowledged += 1;
            assert_eq!(line, acknowledged.to_string(), "acknowledged in order");
            if acknowledged == 50 * (round + 1) {
                child.kill().unwrap();
            }
            let _ = next.send(());
        }
        drop(next);
        child.wait().unwrap();
        writer.join().unwrap();
        let records = dump(&log);
        assert!(
            records.len() >= acknowledged,
            "{acknowledged} were acknowledged, {} are there",
            records.len()
        );
        assert!(
            records.iter().zip(1..).all(|(record, number)| *record == format!("record {number}"))
        );
    }
}

/// A log that is in the hands of one append is refused to another, and can be read.
#[test]
fn one_append_at_a_time() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let mut first = wal("append", &log).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    writeln!(stdin, "mine").unwrap();
    let mut acknowledged = String::new();
    BufReader::new(first.stdout.take().unwrap()).read_line(&mut acknowledged).unwrap();
    assert_eq!(acknowledged, "1\n");
    let other = wal("append", &log).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!(
        (other.status.code(), said),
        (Some(1), format!("wal: {log:?} is in use by another append\n"))
    );
    assert_eq!(dump(&log), ["mine"]);
    drop(stdin);
    assert!(first.wait().unwrap().success());
    assert_eq!(append(&log, "yours\n"), "2\n");
}

/// What a power cut leaves of a log that was being made is an empty log; anything else that is no
/// log stays as it is.
#[test]
fn a_power_cut_while_the_log_is_created() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    append(&log, "one\n");
    let first = fs::read(&log).unwrap()[..4096].to_vec();
    let torn = |from: usize, to: usize| {
        [vec![0; from], first[from..to].to_vec(), vec![0; 4096 - to]].concat()
    };
    for begun in
        [vec![], first[..7].to_vec(), vec![0; 4096], vec![0; 100], torn(0, 9), torn(9, 4096)]
    {
        fs::write(&log, &begun).unwrap();
        assert!(dump(&log).is_empty());
        assert_eq!(append(&log, "one\n"), "1\n");
        assert_eq!(dump(&log), ["one"]);
    }
    for foreign in [vec![0; 4097], b"text".to_vec(), [&first[..], b"x"].concat()[1..].to_vec()] {
        fs::write(&log, &foreign).unwrap();
        for verb in ["append", "dump"] {
            let refused = wal(verb, &log).stderr(Stdio::piped()).output().unwrap();
            let said = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(1));
            assert_eq!(said, format!("wal: {log:?} is not a log: it does not begin like one\n"));
        }
        assert!(fs::read(&log).unwrap() == foreign);
    }
}

/// Appends a line; nothing, if there is no strace or it may not trace.
fn append_under_strace(options: &[&str], log: &Path) -> Option<Output> {
    if !Command::new("strace")
        .args(["-qq", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return None;
    }
    let program = wal("append", log);
    let mut strace = Command::new("strace");
    strace.args(options).arg(program.get_program()).args(program.get_args());
    let mut child =
        strace.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It does not read it when it has failed.
    let _ = child.stdin.take().unwrap().write_all(b"one\n");
    Some(child.wait_with_output().unwrap())
}

/// The name of a new log is on disk before anything in it is acknowledged.
#[test]
fn the_directory_is_synced_before_the_first_record_is_acknowledged() {
    let directory = TempDir::new().unwrap();
    let (log, trace) = (directory.path().join("log"), directory.path().join("trace"));
    append(&log, "");
    fs::remove_file(&log).unwrap();
    let appended = append_under_strace(
        &["-y", "-e", "trace=fsync,write", "-o", trace.to_str().unwrap()],
        &log,
    );
    let Some(appended) = appended else {
        return aio_tests::skip("fsync of the log's directory", "strace cannot trace here");
    };
    assert!(appended.status.success());
    let trace = fs::read_to_string(&trace).unwrap();
    let line = |what: &str| {
        trace
            .lines()
            .position(|line| line.contains(what))
            .unwrap_or_else(|| panic!("{what}: {trace}"))
    };
    let directory = directory.path().canonicalize().unwrap();
    let (made, named) = (line("fsync("), line(&format!("<{}>) ", directory.display())));
    let acknowledged = line("\"1\\n\"");
    assert!(made < named && named < acknowledged, "{trace}");
}

/// An append that could not sync the directory leaves that to the next one, which finds a log that
/// is whole.
#[test]
fn a_directory_that_was_not_synced_is_synced_by_the_next_append() {
    let directory = TempDir::new().unwrap();
    let (link, elsewhere) = (directory.path().join("link"), TempDir::new().unwrap());
    let directory_of_log = elsewhere.path().canonicalize().unwrap();
    let (log, trace) = (directory_of_log.join("log"), directory.path().join("trace"));
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let options = ["-qq", "-o", trace.to_str().unwrap(), "-P", directory_of_log.to_str().unwrap()];
    for path in [&log, &log, &link] {
        let options = [&options[..], &["-e", "inject=fsync:error=EIO"]].concat();
        let Some(failed) = append_under_strace(&options, path) else {
            return aio_tests::skip(
                "a failed fsync of the log's directory",
                "strace cannot trace here",
            );
        };
        let said = String::from_utf8(failed.stderr).unwrap();
        let message = format!("wal: cannot sync the directory of {path:?}: EIO (I/O error)\n");
        assert_eq!((failed.status.code(), said, failed.stdout), (Some(1), message, vec![]));
        assert!(dump(&log).is_empty());
    }
    assert_eq!(append(&log, "one\n"), "1\n");
}

/// Runs a test with a small file system of its own in a directory: `mount` is given that, and
/// mounts something.
fn in_a_small_file_system(what: &str, mount: &str, test: impl Fn(&Path)) {
    let directory = TempDir::new().unwrap();
    let image = directory.path().join("image");
    let (mounted, root) = (directory.path().join("small"), fs::metadata("/proc/self").unwrap());
    fs::create_dir(&mounted).unwrap();
    if std::os::unix::fs::MetadataExt::uid(&root) != 0 {
        return aio_tests::skip(what, "only root can mount a small file system");
    }
    let script = |script: &str| {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", script, "sh"])
            .args([&image, &mounted])
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        shell.status().unwrap().success()
    };
    if !script(mount) {
        return aio_tests::skip(what, "no such file system can be mounted here");
    }
    let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&mounted)));
    assert!(script("umount \"$2\""));
    if let Err(panic) = passed {
        std::panic::resume_unwind(panic);
    }
}

/// The disk is full, before a write or in the middle of one that ends short: it says so, and what
/// it has acknowledged is there.
#[test]
fn a_full_disk_is_reported_and_loses_nothing() {
    let lines: String =
        (1..=4000).map(|number| format!("{number} {}\n", "x".repeat(1000))).collect();
    let full = |directory: &Path, one_at_a_time: bool| {
        let log = directory.join("log");
        let mut child = wal("append", &log).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, lines) = (child.stdin.take().unwrap(), lines.clone());
        let (next, may_write) = mpsc::channel();
        // It does not read on when it has failed.
        let writer = thread::spawn(move || {
            lines.split_inclusive('\n').find(|line| {
                stdin.write_all(line.as_bytes()).is_err()
                    || one_at_a_time && may_write.recv().is_err()
            });
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let acknowledged = stdout.lines().inspect(|_| _ = next.send(())).count();
        drop(next);
        writer.join().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(acknowledged > 0 && said.contains("ENOSPC"), "{said}");
        assert!(
            said.ends_with(&format!("; records up to number {acknowledged} are durable\n")),
            "{said}"
        );
        let records = dump(&log);
        assert!(records.len() >= acknowledged && records.len() < 4000);
        assert!(
            records
                .iter()
                .zip(1..)
                .all(|(record, number)| record.starts_with(&format!("{number} ")))
        );
    };
    let full = |directory: &Path| {
        full(directory, false);
        fs::remove_file(directory.join("log")).unwrap();
        full(directory, true);
    };
    in_a_small_file_system("a log on a full tmpfs", "mount -t tmpfs -o size=2m none \"$2\"", full);
    // It cannot set space aside, so each write has to find its own.
    let ext2 = "truncate -s 3M \"$1\"; mkfs.ext2 -q -b 1024 \"$1\"; mount -o loop \"$1\" \"$2\"";
    in_a_small_file_system("a log on a full ext2", ext2, full);
}
