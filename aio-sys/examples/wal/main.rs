//! `wal` is a write-ahead log, as a database has it: what it has acknowledged is on disk, whatever
//! happens next.
//!
//! ```text
//! seq 1000 | cargo run --release -p aio-sys --example wal -- append LOG
//! cargo run --release -p aio-sys --example wal -- dump LOG
//! ```
//!
//! `--help` describes what it guarantees. It is meant as a model:
//!
//! - [`format`] is a layout in which a torn record is detected and no write can damage an earlier
//!   record;
//! - [`append::Log`] has several durable writes in flight, each with all records that arrived
//!   meanwhile, and acknowledges a record when it and all before it are on disk;
//! - [`space::Space`] prepares the space for records, so that their writes change no metadata;
//! - [`append::Log::open`] finds the end of a log that was cut off anywhere, and discards the rest;
//! - standard input is waited for by the same queue, as a poll.

mod append;
#[path = "../common/mod.rs"]
mod common;
mod format;
mod input;
mod space;

use append::Log;
use common::{Program, Result, Stop, cannot, cannot_print};
use format::{Found, Reader};
use input::Input;
use lexopt::{Arg, Parser};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "wal",
    usage: "append LOG | wal dump LOG",
    help: "\
append  Each line of standard input becomes a record at the end of LOG, which is created if it does
        not exist. When a record and all before it are on disk, its number is written to standard
        output, one a line; records are numbered from 1. A power cut after that does not lose it.
        Records that arrive while others are being written go to disk together.
dump    Writes the records to standard output, each as its number, a tab and the line.

For both, a log that was cut off in the middle of a record ends with the record before, and append
discards the rest. A log that was cut off while it was created is empty.

Writes use O_DIRECT where the file system supports it. Space is allocated in steps, so that the file
is larger than its records. Only one append at a time can use a log.

Options:
  -h, --help     print this text
  -V, --version  print the version

Exit status: 0 success, 1 failed, 2 wrong usage. If append fails, the message says which records are
durable.",
};

enum Command {
    Append(PathBuf),
    Dump(PathBuf),
}

fn main() -> ExitCode {
    match parse(Parser::from_env()) {
        Ok(Command::Append(log)) => PROGRAM.end(append(&log)),
        Ok(Command::Dump(log)) => PROGRAM.end(dump(&log)),
        Err(stop) => PROGRAM.stop(stop),
    }
}

fn parse(mut args: Parser) -> std::result::Result<Command, Stop> {
    let (mut subcommand, mut log) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(name) if subcommand.is_none() => {
                subcommand = Some(match name.to_str() {
                    Some("append") => Command::Append,
                    Some("dump") => Command::Dump,
                    _ => {
                        let message =
                            format!("unknown subcommand {name:?}; expected append or dump");
                        return Err(Stop::Wrong(message));
                    }
                });
            }
            Arg::Value(path) if log.is_none() => log = Some(path.into()),
            arg => return Err(Stop::at(arg)),
        }
    }
    let missing = |name| Stop::Wrong(format!("{name} is missing"));
    let subcommand: fn(PathBuf) -> Command = subcommand.ok_or_else(|| missing("a subcommand"))?;
    Ok(subcommand(log.ok_or_else(|| missing("LOG"))?))
}

/// Appends the lines of standard input, and prints the numbers of durable ones.
fn append(path: &Path) -> Result<()> {
    // SAFETY: no handler is installed. A file-size limit is then an error like any other.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let mut log = Log::open(path)?;
    let mut out = BufWriter::new(io::stdout());
    let result = log.append(&mut Input::new(io::stdin())?, |numbers| {
        let written = { numbers }.try_for_each(|number| writeln!(out, "{number}"));
        written.and_then(|()| out.flush()).map_err(cannot_print)
    });
    result
        .map_err(|message| format!("{message}; records up to number {} are durable", log.durable()))
}

/// Prints the records.
fn dump(path: &Path) -> Result<()> {
    let file = File::open(path).map_err(cannot("read", path))?;
    let reader = Reader::open(file).map_err(cannot("read", path))?;
    let mut reader = reader.ok_or_else(|| format::foreign(path))?;
    let mut out = BufWriter::new(io::stdout().lock());
    loop {
        match reader.next().map_err(cannot("read", path))? {
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
