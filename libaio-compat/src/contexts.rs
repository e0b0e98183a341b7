//! The contexts of this process, and their rings.
//!
//! A ring has one reader at a time, and io_getevents(2) is a reader, too. So each context has a
//! [`State`]: a thread reads the ring in user space only while it is alone, and counts itself while
//! it is inside the kernel.
//!
//! Only contexts that `io_setup` of this library has created are here. Every other id, a stale one
//! included, goes to the kernel, which knows it or answers `EINVAL`. So does every id for which
//! there is no slot.

use crate::trace;
use aio_sys::types::{aio_context_t, io_event};
use aio_sys::{ContextId, Ring, raw};
use core::cell::UnsafeCell;
use core::hint;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How many contexts can be here, a power of two.
pub const SLOTS: usize = 512;

/// How many slots a context may be in.
const PROBES: usize = 16;

static TABLE: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];

/// A context, or none. Two are not in one cache line, nor in a pair that is fetched together.
#[repr(align(128))]
struct Slot {
    /// The context's id; 0 if there is none.
    ctx: AtomicUsize,
    state: State,
    /// Written by who has locked the slot, before `ctx` is.
    ring: UnsafeCell<Option<Ring>>,
}

// SAFETY: `ring` is written under the lock of `state` alone, and read under it.
unsafe impl Sync for Slot {}

impl Slot {
    const fn new() -> Slot {
        Slot {
            ctx: AtomicUsize::new(0),
            state: State(AtomicUsize::new(0)),
            ring: UnsafeCell::new(None),
        }
    }

    /// A copy of the ring.
    ///
    /// # Safety
    ///
    /// The slot is locked. The copy is used as long as it is, and as long as the context exists.
    unsafe fn ring(&self) -> Option<Ring> {
        // SAFETY: nobody writes it, since the slot is locked; what it holds is not dropped.
        unsafe { self.ring.get().read() }
    }
}

/// The slots that a context may be in, with their indexes.
fn candidates(ctx: aio_context_t) -> impl Iterator<Item = (usize, &'static Slot)> {
    // Ids are addresses of pages. The multiplier is 2 to the power of 32, divided by the golden
    // ratio.
    let hash = ((ctx >> 12) as u32).wrapping_mul(0x9e37_79b9);
    let first = (hash >> (u32::BITS - SLOTS.trailing_zeros())) as usize;
    (first..first + PROBES).map(|index| (index % SLOTS, &TABLE[index % SLOTS]))
}

#[inline]
fn find(ctx: aio_context_t) -> Option<&'static Slot> {
    index(ctx).map(|index| &TABLE[index])
}

/// The index of a context's slot.
#[inline]
pub fn index(ctx: aio_context_t) -> Option<usize> {
    let is_it = |slot: &Slot| ctx != 0 && slot.ctx.load(SeqCst) == ctx as usize;
    candidates(ctx).find(|(_, slot)| is_it(slot)).map(|(index, _)| index)
}

/// The contexts that are here, with their slots' indexes.
pub fn all() -> impl Iterator<Item = (usize, aio_context_t)> {
    let id = |slot: &Slot| slot.ctx.load(SeqCst) as aio_context_t;
    TABLE.iter().map(id).enumerate().filter(|(_, ctx)| *ctx != 0)
}

/// Adds a context, if there is a slot for it.
///
/// # Safety
///
/// The context exists.
pub unsafe fn add(ctx: aio_context_t) {
    // A context that was destroyed by other means, or that belongs to this process's parent, may
    // have had the same address.
    remove(ctx);
    // SAFETY: the ring is read under the slot's lock, which io_destroy waits for.
    let Ok(ring) = (unsafe { Ring::new(ContextId::from_raw(ctx)) }) else { return };
    for (index, slot) in candidates(ctx) {
        let Some(locked) = slot.state.try_lock() else { continue };
        // SAFETY: the slot is locked; whether the ring is owned does not depend on its context.
        let old = unsafe { slot.ring() };
        let is_free = slot.ctx.load(SeqCst) == 0 || old.is_none_or(|ring| !ring.is_owned());
        if is_free {
            // SAFETY: the slot is locked.
            unsafe { slot.ring.get().write(Some(ring)) };
            trace::created(index);
            slot.ctx.store(ctx as usize, SeqCst);
            slot.state.unlock(locked);
            return;
        }
        slot.state.unlock(locked);
    }
}

/// Removes a context. Nobody reads its ring any more then, unless the scheduler has preempted its
/// reader for longer than [`PATIENCE`].
pub fn remove(ctx: aio_context_t) {
    let Some((index, slot)) = index(ctx).map(|index| (index, &TABLE[index])) else { return };
    trace::destroyed(index, ctx);
    if slot.ctx.compare_exchange(ctx as usize, 0, SeqCst, SeqCst).is_ok() {
        slot.state.wait();
    }
}

