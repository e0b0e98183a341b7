//! The slots: a request's iocb and its buffers, from submission to completion.

use crate::queue::request::{Completion, Token};
use crate::sys::errno::Errno;
use crate::sys::types::*;
use std::boxed::Box;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::slice;
use std::vec::Vec;

/// The slots. A request that is taken in is written where the kernel reads it, and queued by
/// counting it: nothing is copied or looked up between there and io_submit(2). The slot that came
/// back last is the next to be taken, since it is in the cache.
pub(super) struct Table<B> {
    /// They stay where they are, and are accessed by raw pointers alone, so that those in `order`
    /// remain valid.
    pub(super) slots: Vec<Slot<B>>,
    /// Each slot's place is here once. The `queued` ones before `taken` have the requests that go
    /// out with the next `flush`, in order; those from `taken` on are free; what is before is
    /// as much as is in flight, in no order.
    pub(super) order: Box<[*mut Slot<B>]>,
    pub(super) taken: usize,
    pub(super) queued: usize,
}

/// The pointer to a slot is one to its iocb.
#[repr(C)]
pub(super) struct Slot<B> {
    /// The kernel finds a poll by the address. `aio_data` is the token of the request that has the
    /// slot; in between, it is the last one's and `FREE`, which no token is. The flags and the
    /// eventfd stay as they are.
    request: iocb,
    /// What is transferred.
    pub(super) buf: Option<B>,
    pub(super) bufs: Vec<B>,
}

/// A token is a slot's number, and above it how often that slot was taken: an event that is not
/// expected fits no request.
const ONCE_MORE: u64 = 1 << 32;
/// In place of a number: larger than that of any slot.
const FREE: u64 = 1 << 31;

impl<B> Table<B> {
    /// Slots whose requests are signalled by `eventfd`.
    pub(super) fn new(capacity: usize, eventfd: Option<BorrowedFd<'_>>) -> Table<B> {
        let slot = |number| {
            let aio_flags = eventfd.map_or(0, |_| IOCB_FLAG_RESFD);
            let aio_resfd = eventfd.map_or(0, |eventfd| eventfd.as_raw_fd() as u32);
            let request = iocb { aio_data: number | FREE, aio_flags, aio_resfd, ..iocb::default() };
            Slot { request, buf: None, bufs: Vec::new() }
        };
        assert!(capacity as u64 <= FREE, "no context is that large");
        let mut slots: Vec<_> = (0..capacity as u64).map(slot).collect();
        let first = slots.as_mut_ptr();
        Table {
            order: (0..capacity).map(|number| first.wrapping_add(number)).collect(),
            slots,
            taken: 0,
            queued: 0,
        }
    }

    /// The slot that is taken next, and the token that its request will have.
    #[inline]
    pub(super) fn vacant(&self) -> Option<(Token, *mut Slot<B>)> {
        let &slot = self.order.get(self.taken)?;
        // SAFETY: one of `slots`. It is free, so the kernel does not write to it.
        let last = unsafe { (*slot).request.aio_data };
        Some((Token((last ^ FREE).wrapping_add(ONCE_MORE)), slot))
    }

    /// Takes the slot that `vacant` told of, and queues its request: `wanted`, and what the slot
    /// adds.
    #[inline]
    pub(super) fn queue(&mut self, token: Token, wanted: iocb, fd: BorrowedFd<'_>) -> Token {
        // SAFETY: one of `slots`. It is free, so the kernel does not write to it, and nobody else
        // refers to it.
        let request = unsafe { &mut (*self.order[self.taken]).request };
        *request = iocb {
            aio_data: token.0,
            aio_fildes: fd.as_raw_fd() as u32,
            aio_flags: request.aio_flags,
            aio_resfd: request.aio_resfd,
            ..wanted
        };
        self.taken += 1;
        self.queued += 1;
        token
    }

