//! Requests that are submitted by one system call.

use crate::queue::engine::Engine;
use crate::queue::op::{Op, Operation};
use crate::queue::request::Full;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;

/// Requests that are submitted together when the function that was passed to
/// [`Queue::batch`](crate::Queue::batch) or [`Scope::batch`](crate::Scope::batch) has returned.
pub struct Batch<'q, 'fd, B> {
    engine: &'q mut Engine<B>,
    /// Whether it accepts operations.
    is_open: bool,
    /// Borrows the descriptors until the batch is submitted.
    fds: PhantomData<BorrowedFd<'fd>>,
}

impl<'q, 'fd, B> Batch<'q, 'fd, B> {
    #[inline]
    pub(crate) fn new(engine: &'q mut Engine<B>) -> Batch<'q, 'fd, B> {
        Batch::of_queue(engine, true)
    }

    /// A batch that accepts nothing, unless the queue is open.
    #[inline]
    pub(crate) fn of_queue(engine: &'q mut Engine<B>, is_open: bool) -> Batch<'q, 'fd, B> {
        Batch { engine, is_open, fds: PhantomData }
    }

    /// Adds an operation to the batch.
    ///
    /// # Errors
    ///
    /// [`Full`], which returns the buffers.
    #[inline]
    pub fn push<K: Operation<B>>(&mut self, op: Op<'fd, K>) -> Result<K::Token, Full<K::Buffers>> {
        self.offer(op).map_err(|op| Full(op.into_buffers()))
    }

    /// Same as [`push`](Batch::push), but returns the whole operation, since dropping a part of it
    /// may run the user's code.
    #[inline]
    pub(crate) fn offer<K: Operation<B>>(
        &mut self,
        op: Op<'fd, K>,
    ) -> Result<K::Token, Op<'fd, K>> {
        if self.is_open { op.queue(self.engine) } else { Err(op) }
    }

    /// How many more requests it accepts.
    pub fn free(&self) -> usize {
        if self.is_open { self.engine.free() } else { 0 }
    }
}

impl<B> Drop for Batch<'_, '_, B> {
    #[inline]
    fn drop(&mut self) {
        self.engine.flush();
    }
}

impl<B> fmt::Debug for Batch<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("free", &self.free()).finish_non_exhaustive()
    }
}
