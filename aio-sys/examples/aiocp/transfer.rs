//! From one file to another: by AIO if both have offsets, in order if not.

use crate::common::{Result, cannot, reason};
use crate::progress::Progress;
use aio_sys::{AlignedBuf, AlignedBufError, Completion, DirectAlignment, Errno, Queue, op};
use rustix::fs::SeekFrom;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
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
    /// it requires.
    direct: Option<(File, usize)>,
    /// False once the file has refused an aligned request.
    try_direct: bool,
    /// Whether it has accepted one.
    was_direct: bool,
}

/// `cannot VERB "PATH" at offset N: REASON`
fn cannot_at(verb: &str, path: &Path, offset: u64, reason: impl Display) -> String {
    format!("cannot {verb} {path:?} at offset {offset}: {reason}")
}

impl<'a> End<'a> {
    pub fn source(src: Named<'a>) -> End<'a> {
        End::new(src, OpenOptions::new().read(true))
    }

    pub fn destination(dst: Named<'a>) -> End<'a> {
        End::new(dst, OpenOptions::new().write(true))
    }

    fn new(Named { path, file }: Named<'a>, options: &mut OpenOptions) -> End<'a> {
        // By descriptor, not by path, which may be another file's by now.
        let again = format!("/proc/self/fd/{}", file.as_raw_fd());
        let open = |align| Some((options.custom_flags(libc::O_DIRECT).open(again).ok()?, align));
        let wanted = DirectAlignment::of(file).map(|align| align.memory.max(align.offset));
        let direct = wanted.filter(|align| CHUNK % align == 0).and_then(open);
        End { path, file, try_direct: direct.is_some(), direct, was_direct: false }
    }

    /// The best request for `range` of the buffer of a chunk at `offset`: the descriptor, the part
    /// of the buffer, and whether it is direct. A read may be for more than `range`, a write may
    /// leave some of it for the next one.
    fn request(&self, task: Task, offset: u64, range: Range<usize>) -> (&File, Range<usize>, bool) {
        if let Some((file, align)) = self.direct.as_ref().filter(|_| self.try_direct) {
            let len = match task {
                Task::Read => range.len().next_multiple_of(*align),
                Task::Write => range.len() / align * align,
            };
            // The buffer is aligned to `CHUNK`.
            let is_aligned = (offset + range.start as u64) % *align as u64 == 0;
            if is_aligned && range.start % align == 0 && len > 0 {
                return (file, range.start..range.start + len, true);
            }
        }
        (self.file, range, false)
    }

    /// A request without AIO, for files that do not support it, such as many of /proc.
    fn transfer(
        &self,
        task: Task,
        buffer: &mut [u8],
        offset: u64,
    ) -> std::result::Result<usize, Errno> {
        let result = match task {
            Task::Read => self.file.read_at(buffer, offset),
            Task::Write => self.file.write_at(buffer, offset),
        };
        let errno = |error: io::Error| error.raw_os_error().and_then(Errno::from_raw_os_error);
        result.map_err(|error| errno(error).unwrap_or(Errno::EIO))
    }

    /// The data at `from` or after it, up to the next hole.
    fn data(&self, from: u64, end: u64) -> Range<u64> {
        let seek = |to| rustix::fs::seek(self.file, to);
        match seek(SeekFrom::Data(from)) {
            Ok(start) => start..seek(SeekFrom::Hole(start)).unwrap_or(end),
            // There is a hole up to the end.
            Err(rustix::io::Errno::NXIO) => end..end,
            Err(_) => from..end,
        }
    }
}

/// Requests in flight at most, each with its own buffer: a copy uses `REQUESTS * CHUNK` bytes of
/// memory. More was no faster on a disk, and slower where it did not fit the CPU cache.
const REQUESTS: usize = 16;
/// Completions to wait for at a time, and so requests to submit together: fewer system calls, and
/// the disk has enough to do meanwhile.
const BATCH: usize = REQUESTS / 4;
/// Bytes of a buffer. A multiple of every page size, so that no two buffers meet in one page of the
/// page cache.
const CHUNK: usize = 256 << 10;

/// A buffer's worth of the file, first read, then written.
#[derive(Clone, Copy, Default)]
struct Chunk {
    offset: u64,
    /// Bytes to copy, of which `read` were read and `written` written.
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

/// A copy of `REQUESTS` chunks at a time.
pub struct Copy<'a> {
    /// Dropped first, which waits for requests in flight.
    queue: Queue<AlignedBuf>,
    src: End<'a>,
    dst: End<'a>,
    /// Those in flight, by the indexes of their requests.
    chunks: [Chunk; REQUESTS],
    /// Those to submit next.
    waiting: Vec<(Chunk, AlignedBuf)>,
    /// Where the next chunk begins.
    next: u64,
    /// There is no hole from `next` up to here.
    data_end: u64,
    /// Where the file ends: its size when the copy began, or less if it shrinks.
    end: u64,
    done: u64,
    /// Requests that the kernel has accepted.
    requests: u64,
}

impl<'a> Copy<'a> {
    /// `with_holes` leaves out the holes of the source.
    pub fn new(src: End<'a>, dst: End<'a>, size: u64, with_holes: bool) -> Result<Copy<'a>> {
        // Aligned to whatever `O_DIRECT` may require.
        let buffers = (0..REQUESTS).map(|_| Ok((Chunk::default(), AlignedBuf::new(CHUNK, CHUNK)?)));
        let no_memory =
            |_: AlignedBufError| format!("no memory for {REQUESTS} buffers of {CHUNK} bytes");
        let waiting = buffers.collect::<std::result::Result<_, _>>().map_err(no_memory)?;
        let capacity = const { NonZeroU32::new(REQUESTS as u32).unwrap() };
        let queue = Queue::new(capacity).map_err(|error| error.to_string())?;
        let chunks = [Chunk::default(); REQUESTS];
        Ok(Copy {
            queue,
            src,
            dst,
            chunks,
            waiting,
            next: 0,
            data_end: if with_holes { 0 } else { size },
            end: size,
            done: 0,
            requests: 0,
        })
    }

    /// Copies everything, and returns the number of bytes.
    pub fn run(&mut self, progress: &mut Progress) -> Result<u64> {
        let mut completed = Vec::with_capacity(REQUESTS);
        loop {
            self.submit();
            if self.queue.outstanding() == 0 {
                return Ok(self.end);
            }
            self.wait(&mut completed)?;
            completed.drain(..).try_for_each(|done| self.advance(done))?;
            progress.show(self.done);
        }
    }

    /// Submits the next request of each waiting chunk, by one system call. The buffer of a chunk
    /// that is copied is used for the next part of the file, or dropped if there is none.
    fn submit(&mut self) {
        let (src, dst) = (&self.src, &self.dst);
        self.queue.batch(|batch| {
            for (mut chunk, buffer) in self.waiting.drain(..) {
                if chunk.task().is_none() {
                    if self.next == self.data_end && self.next < self.end {
                        let data = src.data(self.next, self.end);
                        (self.next, self.data_end) = (data.start, data.end);
                    }
                    let end = self.data_end.min(self.end);
                    let want = end.saturating_sub(self.next).min(CHUNK as u64) as usize;
                    chunk = Chunk { offset: self.next, want, ..Chunk::default() };
                    self.next += want as u64;
                }
                let Some((task, range)) = chunk.task() else { continue };
                let end = if task == Task::Read { src } else { dst };
                let (file, range, direct) = end.request(task, chunk.offset, range);
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

    /// Waits for completions. If the kernel has no slot for a request, it has one again when the
    /// event of another is read: so refused requests are not enough while others are in flight.
    fn wait(&mut self, all: &mut Vec<Completion<AlignedBuf>>) -> Result<()> {
        let no_slot = |done: &Completion<AlignedBuf>| done.result == Err(Errno::EAGAIN);
        while all.iter().all(no_slot) && self.queue.outstanding() > 0 {
            let ready = self.queue.wait(BATCH, None);
            all.extend(ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))?);
        }
        match all.iter().all(no_slot) {
            true => Err(self.failure(&self.chunks[all[0].token.index()], Errno::EAGAIN)),
            false => Ok(()),
        }
    }

    /// Handles the completion of a chunk's request.
    fn advance(&mut self, done: Completion<AlignedBuf>) -> Result<()> {
        let mut chunk = self.chunks[done.token.index()];
        let mut buffer = done.buf.expect("a read or a write");
        let (task, range) = chunk.task().expect("a chunk in flight has something to do");
        let end = if task == Task::Read { &mut self.src } else { &mut self.dst };
        end.was_direct |= chunk.direct && done.result.is_ok();
        self.requests += u64::from(done.result != Err(Errno::EAGAIN));
        let result = match done.result {
            Err(Errno::EINVAL) if !chunk.direct => {
                let offset = chunk.offset + range.start as u64;
                end.transfer(task, &mut buffer[range.clone()], offset)
            }
            result => result,
        };
        match (task, result) {
            // The source has become shorter.
            (Task::Read, Ok(0)) => {
                self.end = self.end.min(chunk.offset + chunk.read as u64);
                chunk.want = chunk.read;
            }
            // Both may be short: the rest is requested next. A direct read may also be longer than
            // the chunk.
            (Task::Read, Ok(bytes)) => chunk.read += bytes.min(range.len()),
            (Task::Write, Ok(bytes @ 1..)) => {
                chunk.written += bytes;
                self.done += bytes as u64;
            }
            (Task::Write, Ok(0)) => return Err(self.failure(&chunk, Errno::EIO)),
            // Again. If there was no slot, others have completed meanwhile.
            (_, Err(Errno::EINTR | Errno::EAGAIN)) => {}
            // Again without O_DIRECT: it requires something here that the kernel does not report.
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
            // Before Linux 4.18 the opcode is only in the headers.
            Err(Errno::EINVAL) => flush(self.dst.file).map_err(cannot("flush", self.dst.path)),
            Err(errno) => Err(format!("cannot flush {:?}: {errno}", self.dst.path)),
        }
    }

    /// For the report.
    pub fn summary(&self) -> String {
        let direct = |end: &End| if end.was_direct { "yes" } else { "no" };
        let (requests, src, dst) = (self.requests, direct(&self.src), direct(&self.dst));
        format!("{requests} requests, O_DIRECT: source {src}, destination {dst}")
    }
}

/// Copies up to the end of `src`, which may be a pipe, a device, or a file without a size.
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

/// fsync(2), which pipes and character devices do not support.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all()
        .or_else(|error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
}
