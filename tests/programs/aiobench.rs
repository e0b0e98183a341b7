//! The example `aiobench`, as its users meet it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| crate::example::example("aiobench"))
}

/// Runs it in `room`, where `file` has 256 blocks.
fn run(room: &TempDir, args: &[&str]) -> Output {
    fs::write(room.path().join("file"), vec![7; 1 << 20]).unwrap();
    Command::new(program()).args(args).current_dir(room).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn assert_refused(args: &[&str], status: i32, message: &str) {
    let Output { status: ended, stdout, stderr } = run(&TempDir::new().unwrap(), args);
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((ended.code(), stdout.as_slice()), (Some(status), b"".as_slice()), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("aiobench: ") && stderr.contains(message), "{stderr}");
}

/// The lines for scripts.
fn results(stdout: &str) -> Vec<HashMap<&str, &str>> {
    let lines = stdout.lines().filter_map(|line| line.strip_prefix("result "));
    lines
        .map(|line| line.split(' ').map(|pair| pair.split_once('=').expect("KEY=VALUE")).collect())
        .collect()
}

#[test]
fn a_run_for_each_depth_with_figures_that_agree() {
    let args = [
        "--depth",
        "1,5",
        "--block=8k",
        "--seconds",
        "0.2",
        "--buffered",
        "--seed",
        "3",
        "--batch",
        "2",
        "file",
    ];
    let Output { status, stdout, stderr } = run(&TempDir::new().unwrap(), &args);
    assert_eq!((status.code(), stderr.as_slice()), (Some(0), b"".as_slice()));
    assert!(!stdout.contains(&0x1b) && !stdout.contains(&b'\r'), "not a terminal");
    let stdout = String::from_utf8(stdout).unwrap();
    let results = results(&stdout);
    assert_eq!(results.iter().map(|result| result["depth"]).collect::<Vec<_>>(), ["1", "5"]);
    for result in results {
        assert_eq!((result["block"], result["mode"], result["seed"]), ("8192", "buffered", "3"));
        let number = |key: &str| result[key].parse::<f64>().unwrap();
        let seconds = number("seconds");
        assert!((0.2..5.0).contains(&seconds) && number("reads") > 0.0);
        assert!((number("reads") / seconds / number("iops") - 1.0).abs() < 0.05);
        assert!((number("iops") * 8.0 / 1024.0 / number("mib_per_s") - 1.0).abs() < 0.05);
        assert!(number("calls") <= number("reads"));
        let times = ["p50_us", "p90_us", "p99_us", "p99.9_us", "max_us"].map(number);
        assert!(times[0] > 0.0 && times.is_sorted(), "{times:?}");
        assert!(times[4] <= seconds * 1e6);
    }
    let percents = stdout.lines().filter(|line| line.starts_with("  <"));
    let sum: f64 =
        percents.map(|line| line.split_whitespace().nth(3).unwrap().parse::<f64>().unwrap()).sum();
    assert!((sum - 200.0).abs() < 0.5, "two histograms, {sum} %");
}

#[test]
fn bad_usage_exits_with_2_and_names_what_was_expected() {
    for (args, message) in [
        (&["file", "--depth"][..], "'--depth'; usage: aiobench "),
        (
            &["--depth", "1,0", "file"],
            "invalid value \"1,0\" of option '--depth'; expected numbers from 1 on, separated by \
             commas; usage: ",
        ),
        (&["--block", "1000", "file"], "'--block'; expected a multiple of 512"),
        (&["--block", "99999999999999999999m", "file"], "'--block'; expected a multiple of 512"),
        (&["--seconds=0", "file"], "'--seconds'; expected a number above 0"),
        (&["--seconds=nan", "file"], "'--seconds'; expected a number above 0"),
        (&["--seed=-1", "file"], "'--seed'; expected a number from 0 on"),
        (&["--batch", "0", "file"], "'--batch'; expected a number from 1 on"),
    ] {
        assert_refused(args, 2, message);
    }
}

#[test]
fn files_that_cannot_be_measured_are_named() {
    assert_refused(&["nothing"], 1, r#"cannot read "nothing": ENOENT (No such file or directory)"#);
    assert_refused(
        &["--block", "2m", "file"],
        1,
        r#""file" is too small: 1048576 bytes for blocks of 2097152"#,
    );
    assert_refused(
        &["/dev/null"],
        1,
        r#""/dev/null" is neither a regular file nor a block device"#,
    );
    assert_refused(&["."], 1, r#""." is neither a regular file nor a block device"#);
    // Files of /sys have a size, and no disk.
    let sys = "/sys/kernel/mm/transparent_hugepage/enabled";
    if Path::new(sys).exists() {
        assert_refused(
            &["--direct", sys],
            1,
            "does not support O_DIRECT: use a file on a disk, or --buffered",
        );
        assert_refused(&["--buffered", sys], 1, "the file has become shorter");
    }
}

#[test]
fn an_insufficient_quota_is_reported() {
    let quota: u64 = fs::read_to_string("/proc/sys/fs/aio-max-nr").unwrap().trim().parse().unwrap();
    if quota < 1 << 22 {
        assert_refused(
            &["--buffered", "--depth", &(quota + 1).to_string(), "file"],
            1,
            "quota is used up",
        );
    }
    assert_refused(
        &["--buffered", "--depth", "4294967295", "file"],
        1,
        "more than the kernel allows one context",
    );
}

#[test]
fn an_interruption_reports_what_was_measured_and_kills() {
    let room = TempDir::new().unwrap();
    fs::write(room.path().join("file"), vec![7; 1 << 20]).unwrap();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut command = Command::new(program());
        command
            .args(["--buffered", "--seconds", "60", "--depth", "4,8", "file"])
            .current_dir(&room);
        // SAFETY: signal(2) is async-signal-safe. What starts this test may ignore signals.
        unsafe {
            command.pre_exec(move || {
                libc::signal(signal, libc::SIG_DFL);
                Ok(())
            })
        };
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(300));
        // SAFETY: a process of ours, which was not waited for yet.
        unsafe { libc::kill(child.id() as i32, signal) };
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        let results = results(&stdout);
        assert_eq!((results.len(), results[0]["depth"]), (1, "4"), "the second run is not begun");
        assert!(results[0]["reads"].parse::<u64>().unwrap() > 0);
    }
}

#[test]
fn an_error_on_standard_output_is_reported_without_a_panic() {
    let room = TempDir::new().unwrap();
    File::create(room.path().join("file")).unwrap().write_all(&[7; 4096]).unwrap();
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut command = Command::new(program());
    command.args(["--buffered", "--seconds", "0.01", "file"]).current_dir(&room).stdout(full());
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let message = "aiobench: cannot write to standard output: ENOSPC (No space left on device)\n";
    assert_eq!(
        (output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()),
        (Some(1), message)
    );
}
