//! From one file to another: by AIO where offsets mean something, in order where they do not.

use crate::progress::Progress;
use crate::queue::{CHUNK, Queue, SLOTS};
use crate::{Result, cannot, cannot_at, reason};
use aio_sys::Errno;
use aio_sys::types::{IOCB_CMD_PREAD as READ, IOCB_CMD_PWRITE as WRITE};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// One side of the copy.
pub struct End<'a> {
    path: &'a Path,
    file: &'a File,
    /// The same file opened with `O_DIRECT`, and the alignment of offset, length and address that it wants.
    direct: Option<(File, usize)>,
    /// False once the file has refused an aligned request.
    try_direct: bool,
    /// Whether it ever took one.
    was_direct: bool,
}

impl<'a> End<'a> {
    pub fn source(path: &'a Path, file: &'a File) -> End<'a> {
        End::new(path, file, OpenOptions::new().read(true))
    }

    pub fn destination(path: &'a Path, file: &'a File) -> End<'a> {
        End::new(path, file, OpenOptions::new().write(true))
    }

    fn new(path: &'a Path, file: &'a File, options: &mut OpenOptions) -> End<'a> {
        // By descriptor, not by path: it is the same file, whatever became of its name.
        let again = format!("/proc/self/fd/{}", file.as_raw_fd());
        let open = |align| Some((options.custom_flags(libc::O_DIRECT).open(again).ok()?, align));
        let direct = direct_alignment(file).filter(|align| CHUNK % align == 0).and_then(open);
        End { path, file, try_direct: direct.is_some(), direct, was_direct: false }
    }

    /// The best request for `range` of a slot's buffer: through which descriptor, for how much, whether that is direct.
    /// A read may ask for more than `range`, a write may leave some of it for later.
    fn request(&self, opcode: u16, range: Range<usize>) -> (&File, Range<usize>, bool) {
        if let Some((file, align)) = self.direct.as_ref().filter(|_| self.try_direct) {
            let len = match opcode {
                READ => range.len().next_multiple_of(*align),
                _ => range.len() / align * align,
            };
            // The buffer itself, and where it lies in the file, are aligned to `CHUNK`.
            if range.start % align == 0 && len > 0 {
                return (file, range.start..range.start + len, true);
            }
        }
        (self.file, range, false)
    }
}

/// A buffer's worth of the file, first read, then written.
#[derive(Clone, Copy, Default)]
struct Slot {
    offset: u64,
    /// Bytes to copy. Reading is over when `read` has come so far, the slot is done when `written` has.
    want: usize,
    read: usize,
    written: usize,
    /// Whether the request in flight is direct.
    direct: bool,
}

impl Slot {
    /// What to do next, and with which part of the buffer.
    fn task(&self) -> Option<(u16, Range<usize>)> {
        match self {
            slot if slot.read < slot.want => Some((READ, slot.read..slot.want)),
            slot if slot.written < slot.want => Some((WRITE, slot.written..slot.want)),
            _ => None,
        }
    }
}

/// A copy under way, `SLOTS` chunks at a time.
pub struct Copy<'a> {
    queue: Queue,
    src: End<'a>,
    dst: End<'a>,
    slots: [Slot; SLOTS],
    /// Where the first chunk lies that no slot has taken on.
    next: u64,
    /// Where the file ends: its size when the copy began, or less if it shrinks.
    end: u64,
    done: u64,
}

