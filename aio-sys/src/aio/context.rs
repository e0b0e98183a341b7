//! An owned AIO context.

#[cfg(feature = "std")]
use crate::aio::background;
use crate::aio::fork::Owner;
use crate::aio::release::Release;
#[cfg(feature = "std")]
use crate::aio::ring::Unread;
use crate::aio::ring::{Events, Ring};
use crate::aio::wait::{OnSignal, Wait};
use crate::sys::calls::{ContextId, io_destroy, io_setup};
use crate::sys::errno::Errno;
use crate::sys::raw;
use crate::sys::types::{io_event, iocb, sigset_t};
use core::fmt;
use core::mem;
use core::num::NonZeroU32;
use core::slice;
use core::time::Duration;

/// An owned AIO context: dropping it destroys it.
///
/// Requests are submitted through `&Context`, by any number of threads. Events are taken through
/// `&mut Context`: from the ring if enough are ready, and by a system call if it has to wait. It
/// owns no buffers; the safe [`Queue`](crate::Queue) and [`scope`](crate::scope()) add that. The
/// system calls that it makes are listed in the [how-to](crate::howto#seccomp-filters).
///
/// # After a fork
///
/// A child has none of its parent's contexts. There each method returns `EINVAL`, as the kernel
/// would, or `None`, and dropping does nothing. It does not read the ring, which some kernels share
/// with the parent. Threads, and children that share the memory (`vfork`), are not affected.
///
/// Do not fork while `O_DIRECT` requests are in flight: open(2) forbids it for all memory that the
/// child gets a copy of. The first of the two processes that writes to such a page gets a copy of
/// it, and the transfer may go to the page of the other one.
///
/// # Minimum kernel
///
/// Linux 3.16. From 3.11 to 3.15, io_destroy(2) returns before the requests in flight have
/// completed. Older kernels are refused by the release that uname(2) reports, even if a
/// distribution has added the fix. The release under the personality `UNAME26` is understood. A
/// kernel that does not report a release is assumed to be new enough.
///
/// # Shutdown
///
/// Dropping a context cancels its polls and blocks until all other requests have completed: some
/// tens of milliseconds even when nothing is in flight.
/// [`into_background`](Context::into_background) waits on another thread.
///
/// # Blocking
///
/// Submitting blocks for as long as the file system does:
///
/// - A buffered read of data that is not in the page cache, a buffered write, and a write that
///   extends the file are done inside io_submit(2).
/// - A large direct request is split for the device. If the device's queue is full, io_submit(2)
///   waits until it has room for the last part.
/// - On btrfs with checksums a direct write is done inside io_submit(2), too. So is all direct I/O
///   on FUSE, unless the daemon has asked for `FUSE_ASYNC_DIO`; libfuse 2 does not.
/// - On a frozen file system a write blocks until it is thawed, even with
///   [`RwFlags::NOWAIT`](crate::RwFlags::NOWAIT).
///
/// # Open files
///
/// A request in flight keeps its file open, and so does a poll: the peer of a socket that was
/// closed sees no end of the stream until the poll has completed or was cancelled.
///
/// # The ring
///
/// The ring is mapped into the process. If other code unmaps it, reading events raises `SIGSEGV`,
/// and submitting returns [`Cause::NoContext`].
///
/// # Example: two requests, and their events without a system call
///
/// ```
/// use aio_sys::types::{IOCB_CMD_POLL, iocb};
/// use aio_sys::{Cause, Context, Errno};
/// use std::num::NonZeroU32;
/// use std::os::fd::AsRawFd;
///
/// let (_reader, writer) = std::os::unix::net::UnixStream::pair()?;
/// let poll = |fd: i32, data| iocb {
///     aio_data: data,
///     aio_fildes: fd as u32,
///     aio_lio_opcode: IOCB_CMD_POLL,
///     aio_buf: libc::POLLOUT as u64,
///     ..iocb::default()
/// };
/// let (mut writable, mut bad) = (poll(writer.as_raw_fd(), 1), poll(-1, 2));
/// let mut last = poll(writer.as_raw_fd(), 3);
///
/// let mut context = Context::new(NonZeroU32::new(8).unwrap())?;
/// let mut requests = [&mut writable, &mut bad, &mut last];
/// // SAFETY: a poll has no buffer.
/// let outcome = unsafe { context.submit(&mut requests) };
/// assert_eq!((outcome.accepted, outcome.rest.len()), (1, 2));
/// let error = outcome.error.expect("not all were accepted");
/// assert_eq!((error.index, error.errno, error.cause), (1, Errno::EBADF, Cause::Refused));
///
/// let mut events = Vec::new();
/// context.reap(|event| events.push(event.data)).expect("a ring of a known layout");
/// assert_eq!(events, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Context {
    /// `NONE` once it is destroyed.
    id: ContextId,
    owner: Owner,
    ring: Option<Ring>,
    requested: NonZeroU32,
}

