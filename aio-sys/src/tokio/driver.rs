//! What the handles of a queue share, and the tasks that submit requests and take completions.

use crate::aio::{background, context};
use crate::queue::Queue;
use crate::queue::buf::IoBuf;
use crate::queue::engine::Submission;
use crate::queue::request::{Completion, PollToken};
use crate::sys::errno::Errno;
use crate::sys::raw;
use crate::tokio::blocking::Blocking;
use crate::tokio::helper::Unfinished;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;
use ::tokio::sync::{Notify, Semaphore};
use ::tokio::task::AbortHandle;
use std::any::Any;
use std::boxed::Box;
use std::future::poll_fn;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::vec::Vec;
use std::{iter, mem, panic};

pub(super) const SHUT_DOWN: &str =
    "the tokio runtime in which the queue was created has been shut down";

/// As many requests are sent by the task that brings the last of them, without waiting for others:
/// an eighth of those that are outstanding. More at a time keep the disk idle until all tasks have
/// had their turn, and then they complete together, again and again. So if few are outstanding,
/// none waits.
fn send_threshold(outstanding: usize) -> usize {
    outstanding / 8
}

/// `driven` is locked before `entries`, and neither while code runs that is not ours: a waker, a
/// buffer's `drop`; nor while something is submitted, which may block. Exceptions, under `driven`:
/// the function of a batch, so what it could do by dropping a request needs `entries` alone; a
/// buffer's address and length, when its request is queued; and what is submitted early, since
/// vectored requests have more than 1024 buffers together.
pub(super) struct Shared<B: IoBuf + Send> {
    pub(super) driven: Mutex<Driven<B>>,
    pub(super) entries: Mutex<Entries<B>>,
    /// A permit is a free slot of the queue.
    pub(super) slots: Semaphore,
    /// There are requests to be sent.
    pub(super) outbox: Arc<Notify>,
    /// Nothing is outstanding.
    pub(super) idle: Notify,
    /// The queue's, under another number, so that it can be signalled without a lock.
    pub(super) eventfd: Arc<OwnedFd>,
    pub(super) runtime: Handle,
    /// The two tasks, once there are.
    pub(super) tasks: OnceLock<[AbortHandle; 2]>,
    pub(super) capacity: usize,
    pub(super) nowait: bool,
    // Not every target has 64-bit atomics.
    pub(super) fallbacks: AtomicUsize,
    /// Transfers that the kernel has completed, and whose results were not delivered: helper
    /// threads do the rest of them.
    pub(super) unfinished: AtomicUsize,
    /// What closing the queue has returned.
    pub(super) closed: OnceLock<Result<(), Errno>>,
}

pub(super) struct Driven<B: IoBuf + Send> {
    /// Until it is closed.
    pub(super) queue: Option<Queue<B>>,
    /// By [`Token::index`](crate::Token::index).
    pub(super) entry_of: Box<[usize]>,
    /// Submissions that are under way.
    submitting: usize,
    /// The task that sends requests was told that there are some.
    notified: bool,
    /// Nothing is accepted any more, and polls are cancelled, also those that are on their way to
    /// the kernel.
    pub(super) closing: bool,
}

/// A request has an entry until its future has taken the result: longer than its slot, so that a
/// task that does not come back for it keeps no other from submitting.
pub(super) struct Entries<B> {
    pub(super) list: Vec<Entry<B>>,
    pub(super) free: Vec<usize>,
    /// Results that futures have not taken yet: as many tasks are about to run.
    pub(super) undelivered: usize,
    /// Polls whose futures were dropped.
    pub(super) cancelled: Vec<PollToken>,
    /// Nobody waits for the eventfd any more.
    pub(super) closed: bool,
}

pub(super) enum Entry<B> {
    Free,
    /// In flight, with how to do what the kernel leaves.
    Waiting(Option<Waker>, Option<Blocking<B>>),
    /// In flight, and the future is gone. What the kernel leaves of a write is done all the same.
    Detached(Option<Blocking<B>>),
    Completed(Completion<B>),
    /// A buffer has panicked when it was asked for its address, by whom that is of no concern.
    Panicked(Box<dyn Any + Send>),
}

