//! What the handles of a queue share, and the task that takes its completions.

use crate::queue::Queue;
use crate::queue::buf::IoBuf;
use crate::queue::engine::Outgoing;
use crate::queue::request::{Completion, PollToken};
use crate::sys::raw;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;
use ::tokio::sync::Semaphore;
use ::tokio::task::AbortHandle;
use std::boxed::Box;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::vec::Vec;
use std::{mem, panic};

pub(super) const SHUT_DOWN: &str =
    "the tokio runtime in which the queue was made has been shut down";
pub(super) const UNTIL_DROPPED: &str = "there until the last handle is dropped";

/// `driven` is locked before `entries`, and neither while code runs that is not of here: a waker, a
/// buffer's `drop`; nor while something is submitted, which may block. The one exception is the
/// function of a batch, under `driven`; so what it could do by dropping a request needs `entries`
/// alone.
pub(super) struct Shared<B: IoBuf + Send> {
    pub(super) driven: Mutex<Driven<B>>,
    pub(super) entries: Mutex<Entries<B>>,
    /// A permit is a free slot of the queue.
    pub(super) places: Semaphore,
    /// The queue's, under another number, so that it can be signalled without a lock.
    pub(super) eventfd: Arc<OwnedFd>,
    pub(super) runtime: Handle,
    pub(super) driver: AbortHandle,
    pub(super) capacity: usize,
    pub(super) nowait: bool,
    // Not every target has 64-bit atomics.
    pub(super) fallbacks: AtomicUsize,
}

pub(super) struct Driven<B: IoBuf + Send> {
    /// Until it is dropped.
    pub(super) queue: Option<Queue<B>>,
    /// By [`Token::index`].
    pub(super) entry_of: Box<[usize]>,
    /// As many as submissions were under way at a time.
    pub(super) spares: Vec<Outgoing>,
}

/// A request has an entry until its future has taken the result: longer than its slot, so that a
/// task that does not come back for it keeps no other from submitting.
pub(super) struct Entries<B> {
    pub(super) list: Vec<Entry<B>>,
    pub(super) free: Vec<usize>,
    /// Polls whose futures were dropped.
    pub(super) cancelled: Vec<PollToken>,
    /// Nobody is waiting for the eventfd any more.
    pub(super) closed: bool,
}

pub(super) enum Entry<B> {
    Free,
    /// In flight.
    Waiting(Option<Waker>),
    /// In flight, and the future is gone.
    Detached,
    Ended(Completion<B>),
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B> Entries<B> {
    pub(super) fn take(&mut self) -> usize {
        let entry = self.free.pop().unwrap_or_else(|| {
            self.list.push(Entry::Free);
            self.list.len() - 1
        });
        self.list[entry] = Entry::Waiting(None);
        entry
    }

    pub(super) fn free(&mut self, entry: usize) -> Entry<B> {
        self.free.push(entry);
        mem::replace(&mut self.list[entry], Entry::Free)
    }
}

/// What ends with the task.
pub(super) struct Driver<B: IoBuf + Send>(pub(super) Weak<Shared<B>>);

pub(super) async fn drive<B: IoBuf + Send>(eventfd: AsyncFd<Arc<OwnedFd>>, driver: Driver<B>) {
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
pub(super) struct Held<'s, B: IoBuf + Send> {
    // Fields are dropped in this order: what follows the lock is done without it.
    pub(super) driven: MutexGuard<'s, Driven<B>>,
    pub(super) ended: Ended<'s, B>,
}

/// What is to be done about requests that have ended.
pub(super) struct Ended<'s, B: IoBuf + Send> {
    shared: &'s Arc<Shared<B>>,
    /// Slots that others may have.
    pub(super) places: usize,
    wakers: Vec<Waker>,
    detached: Vec<Completion<B>>,
}

impl<B: IoBuf + Send> Shared<B> {
    /// `places` come back, but for those that are taken while it is held.
    pub(super) fn hold(self: &Arc<Self>, places: usize) -> Held<'_, B> {
        let ended = Ended { shared: self, places, wakers: Vec::new(), detached: Vec::new() };
        Held { driven: lock(&self.driven), ended }
    }

    /// Has the task look at the queue.
    pub(super) fn kick(&self) {
        let one = 1u64;
        // SAFETY: the kernel reads 8 bytes. If the counter is full, it is signalled as it is.
        unsafe {
            raw::write(self.eventfd.as_raw_fd() as _, (&raw const one).cast(), size_of::<u64>())
        };
    }
}

impl<B: IoBuf + Send> Driven<B> {
    pub(super) fn queue(&mut self) -> &mut Queue<B> {
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