/// How many requests a context has room for.
///
/// The kernel creates a ring at least twice as large as requested. It gives the slots to processors
/// in groups, so that one processor cannot use them all (`get_reqs_available` in `fs/aio.c`). A
/// slot is in use from a request's submission until its event was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The number that was requested. This number counts against the quota of the whole system,
    /// `fs.aio-max-nr`, until the context is destroyed.
    pub requested: u32,
    /// Requests that can be in flight, whichever processors submit them; at least `requested`.
    pub usable: u32,
    /// Events that the ring has room for: an upper limit of the requests in flight.
    pub events: u32,
}

/// Why a context or a queue could not be created. The error message says what to do.
///
/// ```
/// use aio_sys::{Context, Errno};
/// use std::num::NonZeroU32;
///
/// let error = Context::new(NonZeroU32::new(1 << 24).unwrap()).unwrap_err();
/// assert_eq!(error.errno, Errno::EINVAL);
/// assert_eq!(
///     error.to_string(),
///     "no AIO context for 16777216 requests: EINVAL (Invalid argument): this is more than the \
///      kernel allows one context"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetupError {
    /// The system call that failed: `io_setup`; for a queue with an eventfd `eventfd2` or `fcntl`;
    /// for a queue of tokio also `epoll_ctl`; `io_destroy` if the kernel is
    /// [too old](Context#minimum-kernel), and `io_submit` if it is too old for a queue in two
    /// halves, or the descriptor to be signalled is not an eventfd.
    pub call: &'static str,
    /// The error. Of `io_setup`:
    ///
    /// - `EAGAIN`: the quota of the whole system, `fs.aio-max-nr`, is used up.
    /// - `EINVAL`: more requests than the kernel allows one context.
    /// - `ENOMEM`: no memory or no address space for the ring. After mlockall(2) the ring counts
    ///   against `RLIMIT_MEMLOCK`.
    /// - `ENOSYS`: the kernel has no AIO or is too old, or a seccomp filter forbids it.
    /// - `EPERM`: a seccomp filter forbids it.
    pub errno: Errno,
    /// The number of requests that was requested.
    pub requested: u32,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SetupError { call, errno, requested } = self;
        match *call {
            "io_setup" => write!(f, "no AIO context for {requested} requests: {errno}")?,
            "io_destroy" => {
                return write!(
                    f,
                    "no AIO context for {requested} requests: Linux {} or later is needed, since \
                     io_destroy does not wait for requests in flight before; this is Linux {}",
                    Release::WAITS,
                    Release::running()
                );
            }
            "io_submit" if *errno == Errno::ENOSYS => {
                return write!(
                    f,
                    "no queue in two halves for {requested} requests: Linux {} or later is needed, \
                     since io_submit has no polls before; this is Linux {}",
                    Release::POLL,
                    Release::running()
                );
            }
            "io_submit" => {
                return write!(
                    f,
                    "no queue for {requested} requests: the descriptor to signal is not an \
                     eventfd"
                );
            }
            _ => return write!(f, "no queue for {requested} requests: {call} fails: {errno}"),
        }
        f.write_str(match self.errno {
            Errno::EAGAIN => {
                ": the system-wide quota is used up: /proc/sys/fs/aio-nr is the use, and \
                 /proc/sys/fs/aio-max-nr the limit; raise the limit (sysctl fs.aio-max-nr), or \
                 request less; contexts that are still being destroyed count as well"
            }
            Errno::EINVAL => ": this is more than the kernel allows one context",
            Errno::ENOSYS => {
                ": the kernel was built without CONFIG_AIO, or a seccomp filter forbids io_setup"
            }
            Errno::EPERM => {
                ": a seccomp filter forbids io_setup; the kernel itself never returns this error"
            }
            Errno::ENOMEM => {
                ": no memory or no address space for the ring; after mlockall(2) the ring counts \
                 against RLIMIT_MEMLOCK (ulimit -l)"
            }
            _ => "",
        })
    }
}

