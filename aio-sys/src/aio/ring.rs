//! The completion ring, read in user space.
//!
//! The kernel maps the ring of a context into the process, at the address that is the context's id,
//! and writes each event there when its request completes (`aio_complete` in `fs/aio.c`).
//! io_getevents(2) waits for events and copies them out of the same memory. A reader that does not
//! have to wait does not need the system call.

use crate::aio::consumer::{Memory, Reading, Ready};
use crate::aio::fork::Owner;
use crate::sys::calls::ContextId;
use crate::sys::types::{AIO_RING_INCOMPAT_FEATURES, AIO_RING_MAGIC, aio_ring, io_event};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};

/// The completion ring of a context: takes events without a system call.
///
/// A ring has one reader at a time, and io_getevents(2) is a reader, too.
/// [`Context`](crate::Context) owns its ring and ensures that. Use `Ring` for foreign contexts.
///
/// The methods return `None` in a forked child, and if an index in the ring is invalid because
/// other code has overwritten it. io_getevents(2) still works then, since the kernel takes the
/// indexes modulo the size of the ring. The layout of the ring is checked by [`new`](Ring::new).
#[derive(Debug)]
pub struct Ring {
    mapped: Mapped,
}

/// Why a ring cannot be read in user space; io_getevents(2) can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// The memory at the context's address is not a ring: its magic number is wrong.
    NotARing,
    /// The ring has features that this reader does not know (`incompat_features`).
    Incompatible,
    /// The header has another length than expected, or the size of the ring is invalid.
    Layout,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RingError::NotARing => "there is no completion ring at the context's address",
            RingError::Incompatible => {
                "the completion ring has features that this version does not support"
            }
            RingError::Layout => "the completion ring has an unknown layout",
        })
    }
}

impl core::error::Error for RingError {}

/// An error of the kind `Unsupported`, with the [`RingError`] as the inner error. It has no error
/// number, since no system call has failed.
#[cfg(feature = "std")]
impl From<RingError> for std::io::Error {
    fn from(error: RingError) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::Unsupported, error)
    }
}

impl Ring {
    /// The ring of a context that was created by [`io_setup`](crate::io_setup).
    ///
    /// # Errors
    ///
    /// See [`RingError`].
    ///
    /// # Safety
    ///
    /// The context exists for as long as the result does. While the result is used, nobody else
    /// takes events from the context, neither another `Ring` nor io_getevents(2).
    ///
    /// # Example: events without a system call
    ///
    /// ```
    /// use aio_sys::{ContextId, Ring, io_destroy, io_setup};
    ///
    /// let mut ctx = ContextId::NONE;
    /// io_setup(8, &mut ctx)?;
    /// // SAFETY: nobody else reads the ring, and it is not used after `io_destroy`.
    /// let mut ring = unsafe { Ring::new(ctx) }?;
    /// assert_eq!(ring.pending(), Some(0));
    /// assert_eq!(ring.reap(|event| println!("{event:?}")), Some(0));
    /// // SAFETY: the ring is not used any more.
    /// unsafe { io_destroy(ctx)? };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn new(ctx: ContextId) -> Result<Ring, RingError> {
        let header = ptr::with_exposed_provenance_mut(ctx.as_raw() as usize);
        // SAFETY: a context's id is the address of its ring, mapped readable and writable
        // (`aio_setup_ring` in fs/aio.c). It stays mapped as long as the context exists, and the
        // caller guarantees that the context outlives the ring.
        let mapped = unsafe {
            Mapped::new(NonNull::new(header).ok_or(RingError::NotARing)?, Owner::of(ctx))?
        };
        Ok(Ring { mapped })
    }

    /// The number of slots for events. One is never used, so that a full ring and an empty one
    /// differ.
    pub fn nr(&self) -> u32 {
        self.mapped.nr
    }

    /// Whether the ring belongs to this address space: `false` in a forked child. The ring is not
    /// accessed.
    #[inline]
    pub fn is_owned(&self) -> bool {
        self.mapped.is_ours()
    }

    /// The number of events that are ready. `None` if the ring cannot be read.
    #[inline]
    pub fn pending(&self) -> Option<usize> {
        Some(self.ready()?.len() as usize)
    }

    /// The events that are ready, the oldest first, without taking them. `None` if the ring cannot
    /// be read.
    #[inline]
    pub fn peek(&mut self) -> Option<Events<'_>> {
        Some(Events { ready: self.ready()?, ring: self })
    }

    /// Takes the events that are ready, calls `visit` with each, and returns how many. `None` if
    /// the ring cannot be read.
    ///
    /// If `visit` panics, the events that it was called with are taken, and the others stay.
    #[inline]
    pub fn reap(&mut self, mut visit: impl FnMut(io_event)) -> Option<usize> {
        let events = self.read(usize::MAX)?;
        let mut count = 0;
        for event in events {
            count += 1;
            visit(event);
        }
        Some(count)
    }

    /// An iterator that takes at most `max` events.
    #[inline]
    pub(crate) fn read(&mut self, max: usize) -> Option<Unread<'_>> {
        Reading::new(&self.mapped, max)
    }

    #[inline]
    fn ready(&self) -> Option<Ready> {
        Ready::of(&self.mapped)
    }
}

