//! Operations as values, which are submitted to a queue.
//!
//! A function of this module creates an [`Op`], its methods set options, and every kind of queue
//! accepts it:
//!
//! | submitted by | when | result |
//! |---|---|---|
//! | [`Queue::submit`](crate::Queue::submit) | at once | a [`Completion`](crate::Completion) |
//! | [`Batch::push`](crate::Batch::push) | when the batch ends | a [`Completion`](crate::Completion) |
//! | [`Scope::submit`](crate::Scope::submit) | at once | a [`Completion`](crate::Completion) |
//! | `tokio::Queue::submit` | together with requests of other tasks | the output of the future |
//! | `tokio::Batch::push` | when the batch ends | a future |
//!
//! A [`Queue`](crate::Queue) takes buffers that own their memory ([`IoBuf`], [`IoBufMut`]); a
//! [`Scope`](crate::Scope) takes borrowed bytes: `&[u8]`, `&Vec<u8>`, `&[u8; N]` and the like for
//! writes, the same with `&mut` for reads.
//!
//! A descriptor is `&impl AsFd`, `BorrowedFd`, or `Arc<impl AsFd>`. It is borrowed until the
//! request has been submitted, and no longer: the kernel keeps its own reference to the file. An
//! `Arc` is kept until the completion is delivered; `tokio::Queue` needs an `Arc` to send requests
//! of several tasks together.
//!
//! # Errors
//!
//! The error of a request is its result, whether the kernel refuses it at submission or it fails
//! later. For every operation:
//!
//! - `EBADF`: the descriptor is not open, or not for this operation.
//! - `EINVAL`: the file does not support the operation; the caller is a forked child.
//! - `EAGAIN`: the kernel has no memory for the request, or it would block and has the flag
//!   [`NOWAIT`](crate::RwFlags::NOWAIT). Without the flag, trying again later can succeed.
//! - `EINTR`: a signal interrupted the transfer inside the submission, which file systems such as
//!   FUSE allow (`aio_rw_done` in `fs/aio.c`). Nothing was transferred; it can be tried again.
//! - `ENOSYS`, `EPERM`: a seccomp filter forbids io_submit(2).
//!
//! # Example: one operation, with options
//!
//! ```
//! use aio_sys::{Queue, RwFlags, op};
//! use std::num::NonZeroU32;
//!
//! # let path = std::env::temp_dir().join(format!("aio-sys-{}", std::process::id()));
//! let file = std::fs::File::create(&path)?;
//! let mut queue = Queue::new(NonZeroU32::MIN)?;
//! let write = op::write_at(&file, b"record".to_vec(), 0).flags(RwFlags::DSYNC).user_data(7);
//! queue.submit(write)?;
//! for completion in queue.wait(1, None)? {
//!     assert_eq!((completion.user_data, completion.result), (7, Ok(6)));
//! }
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::queue::buf::{IoBuf, IoBufMut, SpareBuf};
use crate::queue::engine::{Engine, Request};
use crate::queue::op::sealed::Sealed;
use crate::queue::request::{Completion, PollToken, Token};
use crate::queue::scope::Borrowed;
use crate::queue::slots::Vacant;
use crate::sys::errno::Errno;
use crate::sys::flags::{IocbFlags, PollEvents, RwFlags};
use crate::sys::types::*;
#[cfg(feature = "tokio")]
use crate::tokio::Blocking;
use std::marker::{self, PhantomData};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::vec::Vec;
use std::{fmt, mem, process};

/// An operation on a descriptor that is borrowed for `'fd`. `K` is the kind of operation, with its
/// buffers. See [the module](self).
#[must_use = "an operation does nothing until it is submitted"]
pub struct Op<'fd, K> {
    request: Request,
    kind: K,
    fd: PhantomData<BorrowedFd<'fd>>,
}

/// A descriptor, or its owner: `&impl AsFd`, `BorrowedFd`, `Arc<impl AsFd>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a descriptor that an operation can use",
    label = "expected `&impl AsFd`, `BorrowedFd` or `Arc<impl AsFd>`"
)]
pub trait Descriptor<'fd>: Sealed {
    #[doc(hidden)]
    fn into_parts(self) -> (RawFd, Option<KeptOpen>);
}

/// The owner of a descriptor, which keeps it open.
pub type KeptOpen = Arc<dyn Send + marker::Sync>;

