//! An AIO context that has an owner.

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

/// An AIO context: made by [`new`](Context::new), destroyed when it is dropped.
///
/// Requests are submitted through `&Context`, by any number of threads; events are taken through
/// `&mut Context`, from the ring where that is enough and by a call where it is necessary to wait.
/// It owns no buffers: that is what the safe [`Queue`](crate::Queue) and [`scope`](crate::scope())
/// add.
///
/// # After a fork
///
/// A child has none of its parent's contexts. There each method fails with `EINVAL`, which is the
/// kernel's own answer, without so much as reading the ring, which on some kernels is shared with
/// the parent; and dropping does nothing. Threads, and children that share the memory (`vfork`),
/// are not concerned.
///
/// To fork while direct transfers (`O_DIRECT`) are in flight is not to be done at all: open(2) says
/// so, for all memory that the child gets a copy of. Whoever of the two writes to such a page first
/// has it copied, and the transfer may be into the other's.
///
/// # Minimum kernel
///
/// Linux 3.16: from 3.11 on, io_destroy(2) returned before the requests in flight had completed.
/// Older kernels are refused, by the release that uname(2) reports, a distribution's with the fix
/// as well. The release under the personality `UNAME26` is understood; a kernel that reports none
/// is taken for a new one.
///
/// # Time
///
/// To drop one takes the kernel some tens of milliseconds, even when nothing is in flight; see
/// [`into_background`](Context::into_background).
///
/// # Blocking
///
/// Submitting blocks for as long as the file system does. On btrfs with checksums a direct write is
/// done inside io_submit(2). On a frozen file system a write blocks until it is thawed, even with
/// [`RwFlags::NOWAIT`](crate::RwFlags::NOWAIT).
///
/// # Open files
///
/// A request in flight keeps its file open, a poll as well: the peer of a socket that was dropped
/// sees no end of file before the poll has completed or was cancelled.
///
/// # The ring
///
/// It is memory of the process, as a thread's stack is. Whoever unmaps it, which takes `unsafe`
/// code that does not know whose memory it is, has the next look at the events end in `SIGSEGV`; a
/// submission notices, and says [`Cause::NoContext`].
///
/// # Example: two requests, and their events without a call
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
/// context.reap(|event| events.push(event.data)).expect("a ring of the kind that is known");
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

/// What a context has room for.
///
/// The kernel makes the ring at least twice as large as was asked for, and hands out the places in
/// groups, a few to each processor, so that not all can be used from one (`get_reqs_available` in
/// `fs/aio.c`). A place is taken from a request's submission until its event was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// What was asked for. As much is charged against the quota of the whole system,
    /// `fs.aio-max-nr`, until the context is destroyed: not what the ring has room for.
    pub requested: u32,
    /// Requests that can be in flight from any processor, whatever went on before; never less than
    /// `requested`.
    pub usable: u32,
    /// Events that the ring has room for, and so more than there can ever be in flight.
    pub events: u32,
}

/// Why there is no context: the error of io_setup(2), in a sentence.
///
/// ```
/// use aio_sys::{Context, Errno};
/// use std::num::NonZeroU32;
///
/// let error = Context::new(NonZeroU32::new(1 << 24).unwrap()).unwrap_err();
/// assert_eq!(error.errno, Errno::EINVAL);
/// assert_eq!(
///     error.to_string(),
///     "no AIO context for 16777216 requests: EINVAL (Invalid argument): it is more than the \
///      kernel allows one context"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetupError {
    /// The call that failed: `io_setup`, or `eventfd2` for a queue with an eventfd; `io_destroy` if
    /// the kernel is older than Linux 3.16, whose io_destroy may return before all requests have
    /// completed.
    pub call: &'static str,
    /// The kernel's error; `ENOSYS` if it is too old.
    pub errno: Errno,
    /// How many requests were asked for.
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
            _ => return write!(f, "no queue for {requested} requests: {call} fails: {errno}"),
        }
        f.write_str(match self.errno {
            Errno::EAGAIN => {
                ": the system's quota is used up: compare /proc/sys/fs/aio-nr with \
                 /proc/sys/fs/aio-max-nr, and raise the latter (sysctl fs.aio-max-nr) or ask for \
                 less; contexts that are still being destroyed count as well"
            }
            Errno::EINVAL => ": it is more than the kernel allows one context",
            Errno::ENOSYS => {
                ": the kernel was built without CONFIG_AIO, or a seccomp filter hides it"
            }
            Errno::EPERM => ": the kernel never says so: a seccomp filter forbids io_setup",
            Errno::ENOMEM => {
                ": there is no memory, or no address space, for the ring; after mlockall(2) it \
                 counts against RLIMIT_MEMLOCK (ulimit -l)"
            }
            _ => "",
        })
    }
}

