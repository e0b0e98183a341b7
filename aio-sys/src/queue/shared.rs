//! A queue in two halves: many threads submit, and one takes completions.

use crate::aio::context::SetupError;
use crate::aio::wait::{Clock, OnSignal};
use crate::queue::batch::Batch;
use crate::queue::engine::{Engine, Waker};
use crate::queue::op::{Op, Operation};
use crate::queue::request::{Completion, Full, PollToken};
use crate::sys::errno::Errno;
use crate::sys::types::io_event;
use std::boxed::Box;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, iter, mem};

/// The half of a queue that submits. It can be cloned, and used by any number of threads. See
/// [`Queue::split`](crate::Queue::split).
///
/// When the last clone is dropped, the queue is [closed](Submitter::close).
pub struct Submitter<B>(Arc<Shared<B>>);

/// The half of a queue that takes completions. See [`Queue::split`](crate::Queue::split).
pub struct Reaper<B> {
    shared: Arc<Shared<B>>,
    /// Completions that were taken from the engine, and not delivered yet.
    ready: VecDeque<Completion<B>>,
    /// Room for the events that a system call returns.
    events: Box<[io_event]>,
}

/// The engine is not locked during a submission or a wait, nor while the user's code runs, except
/// for the function of a batch.
struct Shared<B> {
    engine: Mutex<Engine<B>>,
    waker: Waker,
    /// The number of submitters; 0 forever when the queue is closed. A submission reads it with the
    /// engine locked, and the reaper reads it before it locks the engine: if it sees a closed
    /// queue, it also sees every request that the queue accepted.
    submitters: AtomicUsize,
    /// Polls are cancelled, including those that are being submitted. Set and read with the engine
    /// locked.
    draining: AtomicBool,
}

impl<B> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, Engine<B>> {
        // A panic leaves the value in a valid state.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // SAFETY: the waker's context is that of `self.engine`, which exists as long as `self`.
        unsafe { self.waker.wake() };
    }

    fn is_closed(&self) -> bool {
        self.submitters.load(Ordering::Acquire) == 0
    }

    /// Submits the operations that `fill` queues.
    fn batch<'fd, R>(&self, fill: impl FnOnce(&mut Batch<'_, 'fd, B>) -> R) -> R {
        let mut engine = self.lock();
        let before = engine.refused();
        let mut batch = Batch::of_queue(&mut engine, !self.is_closed());
        // Operations that were pushed before a panic are submitted as well.
        let result = panic::catch_unwind(AssertUnwindSafe(|| fill(&mut batch)));
        // Dropping the batch would submit it here, with the engine locked.
        mem::forget(batch);
        let mut refused = engine.refused() > before;
        let (mut submission, handle) = engine.start_submission();
        drop(engine);
        // SAFETY: the engine is in `self`, which outlives this call. Descriptors are borrowed for
        // `'fd`, which is longer than this function.
        unsafe { submission.submit(handle) };
        let mut engine = self.lock();
        let before = engine.refused();
        engine.finish_submission(submission);
        if self.draining.load(Ordering::Relaxed) {
            // An error was already returned by `drain`.
            let _ = engine.cancel_polls();
        }
        refused |= engine.refused() > before;
        drop(engine);
        if refused {
            self.wake();
        }
        result.unwrap_or_else(|cause| panic::resume_unwind(cause))
    }
}

/// The halves of a new queue; see [`Queue::split`](crate::Queue::split).
pub(super) fn split<B>(capacity: NonZeroU32) -> Result<(Submitter<B>, Reaper<B>), SetupError> {
    let (engine, waker) = Engine::with_waker(capacity)?;
    let engine = Mutex::new(engine);
    let shared = Arc::new(Shared {
        engine,
        waker,
        submitters: AtomicUsize::new(1),
        draining: AtomicBool::new(false),
    });
    let capacity = capacity.get() as usize;
    let reaper = Reaper {
        shared: shared.clone(),
        ready: VecDeque::with_capacity(capacity),
        // One more, for the waker's event.
        events: iter::repeat_n(io_event::default(), capacity + 1).collect(),
    };
    Ok((Submitter(shared), reaper))
}

impl<B> Submitter<B> {
    /// Submits an operation. The [`Reaper`] may be waiting meanwhile. Like
    /// [`Queue::submit`](crate::Queue::submit) it blocks for as long as the file system does, but
    /// it blocks no other thread.
    ///
    /// # Errors
    ///
    /// [`Full`], which returns the buffers: there is no free slot, or the queue is
    /// [closed](Submitter::close).
    pub fn submit<K: Operation<B>>(&self, op: Op<'_, K>) -> Result<K::Token, Full<K::Buffers>> {
        // The rest of the operation is dropped after the engine was unlocked.
        self.0.batch(|batch| batch.offer(op)).map_err(|op| Full(op.into_buffers()))
    }