impl<'fd, F: AsFd + ?Sized> Descriptor<'fd> for &'fd F {
    #[inline]
    fn into_parts(self) -> (RawFd, Option<KeptOpen>) {
        (self.as_fd().as_raw_fd(), None)
    }
}

impl<'fd> Descriptor<'fd> for BorrowedFd<'fd> {
    #[inline]
    fn into_parts(self) -> (RawFd, Option<KeptOpen>) {
        (self.as_raw_fd(), None)
    }
}

impl<F: AsFd + Send + marker::Sync + 'static> Descriptor<'static> for Arc<F> {
    #[inline]
    fn into_parts(self) -> (RawFd, Option<KeptOpen>) {
        (self.as_fd().as_raw_fd(), Some(self))
    }
}

/// The kind of the [`Op`] of [`read_at`], with its buffer.
pub struct Read<B>(Part<B>);
/// The kind of the [`Op`] of [`read_spare_at`], with its buffer.
pub struct ReadSpare<B>(B);
/// The kind of the [`Op`] of [`write_at`], with its buffer.
pub struct Write<B>(Part<B>);
/// The kind of the [`Op`] of [`readv_at`], with its buffers.
pub struct ReadVectored<B>(Vec<B>);
/// The kind of the [`Op`] of [`writev_at`], with its buffers.
pub struct WriteVectored<B>(Vec<B>);
/// The kind of the [`Op`] of [`readv_raw_at`] and [`writev_raw_at`], with memory of the caller.
/// A queue for these alone can be a `Queue<()>`.
pub struct Raw(());
/// The kind of the [`Op`] of [`fsync`] and [`fdsync`].
pub struct Sync(());
/// The kind of the [`Op`] of [`poll`].
pub struct Poll(());
/// The kind of the [`Op`] of [`completed`].
pub struct Completed(Result<usize, Errno>);

/// The bytes of a buffer that are transferred.
struct Part<B> {
    buf: B,
    start: usize,
    end: usize,
}

impl<B> Part<B> {
    fn all(buf: B) -> Part<B> {
        Part { buf, start: 0, end: usize::MAX }
    }
}

/// Reads at `offset` into all of `buf`.
///
/// The result is the number of bytes read. It is smaller than the buffer at the end of the file,
/// and for a buffer of more than 2,147,479,552 bytes (`MAX_RW_COUNT`), the most that the kernel
/// reads at a time. 0 is the end of the file. To fill a part of the buffer, see [`Op::range`]; to
/// read into a `Vec` that is empty and has a capacity, see [`read_spare_at`].
///
/// # Errors
///
/// - `EINVAL`: the buffer is empty; the offset is 2^63 or larger; with `O_DIRECT`, the buffer, its
///   length or the offset is not [aligned](crate::DirectAlignment).
/// - Those of [every operation](self#errors), and of pread(2).
///
/// # Kernel
///
/// `IOCB_CMD_PREAD`, since Linux 2.5.
pub fn read_at<'fd, B>(fd: impl Descriptor<'fd>, buf: B, offset: u64) -> Op<'fd, Read<B>> {
    Op::transfer(fd, IOCB_CMD_PREAD, offset, Read(Part::all(buf)))
}

/// Reads at `offset` into the spare capacity of `buf`, after its bytes, and increases its length by
/// the number of bytes read, which is the result.
///
/// # Errors
///
/// Same as [`read_at`]; `EINVAL` if there is no spare capacity.
///
/// # Kernel
///
/// `IOCB_CMD_PREAD`, since Linux 2.5.
///
/// # Example
///
/// ```
/// use aio_sys::{Queue, op};
/// use std::num::NonZeroU32;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut queue = Queue::new(NonZeroU32::MIN)?;
/// queue.submit(op::read_spare_at(&file, Vec::with_capacity(4096), 0))?;
/// for completion in queue.wait(1, None)? {
///     assert!(completion.buf.unwrap().starts_with(b"\x7fELF"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_spare_at<'fd, B>(
    fd: impl Descriptor<'fd>,
    buf: B,
    offset: u64,
) -> Op<'fd, ReadSpare<B>> {
    Op::transfer(fd, IOCB_CMD_PREAD, offset, ReadSpare(buf))
}

