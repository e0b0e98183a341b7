//! Asynchronous I/O for tasks of tokio. (Feature `tokio`.)
//!
//! A [`Queue`] here is a handle that tasks share; what is read or written goes through one
//! [`crate::Queue`] under it.
//!
//! # Why the buffers are owned
//!
//! A future can be dropped at any time, and forgotten. The kernel does not know: it goes on reading
//! into the buffer. So the buffer is moved into the request, and comes back with the result.
//!
//! # What a dropped future means
//!
//! - A future that still waits for a slot has submitted nothing, and never will.
//! - A request that is submitted is not undone: native AIO cannot cancel a read or a write. It is
//!   *detached*: the buffer stays in its slot until the request's event has come, and is dropped
//!   then. Whether a dropped write was done is not told.
//! - A poll is cancelled.
//!
//! If the `drop` of a detached buffer panics, or a waker does, the panic hook is told, and the
//! queue goes on.
//!
//! So `select!` and timeouts lose nothing but the buffer, and the slot is free again when the
//! kernel is done. A future that is *forgotten* (`mem::forget`, which no executor does) keeps what
//! it has: its place in a table, its buffer when the result is there, and if it still waited for a
//! slot, the slot that it gets.
//!
//! # How it works
//!
//! Each request has the queue's eventfd signalled. A task, which [`Builder::build`] spawns, waits
//! for it, reads it, takes all completions from the ring, and wakes whom they belong to. What the
//! kernel has done within the submission, such as a read from the page cache, and what it has
//! refused, is taken at once, without the task. The counter of the eventfd has no meaning.
//! Nobody else is given the eventfd; should somebody get hold of it all the same, through `/proc`
//! or by its number, and read the counter, then what has ended meanwhile is found with the next
//! completion, or the next request that is submitted.
//!
//! Submitting blocks the thread for as long as the file system does: see [`crate::io_submit`].
//! Direct I/O hardly does; for files in the page cache there is [`Builder::nowait`]. Only the
//! thread is blocked, and not the queue: on other threads of the runtime, tasks go on to submit,
//! and are told what has ended.
//!
//! # The end
//!
//! When the last handle and the last request are dropped, the kernel is waited for on a thread of
//! its own, not here. A future that is polled after its queue's runtime was shut down panics, as
//! tokio's own do. After a fork, requests of the child end in `EINVAL`, and the parent's are not
//! touched.
//!
//! # Example: two reads at a time
//!
//! ```
//! use aio_sys::tokio::Queue;
//! use std::fs::File;
//! use std::num::NonZeroU32;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
//! # runtime.block_on(async {
//! let queue = Queue::new(NonZeroU32::new(8).unwrap())?;
//! let file = File::open("/proc/self/exe")?;
//!
//! let other = tokio::spawn({
//!     let (queue, file) = (queue.clone(), file.try_clone()?);
//!     async move { queue.read_at(file, vec![0; 64], 4).await }
//! });
//! let (result, head) = queue.read_at(&file, vec![0; 4], 0).await;
//! assert_eq!((result, head.as_slice()), (Ok(4), b"\x7fELF".as_slice()));
//! let (result, _) = other.await?;
//! assert_eq!(result, Ok(64));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod driver;
mod fallback;
mod request;

use crate::aio::context::SetupError;
use crate::queue;
use crate::queue::buf::{IoBuf, IoBufMut, source, target};
use crate::queue::engine::Outgoing;
use crate::queue::request::Full;
use crate::sys::errno::Errno;
use crate::sys::flags::{PollEvents, RwFlags};
use crate::tokio::driver::{
    Driven, Driver, Entries, Held, SHUT_DOWN, Shared, UNTIL_DROPPED, drive,
};
use crate::tokio::fallback::Fallback;
use crate::tokio::request::{several, single};
use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;
use ::tokio::sync::Semaphore;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;
use std::{fmt, io, iter, mem};

pub use batch::{Batch, Begun};
pub use request::{Request, Transferred};

/// Asynchronous reads, writes, syncs and polls, for any number of tasks; see [the module](self).
///
/// To clone it is to share it. If as many requests are in flight as it was made for, others wait
/// for a slot, first come, first served.
pub struct Queue<B: IoBuf + Send> {
    shared: Arc<Shared<B>>,
}

/// How a [`Queue`] is to be.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    capacity: NonZeroU32,
    nowait: bool,
}

impl Builder {
    /// For `capacity` requests in flight.
    pub fn new(capacity: NonZeroU32) -> Builder {
        Builder { capacity, nowait: false }
    }

