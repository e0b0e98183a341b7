//! Asynchronous I/O on borrowed buffers.
//!
//! # Why it is sound
//!
//! The kernel may use a borrowed buffer only as long as it is borrowed, and any value that would
//! wait for the kernel in its `drop` can be forgotten (`mem::forget`). So the user never owns such
//! a value: [`scope`] keeps the engine in its own stack frame, lends it by `&mut`, and drops it
//! when the function has returned or has unwound. The engine's `drop` calls io_destroy(2), which
//! cancels the polls and waits for all other requests; if that fails, the process is aborted.
//!
//! - `'env` is a parameter of [`scope`], so it outlives the call and the engine. The compiler
//!   refuses a buffer that is created within the function: it is not borrowed for long enough.
//! - A buffer that is passed in is borrowed for all of `'env`. The completion returns it, with the
//!   same lifetime, when the kernel does not use it any more. A reborrow cannot shorten the
//!   lifetime, since `Scope` is invariant in `'env`.
//! - `mem::swap` of two scopes exchanges their engines, if both have the same `'env`: that outlives
//!   both calls, and each engine is still dropped by one of them. There is no other way to get a
//!   `Scope` by value, so none can be moved out and forgotten.
//! - A panic while completions are processed loses at most the completion that was yielded. A panic
//!   in the scope's function unwinds through `scope`. If the process aborts or exits, the kernel
//!   waits for the requests before it frees the memory (`exit_aio` in `fs/aio.c`).
//! - fork(2) is `unsafe`. Code that forks within a scope must ensure what open(2) requires: no
//!   `O_DIRECT` request is in flight on memory that the child gets a copy of.
//! - There is no version for async functions: a future can be forgotten while it is suspended, and
//!   then the scope is not dropped.

use crate::aio::context::SetupError;
use crate::aio::wait::OnSignal;
use crate::queue::batch::Batch;
use crate::queue::engine::{Completions, Engine, Signal};
use crate::queue::op::{self, Lend, LendMut, Op, Operation, Transferred};
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::sys::errno::Errno;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::time::Duration;

/// Calls `run` with a [`Scope`], which submits requests on buffers that are borrowed for `'env`;
/// then waits until none is in flight, also if `run` panics.
///
/// At the end, the requests that `run` has not waited for are waited for, as when a
/// [`Queue`](crate::Queue#shutdown) is dropped, and their results are lost. Creating and ending a
/// scope takes some tens of milliseconds, even when nothing is in flight.
///
/// # Errors
///
/// See [`SetupError`]; then `run` was not called.
///
/// # Example: two halves of one buffer
///
/// ```
/// use aio_sys::{op, scope};
/// use std::num::NonZeroU32;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut bytes = [0; 64];
/// let (head, more) = bytes.split_at_mut(4);
/// scope(NonZeroU32::new(2).unwrap(), |scope| -> std::io::Result<()> {
///     scope.batch(|batch| {
///         batch.push(op::read_at(&file, head, 0)).unwrap();
///         batch.push(op::read_at(&file, more, 4)).unwrap();
///     });
///     for completion in scope.wait(2, None)? {
///         completion.result?;
///     }
///     Ok(())
/// })??;
/// assert_eq!(&bytes[..4], b"\x7fELF");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scope<'env, R>(
    capacity: NonZeroU32,
    run: impl FnOnce(&mut Scope<'env>) -> R,
) -> Result<R, SetupError> {
    let engine = Engine::new(capacity, Signal::Nothing)?;
    let mut scope = Scope { engine, invariant: PhantomData };
    Ok(run(&mut scope))
}

/// Asynchronous I/O on buffers that are borrowed for `'env`: see [`scope`].
///
/// It accepts the same [operations](crate::op) as [`Queue`](crate::Queue), and its methods do the
/// same as those of `Queue` with the same names. Buffers are `&'env [u8]` for writes and
/// `&'env mut [u8]` for reads.
pub struct Scope<'env> {
    engine: Engine<Borrowed<'env>>,
    invariant: PhantomData<fn(&'env ()) -> &'env ()>,
}