/// Reads at `offset` into one buffer after the other. The result is the number of bytes read into
/// all of them, which may be short as for [`read_at`].
///
/// # Errors
///
/// - `EINVAL`: there are more than 1024 buffers; the offset is 2^63 or larger.
/// - Those of [every operation](self#errors), and of preadv(2).
///
/// # Kernel
///
/// `IOCB_CMD_PREADV`, since Linux 2.6.19.
pub fn readv_at<'fd, B>(
    fd: impl Descriptor<'fd>,
    bufs: Vec<B>,
    offset: u64,
) -> Op<'fd, ReadVectored<B>> {
    Op::transfer(fd, IOCB_CMD_PREADV, offset, ReadVectored(bufs))
}

/// Writes all of `buf` at `offset`.
///
/// The result is the number of bytes written. It is smaller than the buffer if no space is left,
/// and for a buffer of more than 2,147,479,552 bytes (`MAX_RW_COUNT`), the most that the kernel
/// writes at a time. To write the rest, see [`Op::range`].
///
/// With [`RwFlags::APPEND`], and on a descriptor with `O_APPEND`, the offset is ignored. Do not
/// submit more than one direct append at a time: see [`RwFlags::APPEND`].
///
/// # Errors
///
/// - `EINVAL`: the offset is 2^63 or larger; with `O_DIRECT`, the buffer, its length or the offset
///   is not [aligned](crate::DirectAlignment).
/// - Those of [every operation](self#errors), and of pwrite(2).
///
/// # Kernel
///
/// `IOCB_CMD_PWRITE`, since Linux 2.5.
pub fn write_at<'fd, B>(fd: impl Descriptor<'fd>, buf: B, offset: u64) -> Op<'fd, Write<B>> {
    Op::transfer(fd, IOCB_CMD_PWRITE, offset, Write(Part::all(buf)))
}

/// Writes one buffer after the other at `offset`. The result is the number of bytes written of all
/// of them, which may be short as for [`write_at`].
///
/// # Errors
///
/// - `EINVAL`: there are more than 1024 buffers; the offset is 2^63 or larger.
/// - Those of [every operation](self#errors), and of pwritev(2).
///
/// # Kernel
///
/// `IOCB_CMD_PWRITEV`, since Linux 2.6.19.
pub fn writev_at<'fd, B>(
    fd: impl Descriptor<'fd>,
    bufs: Vec<B>,
    offset: u64,
) -> Op<'fd, WriteVectored<B>> {
    Op::transfer(fd, IOCB_CMD_PWRITEV, offset, WriteVectored(bufs))
}

/// Reads at `offset` into memory that the caller keeps, such as that of a virtual machine. The
/// kernel copies `iovecs` at submission.
///
/// # Errors
///
/// Same as [`readv_at`]; `EFAULT` for addresses that are not mapped.
///
/// # Safety
///
/// `V` has the layout of [`iovec`], as the `iovec` of other crates and `IoSlice` have.
///
/// From the submission until the request's completion was delivered, or the queue was dropped or
/// closed, the memory stays mapped, nobody frees it, and no Rust reference to it is used.
///
/// # Kernel
///
/// `IOCB_CMD_PREADV`, since Linux 2.6.19.
pub unsafe fn readv_raw_at<'fd, V>(
    fd: impl Descriptor<'fd>,
    iovecs: &'fd [V],
    offset: u64,
) -> Op<'fd, Raw> {
    Op::raw(fd, IOCB_CMD_PREADV, iovecs, offset)
}

/// Writes memory that the caller keeps, such as that of a virtual machine, at `offset`. The kernel
/// copies `iovecs` at submission.
///
/// # Errors
///
/// Same as [`writev_at`]; `EFAULT` for addresses that are not mapped.
///
/// # Safety
///
/// `V` has the layout of [`iovec`], as the `iovec` of other crates and `IoSlice` have.
///
/// From the submission until the request's completion was delivered, or the queue was dropped or
/// closed, the memory stays mapped and nobody frees it. It may change meanwhile, but not through a
/// Rust reference; which bytes are written then is unspecified.
///
/// # Kernel
///
/// `IOCB_CMD_PWRITEV`, since Linux 2.6.19.
pub unsafe fn writev_raw_at<'fd, V>(
    fd: impl Descriptor<'fd>,
    iovecs: &'fd [V],
    offset: u64,
) -> Op<'fd, Raw> {
    Op::raw(fd, IOCB_CMD_PWRITEV, iovecs, offset)
}

