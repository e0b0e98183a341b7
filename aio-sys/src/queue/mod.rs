//! Asynchronous I/O on buffers that the queue owns.

pub(crate) mod batch;
pub(crate) mod buf;
pub(crate) mod engine;
#[cfg(feature = "mio")]
mod mio;
pub mod op;
pub(crate) mod request;
pub(crate) mod scope;
pub(crate) mod shared;
mod slots;

use crate::aio::background;
use crate::aio::context::{Capacity, SetupError};
use crate::aio::wait::OnSignal;
use crate::queue::batch::Batch;
use crate::queue::buf::{IoBuf, IoBufMut};
use crate::queue::engine::{Completions, Engine, Signal};
use crate::queue::op::{Lend, LendMut, Op, Operation, Transferred};
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::queue::shared::{Reaper, Submitter};
use crate::sys::errno::Errno;
use crate::sys::raw;
use std::fmt;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Asynchronous reads, writes, syncs and polls, with buffers that are moved into the queue and
/// returned with the completion. The module [`op`](crate::op) lists the operations, and the
/// [how-to](crate::howto) has examples of common tasks.
///
/// - Every accepted request yields exactly one [`Completion`](crate::Completion), whether the
///   kernel refuses it at submission or it fails later. [`Full`] returns what was not accepted.
/// - Up to `capacity` requests can be in flight. Below that, the kernel always has a free slot.
/// - [`batch`](Queue::batch) submits any number of requests by one system call. Completions are
///   read from the ring in user space: waiting makes a system call only if fewer are ready.
/// - Nothing is allocated after the queue was created.
/// - The system calls that it makes are listed in the [how-to](crate::howto#seccomp-filters).
///
/// # Shutdown
///
/// Dropping the queue cancels its polls and blocks until all other requests have completed: some
/// tens of milliseconds even when nothing is in flight. The [how-to](crate::howto#shutdown)
/// compares the other ways. Forgetting the queue (`mem::forget`) leaks its buffers. If
/// io_destroy(2) fails while requests are in flight, which only a seccomp filter can cause, the
/// process aborts: memory that the kernel may write to is never freed.
///
/// # After a fork
///
/// In a forked child the queue is inert: requests yield `EINVAL`, nothing is waited for, buffers in
/// flight are leaked, and the parent's requests and events are not touched. Do not fork while
/// `O_DIRECT` requests are in flight: see [`Context`](crate::Context#after-a-fork).
///
/// # Kernel
///
/// Since Linux 3.16: see [`Context`](crate::Context#minimum-kernel), also for
/// [when a submission blocks](crate::Context#blocking).
///
/// # Example: two reads, one system call
///
/// ```
/// use aio_sys::{Queue, op};
/// use std::num::NonZeroU32;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut queue = Queue::new(NonZeroU32::new(8).unwrap())?;
/// let (head, _) = queue.batch(|batch| {
///     let head = batch.push(op::read_at(&file, vec![0; 4], 0)).unwrap();
///     (head, batch.push(op::read_at(&file, vec![0; 64], 4)).unwrap())
/// });
/// for completion in queue.wait(2, None)? {
///     let (bytes, buf) = (completion.result?, completion.buf.unwrap());
///     assert_eq!(bytes, buf.len());
///     if completion.token == head {
///         assert_eq!(buf, b"\x7fELF");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// A queue can be forgotten, and then nothing waits for the kernel, so it must not hold borrowed
// buffers. For that reason every constructor requires `IoBuf`, which is `'static`.
pub struct Queue<B>(pub(crate) Engine<B>);

impl<B> Queue<B> {
    /// A queue for up to `capacity` requests in flight.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn new(capacity: NonZeroU32) -> Result<Queue<B>, SetupError>
    where
        B: IoBuf,
    {
        Engine::new(capacity, Signal::Nothing).map(Queue)
    }

