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

use crate::aio::context::SetupError;
use crate::queue;
use crate::queue::batch;
use crate::queue::buf::{IoBuf, IoBufMut, source, target};
use crate::queue::engine::{Iovec, Outgoing};
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::sys::errno::Errno;
use crate::sys::flags::{PollEvents, RwFlags};
use crate::sys::raw;
use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;
use ::tokio::sync::Semaphore;
use ::tokio::task::AbortHandle;
use std::boxed::Box;
use std::future::Future;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::vec::Vec;
use std::{fmt, io, iter, mem, panic};

const SHUT_DOWN: &str = "the tokio runtime in which the queue was made has been shut down";
const UNTIL_DROPPED: &str = "there until the last handle is dropped";

/// What a transfer with one buffer ends in.
pub type Transferred<B> = (Result<usize, Errno>, B);

/// A request of a [`Batch`], or what there is no place for.
pub type Begun<B, T, A> = Result<Request<B, T>, Full<A>>;

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

/// A request that is submitted, as a future. What it means to drop it: see [the module](self).
#[must_use = "without awaiting it, nobody knows how the request has ended"]
pub struct Request<B: IoBuf + Send, T> {
    shared: Arc<Shared<B>>,
    /// Until it is taken.
    entry: Option<usize>,
    /// If it can be cancelled.
    poll: Option<PollToken>,
    output: fn(Completion<B>) -> T,
}

/// Requests that go to the kernel together, when the function that was given to [`Queue::batch`]
/// has returned.
///
/// Each operation gives a [`Request`], to be awaited after that; [`Full`] gives back what there is
/// no place for.
pub struct Batch<'q, 'fd, B: IoBuf + Send> {
    batch: batch::Batch<'q, 'fd, B>,
    entry_of: &'q mut [usize],
    /// Slots that are kept for it.
    places: &'q mut usize,
    shared: &'q Arc<Shared<B>>,
}

/// `driven` is locked before `entries`, and neither while code runs that is not of here: a waker, a
/// buffer's `drop`; nor while something is submitted, which may block. The one exception is the
/// function of a batch, under `driven`; so what it could do by dropping a request needs `entries`
/// alone.
struct Shared<B: IoBuf + Send> {
    driven: Mutex<Driven<B>>,
    entries: Mutex<Entries<B>>,
    /// A permit is a free slot of the queue.
    places: Semaphore,
    /// The queue's, under another number, so that it can be signalled without a lock.
    eventfd: Arc<OwnedFd>,
    runtime: Handle,
    driver: AbortHandle,
    capacity: usize,
    nowait: bool,
    // Not every target has 64-bit atomics.
    fallbacks: AtomicUsize,
}

struct Driven<B: IoBuf + Send> {
    /// Until it is dropped.
    queue: Option<queue::Queue<B>>,
    /// By [`Token::index`].
    entry_of: Box<[usize]>,
    /// As many as submissions were under way at a time.
    spares: Vec<Outgoing>,
}

/// A request has an entry until its future has taken the result: longer than its slot, so that a
/// task that does not come back for it keeps no other from submitting.
struct Entries<B> {
    list: Vec<Entry<B>>,
    free: Vec<usize>,
    /// Polls whose futures were dropped.
    cancelled: Vec<PollToken>,
    /// Nobody is waiting for the eventfd any more.
    closed: bool,
}

