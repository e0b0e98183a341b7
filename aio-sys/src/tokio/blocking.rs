//! Transfers that must not block the thread: `RWF_NOWAIT`, and a call that may block instead.

use crate::queue::engine::Request;
use crate::queue::op::KeptOpen;
use crate::queue::request::Completion;
use crate::sys::errno::Errno;
use crate::sys::raw;
use crate::sys::target::uapi_of_arch::{F_GETFL, O_APPEND};
use crate::sys::types::*;
use std::ops::Range;
use std::os::fd::RawFd;
use std::vec::Vec;

/// A transfer that was submitted with `RWF_NOWAIT`, as a call that may block: what to do if the
/// kernel did not do it, or did a part of it.
pub struct Blocking<B> {
    write: bool,
    fd: RawFd,
    /// What keeps the descriptor open.
    _file: KeptOpen,
    offset: u64,
    flags: i32,
    /// Which bytes of a buffer.
    range: Range<usize>,
    /// Where the kernel reads or writes, and how much.
    address: fn(&mut B) -> (*mut u8, usize),
    /// For a read into spare capacity, which gets smaller with what was read.
    filled: Option<fn(&mut B, usize)>,
}

impl<B> Blocking<B> {
    /// Sets `RWF_NOWAIT`, unless the transfer must not be done in two parts, or must not be made
    /// by another call, or its descriptor may be closed before the second part.
    pub(crate) fn of(
        request: &mut Request,
        range: Range<usize>,
        address: fn(&mut B) -> (*mut u8, usize),
        filled: Option<fn(&mut B, usize)>,
    ) -> Option<Blocking<B>> {
        let file = request.file.clone()?;
        let iocb = &mut request.iocb;
        let fd = iocb.aio_fildes as RawFd;
        let write = matches!(iocb.aio_lio_opcode, IOCB_CMD_PWRITE | IOCB_CMD_PWRITEV);
        // An append counts as a whole: the second part would be written behind another's. For
        // preadv2 and pwritev2, the offset -1 is the file's own position.
        if iocb.aio_rw_flags & (RWF_NOWAIT | RWF_APPEND) != 0
            || iocb.aio_offset < 0
            || write && appends(fd)
        {
            return None;
        }
        let flags = iocb.aio_rw_flags;
        iocb.aio_rw_flags |= RWF_NOWAIT;
        let offset = iocb.aio_offset as u64;
        Some(Blocking { write, fd, _file: file, offset, flags, range, address, filled })
    }

    pub(super) fn is_write(&self) -> bool {
        self.write
    }

    /// Whether a transfer that has completed with `result` may have something left.
    pub(super) fn may_be_incomplete(result: Result<usize, Errno>) -> bool {
        match result {
            Ok(done) => done > 0,
            Err(errno) => Blocking::<B>::is_refused(errno),
        }
    }

    /// Whether the kernel has done nothing because of the flag: it would block, the file system
    /// does not have the flag, or (EINVAL) not for writes through the page cache.
    fn is_refused(errno: Errno) -> bool {
        matches!(errno, Errno::EAGAIN | Errno::EOPNOTSUPP | Errno::EINVAL)
    }

    /// How much the kernel has done, if that is not all.
    pub(super) fn is_incomplete(&self, completion: &mut Completion<B>) -> Option<usize> {
        let result = completion.result;
        match result {
            Err(errno) if Blocking::<B>::is_refused(errno) => Some(0),
            Ok(done) if done > 0 && !self.remaining(completion, done).is_empty() => Some(done),
            _ => None,
        }
    }

    /// What is left after `done` bytes.
    fn remaining(&self, completion: &mut Completion<B>, done: usize) -> Vec<iovec> {
        // What was read into spare capacity is not spare any more.
        let mut done = if self.filled.is_some() { 0 } else { done };
        let mut iovecs = Vec::new();
        for buf in completion.buf.iter_mut().chain(&mut completion.bufs) {
            let (start, len) = (self.address)(buf);
            let end = self.range.end.min(len);
            let begin = self.range.start.min(end);
            let skipped = done.min(end - begin);
            done -= skipped;
            if begin + skipped < end {
                // Inside of the buffer.
                let iov_base = start.wrapping_add(begin + skipped).cast();
                iovecs.push(iovec { iov_base, iov_len: end - begin - skipped });
            }
        }
        iovecs
    }

    /// Does what is left after `done` bytes, by a call that may block.
    pub(super) fn finish(&self, done: usize, completion: &mut Completion<B>) {
        let iovecs = self.remaining(completion, done);
        let offset = self.offset + done as u64;
        let (vec, count) = (iovecs.as_ptr().cast(), iovecs.len() as _);
        let (fd, flags) = (self.fd as _, self.flags);
        // Each takes half of the offset where registers have 32 bits; where they have 64, the lower
        // one takes all. x32 has one argument for it.
        macro_rules! call {
            ($name:ident) => {{
                #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
                let more = raw::$name(fd, vec, count, offset as i64, flags);
                #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
                let more = raw::$name(fd, vec, count, offset as _, (offset >> 32) as _, flags);
                more
            }};
        }
        let more = match self.write {
            // SAFETY: the kernel writes to the buffers that `completion` owns, at addresses that
            // their types guarantee (`LendMut`). `_file` keeps the descriptor open.
            false => unsafe { call!(preadv2) },
            // SAFETY: the kernel reads the buffers that `completion` owns, at addresses that their
            // types guarantee (`Lend`). `_file` keeps the descriptor open.
            true => unsafe { call!(pwritev2) },
        };
        completion.result = match Errno::decode(more) {
            Ok(more) => {
                if let (Some(filled), Some(buf)) = (self.filled, &mut completion.buf) {
                    filled(buf, more);
                }
                Ok(done + more)
            }
            // What was transferred counts; where no offsets are, nothing was tried.
            Err(errno) if done > 0 || errno == Errno::ESPIPE => completion.result,
            Err(errno) => Err(errno),
        };
    }
}

/// Whether what is written goes to the end of the file.
fn appends(fd: RawFd) -> bool {
    #[cfg(any(target_pointer_width = "64", target_arch = "x86_64", target_arch = "mips64"))]
    use raw::fcntl;
    #[cfg(not(any(
        target_pointer_width = "64",
        target_arch = "x86_64",
        target_arch = "mips64"
    )))]
    use raw::fcntl64 as fcntl;

    // SAFETY: fcntl(F_GETFL) accesses no memory.
    let flags = Errno::decode(unsafe { fcntl(fd as _, F_GETFL as _, 0) });
    flags.is_ok_and(|flags| flags as i32 & O_APPEND != 0)
}
