//! A request as a future.

use crate::queue::buf::IoBuf;
use crate::queue::request::{Completion, PollToken, Token};
use crate::tokio::blocking::Blocking;
use crate::tokio::driver::{Entry, SHUT_DOWN, Shared, lock};
use std::boxed::Box;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// A request that was submitted, as a future. For what happens when it is dropped, see
/// [Cancellation](crate::tokio#cancellation).
#[must_use = "only awaiting the request returns its result"]
pub struct Request<B: IoBuf + Send, T> {
    shared: Arc<Shared<B>>,
    /// Until it is taken.
    entry: Option<usize>,
    /// If it can be cancelled.
    poll: Option<PollToken>,
    output: fn(Completion<B>) -> T,
}

impl<B: IoBuf + Send, T> Request<B, T> {
    /// The request that has just been queued under `token`.
    pub(super) fn new(
        shared: &Arc<Shared<B>>,
        entry_of: &mut [usize],
        token: Token,
        poll: Option<PollToken>,
        output: fn(Completion<B>) -> T,
    ) -> Request<B, T> {
        let entry = lock(&shared.entries).take();
        entry_of[token.index()] = entry;
        Request { shared: shared.clone(), entry: Some(entry), poll, output }
    }
}

impl<B: IoBuf + Send, T> Future for Request<B, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let entry = self.entry.expect("not polled after it has ended");
        // To clone a waker is to run code that is not ours.
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
            true => mem::replace(&mut entries.list[entry], Entry::Detached(None)),
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

/// A transfer that must not block, and what is left of it. To drop it is to have a write completed
/// all the same: no part of it alone.
pub(super) struct Helped<B: IoBuf + Send> {
    pub(super) request: Request<B, Completion<B>>,
    /// Until the request has completed.
    pub(super) blocking: Option<Blocking<B>>,
}

impl<B: IoBuf + Send> Helped<B> {
    /// The result, when all of it was tried. The descriptor is open until then.
    pub(super) async fn completed(mut self) -> Completion<B> {
        let mut completion = (&mut self.request).await;
        let blocking = self.blocking.take().expect("taken here only");
        let Some(done) = blocking.is_left(&mut completion) else { return completion };
        // SAFETY: open, since the caller's future is here.
        let Some(blocking) = (unsafe { blocking.detached() }) else { return completion };
        let helper = self.request.shared.finish(blocking, completion, done);
        helper.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => panic!("{SHUT_DOWN}"),
        })
    }
}

impl<B: IoBuf + Send> Drop for Helped<B> {
    fn drop(&mut self) {
        let (Some(blocking), Some(entry)) = (self.blocking.take(), self.request.entry) else {
            return;
        };
        if !blocking.is_write() {
            return;
        }
        // SAFETY: open, since the future that borrows it is being dropped here.
        let Some(blocking) = (unsafe { blocking.detached() }) else { return };
        let shared = self.request.shared.clone();
        let mut entries = lock(&shared.entries);
        if let Entry::Waiting(_) = &entries.list[entry] {
            let detached = Entry::Detached(Some(Box::new(blocking)));
            let waiting = mem::replace(&mut entries.list[entry], detached);
            self.request.entry = None;
            drop(entries);
            drop(waiting);
        } else if let Entry::Ended(mut completion) = entries.free(entry) {
            self.request.entry = None;
            drop(entries);
            if let Some(done) = blocking.is_left(&mut completion) {
                drop(shared.finish(blocking, completion, done));
            }
        }
    }
}

/// A transfer that a helper thread does.
struct Helping<B: IoBuf + Send>(Arc<Shared<B>>);

impl<B: IoBuf + Send> Drop for Helping<B> {
    fn drop(&mut self) {
        // The last one, and nothing else is in flight, as far as who waits for that can see.
        if self.0.helping.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// What a helper thread is to do. A runtime that is being shut down drops it instead: then a write
/// is completed there.
struct Work<B: IoBuf + Send> {
    blocking: Blocking<B>,
    /// Until it is done.
    completion: Option<Completion<B>>,
    done: usize,
    _helping: Helping<B>,
}

impl<B: IoBuf + Send> Work<B> {
    fn run(&mut self) -> Option<Completion<B>> {
        let mut completion = self.completion.take()?;
        // SAFETY: `blocking` is detached, and keeps the descriptor open.
        unsafe { self.blocking.finish(&mut completion, self.done) };
        Some(completion)
    }
}

impl<B: IoBuf + Send> Drop for Work<B> {
    fn drop(&mut self) {
        if self.blocking.is_write() {
            self.run();
        }
    }
}

impl<B: IoBuf + Send> Shared<B> {
    /// Has a helper thread do what is left of a transfer. It owns the buffer until then, whatever
    /// becomes of the result.
    pub(super) fn finish(
        self: &Arc<Self>,
        blocking: Blocking<B>,
        completion: Completion<B>,
        done: usize,
    ) -> ::tokio::task::JoinHandle<Completion<B>> {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
        self.helping.fetch_add(1, Ordering::AcqRel);
        let mut work =
            Work { blocking, completion: Some(completion), done, _helping: Helping(self.clone()) };
        self.runtime.spawn_blocking(move || work.run().expect("it runs once"))
    }
}