/// Waits until all data that was written to the file before is on disk, including metadata. The
/// result is 0.
///
/// It is not ordered with writes in flight: submit it when they have completed. It works on
/// directories, and on descriptors that are open for reading only.
///
/// # Errors
///
/// `EINVAL` for a file that cannot be synced, such as a pipe; those of
/// [every operation](self#errors), and of fsync(2).
///
/// # Kernel
///
/// `IOCB_CMD_FSYNC`, since Linux 4.18.
pub fn fsync<'fd>(fd: impl Descriptor<'fd>) -> Op<'fd, Sync> {
    Op::new(fd, IOCB_CMD_FSYNC, Sync(()))
}

/// [`fsync`], without metadata that is not needed to read the data, such as times.
///
/// # Errors
///
/// Same as [`fsync`].
///
/// # Kernel
///
/// `IOCB_CMD_FDSYNC`, since Linux 4.18.
pub fn fdsync<'fd>(fd: impl Descriptor<'fd>) -> Op<'fd, Sync> {
    Op::new(fd, IOCB_CMD_FDSYNC, Sync(()))
}

/// Waits until the file has one of `events`, and completes once. The result is [`PollEvents`] as
/// bits: see [`Completion::poll_events`].
///
/// The file stays open until the poll has completed or was cancelled: see [Open
/// files](crate::Context#open-files).
///
/// # Errors
///
/// `EINVAL` for a file with several wait queues, such as `/dev/ptmx`; those of [every
/// operation](self#errors).
///
/// # Kernel
///
/// `IOCB_CMD_POLL`, since Linux 4.19.
pub fn poll<'fd>(fd: impl Descriptor<'fd>, events: PollEvents) -> Op<'fd, Poll> {
    let mut op = Op::new(fd, IOCB_CMD_POLL, Poll(()));
    op.request.iocb.aio_buf = events.bits().into();
    op
}

/// Completes with `result`, without the kernel: for a request that the caller has done in another
/// way, and whose completion should come from the same queue. A number above `isize::MAX` becomes
/// `isize::MAX`, the most that a system call returns.
pub fn completed(result: Result<usize, Errno>) -> Op<'static, Completed> {
    let request = Request { iocb: iocb::default(), user_data: 0, file: None };
    Op { request, kind: Completed(result), fd: PhantomData }
}

impl<'fd, K> Op<'fd, K> {
    fn new(fd: impl Descriptor<'fd>, opcode: u16, kind: K) -> Op<'fd, K> {
        let (fd, file) = fd.into_parts();
        let iocb = iocb { aio_lio_opcode: opcode, aio_fildes: fd as u32, ..iocb::default() };
        Op { request: Request { iocb, user_data: 0, file }, kind, fd: PhantomData }
    }

    fn transfer(fd: impl Descriptor<'fd>, opcode: u16, offset: u64, kind: K) -> Op<'fd, K> {
        let mut op = Op::new(fd, opcode, kind);
        // The kernel refuses an offset that is negative after this conversion.
        op.request.iocb.aio_offset = offset as i64;
        op
    }

    /// Returned as [`Completion::user_data`]; 0 if it is not set.
    pub fn user_data(mut self, user_data: u64) -> Op<'fd, K> {
        self.request.user_data = user_data;
        self
    }
}

impl<K> Op<'_, K> {
    /// The request without its buffer.
    pub(crate) fn iocb(&self) -> iocb {
        self.request.iocb
    }
}

impl<'fd> Op<'fd, Raw> {
    fn raw<V>(
        fd: impl Descriptor<'fd>,
        opcode: u16,
        iovecs: &'fd [V],
        offset: u64,
    ) -> Op<'fd, Raw> {
        const { assert!(size_of::<V>() == size_of::<iovec>(), "not an iovec") };
        let mut op = Op::transfer(fd, opcode, offset, Raw(()));
        op.request.iocb.aio_buf = iovecs.as_ptr().expose_provenance() as u64;
        op.request.iocb.aio_nbytes = segments(iovecs.len());
        op
    }
}

/// The number of elements for the kernel, which truncates it to 32 bits, and refuses more than
/// `UIO_MAXIOV`.
#[inline]
pub(super) fn segments(count: usize) -> u64 {
    count.min(UIO_MAXIOV + 1) as u64
}

