//! The slots: a request's iocb and its buffers, from submission to completion.

use crate::queue::engine::Request;
use crate::queue::op::KeptOpen;
use crate::queue::request::{Completion, Token};
use crate::sys::errno::Errno;
use crate::sys::types::*;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec::Vec;

/// The slots of a queue. A request is written where the kernel reads it; only its address is passed
/// to io_submit(2).
pub(super) struct Table<B> {
    /// Never reallocated, and accessed by raw pointers only, so that the pointers in `free` and
    /// `outbox` remain valid.
    pub(super) slots: Vec<Slot<B>>,
    /// The free slots. The one that was freed last is used first: it is in the processor's cache.
    free: Vec<*mut Slot<B>>,
    /// The requests that the next flush submits, in order.
    pub(super) outbox: Vec<*mut iocb>,
}

/// A pointer to a slot is also a pointer to its iocb, the first field.
#[repr(C)]
pub(super) struct Slot<B> {
    /// The kernel finds a poll by this address. `aio_data` is the token of the request that has the
    /// slot. In a free slot it is the last token with the bit `FREE`, which matches no token. The
    /// eventfd never changes.
    request: iocb,
    /// The buffer of a read or a write.
    pub(super) buf: Option<B>,
    user_data: u64,
    /// The buffers of a vectored read or write.
    pub(super) bufs: Vec<B>,
    /// Called when bytes were read into the buffer's spare capacity.
    pub(super) filled: Option<fn(&mut B, usize)>,
    /// Keeps the descriptor open.
    file: Option<KeptOpen>,
}

/// A token is a slot's number, and in the upper half its generation: how often the slot was used.
/// So an unexpected event matches no request.
const GENERATION: u64 = 1 << 32;
/// Marks a free slot: a bit that no slot's number has.
const FREE: u64 = 1 << 31;

/// A free slot, and the token of the next request that uses it.
pub struct Vacant<B> {
    pub(super) token: Token,
    pub(super) slot: *mut Slot<B>,
}

impl<B> Clone for Vacant<B> {
    fn clone(&self) -> Vacant<B> {
        *self
    }
}

impl<B> Copy for Vacant<B> {}

