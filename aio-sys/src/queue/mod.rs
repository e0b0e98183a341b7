//! Asynchronous I/O on buffers that the queue owns.

pub(crate) mod batch;
pub(crate) mod buf;
pub(crate) mod engine;
#[cfg(feature = "mio")]
mod mio;
pub(crate) mod request;
pub(crate) mod scope;
mod slots;

use crate::aio::background;
use crate::aio::context::{Capacity, SetupError};
use crate::queue::batch::Batch;
use crate::queue::buf::{IoBuf, IoBufMut};
use crate::queue::engine::Engine;
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::sys::errno::Errno;
use crate::sys::flags::PollEvents;
use crate::sys::raw;
use std::fmt;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Asynchronous reads, writes, syncs and polls, with buffers that are moved in and come back with
/// the completion.
///
/// - Every request that was taken in ends in exactly one [`Completion`], whether the kernel refuses
///   it at submission or it fails later. [`Full`] gives back what was not taken in.
/// - As many requests can be in flight as the queue was made for; it never runs out of the kernel's
///   places before.
/// - [`batch`](Queue::batch) submits any number of requests by one call. Completions are read from
///   the ring, without a call, unless it is necessary to wait.
/// - Nothing is allocated once the queue is made.
/// - To drop it at any time is to wait until the kernel has let go of the buffers, which takes some
///   tens of milliseconds even when nothing is in flight
///   ([`into_background`](Queue::into_background) waits elsewhere). To forget it is to leak them.
///   Should the kernel refuse to be waited for, which only a filter can cause, the process is
///   aborted rather than memory freed that the kernel writes to.
/// - After a fork, the child's copy is dead: requests end in `EINVAL`, nothing is waited for,
///   buffers in flight are leaked, and the parent's requests and events are not touched. What
///   open(2) asks of those who fork while direct transfers are in flight is not lifted: see
///   [`Context`](crate::Context#after-a-fork).
///
/// A descriptor has to be open until its request is submitted, and no longer: the kernel holds the
/// file.
///
/// Linux 3.16 or later: see [`Context`](crate::Context#minimum-kernel), also for
/// [when a submission blocks](crate::Context#blocking).
///
/// # Example: two reads, one call
///
/// ```
/// use aio_sys::Queue;
/// use std::num::NonZeroU32;
/// use std::os::fd::AsFd;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut queue = Queue::<Vec<u8>>::new(NonZeroU32::new(8).unwrap())?;
/// let (head, more) = queue.batch(|batch| {
///     let head = batch.read(file.as_fd(), vec![0; 4], 0).unwrap();
///     let more = batch.read(file.as_fd(), vec![0; 64], 4).unwrap();
///     (head, more)
/// });
/// assert_ne!(head, more);
/// queue.wait(2, None, |completion| {
///     let (bytes, buf) = (completion.result.unwrap(), completion.buf.unwrap());
///     assert_eq!(bytes, buf.len());
///     if completion.token == head {
///         assert_eq!(buf, b"\x7fELF");
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<B>(pub(crate) Engine<B>);

impl<B> Queue<B> {
    /// A queue for `capacity` requests in flight.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn new(capacity: NonZeroU32) -> Result<Queue<B>, SetupError>
    where
        B: IoBuf,
    {
        Engine::new(capacity, false).map(Queue)
    }

    /// A queue that has an eventfd, which the kernel signals for each completion.
    ///
    /// It is what an event loop waits for. When it is readable:
    /// [`clear_eventfd`](Queue::clear_eventfd), then [`reap`](Queue::reap), in this order. The
    /// counter may be higher than the number of completions that are found, or lower, and says
    /// nothing but that it is worth while to look. A request that the kernel refuses does not
    /// signal it: look at [`pending`](Queue::pending) after submitting.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]; those of eventfd2(2), of which `EMFILE` and `ENFILE` are usual.
    ///
    /// # Kernel
    ///
    /// Since 2.6.22; `fs/aio.c`, io_submit(2), eventfd2(2).
    pub fn with_eventfd(capacity: NonZeroU32) -> Result<Queue<B>, SetupError>
    where
        B: IoBuf,
    {
        Engine::new(capacity, true).map(Queue)
    }

