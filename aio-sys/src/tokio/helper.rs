//! Incomplete transfers of [`Builder::nowait`](crate::tokio::Builder::nowait), which a helper
//! thread completes.

use crate::queue::buf::IoBuf;
use crate::queue::request::Completion;
use crate::tokio::blocking::Blocking;
use crate::tokio::driver::{Entry, Shared, isolated, lock, wake};
use std::any::Any;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A transfer that the kernel has completed, maybe only in part. It counts in
/// [`Shared::unfinished`], and owns the buffer until its result is delivered.
pub(super) struct Unfinished<B: IoBuf + Send> {
    shared: Arc<Shared<B>>,
    entry: usize,
    /// Keeps the descriptor open until the result is delivered.
    blocking: Option<Blocking<B>>,
    /// How many bytes the kernel has transferred.
    done: usize,
    /// The completion, until it is delivered.
    completion: Option<Completion<B>>,
}

impl<B: IoBuf + Send> Unfinished<B> {
    pub(super) fn new(
        shared: &Arc<Shared<B>>,
        entry: usize,
        blocking: Blocking<B>,
        completion: Completion<B>,
    ) -> Unfinished<B> {
        shared.unfinished.fetch_add(1, Ordering::AcqRel);
        let (shared, completion) = (shared.clone(), Some(completion));
        Unfinished { shared, entry, blocking: Some(blocking), done: 0, completion }
    }

    /// Delivers the result if the transfer is complete, else starts a helper thread for the rest.
    pub(super) fn settle(mut self) {
        // This requests the addresses of buffers, which runs the user's code.
        match self.attempt(|blocking, _, completion| blocking.is_incomplete(completion)) {
            Ok(None) => self.deliver(),
            Ok(Some(done)) => {
                self.done = done;
                self.shared.fallbacks.fetch_add(1, Ordering::Relaxed);
                let runtime = self.shared.runtime.clone();
                drop(runtime.spawn_blocking(move || self.finish()));
            }
            Err(payload) => self.panicked(payload),
        }
    }

    fn finish(mut self) {
        match self.attempt(Blocking::finish) {
            Ok(()) => self.deliver(),
            Err(payload) => self.panicked(payload),
        }
    }

    fn attempt<R>(
        &mut self,
        work: impl FnOnce(&Blocking<B>, usize, &mut Completion<B>) -> R,
    ) -> Result<R, Box<dyn Any + Send>> {
        let (Some(blocking), Some(completion)) = (&self.blocking, &mut self.completion) else {
            unreachable!("the completion was not delivered yet")
        };
        catch_unwind(AssertUnwindSafe(|| work(blocking, self.done, completion)))
    }

    fn deliver(&mut self) {
        let completion = self.completion.take().expect("delivered once");
        self.end(Entry::Completed(completion));
    }

    fn panicked(&mut self, payload: Box<dyn Any + Send>) {
        self.completion
            .take()
            .into_iter()
            .for_each(|completion| Entry::Completed(completion).discard());
        self.end(Entry::Panicked(payload));
    }

    fn end(&mut self, result: Entry<B>) {
        // Drop our clone of the descriptor first: the receiver of the completion may rely on
        // closing the last one.
        isolated(|| drop(self.blocking.take()));
        let mut entries = lock(&self.shared.entries);
        let (waker, orphaned) = entries.end(self.entry, result);
        drop(entries);
        waker.into_iter().for_each(wake);
        orphaned.into_iter().for_each(Entry::discard);
    }
}

impl<B: IoBuf + Send> Drop for Unfinished<B> {
    fn drop(&mut self) {
        // A runtime that is being shut down drops closures that no thread has started. Nobody waits
        // for a read then; a write is completed.
        if let (Some(blocking), Some(mut completion)) =
            (self.blocking.take(), self.completion.take())
        {
            if blocking.is_write() {
                isolated(|| blocking.finish(self.done, &mut completion));
            }
            isolated(|| drop(blocking));
            Entry::Completed(completion).discard();
        }
        // The last unfinished transfer: tasks that wait for an idle queue check again.
        if self.shared.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            isolated(|| self.shared.idle.notify_waiters());
        }
    }
}
