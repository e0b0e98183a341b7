//! Asynchronous I/O for tasks of tokio. (Feature `tokio`.)
//!
//! A [`Queue`] is a handle that tasks share. It wraps one [`crate::Queue`], and accepts the same
//! [operations](crate::op).
//!
//! # Why the buffers are owned
//!
//! A future can be dropped or forgotten at any time, while the kernel continues to read into the
//! buffer. So the buffer is moved into the request, and returned with the result.
//!
//! # Why the descriptor should be in an `Arc`
//!
//! If the descriptor is an `Arc`, the request is submitted together with those of other tasks, by
//! one system call, after the tasks that are ready have run. If nothing is in flight, it is
//! submitted at once. A request whose descriptor is borrowed is always submitted at once, by a
//! system call of its own, since its future may be dropped and the descriptor closed. For the same
//! reason [`Builder::nowait`] needs an `Arc`.
//!
//! # Cancellation
//!
//! What dropping a future does depends on its state:
//!
//! - If it still waits for a slot, nothing is submitted.
//! - A read or a write that is queued or submitted is not undone: native AIO cannot cancel it. It
//!   is *detached*: the buffer stays in its slot until the request has completed, and is dropped
//!   then. The outcome of a detached write is not reported.
//! - A poll is cancelled.
//!
//! So `select!` and timeouts lose only the buffer, and the slot is free again when the request has
//! completed. A future that is *forgotten* (`mem::forget`) leaks its entry in a table and its
//! buffer; if it still waited for a slot, it also leaks the slot.
//!
//! **A timeout can expire only after the submission has returned.** A buffered read of data that is
//! not in the page cache, for example, is done inside the submission, in a poll of a future: no
//! timeout interrupts it ([what else blocks](crate::Context#blocking)). Use [`Builder::nowait`], by
//! which a helper thread waits for the disk, or where that is enough, `O_DIRECT`. The how-to has
//! [an example, which of the two, and what is true after a timeout](crate::howto#timeouts).
//!
//! If a waker or the `drop` of a detached buffer panics, the panic hook is called, and the queue
//! continues.
//!
//! # Shutdown
//!
//! [`Queue::close`] refuses new requests, cancels polls, waits for all other requests, and destroys
//! the context. [`Queue::drain`] only waits. If neither is called, another thread destroys the
//! context and waits for the requests when the last handle and the last future are dropped. A
//! future that is polled after its queue's runtime was shut down panics, like tokio's own futures.
//! In a forked child, requests yield `EINVAL`, and the parent's requests are not touched.
//!
//! # Implementation
//!
//! The kernel signals the queue's eventfd for each request. A task, which [`Builder::build`]
//! spawns, waits for the eventfd, takes all completions from the ring, and wakes their tasks. A
//! second task submits what others have queued. Requests that complete within the submission, such
//! as reads from the page cache, and requests that are refused are delivered at once. If other code
//! reads the eventfd, through `/proc` or by its number, completions are delivered late: together
//! with the next completion or the next request.
//!
//! Submitting blocks the thread for as long as the file system does: see
//! [`Context`](crate::Context#blocking). For files in the page cache there is [`Builder::nowait`].
//! Only the thread is blocked, not the queue: tasks on other threads of the runtime can submit.
//!
//! # Example: two reads at a time
//!
//! ```
//! use aio_sys::{op, tokio::Queue};
//! use std::fs::File;
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
//! # runtime.block_on(async {
//! let queue = Queue::new(NonZeroU32::new(8).unwrap())?;
//! let file = Arc::new(File::open("/proc/self/exe")?);
//!
//! let other = tokio::spawn({
//!     let (queue, file) = (queue.clone(), file.clone());
//!     async move { queue.submit(op::read_at(file, vec![0; 64], 4)).await }
//! });
//! let (result, head) = queue.submit(op::read_at(file, vec![0; 4], 0)).await;
//! assert_eq!((result, head.as_slice()), (Ok(4), b"\x7fELF".as_slice()));
//! let (result, _) = other.await?;
//! assert_eq!(result, Ok(64));
//! queue.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod blocking;
mod driver;
mod helper;
mod request;

use crate::aio::context::SetupError;
use crate::queue;
use crate::queue::buf::{IoBuf, IoBufMut};
use crate::queue::op::{self, Descriptor, Op, Operation, Transferred};
use crate::sys::errno::Errno;
use crate::tokio::driver::{
    Driven, Driver, Entries, Held, SHUT_DOWN, Shared, drive, isolated, lock, send,
};
use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::{Handle, RuntimeFlavor};
use ::tokio::sync::{Notify, Semaphore};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::vec::Vec;
use std::{fmt, io, mem};

