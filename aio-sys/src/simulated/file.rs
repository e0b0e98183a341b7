//! Simulated files, and the operations of requests on them.

use super::list::List;
use super::{CONTEXTS, Message, below, lock, one_in};
use crate::sys::errno::Errno;
use crate::sys::target::uapi_of_arch::POLLOUT;
use crate::sys::types::*;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::vec;
use std::vec::Vec;

/// All files that were ever opened.
static FILES: List<File> = List::new();

/// The first simulated descriptor. Those below are Miri's.
const FIRST: u32 = 1000;

pub(super) struct File {
    fd: u32,
    is_open: AtomicBool,
    mode: Mode,
    bytes: Mutex<Vec<u8>>,
    /// The events that a poll finds.
    ready: AtomicU16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    ReadWrite,
    ReadOnly,
    /// Writes return 0.
    Full,
    /// Supports only polls.
    Socket,
}

/// An open descriptor, which is closed when it is dropped. Requests in flight keep the file.
pub(super) struct Opened(&'static File);

impl Opened {
    pub(super) fn new(mode: Mode, bytes: &[u8]) -> Opened {
        static NEXT: AtomicU32 = AtomicU32::new(FIRST);
        Opened(FILES.push(File {
            fd: NEXT.fetch_add(1, Ordering::Relaxed),
            is_open: AtomicBool::new(true),
            mode,
            bytes: Mutex::new(bytes.to_vec()),
            ready: AtomicU16::new(0),
        }))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        lock(&self.0.bytes).clone()
    }

    /// Sets the events that polls find.
    pub(super) fn set_ready(&self, events: u16) {
        self.0.ready.store(events, Ordering::Release);
        CONTEXTS.iter().for_each(|context| context.send(Message::Check));
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `Opened` keeps the descriptor open for as long as `self` is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.0.fd as i32) }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.is_open.store(false, Ordering::Release);
    }
}

/// What a descriptor refers to.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Simulated(&'static File),
    /// An eventfd: it can be written to.
    Eventfd,
}

pub(super) fn find(fd: u32) -> Result<Target, Errno> {
    if (3..FIRST).contains(&fd) {
        return Ok(Target::Eventfd);
    }
    let is_it = |file: &&File| file.fd == fd && file.is_open.load(Ordering::Acquire);
    FILES.iter().find(is_it).map(Target::Simulated).ok_or(Errno::EBADF)
}

