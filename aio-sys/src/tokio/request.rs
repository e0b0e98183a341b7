//! A request as a future.

use crate::queue::buf::IoBuf;
use crate::queue::op::Operation;
use crate::queue::request::{Completion, PollToken};
use crate::tokio::blocking::Blocking;
use crate::tokio::driver::{Entry, SHUT_DOWN, Shared, lock};
use std::fmt;
use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A request that was submitted, as a future. For what happens when it is dropped, see
/// [Cancellation](crate::tokio#cancellation).
#[must_use = "only awaiting the request returns its result"]
pub struct Request<B: IoBuf + Send, T> {
    shared: Arc<Shared<B>>,
    /// The entry, until the result is taken from it.
    entry: Option<usize>,
    /// The token, if the request is a poll, which can be cancelled.
    poll: Option<PollToken>,
    output: fn(Completion<B>) -> T,
}

impl<B: IoBuf + Send, T> Request<B, T> {
    /// The future of the request that was just queued with `token`.
    pub(super) fn new<K: Operation<B, Output = T>>(
        shared: &Arc<Shared<B>>,
        entry_of: &mut [usize],
        token: K::Token,
        blocking: Option<Blocking<B>>,
    ) -> Request<B, T> {
        let entry = lock(&shared.entries).take(blocking);
        entry_of[token.into().index()] = entry;
        let (shared, entry, poll) = (shared.clone(), Some(entry), K::poll_token(token));
        Request { shared, entry, poll, output: K::output }
    }
}

impl<B: IoBuf + Send, T> Future for Request<B, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let entry = self.entry.expect("not polled after it is ready");
        // Cloning a waker runs the user's code, so it is done without the lock.
        let mut fresh = None;
        let mut entries = loop {
            let mut entries = lock(&self.shared.entries);
            let closed = entries.closed;
            let Entry::Waiting(waker, _) = &mut entries.list[entry] else { break entries };
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
        let result = entries.free(entry);
        drop(entries);
        self.entry = None;
        match result {
            Entry::Completed(completion) => Poll::Ready((self.output)(completion)),
            Entry::Panicked(payload) => panic::resume_unwind(payload),
            _ => unreachable!("a future's entry is neither free nor detached"),
        }
    }
}

impl<B: IoBuf + Send, T> Drop for Request<B, T> {
    fn drop(&mut self) {
        let Some(entry) = self.entry else { return };
        let mut entries = lock(&self.shared.entries);
        let in_flight = matches!(entries.list[entry], Entry::Waiting(..));
        let dropped = match in_flight {
            true => entries.detach(entry),
            false => entries.free(entry),
        };
        let cancel = self.poll.filter(|_| in_flight);
        entries.cancelled.extend(cancel);
        drop(entries);
        if cancel.is_some() {
            // The queue may be locked by the function of a batch, in which this future is dropped:
            // let the task cancel the poll.
            self.shared.notify_driver();
        }
        drop(dropped);
    }
}

impl<B: IoBuf + Send, T> fmt::Debug for Request<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("completed", &self.entry.is_none()).finish_non_exhaustive()
    }
}