pub use batch::Batch;
pub(crate) use blocking::Blocking;
pub use request::Request;

/// Asynchronous reads, writes, syncs and polls, for any number of tasks; see [the module](self).
///
/// Clones share the queue. If `capacity` requests are in flight, others wait for a slot, first
/// come, first served.
pub struct Queue<B: IoBuf + Send> {
    shared: Arc<Shared<B>>,
}

/// Builder for a [`Queue`].
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    capacity: NonZeroU32,
    nowait: bool,
}

impl Builder {
    /// A builder for a queue with up to `capacity` requests in flight.
    pub fn new(capacity: NonZeroU32) -> Builder {
        Builder { capacity, nowait: false }
    }

    /// Whether transfers avoid blocking the thread that submits them. Off by default.
    ///
    /// Each transfer whose descriptor is an `Arc` is submitted with
    /// [`RwFlags::NOWAIT`](crate::RwFlags::NOWAIT) first. If it would block, or is short, a helper
    /// thread does the rest (tokio's `spawn_blocking`), at the priority of that thread.
    /// [`Queue::fallbacks`] counts how often the helper was needed. On a frozen file system a write
    /// blocks all the same.
    ///
    /// While the helper does the rest, the transfer does not count in the queue's capacity.
    ///
    /// Use it if most of the data is in the page cache, or for direct I/O with timeouts. Direct
    /// writes to a hole, and to a range of which the page cache has a part, go to the helper. Where
    /// the file system does not support the flag (see
    /// [`RwFlags::NOWAIT`](crate::RwFlags::NOWAIT)), each transfer costs one more submission. A
    /// read at the end of the file goes to the helper, too, since it cannot be distinguished from a
    /// read of data of which only the start is in the page cache. It is meant for files and block
    /// devices; for files without offsets, such as sockets, the result is `EAGAIN`.
    ///
    /// It does not apply to a transfer whose descriptor is borrowed, to one whose flags have
    /// `NOWAIT`, and to a write with `APPEND` or on a descriptor with `O_APPEND`, which is never
    /// done in two parts. A write whose future is dropped between the two parts is still completed.
    pub fn nowait(self, nowait: bool) -> Builder {
        Builder { nowait, ..self }
    }

    /// Creates the queue, and spawns its two tasks.
    ///
    /// # Errors
    ///
    /// See [`SetupError`], whose `call` can also be `fcntl` or `epoll_ctl`; the error of the latter
    /// is `ESHUTDOWN` if the runtime is being shut down.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or if the runtime has no I/O driver (`enable_io`).
    pub fn build<B: IoBuf + Send>(self) -> Result<Queue<B>, SetupError> {
        let runtime = Handle::current();
        let queue = queue::Queue::with_eventfd(self.capacity)?;
        let requested = self.capacity.get();
        let failed = |call| {
            move |error: io::Error| {
                // tokio's own errors mean that the runtime is being shut down.
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::ESHUTDOWN);
                SetupError { call, errno, requested }
            }
        };
        let eventfd = queue.eventfd().expect("it was created with one").try_clone_to_owned();
        let eventfd = Arc::new(eventfd.map_err(failed("fcntl"))?);
        // SAFETY: the descriptor is owned by the `Arc`, which is neither closed nor changed, and
        // the `AsyncFd` keeps a clone of it.
        let readable =
            unsafe { AsyncFd::register_with_interest(eventfd.clone(), Interest::READABLE) };
        let readable = readable.map_err(|error| failed("epoll_ctl")(error.into()))?;
        let capacity = self.capacity.get() as usize;
        let entries = Entries {
            list: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            undelivered: 0,
            cancelled: Vec::new(),
            closed: false,
        };
        let several_threads = runtime.runtime_flavor() != RuntimeFlavor::CurrentThread;
        let shared = Arc::new(Shared {
            driven: Mutex::new(Driven::new(queue, capacity)),
            entries: Mutex::new(entries),
            slots: Semaphore::new(capacity),
            outbox: Arc::new(Notify::new()),
            idle: Notify::new(),
            eventfd,
            runtime,
            tasks: OnceLock::new(),
            capacity,
            nowait: self.nowait,
            fallbacks: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            closed: OnceLock::new(),
        });
        // A runtime that is being shut down drops the tasks at once. The first task then marks
        // `shared` as closed, so that must exist before.
        let (outbox, weak) = (shared.outbox.clone(), Arc::downgrade(&shared));
        let tasks = [
            shared.runtime.spawn(drive(readable, Driver(weak.clone()))).abort_handle(),
            shared.runtime.spawn(send(outbox, weak, several_threads)).abort_handle(),
        ];
        let _ = shared.tasks.set(tasks);
        Ok(Queue { shared })
    }
}