/// Events in the ring that are ready and not yet taken: the result of [`Ring::peek`].
///
/// They are returned as copies and not as a slice, since a forked child may share this memory with
/// its parent, or not have it at all. In a child that was forked meanwhile there are no events.
#[derive(Debug)]
pub struct Events<'r> {
    ready: Ready,
    ring: &'r Ring,
}

impl Events<'_> {
    /// How many there were when [`Ring::peek`] was called.
    #[inline]
    pub fn len(&self) -> usize {
        self.ready.len() as usize
    }

    /// Whether there were none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the event at `index`, from 0 for the oldest. `None` if there are not so many, and
    /// in a forked child.
    #[inline]
    pub fn get(&self, index: usize) -> Option<io_event> {
        let mapped = &self.ring.mapped;
        let exists = index < self.len() && mapped.is_ours();
        exists.then(|| mapped.event(self.ready.index(index as u32)))
    }

    /// Copies of all, the oldest first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = io_event> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// Takes the first `count` events: the kernel may overwrite them from now on. Those that are
    /// not committed are returned again by the next [`Ring::peek`]. In a child that was forked
    /// meanwhile nothing happens.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[inline]
    pub fn commit(self, count: usize) {
        let ready = self.len();
        assert!(count <= ready, "cannot commit {count} events: only {ready} are ready");
        self.ready.commit(&self.ring.mapped, count as u32);
    }

    /// Same as [`commit`](Events::commit), unless another reader has taken events since
    /// [`Ring::peek`]: then it takes nothing, and returns `false`. In a child that was forked
    /// meanwhile it returns `false`, too.
    ///
    /// This detects a reader that breaks the rule of one reader at a time, such as a signal handler
    /// that calls io_getevents(2). It does not make two readers safe: the kernel does not check
    /// whether the head has moved.
    #[inline]
    #[must_use = "the events may have been taken by another reader"]
    pub fn try_commit(self, count: usize) -> bool {
        count <= self.len() && self.ready.try_commit(&self.ring.mapped, count as u32)
    }
}

/// An iterator that takes events from a ring.
pub(crate) type Unread<'r> = Reading<'r, Mapped>;

/// A ring in memory, which the kernel has mapped or a test has created.
#[derive(Debug)]
pub(crate) struct Mapped {
    header: NonNull<aio_ring>,
    /// A copy of the header's `nr`, which was checked. The kernel never changes it, but other code
    /// may overwrite it.
    nr: u32,
    owner: Owner,
}

