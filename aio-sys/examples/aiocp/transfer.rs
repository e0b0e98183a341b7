//! From one file to another: by AIO where offsets mean something, in order where they do not.

use crate::progress::Progress;
use crate::queue::{CHUNK, Op, Queue, SLOTS};
use crate::{Result, cannot, cannot_at, reason};
use aio_sys::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
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
        let direct = direct_alignment(file).filter(|align| CHUNK % align == 0).and_then(|align| {
            let direct = options.custom_flags(libc::O_DIRECT).open(again).ok()?;
            Some((direct, align))
        });
        End { path, file, try_direct: direct.is_some(), direct, was_direct: false }
    }

    /// The best request for `range` of a slot's buffer: through which descriptor, for how much, and whether that is direct.
    /// A read may ask for more than `range`, a write may leave some of it for later.
    fn request(&self, op: Op, range: Range<usize>) -> (&File, Range<usize>, bool) {
        if let Some((file, align)) = self.direct.as_ref().filter(|_| self.try_direct) {
            let len = match op {
                Op::Read => range.len().next_multiple_of(*align),
                Op::Write => range.len() / align * align,
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
    fn op(&self) -> Option<Op> {
        match self {
            slot if slot.read < slot.want => Some(Op::Read),
            slot if slot.written < slot.want => Some(Op::Write),
            _ => None,
        }
    }

    /// What is left of the present operation, as a range of the buffer.
    fn rest(&self, op: Op) -> Range<usize> {
        if op == Op::Read { self.read..self.want } else { self.written..self.want }
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
        (0..SLOTS).for_each(|slot| self.start(slot));
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

    /// Takes on the next chunk, if there is one.
    fn start(&mut self, slot: usize) {
        let want = self.end.saturating_sub(self.next).min(CHUNK as u64) as usize;
        self.slots[slot] = Slot { offset: self.next, want, ..Slot::default() };
        self.next += want as u64;
        self.request(slot);
    }

    /// Prepares what the slot has to do next, if anything.
    fn request(&mut self, slot: usize) {
        let Slot { offset, .. } = self.slots[slot];
        let Some(op) = self.slots[slot].op() else { return };
        let end = if op == Op::Read { &self.src } else { &self.dst };
        let (file, range, direct) = end.request(op, self.slots[slot].rest(op));
        self.slots[slot].direct = direct;
        let at = offset + range.start as u64;
        self.queue.push(op, file, slot, range, at);
    }

    /// Takes in how the slot's request ended, and goes on from there.
    fn advance(&mut self, index: usize, result: std::result::Result<usize, Errno>) -> Result<()> {
        let slot = &mut self.slots[index];
        let op = slot.op().expect("a slot in flight has something to do");
        let end = if op == Op::Read { &mut self.src } else { &mut self.dst };
        let left = slot.rest(op).len();
        end.was_direct |= slot.direct && result.is_ok();
        match (op, result) {
            // The source has shrunk.
            (Op::Read, Ok(0)) => {
                self.end = self.end.min(slot.offset + slot.read as u64);
                slot.want = slot.read;
            }
            // Any of these may be short; the rest is asked for next.
            (Op::Read, Ok(bytes)) => slot.read += bytes.min(left),
            (Op::Write, Ok(bytes @ 1..)) => {
                slot.written += bytes;
                self.done += bytes as u64;
            }
            (_, Err(Errno::EINTR)) => {}
            // More is wanted of direct requests here than the kernel would tell.
            (_, Err(Errno::EINVAL)) if slot.direct => end.try_direct = false,
            (Op::Write, Ok(0)) => return Err(self.failure(index, Errno::EIO)),
            (_, Err(errno)) => return Err(self.failure(index, errno)),
        }
        match self.slots[index].op() {
            Some(_) => self.request(index),
            None => self.start(index),
        }
        Ok(())
    }

    fn failure(&self, slot: usize, errno: Errno) -> String {
        let slot = &self.slots[slot];
        match slot.op() {
            Some(Op::Write) => cannot_at("write", self.dst.path, slot.offset + slot.written as u64, errno),
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

/// What the file wants of direct requests: the kernel's word where it gives one, else what every file system of today
/// is content with; `None` if it takes none.
fn direct_alignment(file: &File) -> Option<usize> {
    const SAFE: usize = 4096;
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is a string; `stat` has room for the answer.
    let result = unsafe {
        libc::statx(file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_DIOALIGN, stat.as_mut_ptr())
    };
    // SAFETY: zeros are a valid `statx`, and the kernel has put integers over them.
    let stat = unsafe { stat.assume_init() };
    if result != 0 || stat.stx_mask & libc::STATX_DIOALIGN == 0 {
        return Some(SAFE);
    }
    Some(stat.stx_dio_mem_align.max(stat.stx_dio_offset_align) as usize).filter(|&align| align > 0)
}
