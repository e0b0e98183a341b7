//! Asynchronous I/O on borrowed buffers.
//!
//! # Why it is sound
//!
//! A borrowed buffer may be in the kernel's hands only as long as it is borrowed, and Rust lets
//! everything be forgotten whose end would have to be waited for. So nothing that the user gets to
//! hold is waited for: [`scope`] keeps the engine in its own frame, lends it by `&mut`, and drops
//! it when the function has returned or has unwound. The engine's `drop` is io_destroy(2), which
//! cancels the polls and waits for everything else; should that fail, the process is aborted.
//!
//! - `'env` is a parameter of [`scope`], so it is longer than the call, and with it than the
//!   engine: a buffer that is made within the function is not borrowed for long enough, and is
//!   refused.
//! - A buffer that is moved in is gone from its owner's hands for all of `'env`. The completion
//!   gives it back, with the same lifetime, once the kernel has let go of it. Reborrowing on the
//!   way shortens nothing, since `Scope` is invariant in `'env`.
//! - `mem::swap` of two scopes exchanges their engines, if both have the same `'env`: that is
//!   longer than both calls, and each engine is still dropped by one of them. No other `Scope` can
//!   be had to replace it with, and so it cannot be forgotten.
//! - A panic in a function that was given completions loses at most the completion that it was
//!   given. One in the scope's own function unwinds through `scope`. If the process aborts on
//!   panics, or leaves by `exit`, the memory lives until the kernel has waited for the requests, as
//!   part of the process's end (`exit_aio` in `fs/aio.c`).
//! - A fork is `unsafe`, and whoever does it within a scope owes what open(2) asks: no direct
//!   transfer is in flight on memory that the child gets a copy of.
//! - There is no version for async functions. A future can be forgotten while it is suspended, and
//!   then nothing unwinds.

use crate::aio::context::SetupError;
use crate::queue::batch::Batch;
use crate::queue::engine::{Engine, Transfer};
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::sys::errno::Errno;
use crate::sys::flags::{PollEvents, RwFlags};
use crate::sys::types::*;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::os::fd::BorrowedFd;
use std::time::Duration;
use std::vec::Vec;

/// Runs `run` with a [`Scope`], through which it may submit requests on buffers that are borrowed
/// for `'env`; then waits until none is in flight, also if it panics.
///
/// What `run` does not wait for itself is waited for at the end, as [`Queue`](crate::Queue) does
/// when it is dropped, and its result is not told. To make and to end a scope takes some tens of
/// milliseconds, even when nothing is in flight.
///
/// # Errors
///
/// See [`SetupError`]; then `run` was not called.
///
/// # Example: two halves of one buffer
///
/// ```
/// use aio_sys::{Borrowed, scope};
/// use std::num::NonZeroU32;
/// use std::os::fd::AsFd;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut bytes = [0; 64];
/// let (head, more) = bytes.split_at_mut(4);
/// scope(NonZeroU32::new(2).unwrap(), |scope| {
///     scope.batch(|batch| {
///         batch.read(file.as_fd(), head, 0).unwrap();
///         batch.read(file.as_fd(), more, 4).unwrap();
///     });
///     scope.wait(2, None, |completion| assert!(completion.result.is_ok()))
/// })??;
/// assert_eq!(&bytes[..4], b"\x7fELF");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scope<'env, R>(
    capacity: NonZeroU32,
    run: impl FnOnce(&mut Scope<'env>) -> R,
) -> Result<R, SetupError> {
    let mut scope = Scope { engine: Engine::new(capacity, false)?, invariant: PhantomData };
    Ok(run(&mut scope))
}

/// Asynchronous I/O on buffers that are borrowed for `'env`: see [`scope`].
///
/// It does what [`Queue`](crate::Queue) does, under the same names.
pub struct Scope<'env> {
    engine: Engine<Borrowed<'env>>,
    invariant: PhantomData<fn(&'env ()) -> &'env ()>,
}

/// Requests that go to the kernel together: a [`Batch`] with operations on borrowed buffers.
pub struct ScopeBatch<'s, 'fd, 'env>(Batch<'s, 'fd, Borrowed<'env>>);

