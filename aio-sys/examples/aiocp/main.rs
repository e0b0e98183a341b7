//! `aiocp SRC DST` copies a file by native AIO: several reads and writes are in flight at the same
//! time, with `O_DIRECT` where that works.
//!
//! ```text
//! cargo run --release -p aio-sys --example aiocp -- SRC DST
//! ```
//!
//! `--help` describes what it does. It is a model of a robust transfer without `unsafe` AIO:
//!
//! - [`transfer::Copy`] keeps requests in flight and reuses their buffers. It handles short
//!   transfers, interrupted ones (`EINTR`), those that are refused for now (`EAGAIN`), and errors
//!   in completions;
//! - [`transfer::End`] keeps the alignment that `O_DIRECT` requires, and does without `O_DIRECT`
//!   where it cannot;
//! - [`target::Target`] shows a new file under its name only when it is complete and on disk, and
//!   leaves behind what `cp` leaves.

#[path = "../common/mod.rs"]
mod common;
mod progress;
#[path = "../common/signal.rs"]
mod signal;
mod target;
mod transfer;

use common::{Program, Result, Stop, cannot, print};
use lexopt::{Arg, Parser};
use progress::{Progress, human};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use target::Target;
use transfer::{Copy, End, Named};

const PROGRAM: Program = Program {
    name: "aiocp",
    usage: "SRC DST",
    help: "\
Copies the file SRC to DST, or into DST if that is a directory, by Linux native AIO. DST has
afterwards what `cp SRC DST` gives it: content, holes, permissions, ACL, owner.

Both are opened with O_DIRECT where the file system supports it. The last bytes of a file, which no
aligned request can write, go through the page cache. The report says which side was direct.

A new DST appears only when it is complete and on disk: after a failure or an interruption it does
not exist. In the same way a DST that exists is replaced by a new file with the same owner,
permissions, ACL and extended attributes, so that there must be space for both. It is written in
place if it is a symbolic link, a device or a pipe, has other hard links, the set-user-ID,
set-group-ID or sticky bit or a security attribute, is a mount point, or if the process may not
create such a file in its directory.

Bytes that are appended to SRC meanwhile are not copied. If SRC becomes shorter, the copy ends where
SRC ends. Files without a size, such as pipes, character devices and most files of /proc, are read
to their end, in order, without AIO.

A progress bar is on standard error if that is a terminal. The report is on standard output, or on
standard error if DST is standard output.

Options:
  -h, --help     print this text
  -V, --version  print the version

Exit status: 0 copied, 1 failed, 2 wrong usage.",
};

fn main() -> ExitCode {
    match parse(Parser::from_env()) {
        Ok((src, dst)) => PROGRAM.end(copy(&src, dst)),
        Err(stop) => PROGRAM.stop(stop),
    }
}

fn parse(mut args: Parser) -> std::result::Result<(PathBuf, PathBuf), Stop> {
    let (mut src, mut dst) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(path) if src.is_none() => src = Some(path.into()),
            Arg::Value(path) if dst.is_none() => dst = Some(path.into()),
            arg => return Err(Stop::at(arg)),
        }
    }
    let missing = |name| move || Stop::Wrong(format!("{name} is missing"));
    Ok((src.ok_or_else(missing("SRC"))?, dst.ok_or_else(missing("DST"))?))
}

fn copy(src: &Path, mut dst: PathBuf) -> Result<()> {
    // SAFETY: no handler is installed. A file-size limit is then an error like any other.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let started = Instant::now();
    if dst.is_dir() {
        dst.push(src.file_name().unwrap_or_default());
    }
    let (from, size) = open(src, &dst)?;
    let meta = from.metadata().map_err(cannot("read", src))?;
    let target = Target::open(dst, &meta)?;
    let is_stdout = is_stdout(&target.file);

    let mut progress = Progress::new(started, size);
    let (bytes, how) = transfer(&from, size, src, &target, &mut progress)?;
    target.commit()?;
    drop(progress);

    let seconds = started.elapsed().as_secs_f64();
    let speed = human((bytes as f64 / seconds) as u64);
    let size = human(bytes);
    let report = format!("{bytes} bytes ({size}) in {seconds:.3} s, {speed}/s, {how}\n");
    if is_stdout {
        let _ = io::stderr().write_all(report.as_bytes());
        return Ok(());
    }
    print(report)
}

/// Opens the source. The size is 0 for pipes, character devices, and most files of /proc.
fn open(src: &Path, dst: &Path) -> Result<(File, u64)> {
    let meta = fs::metadata(src).map_err(cannot("read", src))?;
    if meta.is_dir() {
        return Err(format!("{src:?} is a directory"));
    }
    if fs::metadata(dst).is_ok_and(|dst| is_same(&meta, &dst)) {
        return Err(format!("{src:?} and {dst:?} are the same file"));
    }
    let mut from = File::open(src).map_err(cannot("read", src))?;
    let meta = from.metadata().map_err(cannot("read", src))?;
    let size = match meta.file_type().is_block_device() {
        true => from.seek(SeekFrom::End(0)).map_err(cannot("find the size of", src))?,
        false => meta.len(),
    };
    Ok((from, size))
}

/// Copies the content until it is on disk. Returns the number of bytes, and how it was done.
fn transfer(
    from: &File,
    size: u64,
    src: &Path,
    target: &Target,
    progress: &mut Progress,
) -> Result<(u64, String)> {
    let source = Named { path: src, file: from };
    let destination = Named { path: &target.path, file: &target.file };
    if size == 0 || !target.takes_aio() {
        target.reserve(0, false)?;
        let bytes = transfer::stream(source, destination, progress)?;
        target.settle(bytes)?;
        progress.note("flushing");
        transfer::flush(&target.file).map_err(cannot("flush", &target.path))?;
        return Ok((bytes, "0 requests, read and written in order".to_owned()));
    }
    let meta = from.metadata().map_err(cannot("read", src))?;
    let with_holes = meta.is_file() && meta.blocks() * 512 < size && target.is_regular();
    let (source, destination) = (End::source(source), End::destination(destination));
    let mut copy = Copy::new(source, destination, size, with_holes)?;
    target.reserve(size, with_holes)?;
    let bytes = copy.run(progress)?;
    target.settle(bytes)?;
    progress.note("flushing");
    copy.flush()?;
    Ok((bytes, copy.summary()))
}

fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn is_stdout(file: &File) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let meta = stdout.and_then(|stdout| stdout.metadata());
    meta.and_then(|stdout| Ok(is_same(&stdout, &file.metadata()?))).unwrap_or(false)
}
