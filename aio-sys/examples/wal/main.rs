//! `wal` is a write-ahead log, as a database has it: what it has acknowledged is on disk, whatever
//! happens next.
//!
//! ```text
//! seq 1000 | cargo run --release -p aio-sys --example wal -- append LOG
//! cargo run --release -p aio-sys --example wal -- dump LOG
//! ```
//!
//! `--help` says what it promises. It is meant as a model:
//!
//! - [`format`] lays records out so that a torn one is told from a whole one, and that no write can
//!   damage an earlier one;
//! - [`append::Log`] has several durable writes in flight, each with all the records that came
//!   meanwhile, and acknowledges a record when it and all before it are on disk;
//! - [`append::Log::open`] finds the end of a log that was cut off anywhere, and clears away what
//!   is behind;
//! - standard input is waited for by the same queue, as a poll.

mod append;
#[path = "../common/mod.rs"]
mod common;
mod format;
mod input;
mod space;

use append::Log;
use common::reason;
use format::{Found, Reader};
use input::Input;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: wal append FILE | wal dump FILE";
const HELP: &str = "
append  Each line of standard input becomes a record at the end of the log FILE, which is made if
        there is none. When a record and all before it are on disk, its number is written to
        standard output, a line each; records are numbered from 1. A power cut after that does not
        lose it. Records that come while others are written go to disk together.
dump    Writes the records to standard output, each as its number, a tab and the line.

A log that was cut off in the middle of a record ends with the record before, for both; append
clears the rest away. One that was cut off while it was made is empty.
Writes go past the page cache, where the file system takes O_DIRECT. Space is set aside in steps, so
that the file is larger than the records in it. One append at a time can have a log.

Exit status: 0 all is done, 1 failed, 2 wrong usage. If append fails, the sentence says how many
records are durable.";

/// A failure is a sentence for the user.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let args: Vec<&OsStr> = args.iter().map(OsString::as_os_str).collect();
    let result = match args.as_slice() {
        [help] if ["--help", "-h"].iter().any(|name| help == name) => {
            io::stdout().write_all(format!("{USAGE}\n{HELP}\n").as_bytes()).map_err(cannot_print)
        }
        [verb, path] if *verb == "append" && path.as_bytes() != b"--help" => {
            append(Path::new(path))
        }
        [verb, path] if *verb == "dump" && path.as_bytes() != b"--help" => dump(Path::new(path)),
        _ => return complain(2, USAGE),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => complain(1, &sentence),
    }
}

/// Lines of standard input go into the log, numbers of durable ones to standard output.
fn append(path: &Path) -> Result<()> {
    // SAFETY: no handler is installed. A limit on file sizes is to be an error like any other.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let mut log = Log::open(path)?;
    let mut out = BufWriter::new(io::stdout());
    let result = log.append(&mut Input::new(io::stdin())?, |numbers| {
        let written = { numbers }.try_for_each(|number| writeln!(out, "{number}"));
        written.and_then(|()| out.flush()).map_err(cannot_print)
    });
    result.map_err(|sentence| {
        format!("{sentence}; records up to number {} are durable", log.durable())
    })
}

/// Records go to standard output.
fn dump(path: &Path) -> Result<()> {
    let cannot_read = |error| cannot("read", path, reason(&error));
    let file = File::open(path).map_err(cannot_read)?;
    let mut reader =
        Reader::open(file).map_err(cannot_read)?.ok_or_else(|| format::foreign(path))?;
    let mut out = BufWriter::new(io::stdout().lock());
    loop {
        match reader.next().map_err(cannot_read)? {
            Found::Record(number, line) => {
                let written = write!(out, "{number}\t")
                    .and_then(|()| out.write_all(line))
                    .and_then(|()| out.write_all(b"\n"));
                written.map_err(cannot_print)?;
            }
            Found::End => break,
            Found::Torn => {
                let _ = writeln!(io::stderr(), "wal: {}", format::torn(path, &reader));
                break;
            }
        }
    }
    out.flush().map_err(cannot_print)
}

/// Not `eprintln!`, which panics if standard error takes nothing.
fn complain(status: u8, sentence: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "wal: {sentence}");
    ExitCode::from(status)
}

/// `cannot VERB "PATH": REASON`
fn cannot(verb: &str, path: &Path, reason: impl Display) -> String {
    format!("cannot {verb} {path:?}: {reason}")
}

fn cannot_print(error: io::Error) -> String {
    format!("cannot write to standard output: {}", reason(&error))
}