/// A buffer that was lent to the kernel, as its [`Completion`] gives it back.
#[derive(Debug)]
pub enum Borrowed<'env> {
    /// Of a write.
    Shared(&'env [u8]),
    /// Of a read.
    Exclusive(&'env mut [u8]),
}

impl<'env> Borrowed<'env> {
    /// The buffer of a read.
    pub fn exclusive(self) -> Option<&'env mut [u8]> {
        match self {
            Borrowed::Exclusive(bytes) => Some(bytes),
            Borrowed::Shared(_) => None,
        }
    }

    /// Where the kernel reads, or writes if it is exclusive, and how much.
    fn address(&mut self) -> (*mut u8, usize) {
        match self {
            Borrowed::Shared(bytes) => (bytes.as_ptr().cast_mut(), bytes.len()),
            Borrowed::Exclusive(bytes) => (bytes.as_mut_ptr(), bytes.len()),
        }
    }
}

impl Deref for Borrowed<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Borrowed::Shared(bytes) => bytes,
            Borrowed::Exclusive(bytes) => bytes,
        }
    }
}

impl<'env> Scope<'env> {
    /// Requests whose completions were not handed out yet.
    pub fn outstanding(&self) -> usize {
        self.engine.outstanding()
    }

    /// How many more requests it would take in.
    pub fn free(&self) -> usize {
        self.engine.free()
    }

    /// Completions that can be handed out without waiting; no call.
    pub fn pending(&self) -> usize {
        self.engine.pending()
    }

    /// Submits what `fill` puts into the batch, as [`Queue::batch`](crate::Queue::batch) does.
    pub fn batch<'fd, R>(&mut self, fill: impl FnOnce(&mut ScopeBatch<'_, 'fd, 'env>) -> R) -> R {
        fill(&mut ScopeBatch(Batch::new(&mut self.engine)))
    }

    /// [`ScopeBatch::read`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read(
        &mut self,
        fd: BorrowedFd<'_>,
        buf: &'env mut [u8],
        offset: u64,
    ) -> Result<Token, Full<&'env mut [u8]>> {
        self.batch(|batch| batch.read(fd, buf, offset))
    }

    /// [`ScopeBatch::write`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write(
        &mut self,
        fd: BorrowedFd<'_>,
        buf: &'env [u8],
        offset: u64,
    ) -> Result<Token, Full<&'env [u8]>> {
        self.batch(|batch| batch.write(fd, buf, offset))
    }

    /// [`Batch::fsync`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fsync(&mut self, fd: BorrowedFd<'_>) -> Result<Token, Full<()>> {
        self.batch(|batch| batch.fsync(fd))
    }

    /// [`Batch::fdsync`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fdsync(&mut self, fd: BorrowedFd<'_>) -> Result<Token, Full<()>> {
        self.batch(|batch| batch.fdsync(fd))
    }

    /// [`Batch::poll`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn poll(&mut self, fd: BorrowedFd<'_>, events: PollEvents) -> Result<PollToken, Full<()>> {
        self.batch(|batch| batch.poll(fd, events))
    }

    /// Cancels a poll, as [`Queue::cancel`](crate::Queue::cancel) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        self.engine.cancel(poll)
    }

    /// Hands out the completions that are there, as [`Queue::reap`](crate::Queue::reap) does.
    pub fn reap(&mut self, visit: impl FnMut(Completion<Borrowed<'env>>)) -> usize {
        self.engine.reap(visit)
    }

    /// Hands out completions, at least `min`, as [`Queue::wait`](crate::Queue::wait) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        visit: impl FnMut(Completion<Borrowed<'env>>),
    ) -> Result<usize, Errno> {
        self.engine.wait(min, timeout, visit)
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outstanding, free) = (self.outstanding(), self.free());
        f.debug_struct("Scope")
            .field("outstanding", &outstanding)
            .field("free", &free)
            .finish_non_exhaustive()
    }
}