    /// Keeps transfers from blocking the thread that submits them: each is tried with
    /// [`RwFlags::NOWAIT`] first, and what would block, or stops short, is done by a helper
    /// thread (tokio's `spawn_blocking`), through a duplicate of the descriptor. Off unless
    /// asked for; [`Queue::fallbacks`] counts how often the helper was needed.
    ///
    /// It pays where most of what is read is in the page cache. What a file system cannot do
    /// without blocking, it does not even try: ext4 for buffered writes, tmpfs for all. Then
    /// each transfer costs a submission more. A read that ends at the end of the file goes to
    /// the helper too, since it looks like one that ends where the page cache does. It is meant for
    /// files and block devices; where no offsets are, `EAGAIN` stays the result.
    ///
    /// It does not concern a [batch](Queue::batch), nor a transfer whose own flags have `NOWAIT`,
    /// or whose offset no file has.
    pub fn nowait(self, nowait: bool) -> Builder {
        Builder { nowait, ..self }
    }

    /// Makes the queue, and spawns the task that takes its completions.
    ///
    /// # Errors
    ///
    /// [`SetupError`], as the inner error; those of epoll_ctl(2); `EMFILE`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or if that has no I/O driver (`enable_io`).
    pub fn build<B: IoBuf + Send>(self) -> io::Result<Queue<B>> {
        let setup = |error: SetupError| {
            io::Error::new(io::Error::from_raw_os_error(error.errno.raw_os_error()).kind(), error)
        };
        let runtime = Handle::current();
        let queue = queue::Queue::with_eventfd(self.capacity).map_err(setup)?;
        let eventfd =
            Arc::new(queue.eventfd().expect("it was made with one").try_clone_to_owned()?);
        // SAFETY: an owned descriptor, which is neither closed nor changed as long as somebody has
        // it, as the result does.
        let readable =
            unsafe { AsyncFd::register_with_interest(eventfd.clone(), Interest::READABLE)? };
        let capacity = self.capacity.get() as usize;
        let entries = Entries {
            list: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            cancelled: Vec::new(),
            closed: false,
        };
        let shared = Arc::new_cyclic(|shared: &Weak<Shared<B>>| Shared {
            driven: Mutex::new(Driven {
                queue: Some(queue),
                entry_of: iter::repeat_n(0, capacity).collect(),
                spares: Vec::new(),
            }),
            entries: Mutex::new(entries),
            places: Semaphore::new(capacity),
            eventfd,
            driver: runtime.spawn(drive(readable, Driver(shared.clone()))).abort_handle(),
            runtime,
            capacity,
            nowait: self.nowait,
            fallbacks: AtomicUsize::new(0),
        });
        Ok(Queue { shared })
    }
}

impl<B: IoBuf + Send> Queue<B> {
    /// A queue for `capacity` requests in flight: [`Builder::build`] without options.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn new(capacity: NonZeroU32) -> io::Result<Queue<B>> {
        Builder::new(capacity).build()
    }

    /// How many more requests it would take in.
    pub fn free(&self) -> usize {
        self.shared.places.available_permits()
    }

    /// How many transfers a helper thread had to do or to finish: see [`Builder::nowait`].
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
        let (free, fallbacks) = (self.free(), self.fallbacks());
        f.debug_struct("Queue")
            .field("free", &free)
            .field("fallbacks", &fallbacks)
            .finish_non_exhaustive()
    }
}

impl<B: IoBuf + Send> Queue<B> {
    /// Reads at `offset` into all of `buf`. The result may be short: at the end of the file, and
    /// after a signal.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Batch::read`], in the result.
    pub async fn read_at(&self, fd: impl AsFd, buf: B, offset: u64) -> Transferred<B>
    where
        B: IoBufMut,
    {
        self.read_at_with(fd, buf, offset, RwFlags::NONE).await
    }

    /// [`read_at`](Queue::read_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn read_at_with(
        &self,
        fd: impl AsFd,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Transferred<B>
    where
        B: IoBufMut,
    {
        let how = Fallback { write: false, offset, flags, address: target };
        single(
            self.transfer(fd, buf, how, |batch, fd, buf, flags| {
                batch.read_with(fd, buf, offset, flags)
            })
            .await,
        )
    }