enum Entry<B> {
    Free,
    /// In flight.
    Waiting(Option<Waker>),
    /// In flight, and the future is gone.
    Detached,
    Ended(Completion<B>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B> Entries<B> {
    fn take(&mut self) -> usize {
        let entry = self.free.pop().unwrap_or_else(|| {
            self.list.push(Entry::Free);
            self.list.len() - 1
        });
        self.list[entry] = Entry::Waiting(None);
        entry
    }

    fn free(&mut self, entry: usize) -> Entry<B> {
        self.free.push(entry);
        mem::replace(&mut self.list[entry], Entry::Free)
    }
}

// --- making it
// --------------------------------------------------------------------------------------------------------

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

// --- the task that takes completions
// ----------------------------------------------------------------------------------

/// What ends with the task.
struct Driver<B: IoBuf + Send>(Weak<Shared<B>>);

async fn drive<B: IoBuf + Send>(eventfd: AsyncFd<Arc<OwnedFd>>, driver: Driver<B>) {
    // An error says that the runtime is being shut down.
    while let Ok(mut ready) = eventfd.readable().await {
        // From here on each signal is a new edge: first the readiness, then the counter, then the
        // ring.
        ready.clear_ready();
        let Some(shared) = driver.0.upgrade() else { return };
        shared.hold(0).driven.queue().clear_eventfd();
    }
}

impl<B: IoBuf + Send> Drop for Driver<B> {
    fn drop(&mut self) {
        let Some(shared) = self.0.upgrade() else { return };
        isolated(|| shared.places.close());
        let mut entries = lock(&shared.entries);
        entries.closed = true;
        let waiting = entries.list.iter_mut().filter_map(|entry| match entry {
            Entry::Waiting(waker) => waker.take(),
            _ => None,
        });
        let wakers: Vec<Waker> = waiting.collect();
        drop(entries);
        wakers.into_iter().for_each(wake);
    }
}

/// Runs code that is not of here: a waker, a buffer's `drop`. If it panics, the hook has told, and
/// nobody else is to suffer.
fn isolated(code: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(code)) {
        // To drop it may panic as well.
        mem::forget(payload);
    }
}

fn wake(waker: Waker) {
    isolated(|| waker.wake());
}

/// The queue, locked. When it is let go of, what has ended is taken from it.
struct Held<'s, B: IoBuf + Send> {
    // Fields are dropped in this order: what follows the lock is done without it.
    driven: MutexGuard<'s, Driven<B>>,
    ended: Ended<'s, B>,
}

/// What is to be done about requests that have ended.
struct Ended<'s, B: IoBuf + Send> {
    shared: &'s Arc<Shared<B>>,
    /// Slots that others may have.
    places: usize,
    wakers: Vec<Waker>,
    detached: Vec<Completion<B>>,
}

impl<B: IoBuf + Send> Shared<B> {
    /// `places` come back, but for those that are taken while it is held.
    fn hold(self: &Arc<Self>, places: usize) -> Held<'_, B> {
        let ended = Ended { shared: self, places, wakers: Vec::new(), detached: Vec::new() };
        Held { driven: lock(&self.driven), ended }
    }

    /// Has the task look at the queue.
    fn kick(&self) {
        let one = 1u64;
        // SAFETY: the kernel reads 8 bytes. If the counter is full, it is signalled as it is.
        unsafe {
            raw::write(self.eventfd.as_raw_fd() as _, (&raw const one).cast(), size_of::<u64>())
        };
    }
}

impl<B: IoBuf + Send> Driven<B> {
    fn queue(&mut self) -> &mut queue::Queue<B> {
        self.queue.as_mut().expect(UNTIL_DROPPED)
    }
}

impl<B: IoBuf + Send> Drop for Held<'_, B> {
    fn drop(&mut self) {
        let Driven { queue, entry_of, .. } = &mut *self.driven;
        let (Some(queue), ended) = (queue, &mut self.ended) else { return };
        let mut entries = lock(&ended.shared.entries);
        // One that has just ended, or is still on its way to the kernel, is looked for again. If a
        // filter forbids the call, it ends by itself, or not at all: its slot is lost.
        entries
            .cancelled
            .retain(|&poll| queue.cancel(poll) == Ok(false) && queue.0.has(poll.into()));
        let mut visit = |completion: Completion<B>| {
            ended.places += 1;
            let entry = entry_of[completion.token.index()];
            match &mut entries.list[entry] {
                Entry::Waiting(waker) => {
                    ended.wakers.extend(waker.take());
                    entries.list[entry] = Entry::Ended(completion);
                }
                _ => {
                    entries.free(entry);
                    ended.detached.push(completion);
                }
            }
        };
        while queue.reap(&mut visit) > 0 {}
    }
}

