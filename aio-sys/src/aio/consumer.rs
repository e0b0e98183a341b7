//! How a ring is read. It needs nothing but `core` and a [`Memory`], so that a model checker and an
//! interpreter run these very lines against memory of their own.
//!
//! The other side is `aio_complete` in `fs/aio.c`: it writes the event, then a write barrier, then
//! `tail`. The load of `tail` with acquire is the other half of that barrier: what was written
//! before `tail` is seen after it. The store of `head` with release keeps the copies of events
//! before it: the kernel, which writes where `head` says that nothing is read any more, cannot
//! overtake them.

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
    /// The same if the head is still `from`, and whether it was; release.
    fn move_head(&self, from: u32, to: u32) -> bool;
    /// Whether it is the caller's to read and write, which may end at any time: a forked child has
    /// another's.
    fn is_ours(&self) -> bool;
}

/// The events that are ready: from `head` on, round the end of the ring, up to `tail`.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    head: u32,
    tail: u32,
    nr: u32,
}

impl Ready {
    /// What is ready now; `None` if the ring is not ours, or an index lies outside of it: then it
    /// is not to be read.
    #[inline]
    pub fn of(memory: &impl Memory) -> Option<Ready> {
        if !memory.is_ours() {
            return None;
        }
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

    /// Where the one is that comes after `count` others.
    #[inline]
    pub fn index(self, count: u32) -> u32 {
        let to_the_end = self.nr - self.head;
        if count < to_the_end { self.head + count } else { count - to_the_end }
    }

    /// Gives the first `count` of them back to the kernel, if the ring is still ours.
    #[inline]
    pub fn commit(self, memory: &impl Memory, count: u32) {
        if memory.is_ours() {
            memory.set_head(self.index(count));
        }
    }

    /// The same if no other reader has moved the head meanwhile, and whether it did.
    #[inline]
    pub fn try_commit(self, memory: &impl Memory, count: u32) -> bool {
        memory.is_ours() && memory.move_head(self.head, self.index(count))
    }
}

/// Events on their way out of the ring: an iterator. Those that it has given are read when it is
/// dropped, also by a panic. In a child that was forked meanwhile it ends, and gives nothing back.
#[derive(Debug)]
pub struct Reading<'m, M: Memory> {
    memory: &'m M,
    first: u32,
    next: u32,
    /// Where those end that lie next to one another, and how many come after the end of the ring.
    end: u32,
    rest: u32,
}

impl<'m, M: Memory> Reading<'m, M> {
    /// Up to `max` of what is ready; `None` as of [`Ready::of`].
    #[inline]
    pub fn new(memory: &'m M, max: usize) -> Option<Reading<'m, M>> {
        let ready = Ready::of(memory)?;
        let count = ready.len().min(u32::try_from(max).unwrap_or(u32::MAX));
        let (first, run) = ready.run();
        let run = run.min(count);
        Some(Reading { memory, first, next: first, end: first + run, rest: count - run })
    }
}

impl<M: Memory> Iterator for Reading<'_, M> {
    type Item = M::Event;

    #[inline]
    fn next(&mut self) -> Option<M::Event> {
        if !self.memory.is_ours() {
            return None;
        }
        if self.next == self.end {
            if self.rest == 0 {
                return None;
            }
            (self.next, self.end, self.rest) = (0, self.rest, 0);
        }
        let event = self.memory.event(self.next);
        self.next += 1;
        Some(event)
    }
}

impl<M: Memory> Drop for Reading<'_, M> {
    #[inline]
    fn drop(&mut self) {
        // The ring is never read once round, since one of its places is not used.
        if self.next != self.first && self.memory.is_ours() {
            self.memory.set_head(if self.next == self.memory.nr() { 0 } else { self.next });
        }
    }
}