    /// A queue with an eventfd of its own, which is signalled for each completion: for
    /// [event loops](crate::howto#event-loops).
    ///
    /// When the eventfd is readable, call [`clear_eventfd`](Queue::clear_eventfd) first, and then
    /// [`reap`](Queue::reap). The counter is only a hint: it may be higher or lower than the number
    /// of completions.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]; those of eventfd2(2), such as `EMFILE` and `ENFILE`.
    ///
    /// # Kernel
    ///
    /// Since Linux 2.6.27; `fs/aio.c`, io_submit(2), eventfd2(2).
    pub fn with_eventfd(capacity: NonZeroU32) -> Result<Queue<B>, SetupError>
    where
        B: IoBuf,
    {
        Engine::new(capacity, Signal::Own).map(Queue)
    }

    /// A queue that signals the caller's eventfd for each completion. Several queues may share one.
    /// The queue keeps a duplicate of the descriptor.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]; those of fcntl(2), such as `EMFILE`; `EINVAL`, of io_submit(2), if the
    /// descriptor is not an eventfd (before Linux 4.13 every request yields it instead).
    ///
    /// # Kernel
    ///
    /// Since Linux 2.6.22; `fs/aio.c`, io_submit(2).
    pub fn with_shared_eventfd(
        capacity: NonZeroU32,
        eventfd: impl AsFd,
    ) -> Result<Queue<B>, SetupError>
    where
        B: IoBuf,
    {
        Engine::new(capacity, Signal::Shared(eventfd.as_fd())).map(Queue)
    }

    /// A queue in two halves: any number of threads submit, while one thread waits for completions.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]; those of eventfd2(2); `ENOSYS`, of io_submit(2), before Linux 4.19.
    ///
    /// # Kernel
    ///
    /// Since Linux 4.19, because the waiting thread is woken by a poll; `fs/aio.c`.
    ///
    /// # Example: writers, and one thread that takes the results
    ///
    /// ```
    /// use aio_sys::{Queue, op};
    /// use std::num::NonZeroU32;
    /// use std::thread;
    ///
    /// # let path = std::env::temp_dir().join(format!("aio-sys-split-{}", std::process::id()));
    /// let file = std::fs::File::create(&path)?;
    /// let (submitter, mut reaper) = Queue::split(NonZeroU32::new(8).unwrap())?;
    /// let written = thread::scope(|threads| {
    ///     for thread in 0..4u8 {
    ///         let (submitter, file) = (submitter.clone(), &file);
    ///         threads.spawn(move || {
    ///             let record = op::write_at(file, vec![thread; 16], u64::from(thread) * 16);
    ///             submitter.submit(record).unwrap();
    ///         });
    ///     }
    ///     // When the last one is dropped, the wait below ends.
    ///     drop(submitter);
    ///     let mut written = 0;
    ///     loop {
    ///         let completions = reaper.wait(1, None)?;
    ///         if completions.len() == 0 {
    ///             return Ok::<_, std::io::Error>(written);
    ///         }
    ///         for completion in completions {
    ///             written += completion.result?;
    ///         }
    ///     }
    /// })?;
    /// assert_eq!(written, 64);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(capacity: NonZeroU32) -> Result<(Submitter<B>, Reaper<B>), SetupError>
    where
        B: IoBuf,
    {
        shared::split(capacity)
    }

