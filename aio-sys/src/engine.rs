//! Requests and what they transfer, kept together from submission to completion: what [`Queue`](crate::Queue) and
//! [`Scope`](crate::Scope) are made of.
//!
//! A request has a slot for as long as the kernel may use its buffer. The buffer is moved into the slot before its address
//! is taken, and is neither moved nor looked at before the request's event has come. What the kernel gives back with the
//! event, `aio_data`, is the slot's number and generation, never an address: an event that is not expected finds nothing.
//! All memory is allocated at first.

use crate::context::Submitter;
use crate::target::uapi_of_arch::{O_CLOEXEC, O_NONBLOCK};
use crate::types::*;
use crate::{Cause, Context, Errno, PollEvents, RwFlags, SetupError, raw};
use std::boxed::Box;
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::vec::Vec;
use std::{fmt, iter, mem, process};

/// A request: what [`Completion::token`] says again when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// A number below what the queue was made for, which no other request has until this one's completion was handed out:
    /// an index for tables of one's own.
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// A poll, the one kind of request that can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollToken(Token);

impl From<PollToken> for Token {
    fn from(poll: PollToken) -> Token {
        poll.0
    }
}

impl PartialEq<PollToken> for Token {
    fn eq(&self, poll: &PollToken) -> bool {
        *self == poll.0
    }
}

/// The end of a request, and its buffer.
#[derive(Debug)]
#[must_use = "a request may have failed"]
#[non_exhaustive]
pub struct Completion<B> {
    /// Which request.
    pub token: Token,
    /// The bytes that were transferred, which may be fewer than the buffer has; for a poll, [`PollEvents`] as bits, 0 if it
    /// was cancelled; 0 for a sync. The error may be of the submission or of the transfer: there is no difference here.
    pub result: Result<usize, Errno>,
    /// The buffer of a read or a write.
    pub buf: Option<B>,
    /// The buffers of a vectored read or write.
    pub bufs: Vec<B>,
}

/// There is no free slot: here is what was not submitted. Slots come back with completions.
#[derive(Debug)]
pub struct Full<T>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as many requests are in flight as the queue was made for; slots come back with completions")
    }
}

impl<T: fmt::Debug> std::error::Error for Full<T> {}

/// As the kernel reads it (`include/uapi/linux/uio.h`).
#[repr(C)]
pub(crate) struct Iovec {
    pub(crate) base: usize,
    pub(crate) len: usize,
}

/// What owns the buffers. To forget it is to leak them.
pub(crate) struct Engine<B> {
    context: Context,
    table: Table<B>,
    /// One to a slot. The kernel finds a poll by its iocb's address, so they stay where they are.
    iocbs: Box<[UnsafeCell<iocb>]>,
    /// What goes out with the next `flush`.
    outgoing: Outgoing,
    /// Events that a call has brought.
    events: Box<[io_event]>,
    /// Those of them that are not handed out yet.
    unread: Range<usize>,
    /// Signalled by the kernel for each event.
    eventfd: Option<OwnedFd>,
}

/// Requests on their way to the kernel.
///
/// They can go without the engine, which others may use meanwhile: their slots are taken, and count as in flight.
pub(crate) struct Outgoing {
    /// Slots, in order.
    slots: Vec<u32>,
    /// Their iocbs.
    requests: Vec<*mut iocb>,
    /// Of vectored ones. The kernel copies them when it accepts the request.
    iovecs: Vec<Iovec>,
    /// Which of the slots the kernel has not accepted, and why.
    refused: Vec<(u32, Errno)>,
    /// There is no such context any more.
    context_is_gone: bool,
}

// SAFETY: it points to what no thread owns: iocbs that are used through it alone until they are accepted.
unsafe impl Send for Outgoing {}

impl Outgoing {
    pub(crate) fn new(capacity: usize) -> Outgoing {
        Outgoing {
            slots: Vec::with_capacity(capacity),
            requests: Vec::with_capacity(capacity),
            iovecs: Vec::with_capacity(UIO_MAXIOV),
            refused: Vec::with_capacity(capacity),
            context_is_gone: false,
        }
    }

    /// Submits them. What the kernel refuses is set aside, to be handed out with its error.
    ///
    /// # Safety
    ///
    /// The requests are of the engine whose context the submitter is of; it exists at least until they are settled there. The
    /// descriptors are open.
    #[inline]
    pub(crate) unsafe fn submit(&mut self, submitter: Submitter) {
        let mut done = 0;
        while done < self.requests.len() {
            // SAFETY: each request's buffer is in its slot, or its iovecs name buffers that are. It is not touched before
            // `Table::end`, which is called for the request's event, or when the kernel has refused it. The engine's `drop`
            // waits, or does not let it be freed. The addresses are those that the buffers' types vouch for. An iocb is not
            // written by others before its request has ended, and the kernel reads it only before it accepts it.
            let (accepted, error) = unsafe { submitter.submit(&self.requests[done..]) };
            done += accepted;
            let Some(error) = error else { break };
            self.context_is_gone |= error.cause == Cause::NoContext;
            // Another cause than the request itself is one for all that follow.
            let refused = if error.cause == Cause::Refused { 1 } else { self.slots.len() - done };
            self.refused.extend(self.slots[done..done + refused].iter().map(|&slot| (slot, error.errno)));
            done += refused;
        }
    }
}