// SAFETY: the ring is memory of the process and does not belong to a thread.
unsafe impl Send for Mapped {}
// SAFETY: a shared `Ring` only loads the indexes, which are atomics. Events are read and `head` is
// stored through `&mut Ring` only, or through `Events`, which borrows the ring exclusively.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// # Safety
    ///
    /// `header` points to a header. If it is valid, `nr` events follow it. All of it can be read,
    /// and `head` written, as long as the result exists. Others write the indexes only as atomics,
    /// and events only in the kernel's order.
    unsafe fn new(header: NonNull<aio_ring>, owner: Owner) -> Result<Mapped, RingError> {
        let field = header.as_ptr();
        // SAFETY: the caller guarantees that a header is there. Nobody writes these four fields
        // after `io_setup`, so the reads do not race.
        let (magic, incompat, length, nr) = unsafe {
            (
                (*field).magic,
                (*field).incompat_features,
                (*field).header_length as usize,
                (*field).nr,
            )
        };
        match () {
            _ if magic != AIO_RING_MAGIC => Err(RingError::NotARing),
            _ if incompat != AIO_RING_INCOMPAT_FEATURES => Err(RingError::Incompatible),
            _ if length != size_of::<aio_ring>() || nr < 2 => Err(RingError::Layout),
            _ => Ok(Mapped { header, nr, owner }),
        }
    }

    #[inline]
    fn head_index(&self) -> &AtomicU32 {
        // SAFETY: `head` is a field of the header, which `Mapped::new` requires to stay readable
        // and writable; the kernel and other readers access it atomically.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.header.as_ptr()).head) }
    }

    #[inline]
    fn tail_index(&self) -> &AtomicU32 {
        // SAFETY: `tail` is a field of the header, which `Mapped::new` requires to stay readable;
        // the kernel writes it atomically.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.header.as_ptr()).tail) }
    }

    #[inline]
    fn events(&self) -> *const io_event {
        // SAFETY: the events follow the header directly: `Mapped::new` has checked that
        // `header_length` is the size of the header.
        unsafe { self.header.as_ptr().add(1).cast() }
    }
}

impl Memory for Mapped {
    type Event = io_event;

    #[inline]
    fn nr(&self) -> u32 {
        self.nr
    }

    #[inline]
    fn head(&self) -> u32 {
        self.head_index().load(Ordering::Relaxed)
    }

    #[inline]
    fn tail(&self) -> u32 {
        self.tail_index().load(Ordering::Acquire)
    }

    #[inline]
    fn event(&self, index: u32) -> io_event {
        debug_assert!(index < self.nr);
        // SAFETY: `index` is less than `nr`, since `Ready` returns no other index, so the event is
        // inside the ring. The kernel does not write to the slot before it sees a head beyond it.
        unsafe { self.events().add(index as usize).read() }
    }

    #[inline]
    fn set_head(&self, head: u32) {
        self.head_index().store(head, Ordering::Release);
    }

    #[inline]
    fn move_head(&self, from: u32, to: u32) -> bool {
        let moved =
            self.head_index().compare_exchange(from, to, Ordering::Release, Ordering::Relaxed);
        moved.is_ok()
    }

    #[inline]
    fn is_ours(&self) -> bool {
        self.owner.is_current()
    }
}