/// Makes a system call that may take events from a context. Nobody reads the ring meanwhile.
pub fn enter(ctx: aio_context_t, call: impl FnOnce() -> isize) -> isize {
    while let Some(slot) = find(ctx) {
        slot.state.enter();
        // The slot may be another context's by now.
        if slot.ctx.load(SeqCst) == ctx as usize {
            let result = call();
            slot.state.leave();
            return result;
        }
        slot.state.leave();
    }
    call()
}

/// Takes up to `max` events from the ring: if at least `min` are ready, or if `is_zero` returns
/// that the caller does not wait. `None` if it needs the system call.
///
/// # Safety
///
/// If events are ready, there is room for `max` at `events`, which is aligned.
#[inline]
pub unsafe fn take(
    ctx: aio_context_t,
    min: usize,
    max: usize,
    events: *mut io_event,
    is_zero: impl FnOnce() -> bool,
) -> Option<usize> {
    let slot = find(ctx)?;
    let locked = slot.state.try_lock()?;
    let take = || {
        // The slot may be another context's by now.
        if slot.ctx.load(SeqCst) != ctx as usize {
            return None;
        }
        // SAFETY: the slot is locked, and io_destroy waits for that.
        let mut ring = unsafe { slot.ring() }?;
        let ready = ring.peek()?;
        if ready.len() < min && !is_zero() {
            return None;
        }
        let count = ready.len().min(max);
        for (index, event) in ready.iter().take(count).enumerate() {
            // SAFETY: the caller vouches for the room.
            unsafe { events.add(index).write(event) };
        }
        // A signal handler of this very thread may have taken the lock, and events.
        let taken = count == 0 || slot.state.is(locked) && ready.try_commit(count);
        taken.then_some(count)
    };
    let count = take();
    slot.state.unlock(locked);
    count
}

/// Who uses a slot: one thread that reads the ring, or any number of threads inside the kernel.
///
/// A lock that a signal handler finds held by the thread that it has interrupted would be held
/// forever. So nobody waits for longer than [`PATIENCE`]: then the lock is taken over, which its
/// holder notices. A thread that leaves by a jump out of a signal handler costs nothing but time:
/// its lock is taken over, and a count that stays makes all others use the system call.
struct State(AtomicUsize);

/// The ring is being read.
const READING: usize = 1 << (usize::BITS - 1);
/// How many threads are inside the kernel.
const INSIDE: usize = GENERATION - 1;
/// The bits between them count how often the lock was taken, so that its holder knows it again.
const GENERATION: usize = 1 << (usize::BITS / 2 + 2);

/// How often a lock is tried before it is taken over. It is held for less than a microsecond,
/// unless the scheduler has preempted its holder.
const PATIENCE: u32 = 10_000;
/// Of these, how many before the processor is yielded.
const SPINS: u32 = 100;

impl State {
    /// Locks the slot if nobody uses it.
    #[inline]
    fn try_lock(&self) -> Option<usize> {
        let now = self.0.load(SeqCst);
        let locked = READING | now.wrapping_add(GENERATION);
        let is_free = now & (READING | INSIDE) == 0;
        (is_free && self.0.compare_exchange(now, locked, SeqCst, SeqCst).is_ok()).then_some(locked)
    }

    /// Unlocks it, unless it was taken over.
    #[inline]
    fn unlock(&self, locked: usize) {
        let _ = self.0.compare_exchange(locked, locked & !READING, SeqCst, SeqCst);
    }

    /// Whether it is locked as it was.
    #[inline]
    fn is(&self, locked: usize) -> bool {
        self.0.load(SeqCst) == locked
    }

    /// Waits until the ring is not read, or for as long as [`PATIENCE`] lasts, and returns the
    /// state.
    #[inline]
    fn wait(&self) -> usize {
        for round in 0..PATIENCE {
            let now = self.0.load(SeqCst);
            if now & READING == 0 {
                return now;
            }
            if round < SPINS {
                hint::spin_loop();
            } else {
                // SAFETY: it takes nothing.
                unsafe { raw::sched_yield() };
            }
        }
        self.0.load(SeqCst)
    }

    /// Counts this thread in.
    #[inline]
    fn enter(&self) {
        loop {
            let now = self.wait();
            let entered = (now & !READING) + 1;
            if self.0.compare_exchange(now, entered, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }

    /// Counts it out.
    #[inline]
    fn leave(&self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