impl core::error::Error for SetupError {}

/// The error number alone, so that `raw_os_error` and `kind` are those of the system call. The text
/// is lost: print the [`SetupError`] where a person reads it. `EAGAIN`, which is the quota here,
/// has the kind `WouldBlock` as everywhere in `std`; waiting for a descriptor does not help.
#[cfg(feature = "std")]
impl From<SetupError> for std::io::Error {
    fn from(error: SetupError) -> std::io::Error {
        error.errno.into()
    }
}

/// The result of [`Context::submit`].
#[derive(Debug)]
#[must_use = "the kernel may have accepted fewer requests than it was given"]
pub struct SubmitOutcome<'s, 'i> {
    /// How many requests were accepted, from the first on. Each yields one event.
    pub accepted: usize,
    /// The requests that were not accepted: the one that was refused, and all after it, which the
    /// kernel did not check.
    pub rest: &'s mut [&'i mut iocb],
    /// Why `rest` is not empty.
    pub error: Option<SubmitError>,
}

impl SubmitOutcome<'_, '_> {
    /// The number of requests, if all were accepted.
    ///
    /// # Errors
    ///
    /// [`error`](SubmitOutcome::error). The requests before the refused one are in flight all the
    /// same.
    pub fn all(self) -> Result<usize, SubmitError> {
        self.error.map_or(Ok(self.accepted), Err)
    }
}

/// Why a request was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubmitError {
    /// The index of the request in what was submitted, from 0.
    pub index: usize,
    /// The error: those of [`io_submit`](crate::io_submit).
    pub errno: Errno,
    /// What the error means, since one number has several meanings.
    pub cause: Cause,
}

/// What a [`SubmitError`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The request is invalid, or the file does not support it. The requests after it may be
    /// valid.
    Refused,
    /// `EAGAIN`: no slot is free. The slot of a completed request is free again when its event was
    /// read: read events before trying again. (The kernel returns the same error when it has no
    /// memory for a request.)
    SlotsHeld,
    /// `EINVAL`: the context does not exist any more. Other code has destroyed it, or has unmapped
    /// or moved its ring. Do not read events from the ring then.
    NoContext,
    /// `EINVAL`: the context belongs to the process that forked this one. No system call was made.
    Forked,
    /// `ENOSYS`: a seccomp filter forbids the call, or returns an impossible count.
    Hidden,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {} was not accepted: {}", self.index, self.errno)?;
        f.write_str(match self.cause {
            Cause::Refused => "",
            Cause::SlotsHeld => {
                ": no slot is free; reading the event of a completed request frees its slot"
            }
            Cause::NoContext => ": the context does not exist any more",
            Cause::Forked => ": the context belongs to the process that forked this one",
            Cause::Hidden => ": a seccomp filter forbids io_submit, or returns an impossible count",
        })
    }
}

impl core::error::Error for SubmitError {}

