//! Transfers that would block the thread, and that a helper thread does instead.

use crate::queue;
use crate::queue::buf::IoBuf;
use crate::queue::engine::Iovec;
use crate::queue::request::{Completion, Full, Token};
use crate::sys::errno::Errno;
use crate::sys::flags::RwFlags;
use crate::sys::raw;
use crate::tokio::Queue;
use crate::tokio::driver::SHUT_DOWN;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic;
use std::sync::atomic::Ordering;
use std::vec::Vec;

/// What a helper thread has to know of a transfer.
pub(super) struct Fallback<B> {
    pub(super) write: bool,
    pub(super) offset: u64,
    pub(super) flags: RwFlags,
    /// Where the kernel reads or writes, and how much.
    pub(super) address: fn(&mut B) -> (*mut u8, usize),
}

impl<B: IoBuf + Send> Queue<B> {
    pub(super) async fn transfer<A>(
        &self,
        fd: impl AsFd,
        argument: A,
        how: Fallback<B>,
        start: impl for<'q, 'fd> FnOnce(
            &mut queue::batch::Batch<'q, 'fd, B>,
            BorrowedFd<'fd>,
            A,
            RwFlags,
        ) -> Result<Token, Full<A>>,
    ) -> Completion<B> {
        // For preadv2 and pwritev2, -1 is the file's own position.
        let is_offset = i64::try_from(how.offset).is_ok();
        let helped = self.shared.nowait && is_offset && !how.flags.contains(RwFlags::NOWAIT);
        let flags = if helped { how.flags | RwFlags::NOWAIT } else { how.flags };
        let borrowed = fd.as_fd();
        let ended = self.one(argument, move |batch, argument| {
            let begun = batch.begin(
                argument,
                |batch, argument| start(batch, borrowed, argument, flags),
                |whole| whole,
            );
            begun.map(|(_, request)| request)
        });
        let mut completion = ended.await;
        if !helped {
            return completion;
        }
        let result = completion.result;
        let done = match result {
            Err(Errno::EAGAIN | Errno::EOPNOTSUPP) => 0,
            Ok(done) if done > 0 && how.remaining(&mut completion, done).is_some() => done,
            _ => return completion,
        };
        self.shared.fallbacks.fetch_add(1, Ordering::Relaxed);
        let fd = match fd.as_fd().try_clone_to_owned() {
            Ok(fd) => fd,
            Err(error) => {
                completion.result =
                    Errno::decode(-(error.raw_os_error().expect("of a call") as isize));
                return completion;
            }
        };
        // It owns the buffer until it has ended, whatever becomes of this future.
        let helper = self.shared.runtime.spawn_blocking(move || {
            how.finish(&fd, &mut completion, done);
            completion
        });
        helper.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => panic!("{SHUT_DOWN}"),
        })
    }
}

impl<B> Fallback<B> {
    /// What is left after `done` bytes, if anything is.
    fn remaining(&self, completion: &mut Completion<B>, mut done: usize) -> Option<Vec<Iovec>> {
        let mut iovecs = Vec::new();
        for buf in completion.buf.iter_mut().chain(&mut completion.bufs) {
            let (start, len) = (self.address)(buf);
            let skipped = done.min(len);
            done -= skipped;
            if skipped < len {
                iovecs
                    .push(Iovec { base: start.expose_provenance() + skipped, len: len - skipped });
            }
        }
        (!iovecs.is_empty()).then_some(iovecs)
    }

    /// Does what is left, by a call that may block.
    fn finish(&self, fd: &OwnedFd, completion: &mut Completion<B>, done: usize) {
        let iovecs = self.remaining(completion, done).unwrap_or_default();
        let offset = self.offset + done as u64;
        let (fd, vec, count) = (fd.as_raw_fd() as _, iovecs.as_ptr().cast(), iovecs.len() as _);
        // Each takes half of the offset where registers have 32 bits; where they have 64, the lower
        // one takes all.
        let (low, high) = (offset as _, (offset >> 32) as _);
        let more = match self.write {
            // SAFETY: the kernel writes to the buffers that `completion` owns, whose types vouch
            // for the addresses.
            false => unsafe { raw::preadv2(fd, vec, count, low, high, self.flags.bits()) },
            // SAFETY: the kernel reads them.
            true => unsafe { raw::pwritev2(fd, vec, count, low, high, self.flags.bits()) },
        };
        completion.result = match Errno::decode(more) {
            Ok(more) => Ok(done + more),
            // What was transferred counts; where no offsets are, nothing was tried.
            Err(errno) if done > 0 || errno == Errno::ESPIPE => completion.result,
            Err(errno) => Err(errno),
        };
    }
}