impl<B> Entry<B> {
    /// Drops each part by itself, whatever the `drop` of another does.
    pub(super) fn discard(self) {
        match self {
            Entry::Completed(completion) => {
                isolated(|| drop(completion.file));
                let bufs = completion.buf.into_iter().chain(completion.bufs);
                bufs.for_each(|buf| isolated(|| drop(buf)));
            }
            other => isolated(|| drop(other)),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B> Entries<B> {
    pub(super) fn take(&mut self, blocking: Option<Blocking<B>>) -> usize {
        let entry = self.free.pop().unwrap_or_else(|| {
            self.list.push(Entry::Free);
            self.list.len() - 1
        });
        self.list[entry] = Entry::Waiting(None, blocking);
        entry
    }

    pub(super) fn free(&mut self, entry: usize) -> Entry<B> {
        self.free.push(entry);
        let was = mem::replace(&mut self.list[entry], Entry::Free);
        self.undelivered -= usize::from(matches!(was, Entry::Completed(_) | Entry::Panicked(_)));
        was
    }

    /// The future of a request in flight is gone. Returns what is not needed any more, which is
    /// dropped when nothing is locked.
    pub(super) fn detach(&mut self, entry: usize) -> Entry<B> {
        let mut was = mem::replace(&mut self.list[entry], Entry::Detached(None));
        if let Entry::Waiting(_, blocking) = &mut was {
            self.list[entry] = Entry::Detached(blocking.take_if(|blocking| blocking.is_write()));
        }
        was
    }

    /// Keeps the result for the future of a request in flight, and returns the waker. Without a
    /// future it returns the result.
    pub(super) fn end(
        &mut self,
        entry: usize,
        result: Entry<B>,
    ) -> (Option<Waker>, Option<Entry<B>>) {
        match &mut self.list[entry] {
            Entry::Waiting(waker, _) => {
                let waker = waker.take();
                self.list[entry] = result;
                self.undelivered += 1;
                (waker, None)
            }
            Entry::Detached(_) => {
                self.free(entry);
                (None, Some(result))
            }
            _ => unreachable!("a request in flight has its entry"),
        }
    }
}

/// What ends with the task that takes completions.
pub(super) struct Driver<B: IoBuf + Send>(pub(super) Weak<Shared<B>>);

/// The task that takes completions.
pub(super) async fn drive<B: IoBuf + Send>(eventfd: AsyncFd<Arc<OwnedFd>>, driver: Driver<B>) {
    // An error says that the runtime is being shut down.
    while let Ok(mut ready) = eventfd.readable().await {
        // From here on each signal is a new edge: first the readiness, then the counter, then the
        // ring.
        ready.clear_ready();
        let Some(shared) = driver.0.upgrade() else { return };
        let held = shared.hold(0);
        if let Some(queue) = &held.driven.queue {
            queue.clear_eventfd();
        }
    }
}

/// The task that sends the requests that others have queued, when those that are ready to run have
/// had their turn.
pub(super) async fn send<B: IoBuf + Send>(
    outbox: Arc<Notify>,
    shared: Weak<Shared<B>>,
    several_threads: bool,
) {
    loop {
        outbox.notified().await;
        if several_threads {
            // Who is woken runs next there, on one thread only, and those ready to run after it.
            yield_once().await;
        }
        let Some(shared) = shared.upgrade() else { return };
        let submission = lock(&shared.driven).start_submission();
        if let Some((submission, handle)) = submission {
            // SAFETY: the submission comes from this queue. A request that was left in the outbox
            // owns its descriptor (`KeptOpen`), which stays open until the request completes.
            unsafe { shared.submit(submission, handle) };
        }
    }
}

/// Lets the other tasks run that are ready to.
async fn yield_once() {
    let mut first = true;
    poll_fn(|context| {
        if mem::replace(&mut first, false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

impl<B: IoBuf + Send> Drop for Driver<B> {
    fn drop(&mut self) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut entries = lock(&shared.entries);
        entries.closed = true;
        let waiting = entries.list.iter_mut().filter_map(|entry| match entry {
            Entry::Waiting(waker, _) => waker.take(),
            _ => None,
        });
        let wakers: Vec<Waker> = waiting.collect();
        drop(entries);
        wakers.into_iter().for_each(wake);
        isolated(|| shared.slots.close());
        isolated(|| shared.idle.notify_waiters());
    }
}

/// Runs code that is not ours: a waker, a buffer's `drop`. If it panics, the hook has reported it,
/// and nobody else is to suffer.
pub(super) fn isolated(code: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(code)) {
        // To drop it may panic as well.
        mem::forget(payload);
    }
}

pub(super) fn wake(waker: Waker) {
    isolated(|| waker.wake());
}

/// The queue, locked. When it is let go of, what has completed is taken from it.
pub(super) struct Held<'s, B: IoBuf + Send> {
    // Fields are dropped in this order: what follows the lock is done without it.
    pub(super) driven: MutexGuard<'s, Driven<B>>,
    pub(super) deferred: Deferred<'s, B>,
}

/// What is to be done about requests that have completed.
pub(super) struct Deferred<'s, B: IoBuf + Send> {
    shared: &'s Arc<Shared<B>>,
    /// Slots that others may have.
    pub(super) slots: usize,
    is_idle: bool,
    /// Something may have become idle.
    has_changed: bool,
    wakers: Vec<Waker>,
    unfinished: Vec<Unfinished<B>>,
    /// Results whose futures are gone.
    orphaned: Vec<Entry<B>>,
}

impl<B: IoBuf + Send> Shared<B> {
    /// `places` come back, but for those that are taken while it is held.
    pub(super) fn hold(self: &Arc<Self>, slots: usize) -> Held<'_, B> {
        let deferred = Deferred {
            shared: self,
            slots,
            is_idle: false,
            has_changed: false,
            wakers: Vec::new(),
            unfinished: Vec::new(),
            orphaned: Vec::new(),
        };
        Held { driven: lock(&self.driven), deferred }
    }

    /// Submits requests. The queue is not locked meanwhile: it may block.
    ///
    /// # Safety
    ///
    /// The submission and the handle come from `Driven::start_submission` of this queue. The
    /// descriptors are open.
    pub(super) unsafe fn submit(
        self: &Arc<Self>,
        mut submission: Submission,
        handle: context::Handle,
    ) {
        // SAFETY: the engine is in `self`, which outlives this call; the caller guarantees that the
        // descriptors are open.
        unsafe { submission.submit(handle) };
        let mut held = self.hold(0);
        held.driven.finish_submission(submission);
        held.deferred.has_changed = true;
    }

    /// Lets others have free slots.
    pub(super) fn release_slots(&self, slots: usize) {
        // One by one: if a waker panics, the semaphore forgets those that it was to wake with it.
        (0..slots).for_each(|_| isolated(|| self.slots.add_permits(1)));
    }

    /// Has the task take completions.
    pub(super) fn notify_driver(&self) {
        let one = 1u64;
        // SAFETY: the kernel reads 8 bytes, the size of `one`. If the counter is at its maximum,
        // the call fails, and the eventfd is readable all the same.
        unsafe {
            raw::write(self.eventfd.as_raw_fd() as _, (&raw const one).cast(), size_of::<u64>())
        };
    }
}

impl<B: IoBuf + Send> Driven<B> {
    pub(super) fn new(queue: Queue<B>, capacity: usize) -> Driven<B> {
        Driven {
            queue: Some(queue),
            entry_of: iter::repeat_n(0, capacity).collect(),
            submitting: 0,
            notified: false,
            closing: false,
        }
    }

    /// Whether the requests in the outbox wait for those of other tasks. Not if the kernel has
    /// nothing to do meanwhile, unless other tasks are `about_to_run`.
    pub(super) fn should_wait(&self, about_to_run: usize) -> bool {
        let Some(queue) = &self.queue else { return false };
        // A child of the process that created it has no task that sends.
        self.submitting == 0
            && queue.0.context().is_ours()
            && (queue.0.is_busy() || about_to_run > 0)
            && queue.0.queued() < send_threshold(queue.outstanding())
    }

    /// Whether the task that sends requests has to be notified; then it is.
    pub(super) fn notify(&mut self) -> bool {
        !mem::replace(&mut self.notified, true)
    }

    /// The requests that are to be sent, to be given back to `settle`.
    pub(super) fn start_submission(&mut self) -> Option<(Submission, context::Handle)> {
        self.notified = false;
        let engine = &mut self.queue.as_mut()?.0;
        if engine.queued() == 0 {
            return None;
        }
        self.submitting += 1;
        Some(engine.start_submission())
    }

    fn finish_submission(&mut self, submission: Submission) {
        self.submitting -= 1;
        // It is closed only when nothing is outstanding.
        if let Some(queue) = &mut self.queue {
            queue.0.finish_submission(submission);
        }
    }

    /// Whether every request has completed, and was delivered.
    pub(super) fn is_idle(&self) -> bool {
        self.submitting == 0 && self.queue.as_ref().is_none_or(|queue| queue.outstanding() == 0)
    }
}

impl<B: IoBuf + Send> Drop for Held<'_, B> {
    fn drop(&mut self) {
        let Driven { queue, entry_of, closing, .. } = &mut *self.driven;
        let (Some(queue), deferred) = (queue, &mut self.deferred) else { return };
        let mut entries = lock(&deferred.shared.entries);
        // One that has just completed, or is still on its way to the kernel, is looked for again.
        // If a filter forbids the call, it ends by itself, or not at all: its slot is lost.
        if *closing {
            // `close` has seen an error, if there is one.
            let _ = queue.0.cancel_polls();
        }
        entries
            .cancelled
            .retain(|&poll| queue.cancel(poll) == Ok(false) && queue.0.is_outstanding(poll.into()));
        loop {
            let before = deferred.slots;
            for completion in queue.reap() {
                deferred.has_changed = true;
                deferred.slots += 1;
                let entry = entry_of[completion.token.index()];
                if let Entry::Waiting(_, blocking) | Entry::Detached(blocking) =
                    &mut entries.list[entry]
                {
                    let may_be_incomplete = Blocking::<B>::may_be_incomplete(completion.result);
                    if let Some(blocking) = blocking.take_if(|_| may_be_incomplete) {
                        let unfinished =
                            Unfinished::new(deferred.shared, entry, blocking, completion);
                        deferred.unfinished.push(unfinished);
                        continue;
                    }
                }
                // The completion has what a `Blocking` keeps open, too: nothing is dropped here.
                let (waker, orphaned) = entries.end(entry, Entry::Completed(completion));
                deferred.wakers.extend(waker);
                deferred.orphaned.extend(orphaned);
            }
            if deferred.slots == before {
                break;
            }
        }
        drop(entries);
        deferred.is_idle = self.driven.is_idle();
    }
}

impl<B: IoBuf + Send> Drop for Deferred<'_, B> {
    fn drop(&mut self) {
        self.shared.release_slots(self.slots);
        self.wakers.drain(..).for_each(wake);
        self.unfinished.drain(..).for_each(|unfinished| isolated(|| unfinished.settle()));
        self.orphaned.drain(..).for_each(Entry::discard);
        if self.is_idle && self.has_changed {
            isolated(|| self.shared.idle.notify_waiters());
        }
    }
}

