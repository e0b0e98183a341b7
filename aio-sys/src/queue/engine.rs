//! Keeps requests together with their buffers from submission to completion: the implementation of
//! [`Queue`](crate::Queue) and [`Scope`](crate::Scope).
//!
//! A request has a slot for as long as the kernel may use its buffer. The buffer is moved into the
//! slot before its address is taken, and is neither moved nor accessed before the request's event
//! was read. The kernel returns `aio_data` with the event: the slot's number and generation, never
//! an address, so an unexpected event matches no request. All memory is allocated at creation.

use crate::aio::context::{Cause, Context, Handle, SetupError, SubmitError};
use crate::aio::release::Release;
use crate::aio::ring::Unread;
use crate::aio::wait::OnSignal;
use crate::queue::op::{KeptOpen, Transferred, segments};
use crate::queue::request::{Completion, PollToken, Token};
use crate::queue::slots::{ClearOnPanic, Slot, Table, Vacant};
use crate::sys::errno::Errno;
use crate::sys::raw;
use crate::sys::target::uapi_of_arch::{O_CLOEXEC, O_NONBLOCK, POLLOUT};
use crate::sys::types::*;
use std::boxed::Box;
use std::collections::VecDeque;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;
use std::vec::Vec;
use std::{fmt, iter, mem, process};

/// An operation without its buffers.
pub struct Request {
    pub(crate) iocb: iocb,
    pub(crate) user_data: u64,
    /// Keeps the descriptor open.
    pub(crate) file: Option<KeptOpen>,
}

/// Owns the context and the buffers. Forgetting it leaks the buffers.
pub struct Engine<B> {
    context: Context,
    table: Table<B>,
    /// The iovecs of requests in the outbox, which the kernel copies in `flush`.
    iovecs: Vec<iovec>,
    /// Events that this engine creates, for requests that the kernel has not accepted.
    refused: VecDeque<io_event>,
    /// Events that a system call has returned, and that are not delivered yet.
    unread: VecDeque<io_event>,
    /// Room for the events that a system call returns.
    events: Box<[io_event]>,
    /// Signalled by the kernel for each event.
    eventfd: Option<OwnedFd>,
    /// The context was destroyed: nothing is in flight, although slots may still be in use.
    closed: bool,
    /// Empty submissions for reuse: as many as ran at the same time without the engine.
    spare_submissions: Vec<Submission>,
}

// SAFETY: the raw pointers in the table point to its own slots, which are on the heap and do not
// move with the engine; the buffers in the slots are `Send`.
unsafe impl<B: Send> Send for Engine<B> {}

/// What the kernel signals when a request completes.
pub(crate) enum Signal<'fd> {
    Nothing,
    /// An eventfd of the queue's own.
    Own,
    /// An eventfd of the caller's.
    Shared(BorrowedFd<'fd>),
}

/// Submits requests. For each one that the kernel refuses it adds an event to `refused`. Returns
/// whether the context exists.
///
/// # Safety
///
/// The requests are in the outbox of a table. The handle belongs to the context of the same engine,
/// which exists. The descriptors are open.
#[inline]
unsafe fn submit(handle: Handle, mut rest: &[*mut iocb], refused: &mut VecDeque<io_event>) -> bool {
    let mut exists = true;
    while !rest.is_empty() {
        // SAFETY: the caller guarantees that the requests are in slots of a table and that their
        // descriptors are open. Each buffer is in the slot of its request, or named by its iovecs.
        // Nobody accesses it until `Table::complete`, which is called after the request's event or
        // after the kernel has refused the request. The engine's `drop` waits for the kernel, or
        // leaks the buffers. The types of the buffers guarantee the addresses (`Lend`, `LendMut`).
        // Nobody else writes to an iocb before its request has completed, and the kernel does not
        // read it after it has accepted it.
        let (accepted, error) = unsafe { handle.submit(rest) };
        let Some(error) = error else { break };
        // SAFETY: `rest` holds iocbs in slots of a table, which is not freed before the engine.
        rest = unsafe { refuse(refused, &rest[accepted..], error) };
        exists &= error.cause != Cause::NoContext;
    }
    exists
}