impl<'fd, 'env> ScopeBatch<'_, 'fd, 'env> {
    /// Reads at `offset` into all of `buf`; see [`Batch::read`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: &'env mut [u8],
        offset: u64,
    ) -> Result<Token, Full<&'env mut [u8]>> {
        self.read_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`read`](ScopeBatch::read), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: &'env mut [u8],
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<&'env mut [u8]>> {
        let buf = Borrowed::Exclusive(buf);
        let wanted = Transfer { opcode: IOCB_CMD_PREAD, fd, offset, flags };
        let queued = self.0.engine().transfer(wanted, buf, Borrowed::address);
        queued.map_err(|Full(buf)| match buf {
            Borrowed::Exclusive(buf) => Full(buf),
            Borrowed::Shared(_) => unreachable!("the buffer that was given"),
        })
    }

    /// Reads into one buffer after the other; see [`Batch::readv`]. The completion gives them back
    /// in [`bufs`](Completion::bufs).
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    ///
    /// # Example: a header and what follows it, by one request
    ///
    /// ```
    /// use aio_sys::scope;
    /// use std::num::NonZeroU32;
    /// use std::os::fd::AsFd;
    ///
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// let (mut magic, mut rest) = ([0; 4], [0; 60]);
    /// scope(NonZeroU32::MIN, |scope| {
    ///     scope.batch(|batch| batch.readv(file.as_fd(), vec![&mut magic, &mut rest], 0)).unwrap();
    ///     scope.wait(1, None, |completion| assert_eq!(completion.result, Ok(64)))
    /// })??;
    /// assert_eq!(&magic, b"\x7fELF");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn readv(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<&'env mut [u8]>,
        offset: u64,
    ) -> Result<Token, Full<Vec<&'env mut [u8]>>> {
        self.readv_with(fd, bufs, offset, RwFlags::NONE)
    }

    /// [`readv`](ScopeBatch::readv), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn readv_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<&'env mut [u8]>,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<Vec<&'env mut [u8]>>> {
        if self.free() == 0 {
            return Err(Full(bufs));
        }
        let wanted = Transfer { opcode: IOCB_CMD_PREADV, fd, offset, flags };
        self.vectored(wanted, bufs.into_iter().map(Borrowed::Exclusive))
    }

    /// Writes one buffer after the other; see [`Batch::writev`]. The completion gives them back in
    /// [`bufs`](Completion::bufs).
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn writev(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<&'env [u8]>,
        offset: u64,
    ) -> Result<Token, Full<Vec<&'env [u8]>>> {
        self.writev_with(fd, bufs, offset, RwFlags::NONE)
    }

    /// [`writev`](ScopeBatch::writev), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn writev_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<&'env [u8]>,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<Vec<&'env [u8]>>> {
        if self.free() == 0 {
            return Err(Full(bufs));
        }
        let wanted = Transfer { opcode: IOCB_CMD_PWRITEV, fd, offset, flags };
        self.vectored(wanted, bufs.into_iter().map(Borrowed::Shared))
    }

    /// There is a free slot. `lent` are exclusive if `wanted` is a read.
    fn vectored<T>(
        &mut self,
        wanted: Transfer<'fd>,
        lent: impl Iterator<Item = Borrowed<'env>>,
    ) -> Result<Token, Full<T>> {
        let queued = self.0.engine().vectored(wanted, lent.collect(), Borrowed::address);
        queued.map_err(|Full(_)| unreachable!("there is a free slot"))
    }

    /// Writes all of `buf` at `offset`; see [`Batch::write`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: &'env [u8],
        offset: u64,
    ) -> Result<Token, Full<&'env [u8]>> {
        self.write_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`write`](ScopeBatch::write), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: &'env [u8],
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<&'env [u8]>> {
        let lent = Borrowed::Shared(buf);
        let wanted = Transfer { opcode: IOCB_CMD_PWRITE, fd, offset, flags };
        let queued = self.0.engine().transfer(wanted, lent, Borrowed::address);
        queued.map_err(|_| Full(buf))
    }
}

/// Syncs and polls, which have no buffer.
impl<'s, 'fd, 'env> Deref for ScopeBatch<'s, 'fd, 'env> {
    type Target = Batch<'s, 'fd, Borrowed<'env>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for ScopeBatch<'_, '_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for ScopeBatch<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