    /// The eventfd, if the queue was made with one. It does not block.
    pub fn eventfd(&self) -> Option<BorrowedFd<'_>> {
        self.0.eventfd().map(AsFd::as_fd)
    }

    /// Reads the eventfd, so that it signals anew; what it counted. 0 if there is none, and in a
    /// child, which shares the counter with its parent.
    ///
    /// Nothing else should read it: whoever does takes the signals of completions, which are then
    /// found by the next `reap` that is made for another reason.
    pub fn clear_eventfd(&self) -> u64 {
        let mut count = 0u64;
        if let Some(fd) = self.0.eventfd().filter(|_| self.0.context().is_ours()) {
            // SAFETY: the kernel writes 8 bytes to `count`. If there is nothing to read, it leaves
            // it at 0.
            unsafe { raw::read(fd.as_raw_fd() as _, (&raw mut count).cast(), size_of::<u64>()) };
        }
        count
    }

    /// What the context under the queue has room for. The queue uses `requested` of it.
    pub fn capacity(&self) -> Capacity {
        self.0.context().capacity()
    }

    /// Requests whose completions were not handed out yet.
    pub fn outstanding(&self) -> usize {
        self.0.outstanding()
    }

    /// How many more requests it would take in.
    pub fn free(&self) -> usize {
        self.0.free()
    }

    /// Completions that can be handed out without waiting; no call.
    pub fn pending(&self) -> usize {
        self.0.pending()
    }

    /// Submits what `fill` puts into the batch, by one call of io_submit(2).
    ///
    /// There are more calls if the kernel refuses a request: one that tells why, and one for what
    /// comes after. A vectored request may be submitted early, when those of one batch have
    /// more than 1024 buffers together. If `fill` panics, what it had put in is submitted all
    /// the same.
    ///
    /// The call blocks for as long as the file system does; see [`io_submit`](crate::io_submit).
    pub fn batch<'fd, R>(&mut self, fill: impl FnOnce(&mut Batch<'_, 'fd, B>) -> R) -> R {
        fill(&mut Batch::new(&mut self.0))
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

    /// Cancels a poll. `true` if the kernel has begun to: the completion follows, with 0, or with
    /// events if the file became ready at the same time. `false` if the poll has completed or is
    /// about to.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: in a child, the queue being its parent's.
    /// - `ENOSYS`, `EPERM`: a filter forbids the call, or answers without making it.
    ///
    /// # Kernel
    ///
    /// Since 4.19; `fs/aio.c`, io_cancel(2).
    ///
    /// # Example: waiting no longer
    ///
    /// ```
    /// use aio_sys::{PollEvents, Queue};
    /// use std::num::NonZeroU32;
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::os::unix::net::UnixStream::pair()?;
    /// let mut queue = Queue::<Vec<u8>>::new(NonZeroU32::MIN)?;
    /// let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    /// assert!(queue.cancel(poll)?);
    /// queue.wait(1, None, |completion| {
    ///     assert!(completion.token == poll && completion.result == Ok(0));
    /// })?;
    /// assert!(!queue.cancel(poll)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        self.0.cancel(poll)
    }

    /// Hands out the completions that are there, and returns how many. It does not wait, and makes
    /// no call unless the ring cannot be read.
    ///
    /// If `visit` panics, what it has been given is gone, and the rest is handed out the next time.
    pub fn reap(&mut self, visit: impl FnMut(Completion<B>)) -> usize {
        self.0.reap(visit)
    }

    /// Hands out completions, at least `min`: it waits if fewer are there.
    ///
    /// It waits for no more than are in flight, so that it comes back. Fewer than `min` are handed
    /// out if the timeout passes, or a signal arrives after some were.
    ///
    /// # Errors
    ///
    /// - `EINTR`: a signal arrived before any completion.
    /// - `EINVAL`: in a child, the queue being its parent's.
    /// - `ENOSYS`, `EPERM`: a filter forbids the call.
    pub fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        visit: impl FnMut(Completion<B>),
    ) -> Result<usize, Errno> {
        self.0.wait(min, timeout, visit)
    }

    /// Ends it: polls are cancelled, all else is waited for, and buffers that did not come back are
    /// freed.
    ///
    /// # Errors
    ///
    /// Those of [`io_destroy`](crate::io_destroy). If requests are in flight, their buffers are
    /// leaked, since the kernel may still use them.
    pub fn close(self) -> Result<(), Errno> {
        self.0.close()
    }

    /// Ends it on another thread, and returns at once. If there can be no thread, it waits here.
    ///
    /// There are at most eight such threads, and they end when nothing is left to do. Buffers, and
    /// the quota (`fs.aio-max-nr`), come back only then. A request that takes long holds up its
    /// thread.
    pub fn into_background(self)
    where
        B: Send + 'static,
    {
        background::drop(self);
    }

    /// [`Batch::read`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read(&mut self, fd: BorrowedFd<'_>, buf: B, offset: u64) -> Result<Token, Full<B>>
    where
        B: IoBufMut,
    {
        self.batch(|batch| batch.read(fd, buf, offset))
    }

    /// [`Batch::write`], alone.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write(&mut self, fd: BorrowedFd<'_>, buf: B, offset: u64) -> Result<Token, Full<B>>
    where
        B: IoBuf,
    {
        self.batch(|batch| batch.write(fd, buf, offset))
    }
}

impl<B> fmt::Debug for Queue<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outstanding, free) = (self.outstanding(), self.free());
        f.debug_struct("Queue")
            .field("outstanding", &outstanding)
            .field("free", &free)
            .finish_non_exhaustive()
    }
}