impl<B: IoBuf + Send> Drop for Ended<'_, B> {
    fn drop(&mut self) {
        // One by one: if a waker panics, the semaphore forgets those that it was to wake with it.
        (0..self.places).for_each(|_| isolated(|| self.shared.places.add_permits(1)));
        self.wakers.drain(..).for_each(wake);
        let bufs = self.detached.drain(..).flat_map(|done| done.buf.into_iter().chain(done.bufs));
        bufs.for_each(|buf| isolated(|| drop(buf)));
    }
}

impl<B: IoBuf + Send> Drop for Shared<B> {
    fn drop(&mut self) {
        self.driver.abort();
        let driven = self.driven.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = driven.queue.take() {
            queue.into_background();
        }
    }
}

// --- operations
// -------------------------------------------------------------------------------------------------------

/// What a helper thread has to know of a transfer.
struct Transfer<B> {
    write: bool,
    offset: u64,
    flags: RwFlags,
    /// Where the kernel reads or writes, and how much.
    address: fn(&mut B) -> (*mut u8, usize),
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
        let how = Transfer { write: false, offset, flags, address: target };
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
        let how = Transfer { write: false, offset, flags, address: target };
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
        let how = Transfer { write: true, offset, flags, address: source };
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
        let how = Transfer { write: true, offset, flags, address: source };
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
    /// let reads = queue.batch(2, |batch| [0, 2].map(|offset| batch.read_at(file.as_fd(), vec![0; 2], offset).unwrap()));
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
            let batch = batch::Batch::new(engine);
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

    async fn transfer<A>(
        &self,
        fd: impl AsFd,
        argument: A,
        how: Transfer<B>,
        start: impl for<'q, 'fd> FnOnce(
            &mut batch::Batch<'q, 'fd, B>,
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

impl<B> Transfer<B> {
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

// --- requests
// ---------------------------------------------------------------------------------------------------------

impl<B: IoBuf + Send, T> Future for Request<B, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let entry = self.entry.expect("not polled after it has ended");
        // To clone a waker is to run code that is not of here.
        let mut fresh = None;
        let mut entries = loop {
            let mut entries = lock(&self.shared.entries);
            let closed = entries.closed;
            let Entry::Waiting(waker) = &mut entries.list[entry] else { break entries };
            if closed {
                drop(entries);
                panic!("{SHUT_DOWN}");
            }
            if waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                return Poll::Pending;
            }
            if let Some(fresh) = fresh.take() {
                let other = waker.replace(fresh);
                drop(entries);
                drop(other);
                return Poll::Pending;
            }
            drop(entries);
            fresh = Some(context.waker().clone());
        };
        let ended = entries.free(entry);
        drop(entries);
        self.entry = None;
        match ended {
            Entry::Ended(completion) => Poll::Ready((self.output)(completion)),
            _ => unreachable!("a future's entry is neither free nor detached"),
        }
    }
}

impl<B: IoBuf + Send, T> Drop for Request<B, T> {
    fn drop(&mut self) {
        let Some(entry) = self.entry else { return };
        let mut entries = lock(&self.shared.entries);
        let in_flight = matches!(entries.list[entry], Entry::Waiting(_));
        let left = match in_flight {
            true => mem::replace(&mut entries.list[entry], Entry::Detached),
            false => entries.free(entry),
        };
        let cancel = self.poll.filter(|_| in_flight);
        entries.cancelled.extend(cancel);
        drop(entries);
        drop(left);
        if cancel.is_some() {
            // Here the queue may be locked, by the function of a batch.
            self.shared.kick();
        }
    }
}

impl<B: IoBuf + Send, T> fmt::Debug for Request<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("ended", &self.entry.is_none()).finish_non_exhaustive()
    }
}

fn single<B>(completion: Completion<B>) -> Transferred<B> {
    (completion.result, completion.buf.expect("a transfer's buffer comes back"))
}

fn several<B>(completion: Completion<B>) -> Transferred<Vec<B>> {
    (completion.result, completion.bufs)
}

fn nothing<B>(completion: Completion<B>) -> Result<(), Errno> {
    completion.result.map(drop)
}