/// The tests use memory of their own, so that Miri can run them.
#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::boxed::Box;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::vec::Vec;

    const NR: usize = 5;

    #[repr(C)]
    struct Fake {
        header: aio_ring,
        events: [io_event; NR],
    }

    /// A ring of five slots. The data of each event is the index of its slot.
    struct TestRing {
        fake: *mut Fake,
        ring: Ring,
    }

    impl TestRing {
        fn new(head: u32, tail: u32) -> TestRing {
            let fake = Box::into_raw(fake(head, tail));
            // SAFETY: `fake` is a valid ring, and lives until the `TestRing` is dropped.
            let mapped =
                unsafe { Mapped::new(NonNull::new(fake).unwrap().cast(), current_owner()) }
                    .unwrap();
            TestRing { fake, ring: Ring { mapped } }
        }

        fn take(&mut self, max: usize) -> Option<Vec<u64>> {
            Some(self.ring.read(max)?.map(|event| event.data).collect())
        }

        fn head(&self) -> u32 {
            self.ring.mapped.head()
        }
    }

    impl Drop for TestRing {
        fn drop(&mut self) {
            // SAFETY: `fake` comes from `Box::into_raw`, and the ring that uses it is not used any
            // more.
            drop(unsafe { Box::from_raw(self.fake) });
        }
    }

    fn fake(head: u32, tail: u32) -> Box<Fake> {
        let header = aio_ring {
            id: 0,
            nr: NR as u32,
            head,
            tail,
            magic: AIO_RING_MAGIC,
            compat_features: 1,
            incompat_features: AIO_RING_INCOMPAT_FEATURES,
            header_length: size_of::<aio_ring>() as u32,
        };
        Box::new(Fake {
            header,
            events: core::array::from_fn(|i| io_event { data: i as u64, ..io_event::default() }),
        })
    }

    fn current_owner() -> Owner {
        Owner::of(ContextId::NONE)
    }

    fn error_of(change: impl FnOnce(&mut aio_ring)) -> RingError {
        let mut fake = fake(0, 0);
        change(&mut fake.header);
        // SAFETY: `fake` is a header that outlives the call, and no ring is created from it.
        unsafe { Mapped::new(NonNull::from(&mut *fake).cast(), current_owner()) }.unwrap_err()
    }

    #[test]
    fn unknown_layouts_are_refused() {
        assert_eq!(error_of(|ring| ring.magic ^= 1), RingError::NotARing);
        assert_eq!(error_of(|ring| ring.incompat_features = 1), RingError::Incompatible);
        assert_eq!(error_of(|ring| ring.header_length = 64), RingError::Layout);
        assert_eq!(error_of(|ring| ring.nr = 1), RingError::Layout);
    }

    /// Compares with simple arithmetic modulo the size of the ring.
    #[test]
    fn every_pair_of_indexes() {
        for head in 0..NR {
            for tail in 0..NR {
                let expected: Vec<u64> = (0..NR)
                    .map(|i| ((head + i) % NR) as u64)
                    .take_while(|&i| i != tail as u64)
                    .collect();
                for max in 0..=NR {
                    let mut test = TestRing::new(head as u32, tail as u32);
                    assert_eq!(test.ring.pending(), Some(expected.len()));
                    let taken = &expected[..max.min(expected.len())];
                    assert_eq!(
                        test.take(max).unwrap(),
                        taken,
                        "from {head} to {tail}, at most {max}"
                    );
                    assert_eq!(test.head() as usize, (head + taken.len()) % NR);
                }
                let mut test = TestRing::new(head as u32, tail as u32);
                let events = test.ring.peek().unwrap();
                let seen: Vec<u64> = events.iter().map(|event| event.data).collect();
                assert_eq!((events.len(), events.get(expected.len())), (seen.len(), None));
                events.commit(seen.len());
                assert_eq!(test.head() as usize, tail);
                assert_eq!(seen, expected, "peeked from {head} to {tail}");
            }
        }
    }

    #[test]
    fn invalid_indexes_are_not_used() {
        for (head, tail) in
            [(NR as u32, 0), (0, NR as u32), (u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)]
        {
            let mut test = TestRing::new(head, tail);
            assert_eq!(test.ring.pending(), None);
            assert!(test.ring.peek().is_none());
            assert_eq!(test.take(1), None);
            assert_eq!(test.head(), head, "left as it was");
        }
    }

    #[test]
    fn uncommitted_events_are_returned_again() {
        let mut test = TestRing::new(3, 2);
        assert_eq!(
            test.ring.peek().unwrap().iter().map(|event| event.data).collect::<Vec<_>>(),
            [3, 4, 0, 1]
        );
        test.ring.peek().unwrap().commit(1);
        test.ring.peek().unwrap().commit(0);
        assert_eq!(test.take(usize::MAX).unwrap(), [4, 0, 1]);
    }

    #[test]
    fn another_reader_is_detected() {
        let mut test = TestRing::new(3, 2);
        assert!(test.ring.peek().unwrap().try_commit(1));
        let events = test.ring.peek().unwrap();
        // SAFETY: `fake` lives as long as `test`, and `head` is accessed as an atomic only.
        unsafe { AtomicU32::from_ptr(&raw mut (*test.fake).header.head) }
            .store(0, Ordering::Relaxed);
        assert!(!events.try_commit(1));
        assert!(!test.ring.peek().unwrap().try_commit(3), "more than there are");
        assert_eq!(test.take(usize::MAX).unwrap(), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "cannot commit 5 events: only 4 are ready")]
    fn commit_of_too_many_panics() {
        TestRing::new(3, 2).ring.peek().unwrap().commit(5);
    }

    #[test]
    fn a_panic_takes_the_visited_events() {
        let mut test = TestRing::new(3, 2);
        let mut visited = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            test.ring.reap(|_| {
                visited += 1;
                assert!(visited < 3);
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(test.take(usize::MAX).unwrap(), [1]);
    }
}