impl<B: IoBuf + Send> Queue<B> {
    /// A queue for up to `capacity` requests in flight: [`Builder::build`] without options.
    ///
    /// # Errors
    ///
    /// Same as [`Builder::build`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or if the runtime has no I/O driver (`enable_io`).
    pub fn new(capacity: NonZeroU32) -> Result<Queue<B>, SetupError> {
        Builder::new(capacity).build()
    }

    /// How many requests can be in flight.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// How many more requests it accepts without waiting. A transfer that a helper thread does the
    /// rest of ([`Builder::nowait`]) does not occupy a slot: see [`Queue::outstanding`].
    pub fn free(&self) -> usize {
        self.shared.slots.available_permits()
    }

    /// How many requests have not completed: those that are queued or in the kernel, and transfers
    /// that a helper thread does the rest of. Those whose futures were dropped count, too. Requests
    /// that still wait for a slot do not. [`drain`](Queue::drain) and [`close`](Queue::close) wait
    /// for them.
    pub fn outstanding(&self) -> usize {
        lock(&self.shared.entries).outstanding()
    }

    /// How many transfers a helper thread has done or finished: see [`Builder::nowait`].
    pub fn fallbacks(&self) -> u64 {
        self.shared.fallbacks.load(Ordering::Relaxed) as u64
    }
}

impl<B: IoBuf + Send> Clone for Queue<B> {
    fn clone(&self) -> Queue<B> {
        Queue { shared: self.shared.clone() }
    }
}

impl<B: IoBuf + Send> fmt::Debug for Queue<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outstanding, free) = (self.outstanding(), self.free());
        let fallbacks = self.fallbacks();
        f.debug_struct("Queue")
            .field("outstanding", &outstanding)
            .field("free", &free)
            .field("fallbacks", &fallbacks)
            .finish_non_exhaustive()
    }
}

impl<B: IoBuf + Send> Queue<B> {
    /// Submits an operation when a slot is free for it, and returns its result: of a transfer the
    /// number of bytes and the buffer ([`Transferred`]), of a poll its events.
    ///
    /// When it is submitted depends on the descriptor: see
    /// [the module](self#why-the-descriptor-should-be-in-an-arc).
    ///
    /// # Cancellation
    ///
    /// See [the module](self#cancellation): a dropped future loses the buffer, and does not undo a
    /// read or a write.
    ///
    /// # Errors
    ///
    /// In the result: those of the operation; `ESHUTDOWN` after [`close`](Queue::close).
    ///
    /// # Panics
    ///
    /// If the runtime in which the queue was created has been shut down, or if a method of the
    /// buffer panics.
    pub async fn submit<K: Operation<B>>(&self, op: Op<'_, K>) -> K::Output {
        let Some(permit) = self.acquire(1).await else { return op.refused(Errno::ESHUTDOWN) };
        match self.start(permit, op) {
            Ok(request) => request.await,
            Err(op) => op.refused(Errno::ESHUTDOWN),
        }
    }