impl<'fd, K: Transfer> Op<'fd, K> {
    /// Sets the flags of this transfer.
    ///
    /// # Errors
    ///
    /// In the request's result: `EOPNOTSUPP` if the kernel or the file does not support a flag;
    /// `EINVAL` for `APPEND` with `NOAPPEND`; `EPERM` for `NOAPPEND` on an append-only file.
    ///
    /// # Kernel
    ///
    /// Since Linux 4.13; `include/uapi/linux/fs.h`. Each flag states its version.
    pub fn flags(mut self, flags: RwFlags) -> Op<'fd, K> {
        self.request.iocb.aio_rw_flags = flags.bits();
        self
    }

    /// Sets the I/O priority of this transfer, as for ioprio_set(2): the class in the upper 3 bits
    /// (1 real time, 2 best effort, 3 idle), the level in the lower 13.
    ///
    /// # Errors
    ///
    /// In the request's result: `EINVAL` for a class that does not exist, `EPERM` for real time
    /// without `CAP_SYS_NICE` or `CAP_SYS_ADMIN`.
    ///
    /// # Kernel
    ///
    /// Since Linux 4.18; `include/uapi/linux/ioprio.h`.
    pub fn priority(mut self, priority: u16) -> Op<'fd, K> {
        self.request.iocb.aio_reqprio = priority as i16;
        self.request.iocb.aio_flags |= IocbFlags::IOPRIO.bits();
        self
    }
}

impl<'fd, B: IoBuf> Op<'fd, Read<B>> {
    /// Transfers only this range of the buffer, in bytes: see the
    /// [how-to](crate::howto#short-transfers) for an example. In a [`Scope`](crate::Scope), borrow
    /// a part of the buffer instead.
    ///
    /// # Panics
    ///
    /// If the range ends before it starts, or outside the buffer.
    pub fn range(mut self, range: Range<usize>) -> Op<'fd, Read<B>> {
        self.kind.0 = part(self.kind.0.buf, range);
        self
    }
}

impl<'fd, B: IoBuf> Op<'fd, Write<B>> {
    /// Transfers only this range of the buffer, in bytes: see the
    /// [how-to](crate::howto#short-transfers) for an example. In a [`Scope`](crate::Scope), borrow
    /// a part of the buffer instead.
    ///
    /// # Panics
    ///
    /// If the range ends before it starts, or outside the buffer.
    pub fn range(mut self, range: Range<usize>) -> Op<'fd, Write<B>> {
        self.kind.0 = part(self.kind.0.buf, range);
        self
    }
}

fn part<B: IoBuf>(buf: B, range: Range<usize>) -> Part<B> {
    let len = buf.byte_len();
    let Range { start, end } = range;
    assert!(start <= end && end <= len, "invalid range {range:?} for a buffer of {len} bytes");
    Part { buf, start, end }
}

impl<K> fmt::Debug for Op<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Buffers are not printed: they may be long or secret.
        f.debug_struct("Op")
            .field("opcode", &self.request.iocb.aio_lio_opcode)
            .field("fd", &self.request.iocb.aio_fildes)
            .field("offset", &self.request.iocb.aio_offset)
            .field("user_data", &self.request.user_data)
            .finish_non_exhaustive()
    }
}

/// The kinds of operations that have [flags](Op::flags) and a [priority](Op::priority).
pub trait Transfer: Sealed {}

impl<B> Transfer for Read<B> {}
impl<B> Transfer for ReadSpare<B> {}
impl<B> Transfer for Write<B> {}
impl<B> Transfer for ReadVectored<B> {}
impl<B> Transfer for WriteVectored<B> {}
impl Transfer for Raw {}

/// The kinds of operations that a queue with buffers `S` accepts: those whose buffers it can hold.
pub trait Operation<S>: Sized + Sealed {
    /// Identifies the request: a [`Token`], or for a poll a [`PollToken`].
    type Token: Copy + Into<Token>;
    /// The buffers, which [`Full`](crate::Full) returns.
    type Buffers;
    /// The result for a task that awaits the operation.
    type Output;

    /// Puts the operation into a free slot; the next flush submits it.
    #[doc(hidden)]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Self::Token;

    #[doc(hidden)]
    fn output(completion: Completion<S>) -> Self::Output;

    #[doc(hidden)]
    fn into_buffers(self) -> Self::Buffers;

    /// The result of the operation if it is not submitted.
    #[doc(hidden)]
    fn refused(self, errno: Errno) -> Self::Output;

