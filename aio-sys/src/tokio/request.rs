//! A request as a future.

use crate::queue::buf::IoBuf;
use crate::queue::request::{Completion, PollToken};
use crate::sys::errno::Errno;
use crate::sys::flags::PollEvents;
use crate::tokio::driver::{Entry, SHUT_DOWN, Shared, lock};
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::Vec;

/// What a transfer with one buffer ends in.
pub type Transferred<B> = (Result<usize, Errno>, B);

/// A request that is submitted, as a future. What it means to drop it: see
/// [the module](crate::tokio).
#[must_use = "without awaiting it, nobody knows how the request has ended"]
pub struct Request<B: IoBuf + Send, T> {
    pub(super) shared: Arc<Shared<B>>,
    /// Until it is taken.
    pub(super) entry: Option<usize>,
    /// If it can be cancelled.
    pub(super) poll: Option<PollToken>,
    pub(super) output: fn(Completion<B>) -> T,
}

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

pub(super) fn single<B>(completion: Completion<B>) -> Transferred<B> {
    (completion.result, completion.buf.expect("a transfer's buffer comes back"))
}

pub(super) fn several<B>(completion: Completion<B>) -> Transferred<Vec<B>> {
    (completion.result, completion.bufs)
}

pub(super) fn nothing<B>(completion: Completion<B>) -> Result<(), Errno> {
    completion.result.map(drop)
}

pub(super) fn events<B>(completion: Completion<B>) -> Result<PollEvents, Errno> {
    completion.result.map(|bits| PollEvents::from_bits_retain(bits as u16))
}