/// The error number alone, as for [`SetupError`].
#[cfg(feature = "std")]
impl From<SubmitError> for std::io::Error {
    fn from(error: SubmitError) -> std::io::Error {
        error.errno.into()
    }
}

/// Submits to a context, and waits for its events, while other code owns the context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    id: ContextId,
    owner: Owner,
}

impl Handle {
    /// Waits for events by a system call, which also takes the events in the ring.
    ///
    /// # Safety
    ///
    /// The context exists, and nobody else takes events from it during the call.
    pub(crate) unsafe fn wait(
        self,
        min_nr: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<usize, Errno> {
        if !self.owner.is_current() {
            return Err(Errno::EINVAL);
        }
        let wait = Wait { ctx: self.id, min_nr, events, timeout, sigmask: None };
        match on_signal {
            OnSignal::Continue => wait.uninterrupted(),
            OnSignal::Return => wait.call(),
        }
    }

    /// Same as [`Context::submit`], with raw pointers: returns how many requests were accepted, and
    /// why not more.
    ///
    /// # Safety
    ///
    /// Same as [`Context::submit`]. The context exists. The requests can be read and written until
    /// they are accepted, and nothing else refers to them.
    #[inline]
    pub(crate) unsafe fn submit(self, requests: &[*mut iocb]) -> (usize, Option<SubmitError>) {
        let mut index = 0;
        while index < requests.len() {
            if !self.owner.is_current() {
                return (
                    index,
                    Some(SubmitError { index, errno: Errno::EINVAL, cause: Cause::Forked }),
                );
            }
            // SAFETY: the caller guarantees that the context exists and that the requests and their
            // buffers meet the conditions of `Context::submit`.
            match unsafe { self.call(&requests[index..]) } {
                Ok(accepted) if (1..=requests.len() - index).contains(&accepted) => {
                    index += accepted;
                }
                // The kernel does not return such a count, but a seccomp filter may.
                Ok(_) => {
                    return (
                        index,
                        Some(SubmitError { index, errno: Errno::ENOSYS, cause: Cause::Hidden }),
                    );
                }
                Err(errno) => {
                    return (index, Some(SubmitError { index, errno, cause: self.cause(errno) }));
                }
            }
        }
        (index, None)
    }

    /// # Safety
    ///
    /// Same as [`submit`](Handle::submit).
    #[inline]
    unsafe fn call(self, requests: &[*mut iocb]) -> Result<usize, Errno> {
        let first = requests.as_ptr().cast_mut();
        // SAFETY: the caller guarantees that the context exists and that the requests and their
        // buffers meet the conditions of `Context::submit`; the kernel does not write to the array
        // of pointers.
        Errno::decode(unsafe { raw::io_submit(self.id.as_raw(), requests.len() as _, first) })
    }

    #[cold]
    fn cause(self, errno: Errno) -> Cause {
        match errno {
            Errno::EAGAIN => Cause::SlotsHeld,
            Errno::ENOSYS => Cause::Hidden,
            // Submitting nothing succeeds if the context exists. SAFETY: `nr` is 0, so the kernel
            // reads no request; it only looks up the context.
            Errno::EINVAL if unsafe { self.call(&[]) } == Err(Errno::EINVAL) => Cause::NoContext,
            _ => Cause::Refused,
        }
    }
}

impl Context {
    /// Creates a context for `requests` in flight at a time.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    ///
    /// # Kernel
    ///
    /// Since Linux 3.16; `fs/aio.c`, io_setup(2).
    pub fn new(requests: NonZeroU32) -> Result<Context, SetupError> {
        let error = |errno| SetupError { call: "io_setup", errno, requested: requests.get() };
        if Release::running() < Release::WAITS {
            return Err(SetupError { call: "io_destroy", ..error(Errno::ENOSYS) });
        }
        let mut id = ContextId::NONE;
        io_setup(requests.get(), &mut id).map_err(error)?;
        if id == ContextId::NONE {
            // A seccomp filter has returned success without making the call.
            return Err(error(Errno::ENOSYS));
        }
        // SAFETY: `self` owns the context and is the only reader of its events: the ring and
        // io_getevents are used through `&mut self` only. `destroy` drops the ring first.
        let ring = unsafe { Ring::new(id) }.ok();
        Ok(Context { id, owner: Owner::of(id), ring, requested: requests })
    }

