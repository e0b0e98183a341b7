//! From one file to another: by AIO where offsets mean something, in order where they do not.

use crate::common::reason;
use crate::progress::Progress;
use crate::{Result, cannot, cannot_at};
use aio_sys::{AlignedBuf, AlignedBufError, Completion, DirectAlignment, Errno, Queue, op};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// An open file, and the path that messages name it by.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub path: &'a Path,
    pub file: &'a File,
}

/// One side of the copy.
pub struct End<'a> {
    path: &'a Path,
    file: &'a File,
    /// The same file opened with `O_DIRECT`, and the alignment of offset, length and address that
    /// it wants.
    direct: Option<(File, usize)>,
    /// False once the file has refused an aligned request.
    try_direct: bool,
    /// Whether it ever took one.
    was_direct: bool,
}

impl<'a> End<'a> {
    pub fn source(src: Named<'a>) -> End<'a> {
        End::new(src, OpenOptions::new().read(true))
    }

    pub fn destination(dst: Named<'a>) -> End<'a> {
        End::new(dst, OpenOptions::new().write(true))
    }

    fn new(Named { path, file }: Named<'a>, options: &mut OpenOptions) -> End<'a> {
        // By descriptor, not by path: it is the same file, whatever became of its name.
        let again = format!("/proc/self/fd/{}", file.as_raw_fd());
        let open = |align| Some((options.custom_flags(libc::O_DIRECT).open(again).ok()?, align));
        let wanted = DirectAlignment::of(file).map(|align| align.memory.max(align.offset));
        let direct = wanted.filter(|align| CHUNK % align == 0).and_then(open);
        End { path, file, try_direct: direct.is_some(), direct, was_direct: false }
    }

    /// The best request for `range` of a chunk's buffer: through which descriptor, for how much,
    /// whether that is direct. A read may ask for more than `range`, a write may leave some of
    /// it for later.
    fn request(&self, task: Task, range: Range<usize>) -> (&File, Range<usize>, bool) {
        if let Some((file, align)) = self.direct.as_ref().filter(|_| self.try_direct) {
            let len = match task {
                Task::Read => range.len().next_multiple_of(*align),
                Task::Write => range.len() / align * align,
            };
            // The buffer itself, and where it lies in the file, are aligned to `CHUNK`.
            if range.start % align == 0 && len > 0 {
                return (file, range.start..range.start + len, true);
            }
        }
        (self.file, range, false)
    }
}

/// Requests in flight at most, each with a buffer of its own: a copy takes `REQUESTS * CHUNK` bytes
/// of memory. More of it was no faster on a disk, and slower where it did not fit the processor's
/// cache.
const REQUESTS: usize = 16;
/// Completions to wait for at a time, and so requests to submit together. It saves calls, and
/// leaves the disk enough to do.
const BATCH: usize = REQUESTS / 4;
/// Bytes of a buffer. A multiple of every page size, so that no two buffers meet in one page of the
/// page cache.
const CHUNK: usize = 256 << 10;

/// A buffer's worth of the file, first read, then written.
#[derive(Clone, Copy, Default)]
struct Chunk {
    offset: u64,
    /// Bytes to copy. Reading is over when `read` has come so far, the chunk is done when
    /// `written` has.
    want: usize,
    read: usize,
    written: usize,
    /// Whether the request in flight is direct.
    direct: bool,
}

impl Chunk {
    /// What to do next, and with which part of the buffer.
    fn task(&self) -> Option<(Task, Range<usize>)> {
        match self {
            chunk if chunk.read < chunk.want => Some((Task::Read, chunk.read..chunk.want)),
            chunk if chunk.written < chunk.want => Some((Task::Write, chunk.written..chunk.want)),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Task {
    Read,
    Write,
}

/// What has ended, and how.
type Ended = Completion<AlignedBuf>;

/// A copy under way, `REQUESTS` chunks at a time.
pub struct Copy<'a> {
    /// Dropped first: buffers in flight are its own, and it waits for them.
    queue: Queue<AlignedBuf>,
    src: End<'a>,
    dst: End<'a>,
    /// Those that are in flight, by their requests' indexes.
    chunks: [Chunk; REQUESTS],
    /// Those that have something to do next.
    waiting: Vec<(Chunk, AlignedBuf)>,
    /// Where the first chunk lies that was not begun.
    next: u64,
    /// Where the file ends: its size when the copy began, or less if it shrinks.
    end: u64,
    done: u64,
    /// Requests that the kernel took so far.
    requests: u64,
}

impl<'a> Copy<'a> {
    pub fn new(src: End<'a>, dst: End<'a>, size: u64) -> Result<Copy<'a>> {
        // Aligned to whatever `O_DIRECT` may want.
        let buffers = (0..REQUESTS).map(|_| Ok((Chunk::default(), AlignedBuf::new(CHUNK, CHUNK)?)));
        let no_memory =
            |_: AlignedBufError| format!("no memory for {REQUESTS} buffers of {CHUNK} bytes");
        let waiting = buffers.collect::<std::result::Result<_, _>>().map_err(no_memory)?;
        let capacity = const { NonZeroU32::new(REQUESTS as u32).unwrap() };
        let queue = Queue::new(capacity).map_err(|error| error.to_string())?;
        let chunks = [Chunk::default(); REQUESTS];
        Ok(Copy { queue, src, dst, chunks, waiting, next: 0, end: size, done: 0, requests: 0 })
    }

    /// Copies everything, and says how many bytes that was.
    pub fn run(&mut self, progress: &mut Progress) -> Result<u64> {
        let mut ended = Vec::with_capacity(REQUESTS);
        loop {
            self.submit();
            if self.queue.outstanding() == 0 {
                return Ok(self.end);
            }
            self.wait(&mut ended)?;
            ended.drain(..).try_for_each(|ended| self.advance(ended))?;
            progress.show(self.done);
        }
    }

    /// Submits what each waiting chunk has to do next, by one call. One that is copied takes on
    /// another part of the file, if there is one, or its buffer is not needed any more.
    fn submit(&mut self) {
        let (src, dst) = (&self.src, &self.dst);
        self.queue.batch(|batch| {
            for (mut chunk, buffer) in self.waiting.drain(..) {
                if chunk.task().is_none() {
                    let want = self.end.saturating_sub(self.next).min(CHUNK as u64) as usize;
                    chunk = Chunk { offset: self.next, want, ..Chunk::default() };
                    self.next += want as u64;
                }
                let Some((task, range)) = chunk.task() else { continue };
                let end = if task == Task::Read { src } else { dst };
                let (file, range, direct) = end.request(task, range);
                chunk.direct = direct;
                let offset = chunk.offset + range.start as u64;
                let token = match task {
                    Task::Read => batch.push(op::read_at(file, buffer, offset).range(range)).ok(),
                    Task::Write => batch.push(op::write_at(file, buffer, offset).range(range)).ok(),
                };
                let token = token.expect("no more buffers than the queue has room for");
                self.chunks[token.index()] = chunk;
            }
        });
    }

    /// Waits for requests to end. If the kernel has no place for one, it gets one back when
    /// another's event is read: so it is not enough that requests were refused, as long as
    /// others are in flight.
    fn wait(&mut self, all: &mut Vec<Ended>) -> Result<()> {
        let no_place = |ended: &Ended| ended.result == Err(Errno::EAGAIN);
        while all.iter().all(no_place) && self.queue.outstanding() > 0 {
            let ready = self.queue.wait(BATCH, None);
            all.extend(ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))?);
        }
        match all.iter().all(no_place) {
            true => Err(self.failure(&self.chunks[all[0].token.index()], Errno::EAGAIN)),
            false => Ok(()),
        }
    }

    /// Takes in how a chunk's request ended.
    fn advance(&mut self, ended: Ended) -> Result<()> {
        let mut chunk = self.chunks[ended.token.index()];
        let buffer = ended.buf.expect("a read or a write");
        let (task, range) = chunk.task().expect("a chunk in flight has something to do");
        let end = if task == Task::Read { &mut self.src } else { &mut self.dst };
        end.was_direct |= chunk.direct && ended.result.is_ok();
        self.requests += u64::from(ended.result != Err(Errno::EAGAIN));
        match (task, ended.result) {
            // The source has shrunk.
            (Task::Read, Ok(0)) => {
                self.end = self.end.min(chunk.offset + chunk.read as u64);
                chunk.want = chunk.read;
            }
            // Both may be short: the rest is asked for next. A direct read may also be longer than
            // what is wanted.
            (Task::Read, Ok(bytes)) => chunk.read += bytes.min(range.len()),
            (Task::Write, Ok(bytes @ 1..)) => {
                chunk.written += bytes;
                self.done += bytes as u64;
            }
            (Task::Write, Ok(0)) => return Err(self.failure(&chunk, Errno::EIO)),
            // Once more; others have ended meanwhile, if there was no place.
            (_, Err(Errno::EINTR | Errno::EAGAIN)) => {}
            // Once more, without O_DIRECT: it wants something here that the kernel does not tell.
            (_, Err(Errno::EINVAL)) if chunk.direct => end.try_direct = false,
            (_, Err(errno)) => return Err(self.failure(&chunk, errno)),
        }
        self.waiting.push((chunk, buffer));
        Ok(())
    }

    fn failure(&self, chunk: &Chunk, errno: Errno) -> String {
        match chunk.task() {
            Some((Task::Write, range)) => {
                cannot_at("write", self.dst.path, chunk.offset + range.start as u64, errno)
            }
            _ => cannot_at("read", self.src.path, chunk.offset + chunk.read as u64, errno),
        }
    }

    /// Waits until what was written is on disk.
    pub fn flush(&mut self) -> Result<()> {
        self.queue.submit(op::fsync(self.dst.file)).expect("nothing else is in flight");
        let mut ready =
            self.queue.wait(1, None).map_err(|errno| format!("cannot wait for AIO: {errno}"))?;
        match ready.next().expect("it waits until there is one").result {
            Ok(_) => {
                self.requests += 1;
                Ok(())
            }
            // Kernels before 4.18 have it in their headers only.
            Err(Errno::EINVAL) => flush(self.dst.file).map_err(cannot("flush", self.dst.path)),
            Err(errno) => Err(format!("cannot flush {:?}: {errno}", self.dst.path)),
        }
    }

    /// How it was done, for the report.
    pub fn summary(&self) -> String {
        let direct = |end: &End| if end.was_direct { "yes" } else { "no" };
        let (requests, src, dst) = (self.requests, direct(&self.src), direct(&self.dst));
        format!("{requests} requests, O_DIRECT: source {src}, destination {dst}")
    }
}

/// Copies up to the end of `src`, which may be a pipe, a device, or a file that does not know its
/// size.
pub fn stream(src: Named<'_>, dst: Named<'_>, progress: &mut Progress) -> Result<u64> {
    let (mut from, mut to) = (src.file, dst.file);
    let mut buffer = vec![0; CHUNK];
    let (mut read, mut written) = (0, 0);
    loop {
        let mut rest = match from.read(&mut buffer) {
            Ok(0) => return Ok(written),
            Ok(bytes) => &buffer[..bytes],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(cannot_at("read", src.path, read, reason(&error))),
        };
        read += rest.len() as u64;
        while !rest.is_empty() {
            match to.write(rest) {
                Ok(0) => return Err(cannot_at("write", dst.path, written, Errno::EIO)),
                Ok(bytes) => {
                    written += bytes as u64;
                    rest = &rest[bytes..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot_at("write", dst.path, written, reason(&error))),
            }
        }
        progress.show(written);
    }
}

/// fsync, for what has something to flush: pipes and character devices say `EINVAL`.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all()
        .or_else(|error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
}