/// Adds events for the requests that `error` applies to, and returns the requests to try again.
///
/// # Safety
///
/// The requests can be read.
#[cold]
unsafe fn refuse<'s>(
    refused: &mut VecDeque<io_event>,
    rest: &'s [*mut iocb],
    error: SubmitError,
) -> &'s [*mut iocb] {
    // Unless the request itself was refused, the cause applies to all requests that follow.
    let count = if error.cause == Cause::Refused { 1 } else { rest.len() };
    let (these, others) = rest.split_at(count);
    let res = -i64::from(error.errno.raw_os_error());
    // SAFETY: the caller guarantees that the requests can be read.
    let data = these.iter().map(|&request| unsafe { (*request).aio_data });
    refused.extend(data.map(|data| io_event { data, res, ..io_event::default() }));
    others
}

/// Requests that are submitted while others may use the engine. Their slots are in use, and they
/// count as in flight.
pub(crate) struct Submission {
    requests: Vec<*mut iocb>,
    /// The kernel copies these when it accepts the request.
    iovecs: Vec<iovec>,
    refused: VecDeque<io_event>,
    context_exists: bool,
}

// SAFETY: the pointers are to iocbs in slots that no thread owns: until the kernel has accepted
// them, they are used through this value only.
unsafe impl Send for Submission {}

impl Submission {
    fn new(capacity: usize) -> Submission {
        Submission {
            requests: Vec::with_capacity(capacity),
            iovecs: Vec::with_capacity(UIO_MAXIOV),
            refused: VecDeque::with_capacity(capacity),
            context_exists: true,
        }
    }

    /// Submits them.
    ///
    /// # Safety
    ///
    /// `Engine::start_submission` returned the handle with this submission. The engine exists until
    /// `finish_submission`. The descriptors are open.
    pub(crate) unsafe fn submit(&mut self, handle: Handle) {
        // SAFETY: `Engine::start_submission` took the requests from the table's outbox and returned
        // the handle of the same engine. The caller keeps that engine until `finish_submission`,
        // and guarantees that the descriptors are open.
        self.context_exists = unsafe { submit(handle, &self.requests, &mut self.refused) };
    }
}

impl<B> Engine<B> {
    pub(crate) fn new(capacity: NonZeroU32, signal: Signal<'_>) -> Result<Engine<B>, SetupError> {
        Engine::with_context(Context::new(capacity)?, capacity, signal)
    }

    /// An engine, and a waker for the thread that waits for its events. The waker needs one more
    /// request.
    pub(crate) fn with_waker(capacity: NonZeroU32) -> Result<(Engine<B>, Waker), SetupError> {
        let error = |call, errno| SetupError { call, errno, requested: capacity.get() };
        if Release::running() < Release::POLL {
            return Err(error("io_submit", Errno::ENOSYS));
        }
        let context = Context::new(capacity.saturating_add(1));
        let context = context.map_err(|SetupError { call, errno, .. }| error(call, errno))?;
        let eventfd = eventfd().map_err(|errno| error("eventfd2", errno))?;
        let waker = Waker { handle: context.handle(), eventfd };
        Ok((Engine::with_context(context, capacity, Signal::Nothing)?, waker))
    }