impl core::error::Error for SetupError {}

/// The error number alone, so that `raw_os_error` and `kind` are those of the call. The text is
/// lost: print the [`SetupError`] where a person reads it. `EAGAIN`, which is the quota here, has
/// the kind `WouldBlock` as everywhere in `std`; waiting for a descriptor does not help.
#[cfg(feature = "std")]
impl From<SetupError> for std::io::Error {
    fn from(error: SetupError) -> std::io::Error {
        error.errno.into()
    }
}

/// What became of the requests that were submitted.
#[derive(Debug)]
#[must_use = "the kernel may have accepted fewer requests than it was given"]
pub struct SubmitOutcome<'s, 'i> {
    /// How many are in flight, from the first on. Each ends in one event.
    pub accepted: usize,
    /// Those that are not in flight: the one that was refused, and all after it, which the kernel
    /// did not look at.
    pub rest: &'s mut [&'i mut iocb],
    /// Why there is a rest.
    pub error: Option<SubmitError>,
}

impl SubmitOutcome<'_, '_> {
    /// How many were accepted, if that is all of them.
    ///
    /// # Errors
    ///
    /// Why not; those before the refused one are in flight all the same.
    pub fn all(self) -> Result<usize, SubmitError> {
        self.error.map_or(Ok(self.accepted), Err)
    }
}

/// Why a request was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubmitError {
    /// Which request, counted from 0 in what was submitted.
    pub index: usize,
    /// What the kernel said.
    pub errno: Errno,
    /// What is the matter, where the number alone leaves that open.
    pub cause: Cause,
}