impl<B> Table<B> {
    /// Free slots, whose requests will signal `eventfd`.
    pub(super) fn new(capacity: usize, eventfd: Option<BorrowedFd<'_>>) -> Table<B> {
        // Generations of different queues start far apart, so that a token of one queue matches no
        // request of another.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let generation = u64::from(NEXT.fetch_add(0x9e37_79b9, Ordering::Relaxed)) * GENERATION;
        let slot = |number| {
            let aio_flags = eventfd.map_or(0, |_| IOCB_FLAG_RESFD);
            let aio_resfd = eventfd.map_or(0, |eventfd| eventfd.as_raw_fd() as u32);
            let request = iocb {
                aio_data: generation | number | FREE,
                aio_flags,
                aio_resfd,
                ..iocb::default()
            };
            Slot { request, buf: None, user_data: 0, bufs: Vec::new(), filled: None, file: None }
        };
        assert!(capacity as u64 <= FREE, "no context is that large");
        let mut slots: Vec<_> = (0..capacity as u64).map(slot).collect();
        let first = slots.as_mut_ptr();
        Table {
            free: (0..capacity).rev().map(|number| first.wrapping_add(number)).collect(),
            outbox: Vec::with_capacity(capacity),
            slots,
        }
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// The number of slots in use.
    #[inline]
    pub(super) fn in_use(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The slot that is used next.
    #[inline]
    pub(super) fn vacant(&self) -> Option<Vacant<B>> {
        let &slot = self.free.last()?;
        // SAFETY: the pointers in `free` are to elements of `slots`. The slot is free, so the
        // kernel does not write to it.
        let last = unsafe { (*slot).request.aio_data };
        Some(Vacant { token: Token((last ^ FREE).wrapping_add(GENERATION)), slot })
    }

    /// Uses the slot that `vacant` has just returned for `request`.
    #[inline]
    pub(super) fn occupy(&mut self, vacant: Vacant<B>, request: Request) -> Token {
        let popped = self.free.pop();
        debug_assert_eq!(popped, Some(vacant.slot));
        // SAFETY: `vacant` points to an element of `slots`. It is free, so the kernel does not
        // write to it, and `&mut self` excludes other references.
        let slot = unsafe { &mut *vacant.slot };
        slot.user_data = request.user_data;
        slot.file = request.file;
        slot.request = iocb {
            aio_data: vacant.token.0,
            aio_flags: slot.request.aio_flags & IOCB_FLAG_RESFD | request.iocb.aio_flags,
            aio_resfd: slot.request.aio_resfd,
            ..request.iocb
        };
        vacant.token
    }

    /// Adds the request in a slot to the outbox.
    #[inline]
    pub(super) fn enqueue(&mut self, slot: *mut Slot<B>) {
        // A slot begins with its iocb, so this is a pointer to the iocb.
        self.outbox.push(slot.cast());
    }

    /// The slot of a request that has not completed.
    #[inline]
    pub(super) fn find(&mut self, token: Token) -> Option<*mut Slot<B>> {
        if token.index() >= self.slots.len() {
            return None;
        }
        // SAFETY: the index is less than the number of slots.
        let slot = unsafe { self.slots.as_mut_ptr().add(token.index()) };
        // SAFETY: `slot` points to an element of `slots`. The kernel may read the iocb meanwhile,
        // but does not write `aio_data`.
        (unsafe { (*slot).request.aio_data } == token.0).then_some(slot)
    }

    /// The slots of polls that have not completed.
    pub(super) fn polls(&mut self) -> impl Iterator<Item = *mut Slot<B>> + use<B> {
        let first = self.slots.as_mut_ptr();
        let slots = (0..self.slots.len()).map(move |number| first.wrapping_add(number));
        slots.filter(|&slot| {
            // SAFETY: `slot` points to an element of `slots`. The kernel may read the iocb
            // meanwhile, but does not write these fields.
            let (data, opcode) =
                unsafe { ((*slot).request.aio_data, (*slot).request.aio_lio_opcode) };
            data & FREE == 0 && opcode == IOCB_CMD_POLL
        })
    }

    /// Frees the slot, and returns the completion of its request, with the result of the event.
    ///
    /// # Safety
    ///
    /// `find` returned the slot, and the kernel does not use the request any more. If the request
    /// is a read and `res` is not an error, the kernel has written `res` bytes to the buffer.
    #[inline]
    pub(super) unsafe fn complete(&mut self, slot: *mut Slot<B>, res: i64) -> Completion<B> {
        self.free.push(slot);
        // SAFETY: the caller guarantees that `slot` points to an element of `slots` that the kernel
        // does not use any more, and `&mut self` excludes other references.
        let slot = unsafe { &mut *slot };
        let (token, user_data) = (Token(slot.request.aio_data), slot.user_data);
        slot.request.aio_data |= FREE;
        let result = Errno::decode(res as isize);
        if let Some(filled) = slot.filled.take() {
            slot.fill(filled, result);
        }
        let (buf, bufs, file) = (slot.buf.take(), mem::take(&mut slot.bufs), slot.file.take());
        Completion { token, user_data, result, buf, bufs, file }
    }
}

impl<B> Slot<B> {
    #[cold]
    fn fill(&mut self, filled: fn(&mut B, usize), result: Result<usize, Errno>) {
        if let (Some(buf), Ok(count)) = (&mut self.buf, result) {
            filled(buf, count);
        }
    }
}

/// Clears a field of a slot if a buffer panics while its address is requested; forgotten otherwise.
pub(super) struct ClearOnPanic<'s, T: Default>(pub(super) &'s mut T);

impl<T: Default> Drop for ClearOnPanic<'_, T> {
    fn drop(&mut self) {
        *self.0 = T::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::buf::{AlignedBuf, IoBufMut};

    /// A slot is accessed through its token, through the list of free slots, and through the
    /// kernel's pointer to its iocb; its buffer is accessed through its address. Miri checks that
    /// each pointer remains valid.
    #[test]
    fn slots_and_buffers_by_every_pointer() {
        let mut table = Table::<AlignedBuf>::new(3, None);
        for round in 0..3 {
            let mut in_use = Vec::new();
            while let Some(vacant) = table.vacant() {
                // SAFETY: `vacant` is a free slot of `table`, and nobody else refers to it.
                let buf = unsafe { (*vacant.slot).buf.insert(AlignedBuf::new(512, 512).unwrap()) };
                let address = buf.byte_mut_ptr().expose_provenance();
                let iocb = iocb { aio_buf: address as u64, ..iocb::default() };
                let token = table.occupy(vacant, Request { iocb, user_data: 7, file: None });
                table.enqueue(vacant.slot);
                in_use.push((token, address));
            }
            assert_eq!((in_use.len(), table.in_use()), (3, 3));
            let requests = mem::take(&mut table.outbox);
            for (request, &(token, address)) in requests.iter().zip(&in_use) {
                // SAFETY: `request` points to the iocb in a slot, which nobody writes to.
                let found = unsafe { ((**request).aio_data, (**request).aio_buf) };
                assert_eq!(found, (token.0, address as u64));
                // SAFETY: the buffer is in its slot, and nobody refers to its bytes: the kernel
                // writes to them in the same way.
                unsafe { core::ptr::with_exposed_provenance_mut::<u8>(address).write(7) };
            }
            in_use.rotate_left(round);
            for (token, _) in in_use {
                let slot = table.find(token).unwrap();
                // SAFETY: `find` returned the slot, and its request was never submitted.
                let done = unsafe { table.complete(slot, 512) };
                assert!(done.token == token && done.buf.unwrap()[..2] == [7, 0]);
                assert_eq!(done.user_data, 7);
                assert!(table.find(token).is_none());
            }
        }
    }
}
