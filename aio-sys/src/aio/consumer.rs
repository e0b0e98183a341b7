//! Reads a ring. It needs only `core` and a [`Memory`], so that loom and Miri can run the same
//! lines on memory of their own.
//!
//! The other side is `aio_complete` in `fs/aio.c`: it writes the event, executes a write barrier,
//! and stores `tail`. The acquire load of `tail` pairs with that barrier: events that were written
//! before `tail` was stored are visible after the load. The release store of `head` orders the
//! copies of events before it: the kernel reuses a slot only when it has seen a `head` beyond it.

/// The operations on the ring's memory that a reader needs.
pub trait Memory {
    /// The type of an event.
    type Event;
    /// The number of slots; one is never used.
    fn nr(&self) -> u32;
    /// Loads the index of the slot to read next. Relaxed: nobody else writes it.
    fn head(&self) -> u32;
    /// Loads the index of the slot that the kernel writes next. Acquire.
    fn tail(&self) -> u32;
    /// Copies an event that is ready.
    fn event(&self, index: u32) -> Self::Event;
    /// Stores `head`, which returns the slots before it to the kernel. Release.
    fn set_head(&self, head: u32);
    /// Stores `to` if the head is still `from`, and returns whether it was. Release.
    fn move_head(&self, from: u32, to: u32) -> bool;
    /// Whether the caller may read and write the ring. Checked at each access, since a forked child
    /// may not.
    fn is_ours(&self) -> bool;
}

/// The events that are ready: from `head` up to `tail`, wrapping at the end of the ring.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    head: u32,
    tail: u32,
    nr: u32,
}

impl Ready {
    /// The events that are ready now. `None` if the ring must not be read: it belongs to another
    /// process, or an index is invalid.
    #[inline]
    pub fn of(memory: &impl Memory) -> Option<Ready> {
        if !memory.is_ours() {
            return None;
        }
        let (head, tail, nr) = (memory.head(), memory.tail(), memory.nr());
        (head < nr && tail < nr).then_some(Ready { head, tail, nr })
    }

    /// The number of events.
    #[inline]
    pub fn len(self) -> u32 {
        if self.tail >= self.head { self.tail - self.head } else { self.nr - self.head + self.tail }
    }

    /// The index of the first event, and the number of events that are contiguous in memory from
    /// there.
    #[inline]
    pub fn run(self) -> (u32, u32) {
        let end = if self.tail >= self.head { self.tail } else { self.nr };
        (self.head, end - self.head)
    }

    /// The index of the event after `count` others.
    #[inline]
    pub fn index(self, count: u32) -> u32 {
        let to_the_end = self.nr - self.head;
        if count < to_the_end { self.head + count } else { count - to_the_end }
    }

    /// Returns the first `count` slots to the kernel, if the ring may still be written.
    #[inline]
    pub fn commit(self, memory: &impl Memory, count: u32) {
        if memory.is_ours() {
            memory.set_head(self.index(count));
        }
    }

    /// Same as [`commit`](Ready::commit), unless another reader has moved the head; returns whether
    /// it did.
    #[inline]
    pub fn try_commit(self, memory: &impl Memory, count: u32) -> bool {
        memory.is_ours() && memory.move_head(self.head, self.index(count))
    }
}

/// An iterator that takes events from the ring. When it is dropped, also by a panic, it returns the
/// slots of the events that it has yielded to the kernel. In a child that was forked meanwhile it
/// ends, and returns nothing.
#[derive(Debug)]
pub struct Reading<'m, M: Memory> {
    memory: &'m M,
    first: u32,
    next: u32,
    /// The end of the contiguous events, and the number of events after the end of the ring.
    end: u32,
    rest: u32,
}

impl<'m, M: Memory> Reading<'m, M> {
    /// Takes up to `max` of the events that are ready. `None` if the ring must not be read: see
    /// [`Ready::of`].
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
        // The head cannot go all the way around, since one slot is never used. So equal indexes
        // mean that no event was taken.
        if self.next != self.first && self.memory.is_ours() {
            self.memory.set_head(if self.next == self.memory.nr() { 0 } else { self.next });
        }
    }
}