    fn with_context(
        context: Context,
        capacity: NonZeroU32,
        signal: Signal<'_>,
    ) -> Result<Engine<B>, SetupError> {
        let eventfd = match signal {
            Signal::Nothing => None,
            Signal::Own => Some(eventfd().map_err(|errno| ("eventfd2", errno))),
            Signal::Shared(fd) => {
                let copy = fd.try_clone_to_owned();
                let errno =
                    |error: std::io::Error| error.raw_os_error().expect("an error of fcntl");
                let copy = copy.map_err(|error| ("fcntl", Errno::known(errno(error) as u16)));
                Some(copy.and_then(|copy| match is_eventfd(&context, &copy) {
                    true => Ok(copy),
                    false => Err(("io_submit", Errno::EINVAL)),
                }))
            }
        };
        let requested = capacity.get();
        let error = |(call, errno)| SetupError { call, errno, requested };
        let eventfd = eventfd.transpose().map_err(error)?;
        let capacity = requested as usize;
        Ok(Engine {
            context,
            table: Table::new(capacity, eventfd.as_ref().map(AsFd::as_fd)),
            iovecs: Vec::with_capacity(UIO_MAXIOV),
            refused: VecDeque::with_capacity(capacity),
            // The waker's, too.
            unread: VecDeque::with_capacity(capacity + 1),
            events: iter::repeat_n(io_event::default(), capacity).collect(),
            eventfd,
            closed: false,
            spare_submissions: Vec::new(),
        })
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn eventfd(&self) -> Option<&OwnedFd> {
        self.eventfd.as_ref()
    }

    /// The number of requests whose completions were not delivered.
    pub(crate) fn outstanding(&self) -> usize {
        self.table.in_use()
    }

    /// The number of requests that the kernel has accepted, and whose completions were not
    /// delivered.
    #[inline]
    fn in_flight(&self) -> usize {
        self.table.in_use() - self.table.outbox.len() - self.refused.len()
    }

    pub(crate) fn free(&self) -> usize {
        self.table.free()
    }

    /// The number of requests that the kernel has not accepted, and whose completions were not
    /// delivered.
    pub(crate) fn refused(&self) -> usize {
        self.refused.len()
    }

    /// Adds events that a system call has returned.
    pub(crate) fn receive(&mut self, events: &[io_event]) {
        self.unread.extend(events);
    }

    /// The slot that the next request takes.
    #[inline]
    pub(crate) fn vacant(&self) -> Option<Vacant<B>> {
        self.table.vacant()
    }

    /// Queues a transfer of `range` of a buffer. `address` returns the bytes that the kernel may
    /// access (read, or write for a request that reads) while `buf` stays in its slot.
    #[inline]
    pub(crate) fn transfer(
        &mut self,
        vacant: Vacant<B>,
        mut request: Request,
        buf: B,
        range: Range<usize>,
        address: impl FnOnce(&mut B) -> (*mut u8, usize),
    ) -> Token {
        // Move the buffer first: moving an owner such as a `Box` invalidates pointers to what it
        // owns. SAFETY: `vacant` is a free slot of this table, which is borrowed exclusively, so
        // nobody else refers to it.
        let held = ClearOnPanic(unsafe { &mut (*vacant.slot).buf });
        let (start, len) = address(held.0.insert(buf));
        mem::forget(held);
        let end = range.end.min(len);
        let skipped = range.start.min(end);
        request.iocb.aio_buf = (start.expose_provenance() + skipped) as u64;
        request.iocb.aio_nbytes = (end - skipped) as u64;
        if skipped == end && request.iocb.aio_lio_opcode == IOCB_CMD_PREAD {
            // The kernel would return 0, as at the end of the file.
            return self.complete(vacant, request, Err(Errno::EINVAL));
        }
        self.without_buffer(vacant, request)
    }

    /// Queues a transfer of several buffers, one after the other.
    pub(crate) fn vectored(
        &mut self,
        vacant: Vacant<B>,
        mut request: Request,
        bufs: Vec<B>,
        mut address: impl FnMut(&mut B) -> (*mut u8, usize),
    ) -> Token {
        let count = bufs.len();
        if count > UIO_MAXIOV - self.iovecs.len() {
            // The kernel copies the elements during the call, so there is room for others
            // afterwards.
            self.flush();
        }
        let first = self.iovecs.len();
        // SAFETY: `vacant` is a free slot of this table, which is borrowed exclusively, so nobody
        // else refers to it.
        let held = ClearOnPanic(unsafe { &mut (*vacant.slot).bufs });
        *held.0 = bufs;
        // The kernel refuses a request with more elements, and reads none of them.
        for buf in held.0.iter_mut().take(UIO_MAXIOV) {
            let (start, len) = address(buf);
            self.iovecs.push(iovec { iov_base: start.cast(), iov_len: len });
        }
        mem::forget(held);
        // `iovecs` is never reallocated: it has its full capacity since `new`.
        let start = self.iovecs[first..].as_ptr().expose_provenance();
        request.iocb.aio_buf = start as u64;
        request.iocb.aio_nbytes = segments(count);
        self.without_buffer(vacant, request)
    }

    /// Queues a request that has no buffer, or whose buffer is in the slot already.
    #[inline]
    pub(crate) fn without_buffer(&mut self, vacant: Vacant<B>, request: Request) -> Token {
        let token = self.table.occupy(vacant, request);
        self.table.enqueue(vacant.slot);
        token
    }

    /// Completes a request without the kernel.
    #[cold]
    pub(crate) fn complete(
        &mut self,
        vacant: Vacant<B>,
        request: Request,
        result: Result<usize, Errno>,
    ) -> Token {
        let token = self.table.occupy(vacant, request);
        let res = match result {
            // The largest result of a system call.
            Ok(count) => count.min(isize::MAX as usize) as i64,
            Err(errno) => -i64::from(errno.raw_os_error()),
        };
        self.refused.push_back(io_event { data: token.0, res, ..io_event::default() });
        self.signal();
        token
    }

    /// Makes the completion of the slot's request call `filled`.
    pub(crate) fn when_filled(&mut self, vacant: Vacant<B>, filled: fn(&mut B, usize)) {
        // SAFETY: the slot is in this table, which is borrowed exclusively, and its request was not
        // submitted yet.
        unsafe { (*vacant.slot).filled = Some(filled) };
    }

    /// Submits the outbox. Requests that the kernel refuses complete with the error.
    ///
    /// The descriptors of these requests must still be open: whoever queues a request ensures that.
    #[inline]
    pub(crate) fn flush(&mut self) {
        let refused = self.refused.len();
        // SAFETY: the requests are in slots of this engine's table, and the handle is of its
        // context, which exists. Whoever queued them keeps the descriptors open until this call.
        let exists =
            unsafe { submit(self.context.handle(), &self.table.outbox, &mut self.refused) };
        self.table.outbox.clear();
        self.iovecs.clear();
        self.drop_ring_if(!exists);
        if self.refused.len() > refused {
            self.signal();
        }
    }

    /// Signals the eventfd, if there is one, as the kernel does for each event.
    #[cold]
    pub(crate) fn signal(&self) {
        let Some(eventfd) = self.eventfd.as_ref().filter(|_| self.context.is_ours()) else {
            return;
        };
        let one = 1u64;
        // SAFETY: the kernel reads 8 bytes, the size of `one`. If the counter is at its maximum,
        // the call fails, and the eventfd is readable all the same.
        unsafe { raw::write(eventfd.as_raw_fd() as _, (&raw const one).cast(), size_of::<u64>()) };
    }

    /// The number of requests in the outbox.
    #[cfg(feature = "tokio")]
    pub(crate) fn queued(&self) -> usize {
        self.table.outbox.len()
    }

    /// Whether requests are in flight.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight() > 0
    }

