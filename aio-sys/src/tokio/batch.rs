//! Requests of tasks that go to the kernel by one call.

use crate::queue;
use crate::queue::buf::{IoBuf, IoBufMut};
use crate::queue::request::{Completion, Full, Token};
use crate::sys::errno::Errno;
use crate::sys::flags::{PollEvents, RwFlags};
use crate::tokio::driver::{Shared, lock};
use crate::tokio::request::{Request, Transferred, events, nothing, several, single};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::vec::Vec;

/// A request of a [`Batch`], or what there is no place for.
pub type Begun<B, T, A> = Result<Request<B, T>, Full<A>>;

/// Requests that go to the kernel together, when the function that was given to
/// [`Queue::batch`](crate::tokio::Queue::batch) has returned.
///
/// Each operation gives a [`Request`], to be awaited after that; [`Full`] gives back what there is
/// no place for.
pub struct Batch<'q, 'fd, B: IoBuf + Send> {
    pub(super) batch: queue::batch::Batch<'q, 'fd, B>,
    pub(super) entry_of: &'q mut [usize],
    /// Slots that are kept for it.
    pub(super) places: &'q mut usize,
    pub(super) shared: &'q Arc<Shared<B>>,
}

impl<'q, 'fd, B: IoBuf + Send> Batch<'q, 'fd, B> {
    /// How many more requests there is a place for.
    pub fn free(&self) -> usize {
        *self.places
    }

    pub(super) fn begin<A, K: Copy + Into<Token>, T>(
        &mut self,
        argument: A,
        start: impl FnOnce(&mut queue::batch::Batch<'q, 'fd, B>, A) -> Result<K, Full<A>>,
        output: fn(Completion<B>) -> T,
    ) -> Result<(K, Request<B, T>), Full<A>> {
        if *self.places == 0 {
            return Err(Full(argument));
        }
        let token = start(&mut self.batch, argument)?;
        // It comes back with the completion.
        *self.places -= 1;
        let entry = lock(&self.shared.entries).take();
        self.entry_of[token.into().index()] = entry;
        Ok((token, Request { shared: self.shared.clone(), entry: Some(entry), poll: None, output }))
    }

    /// Reads at `offset` into all of `buf`; see [`crate::Batch::read`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn read_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
    ) -> Result<Request<B, Transferred<B>>, Full<B>>
    where
        B: IoBufMut,
    {
        self.read_at_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`read_at`](Batch::read_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_at_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Request<B, Transferred<B>>, Full<B>>
    where
        B: IoBufMut,
    {
        let begun = self.begin(buf, |batch, buf| batch.read_with(fd, buf, offset, flags), single);
        begun.map(|(_, request)| request)
    }

    /// Reads into one buffer after the other; see [`crate::Batch::readv`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn readv_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Begun<B, Transferred<Vec<B>>, Vec<B>>
    where
        B: IoBufMut,
    {
        let begun =
            self.begin(bufs, |batch, bufs| batch.readv_with(fd, bufs, offset, flags), several);
        begun.map(|(_, request)| request)
    }

    /// Writes all of `buf` at `offset`; see [`crate::Batch::write`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    pub fn write_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
    ) -> Result<Request<B, Transferred<B>>, Full<B>> {
        self.write_at_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`write_at`](Batch::write_at), with flags.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_at_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Request<B, Transferred<B>>, Full<B>> {
        let begun = self.begin(buf, |batch, buf| batch.write_with(fd, buf, offset, flags), single);
        begun.map(|(_, request)| request)
    }

    /// Writes one buffer after the other; see [`crate::Batch::writev`].
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    pub fn writev_at(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Begun<B, Transferred<Vec<B>>, Vec<B>> {
        let begun =
            self.begin(bufs, |batch, bufs| batch.writev_with(fd, bufs, offset, flags), several);
        begun.map(|(_, request)| request)
    }

    /// Waits until what was written before is on disk, and the metadata; see
    /// [`crate::Batch::fsync`].
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fsync(
        &mut self,
        fd: BorrowedFd<'fd>,
    ) -> Result<Request<B, Result<(), Errno>>, Full<()>> {
        self.begin((), |batch, ()| batch.fsync(fd), nothing).map(|(_, request)| request)
    }

    /// [`fsync`](Batch::fsync), without the metadata that are not necessary to read the data again.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn fdsync(
        &mut self,
        fd: BorrowedFd<'fd>,
    ) -> Result<Request<B, Result<(), Errno>>, Full<()>> {
        self.begin((), |batch, ()| batch.fdsync(fd), nothing).map(|(_, request)| request)
    }

    /// Waits until one of `wanted` is the case, once; see [`crate::Batch::poll`]. To drop it is to
    /// cancel it.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn poll(
        &mut self,
        fd: BorrowedFd<'fd>,
        wanted: PollEvents,
    ) -> Result<Request<B, Result<PollEvents, Errno>>, Full<()>> {
        let (token, mut request) = self.begin((), |batch, ()| batch.poll(fd, wanted), events)?;
        request.poll = Some(token);
        Ok(request)
    }
}

impl<B: IoBuf + Send> fmt::Debug for Batch<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("free", &self.free()).finish_non_exhaustive()
    }
}