fn events<B>(completion: Completion<B>) -> Result<PollEvents, Errno> {
    completion.result.map(|bits| PollEvents::from_bits(bits as u16))
}

impl<'q, 'fd, B: IoBuf + Send> Batch<'q, 'fd, B> {
    /// How many more requests there is a place for.
    pub fn free(&self) -> usize {
        *self.places
    }

    fn begin<A, K: Copy + Into<Token>, T>(
        &mut self,
        argument: A,
        start: impl FnOnce(&mut batch::Batch<'q, 'fd, B>, A) -> Result<K, Full<A>>,
        output: fn(Completion<B>) -> T,
    ) -> Result<(K, Request<B, T>), Full<A>> {
        if *self.places == 0 {
            return Err(Full(argument));
        }
        let token = start(&mut self.batch, argument)?;
        // It comes back with the completion.
        *self.places -= 1;
        let entry = lock(&self.shared.entries).take();
        self.entry_of[token.into().index()] = entry;
        Ok((token, Request { shared: self.shared.clone(), entry: Some(entry), poll: None, output }))
    }

    /// Reads at `offset` into all of `buf`; see [`crate::Batch::read`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
    ) -> Result<Request<B, Transferred<B>>, Full<B>>
    where
        B: IoBufMut,
    {
        self.read_at_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`read_at`](Batch::read_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_at_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Request<B, Transferred<B>>, Full<B>>
    where
        B: IoBufMut,
    {
        let begun = self.begin(buf, |batch, buf| batch.read_with(fd, buf, offset, flags), single);
        begun.map(|(_, request)| request)
    }

    /// Reads into one buffer after the other; see [`crate::Batch::readv`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn readv_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Begun<B, Transferred<Vec<B>>, Vec<B>>
    where
        B: IoBufMut,
    {
        let begun =
            self.begin(bufs, |batch, bufs| batch.readv_with(fd, bufs, offset, flags), several);
        begun.map(|(_, request)| request)
    }

    /// Writes all of `buf` at `offset`; see [`crate::Batch::write`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
    ) -> Result<Request<B, Transferred<B>>, Full<B>> {
        self.write_at_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`write_at`](Batch::write_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_at_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Request<B, Transferred<B>>, Full<B>> {
        let begun = self.begin(buf, |batch, buf| batch.write_with(fd, buf, offset, flags), single);
        begun.map(|(_, request)| request)
    }

    /// Writes one buffer after the other; see [`crate::Batch::writev`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn writev_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Begun<B, Transferred<Vec<B>>, Vec<B>> {
        let begun =
            self.begin(bufs, |batch, bufs| batch.writev_with(fd, bufs, offset, flags), several);
        begun.map(|(_, request)| request)
    }

    /// Waits until what was written before is on disk, and the metadata; see
    /// [`crate::Batch::fsync`].
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fsync(
        &mut self,
        fd: BorrowedFd<'fd>,
    ) -> Result<Request<B, Result<(), Errno>>, Full<()>> {
        self.begin((), |batch, ()| batch.fsync(fd), nothing).map(|(_, request)| request)
    }

    /// [`fsync`](Batch::fsync), without the metadata that are not necessary to read the data again.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fdsync(
        &mut self,
        fd: BorrowedFd<'fd>,
    ) -> Result<Request<B, Result<(), Errno>>, Full<()>> {
        self.begin((), |batch, ()| batch.fdsync(fd), nothing).map(|(_, request)| request)
    }

    /// Waits until one of `wanted` is the case, once; see [`crate::Batch::poll`]. To drop it is to
    /// cancel it.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn poll(
        &mut self,
        fd: BorrowedFd<'fd>,
        wanted: PollEvents,
    ) -> Result<Request<B, Result<PollEvents, Errno>>, Full<()>> {
        let (token, mut request) = self.begin((), |batch, ()| batch.poll(fd, wanted), events)?;
        request.poll = Some(token);
        Ok(request)
    }
}

impl<B: IoBuf + Send> fmt::Debug for Batch<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("free", &self.free()).finish_non_exhaustive()
    }
}
