//! The system calls of native AIO, typed: declared here, derived by `#[syscall]`.

#![cfg_attr(any(target_arch = "riscv32", target_arch = "m68k"), allow(dead_code, unused_imports))]

use crate::sys::convert::{Arg, ReadOnly};
use crate::sys::errno::Errno;
use crate::sys::types::{__aio_sigset, aio_context_t, io_event, iocb, sigset_t, timespec};
use aio_macros::syscall;

/// The id of an AIO context: [`io_setup`] returns it, and the other calls take it.
///
/// A plain value, as in the kernel's interface: it can be copied, and can outlive the context. A
/// system call on such an id returns [`EINVAL`](Errno::EINVAL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ContextId(aio_context_t);

impl ContextId {
    /// No context; what [`io_setup`] requires before the call.
    pub const NONE: ContextId = ContextId(0);

    /// The value as the kernel has it: the address of the completion ring.
    pub const fn as_raw(self) -> aio_context_t {
        self.0
    }

    /// The id of a context that other code has created.
    ///
    /// # Safety
    ///
    /// The caller may use the context: no safe code elsewhere relies on being the only one that
    /// takes its events.
    pub const unsafe fn from_raw(id: aio_context_t) -> ContextId {
        ContextId(id)
    }
}

impl Arg<aio_context_t> for ContextId {
    fn arg(value: ContextId) -> aio_context_t {
        value.0
    }
}

impl Arg<*mut aio_context_t> for &mut ContextId {
    fn arg(value: &mut ContextId) -> *mut aio_context_t {
        &raw mut value.0
    }
}

/// Creates an AIO context for at least `nr_events` requests in flight, and stores its id in `ctx`.
///
/// `ctx` must be [`ContextId::NONE`] before. The context counts `nr_events` against the system-wide
/// quota `fs.aio-max-nr`, and has room for more than requested.
///
/// # Errors
///
/// - `EINVAL`: `ctx` is not `NONE`, `nr_events` is 0 or above the kernel's limit.
/// - `EAGAIN`: the quota is used up, or smaller than `nr_events`.
/// - `ENOMEM`: no memory for the ring; after mlockall(2), `RLIMIT_MEMLOCK` is used up.
/// - `ENOSYS`: the kernel was built without `CONFIG_AIO`, or a seccomp filter forbids the call.
///
/// # Kernel
///
/// Since Linux 2.5; `fs/aio.c`, io_setup(2).
///
/// # Example: a context, created and destroyed
///
/// ```
/// use aio_sys::{ContextId, Errno, io_destroy, io_setup};
///
/// let mut ctx = ContextId::NONE;
/// io_setup(8, &mut ctx)?;
/// // A second context does not fit into the same variable.
/// assert_eq!(io_setup(8, &mut ctx), Err(Errno::EINVAL));
/// // SAFETY: nobody reads the ring.
/// unsafe { io_destroy(ctx)? };
/// # Ok::<(), Errno>(())
/// ```
#[syscall(
    unsafe io_setup(nr_events, ctx),
    safe = "the kernel writes nothing but `ctx`, and maps the ring where nothing is mapped"
)]
pub fn io_setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;

/// Destroys a context: cancels its polls, waits for every other request in flight, and unmaps the
/// ring.
///
/// When it has returned success, the kernel does not use the buffers of the context's requests any
/// more. It takes tens of milliseconds even when nothing is in flight.
///
/// # Errors
///
/// - `EINVAL`: there is no such context, or another thread is already destroying it. Nothing was
///   waited for.
/// - `ENOSYS`: the kernel has no AIO.
///
/// # Safety
///
/// Nobody may read the completion ring at the context's address from now on: it is unmapped. And no
/// copy of `ctx` may be used for any call: the kernel may give the same id to the next context,
/// whose events such a call would take and whose requests it would cancel.
///
/// # Kernel
///
/// Since Linux 2.5; `fs/aio.c`, io_destroy(2). From Linux 3.11 to 3.15 it does not wait for
/// requests in flight.
#[syscall(io_destroy(ctx))]
pub unsafe fn io_destroy(ctx: ContextId) -> Result<(), Errno>;

