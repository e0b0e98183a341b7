//! The example `wal`, as its users meet it: what it has acknowledged is there, whatever happens to it.

#[path = "common/example.rs"]
mod common;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use tempfile::TempDir;

fn wal(verb: &str, log: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| common::example("wal")));
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
    text.lines().map(|line| line.split_once('\t').expect("number, tab, record").1.to_owned()).collect()
}

#[test]
fn what_was_appended_is_acknowledged_and_there() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    assert_eq!(append(&log, "one\ntwo\n"), "1\n2\n");
    append(&log, "\nfour\n");
    assert_eq!(dump(&log), ["one", "two", "", "four"]);
}

#[test]
fn a_torn_record_ends_the_log() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
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

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    for round in 0..8 {
        let log = folder.path().join(format!("log{round}"));
        let mut child = wal("append", &log).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = thread::spawn(move || {
            for number in 1.. {
                if writeln!(stdin, "record {number}").is_err() {
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
            if acknowledged == 100 * (round + 1) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        writer.join().unwrap();
        let records = dump(&log);
        assert!(records.len() >= acknowledged, "{acknowledged} were acknowledged, {} are there", records.len());
        assert!(records.iter().zip(1..).all(|(record, number)| *record == format!("record {number}")));
    }
}