    /// Takes the outbox, and returns it with the handle to submit it. Pass it to
    /// `finish_submission` before the engine is dropped.
    pub(crate) fn start_submission(&mut self) -> (Submission, Handle) {
        let capacity = self.table.slots.len();
        let mut spare = self.spare_submissions.pop().unwrap_or_else(|| Submission::new(capacity));
        // The vectors of `spare` are empty.
        mem::swap(&mut self.iovecs, &mut spare.iovecs);
        mem::swap(&mut self.table.outbox, &mut spare.requests);
        (spare, self.context.handle())
    }

    /// Adds the events of requests that were refused.
    pub(crate) fn finish_submission(&mut self, mut submission: Submission) {
        self.refused.append(&mut submission.refused);
        submission.requests.clear();
        submission.iovecs.clear();
        self.drop_ring_if(!submission.context_exists);
        self.spare_submissions.push(submission);
    }

    /// Stops reading the ring if the context does not exist any more: then the ring may be
    /// unmapped.
    #[inline]
    fn drop_ring_if(&mut self, is_gone: bool) {
        if is_gone {
            self.context.drop_ring();
        }
    }

    /// Whether the request's completion was not delivered yet.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_outstanding(&mut self, token: Token) -> bool {
        self.table.find(token).is_some()
    }

    pub(crate) fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        match self.table.find(poll.into()) {
            Some(slot) => self.cancel_slot(slot),
            None => Ok(false),
        }
    }

    /// Cancels all polls.
    pub(crate) fn cancel_polls(&mut self) -> Result<(), Errno> {
        self.table.polls().try_for_each(|slot| self.cancel_slot(slot).map(drop))
    }

    fn cancel_slot(&self, slot: *mut Slot<B>) -> Result<bool, Errno> {
        if !self.context.is_ours() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the id is used only for io_cancel, which takes no events.
        let id = unsafe { self.context.id() };
        let mut event = io_event::default();
        // SAFETY: `slot` is in this engine's table, and begins with its iocb. The kernel reads the
        // iocb's key, compares its address, and may write to `event`. Only polls are cancelled,
        // which have no buffer.
        match Errno::decode(unsafe { raw::io_cancel(id.as_raw(), slot.cast(), &mut event) }) {
            Err(Errno::EINPROGRESS) => Ok(true),
            Err(Errno::EINVAL) => Ok(false),
            // The kernel never returns success, but a seccomp filter may.
            Ok(_) => Err(Errno::ENOSYS),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn pending(&self) -> usize {
        self.refused.len() + self.unread.len() + self.context.pending().unwrap_or(0)
    }

    /// The completions that are ready.
    #[inline]
    pub(crate) fn reap(&mut self) -> Completions<'_, B> {
        if self.context.pending().is_none() && self.in_flight() > self.unread.len() {
            // An error is returned by the next `wait`.
            let _ = self.fetch(0, Some(Duration::ZERO), OnSignal::Continue);
        }
        Completions {
            table: &mut self.table,
            refused: &mut self.refused,
            unread: &mut self.unread,
            ring: self.context.read(),
        }
    }

    /// Waits until at least `min` completions are ready, or nothing more is in flight, and returns
    /// those that are ready.
    #[inline]
    pub(crate) fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<Completions<'_, B>, Errno> {
        let wanted = min.saturating_sub(self.refused.len()).min(self.in_flight());
        let more = wanted.saturating_sub(self.unread.len());
        if more > 0 && self.context.pending().is_none_or(|ready| ready < more) {
            self.fetch(more, timeout, on_signal)?;
        }
        Ok(self.reap())
    }

    /// Waits until a request has completed, and returns its completion. Others are delivered later.
    /// `None` if there is no such request.
    pub(crate) fn wait_for(&mut self, token: Token) -> Result<Option<Completion<B>>, Errno> {
        loop {
            let Some(slot) = self.table.find(token) else { return Ok(None) };
            if let Some(ring) = self.context.read() {
                self.unread.extend(ring);
            }
            for events in [&mut self.refused, &mut self.unread] {
                let at = events.iter().position(|event| event.data == token.0);
                if let Some(event) = at.and_then(|at| events.remove(at)) {
                    // SAFETY: `find` returned the slot, and its event shows that the kernel has
                    // completed or refused the request.
                    return Ok(Some(unsafe { self.table.complete(slot, event.res) }));
                }
            }
            match self.context.wait(1, &mut self.events, None, OnSignal::Continue)? {
                // Without a timeout the kernel never returns 0, but a seccomp filter may.
                0 => return Err(Errno::ENOSYS),
                count => self.unread.extend(&self.events[..count]),
            }
        }
    }

    /// Transfers all of a buffer, by as many requests as necessary, and waits for them. For
    /// `address` see [`transfer`](Engine::transfer).
    pub(crate) fn transfer_all(
        &mut self,
        iocb: iocb,
        mut buf: B,
        address: fn(&mut B) -> (*mut u8, usize),
    ) -> Result<Transferred<B>, Errno> {
        let (mut done, len) = (0, address(&mut buf).1);
        let reads = iocb.aio_lio_opcode == IOCB_CMD_PREAD;
        while done < len {
            let Some(vacant) = self.vacant() else { return Ok((Err(Errno::EAGAIN), buf)) };
            let aio_offset = iocb.aio_offset.saturating_add(done as i64);
            let request = Request { iocb: iocb { aio_offset, ..iocb }, user_data: 0, file: None };
            let token = self.transfer(vacant, request, buf, done..usize::MAX, address);
            self.flush();
            let completion = self.wait_for(token)?.expect("it was just submitted");
            buf = completion.buf.expect("a transfer returns its buffer");
            match completion.result {
                Ok(0) if reads => break,
                Ok(0) => return Ok((Err(Errno::EIO), buf)),
                Ok(more) => done += more,
                // The bytes that were read before an error count.
                Err(_) if done > 0 && reads => break,
                Err(errno) => return Ok((Err(errno), buf)),
            }
        }
        Ok((Ok(done), buf))
    }

    /// Waits by a system call for at least `more` events. Errors are ignored if other completions
    /// can be delivered.
    fn fetch(
        &mut self,
        more: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<(), Errno> {
        // `events` has room for all requests in flight.
        match self.context.wait(more, &mut self.events, timeout, on_signal) {
            Ok(count) => self.unread.extend(&self.events[..count]),
            Err(_) if self.refused.len() + self.unread.len() > 0 => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Destroys the context. If that fails with requests in flight, their buffers are leaked.
    pub(crate) fn close(mut self) -> Result<(), Errno> {
        let closed = self.context.destroy();
        match closed {
            Ok(()) => self.closed = true,
            // `drop` handles a forked child.
            Err(_) if !self.context.is_ours() => {}
            Err(_) if self.in_flight() > 0 => mem::forget(self),
            Err(_) => {}
        }
        closed
    }
}

impl<B> Drop for Engine<B> {
    fn drop(&mut self) {
        if self.closed || self.in_flight() == 0 {
            return;
        }
        if !self.context.is_ours() {
            // In a child, leak the buffers: a direct transfer of the parent may be into the child's
            // pages, if the parent got copies of its own (open(2)).
            mem::forget(mem::take(&mut self.table.slots));
            return;
        }
        if let Err(errno) = self.context.destroy() {
            // The requests were not waited for, and the kernel may still write to the buffers,
            // which would be freed.
            let _ = writeln!(
                std::io::stderr(),
                "aio-sys: io_destroy fails ({errno}) with requests in flight, whose buffers cannot \
                 be freed safely: aborting"
            );
            process::abort();
        }
    }
}

/// An iterator over completions that are ready; see [`Queue::wait`](crate::Queue::wait). If it is
/// dropped before its end, the next call delivers the rest.
#[must_use = "a completion is delivered when the iterator yields it"]
pub struct Completions<'q, B> {
    table: &'q mut Table<B>,
    refused: &'q mut VecDeque<io_event>,
    unread: &'q mut VecDeque<io_event>,
    ring: Option<Unread<'q>>,
}

impl<B> Iterator for Completions<'_, B> {
    type Item = Completion<B>;

    // Inlined, since otherwise the completion is returned in memory and copied, which costs 2 % of
    // a poll (`cargo bench --bench aio`).
    #[inline(always)]
    fn next(&mut self) -> Option<Completion<B>> {
        let (slot, res) = loop {
            let event = match self.refused.pop_front().or_else(|| self.unread.pop_front()) {
                Some(event) => event,
                None => self.ring.as_mut()?.next()?,
            };
            if let Some(slot) = self.table.find(Token(event.data)) {
                break (slot, event.res);
            }
        };
        // SAFETY: `find` returned the slot, and its event shows that the kernel has completed or
        // refused the request.
        Some(unsafe { self.table.complete(slot, res) })
    }
}

