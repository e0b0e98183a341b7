//! How a ring is read. It needs nothing but `core` and a [`Memory`], so that a model checker and an interpreter run these
//! very lines against memory of their own.
//!
//! The other side is `aio_complete` in `fs/aio.c`: it writes the event, then a write barrier, then `tail`. The load of
//! `tail` with acquire is the other half of that barrier: what was written before `tail` is seen after it. The store of
//! `head` with release keeps the copies of events before it: the kernel, which writes where `head` says that nothing is
//! read any more, cannot overtake them.

/// The ring, as much of it as its reader needs.
pub trait Memory {
    /// What the ring is made of.
    type Event;
    /// Places in the ring; one is never used.
    fn nr(&self) -> u32;
    /// Where to read next. Relaxed: nobody else writes it.
    fn head(&self) -> u32;
    /// Where the kernel writes next; acquire.
    fn tail(&self) -> u32;
    /// A copy of an event that is ready.
    fn event(&self, index: u32) -> Self::Event;
    /// Gives what is before `head` back to the kernel; release.
    fn set_head(&self, head: u32);
}

/// The events that are ready: from `head` on, round the end of the ring, up to `tail`.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    head: u32,
    tail: u32,
    nr: u32,
}

impl Ready {
    /// What is ready now; `None` if an index lies outside of the ring, which then is not to be read.
    #[inline]
    pub fn of(memory: &impl Memory) -> Option<Ready> {
        let (head, tail, nr) = (memory.head(), memory.tail(), memory.nr());
        (head < nr && tail < nr).then_some(Ready { head, tail, nr })
    }

    /// How many.
    #[inline]
    pub fn len(self) -> u32 {
        if self.tail >= self.head { self.tail - self.head } else { self.nr - self.head + self.tail }
    }

    /// The index of the first, and how many follow one another in memory.
    #[inline]
    pub fn run(self) -> (u32, u32) {
        let end = if self.tail >= self.head { self.tail } else { self.nr };
        (self.head, end - self.head)
    }

    /// `head` when `count` of them were read.
    #[inline]
    pub fn after(self, count: u32) -> u32 {
        let to_the_end = self.nr - self.head;
        if count < to_the_end { self.head + count } else { count - to_the_end }
    }
}

/// Reads up to `max` events, and returns how many; `None` as of [`Ready::of`].
///
/// If `visit` panics, the events that it has been given are read, the one that it panicked on among them.
#[inline]
pub fn reap<M: Memory>(memory: &M, max: usize, mut visit: impl FnMut(M::Event)) -> Option<usize> {
    struct Reading<'m, M: Memory> {
        memory: &'m M,
        ready: Ready,
        read: u32,
    }
    impl<M: Memory> Drop for Reading<'_, M> {
        #[inline]
        fn drop(&mut self) {
            if self.read > 0 {
                self.memory.set_head(self.ready.after(self.read));
            }
        }
    }

    let ready = Ready::of(memory)?;
    let count = ready.len().min(u32::try_from(max).unwrap_or(u32::MAX));
    let mut reading = Reading { memory, ready, read: 0 };
    while reading.read < count {
        let event = memory.event(ready.after(reading.read));
        reading.read += 1;
        visit(event);
    }
    Some(count as usize)
}