struct Table<B> {
    slots: Box<[Slot<B>]>,
    free: Vec<u32>,
    /// Requests that the kernel has accepted, and whose events were not read.
    in_flight: usize,
    /// Those that it has not, or that were not even submitted, and why.
    refused: VecDeque<(u32, Errno)>,
}

struct Slot<B> {
    /// Odd while the slot is taken. Its end leaves no event behind that would fit the next request.
    generation: u32,
    buf: Option<B>,
    bufs: Vec<B>,
}

impl<B> Table<B> {
    fn new(capacity: usize) -> Table<B> {
        Table {
            slots: iter::repeat_with(|| Slot { generation: 0, buf: None, bufs: Vec::new() }).take(capacity).collect(),
            free: (0..capacity as u32).rev().collect(),
            in_flight: 0,
            refused: VecDeque::with_capacity(capacity),
        }
    }

    /// The slot that `take` takes next. What is put there before does no harm, if it does not come to that.
    #[inline]
    fn vacant(&self) -> Option<u32> {
        self.free.last().copied()
    }

    #[inline]
    fn take(&mut self) -> Option<u32> {
        let index = self.free.pop()?;
        self.slots[index as usize].generation += 1;
        Some(index)
    }

    #[inline]
    fn token(&self, index: u32) -> Token {
        Token(u64::from(self.slots[index as usize].generation) << 32 | u64::from(index))
    }

    /// The slot of a request that has not ended.
    #[inline]
    fn find(&self, token: Token) -> Option<u32> {
        let index = token.0 as u32;
        let slot = self.slots.get(index as usize)?;
        (slot.generation % 2 == 1 && self.token(index) == token).then_some(index)
    }

    #[inline]
    fn end(&mut self, index: u32, result: Result<usize, Errno>) -> Completion<B> {
        let token = self.token(index);
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        let (buf, bufs) = (slot.buf.take(), mem::take(&mut slot.bufs));
        self.free.push(index);
        Completion { token, result, buf, bufs }
    }

    #[inline]
    fn completed(&mut self, event: io_event) -> Option<Completion<B>> {
        let index = self.find(Token(event.data))?;
        self.in_flight -= 1;
        Some(self.end(index, Errno::decode(event.res as isize)))
    }

    /// Takes note of what was refused, and empties it.
    #[inline]
    fn settle(&mut self, outgoing: &mut Outgoing) {
        self.in_flight -= outgoing.refused.len();
        self.refused.extend(outgoing.refused.drain(..));
        outgoing.slots.clear();
        outgoing.requests.clear();
        outgoing.iovecs.clear();
    }

    fn refused(&mut self) -> Option<Completion<B>> {
        let (index, errno) = self.refused.pop_front()?;
        Some(self.end(index, Err(errno)))
    }
}

