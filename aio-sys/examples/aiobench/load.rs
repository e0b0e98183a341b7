//! The load: requests in flight, and a new one for each that has completed.

use crate::STOP;
use crate::common::{Result, cannot};
use crate::histogram::Histogram;
use crate::options::Options;
use aio_sys::{AlignedBuf, AlignmentSource, DirectAlignment, Errno, Queue, op};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The file that is read.
pub struct Input {
    path: PathBuf,
    file: File,
    pub direct: bool,
    /// The number of its blocks.
    blocks: u64,
}

impl Input {
    pub fn open(options: &Options) -> Result<Input> {
        let (path, block) = (&options.path, options.block);
        // Without waiting, as opening a pipe would.
        let mut file = open(path, libc::O_NONBLOCK).map_err(cannot("read", path))?;
        let meta = file.metadata().map_err(cannot("read", path))?;
        let size = if meta.is_file() {
            meta.len()
        } else if meta.file_type().is_block_device() {
            file.seek(SeekFrom::End(0)).map_err(cannot("read", path))?
        } else {
            return Err(format!(
                "{path:?} is neither a regular file nor a block device: it has no random offsets"
            ));
        };
        if size < block as u64 {
            return Err(format!("{path:?} is too small: {size} bytes for blocks of {block}"));
        }
        if options.direct {
            file = open_direct(path, block)?;
            if meta.is_file() && meta.blocks() * 512 < size {
                let warning = format!("{path:?} has holes, which are read without the disk");
                let _ = writeln!(io::stderr(), "aiobench: {warning}");
            }
        }
        Ok(Input { path: path.clone(), file, direct: options.direct, blocks: size / block as u64 })
    }
}

fn open(path: &Path, flags: i32) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// With `O_DIRECT`, if it can read blocks of that size.
fn open_direct(path: &Path, block: usize) -> Result<File> {
    let file = open(path, libc::O_DIRECT).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => format!(
            "the file system of {path:?} does not support O_DIRECT: use a file on a disk, or \
             --buffered to read through the page cache"
        ),
        _ => cannot("read", path)(error),
    })?;
    let align = DirectAlignment::of(&file);
    let known = align.filter(|align| align.source != AlignmentSource::Guess);
    match known.map(|align| align.offset).filter(|offset| block % offset != 0) {
        Some(offset) => Err(format!(
            "O_DIRECT reads {path:?} in multiples of {offset} bytes: use such a --block, or \
             --buffered"
        )),
        None => Ok(file),
    }
}

/// The results of a run.
pub struct Outcome {
    pub latencies: Histogram,
    pub elapsed: Duration,
    /// Calls of io_submit.
    pub batches: u64,
}

/// Keeps `depth` requests in flight until the time is over or a signal arrives.
///
/// A large batch costs less CPU time, but leaves the disk idle meanwhile: if a system call has more
/// than two requests, the kernel holds them back until it has seen all of them, or 32
/// (`blk_start_plug` in `fs/aio.c`). So a few new requests at a time replace those that have
/// completed, and the queue is checked for completions in between.
pub fn run(input: &Input, options: &Options, depth: NonZeroU32) -> Result<Outcome> {
    let mut load = Load::new(input, options, depth)?;
    let mut progress = Progress::new();
    let mut batches = 0;
    let started = Instant::now();
    let mut now = started;
    while now - started < options.time && STOP.load(Relaxed) == 0 {
        load.submit(options.batch);
        batches += 1;
        now = load.wait()?;
        progress.show(depth, now - started, options.time, load.latencies.count());
    }
    Ok(Outcome { latencies: load.latencies, elapsed: now - started, batches })
}

struct Load<'a> {
    queue: Queue<AlignedBuf>,
    input: &'a Input,
    spare: Vec<AlignedBuf>,
    /// The offset and the time of submission, by the indexes of requests in flight.
    requests: Vec<(u64, Instant)>,
    random: Random,
    latencies: Histogram,
}

impl<'a> Load<'a> {
    fn new(input: &'a Input, options: &Options, depth: NonZeroU32) -> Result<Load<'a>> {
        let (block, slots) = (options.block, depth.get() as usize);
        let queue = Queue::new(depth).map_err(|error| error.to_string())?;
        // Aligned to a page, or to what O_DIRECT requires if that is more, as far as a block is.
        let required = DirectAlignment::of(&input.file).map_or(0, |align| align.memory);
        let align = required.max(4096).min(1 << block.trailing_zeros());
        let spare = (0..slots).map(|_| AlignedBuf::new(block, align));
        let spare: std::result::Result<Vec<_>, _> = spare.collect();
        let spare = spare.map_err(|error| format!("{error}, and {slots} are needed"))?;
        let requests = vec![(0, Instant::now()); slots];
        let (random, latencies) = (Random(options.seed), Histogram::new());
        Ok(Load { queue, input, spare, requests, random, latencies })
    }

    fn submit(&mut self, at_most: NonZeroU32) {
        let now = Instant::now();
        let first = self.spare.len().saturating_sub(at_most.get() as usize);
        self.queue.batch(|batch| {
            for buf in self.spare.drain(first..) {
                let offset = self.random.below(self.input.blocks) * buf.len() as u64;
                let token = batch
                    .push(op::read_at(&self.input.file, buf, offset))
                    .expect("the queue has a slot for each buffer");
                self.requests[token.index()] = (offset, now);
            }
        });
    }

    /// Takes the completions that are there; waits for one if all buffers are in flight. Returns
    /// the time.
    fn wait(&mut self) -> Result<Instant> {
        let ready = self.queue.wait(usize::from(self.spare.is_empty()), None);
        let ready = ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))?;
        let (now, mut failure) = (Instant::now(), None);
        for done in ready {
            let (offset, submitted) = self.requests[done.token.index()];
            let buf = done.buf.expect("a read has a buffer");
            match done.result {
                Ok(bytes) if bytes == buf.len() => {
                    self.latencies.add((now - submitted).as_nanos() as u64);
                }
                // Some file systems return this when a signal arrives.
                Err(Errno::EINTR) => {}
                Ok(bytes) => {
                    let reason = format!("only {bytes} bytes: the file has become shorter");
                    failure = Some((offset, reason));
                }
                Err(errno) => failure = Some((offset, errno.to_string())),
            }
            self.spare.push(buf);
        }
        match failure {
            Some((offset, reason)) => {
                let path = &self.input.path;
                Err(format!("cannot read {path:?} at offset {offset}: {reason}"))
            }
            None => Ok(now),
        }
    }
}

/// Pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    #[inline]
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // No division: the upper half of the product.
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(limit)) >> 64) as u64
    }
}

/// A line on standard error, if that is a terminal.
struct Progress {
    terminal: bool,
    drawn: Duration,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(100);

    fn new() -> Progress {
        Progress { terminal: io::stderr().is_terminal(), drawn: Duration::ZERO }
    }

    /// Shows the progress, unless it was shown a moment ago.
    #[inline]
    fn show(&mut self, depth: NonZeroU32, elapsed: Duration, all: Duration, reads: u64) {
        if self.terminal && elapsed - self.drawn >= Progress::EVERY {
            self.drawn = elapsed;
            let (seconds, all) = (elapsed.as_secs_f64(), all.as_secs_f64());
            let iops = reads as f64 / seconds;
            let _ = write!(
                io::stderr(),
                "\rdepth {depth}: {seconds:.1} of {all:.1} s, {iops:.0} IOPS\x1b[K"
            );
        }
    }
}

/// Clears the line for what is printed next.
impl Drop for Progress {
    fn drop(&mut self) {
        if !self.drawn.is_zero() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