/// The operation of a request, with copies of its iovecs and the addresses of its buffers.
pub(super) enum Work {
    Read(&'static File, Vec<Segment>, usize),
    Write(&'static File, Vec<Segment>, usize),
    Sync,
    Poll(Target, u16),
}

pub(super) struct Segment {
    start: *mut u8,
    len: usize,
}

// SAFETY: whoever submitted the request allows the kernel to access the buffer on any thread.
unsafe impl Send for Segment {}
// SAFETY: a shared reference only copies the pointer.
unsafe impl Sync for Segment {}

impl Work {
    /// # Safety
    ///
    /// The `iovec` array can be read.
    pub(super) unsafe fn new(target: Target, copy: &iocb) -> Result<Work, Errno> {
        let &iocb { aio_buf, aio_nbytes, aio_offset, aio_rw_flags, .. } = copy;
        let segments = match copy.aio_lio_opcode {
            IOCB_CMD_PREAD | IOCB_CMD_PWRITE => {
                let start = ptr::with_exposed_provenance_mut(aio_buf as usize);
                vec![Segment { start, len: aio_nbytes as usize }]
            }
            IOCB_CMD_PREADV | IOCB_CMD_PWRITEV if aio_nbytes > UIO_MAXIOV as u64 => {
                return Err(Errno::EINVAL);
            }
            IOCB_CMD_PREADV | IOCB_CMD_PWRITEV => {
                let first = ptr::with_exposed_provenance::<iovec>(aio_buf as usize);
                let segment = |index| {
                    // SAFETY: the caller guarantees that the array of `aio_nbytes` elements can be
                    // read.
                    let iovec { iov_base, iov_len } = unsafe { first.add(index).read() };
                    Segment { start: iov_base.cast(), len: iov_len }
                };
                (0..aio_nbytes as usize).map(segment).collect()
            }
            IOCB_CMD_FSYNC | IOCB_CMD_FDSYNC | IOCB_CMD_POLL => {
                let is_poll = copy.aio_lio_opcode == IOCB_CMD_POLL;
                if (aio_offset, aio_nbytes, aio_rw_flags) != (0, 0, 0) {
                    return Err(Errno::EINVAL);
                }
                return match (target, u16::try_from(aio_buf)) {
                    (_, Ok(events)) if is_poll => Ok(Work::Poll(target, events)),
                    (Target::Simulated(file), Ok(0)) if file.mode != Mode::Socket => Ok(Work::Sync),
                    _ => Err(Errno::EINVAL),
                };
            }
            _ => return Err(Errno::EINVAL),
        };
        if aio_rw_flags & !RWF_SUPPORTED != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let writes = matches!(copy.aio_lio_opcode, IOCB_CMD_PWRITE | IOCB_CMD_PWRITEV);
        let file = match target {
            Target::Simulated(file) if file.mode != Mode::Socket => file,
            _ => return Err(Errno::EINVAL),
        };
        if writes && file.mode == Mode::ReadOnly {
            return Err(Errno::EBADF);
        }
        let offset = usize::try_from(aio_offset).map_err(|_| Errno::EINVAL)?;
        Ok(match writes {
            true => Work::Write(file, segments, offset),
            false => Work::Read(file, segments, offset),
        })
    }

    pub(super) fn is_poll(&self) -> bool {
        matches!(self, Work::Poll(..))
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.is_poll() || self.found() != 0
    }

    /// The events that a poll finds.
    fn found(&self) -> u16 {
        match self {
            Work::Poll(Target::Eventfd, events) => events & POLLOUT,
            Work::Poll(Target::Simulated(file), events) => {
                events & file.ready.load(Ordering::Acquire)
            }
            _ => 0,
        }
    }

    /// Runs the operation, and returns the result of the request.
    pub(super) fn run(&self) -> i64 {
        match self {
            Work::Sync => 0,
            Work::Poll(..) => self.found().into(),
            Work::Read(file, segments, offset) => {
                let bytes = lock(&file.bytes);
                let rest = bytes.get(*offset..).unwrap_or(&[]);
                transfer(segments, rest.len(), |start, part| {
                    let part = &rest[part];
                    // SAFETY: whoever submitted the request guarantees that the buffer can be
                    // written until it completes.
                    unsafe { start.copy_from_nonoverlapping(part.as_ptr(), part.len()) };
                })
            }
            Work::Write(file, segments, offset) => {
                let mut bytes = lock(&file.bytes);
                let most = if file.mode == Mode::Full { 0 } else { usize::MAX };
                transfer(segments, most, |start, part| {
                    let (first, end) = (offset + part.start, offset + part.end);
                    if bytes.len() < end {
                        bytes.resize(end, 0);
                    }
                    for (index, byte) in bytes[first..end].iter_mut().enumerate() {
                        // SAFETY: whoever submitted the request guarantees that the buffer can be
                        // read until it completes.
                        *byte = unsafe { start.add(index).read() };
                    }
                })
            }
        }
    }
}

/// Transfers up to `most` bytes, at random fewer. Calls `each` with the address of a segment and
/// its range of the bytes. At random it returns an error at the end.
fn transfer(segments: &[Segment], most: usize, mut each: impl FnMut(*mut u8, Range<usize>)) -> i64 {
    let whole = segments.iter().map(|segment| segment.len).sum::<usize>().min(most);
    let count = if whole > 1 && one_in(8) { 1 + below(whole) } else { whole };
    let mut done = 0;
    for segment in segments {
        let end = count.min(done + segment.len);
        if end > done {
            each(segment.start, done..end);
        }
        done = end;
    }
    match one_in(16) {
        true => -i64::from(Errno::EIO.raw_os_error()),
        false => count as i64,
    }
}
