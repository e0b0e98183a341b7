//! Requests and what they transfer, kept together from submission to completion: what
//! [`Queue`](crate::Queue) and [`Scope`](crate::Scope) are made of.
//!
//! A request has a slot for as long as the kernel may use its buffer. The buffer is moved into the
//! slot before its address is taken, and is neither moved nor looked at before the request's event
//! has come. What the kernel gives back with the event, `aio_data`, is the slot's number and
//! generation, never an address: an event that is not expected finds nothing. All memory is
//! allocated at first.

use crate::aio::context::{Cause, Context, SetupError, SubmitError, Submitter};
use crate::queue::request::{Completion, Full, PollToken, Token};
use crate::queue::slots::{Asked, Table};
use crate::sys::errno::Errno;
use crate::sys::flags::{PollEvents, RwFlags};
use crate::sys::raw;
use crate::sys::target::uapi_of_arch::{O_CLOEXEC, O_NONBLOCK};
use crate::sys::types::*;
use std::boxed::Box;
use std::collections::VecDeque;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;
use std::vec::Vec;
use std::{iter, mem, process};

/// As the kernel reads it (`include/uapi/linux/uio.h`).
#[repr(C)]
pub(crate) struct Iovec {
    pub(crate) base: usize,
    pub(crate) len: usize,
}

/// A read or a write, without its buffers.
pub(crate) struct Transfer<'fd> {
    pub(crate) opcode: u16,
    pub(crate) fd: BorrowedFd<'fd>,
    pub(crate) offset: u64,
    pub(crate) flags: RwFlags,
}

/// What owns the buffers. To forget it is to leak them.
pub(crate) struct Engine<B> {
    context: Context,
    table: Table<B>,
    /// Scratch of queued requests, which the kernel copies in `flush`.
    iovecs: Vec<Iovec>,
    /// Events of our own, for requests that the kernel has not accepted.
    refused: VecDeque<io_event>,
    /// Events that a call has brought, and that are not handed out yet.
    unread: VecDeque<io_event>,
    /// Scratch of a call.
    events: Box<[io_event]>,
    /// Signalled by the kernel for each event.
    eventfd: Option<OwnedFd>,
}

// SAFETY: the table's pointers are to its own slots, which stay where they are on the heap.
unsafe impl<B: Send> Send for Engine<B> {}

/// Submits requests, and has those that the kernel refuses end by events of our own. Whether there
/// is such a context.
///
/// # Safety
///
/// They are in slots of a table, and queued; the submitter is of the same engine's context, which
/// exists. The descriptors are open.
#[inline]
unsafe fn submit(
    submitter: Submitter,
    mut rest: &[*mut iocb],
    refused: &mut VecDeque<io_event>,
) -> bool {
    let mut exists = true;
    while !rest.is_empty() {
        // SAFETY: each request's buffer is in its slot, or its iovecs name buffers that are. It is
        // not touched before `Table::end`, which is called for the request's event, or when
        // the kernel has refused it. The engine's `drop` waits, or does not let it be
        // freed. The addresses are those that the buffers' types vouch for. Nobody else writes to
        // an iocb before its request has ended, and the kernel reads it no more once it has
        // accepted it.
        let (accepted, error) = unsafe { submitter.submit(rest) };
        let Some(error) = error else { break };
        // SAFETY: the requests are in slots of a table, which exists for as long as the engine.
        rest = unsafe { refuse(refused, &rest[accepted..], error) };
        exists &= error.cause != Cause::NoContext;
    }
    exists
}

/// Events for the requests that `error` is of, and those that are to be tried again.
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
    // Another cause than the request itself is one for all that follow.
    let count = if error.cause == Cause::Refused { 1 } else { rest.len() };
    let (these, others) = rest.split_at(count);
    let res = -i64::from(error.errno.raw_os_error());
    // SAFETY: the caller vouches that the requests can be read.
    let data = these.iter().map(|&request| unsafe { (*request).aio_data });
    refused.extend(data.map(|data| io_event { data, res, ..io_event::default() }));
    others
}

