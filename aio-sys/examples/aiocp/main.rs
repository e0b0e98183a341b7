//! `aiocp SRC DST` copies a file by native AIO: reads and writes in flight together, past the page
//! cache where it can.
//!
//! ```text
//! cargo run --release -p aio-sys --example aiocp -- SRC DST
//! ```
//!
//! `--help` says what it does with what. It is meant as a model, and has no unsafe AIO in it:
//!
//! - [`transfer::Copy`] keeps requests in flight and buffers going round, and deals with short
//!   transfers, interrupted ones, those that the kernel has no place for, and the errors that
//!   arrive in completions;
//! - [`transfer::End`] keeps to the alignment that `O_DIRECT` wants, and does without where it
//!   cannot be kept to;
//! - [`target::Target`] shows the copy under its name only when all of it is on disk.

#[path = "../common/mod.rs"]
mod common;
mod progress;
mod target;
mod transfer;

use common::reason;
use progress::{Progress, human};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use target::Target;
use transfer::{Copy, End, Named};

const USAGE: &str = "usage: aiocp [--help] SRC DST";
const HELP: &str = "
Copies the file SRC to DST, or into DST if that is a directory, by Linux native AIO.

Both are opened with O_DIRECT where the file system takes it. The last bytes of a file, which no
aligned request can write, go through the page cache. The report says which side was direct.

DST appears, or is replaced, only when all of it is on disk: after a failure or an interruption it
is as it was before. A new DST gets SRC's permissions, less the umask. One that exists is replaced
by a new file with the permissions of the old one, and its owner where that is allowed, so that
there must be room for both; other hard links to the old one keep the old content. A symbolic link
is followed. A device or pipe is written in place.

Bytes that are appended to SRC meanwhile are not copied. If SRC shrinks, the copy ends where SRC
ends. What has no size (pipes, character devices, files of /proc) is read to its end, in order,
without AIO.
Holes of a sparse file are copied as zeros, and take space.

A progress bar is on standard error if that is a terminal; the report is on standard output.
Exit status: 0 copied, 1 failed, 2 wrong usage.";

/// A failure is a sentence for the user.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let (mut paths, mut options) = (Vec::new(), true);
    for arg in std::env::args_os().skip(1) {
        match arg.as_bytes() {
            b"--" if options => options = false,
            b"--help" | b"-h" if options => return print(&format!("{USAGE}\n{HELP}")),
            [b'-', _, ..] if options => {
                return complain(2, &format!("unknown option {arg:?}; {USAGE}"));
            }
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    let [src, dst] = paths.as_slice() else {
        let given = paths.len();
        return complain(2, &format!("SRC and DST are needed, {given} given; {USAGE}"));
    };
    // SAFETY: no handler is installed. A limit on file sizes is to be an error like any other.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    match copy(src, dst) {
        Ok(report) => print(&report),
        Err(sentence) => complain(1, &sentence),
    }
}

/// Copies, and reports on it.
fn copy(src: &Path, dst: &Path) -> Result<String> {
    let started = Instant::now();
    let mut dst = dst.to_owned();
    if dst.is_dir() {
        dst.push(src.file_name().unwrap_or_default());
    }
    let meta = fs::metadata(src).map_err(cannot("read", src))?;
    if meta.is_dir() {
        return Err(format!("{src:?} is a directory"));
    }
    if fs::metadata(&dst).is_ok_and(|to| (to.dev(), to.ino()) == (meta.dev(), meta.ino())) {
        return Err(format!("{src:?} and {dst:?} are the same file"));
    }

    let mut from = File::open(src).map_err(cannot("read", src))?;
    let meta = from.metadata().map_err(cannot("read", src))?;
    let size = match meta.file_type().is_block_device() {
        true => from.seek(SeekFrom::End(0)).map_err(cannot("find the size of", src))?,
        false => meta.len(), // 0 for pipes, character devices, and most files of /proc
    };
    let target = Target::open(dst)?;
    let source = Named { path: src, file: &from };
    let destination = Named { path: &target.path, file: &target.file };
    let mut progress = Progress::new(started, size);
    let (bytes, how) = if size > 0 && target.takes_aio() {
        let mut copy = Copy::new(End::source(source), End::destination(destination), size)?;
        target.reserve(size)?;
        let bytes = copy.run(&mut progress)?;
        target.settle(bytes, &meta)?;
        progress.note("flushing");
        copy.flush()?;
        (bytes, copy.summary())
    } else {
        let bytes = transfer::stream(source, destination, &mut progress)?;
        target.settle(bytes, &meta)?;
        progress.note("flushing");
        transfer::flush(&target.file).map_err(cannot("flush", &target.path))?;
        (bytes, "0 requests, read and written in order".to_owned())
    };
    target.commit()?;
    drop(progress);

    let seconds = started.elapsed().as_secs_f64();
    let speed = human((bytes as f64 / seconds) as u64);
    Ok(format!("{bytes} bytes ({}) in {seconds:.3} s, {speed}/s, {how}", human(bytes)))
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(1, &format!("cannot write to standard output: {}", reason(&error))),
    }
}

/// Not `eprintln!`, which panics if standard error takes nothing.
fn complain(status: u8, sentence: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "aiocp: {sentence}");
    ExitCode::from(status)
}

/// For `map_err`: `cannot VERB "PATH": REASON`.
fn cannot<'a>(verb: &'a str, path: &'a Path) -> impl Fn(io::Error) -> String + 'a {
    move |error| format!("cannot {verb} {path:?}: {}", reason(&error))
}

/// The same, of one request.
fn cannot_at(verb: &str, path: &Path, offset: u64, reason: impl Display) -> String {
    format!("cannot {verb} {path:?} at offset {offset}: {reason}")
}