    /// The requests that are queued, which they are no more.
    #[inline]
    pub(super) fn queued(&mut self) -> &[*mut iocb] {
        let first = self.taken - mem::take(&mut self.queued);
        let slots = &self.order[first..self.taken];
        // SAFETY: a slot begins with its iocb, so that the pointer to the one is one to the other.
        unsafe { slice::from_raw_parts(slots.as_ptr().cast(), slots.len()) }
    }

    /// The slot of a request that has not ended.
    #[inline]
    pub(super) fn find(&mut self, token: Token) -> Option<*mut Slot<B>> {
        if token.index() >= self.slots.len() {
            return None;
        }
        // SAFETY: the index is less than the number of slots.
        let slot = unsafe { self.slots.as_mut_ptr().add(token.index()) };
        // SAFETY: one of the slots. The kernel may read the iocb, too.
        (unsafe { (*slot).request.aio_data } == token.0).then_some(slot)
    }

    /// The end of the request whose slot that is.
    ///
    /// # Safety
    ///
    /// `find` has found the slot, and the kernel has let go of the request.
    #[inline]
    pub(super) unsafe fn end(
        &mut self,
        slot: *mut Slot<B>,
        result: Result<usize, Errno>,
    ) -> Completion<B> {
        debug_assert_eq!(self.queued, 0, "a batch ends by submitting what is queued");
        self.taken -= 1;
        self.order[self.taken] = slot;
        // SAFETY: one of `slots`, to which nobody else refers now.
        let Slot { request, buf, bufs } = unsafe { &mut *slot };
        let token = Token(request.aio_data);
        request.aio_data |= FREE;
        let mut completion = Completion { token, result, buf: None, bufs: Vec::new() };
        mem::swap(&mut completion.buf, buf);
        mem::swap(&mut completion.bufs, bufs);
        completion
    }
}

/// What a slot holds, unless it panics when it is asked for its address: then it is dropped.
pub(super) struct Asked<'s, T: Default>(pub(super) &'s mut T);

impl<T: Default> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        *self.0 = T::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::buf::{AlignedBuf, IoBufMut};

    /// A slot is reached by its token, by the table's order and by the kernel's pointer to its
    /// iocb, and its buffer by its address, each while the others are to remain valid: what
    /// Miri looks at.
    #[test]
    fn slots_and_buffers_by_every_pointer() {
        let mut table = Table::<AlignedBuf>::new(3, None);
        // SAFETY: nothing is asked of the descriptor.
        let fd = unsafe { BorrowedFd::borrow_raw(0) };
        for round in 0..3 {
            let mut taken = Vec::new();
            while let Some((token, slot)) = table.vacant() {
                // SAFETY: a free slot, to which nobody else refers.
                let buf = unsafe { (*slot).buf.insert(AlignedBuf::new(512, 512).unwrap()) };
                let address = buf.byte_mut_ptr().expose_provenance();
                taken.push((
                    table.queue(token, iocb { aio_buf: address as u64, ..iocb::default() }, fd),
                    address,
                ));
            }
            assert_eq!(taken.len(), 3);
            let requests = table.queued().to_vec();
            for (request, &(token, address)) in requests.iter().zip(&taken) {
                // SAFETY: a slot's iocb; nobody writes to it.
                let found = unsafe { ((**request).aio_data, (**request).aio_buf) };
                assert_eq!(found, (token.0, address as u64));
                // SAFETY: what the kernel does with a request's buffer, which is in its slot.
                unsafe { core::ptr::with_exposed_provenance_mut::<u8>(address).write(7) };
            }
            taken.rotate_left(round);
            for (token, _) in taken {
                let slot = table.find(token).unwrap();
                // SAFETY: `find` has found the slot, and the kernel never got its request.
                let done = unsafe { table.end(slot, Ok(512)) };
                assert!(done.token == token && done.buf.unwrap()[..2] == [7, 0]);
                assert!(table.find(token).is_none());
            }
        }
    }
}