/// A borrowed buffer, as its [`Completion`](crate::Completion) returns it.
pub enum Borrowed<'env> {
    /// The buffer of a write.
    Shared(&'env [u8]),
    /// The buffer of a read.
    Exclusive(&'env mut [u8]),
}

impl<'env> Borrowed<'env> {
    /// The buffer of a read; `None` for that of a write.
    pub fn exclusive(self) -> Option<&'env mut [u8]> {
        match self {
            Borrowed::Exclusive(bytes) => Some(bytes),
            Borrowed::Shared(_) => None,
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

impl fmt::Debug for Borrowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Borrowed::Shared(_) => "Shared",
            Borrowed::Exclusive(_) => "Exclusive",
        };
        f.debug_struct(name).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<'env> Scope<'env> {
    /// Same as [`Queue::outstanding`](crate::Queue::outstanding).
    pub fn outstanding(&self) -> usize {
        self.engine.outstanding()
    }

    /// Same as [`Queue::free`](crate::Queue::free).
    pub fn free(&self) -> usize {
        self.engine.free()
    }

    /// Same as [`Queue::pending`](crate::Queue::pending).
    pub fn pending(&self) -> usize {
        self.engine.pending()
    }

    /// Submits an operation: same as [`Queue::submit`](crate::Queue::submit).
    ///
    /// # Errors
    ///
    /// [`Full`], which returns the buffers.
    pub fn submit<K: Operation<Borrowed<'env>>>(
        &mut self,
        op: Op<'_, K>,
    ) -> Result<K::Token, Full<K::Buffers>> {
        Batch::new(&mut self.engine).push(op)
    }

    /// Submits the operations that `fill` pushes to the batch, by one system call: same as
    /// [`Queue::batch`](crate::Queue::batch).
    pub fn batch<'fd, R>(
        &mut self,
        fill: impl FnOnce(&mut Batch<'_, 'fd, Borrowed<'env>>) -> R,
    ) -> R {
        fill(&mut Batch::new(&mut self.engine))
    }

    /// Cancels a poll: same as [`Queue::cancel`](crate::Queue::cancel).
    ///
    /// # Errors
    ///
    /// Same as [`Queue::cancel`](crate::Queue::cancel).
    pub fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        self.engine.cancel(poll)
    }

    /// Delivers the completions that are ready: same as [`Queue::reap`](crate::Queue::reap).
    pub fn reap(&mut self) -> Completions<'_, Borrowed<'env>> {
        self.engine.reap()
    }

    /// Waits until at least `min` completions are ready, and delivers all that are: same as
    /// [`Queue::wait`](crate::Queue::wait).
    ///
    /// # Errors
    ///
    /// Same as [`Queue::wait`](crate::Queue::wait).
    pub fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
    ) -> Result<Completions<'_, Borrowed<'env>>, Errno> {
        self.engine.wait(min, timeout, OnSignal::Continue)
    }

    /// [`wait`](Scope::wait), but returns when a signal interrupts it.
    ///
    /// # Errors
    ///
    /// Same as [`Queue::wait_interruptible`](crate::Queue::wait_interruptible).
    pub fn wait_interruptible(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
    ) -> Result<Completions<'_, Borrowed<'env>>, Errno> {
        self.engine.wait(min, timeout, OnSignal::Return)
    }

    /// Waits until a request has completed, and returns its completion. Other completions that
    /// arrive meanwhile are delivered later. `None` if its completion was delivered before.
    ///
    /// # Errors
    ///
    /// Same as [`wait`](Self::wait).
    pub fn wait_for(
        &mut self,
        token: impl Into<Token>,
    ) -> Result<Option<Completion<Borrowed<'env>>>, Errno> {
        self.engine.wait_for(token.into())
    }

    /// Reads at `offset` until `buf` is full or the file ends, waits for it, and returns how many
    /// bytes were read. Other completions that arrive meanwhile are delivered later.
    ///
    /// # Errors
    ///
    /// In the inner result: those of [`op::read_at`](crate::op::read_at), except that what was read
    /// before an error counts; `EAGAIN` if the queue is full. The outer error is that of
    /// [`wait_for`](Self::wait_for): then the buffer stays in the queue.
    pub fn read_exact_at<T: LendMut<Borrowed<'env>>>(
        &mut self,
        fd: impl AsFd,
        buf: T,
        offset: u64,
    ) -> Result<Transferred<Borrowed<'env>>, Errno> {
        let iocb = op::read_at(fd.as_fd(), (), offset).iocb();
        self.engine.transfer_all(iocb, buf.lend_mut(), T::target)
    }

    /// Writes all of `buf` at `offset`, waits for it, and returns its length. Other completions
    /// that arrive meanwhile are delivered later.
    ///
    /// # Errors
    ///
    /// In the inner result: those of [`op::write_at`](crate::op::write_at), and `EIO` if the kernel
    /// writes nothing and returns no error: a part may have been written; `EAGAIN` if the queue is
    /// full. The outer error is that of [`wait_for`](Self::wait_for): then the buffer stays in the
    /// queue.
    pub fn write_all_at<T: Lend<Borrowed<'env>>>(
        &mut self,
        fd: impl AsFd,
        buf: T,
        offset: u64,
    ) -> Result<Transferred<Borrowed<'env>>, Errno> {
        let iocb = op::write_at(fd.as_fd(), (), offset).iocb();
        self.engine.transfer_all(iocb, buf.lend(), T::source)
    }

    /// Cancels all polls, waits for all other requests, and delivers their completions.
    ///
    /// # Errors
    ///
    /// Same as [`Queue::wait`](crate::Queue::wait).
    pub fn drain(&mut self) -> Result<Completions<'_, Borrowed<'env>>, Errno> {
        self.engine.cancel_polls()?;
        self.engine.wait(usize::MAX, None, OnSignal::Continue)
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