    #[doc(hidden)]
    fn poll_token(_: Self::Token) -> Option<PollToken> {
        None
    }

    /// Sets `RWF_NOWAIT`, so that a transfer completes with `EAGAIN` instead of blocking, and
    /// returns the same transfer as a system call that may block. `None` if it cannot be done in
    /// two parts.
    #[cfg(feature = "tokio")]
    #[doc(hidden)]
    fn nowait(&self, _: &mut Request) -> Option<Blocking<S>> {
        None
    }
}

impl<K> Op<'_, K> {
    /// Puts the operation into a free slot; the next flush submits it. Returns it if no slot is
    /// free.
    #[inline]
    pub(crate) fn queue<S>(self, engine: &mut Engine<S>) -> Result<K::Token, Self>
    where
        K: Operation<S>,
    {
        let Some(vacant) = engine.vacant() else { return Err(self) };
        Ok(self.kind.queue(self.request, vacant, engine))
    }

    pub(crate) fn into_buffers<S>(self) -> K::Buffers
    where
        K: Operation<S>,
    {
        self.kind.into_buffers()
    }
}

#[cfg(feature = "tokio")]
impl<K> Op<'_, K> {
    /// The result of the operation if it is not submitted.
    pub(crate) fn refused<S>(self, errno: Errno) -> K::Output
    where
        K: Operation<S>,
    {
        self.kind.refused(errno)
    }

    /// Whether it owns its descriptor: then it can be submitted later, even if its future is
    /// dropped. Other data that it borrows, such as iovecs, is `'static` then.
    pub(crate) fn keeps_open(&self) -> bool {
        self.request.file.is_some()
    }

    /// See [`Operation::nowait`].
    pub(crate) fn nowait<S>(&mut self) -> Option<Blocking<S>>
    where
        K: Operation<S>,
    {
        self.kind.nowait(&mut self.request)
    }
}

/// Prevents other crates from implementing the traits above.
mod sealed {
    pub trait Sealed {}
}

impl<F: ?Sized> Sealed for &F {}
impl Sealed for BorrowedFd<'_> {}
impl<F> Sealed for Arc<F> {}

impl<B> Sealed for Read<B> {}
impl<B> Sealed for ReadSpare<B> {}
impl<B> Sealed for Write<B> {}
impl<B> Sealed for ReadVectored<B> {}
impl<B> Sealed for WriteVectored<B> {}
impl Sealed for Raw {}
impl Sealed for Sync {}
impl Sealed for Poll {}
impl Sealed for Completed {}

/// A buffer that a queue with buffers `S` can hold, for the kernel to read.
///
/// # Safety
///
/// While the result of `lend` stays where it is, the kernel may read as many bytes as `source`
/// returns, at the address that it returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be lent to the kernel until a request completes",
    label = "the kernel may use it after it was moved, or after its borrow has ended",
    note = "a queue takes owners of heap memory, such as `Vec<u8>`, `Box<[u8]>`, `AlignedBuf`; \
            `aio_sys::scope` takes borrowed slices"
)]
pub unsafe trait Lend<S> {
    #[doc(hidden)]
    fn lend(self) -> S;
    #[doc(hidden)]
    fn source(held: &mut S) -> (*mut u8, usize);
}

/// A buffer that a queue with buffers `S` can hold, for the kernel to write to.
///
/// # Safety
///
/// Same as [`Lend`], and the kernel may write there, too.
#[diagnostic::on_unimplemented(
    message = "the kernel cannot write to `{Self}`",
    label = "expected a buffer that owns its memory, does not move it, and can be written to",
    note = "a queue takes `Vec<u8>`, `Box<[u8]>` and `AlignedBuf`; `aio_sys::scope` takes borrowed \
            slices"
)]
pub unsafe trait LendMut<S> {
    #[doc(hidden)]
    fn lend_mut(self) -> S;
    #[doc(hidden)]
    fn target(held: &mut S) -> (*mut u8, usize);
}

// SAFETY: the impl of `IoBuf` guarantees that these bytes can be read while the buffer stays in its
// slot.
unsafe impl<B: IoBuf> Lend<B> for B {
    #[inline]
    fn lend(self) -> B {
        self
    }

    #[inline]
    fn source(held: &mut B) -> (*mut u8, usize) {
        // The kernel only reads there, since the operation is a write.
        (held.byte_ptr().cast_mut(), held.byte_len())
    }
}

