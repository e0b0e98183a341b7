//! The state that the handles of a queue share, and the tasks that submit requests and take
//! completions.

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

/// The number of queued requests that are submitted at once, without waiting for other tasks: an
/// eighth of the outstanding ones. A larger number keeps the disk idle until all tasks have run,
/// and then the requests complete together, again and again. If few requests are outstanding, none
/// waits.
fn send_threshold(outstanding: usize) -> usize {
    outstanding / 8
}

/// `driven` is locked before `entries`. Neither is locked while the user's code runs (a waker, a
/// buffer's `drop`), nor during a submission, which may block. Exceptions, with `driven` locked:
/// the function of a batch, so dropping a request must lock `entries` only; the methods of a buffer
/// that return its address and length, when its request is queued; and a part of a batch that is
/// submitted early, because its vectored requests have more than 1024 buffers together.
pub(super) struct Shared<B: IoBuf + Send> {
    pub(super) driven: Mutex<Driven<B>>,
    pub(super) entries: Mutex<Entries<B>>,
    /// A permit is a free slot of the queue.
    pub(super) slots: Semaphore,
    /// Notified when requests are queued.
    pub(super) outbox: Arc<Notify>,
    /// Notified when nothing is outstanding.
    pub(super) idle: Notify,
    /// A duplicate of the queue's eventfd, so that it can be signalled without a lock.
    pub(super) eventfd: Arc<OwnedFd>,
    pub(super) runtime: Handle,
    /// The two tasks, once they are spawned.
    pub(super) tasks: OnceLock<[AbortHandle; 2]>,
    pub(super) capacity: usize,
    pub(super) nowait: bool,
    // Not every target has 64-bit atomics.
    pub(super) fallbacks: AtomicUsize,
    /// The number of transfers that the kernel has completed in part, and that helper threads
    /// complete.
    pub(super) unfinished: AtomicUsize,
    /// The result of closing the queue.
    pub(super) closed: OnceLock<Result<(), Errno>>,
}

pub(super) struct Driven<B: IoBuf + Send> {
    /// The queue, until it is closed.
    pub(super) queue: Option<Queue<B>>,
    /// The entry of each request, by [`Token::index`](crate::Token::index).
    pub(super) entry_of: Box<[usize]>,
    /// The number of submissions that are running.
    submitting: usize,
    /// The task that submits requests was notified.
    notified: bool,
    /// Nothing is accepted any more, and polls are cancelled, including those that are being
    /// submitted.
    pub(super) closing: bool,
}

/// A request has an entry until its future has taken the result. The slot is free earlier, so that
/// a task that does not poll its future does not block others.
pub(super) struct Entries<B> {
    pub(super) list: Vec<Entry<B>>,
    pub(super) free: Vec<usize>,
    /// The number of results that futures have not taken yet: as many tasks are about to run.
    pub(super) undelivered: usize,
    /// Polls whose futures were dropped.
    pub(super) cancelled: Vec<PollToken>,
    /// The task that waits for the eventfd was dropped.
    pub(super) closed: bool,
}

pub(super) enum Entry<B> {
    Free,
    /// In flight, with the waker of its task, and the fallback for an incomplete transfer.
    Waiting(Option<Waker>, Option<Blocking<B>>),
    /// In flight, and the future was dropped. The fallback still completes a write.
    Detached(Option<Blocking<B>>),
    Completed(Completion<B>),
    /// A method of the buffer has panicked on a helper thread. The payload is for the future.
    Panicked(Box<dyn Any + Send>),
}

impl<B> Entry<B> {
    /// Drops each part, even if the `drop` of another one panics.
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
    pub(super) fn outstanding(&self) -> usize {
        let is_outstanding =
            |entry: &&Entry<B>| matches!(entry, Entry::Waiting(..) | Entry::Detached(..));
        self.list.iter().filter(is_outstanding).count()
    }

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

    /// Detaches a request in flight from its future, which is being dropped. Returns the parts that
    /// are not needed any more, for dropping without a lock.
    pub(super) fn detach(&mut self, entry: usize) -> Entry<B> {
        let mut was = mem::replace(&mut self.list[entry], Entry::Detached(None));
        if let Entry::Waiting(_, blocking) = &mut was {
            self.list[entry] = Entry::Detached(blocking.take_if(|blocking| blocking.is_write()));
        }
        was
    }

