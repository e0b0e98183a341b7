//! Transfers that must not block the thread: `RWF_NOWAIT`, and a system call that may block as the
//! fallback.

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

/// The fallback of a transfer that was submitted with `RWF_NOWAIT`: a system call that may block,
/// for what the kernel has not transferred.
pub struct Blocking<B> {
    write: bool,
    fd: RawFd,
    /// Keeps the descriptor open.
    _file: KeptOpen,
    offset: u64,
    flags: i32,
    /// The bytes of the buffer to transfer.
    range: Range<usize>,
    /// The address and length of a buffer, for the kernel.
    address: fn(&mut B) -> (*mut u8, usize),
    /// For a read into spare capacity: adds bytes that were read to the length of the buffer.
    filled: Option<fn(&mut B, usize)>,
}

impl<B> Blocking<B> {
    /// Sets `RWF_NOWAIT`. `None` if the transfer must not be done in two parts or by another system
    /// call, or if its descriptor may be closed before the second part.
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
        // An append must be done as a whole: otherwise another append could be written between its
        // parts. And for preadv2 and pwritev2 the offset -1 is the file's current position.
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

    /// Whether a transfer with this result may be incomplete.
    pub(super) fn may_be_incomplete(result: Result<usize, Errno>) -> bool {
        match result {
            Ok(done) => done > 0,
            Err(errno) => Blocking::<B>::is_refused(errno),
        }
    }

    /// Whether the kernel has transferred nothing because of the flag: the transfer would block,
    /// the file system does not support the flag, or (EINVAL) does not support it for buffered
    /// writes.
    fn is_refused(errno: Errno) -> bool {
        matches!(errno, Errno::EAGAIN | Errno::EOPNOTSUPP | Errno::EINVAL)
    }

    /// How many bytes the kernel has transferred; `None` if the transfer is complete.
    pub(super) fn is_incomplete(&self, completion: &mut Completion<B>) -> Option<usize> {
        let result = completion.result;
        match result {
            Err(errno) if Blocking::<B>::is_refused(errno) => Some(0),
            Ok(done) if done > 0 && !self.remaining(completion, done).is_empty() => Some(done),
            _ => None,
        }
    }

    /// The rest of the transfer after `done` bytes.
    fn remaining(&self, completion: &mut Completion<B>, done: usize) -> Vec<iovec> {
        // Spare capacity starts after the bytes that were read.
        let mut done = if self.filled.is_some() { 0 } else { done };
        let mut iovecs = Vec::new();
        for buf in completion.buf.iter_mut().chain(&mut completion.bufs) {
            let (start, len) = (self.address)(buf);
            let end = self.range.end.min(len);
            let begin = self.range.start.min(end);
            let skipped = done.min(end - begin);
            done -= skipped;
            if begin + skipped < end {
                // Inside the buffer.
                let iov_base = start.wrapping_add(begin + skipped).cast();
                iovecs.push(iovec { iov_base, iov_len: end - begin - skipped });
            }
        }
        iovecs
    }

    /// Transfers the rest after `done` bytes, by a system call that may block.
    pub(super) fn finish(&self, done: usize, completion: &mut Completion<B>) {
        let iovecs = self.remaining(completion, done);
        let offset = self.offset + done as u64;
        let (vec, count) = (iovecs.as_ptr().cast(), iovecs.len() as _);
        let (fd, flags) = (self.fd as _, self.flags);
        // The offset is two arguments. On 32-bit ABIs each has a half of it; on 64-bit ABIs the
        // first has all of it. On x32 it is one argument.
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
            // The bytes that were transferred before count. Files without offsets return ESPIPE:
            // keep the first result.
            Err(errno) if done > 0 || errno == Errno::ESPIPE => completion.result,
            Err(errno) => Err(errno),
        };
    }
}

/// Whether writes go to the end of the file (`O_APPEND`).
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