/// What a [`SubmitError`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The request is wrong, or the file cannot do it. The requests after it may be fine.
    Refused,
    /// `EAGAIN`: no place is free. Those of ended requests come back when their events are read, so
    /// read some before trying again; nothing else helps. (The kernel says the same when it has
    /// no memory for a request.)
    SlotsHeld,
    /// `EINVAL`: there is no such context any more. Somebody has destroyed it, or has unmapped or
    /// moved its ring, by which the kernel knows it: then reading events from the ring is not
    /// to be tried.
    NoContext,
    /// The context belongs to the process that forked this one; the kernel was not asked.
    Forked,
    /// `ENOSYS`: a filter hides the call, since there is a context; or it answers a count that
    /// cannot be.
    Hidden,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {} was not accepted: {}", self.index, self.errno)?;
        f.write_str(match self.cause {
            Cause::Refused => "",
            Cause::SlotsHeld => {
                ": no place is free; those of ended requests come back when their events are read"
            }
            Cause::NoContext => ": the context does not exist any more",
            Cause::Forked => ": the context belongs to the process that forked this one",
            Cause::Hidden => ": a seccomp filter hides io_submit",
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

/// What it takes to make calls on a context while somebody else has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    id: ContextId,
    owner: Owner,
}

impl Handle {
    /// Waits for events, which includes those in the ring, by a call.
    ///
    /// # Safety
    ///
    /// The context exists, and nobody else takes events from it meanwhile.
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

    /// [`Context::submit`]: how many were accepted, and why not more. Nothing refers to the
    /// requests but these pointers.
    ///
    /// # Safety
    ///
    /// Same as [`Context::submit`], and the context exists; the requests can be read, and written
    /// until they are accepted.
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
            // SAFETY: the caller vouches for the context and for the requests.
            match unsafe { self.call(&requests[index..]) } {
                Ok(accepted) if (1..=requests.len() - index).contains(&accepted) => {
                    index += accepted;
                }
                // The kernel never says so; a filter may.
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
        // SAFETY: the caller vouches for the context and for the requests; the kernel does not
        // write to the array.
        Errno::decode(unsafe { raw::io_submit(self.id.as_raw(), requests.len() as _, first) })
    }

    #[cold]
    fn cause(self, errno: Errno) -> Cause {
        match errno {
            Errno::EAGAIN => Cause::SlotsHeld,
            Errno::ENOSYS => Cause::Hidden,
            // Nothing to submit is fine, if there is a context.
            // SAFETY: there is no request.
            Errno::EINVAL if unsafe { self.call(&[]) } == Err(Errno::EINVAL) => Cause::NoContext,
            _ => Cause::Refused,
        }
    }
}

impl Context {
    /// Makes a context for `requests` in flight at a time.
    ///
    /// # Errors
    ///
    /// That of io_setup(2): see [`SetupError`].
    ///
    /// # Kernel
    ///
    /// Since 3.16; `fs/aio.c`, io_setup(2).
    pub fn new(requests: NonZeroU32) -> Result<Context, SetupError> {
        let error = |errno| SetupError { call: "io_setup", errno, requested: requests.get() };
        if Release::running() < Release::WAITS {
            return Err(SetupError { call: "io_destroy", ..error(Errno::ENOSYS) });
        }
        let mut id = ContextId::NONE;
        io_setup(requests.get(), &mut id).map_err(error)?;
        if id == ContextId::NONE {
            // A filter has answered without making the call.
            return Err(error(Errno::ENOSYS));
        }
        // SAFETY: the ring is used through `&mut self` alone, as is io_getevents, and not after
        // `destroy`.
        let ring = unsafe { Ring::new(id) }.ok();
        Ok(Context { id, owner: Owner::of(id), ring, requested: requests })
    }

    /// What the calls know it by.
    ///
    /// # Safety
    ///
    /// Safe calls take it. None of them may take events, or destroy the context, while this value
    /// is used: events in the ring are read where they are, and the kernel would write to them.
    pub unsafe fn id(&self) -> ContextId {
        self.id
    }

    /// What there is room for.
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
        // A processor keeps fewer than two groups of places for itself, and there are (nr - 1) / 4
        // groups per processor at most: all the others' are less than half of nr - 1
        // (`put_reqs_available` in fs/aio.c).
        let events = self.ring.as_ref().map_or(2 * requested, |ring| ring.nr() - 1);
        Capacity { requested, usable: events / 2, events }
    }

    /// Submits requests, in order, and says how many the kernel accepted, which it did not, and
    /// why.
    ///
    /// The kernel stops at the first request that it refuses, and tells the reason only if that is
    /// the first of a call: so after a short count what is left is submitted once more. A call
    /// that gets nowhere is the last one.
    ///
    /// It blocks for as long as the file system does; see [`io_submit`](crate::io_submit). The
    /// kernel writes `aio_key` of each request.
    ///
    /// # Errors
    ///
    /// In [`SubmitOutcome::error`]: those of [`io_submit`](crate::io_submit).
    ///
    /// # Safety
    ///
    /// Until a request's event was taken, or [`close`](Context::close) has returned `Ok`: the
    /// buffer of a read may not be accessed or freed, that of a write not changed or freed.
    /// Addresses and lengths in the requests must be those of such buffers. (Dropping the
    /// context waits as well, but says nothing should the kernel refuse.)
    ///
    /// # Kernel
    ///
    /// Since 2.5; `fs/aio.c`, io_submit(2).
    #[inline]
    pub unsafe fn submit<'s, 'i>(&self, requests: &'s mut [&'i mut iocb]) -> SubmitOutcome<'s, 'i> {
        let first = requests.as_mut_ptr().cast::<*mut iocb>();
        // SAFETY: a reference has the layout of a pointer, and `requests` is not used meanwhile.
        let pointers = unsafe { slice::from_raw_parts(first, requests.len()) };
        // SAFETY: the caller vouches for the buffers; the context exists as long as `self`, and the
        // requests are borrowed exclusively, as is the slice that they are reached through.
        let (accepted, error) = unsafe { self.handle().submit(pointers) };
        SubmitOutcome { accepted, rest: &mut requests[accepted..], error }
    }

    /// What submitting takes.
    #[inline]
    pub(crate) fn handle(&self) -> Handle {
        Handle { id: self.id, owner: self.owner }
    }

    /// The events that are ready, in the ring: see [`Ring::peek`]. `None` if it cannot be read,
    /// which is so after a fork.
    #[inline]
    pub fn peek(&mut self) -> Option<Events<'_>> {
        self.ring.as_mut()?.peek()
    }

    /// Takes the events that are ready, without a call: see [`Ring::reap`]. `None` if the ring
    /// cannot be read.
    #[inline]
    pub fn reap(&mut self, visit: impl FnMut(io_event)) -> Option<usize> {
        // The ring itself is not lent: two that changed places would not end with their contexts.
        self.ring.as_mut()?.reap(visit)
    }

    /// The same, one after the other.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn read(&mut self) -> Option<Unread<'_>> {
        self.ring.as_mut()?.read(usize::MAX)
    }

    /// Events that are ready: two loads. `None` if the ring cannot be read.
    #[inline]
    pub fn pending(&self) -> Option<usize> {
        self.ring.as_ref()?.pending()
    }

    /// Takes events: those that are ready, and if these are fewer than `min`, it waits for the
    /// rest.
    ///
    /// Events are read from the ring; the kernel is called only to wait, or if the ring cannot be
    /// read. Fewer than `min` are returned when `timeout` has passed, and when an error occurs
    /// after some were taken; the next call returns that error. Without a timeout it waits forever.
    ///
    /// The kernel ends a wait with `EINTR` for much that is no signal of the program's: SIGSTOP and
    /// SIGCONT, a frozen cgroup (`docker pause`), a tracer that attaches, io_uring's completions on
    /// the same thread. So the wait continues after an interruption, with what is left of its time.
    /// [`getevents_interruptible`](Context::getevents_interruptible) returns.
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
    /// 5.1, and the former where there is none.
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
        let mut taken = 0;
        let read = self.ring.as_mut().and_then(|ring| ring.read(events.len())).map(|ready| {
            for event in ready {
                events[taken] = event;
                taken += 1;
            }
        });
        if read.is_some() && (taken >= min || timeout == Some(Duration::ZERO)) {
            return Ok(taken);
        }
        // Without a ring there may be `min` already, and more to take.
        let min_nr = min.saturating_sub(taken);
        match self.wait(min_nr, &mut events[taken..], timeout, on_signal) {
            Ok(more) => Ok(taken + more),
            Err(_) if taken > 0 => Ok(taken),
            Err(errno) => Err(errno),
        }
    }

    /// The same by a call, which takes the events in the ring, too.
    pub(crate) fn wait(
        &mut self,
        min_nr: usize,
        events: &mut [io_event],
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<usize, Errno> {
        // SAFETY: the context is borrowed exclusively.
        unsafe { self.handle().wait(min_nr, events, timeout, on_signal) }
    }

    /// Like [`getevents`](Context::getevents), with another signal mask while it waits; always by a
    /// call.
    ///
    /// `sigmask` replaces the thread's mask for the length of the call, so that a signal that it
    /// lets through cannot slip in before the wait begins.
    ///
    /// # Errors
    ///
    /// As of [`getevents`](Context::getevents).
    ///
    /// # Kernel
    ///
    /// Since 4.18; `fs/aio.c`, io_getevents(2). On 32-bit ABIs io_pgetevents_time64, since 5.1, and
    /// the former where there is none.
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

    /// Destroys it, and waits until nothing is in flight: polls are cancelled, everything else
    /// ends.
    ///
    /// # Errors
    ///
    /// Those of [`io_destroy`]: nothing was waited for, and the kernel may still use the requests'
    /// buffers. `ENOSYS` also if a filter answers 0 without making the call. In a child, `EINVAL`.
    pub fn close(mut self) -> Result<(), Errno> {
        self.destroy()
    }

    /// Destroys it on another thread, and returns at once. If there can be no thread, it waits
    /// here.
    ///
    /// There are at most eight such threads, and they end when nothing is left to destroy. The
    /// quota (`fs.aio-max-nr`) comes back only when the context is destroyed.
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

    /// Once; then it is as after the fork.
    pub(crate) fn destroy(&mut self) -> Result<(), Errno> {
        if !self.owner.is_current() {
            return Err(Errno::EINVAL);
        }
        self.ring = None;
        // SAFETY: the ring is not read any more.
        unsafe { io_destroy(mem::take(&mut self.id))? };
        // A filter may answer 0 without making the call: then it does so here as well, and the
        // kernel does not. (Whether a context has this id proves nothing: the next one of another
        // thread may be at the same address already.)
        // SAFETY: there is no such context.
        match unsafe { io_destroy(ContextId::NONE) } {
            Err(Errno::EINVAL) => Ok(()),
            _ => Err(Errno::ENOSYS),
        }
    }

    /// The ring is not read any more: the kernel has said that it is not there.
    #[cfg(feature = "std")]
    pub(crate) fn without_ring(&mut self) {
        self.ring = None;
    }

    /// Whether the caller is the process that made it, or shares its memory.
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