/// Submits requests, in order, and returns how many the kernel accepted.
///
/// The count may be short: the kernel stops at the first request that it refuses, and returns that
/// request's error only if it is the first of a call. To get the error of request `k`, submit again
/// from `k` on. Requests before `k` are in flight, those from `k` on are not.
///
/// For an empty slice the context is checked, and 0 returned. A slice that is longer than the ring
/// (`aio_ring::nr`) is cut to its size.
///
/// A read or a write of more than 2,147,479,552 bytes (0x7ffff000, `MAX_RW_COUNT`) is cut to that
/// many: its result is short.
///
/// Every accepted request yields exactly one [`io_event`], in any order. Its `res` is the result or
/// `-errno`. Errors that occur later are reported there: a bad buffer address, misaligned direct
/// I/O, no space, `RWF_NOWAIT` that would block. The kernel copies the `iocb`s and `iovec` arrays
/// during the call. Before that it writes `aio_key` of each `iocb`, which is why the slice is
/// borrowed exclusively.
///
/// The call blocks for as long as the file system does: see
/// [Blocking](crate::Context#blocking).
///
/// # Errors
///
/// Of the first request, in the order in which the kernel checks:
///
/// - `EINVAL`: no such context; then, for the request: `aio_reserved2` is not 0; a length that does
///   not fit `isize`; an opcode that the kernel does not know or the file does not support; fields
///   set that the opcode does not use; a negative offset; more than 1024 `iovec`s;
///   `IOCB_FLAG_RESFD` with a descriptor that is not an eventfd; a bad I/O priority.
/// - `EFAULT`: an address in the slice is not readable, or an `iocb` not writable; an `iovec` array
///   that is not readable; a buffer outside the address space.
/// - `EAGAIN`: no free slot. The slot of a completed request is free again only when its event was
///   taken: submitting again without taking events never succeeds.
/// - `EBADF`: `aio_fildes` is not open, or not for this operation; `aio_resfd` is not open.
/// - `EOPNOTSUPP`: an `RWF_*` flag that the kernel or the file does not support.
/// - `EPERM`: a real-time I/O priority without the capability; `RWF_NOAPPEND` on an append-only
///   file.
/// - `ENOSYS`: the kernel has no AIO.
///
/// # Safety
///
/// Until a request's event was taken or the context destroyed: the buffer of a read may not be
/// accessed or freed, that of a write not changed or freed. Addresses and lengths in the requests
/// must be those of such buffers.
///
/// # Kernel
///
/// Since Linux 2.5; `fs/aio.c`, io_submit(2).
///
/// # Example: two requests, one system call
///
/// ```
/// use aio_sys::types::{IOCB_CMD_POLL, io_event, iocb};
/// use aio_sys::{ContextId, Errno, io_destroy, io_getevents, io_setup, io_submit};
/// use std::os::fd::AsRawFd;
///
/// let (_reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
/// let mut ctx = ContextId::NONE;
/// io_setup(2, &mut ctx)?;
/// let poll = |fd: i32, events: i16, data| iocb {
///     aio_data: data,
///     aio_fildes: fd as u32,
///     aio_lio_opcode: IOCB_CMD_POLL,
///     aio_buf: events as u64,
///     ..iocb::default()
/// };
/// let mut writable = poll(writer.as_raw_fd(), libc::POLLOUT, 1);
/// let mut bad = poll(-1, libc::POLLIN, 2);
///
/// // SAFETY: a poll has no buffer.
/// let accepted = unsafe { io_submit(ctx, &mut [&mut writable, &mut bad])? };
/// assert_eq!(accepted, 1, "the second was refused");
/// // SAFETY: a poll has no buffer.
/// assert_eq!(unsafe { io_submit(ctx, &mut [&mut bad]) }, Err(Errno::EBADF), "and this is why");
///
/// let mut events = [io_event::default(); 2];
/// assert_eq!(io_getevents(ctx, 1, &mut events, None)?, 1);
/// assert_eq!((events[0].data, events[0].res), (1, libc::POLLOUT as i64));
/// // SAFETY: nobody reads the ring.
/// unsafe { io_destroy(ctx) }
/// # ; Ok::<(), Errno>(())
/// ```
#[syscall(io_submit(ctx, iocbs.len(), iocbs.as_mut_ptr()))]
pub unsafe fn io_submit(ctx: ContextId, iocbs: &mut [&mut iocb]) -> Result<usize, Errno>;

