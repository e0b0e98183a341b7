//! Requests of a task that are submitted by one system call.

use crate::queue;
use crate::queue::buf::IoBuf;
use crate::queue::op::{Op, Operation};
use crate::queue::request::Full;
use crate::tokio::driver::Shared;
use crate::tokio::request::Request;
use std::fmt;
use std::sync::Arc;

/// Requests that are submitted together when the function that was passed to
/// [`Queue::batch`](crate::tokio::Queue::batch) has returned.
pub struct Batch<'q, 'fd, B: IoBuf + Send> {
    /// `None` if the queue is closed.
    pub(super) batch: Option<queue::batch::Batch<'q, 'fd, B>>,
    pub(super) entry_of: &'q mut [usize],
    /// The number of slots that are reserved for this batch.
    pub(super) permits: &'q mut usize,
    pub(super) shared: &'q Arc<Shared<B>>,
}

impl<'fd, B: IoBuf + Send> Batch<'_, 'fd, B> {
    /// How many more requests it accepts.
    pub fn free(&self) -> usize {
        *self.permits
    }

    /// Adds an operation to the batch, and returns a future, which can be awaited after the batch.
    ///
    /// # Errors
    ///
    /// [`Full`], which returns the buffers.
    pub fn push<K: Operation<B>>(
        &mut self,
        mut op: Op<'fd, K>,
    ) -> Result<Request<B, K::Output>, Full<K::Buffers>> {
        let Some(batch) = self.batch.as_mut().filter(|_| *self.permits > 0) else {
            return Err(Full(op.into_buffers()));
        };
        let blocking = self.shared.nowait.then(|| op.nowait()).flatten();
        let token = batch.push(op)?;
        // The completion returns the permit.
        *self.permits -= 1;
        Ok(Request::new::<K>(self.shared, self.entry_of, token, blocking))
    }
}

impl<B: IoBuf + Send> fmt::Debug for Batch<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("free", &self.free()).finish_non_exhaustive()
    }
}