impl<B> fmt::Debug for Completions<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").finish_non_exhaustive()
    }
}

/// Whether the descriptor is an eventfd. The kernel checks that before it refuses unknown flags,
/// which it does since Linux 4.13. For older kernels this returns `true`.
fn is_eventfd(context: &Context, fd: &OwnedFd) -> bool {
    let fd = fd.as_raw_fd() as u32;
    let mut request = iocb {
        aio_lio_opcode: IOCB_CMD_PREAD,
        aio_fildes: fd,
        aio_rw_flags: i32::MIN,
        aio_flags: IOCB_FLAG_RESFD,
        aio_resfd: fd,
        ..iocb::default()
    };
    // SAFETY: the kernel refuses the flags or reads 0 bytes, so no buffer is used; the iocb lives
    // during the call.
    let (_, error) = unsafe { context.handle().submit(&[&raw mut request]) };
    Release::running() < Release::RW_FLAGS || error.is_none_or(|error| error.errno != Errno::EINVAL)
}

/// Wakes the thread that waits for a context's events, by an event that matches no request.
pub(crate) struct Waker {
    handle: Handle,
    /// Always writable.
    eventfd: OwnedFd,
}

impl Waker {
    /// Waits for at least one event, which may be the event of `wake`.
    ///
    /// # Safety
    ///
    /// The context exists, and nobody else takes events from it during the call.
    pub(crate) unsafe fn wait(
        &self,
        events: &mut [io_event],
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Result<usize, Errno> {
        // SAFETY: the caller guarantees that the context exists and that nobody else takes its
        // events.
        unsafe { self.handle.wait(1, events, timeout, on_signal) }
    }

    /// Wakes the waiting thread. If no slot is free for this event, there are others that wake it.
    ///
    /// # Safety
    ///
    /// The context exists.
    #[cold]
    pub(crate) unsafe fn wake(&self) {
        let mut request = iocb {
            aio_data: u64::MAX,
            aio_lio_opcode: IOCB_CMD_POLL,
            aio_fildes: self.eventfd.as_raw_fd() as u32,
            aio_buf: POLLOUT.into(),
            ..iocb::default()
        };
        // SAFETY: a poll has no buffer. The eventfd is writable, so the poll completes during the
        // call, and the kernel keeps no address of the iocb; the caller guarantees that the context
        // exists.
        let _ = unsafe { self.handle.submit(&[&raw mut request]) };
    }
}

fn eventfd() -> Result<OwnedFd, Errno> {
    // EFD_NONBLOCK and EFD_CLOEXEC have these values (include/uapi/linux/eventfd.h). SAFETY:
    // eventfd2 returns a new descriptor and accesses no memory.
    let fd = Errno::decode(unsafe { raw::eventfd2(0, O_NONBLOCK | O_CLOEXEC) })?;
    // A seccomp filter may return a number without making the call. The kernel refuses unknown
    // flags, so if they are accepted, the number is not a new descriptor, and other code may own
    // it. SAFETY: the kernel refuses the flags and does nothing.
    let refused = Errno::decode(unsafe { raw::eventfd2(0, -1) }).is_err();
    let fd = i32::try_from(fd).ok().filter(|_| refused).ok_or(Errno::ENOSYS)?;
    // SAFETY: the kernel has just returned the descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