    /// The context's id, which the typed system calls take.
    ///
    /// # Safety
    ///
    /// The id may not be used to take events, by [`io_getevents`](crate::io_getevents) and the
    /// like, although these are safe functions, nor to destroy the context: `self` reads the ring.
    pub unsafe fn id(&self) -> ContextId {
        self.id
    }

    /// How many requests the context has room for.
    ///
    /// ```
    /// use aio_sys::Context;
    /// use std::num::NonZeroU32;
    ///
    /// let capacity = Context::new(NonZeroU32::new(100).unwrap())?.capacity();
    /// assert_eq!(capacity.requested, 100);
    /// assert!(capacity.usable >= 100 && capacity.events > capacity.usable);
    /// # Ok::<(), aio_sys::SetupError>(())
    /// ```
    pub fn capacity(&self) -> Capacity {
        let requested = self.requested.get();
        // A processor keeps fewer than two groups of free slots for itself, and a group has (nr -
        // 1) / (4 × processors) slots. So the other processors keep less than half of nr - 1
        // (`put_reqs_available` in fs/aio.c).
        let events = self.ring.as_ref().map_or(2 * requested, |ring| ring.nr() - 1);
        Capacity { requested, usable: events / 2, events }
    }

    /// Submits requests, in order, and returns how many the kernel accepted, which it did not, and
    /// why.
    ///
    /// The kernel stops at the first request that it refuses, and returns the error only if that
    /// request is the first of the call. So after a short count the rest is submitted once more, to
    /// get the error.
    ///
    /// It blocks for as long as the file system does: see [Blocking](Context#blocking). The kernel
    /// writes `aio_key` of each request.
    ///
    /// # Errors
    ///
    /// In [`SubmitOutcome::error`]: those of [`io_submit`](crate::io_submit).
    ///
    /// # Safety
    ///
    /// Until a request's event was taken, or [`close`](Context::close) has returned `Ok`: the
    /// buffer of a read may not be accessed or freed, that of a write not changed or freed.
    /// Addresses and lengths in the requests must be those of such buffers. (Dropping the context
    /// waits as well, but reports no error.)
    ///
    /// # Kernel
    ///
    /// Since Linux 2.5; `fs/aio.c`, io_submit(2).
    #[inline]
    pub unsafe fn submit<'s, 'i>(&self, requests: &'s mut [&'i mut iocb]) -> SubmitOutcome<'s, 'i> {
        let first = requests.as_mut_ptr().cast::<*mut iocb>();
        // SAFETY: `&mut iocb` has the layout of `*mut iocb`, and `requests` is not used while
        // `pointers` is.
        let pointers = unsafe { slice::from_raw_parts(first, requests.len()) };
        // SAFETY: the caller guarantees that the buffers stay valid. The context exists as long as
        // `self`. The requests and the slice of pointers to them are borrowed exclusively.
        let (accepted, error) = unsafe { self.handle().submit(pointers) };
        SubmitOutcome { accepted, rest: &mut requests[accepted..], error }
    }

    /// A handle for submitting without a borrow of the context.
    #[inline]
    pub(crate) fn handle(&self) -> Handle {
        Handle { id: self.id, owner: self.owner }
    }