impl<'a> Copy<'a> {
    pub fn new(src: End<'a>, dst: End<'a>, size: u64) -> Result<Copy<'a>> {
        let (queue, slots) = (Queue::new()?, [Slot::default(); SLOTS]);
        Ok(Copy { queue, src, dst, slots, next: 0, end: size, done: 0 })
    }

    /// Copies everything, and says how many bytes that was.
    pub fn run(&mut self, progress: &mut Progress) -> Result<u64> {
        (0..SLOTS).for_each(|slot| self.request(slot));
        loop {
            self.queue.submit().map_err(|(slot, errno)| self.failure(slot, errno))?;
            let mut idle = true;
            for (slot, result) in self.queue.reap()? {
                self.advance(slot, result)?;
                idle = false;
            }
            if idle {
                return Ok(self.end);
            }
            progress.show(self.done);
        }
    }

    /// Prepares what a slot has to do next; when its chunk is copied, it takes on another, if there is one.
    fn request(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.task().is_none() {
            let want = self.end.saturating_sub(self.next).min(CHUNK as u64) as usize;
            *slot = Slot { offset: self.next, want, ..Slot::default() };
            self.next += want as u64;
        }
        let Some((opcode, range)) = slot.task() else { return };
        let end = if opcode == READ { &self.src } else { &self.dst };
        let (file, range, direct) = end.request(opcode, range);
        slot.direct = direct;
        let offset = slot.offset + range.start as u64;
        self.queue.push(opcode, file, index, range, offset);
    }

    /// Takes in how a slot's request ended, and goes on from there.
    fn advance(&mut self, index: usize, result: std::result::Result<usize, Errno>) -> Result<()> {
        let slot = &mut self.slots[index];
        let (opcode, range) = slot.task().expect("a slot in flight has something to do");
        let end = if opcode == READ { &mut self.src } else { &mut self.dst };
        end.was_direct |= slot.direct && result.is_ok();
        match (opcode, result) {
            // The source has shrunk.
            (READ, Ok(0)) => {
                self.end = self.end.min(slot.offset + slot.read as u64);
                slot.want = slot.read;
            }
            // Both may be short: the rest is asked for next. A direct read may also be longer than what is wanted.
            (READ, Ok(bytes)) => slot.read += bytes.min(range.len()),
            (_, Ok(bytes @ 1..)) => {
                slot.written += bytes;
                self.done += bytes as u64;
            }
            (_, Ok(0)) => return Err(self.failure(index, Errno::EIO)),
            // Once more.
            (_, Err(Errno::EINTR)) => {}
            // Once more, without O_DIRECT: it wants something here that the kernel does not tell.
            (_, Err(Errno::EINVAL)) if slot.direct => end.try_direct = false,
            (_, Err(errno)) => return Err(self.failure(index, errno)),
        }
        self.request(index);
        Ok(())
    }

    fn failure(&self, slot: usize, errno: Errno) -> String {
        let slot = &self.slots[slot];
        match slot.task() {
            Some((WRITE, range)) => cannot_at("write", self.dst.path, slot.offset + range.start as u64, errno),
            _ => cannot_at("read", self.src.path, slot.offset + slot.read as u64, errno),
        }
    }

    /// Waits until what was written is on disk.
    pub fn flush(&mut self) -> Result<()> {
        self.queue.push_fsync(self.dst.file);
        let result = match self.queue.submit() {
            Ok(()) => self.queue.reap()?.last().map_or(Ok(0), |(_, result)| result),
            Err((_, errno)) => Err(errno),
        };
        match result {
            Ok(_) => Ok(()),
            // Kernels before 4.18 have it in their headers only.
            Err(Errno::EINVAL) => flush(self.dst.file).map_err(cannot("flush", self.dst.path)),
            Err(errno) => Err(format!("cannot flush {:?}: {errno}", self.dst.path)),
        }
    }

    /// How it was done, for the report.
    pub fn summary(&self) -> String {
        let direct = |end: &End| if end.was_direct { "yes" } else { "no" };
        let (requests, src, dst) = (self.queue.submitted, direct(&self.src), direct(&self.dst));
        format!("{requests} requests, O_DIRECT: source {src}, destination {dst}")
    }
}

/// Copies up to the end of `src`, which may be a pipe, a device, or a file that does not know its size.
pub fn stream(src: (&Path, &File), dst: (&Path, &File), progress: &mut Progress) -> Result<u64> {
    let ((src_path, mut src), (dst_path, mut dst)) = (src, dst);
    let mut buffer = vec![0; CHUNK];
    let (mut read, mut written) = (0, 0);
    loop {
        let mut rest = match src.read(&mut buffer) {
            Ok(0) => return Ok(written),
            Ok(bytes) => &buffer[..bytes],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(cannot_at("read", src_path, read, reason(&error))),
        };
        read += rest.len() as u64;
        while !rest.is_empty() {
            match dst.write(rest) {
                Ok(0) => return Err(cannot_at("write", dst_path, written, Errno::EIO)),
                Ok(bytes) => {
                    written += bytes as u64;
                    rest = &rest[bytes..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot_at("write", dst_path, written, reason(&error))),
            }
        }
        progress.show(written);
    }
}

/// fsync, for what has something to flush: pipes and character devices say `EINVAL`.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all().or_else(|error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
}

/// The alignment that the file wants of direct requests, or `None` if it takes none. Kernels before 6.1, and some file
/// systems, do not tell.
fn direct_alignment(file: &File) -> Option<usize> {
    const SAFE: usize = 4096;
    // SAFETY: zeros are a valid `statx`, which is made of integers.
    let mut stat: libc::statx = unsafe { mem::zeroed() };
    // SAFETY: the path is a string, and the kernel writes nothing but `stat`.
    let result =
        unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_DIOALIGN, &mut stat) };
    if result != 0 || stat.stx_mask & libc::STATX_DIOALIGN == 0 {
        return Some(SAFE);
    }
    Some(stat.stx_dio_mem_align.max(stat.stx_dio_offset_align) as usize).filter(|&align| align > 0)
}