/// Requests on their way to the kernel without the engine, which others may use meanwhile. Their
/// slots are taken, and they count as in flight.
#[cfg(feature = "tokio")]
pub(crate) struct Outgoing {
    requests: Vec<*mut iocb>,
    /// The kernel copies them when it accepts the request.
    iovecs: Vec<Iovec>,
    refused: VecDeque<io_event>,
    context_exists: bool,
}

// SAFETY: it points to what no thread owns: iocbs that are used through it alone until they are
// accepted.
#[cfg(feature = "tokio")]
unsafe impl Send for Outgoing {}

#[cfg(feature = "tokio")]
impl Outgoing {
    pub(crate) fn new(capacity: usize) -> Outgoing {
        Outgoing {
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
    /// The submitter came with them from `Engine::depart`; the engine exists at least until they
    /// are settled there. The descriptors are open.
    pub(crate) unsafe fn submit(&mut self, submitter: Submitter) {
        // SAFETY: `Engine::depart` took the requests from the table's queue, and the submitter from
        // the same engine, which the caller keeps until they are settled; the caller vouches for
        // the descriptors.
        self.context_exists = unsafe { submit(submitter, &self.requests, &mut self.refused) };
    }
}

impl<B> Engine<B> {
    pub(crate) fn new(capacity: NonZeroU32, with_eventfd: bool) -> Result<Engine<B>, SetupError> {
        let context = Context::new(capacity)?;
        let eventfd = with_eventfd.then(eventfd).transpose();
        let eventfd = eventfd.map_err(|errno| SetupError {
            call: "eventfd2",
            errno,
            requested: capacity.get(),
        })?;
        let capacity = capacity.get() as usize;
        Ok(Engine {
            context,
            table: Table::new(capacity, eventfd.as_ref().map(AsFd::as_fd)),
            iovecs: Vec::with_capacity(UIO_MAXIOV),
            refused: VecDeque::with_capacity(capacity),
            unread: VecDeque::with_capacity(capacity),
            events: iter::repeat_n(io_event::default(), capacity).collect(),
            eventfd,
        })
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn eventfd(&self) -> Option<&OwnedFd> {
        self.eventfd.as_ref()
    }

    /// Requests that have not been handed out as completions.
    pub(crate) fn outstanding(&self) -> usize {
        self.table.taken
    }

    /// Requests that the kernel has accepted, and whose events were not handed out.
    #[inline]
    fn in_flight(&self) -> usize {
        self.table.taken - self.table.queued - self.refused.len()
    }

    pub(crate) fn free(&self) -> usize {
        self.table.order.len() - self.table.taken
    }

    /// Queues a transfer. `address` is where the kernel may read, or write if `wanted` is a read,
    /// for as long as `buf` stays in its slot.
    #[inline]
    pub(crate) fn transfer(
        &mut self,
        wanted: Transfer<'_>,
        buf: B,
        address: impl FnOnce(&mut B) -> (*mut u8, usize),
    ) -> Result<Token, Full<B>> {
        let Some((token, slot)) = self.table.vacant() else { return Err(Full(buf)) };
        // In its place first: to move some owners is to claim what they own.
        // SAFETY: a free slot, to which nobody else refers.
        let held = Asked(unsafe { &mut (*slot).buf });
        let (start, len) = address(held.0.insert(buf));
        mem::forget(held);
        Ok(self.queue_transfer(token, wanted, start.expose_provenance(), len))
    }

    /// The same with several buffers.
    pub(crate) fn vectored(
        &mut self,
        wanted: Transfer<'_>,
        bufs: Vec<B>,
        mut address: impl FnMut(&mut B) -> (*mut u8, usize),
    ) -> Result<Token, Full<Vec<B>>> {
        let Some((token, slot)) = self.table.vacant() else { return Err(Full(bufs)) };
        let count = bufs.len();
        if count > UIO_MAXIOV - self.iovecs.len() {
            // The kernel copies the elements in that call, and then there is room for others.
            self.flush();
        }
        let first = self.iovecs.len();
        // SAFETY: a free slot, to which nobody else refers.
        let held = Asked(unsafe { &mut (*slot).bufs });
        *held.0 = bufs;
        // The kernel takes no more than `UIO_MAXIOV`: if there are more, it refuses the request
        // without a look at them. It counts in 32 bits: one too many is
        // passed, not the whole count.
        for buf in held.0.iter_mut().take(UIO_MAXIOV) {
            let (start, len) = address(buf);
            self.iovecs.push(Iovec { base: start.expose_provenance(), len });
        }
        mem::forget(held);
        // It has all of its capacity since `new`, so what is in it stays where it is.
        let start = self.iovecs[first..].as_ptr().expose_provenance();
        Ok(self.queue_transfer(token, wanted, start, count.min(UIO_MAXIOV + 1)))
    }

    #[inline]
    fn queue_transfer(
        &mut self,
        token: Token,
        wanted: Transfer<'_>,
        start: usize,
        count: usize,
    ) -> Token {
        let request = iocb {
            aio_lio_opcode: wanted.opcode,
            aio_buf: start as u64,
            aio_nbytes: count as u64,
            // The kernel refuses what becomes negative by this.
            aio_offset: wanted.offset as i64,
            ..iocb::default()
        };
        self.table.queue(token, request.with_rw_flags(wanted.flags), wanted.fd)
    }

    /// Queues a sync.
    pub(crate) fn sync(&mut self, opcode: u16, fd: BorrowedFd<'_>) -> Result<Token, Full<()>> {
        let (token, _) = self.table.vacant().ok_or(Full(()))?;
        Ok(self.table.queue(token, iocb { aio_lio_opcode: opcode, ..iocb::default() }, fd))
    }

    /// Queues a poll.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        fd: BorrowedFd<'_>,
        events: PollEvents,
    ) -> Result<PollToken, Full<()>> {
        let (token, _) = self.table.vacant().ok_or(Full(()))?;
        let request = iocb {
            aio_lio_opcode: IOCB_CMD_POLL,
            aio_buf: events.bits().into(),
            ..iocb::default()
        };
        Ok(PollToken(self.table.queue(token, request, fd)))
    }

    /// Submits what is queued. What the kernel refuses is handed out with its error.
    ///
    /// The descriptors that were queued must still be open: whoever queues them sees to that.
    #[inline]
    pub(crate) fn flush(&mut self) {
        // SAFETY: they are queued, and the context is this one's, which is borrowed.
        let exists =
            unsafe { submit(self.context.submitter(), self.table.queued(), &mut self.refused) };
        self.iovecs.clear();
        self.without_context(!exists);
    }

    /// What is queued, and what submits it. To be given back to `settle`, at the latest before the
    /// engine is dropped.
    #[cfg(feature = "tokio")]
    pub(crate) fn depart(&mut self, mut spare: Outgoing) -> (Outgoing, Submitter) {
        // Which is empty.
        mem::swap(&mut self.iovecs, &mut spare.iovecs);
        spare.requests.extend_from_slice(self.table.queued());
        (spare, self.context.submitter())
    }

    /// Takes note of what was refused.
    #[cfg(feature = "tokio")]
    pub(crate) fn settle(&mut self, outgoing: &mut Outgoing) {
        self.refused.append(&mut outgoing.refused);
        outgoing.requests.clear();
        outgoing.iovecs.clear();
        self.without_context(!outgoing.context_exists);
    }

    /// If it is gone, there may be no ring to read.
    #[inline]
    fn without_context(&mut self, is_gone: bool) {
        if is_gone {
            self.context.without_ring();
        }
    }

    /// Whether the request has not ended.
    #[cfg(feature = "tokio")]
    pub(crate) fn has(&mut self, token: Token) -> bool {
        self.table.find(token).is_some()
    }

    pub(crate) fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        let Some(slot) = self.table.find(poll.into()) else { return Ok(false) };
        if !self.context.is_ours() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: io_cancel takes no events.
        let id = unsafe { self.context.id() };
        let mut event = io_event::default();
        // SAFETY: the kernel reads the request's key, compares its address, and may write to the
        // event; a poll has no buffer.
        match Errno::decode(unsafe { raw::io_cancel(id.as_raw(), slot.cast(), &mut event) }) {
            Err(Errno::EINPROGRESS) => Ok(true),
            Err(Errno::EINVAL) => Ok(false),
            // The kernel never says so; a filter may.
            Ok(_) => Err(Errno::ENOSYS),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn pending(&self) -> usize {
        self.refused.len() + self.unread.len() + self.context.pending().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn reap(&mut self, visit: impl FnMut(Completion<B>)) -> usize {
        // An error will be told to who waits.
        self.wait(0, Some(Duration::ZERO), visit).unwrap_or(0)
    }

    /// Hands out what is there. If that is less than `min`, it waits, and hands out what is there
    /// then.
    ///
    /// `visit` is called in one place, so that it is compiled into the loop.
    #[inline]
    pub(crate) fn wait(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        mut visit: impl FnMut(Completion<B>),
    ) -> Result<usize, Errno> {
        let (mut count, mut called) = (0, false);
        loop {
            let mut ring = self.context.read();
            let mut next = || {
                self.refused
                    .pop_front()
                    .or_else(|| self.unread.pop_front())
                    .or_else(|| ring.as_mut()?.next())
            };
            while let Some(event) = next() {
                let Some(slot) = self.table.find(Token(event.data)) else { continue };
                count += 1;
                // SAFETY: `find` has found the slot, and the event says that the request has
                // completed, or that the kernel has refused it.
                visit(unsafe { self.table.end(slot, Errno::decode(event.res as isize)) });
            }
            let unread = ring.is_none();
            drop(ring);
            let in_flight = self.in_flight();
            let more = min.saturating_sub(count).min(in_flight);
            if called || more == 0 && !(unread && in_flight > 0) {
                return Ok(count);
            }
            called = true;
            // There are no more events than there is room for.
            match self.context.getevents(more, &mut self.events, timeout) {
                Ok(events) => self.unread.extend(&self.events[..events]),
                Err(_) if count > 0 => return Ok(count),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Waits for the kernel. If that fails with requests in flight, their buffers are leaked.
    pub(crate) fn close(mut self) -> Result<(), Errno> {
        let closed = self.context.destroy();
        match closed {
            // What is left was refused.
            Ok(()) => self.table.taken = self.refused.len(),
            // `drop` has the word for a child.
            Err(_) if !self.context.is_ours() => {}
            Err(_) if self.in_flight() > 0 => mem::forget(self),
            Err(_) => {}
        }
        closed
    }
}

impl<B> Drop for Engine<B> {
    fn drop(&mut self) {
        if self.in_flight() == 0 {
            return;
        }
        if !self.context.is_ours() {
            // A child's pages may be those that a direct transfer is into, if the parent has had
            // its own copied (open(2)).
            mem::forget(mem::take(&mut self.table.slots));
            return;
        }
        if let Err(errno) = self.context.destroy() {
            // Nothing was waited for, and the buffers, which the kernel may be writing to, would be
            // freed or given back.
            let _ = writeln!(
                std::io::stderr(),
                "aio-sys: io_destroy fails ({errno}) with requests in flight, whose buffers cannot \
                 be freed safely: aborting"
            );
            process::abort();
        }
    }
}

fn eventfd() -> Result<OwnedFd, Errno> {
    // EFD_NONBLOCK and EFD_CLOEXEC are these (include/uapi/linux/eventfd.h).
    // SAFETY: it makes a descriptor and touches no memory.
    let fd = Errno::decode(unsafe { raw::eventfd2(0, O_NONBLOCK | O_CLOEXEC) })?;
    // A filter may answer a number without making the call. The kernel refuses unknown flags: if
    // they are accepted, it was not called, and the descriptor is owned by other code.
    // SAFETY: the kernel does nothing.
    let refused = Errno::decode(unsafe { raw::eventfd2(0, -1) }).is_err();
    let fd = i32::try_from(fd).ok().filter(|_| refused).ok_or(Errno::ENOSYS)?;
    // SAFETY: new, and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