// SAFETY: the impl of `IoBufMut` guarantees that these bytes can be read and written while the
// buffer stays in its slot.
unsafe impl<B: IoBufMut> LendMut<B> for B {
    #[inline]
    fn lend_mut(self) -> B {
        self
    }

    #[inline]
    fn target(held: &mut B) -> (*mut u8, usize) {
        (held.byte_mut_ptr(), held.byte_len())
    }
}

// SAFETY: the bytes are borrowed for `'env`, which is longer than the scope, and the end of the
// scope waits for the kernel.
unsafe impl<'env, T: AsRef<[u8]> + ?Sized> Lend<Borrowed<'env>> for &'env T {
    #[inline]
    fn lend(self) -> Borrowed<'env> {
        Borrowed::Shared(self.as_ref())
    }

    #[inline]
    fn source(held: &mut Borrowed<'env>) -> (*mut u8, usize) {
        (held.as_ptr().cast_mut(), held.len())
    }
}

// SAFETY: the bytes are borrowed exclusively for `'env`, which is longer than the scope, and the
// end of the scope waits for the kernel.
unsafe impl<'env, T: AsMut<[u8]> + ?Sized> LendMut<Borrowed<'env>> for &'env mut T {
    #[inline]
    fn lend_mut(self) -> Borrowed<'env> {
        Borrowed::Exclusive(self.as_mut())
    }

    #[inline]
    fn target(held: &mut Borrowed<'env>) -> (*mut u8, usize) {
        match held {
            Borrowed::Exclusive(bytes) => (bytes.as_mut_ptr(), bytes.len()),
            Borrowed::Shared(_) => unreachable!("`lend_mut` returns `Exclusive`"),
        }
    }
}

/// The result of a transfer for a task that awaits it: the number of bytes or the error, and the
/// buffer.
pub type Transferred<B> = (Result<usize, Errno>, B);

fn single<B>(completion: Completion<B>) -> Transferred<B> {
    (completion.result, completion.buf.expect("a transfer returns its buffer"))
}

fn several<B>(completion: Completion<B>) -> Transferred<Vec<B>> {
    (completion.result, completion.bufs)
}

impl<S, B: LendMut<S>> Operation<S> for Read<B> {
    type Token = Token;
    type Buffers = B;
    type Output = Transferred<S>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        let Part { buf, start, end } = self.0;
        engine.transfer(vacant, request, buf.lend_mut(), start..end, B::target)
    }

    fn output(completion: Completion<S>) -> Transferred<S> {
        single(completion)
    }

    fn into_buffers(self) -> B {
        self.0.buf
    }

    fn refused(self, errno: Errno) -> Self::Output {
        (Err(errno), self.0.buf.lend_mut())
    }

    #[cfg(feature = "tokio")]
    fn nowait(&self, request: &mut Request) -> Option<Blocking<S>> {
        let Part { start, end, .. } = self.0;
        Blocking::of(request, start..end, B::target, None)
    }
}

impl<S, B: Lend<S>> Operation<S> for Write<B> {
    type Token = Token;
    type Buffers = B;
    type Output = Transferred<S>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        let Part { buf, start, end } = self.0;
        engine.transfer(vacant, request, buf.lend(), start..end, B::source)
    }

    fn output(completion: Completion<S>) -> Transferred<S> {
        single(completion)
    }

    fn into_buffers(self) -> B {
        self.0.buf
    }

    fn refused(self, errno: Errno) -> Self::Output {
        (Err(errno), self.0.buf.lend())
    }

    #[cfg(feature = "tokio")]
    fn nowait(&self, request: &mut Request) -> Option<Blocking<S>> {
        let Part { start, end, .. } = self.0;
        Blocking::of(request, start..end, B::source, None)
    }
}

/// Called when `count` bytes were read into the spare capacity.
fn filled<B: SpareBuf>(buf: &mut B, count: usize) {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            process::abort();
        }
    }
    // A panic here would leave the slot in an invalid state, and the queue may be locked.
    let guard = Abort;
    // SAFETY: the request's result is `count`, so the kernel has written that many bytes to the
    // spare capacity.
    unsafe { buf.add_len(count) }
    mem::forget(guard);
}

impl<B: SpareBuf> Operation<B> for ReadSpare<B> {
    type Token = Token;
    type Buffers = B;
    type Output = Transferred<B>;