    /// Submits the operations that `fill` pushes to the batch, by one call of io_submit(2): same as
    /// [`Queue::batch`](crate::Queue::batch).
    ///
    /// The queue is locked while `fill` runs: if `fill` uses the queue by another handle, it blocks
    /// forever.
    pub fn batch<'fd, R>(&self, fill: impl FnOnce(&mut Batch<'_, 'fd, B>) -> R) -> R {
        self.0.batch(fill)
    }

    /// Cancels a poll: same as [`Queue::cancel`](crate::Queue::cancel).
    ///
    /// # Errors
    ///
    /// Same as [`Queue::cancel`](crate::Queue::cancel).
    pub fn cancel(&self, poll: PollToken) -> Result<bool, Errno> {
        self.0.lock().cancel(poll)
    }

    /// The number of requests that have not completed.
    pub fn outstanding(&self) -> usize {
        self.0.lock().outstanding()
    }

    /// How many more requests it accepts.
    pub fn free(&self) -> usize {
        if self.is_closed() { 0 } else { self.0.lock().free() }
    }

    /// Closes the queue: all submitters refuse operations from now on, and the [`Reaper`] wakes up.
    /// Requests in flight continue. Dropping the last submitter does the same.
    pub fn close(&self) {
        if self.0.submitters.swap(0, Ordering::AcqRel) > 0 {
            self.0.wake();
        }
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<B> Clone for Submitter<B> {
    fn clone(&self) -> Submitter<B> {
        // A closed queue stays closed.
        let more = |count: usize| (count > 0).then_some(count + 1);
        let _ = self.0.submitters.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        Submitter(self.0.clone())
    }
}

impl<B> Drop for Submitter<B> {
    fn drop(&mut self) {
        let fewer = |count: usize| count.checked_sub(1);
        let was = self.0.submitters.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer);
        if was == Ok(1) {
            self.0.wake();
        }
    }
}

impl<B> fmt::Debug for Submitter<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<B> Reaper<B> {
    /// Delivers the completions that are ready, without waiting.
    pub fn reap(&mut self) -> Reaped<'_, B> {
        if self.ready.is_empty() {
            self.collect(0);
        }
        Reaped(&mut self.ready)
    }

    /// Waits until at least `min` completions are ready, also of requests that are submitted
    /// meanwhile, and delivers those that are.
    ///
    /// There are fewer if the timeout passes, or if the queue is [closed](Submitter::close) and
    /// nothing is in flight. So if a wait for 1 without a timeout yields nothing, the queue is
    /// closed and all completions were delivered. After an interruption by a signal it continues to
    /// wait.
    ///
    /// # Errors
    ///
    /// Same as [`Queue::wait`](crate::Queue::wait).
    pub fn wait(&mut self, min: usize, timeout: Option<Duration>) -> Result<Reaped<'_, B>, Errno> {
        self.gather(min, timeout, OnSignal::Continue)?;
        Ok(Reaped(&mut self.ready))
    }

    /// [`wait`](Reaper::wait), but returns when a signal interrupts it.
    ///
    /// # Errors
    ///
    /// - `EINTR`: a signal arrived before any completion.
    /// - Same as [`wait`](Reaper::wait).
    pub fn wait_interruptible(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
    ) -> Result<Reaped<'_, B>, Errno> {
        self.gather(min, timeout, OnSignal::Return)?;
        Ok(Reaped(&mut self.ready))
    }

    /// Closes the queue, cancels all polls, waits for all other requests, and delivers their
    /// completions.
    ///
    /// # Errors
    ///
    /// Same as [`Queue::drain`](crate::Queue::drain).
    pub fn drain(&mut self) -> Result<Reaped<'_, B>, Errno> {
        self.shared.submitters.store(0, Ordering::Release);
        let mut engine = self.shared.lock();
        self.shared.draining.store(true, Ordering::Relaxed);
        engine.cancel_polls()?;
        drop(engine);
        self.wait(usize::MAX, None)
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Takes completions from the engine, including those of the first `count` of `events`, and
    /// returns how many requests are outstanding.
    fn collect(&mut self, count: usize) -> usize {
        let mut engine = self.shared.lock();
        engine.receive(&self.events[..count]);
        self.ready.extend(engine.reap());
        engine.outstanding()
    }

    fn gather(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<(), Errno> {
        let clock = timeout.filter(|timeout| !timeout.is_zero()).map(|_| Clock::start());
        let mut taken = 0;
        // Completions that are left are delivered first; only then the ring is read.
        while self.ready.len() < min.max(1) || taken > 0 {
            // The order matters: requests that were submitted before the queue was closed are seen.
            let closed = self.shared.is_closed();
            let outstanding = self.collect(mem::take(&mut taken));
            let mut missing = min.saturating_sub(self.ready.len());
            if closed {
                missing = missing.min(outstanding);
            } else if self.shared.is_closed() {
                // The waker's event may be among those that were just collected.
                continue;
            }
            let elapsed = clock.as_ref().map_or(Duration::ZERO, Clock::elapsed);
            let left = timeout.map(|timeout| timeout.saturating_sub(elapsed));
            if missing == 0 || left == Some(Duration::ZERO) {
                break;
            }
            // Wait for one event only, since the waker's event must end the wait. SAFETY: the
            // context is that of the engine in `self.shared`. Nobody else takes its events: the
            // engine takes them for this reaper only, which is borrowed exclusively.
            taken = match unsafe { self.shared.waker.wait(&mut self.events, left, on_signal) } {
                Ok(taken) => taken,
                Err(_) if !self.ready.is_empty() => break,
                Err(errno) => return Err(errno),
            };
        }
        Ok(())
    }
}

/// Dropping the reaper closes the queue. The last half that is dropped waits for the kernel, as a
/// [`Queue`](crate::Queue#shutdown) does.
impl<B> Drop for Reaper<B> {
    fn drop(&mut self) {
        self.shared.submitters.store(0, Ordering::Release);
    }
}

impl<B> fmt::Debug for Reaper<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaper").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// An iterator over completions that are ready; see [`Reaper::wait`]. If it is dropped before its
/// end, the next call delivers the rest. The queue is not locked meanwhile: it is possible to
/// submit.
#[must_use = "a completion is delivered when the iterator yields it"]
pub struct Reaped<'r, B>(&'r mut VecDeque<Completion<B>>);

impl<B> Iterator for Reaped<'_, B> {
    type Item = Completion<B>;

    fn next(&mut self) -> Option<Completion<B>> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<B> ExactSizeIterator for Reaped<'_, B> {}

impl<B> fmt::Debug for Reaped<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaped").field("len", &self.0.len()).finish_non_exhaustive()
    }
}