    /// The eventfd, if the queue has one. The queue's own eventfd is non-blocking.
    pub fn eventfd(&self) -> Option<BorrowedFd<'_>> {
        self.0.eventfd().map(AsFd::as_fd)
    }

    /// Reads the eventfd, so that it becomes readable again only with the next completion, and
    /// returns its counter. Returns 0 if there is no eventfd, and in a forked child, which shares
    /// the counter with its parent. It blocks if the descriptor is blocking and the counter is 0.
    pub fn clear_eventfd(&self) -> u64 {
        let mut count = 0u64;
        if let Some(fd) = self.0.eventfd().filter(|_| self.0.context().is_ours()) {
            // SAFETY: the kernel writes at most 8 bytes, to `count`. If the counter is 0, it writes
            // nothing.
            unsafe { raw::read(fd.as_raw_fd() as _, (&raw mut count).cast(), size_of::<u64>()) };
        }
        count
    }

    /// The capacity of the kernel's context. The queue uses `requested` of it.
    pub fn capacity(&self) -> Capacity {
        self.0.context().capacity()
    }

    /// The number of requests whose completions were not delivered yet.
    pub fn outstanding(&self) -> usize {
        self.0.outstanding()
    }

    /// How many more requests it accepts.
    pub fn free(&self) -> usize {
        self.0.free()
    }

    /// The number of completions that are ready. Makes no system call. After an iterator was
    /// forgotten (`mem::forget`), the number includes the completions that it has yielded, until
    /// the next call that delivers completions.
    pub fn pending(&self) -> usize {
        self.0.pending()
    }

    /// Submits an operation.
    ///
    /// The call blocks for as long as the file system does: see
    /// [`Context`](crate::Context#blocking).
    ///
    /// # Errors
    ///
    /// - [`Full`], which returns the buffers.
    /// - An operation that the kernel refuses is accepted, and yields a
    ///   [`Completion`](crate::Completion) with the error. So does every operation in a forked
    ///   child: `EINVAL`.
    #[inline]
    pub fn submit<K: Operation<B>>(&mut self, op: Op<'_, K>) -> Result<K::Token, Full<K::Buffers>> {
        Batch::new(&mut self.0).push(op)
    }

    /// Submits the operations that `fill` pushes to the batch, by one call of io_submit(2).
    ///
    /// There are more calls if the kernel refuses a request: one that returns the error, and one
    /// for the requests after it. A part of the batch may be submitted early if its vectored
    /// requests have more than 1024 buffers together. If `fill` panics, what is in the batch is
    /// submitted.
    ///
    /// With `O_DIRECT` keep batches small: see the [how-to](crate::howto#direct-io-o_direct). It
    /// blocks as [`submit`](Queue::submit) does.
    #[inline]
    pub fn batch<'fd, R>(&mut self, fill: impl FnOnce(&mut Batch<'_, 'fd, B>) -> R) -> R {
        fill(&mut Batch::new(&mut self.0))
    }

    /// Cancels a poll. `true` if the kernel has cancelled it: it completes with 0, or with the
    /// events that it found just before. `false` if it has completed, or is about to.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the queue belongs to the process that forked this one.
    /// - `ENOSYS`, `EPERM`: a seccomp filter forbids the call, or returns without making it.
    ///
    /// # Kernel
    ///
    /// Since Linux 4.19; `fs/aio.c`, io_cancel(2).
    ///
    /// # Example
    ///
    /// ```
    /// use aio_sys::{PollEvents, Queue, op};
    /// use std::num::NonZeroU32;
    ///
    /// let (reader, _writer) = std::os::unix::net::UnixStream::pair()?;
    /// let mut queue = Queue::<Vec<u8>>::new(NonZeroU32::MIN)?;
    /// let poll = queue.submit(op::poll(&reader, PollEvents::IN))?;
    /// assert!(queue.cancel(poll)?);
    /// let completion = queue.wait(1, None)?.next().unwrap();
    /// assert!(completion.token == poll && completion.result == Ok(0));
    /// assert!(!queue.cancel(poll)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        self.0.cancel(poll)
    }

    /// Delivers the completions that are ready. It does not wait, and makes no system call unless
    /// the ring cannot be read.
    ///
    /// A completion is taken when the iterator yields it. If the iterator is dropped before its
    /// end, the next call delivers the rest.
    #[inline]
    pub fn reap(&mut self) -> Completions<'_, B> {
        self.0.reap()
    }

    /// Waits until at least `min` completions are ready, and delivers all that are.
    ///
    /// It waits for no more completions than there are requests in flight, so it always returns.
    /// There are fewer than `min` if the timeout passes. After an interruption by a signal it
    /// continues to wait: see [`Context::getevents`](crate::Context::getevents).
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the queue belongs to the process that forked this one.
    /// - `ENOSYS`, `EPERM`: a seccomp filter forbids the call.
    ///
    /// # Example: until an error
    ///
    /// ```
    /// # use aio_sys::{Queue, op};
    /// # use std::num::NonZeroU32;
    /// # fn main() -> std::io::Result<()> {
    /// # let file = std::fs::File::open("/proc/self/exe")?;
    /// # let mut queue = Queue::new(NonZeroU32::new(8).unwrap())?;
    /// # queue.submit(op::read_at(&file, vec![0; 4], 0)).unwrap();
    /// for completion in queue.wait(1, None)? {
    ///     println!("{} bytes", completion.result?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
    ) -> Result<Completions<'_, B>, Errno> {
        self.0.wait(min, timeout, OnSignal::Continue)
    }

    /// [`wait`](Queue::wait), but returns when a signal interrupts it.
    ///
    /// # Errors
    ///
    /// - `EINTR`: a signal arrived before any completion.
    /// - Same as [`wait`](Queue::wait).
    #[inline]
    pub fn wait_interruptible(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
    ) -> Result<Completions<'_, B>, Errno> {
        self.0.wait(min, timeout, OnSignal::Return)
    }

    /// Waits until a request has completed, and returns its completion. Other completions that
    /// arrive meanwhile are delivered later. `None` if its completion was delivered before.
    ///
    /// # Errors
    ///
    /// Same as [`wait`](Self::wait).
    pub fn wait_for(&mut self, token: impl Into<Token>) -> Result<Option<Completion<B>>, Errno> {
        self.0.wait_for(token.into())
    }

    /// Reads at `offset` until `buf` is full or the file ends, waits for it, and returns how many
    /// bytes were read. Other completions that arrive meanwhile are delivered later.
    ///
    /// # Errors
    ///
    /// In the inner result: those of [`op::read_at`](crate::op::read_at), except that what was read
    /// before an error counts; `EAGAIN` if the queue is full. The outer error is that of
    /// [`wait_for`](Self::wait_for): then the buffer stays in the queue.
    ///
    /// # Example
    ///
    /// ```
    /// use aio_sys::Queue;
    /// use std::num::NonZeroU32;
    ///
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// let mut queue = Queue::new(NonZeroU32::MIN)?;
    /// let (result, buf) = queue.read_exact_at(&file, vec![0; 64], 0)?;
    /// assert_eq!((result, &buf[..4]), (Ok(64), b"\x7fELF".as_slice()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_exact_at(
        &mut self,
        fd: impl AsFd,
        buf: B,
        offset: u64,
    ) -> Result<Transferred<B>, Errno>
    where
        B: IoBufMut,
    {
        self.0.transfer_all(
            op::read_at(fd.as_fd(), (), offset).iocb(),
            buf,
            <B as LendMut<B>>::target,
        )
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
    pub fn write_all_at(
        &mut self,
        fd: impl AsFd,
        buf: B,
        offset: u64,
    ) -> Result<Transferred<B>, Errno>
    where
        B: IoBuf,
    {
        self.0.transfer_all(
            op::write_at(fd.as_fd(), (), offset).iocb(),
            buf,
            <B as Lend<B>>::source,
        )
    }

    /// Cancels all polls, waits for all other requests, and delivers their completions.
    ///
    /// # Errors
    ///
    /// Same as [`wait`](Queue::wait).
    pub fn drain(&mut self) -> Result<Completions<'_, B>, Errno> {
        self.0.cancel_polls()?;
        self.0.wait(usize::MAX, None, OnSignal::Continue)
    }

    /// Closes the queue: polls are cancelled, all other requests are waited for, and buffers whose
    /// completions were not delivered are freed.
    ///
    /// # Errors
    ///
    /// Those of [`Context::close`](crate::Context::close). Then the buffers of requests in flight
    /// are leaked, since the kernel may still use them.
    pub fn close(self) -> Result<(), Errno> {
        self.0.close()
    }

    /// Closes the queue on another thread, and returns at once: same as
    /// [`Context::into_background`](crate::Context::into_background). Buffers are freed only when
    /// their requests have completed.
    pub fn into_background(self)
    where
        B: Send + 'static,
    {
        background::drop(self);
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