    fn queue(self, request: Request, vacant: Vacant<B>, engine: &mut Engine<B>) -> Token {
        let token = engine.transfer(vacant, request, self.0, 0..usize::MAX, B::spare);
        engine.when_filled(vacant, filled::<B>);
        token
    }

    fn output(completion: Completion<B>) -> Transferred<B> {
        single(completion)
    }

    fn into_buffers(self) -> B {
        self.0
    }

    fn refused(self, errno: Errno) -> Self::Output {
        (Err(errno), self.0)
    }

    #[cfg(feature = "tokio")]
    fn nowait(&self, request: &mut Request) -> Option<Blocking<B>> {
        Blocking::of(request, 0..usize::MAX, B::spare, Some(filled::<B>))
    }
}

impl<S, B: LendMut<S>> Operation<S> for ReadVectored<B> {
    type Token = Token;
    type Buffers = Vec<B>;
    type Output = Transferred<Vec<S>>;

    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        let bufs = self.0.into_iter().map(B::lend_mut).collect();
        engine.vectored(vacant, request, bufs, B::target)
    }

    fn output(completion: Completion<S>) -> Transferred<Vec<S>> {
        several(completion)
    }

    fn into_buffers(self) -> Vec<B> {
        self.0
    }

    fn refused(self, errno: Errno) -> Self::Output {
        (Err(errno), self.0.into_iter().map(B::lend_mut).collect())
    }

    #[cfg(feature = "tokio")]
    fn nowait(&self, request: &mut Request) -> Option<Blocking<S>> {
        Blocking::of(request, 0..usize::MAX, B::target, None)
    }
}

impl<S, B: Lend<S>> Operation<S> for WriteVectored<B> {
    type Token = Token;
    type Buffers = Vec<B>;
    type Output = Transferred<Vec<S>>;

    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        let bufs = self.0.into_iter().map(B::lend).collect();
        engine.vectored(vacant, request, bufs, B::source)
    }

    fn output(completion: Completion<S>) -> Transferred<Vec<S>> {
        several(completion)
    }

    fn into_buffers(self) -> Vec<B> {
        self.0
    }

    fn refused(self, errno: Errno) -> Self::Output {
        (Err(errno), self.0.into_iter().map(B::lend).collect())
    }

    #[cfg(feature = "tokio")]
    fn nowait(&self, request: &mut Request) -> Option<Blocking<S>> {
        Blocking::of(request, 0..usize::MAX, B::source, None)
    }
}

impl<S> Operation<S> for Raw {
    type Token = Token;
    type Buffers = ();
    type Output = Result<usize, Errno>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        engine.without_buffer(vacant, request)
    }

    fn output(completion: Completion<S>) -> Result<usize, Errno> {
        completion.result
    }

    fn into_buffers(self) {}

    fn refused(self, errno: Errno) -> Self::Output {
        Err(errno)
    }
}

impl<S> Operation<S> for Sync {
    type Token = Token;
    type Buffers = ();
    type Output = Result<(), Errno>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        engine.without_buffer(vacant, request)
    }

    fn output(completion: Completion<S>) -> Result<(), Errno> {
        completion.result.map(drop)
    }

    fn into_buffers(self) {}

    fn refused(self, errno: Errno) -> Self::Output {
        Err(errno)
    }
}

impl<S> Operation<S> for Poll {
    type Token = PollToken;
    type Buffers = ();
    type Output = Result<PollEvents, Errno>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> PollToken {
        PollToken(engine.without_buffer(vacant, request))
    }

    fn output(completion: Completion<S>) -> Result<PollEvents, Errno> {
        completion.poll_events()
    }

    fn poll_token(token: PollToken) -> Option<PollToken> {
        Some(token)
    }

    fn into_buffers(self) {}

    fn refused(self, errno: Errno) -> Self::Output {
        Err(errno)
    }
}

impl<S> Operation<S> for Completed {
    type Token = Token;
    type Buffers = ();
    type Output = Result<usize, Errno>;

    #[inline]
    fn queue(self, request: Request, vacant: Vacant<S>, engine: &mut Engine<S>) -> Token {
        engine.complete(vacant, request, self.0)
    }

    fn output(completion: Completion<S>) -> Result<usize, Errno> {
        completion.result
    }

    fn into_buffers(self) {}

    fn refused(self, errno: Errno) -> Self::Output {
        Err(errno)
    }
}