    /// Waits for `count` free slots. `None` if the queue is closed.
    async fn acquire(&self, count: usize) -> Option<Permits<'_, B>> {
        let (permits, wanted) = (&self.shared.slots, count as u32);
        let permit = match permits.try_acquire_many(wanted) {
            Ok(permit) => permit,
            Err(_) => match permits.acquire_many(wanted).await {
                Ok(permit) => permit,
                Err(_) if lock(&self.shared.entries).closed => panic!("{SHUT_DOWN}"),
                Err(_) => return None,
            },
        };
        permit.forget();
        Some(Permits { shared: &self.shared, count })
    }

    /// Queues an operation in the slot that was reserved for it, and submits it unless it waits for
    /// others. Returns it if the queue is closed.
    fn start<'fd, K: Operation<B>>(
        &self,
        permit: Permits<'_, B>,
        mut op: Op<'fd, K>,
    ) -> Result<Request<B, K::Output>, Op<'fd, K>> {
        let blocking = self.shared.nowait.then(|| op.nowait()).flatten();
        let keeps_open = op.keeps_open();
        let mut driven = lock(&self.shared.driven);
        let Driven { queue: Some(queue), entry_of, closing: false, .. } = &mut *driven else {
            return Err(op);
        };
        let Ok(token) = op.queue(&mut queue.0) else { unreachable!("a permit is a free slot") };
        // The completion returns the permit.
        permit.take();
        let request = Request::new::<K>(&self.shared, entry_of, token, blocking);
        if keeps_open && driven.should_wait(lock(&self.shared.entries).undelivered) {
            let notify = driven.notify();
            drop(driven);
            if notify {
                self.shared.outbox.notify_one();
            }
            return Ok(request);
        }
        let submission = driven.start_submission();
        drop(driven);
        match submission {
            // SAFETY: the submission comes from this queue. The caller's future holds the
            // operation, so its descriptor is still borrowed; other requests in the outbox own
            // their descriptors (`KeptOpen`).
            Some((submission, handle)) => unsafe { self.shared.submit(submission, handle) },
            // The operation has completed without the kernel.
            None => drop(self.shared.hold(0)),
        }
        Ok(request)
    }

    /// Reads at `offset` until `buf` is full or the file ends, and returns how many bytes were
    /// read. At the end of the file that is less than the length of `buf`, and not an error.
    ///
    /// # Cancellation
    ///
    /// Same as [`submit`](Queue::submit).
    ///
    /// # Errors
    ///
    /// In the result: those of [`op::read_at`] and [`submit`](Queue::submit). If bytes were read
    /// before an error, their number is returned instead of the error.
    ///
    /// # Panics
    ///
    /// Same as [`submit`](Queue::submit).
    pub async fn read_exact_at<'fd>(
        &self,
        fd: impl Descriptor<'fd> + Clone,
        mut buf: B,
        offset: u64,
    ) -> Transferred<B>
    where
        B: IoBufMut,
    {
        let (mut done, len) = (0, buf.byte_len());
        if len == 0 {
            return (Ok(0), buf);
        }
        loop {
            let at = offset.saturating_add(done as u64);
            let read = op::read_at(fd.clone(), buf, at).range(done..len);
            let result;
            (result, buf) = self.submit(read).await;
            match result {
                Ok(0) => return (Ok(done), buf),
                Ok(more) if done + more < len => done += more,
                Ok(more) => return (Ok(done + more), buf),
                Err(_) if done > 0 => return (Ok(done), buf),
                Err(errno) => return (Err(errno), buf),
            }
        }
    }

    /// Writes all of `buf` at `offset`, and returns its length.
    ///
    /// # Cancellation
    ///
    /// Same as [`submit`](Queue::submit). A part may have been written, or still be written.
    ///
    /// # Errors
    ///
    /// In the result: those of [`op::write_at`] and [`submit`](Queue::submit); `EIO` if the kernel
    /// writes nothing and returns no error. A part may have been written.
    ///
    /// # Panics
    ///
    /// Same as [`submit`](Queue::submit).
    pub async fn write_all_at<'fd>(
        &self,
        fd: impl Descriptor<'fd> + Clone,
        mut buf: B,
        offset: u64,
    ) -> Transferred<B> {
        let (mut done, len) = (0, buf.byte_len());
        loop {
            let at = offset.saturating_add(done as u64);
            let write = op::write_at(fd.clone(), buf, at).range(done..len);
            let result;
            (result, buf) = self.submit(write).await;
            match result {
                Ok(0) if done < len => return (Err(Errno::EIO), buf),
                Ok(more) if done + more < len => done += more,
                Ok(more) => return (Ok(done + more), buf),
                Err(errno) => return (Err(errno), buf),
            }
        }
    }

    /// Waits until `requests` slots are free, or `capacity` if that is less, calls `fill`, and
    /// submits the operations that it pushes to the batch by one call of io_submit(2). After
    /// [`close`](Queue::close) the batch accepts none.
    ///
    /// The queue is locked while `fill` runs: if `fill` polls another future of this queue, it
    /// blocks forever. The queue is also locked during a submission if `fill` panics, and for the
    /// part of a batch that is submitted early: see [`crate::Queue::batch`].
    ///
    /// # Panics
    ///
    /// Same as [`submit`](Queue::submit).
    ///
    /// # Example: two reads, one system call
    ///
    /// ```
    /// use aio_sys::{op, tokio::Queue};
    /// use std::num::NonZeroU32;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    /// # runtime.block_on(async {
    /// let queue = Queue::<Vec<u8>>::new(NonZeroU32::new(8).unwrap())?;
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// let reads = queue.batch(2, |batch| {
    ///     [0, 2].map(|offset| batch.push(op::read_at(&file, vec![0; 2], offset)).unwrap())
    /// });
    /// let mut bytes = Vec::new();
    /// for read in reads.await {
    ///     let (result, buf) = read.await;
    ///     assert_eq!(result, Ok(2));
    ///     bytes.extend(buf);
    /// }
    /// assert_eq!(bytes, b"\x7fELF");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn batch<'fd, R>(
        &self,
        requests: usize,
        fill: impl FnOnce(&mut Batch<'_, 'fd, B>) -> R,
    ) -> R {
        let permits = self.acquire(requests.min(self.shared.capacity)).await;
        let (result, submission) = {
            let mut held = self.shared.hold(permits.map_or(0, Permits::take));
            let Held { driven, deferred } = &mut held;
            let Driven { queue, entry_of, closing, .. } = &mut **driven;
            let queue = queue.as_mut().filter(|_| !*closing);
            let batch = queue.map(|queue| queue::batch::Batch::new(&mut queue.0));
            let mut batch =
                Batch { batch, entry_of, permits: &mut deferred.slots, shared: &self.shared };
            let result = fill(&mut batch);
            // Dropping the batch would submit it with the queue locked, as happens if `fill`
            // panics.
            mem::forget(batch);
            (result, driven.start_submission())
        };
        if let Some((submission, handle)) = submission {
            // SAFETY: the submission comes from this queue. Descriptors are borrowed for `'fd`,
            // which is longer than this call; other requests in the outbox own their descriptors
            // (`KeptOpen`).
            unsafe { self.shared.submit(submission, handle) };
        }
        result
    }

    /// Waits until no request of any task is in flight. Requests that are submitted meanwhile wait
    /// until this is so. Polls are not cancelled.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the queue is as before.
    ///
    /// # Panics
    ///
    /// Same as [`submit`](Queue::submit).
    pub async fn drain(&self) {
        // `None` means that the queue is being closed: it accepts nothing more, and the other
        // requests are waited for below.
        let _all = self.acquire(self.shared.capacity).await;
        loop {
            let notified = self.shared.idle.notified();
            if self.is_idle(&self.shared.hold(0)) {
                return;
            }
            notified.await;
        }
    }

    /// Whether no request of any task is in flight.
    ///
    /// # Panics
    ///
    /// If the runtime in which the queue was created has been shut down.
    fn is_idle(&self, held: &Held<'_, B>) -> bool {
        assert!(!lock(&self.shared.entries).closed, "{SHUT_DOWN}");
        held.driven.is_idle() && self.shared.unfinished.load(Ordering::Acquire) == 0
    }

    /// Closes the queue, for all of its handles: new requests yield `ESHUTDOWN`, polls are
    /// cancelled, all other requests are waited for, and the context is destroyed on a thread of
    /// tokio's `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Queue::close`] and of [`crate::Queue::cancel`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, as by a timeout, the queue still refuses new requests, and those
    /// in flight go on. Call `close` again to wait for them, or drop the queue: then another thread
    /// waits for them and destroys the context.
    ///
    /// # Panics
    ///
    /// Same as [`submit`](Queue::submit).
    pub async fn close(&self) -> Result<(), Errno> {
        isolated(|| self.shared.slots.close());
        loop {
            let notified = self.shared.idle.notified();
            if let Some(&closed) = self.shared.closed.get() {
                return closed;
            }
            self.close_if_idle()?;
            notified.await;
        }
    }

    /// Makes the queue refuse requests, and cancels its polls. The first caller that finds nothing
    /// in flight starts to destroy the context.
    fn close_if_idle(&self) -> Result<(), Errno> {
        let mut held = self.shared.hold(0);
        held.driven.closing = true;
        if !self.is_idle(&held) {
            return held.driven.queue.as_mut().map_or(Ok(()), |queue| queue.0.cancel_polls());
        }
        if let Some(queue) = held.driven.queue.take() {
            drop(held);
            let shared = self.shared.clone();
            self.shared.runtime.spawn_blocking(move || {
                let _ = shared.closed.set(queue.close());
                shared.idle.notify_waiters();
            });
        }
        Ok(())
    }
}

/// Permits for free slots, which are released on drop unless they were taken.
struct Permits<'q, B: IoBuf + Send> {
    shared: &'q Shared<B>,
    count: usize,
}

impl<B: IoBuf + Send> Permits<'_, B> {
    fn take(mut self) -> usize {
        mem::take(&mut self.count)
    }
}

impl<B: IoBuf + Send> Drop for Permits<'_, B> {
    fn drop(&mut self) {
        self.shared.release_slots(self.count);
    }
}
