//! The load: requests in flight, and a new one for each that has ended.

use crate::STOP;
use crate::common::{Result, cannot};
use crate::histogram::Histogram;
use crate::options::Options;
use aio_sys::{AlignedBuf, AlignmentSource, DirectAlignment, Errno, Queue, op};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What is read.
pub struct Input {
    path: PathBuf,
    file: File,
    pub direct: bool,
    /// How many blocks it has.
    blocks: u64,
}

impl Input {
    pub fn open(options: &Options) -> Result<Input> {
        let (path, block) = (&options.path, options.block);
        // Not one that blocks, as a pipe does; whether it takes O_DIRECT is found out when it is
        // known what it is.
        let open = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
        let mut file = open(libc::O_NONBLOCK).map_err(cannot("read", path))?;
        let meta = file.metadata().map_err(cannot("read", path))?;
        let size = if meta.is_file() {
            meta.len()
        } else if meta.file_type().is_block_device() {
            file.seek(SeekFrom::End(0)).map_err(cannot("read", path))?
        } else {
            return Err(format!(
                "{path:?} is neither a regular file nor a block device: there are no random places \
                 in it"
            ));
        };
        if size < block as u64 {
            return Err(format!(
                "{path:?} is too small: it has {size} bytes, and a block has {block}"
            ));
        }
        if options.direct {
            file = match open(libc::O_DIRECT) {
                Ok(file) => file,
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    return Err(format!(
                        "the file system of {path:?} refuses O_DIRECT: take a file on a disk, or \
                         --buffered to read through the page cache"
                    ));
                }
                Err(error) => return Err(cannot("read", path)(error)),
            };
            let known = DirectAlignment::of(&file)
                .filter(|align| align.source != AlignmentSource::Guess)
                .map(|align| align.offset);
            if let Some(wanted) = known.filter(|wanted| block % wanted != 0) {
                return Err(format!(
                    "O_DIRECT reads {path:?} in multiples of {wanted} bytes: take them for \
                     --block, or --buffered"
                ));
            }
            if meta.is_file() && meta.blocks() * 512 < size {
                let _ = writeln!(
                    io::stderr(),
                    "aiobench: {path:?} has holes, which are read without the disk"
                );
            }
        }
        Ok(Input { path: path.clone(), file, direct: options.direct, blocks: size / block as u64 })
    }
}

/// What a run has found out.
pub struct Outcome {
    pub latencies: Histogram,
    pub elapsed: Duration,
    /// Calls of io_submit.
    pub batches: u64,
}

/// Keeps `depth` requests in flight until the time is over, or a signal comes.
///
/// A large batch costs less of the processor, but leaves the disk idle meanwhile: if a call has
/// more than two requests, the kernel holds them back until it has seen them all, or 32
/// (`blk_start_plug` in `fs/aio.c`). So what has ended is replaced by a few at a time, and what
/// else has ended is looked for in between.
pub fn run(input: &Input, options: &Options, depth: NonZeroU32) -> Result<Outcome> {
    let (block, fd) = (options.block, input.file.as_fd());
    let slots = depth.get() as usize;
    let mut queue = Queue::new(depth).map_err(|error| error.to_string())?;
    // Aligned to a page, or to what O_DIRECT wants if that is more; as far as a block allows.
    let wanted = DirectAlignment::of(fd).map_or(0, |align| align.memory);
    let align = wanted.max(4096).min(1 << block.trailing_zeros());
    let spare: std::result::Result<Vec<_>, _> =
        (0..slots).map(|_| AlignedBuf::new(block, align)).collect();
    let mut spare = spare.map_err(|error| format!("{error}, {slots} of which are needed"))?;
    let mut random = Random(options.seed);
    let mut latencies = Histogram::new();
    let mut progress = Progress::new();
    let mut batches = 0;
    let at_once = options.batch.get() as usize;
    let mut failure = None;

    let started = Instant::now();
    let until = started + options.time;
    // By the requests' indexes: where, and when it was asked for.
    let mut asked = vec![(0, started); slots];
    let mut now = started;
    while now < until && STOP.load(Relaxed) == 0 {
        batches += 1;
        now = Instant::now();
        queue.batch(|batch| {
            for buf in spare.drain(spare.len().saturating_sub(at_once)..) {
                let offset = random.below(input.blocks) * block as u64;
                let token = batch
                    .push(op::read_at(fd, buf, offset))
                    .expect("no more buffers than the queue has room for");
                asked[token.index()] = (offset, now);
            }
        });
        let mut seen = None;
        let ready = queue.wait(usize::from(spare.is_empty()), None);
        for done in ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))? {
            let now = *seen.get_or_insert_with(Instant::now);
            let (offset, then) = asked[done.token.index()];
            match done.result {
                Ok(bytes) if bytes == block => latencies.add((now - then).as_nanos() as u64),
                // A file system that a signal interrupts.
                Err(Errno::EINTR) => {}
                Ok(bytes) => {
                    failure = Some((
                        offset,
                        format!("the read ended after {bytes} bytes: the file has shrunk"),
                    ))
                }
                Err(errno) => failure = Some((offset, errno.to_string())),
            }
            spare.extend(done.buf);
        }
        if let Some((offset, reason)) = failure {
            return Err(format!("cannot read {:?} at offset {offset}: {reason}", input.path));
        }
        if let Some(seen) = seen {
            now = seen;
            progress.show(depth, now - started, options.time, latencies.count());
        }
    }
    Ok(Outcome { latencies, elapsed: now - started, batches })
}

/// Numbers that look random, the same for the same seed (splitmix64).
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

    /// Draws the state of things, unless it did a moment ago.
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

/// Leaves a clean line to whatever is said next.
impl Drop for Progress {
    fn drop(&mut self) {
        if !self.drawn.is_zero() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