    /// Reads into one buffer after the other; at most 1024 of them, or it ends in `EINVAL`.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Batch::readv`], in the result.
    pub async fn readv_at(
        &self,
        fd: impl AsFd,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Transferred<Vec<B>>
    where
        B: IoBufMut,
    {
        let how = Fallback { write: false, offset, flags, address: target };
        several(
            self.transfer(fd, bufs, how, |batch, fd, bufs, flags| {
                batch.readv_with(fd, bufs, offset, flags)
            })
            .await,
        )
    }

    /// Writes all of `buf` at `offset`. The result may be short: where there is no space left, and
    /// after a signal.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Batch::write`], in the result.
    pub async fn write_at(&self, fd: impl AsFd, buf: B, offset: u64) -> Transferred<B> {
        self.write_at_with(fd, buf, offset, RwFlags::NONE).await
    }

    /// [`write_at`](Queue::write_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write_at_with(
        &self,
        fd: impl AsFd,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Transferred<B> {
        let how = Fallback { write: true, offset, flags, address: source };
        single(
            self.transfer(fd, buf, how, |batch, fd, buf, flags| {
                batch.write_with(fd, buf, offset, flags)
            })
            .await,
        )
    }

    /// Writes one buffer after the other; at most 1024 of them, or it ends in `EINVAL`.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Batch::writev`], in the result.
    pub async fn writev_at(
        &self,
        fd: impl AsFd,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Transferred<Vec<B>> {
        let how = Fallback { write: true, offset, flags, address: source };
        several(
            self.transfer(fd, bufs, how, |batch, fd, bufs, flags| {
                batch.writev_with(fd, bufs, offset, flags)
            })
            .await,
        )
    }

    /// Waits until what was written to the file before is on disk, and its metadata. It is not
    /// ordered against writes that have not ended: await them first.
    ///
    /// # Errors
    ///
    /// Those of fsync(2); `EINVAL` for what has nothing to sync.
    pub async fn fsync(&self, fd: impl AsFd) -> Result<(), Errno> {
        let borrowed = fd.as_fd();
        self.one((), move |batch, ()| batch.fsync(borrowed)).await
    }

    /// [`fsync`](Queue::fsync), without the metadata that are not necessary to read the data again.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn fdsync(&self, fd: impl AsFd) -> Result<(), Errno> {
        let borrowed = fd.as_fd();
        self.one((), move |batch, ()| batch.fdsync(borrowed)).await
    }

    /// Waits until one of `wanted` is the case, once, and tells what is. To drop it is to cancel
    /// it.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Batch::poll`].
    pub async fn poll(&self, fd: impl AsFd, wanted: PollEvents) -> Result<PollEvents, Errno> {
        let borrowed = fd.as_fd();
        self.one((), move |batch, ()| batch.poll(borrowed, wanted)).await
    }

    /// Submits what `fill` puts into the batch by one call of io_submit(2), once there are slots
    /// for so many requests; if the queue has fewer, for as many as it has.
    ///
    /// While `fill` runs, the queue is locked: it must not poll another future of this queue, which
    /// would wait for good. It is locked for submitting, too, if `fill` panics, and for what is
    /// submitted early; see [`crate::Queue::batch`].
    ///
    /// # Example: two reads, one call
    ///
    /// ```
    /// use aio_sys::tokio::Queue;
    /// use std::num::NonZeroU32;
    /// use std::os::fd::AsFd;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    /// # runtime.block_on(async {
    /// let queue = Queue::<Vec<u8>>::new(NonZeroU32::new(8).unwrap())?;
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// let reads = queue.batch(2, |batch| {
    ///     [0, 2].map(|offset| batch.read_at(file.as_fd(), vec![0; 2], offset).unwrap())
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
        let capacity = self.shared.capacity;
        let places = requests.min(capacity);
        self.shared.places.acquire_many(places as u32).await.expect(SHUT_DOWN).forget();
        let (result, mut outgoing, submitter) = {
            let mut held = self.shared.hold(places);
            let Held { driven, ended } = &mut held;
            let Driven { queue, entry_of, spares } = &mut **driven;
            let engine = &mut queue.as_mut().expect(UNTIL_DROPPED).0;
            let batch = queue::batch::Batch::new(engine);
            let mut batch =
                Batch { batch, entry_of, places: &mut ended.places, shared: &self.shared };
            let result = fill(&mut batch);
            // To drop it, as it is if `fill` panics, is to submit it here.
            mem::forget(batch);
            let (outgoing, submitter) =
                engine.depart(spares.pop().unwrap_or_else(|| Outgoing::new(capacity)));
            (result, outgoing, submitter)
        };
        // The queue is not locked: this may block.
        // SAFETY: what is shared, the engine within, is dropped after this; descriptors are
        // borrowed for 'fd, which is longer.
        unsafe { outgoing.submit(submitter) };
        let mut held = self.shared.hold(0);
        held.driven.queue().0.settle(&mut outgoing);
        held.driven.spares.push(outgoing);
        result
    }

    /// A batch of one request, and its result.
    async fn one<'fd, A, T>(
        &self,
        argument: A,
        start: impl FnOnce(&mut Batch<'_, 'fd, B>, A) -> Result<Request<B, T>, Full<A>>,
    ) -> T {
        match self.batch(1, |batch| start(batch, argument)).await {
            Ok(request) => request.await,
            Err(Full(_)) => unreachable!("there is a slot for each place"),
        }
    }
}
