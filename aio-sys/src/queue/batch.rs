//! Requests that go to the kernel by one call.

use crate::queue::buf::{IoBuf, IoBufMut, source, target};
use crate::queue::engine::{Engine, Transfer};
use crate::queue::request::{Full, PollToken, Token};
use crate::sys::flags::{PollEvents, RwFlags};
use crate::sys::types::*;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::vec::Vec;

/// Requests that go to the kernel together, when the function that was given to
/// [`Queue::batch`](crate::Queue::batch) has returned.
pub struct Batch<'q, 'fd, B> {
    engine: &'q mut Engine<B>,
    /// Descriptors are borrowed until the batch is submitted.
    fds: PhantomData<BorrowedFd<'fd>>,
}

impl<'q, 'fd, B> Batch<'q, 'fd, B> {
    pub(crate) fn new(engine: &'q mut Engine<B>) -> Batch<'q, 'fd, B> {
        Batch { engine, fds: PhantomData }
    }

    pub(crate) fn engine(&mut self) -> &mut Engine<B> {
        self.engine
    }

    /// Reads at `offset` into all of `buf`. The result may be short: at the end of the file, and
    /// after a signal.
    ///
    /// Offsets from 2^63 on, which no file has, end in `EINVAL`.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_PREAD`, since 2.5.
    pub fn read(&mut self, fd: BorrowedFd<'fd>, buf: B, offset: u64) -> Result<Token, Full<B>>
    where
        B: IoBufMut,
    {
        self.read_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`read`](Batch::read), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// As of [`read`](Batch::read).
    pub fn read_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<B>>
    where
        B: IoBufMut,
    {
        self.engine.transfer(Transfer { opcode: IOCB_CMD_PREAD, fd, offset, flags }, buf, target)
    }

    /// Reads into one buffer after the other; at most 1024 of them, or it ends in `EINVAL`.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_PREADV`, since 2.6.19.
    pub fn readv(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
    ) -> Result<Token, Full<Vec<B>>>
    where
        B: IoBufMut,
    {
        self.readv_with(fd, bufs, offset, RwFlags::NONE)
    }

    /// [`readv`](Batch::readv), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// As of [`readv`](Batch::readv).
    pub fn readv_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<Vec<B>>>
    where
        B: IoBufMut,
    {
        self.engine.vectored(Transfer { opcode: IOCB_CMD_PREADV, fd, offset, flags }, bufs, target)
    }

    /// Writes all of `buf` at `offset`. The result may be short: where there is no space left, and
    /// after a signal.
    ///
    /// Offsets from 2^63 on, which no file has, end in `EINVAL`.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffer back.
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_PWRITE`, since 2.5.
    pub fn write(&mut self, fd: BorrowedFd<'fd>, buf: B, offset: u64) -> Result<Token, Full<B>>
    where
        B: IoBuf,
    {
        self.write_with(fd, buf, offset, RwFlags::NONE)
    }

    /// [`write`](Batch::write), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// As of [`write`](Batch::write).
    ///
    /// # Example: durable when it is complete
    ///
    /// ```
    /// use aio_sys::{Queue, RwFlags};
    /// use std::num::NonZeroU32;
    /// use std::os::fd::AsFd;
    ///
    /// # let path = std::env::temp_dir().join(format!("aio-sys-{}", std::process::id()));
    /// let file = std::fs::File::create(&path)?;
    /// let mut queue = Queue::<&'static [u8]>::new(NonZeroU32::MIN)?;
    /// let record = b"record".as_slice();
    /// queue.batch(|batch| batch.write_with(file.as_fd(), record, 0, RwFlags::DSYNC)).unwrap();
    /// queue.wait(1, None, |completion| assert_eq!(completion.result, Ok(6)))?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        buf: B,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<B>>
    where
        B: IoBuf,
    {
        self.engine.transfer(Transfer { opcode: IOCB_CMD_PWRITE, fd, offset, flags }, buf, source)
    }

    /// Writes one buffer after the other; at most 1024 of them, or it ends in `EINVAL`.
    ///
    /// # Errors
    ///
    /// [`Full`], which gives the buffers back.
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_PWRITEV`, since 2.6.19.
    pub fn writev(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
    ) -> Result<Token, Full<Vec<B>>>
    where
        B: IoBuf,
    {
        self.writev_with(fd, bufs, offset, RwFlags::NONE)
    }

    /// [`writev`](Batch::writev), with flags: since 4.13.
    ///
    /// # Errors
    ///
    /// As of [`writev`](Batch::writev).
    pub fn writev_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        bufs: Vec<B>,
        offset: u64,
        flags: RwFlags,
    ) -> Result<Token, Full<Vec<B>>>
    where
        B: IoBuf,
    {
        self.engine.vectored(Transfer { opcode: IOCB_CMD_PWRITEV, fd, offset, flags }, bufs, source)
    }

    /// Waits until what was written to the file before is on disk, and its metadata. It is not
    /// ordered against writes that are in flight: submit it when they have completed.
    ///
    /// What has nothing to sync, such as a pipe, ends in `EINVAL`.
    ///
    /// # Errors
    ///
    /// [`Full`].
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_FSYNC`, since 4.18.
    pub fn fsync(&mut self, fd: BorrowedFd<'fd>) -> Result<Token, Full<()>> {
        self.engine.sync(IOCB_CMD_FSYNC, fd)
    }

    /// [`fsync`](Batch::fsync), without the metadata that are not necessary to read the data again.
    ///
    /// # Errors
    ///
    /// [`Full`].
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_FDSYNC`, since 4.18.
    pub fn fdsync(&mut self, fd: BorrowedFd<'fd>) -> Result<Token, Full<()>> {
        self.engine.sync(IOCB_CMD_FDSYNC, fd)
    }

    /// Waits until one of `events` is the case, once. The result are [`PollEvents`] as bits.
    ///
    /// # Errors
    ///
    /// [`Full`].
    ///
    /// # Kernel
    ///
    /// `IOCB_CMD_POLL`, since 4.19.
    pub fn poll(&mut self, fd: BorrowedFd<'fd>, events: PollEvents) -> Result<PollToken, Full<()>> {
        self.engine.poll(fd, events)
    }

    /// How many more requests it would take in.
    pub fn free(&self) -> usize {
        self.engine.free()
    }
}

impl<B> Drop for Batch<'_, '_, B> {
    fn drop(&mut self) {
        self.engine.flush();
    }
}

impl<B> fmt::Debug for Batch<'_, '_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("free", &self.free()).finish_non_exhaustive()
    }
}