impl<B> Engine<B> {
    pub(crate) fn new(capacity: NonZeroU32, with_eventfd: bool) -> Result<Engine<B>, SetupError> {
        let context = Context::new(capacity)?;
        let eventfd = with_eventfd.then(eventfd).transpose();
        let eventfd = eventfd.map_err(|errno| SetupError { errno, requested: capacity.get() })?;
        let capacity = capacity.get() as usize;
        Ok(Engine {
            context,
            table: Table::new(capacity),
            iocbs: iter::repeat_with(UnsafeCell::default).take(capacity).collect(),
            outgoing: Outgoing::new(capacity),
            events: iter::repeat_n(io_event::default(), capacity).collect(),
            unread: 0..0,
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
        self.table.slots.len() - self.table.free.len()
    }

    pub(crate) fn free(&self) -> usize {
        self.table.free.len()
    }

    // --- requests -------------------------------------------------------------------------------------------------------

    /// Queues a transfer. `address` is where the kernel may read, or write if `opcode` is that of a read, for as long as
    /// `buf` stays in its slot.
    #[inline]
    pub(crate) fn transfer(
        &mut self,
        opcode: u16,
        fd: BorrowedFd<'_>,
        buf: B,
        (offset, flags): (u64, RwFlags),
        address: impl FnOnce(&mut B) -> (*mut u8, usize),
    ) -> Result<Token, Full<B>> {
        let Some(index) = self.table.vacant() else { return Err(Full(buf)) };
        // In its place first: to move some owners is to claim what they own. Taken afterwards: `address` may panic.
        let slot = &mut self.table.slots[index as usize];
        slot.bufs.clear();
        let (start, len) = address(slot.buf.insert(buf));
        self.table.take();
        let request = iocb {
            aio_lio_opcode: opcode,
            aio_buf: start.expose_provenance() as u64,
            aio_nbytes: len as u64,
            ..iocb::default()
        };
        Ok(self.at_offset(index, request.with_rw_flags(flags), fd, offset))
    }

    /// The same with several buffers.
    pub(crate) fn vectored(
        &mut self,
        opcode: u16,
        fd: BorrowedFd<'_>,
        bufs: Vec<B>,
        (offset, flags): (u64, RwFlags),
        mut address: impl FnMut(&mut B) -> (*mut u8, usize),
    ) -> Result<Token, Full<Vec<B>>> {
        let Some(index) = self.table.vacant() else { return Err(Full(bufs)) };
        let count = bufs.len();
        if self.outgoing.iovecs.len() + count > UIO_MAXIOV {
            // The kernel copies the elements in that call, and then there is room for others.
            self.flush();
        }
        let slot = &mut self.table.slots[index as usize];
        (slot.buf, slot.bufs) = (None, bufs);
        if count > UIO_MAXIOV {
            self.table.take();
            return Ok(self.refuse(index, Errno::EINVAL));
        }
        let first = self.outgoing.iovecs.len();
        for buf in &mut slot.bufs {
            let (start, len) = address(buf);
            self.outgoing.iovecs.push(Iovec { base: start.expose_provenance(), len });
        }
        self.table.take();
        let request = iocb {
            aio_lio_opcode: opcode,
            // It has all of its capacity since `new`, so what is in it stays where it is.
            aio_buf: self.outgoing.iovecs[first..].as_ptr().expose_provenance() as u64,
            aio_nbytes: count as u64,
            ..iocb::default()
        };
        Ok(self.at_offset(index, request.with_rw_flags(flags), fd, offset))
    }

    /// Queues a sync.
    pub(crate) fn sync(&mut self, opcode: u16, fd: BorrowedFd<'_>) -> Result<Token, Full<()>> {
        let index = self.table.take().ok_or(Full(()))?;
        Ok(self.queue(index, iocb { aio_lio_opcode: opcode, ..iocb::default() }, fd))
    }

    /// Queues a poll.
    #[inline]
    pub(crate) fn poll(&mut self, fd: BorrowedFd<'_>, events: PollEvents) -> Result<PollToken, Full<()>> {
        let index = self.table.take().ok_or(Full(()))?;
        let request = iocb { aio_lio_opcode: IOCB_CMD_POLL, aio_buf: events.bits().into(), ..iocb::default() };
        Ok(PollToken(self.queue(index, request, fd)))
    }

    #[inline]
    fn at_offset(&mut self, index: u32, mut request: iocb, fd: BorrowedFd<'_>, offset: u64) -> Token {
        match offset.try_into() {
            Ok(offset) => {
                request.aio_offset = offset;
                self.queue(index, request, fd)
            }
            // What the kernel says of the negative offset that this would be there.
            Err(_) => self.refuse(index, Errno::EINVAL),
        }
    }

    #[inline]
    fn queue(&mut self, index: u32, mut request: iocb, fd: BorrowedFd<'_>) -> Token {
        let token = self.table.token(index);
        request.aio_data = token.0;
        request.aio_fildes = fd.as_raw_fd() as u32;
        if let Some(eventfd) = &self.eventfd {
            request.aio_flags |= IOCB_FLAG_RESFD;
            request.aio_resfd = eventfd.as_raw_fd() as u32;
        }
        let place = self.iocbs[index as usize].get();
        // SAFETY: the slot is this request's, and neither the kernel nor an `Outgoing` uses its iocb so far.
        unsafe { place.write(request) };
        self.outgoing.slots.push(index);
        self.outgoing.requests.push(place);
        token
    }

    fn refuse(&mut self, index: u32, errno: Errno) -> Token {
        self.table.refused.push_back((index, errno));
        self.table.token(index)
    }

    /// Submits what is queued. The descriptors that were queued must still be open: whoever queues them sees to that.
    #[inline]
    pub(crate) fn flush(&mut self) {
        self.table.in_flight += self.outgoing.slots.len();
        // SAFETY: the context is this one's, which is borrowed.
        unsafe { self.outgoing.submit(self.context.submitter()) };
        self.table.settle(&mut self.outgoing);
        if mem::take(&mut self.outgoing.context_is_gone) {
            self.context.without_ring();
        }
    }

    /// What is queued, and what submits it. To be given back to `settle`, at the latest before the engine is dropped.
    #[cfg(feature = "tokio")]
    pub(crate) fn depart(&mut self, spare: Outgoing) -> (Outgoing, Submitter) {
        self.table.in_flight += self.outgoing.slots.len();
        (mem::replace(&mut self.outgoing, spare), self.context.submitter())
    }

    /// Takes note of what was refused.
    #[cfg(feature = "tokio")]
    pub(crate) fn settle(&mut self, outgoing: &mut Outgoing) {
        self.table.settle(outgoing);
        if mem::take(&mut outgoing.context_is_gone) {
            self.context.without_ring();
        }
    }

    /// Whether the request has not ended.
    #[cfg(feature = "tokio")]
    pub(crate) fn has(&self, token: Token) -> bool {
        self.table.find(token).is_some()
    }

    pub(crate) fn cancel(&mut self, poll: PollToken) -> Result<bool, Errno> {
        let Some(index) = self.table.find(poll.into()) else { return Ok(false) };
        if !self.context.is_ours() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: io_cancel takes no events.
        let id = unsafe { self.context.id() };
        let (request, mut event) = (self.iocbs[index as usize].get(), io_event::default());
        // SAFETY: the kernel reads the request's key, compares its address, and may write to the event; a poll has no buffer.
        let cancelled = Errno::decode(unsafe { raw::io_cancel(id.as_raw(), request, &mut event) });
        match cancelled {
            Ok(_) | Err(Errno::EINPROGRESS) => Ok(true),
            Err(Errno::EINVAL) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    // --- completions ------------------------------------------------------------------------------------------------------

    pub(crate) fn pending(&self) -> usize {
        self.table.refused.len() + self.unread.len() + self.context.pending().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn reap(&mut self, mut visit: impl FnMut(Completion<B>)) -> usize {
        let mut count = 0;
        let mut visit = |completion| {
            count += 1;
            visit(completion);
        };
        while let Some(completion) = self.table.refused() {
            visit(completion);
        }
        self.hand_out(&mut visit);
        let table = &mut self.table;
        let read = self.context.reap(|event| table.completed(event).into_iter().for_each(&mut visit));
        if read.is_none() && self.table.in_flight > 0 {
            // There are no more events than there is room for. An error will be told to who waits.
            if let Ok(events) = self.context.getevents(0, &mut self.events, Some(std::time::Duration::ZERO)) {
                self.unread = 0..events;
                self.hand_out(&mut visit);
            }
        }
        count
    }

    pub(crate) fn wait(
        &mut self,
        min: usize,
        timeout: Option<std::time::Duration>,
        mut visit: impl FnMut(Completion<B>),
    ) -> Result<usize, Errno> {
        let mut count = self.reap(&mut visit);
        let more = min.saturating_sub(count).min(self.table.in_flight);
        if more == 0 {
            return Ok(count);
        }
        match self.context.getevents(more, &mut self.events, timeout) {
            Ok(events) => {
                self.unread = 0..events;
                self.hand_out(|completion| {
                    count += 1;
                    visit(completion);
                });
                Ok(count)
            }
            Err(_) if count > 0 => Ok(count),
            Err(errno) => Err(errno),
        }
    }

    /// The events that a call has brought. If `visit` panics, the others wait for the next time.
    fn hand_out(&mut self, mut visit: impl FnMut(Completion<B>)) {
        for at in self.unread.by_ref() {
            self.table.completed(self.events[at]).into_iter().for_each(&mut visit);
        }
    }

    // --- the end ----------------------------------------------------------------------------------------------------------

    /// Waits for the kernel. If that fails with requests in flight, their buffers are leaked.
    pub(crate) fn close(mut self) -> Result<(), Errno> {
        let closed = self.context.destroy();
        match closed {
            Ok(()) => self.table.in_flight = 0,
            // The child's copies are its own.
            Err(_) if !self.context.is_ours() => {}
            Err(_) if self.table.in_flight > 0 => mem::forget(self),
            Err(_) => {}
        }
        closed
    }
}

impl<B> Drop for Engine<B> {
    fn drop(&mut self) {
        if self.table.in_flight == 0 || !self.context.is_ours() {
            // Nobody uses the buffers: those in a child are copies.
            return;
        }
        if let Err(errno) = self.context.destroy() {
            // Nothing was waited for, and the buffers, which the kernel may be writing to, would be freed or given back.
            let _ = writeln!(
                std::io::stderr(),
                "aio-sys: io_destroy fails ({errno}) with requests in flight, whose buffers cannot be freed safely: aborting"
            );
            process::abort();
        }
    }
}

fn eventfd() -> Result<OwnedFd, Errno> {
    // EFD_NONBLOCK and EFD_CLOEXEC are these (include/uapi/linux/eventfd.h).
    // SAFETY: it makes a descriptor and touches no memory.
    let fd = Errno::decode(unsafe { raw::eventfd2(0, O_NONBLOCK | O_CLOEXEC) })?;
    // SAFETY: new, and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