    /// The events that are ready, in the ring: see [`Ring::peek`]. `None` if the ring cannot be
    /// read, or after a fork.
    #[inline]
    pub fn peek(&mut self) -> Option<Events<'_>> {
        self.ring.as_mut()?.peek()
    }

    /// Takes the events that are ready, without a system call: see [`Ring::reap`]. `None` if the
    /// ring cannot be read, or after a fork.
    #[inline]
    pub fn reap(&mut self, visit: impl FnMut(io_event)) -> Option<usize> {
        // The ring itself is not returned: `mem::swap` of two rings would let them outlive their
        // contexts.
        self.ring.as_mut()?.reap(visit)
    }

    /// Same as [`reap`](Context::reap), as an iterator.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn read(&mut self) -> Option<Unread<'_>> {
        self.ring.as_mut()?.read(usize::MAX)
    }

    /// The number of events that are ready, without a system call. `None` if the ring cannot be
    /// read, or after a fork.
    #[inline]
    pub fn pending(&self) -> Option<usize> {
        self.ring.as_ref()?.pending()
    }

    /// Waits until at least `min` events are ready, takes up to `events.len()`, and returns how
    /// many it wrote.
    ///
    /// Events are read from the ring. A system call is made only to wait, or if the ring cannot be
    /// read. Fewer than `min` are returned when `timeout` has passed, and when an error occurs
    /// after some were taken. Without a timeout it waits forever.
    ///
    /// The kernel ends a wait with `EINTR` also when no signal handler has run: for SIGSTOP and
    /// SIGCONT, a frozen cgroup (`docker pause`), a tracer that attaches, and completions of
    /// io_uring on the same thread. So the wait continues after an interruption, for the rest of
    /// the time. [`getevents_interruptible`](Context::getevents_interruptible) returns instead.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: `min` is larger than `events.len()`; the context belongs to the process that
    ///   forked this one, or does not exist any more.
    /// - `ENOSYS`, `EPERM`: a seccomp filter forbids the call.
    ///
    /// # Kernel
    ///
    /// Since Linux 2.5; `fs/aio.c`, io_getevents(2). On 32-bit ABIs io_pgetevents_time64, since
    /// Linux 5.1, and io_getevents where that does not exist.
    ///
    /// # Example: with a timeout
    ///
    /// ```
    /// use aio_sys::{Context, Errno, types::io_event};
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    ///
    /// let mut context = Context::new(NonZeroU32::MIN)?;
    /// let mut events = [io_event::default(); 4];
    /// assert_eq!(context.getevents(1, &mut events, Some(Duration::from_millis(1))), Ok(0));
    /// assert_eq!(context.getevents(5, &mut events, None), Err(Errno::EINVAL));
    /// # Ok::<(), aio_sys::SetupError>(())
    /// ```
    pub fn getevents(
        &mut self,
        min: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        self.take(min, events, timeout, OnSignal::Continue)
    }

    /// [`getevents`](Context::getevents), but returns when a signal interrupts it.
    ///
    /// Fewer than `min` are returned if the signal arrived after some events were taken.
    ///
    /// # Errors
    ///
    /// - `EINTR`: a signal arrived before any event, or one of the other causes that
    ///   [`getevents`](Context::getevents) lists.
    /// - Same as [`getevents`](Context::getevents).
    ///
    /// # Kernel
    ///
    /// Same as [`getevents`](Context::getevents).
    pub fn getevents_interruptible(
        &mut self,
        min: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        self.take(min, events, timeout, OnSignal::Return)
    }

    fn take(
        &mut self,
        min: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<usize, Errno> {
        if !self.owner.is_current() || min > events.len() {
            return Err(Errno::EINVAL);
        }
        let mut count = 0;
        let read = self.ring.as_mut().and_then(|ring| ring.read(events.len())).map(|ready| {
            for event in ready {
                events[count] = event;
                count += 1;
            }
        });
        if read.is_some() && (count >= min || timeout == Some(Duration::ZERO)) {
            return Ok(count);
        }
        // Without a ring `min_nr` may be ready already, and more to take.
        let min_nr = min.saturating_sub(count);
        match self.wait(min_nr, &mut events[count..], timeout, on_signal) {
            Ok(more) => Ok(count + more),
            Err(_) if count > 0 => Ok(count),
            Err(errno) => Err(errno),
        }
    }

    /// Waits by a system call, which also takes the events in the ring.
    pub(crate) fn wait(
        &mut self,
        min_nr: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<usize, Errno> {
        // SAFETY: the context exists as long as `self`, and `&mut self` excludes other readers of
        // its events.
        unsafe { self.handle().wait(min_nr, events, timeout, on_signal) }
    }

    /// [`getevents_interruptible`](Context::getevents_interruptible) with another signal mask while
    /// it waits. It always makes a system call.
    ///
    /// `sigmask` replaces the thread's mask during the call, so that a signal that only this mask
    /// lets through is not missed between a check and the wait.
    ///
    /// # Errors
    ///
    /// Same as [`getevents_interruptible`](Context::getevents_interruptible); `ENOSYS` also before
    /// Linux 4.18.
    ///
    /// # Kernel
    ///
    /// Since Linux 4.18; `fs/aio.c`, io_getevents(2). On 32-bit ABIs io_pgetevents_time64, since
    /// Linux 5.1, and io_pgetevents where that does not exist.
    pub fn pgetevents(
        &mut self,
        min: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
        sigmask: &sigset_t,
    ) -> Result<usize, Errno> {
        if !self.owner.is_current() || min > events.len() {
            return Err(Errno::EINVAL);
        }
        Wait { ctx: self.id, min_nr: min, events, timeout, sigmask: Some(sigmask) }.call()
    }

    /// Destroys the context: cancels its polls, and waits until all other requests have completed.
    ///
    /// # Errors
    ///
    /// Those of [`io_destroy`]: nothing was waited for, and the kernel may still use the requests'
    /// buffers. `ENOSYS` also if a seccomp filter returns 0 without making the call. In a forked
    /// child, `EINVAL`.
    pub fn close(mut self) -> Result<(), Errno> {
        self.destroy()
    }

    /// Destroys the context on another thread, and returns at once. If no thread can be created, it
    /// blocks.
    ///
    /// There are at most eight such threads in a process, and they exit when nothing is left to
    /// destroy. A request that takes long holds up its thread. The quota (`fs.aio-max-nr`) counts
    /// the context until it is destroyed.
    ///
    /// ```
    /// use aio_sys::Context;
    /// use std::num::NonZeroU32;
    ///
    /// Context::new(NonZeroU32::MIN)?.into_background();
    /// # Ok::<(), aio_sys::SetupError>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn into_background(self) {
        background::drop(self);
    }

    /// Destroys the context. After that it is inert, as in a forked child.
    pub(crate) fn destroy(&mut self) -> Result<(), Errno> {
        if !self.owner.is_current() {
            return Err(Errno::EINVAL);
        }
        self.ring = None;
        // SAFETY: the ring was dropped above, and `self.id` becomes `NONE`, so no later call uses
        // the id.
        unsafe { io_destroy(mem::take(&mut self.id))? };
        // A seccomp filter may return 0 without making the call. Then it returns 0 here as well,
        // where the kernel returns `EINVAL`. (Checking whether a context has the old id does not
        // help: another thread may have created one at the same address.)
        // SAFETY: `NONE` is not a context: the kernel returns `EINVAL` and does nothing.
        match unsafe { io_destroy(ContextId::NONE) } {
            Err(Errno::EINVAL) => Ok(()),
            _ => Err(Errno::ENOSYS),
        }
    }

    /// Stops reading the ring: the kernel has reported that the context does not exist.
    #[cfg(feature = "std")]
    pub(crate) fn drop_ring(&mut self) {
        self.ring = None;
    }

    /// Whether the caller is in the address space in which the context was created.
    #[cfg(feature = "std")]
    pub(crate) fn is_ours(&self) -> bool {
        self.owner.is_current()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.id != ContextId::NONE {
            let _ = self.destroy();
        }
    }
}