    /// Stores the result for the future of a request in flight, and returns the waker. If the
    /// request is detached, returns the result.
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

/// Dropped together with the task that takes completions.
pub(super) struct Driver<B: IoBuf + Send>(pub(super) Weak<Shared<B>>);

/// The task that takes completions.
pub(super) async fn drive<B: IoBuf + Send>(eventfd: AsyncFd<Arc<OwnedFd>>, driver: Driver<B>) {
    // An error means that the runtime is being shut down.
    while let Ok(mut ready) = eventfd.readable().await {
        // In this order no signal is lost: first clear the readiness, then the counter, then read
        // the ring.
        ready.clear_ready();
        let Some(shared) = driver.0.upgrade() else { return };
        let held = shared.hold(0);
        if let Some(queue) = &held.driven.queue {
            queue.clear_eventfd();
        }
    }
}

/// The task that submits the requests that others have queued, after the tasks that are ready have
/// run.
pub(super) async fn send<B: IoBuf + Send>(
    outbox: Arc<Notify>,
    shared: Weak<Shared<B>>,
    several_threads: bool,
) {
    loop {
        outbox.notified().await;
        if several_threads {
            // A runtime with several threads runs a task that was woken next, before the others
            // that are ready.
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

/// Yields once, so that the other tasks that are ready run.
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

/// Runs the user's code (a waker, a buffer's `drop`), and catches a panic, which the panic hook has
/// reported.
pub(super) fn isolated(code: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(code)) {
        // Dropping the payload may panic as well.
        mem::forget(payload);
    }
}

pub(super) fn wake(waker: Waker) {
    isolated(|| waker.wake());
}

/// The locked queue. Dropping it takes all completions, and unlocks it.
pub(super) struct Held<'s, B: IoBuf + Send> {
    // Fields are dropped in this order: `deferred` runs after the queue was unlocked.
    pub(super) driven: MutexGuard<'s, Driven<B>>,
    pub(super) deferred: Deferred<'s, B>,
}

/// What to do for completed requests after the queue was unlocked.
pub(super) struct Deferred<'s, B: IoBuf + Send> {
    shared: &'s Arc<Shared<B>>,
    /// The number of slots to release.
    pub(super) slots: usize,
    is_idle: bool,
    /// The queue may have become idle.
    has_changed: bool,
    wakers: Vec<Waker>,
    unfinished: Vec<Unfinished<B>>,
    /// Results whose futures were dropped.
    orphaned: Vec<Entry<B>>,
}

impl<B: IoBuf + Send> Shared<B> {
    /// Locks the queue. `slots` are released afterwards, except for those that are used while it is
    /// locked.
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

    /// Submits requests, without a lock, since it may block.
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

    /// Releases slots, so that other requests can use them.
    pub(super) fn release_slots(&self, slots: usize) {
        // One by one: if a waker panics, the semaphore does not wake the others of the same call.
        (0..slots).for_each(|_| isolated(|| self.slots.add_permits(1)));
    }

    /// Makes the task take completions, and cancel polls.
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

    /// Whether the requests in the outbox wait for those of other tasks. Not if nothing is in
    /// flight, unless other tasks are about to run.
    pub(super) fn should_wait(&self, about_to_run: usize) -> bool {
        let Some(queue) = &self.queue else { return false };
        // A forked child does not have the task that submits.
        self.submitting == 0
            && queue.0.context().is_ours()
            && (queue.0.is_busy() || about_to_run > 0)
            && queue.0.queued() < send_threshold(queue.outstanding())
    }

    /// Marks the task that submits as notified, and returns whether it was not.
    pub(super) fn notify(&mut self) -> bool {
        !mem::replace(&mut self.notified, true)
    }

    /// Takes the requests in the outbox. Pass them to `finish_submission` afterwards.
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
        // The queue is closed only when nothing is outstanding.
        if let Some(queue) = &mut self.queue {
            queue.0.finish_submission(submission);
        }
    }

    /// Whether every request has completed and was delivered.
    pub(super) fn is_idle(&self) -> bool {
        self.submitting == 0 && self.queue.as_ref().is_none_or(|queue| queue.outstanding() == 0)
    }
}

impl<B: IoBuf + Send> Drop for Held<'_, B> {
    fn drop(&mut self) {
        let Driven { queue, entry_of, closing, .. } = &mut *self.driven;
        let (Some(queue), deferred) = (queue, &mut self.deferred) else { return };
        let mut entries = lock(&deferred.shared.entries);
        // A poll that is still being submitted is tried again later. If a seccomp filter forbids
        // io_cancel, it is not cancelled, and keeps its slot until it completes.
        if *closing {
            // An error was already returned by `close`.
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
                // The completion has a clone of the descriptor of `Blocking`, so no descriptor is
                // closed here.
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
            // Queued requests are submitted, although nobody waits for their results.
            queue.0.flush();
            let (entry_of, entries) =
                (mem::take(&mut driven.entry_of), mem::take(&mut entries.list));
            background::drop(Remaining { queue, entry_of, entries });
        }
    }
}

/// A queue whose handles and futures were dropped.
struct Remaining<B: IoBuf + Send> {
    queue: Queue<B>,
    entry_of: Box<[usize]>,
    entries: Vec<Entry<B>>,
}

impl<B: IoBuf + Send> Drop for Remaining<B> {
    /// Completes the incomplete writes on this thread, and waits for all other requests.
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