impl<B: IoBuf + Send> Drop for Shared<B> {
    fn drop(&mut self) {
        self.tasks.get().into_iter().flatten().for_each(AbortHandle::abort);
        let driven = self.driven.get_mut().unwrap_or_else(PoisonError::into_inner);
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut queue) = driven.queue.take() {
            // What was queued is done, although nobody waits for its result.
            queue.0.flush();
            let (entry_of, entries) =
                (mem::take(&mut driven.entry_of), mem::take(&mut entries.list));
            background::drop(Remaining { queue, entry_of, entries });
        }
    }
}

/// A queue that nobody uses any more.
struct Remaining<B: IoBuf + Send> {
    queue: Queue<B>,
    entry_of: Box<[usize]>,
    entries: Vec<Entry<B>>,
}

impl<B: IoBuf + Send> Drop for Remaining<B> {
    /// Completes the writes that were done in part, on this thread, and waits for all else.
    fn drop(&mut self) {
        let is_incomplete = |entry: &Entry<B>| matches!(entry, Entry::Detached(Some(_)));
        if !self.entries.iter().any(is_incomplete) {
            return;
        }
        let Ok(completions) = self.queue.drain() else { return };
        for mut completion in completions {
            let entry = self.entry_of[completion.token.index()];
            isolated(|| {
                let Entry::Detached(Some(blocking)) = &self.entries[entry] else { return };
                if let Some(done) = blocking.is_incomplete(&mut completion) {
                    blocking.finish(done, &mut completion);
                }
            });
            Entry::Completed(completion).discard();
        }
    }
}