/// Cancels a poll, which the kernel finds by the address of its `iocb`.
///
/// Success is an error: [`EINPROGRESS`](Errno::EINPROGRESS) means that the request is being
/// cancelled. Its event arrives like any other; `res` is 0, or the events of the poll if the file
/// became ready at the same time. Reads, writes and syncs cannot be cancelled. `result` is never
/// written.
///
/// # Errors
///
/// - `EINPROGRESS`: the request is being cancelled.
/// - `EINVAL`: no such context; or the request has completed, was never submitted, or is not a
///   poll.
/// - `ENOSYS`: the kernel has no AIO.
///
/// # Kernel
///
/// Since Linux 2.5, for polls since Linux 4.19; `fs/aio.c`, io_cancel(2).
#[syscall(
    unsafe io_cancel(ctx, ReadOnly(iocb), result),
    safe = "the kernel reads `iocb.aio_key`, compares an address, and may write `result`; a \
            cancelled poll has no buffer"
)]
pub fn io_cancel(ctx: ContextId, iocb: &iocb, result: &mut io_event) -> Result<(), Errno>;

/// Waits for at least `min_nr` events, takes up to `events.len()`, and returns how many it wrote.
///
/// Fewer than `min_nr` are returned when `timeout` has passed, or when a signal arrived after some
/// events. With `min_nr` 0 it does not wait, whatever the timeout. Without a timeout, and with a
/// negative one, it waits forever.
///
/// # Errors
///
/// - `EINVAL`: no such context, or `min_nr` is larger than `events.len()`.
/// - `EINTR`: a signal arrived before any event; for other causes see
///   [`Context::getevents`](crate::Context::getevents). The call is not restarted, whatever
///   `SA_RESTART` says.
/// - `ENOSYS`: the kernel has no AIO, or was built without the calls with 32-bit time.
///
/// # Kernel
///
/// Since Linux 2.5; `fs/aio.c`, io_getevents(2). riscv32 and loongarch32 never had it.
#[cfg(not(target_arch = "riscv32"))]
#[syscall(
    unsafe io_getevents(
        ctx,
        min_nr,
        events.len(),
        events,
        ReadOnly(timeout)
    ),
    safe = "the kernel writes only `events`, at most `events.len()` of them, and only reads \
            `timeout`"
)]
pub fn io_getevents(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<&timespec>,
) -> Result<usize, Errno>;

/// [`io_getevents`] with another signal mask while it waits.
///
/// `sigmask` replaces the thread's mask during the call, so that a signal that only this mask lets
/// through is not missed between a check and the wait. `None` leaves the mask as it is.
///
/// # Errors
///
/// Same as [`io_getevents`].
///
/// # Kernel
///
/// Since Linux 4.18; `fs/aio.c`, io_getevents(2). Absent on riscv32, loongarch32, m68k, sh and
/// xtensa.
#[cfg(not(any(target_arch = "riscv32", target_arch = "m68k")))]
#[syscall(
    unsafe io_pgetevents(
        ctx,
        min_nr,
        events.len(),
        events,
        ReadOnly(timeout),
        &__aio_sigset::new(Arg::arg(sigmask))
    ),
    safe = "the kernel writes only `events`, at most `events.len()` of them, and only reads \
            `timeout` and `sigmask`"
)]
pub fn io_pgetevents(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<&timespec>,
    sigmask: Option<&sigset_t>,
) -> Result<usize, Errno>;
