//! The contexts of this process, and their rings.
//!
//! A ring has one reader at a time, and io_getevents(2) is a reader, too. So each context has a
//! [`State`]: a thread reads the ring in user space only while it is alone, and counts itself while
//! it is inside the kernel.
//!
//! Only contexts that `io_setup` of this library has created are here. Every other id, a stale one
//! included, goes to the kernel, which knows it or answers `EINVAL`. So does every id for which
//! there is no slot.

use crate::{settings, time, trace};
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
    /// The process that has created it: not a forked child.
    process: AtomicUsize,
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
            process: AtomicUsize::new(0),
            state: State(AtomicUsize::new(0)),
            ring: UnsafeCell::new(None),
        }
    }

    fn is_of_this_process(&self) -> bool {
        self.process.load(SeqCst) == this_process()
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

fn this_process() -> usize {
    // SAFETY: it takes nothing.
    unsafe { raw::getpid() as usize }
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

/// The contexts of this process that are here, with their slots' indexes.
pub fn all() -> impl Iterator<Item = (usize, aio_context_t)> {
    TABLE.iter().enumerate().filter_map(|(index, slot)| {
        let ctx = slot.ctx.load(SeqCst) as aio_context_t;
        (ctx != 0 && slot.is_of_this_process()).then_some((index, ctx))
    })
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
            slot.process.store(this_process(), SeqCst);
            trace::created(index);
            slot.ctx.store(ctx as usize, SeqCst);
            slot.state.unlock(locked);
            return;
        }
        slot.state.unlock(locked);
    }
}

/// Removes a context. Nobody reads its ring any more then, unless its reader has not run for
/// [`STALLED`]. Of several threads that destroy a context each waits for its reader.
pub fn remove(ctx: aio_context_t) {
    while let Some((index, slot)) = index(ctx).map(|index| (index, &TABLE[index])) {
        let is_ours = slot.is_of_this_process();
        let (before, locked) = slot.state.lock(is_ours);
        // The slot may be another context's by now.
        if slot.ctx.load(SeqCst) == ctx as usize {
            if is_ours {
                trace::destroyed(index, ctx);
            }
            slot.ctx.store(0, SeqCst);
            slot.state.reset();
            return;
        }
        slot.state.restore(before, locked);
    }
}

/// Makes a system call that may take events from a context. Nobody reads the ring meanwhile.
pub fn enter(ctx: aio_context_t, call: impl FnOnce() -> isize) -> isize {
    while let Some(slot) = find(ctx) {
        let entered = slot.state.enter();
        // The slot may be another context's by now.
        if slot.ctx.load(SeqCst) == ctx as usize {
            let result = call();
            slot.state.leave(entered);
            return result;
        }
        slot.state.leave(entered);
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
            // SAFETY: the caller guarantees room for `max` events, and `index` is below it.
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
/// holder notices. Who destroys the context waits longer, since the kernel unmaps the ring then:
/// for [`STALLED`], if the holder may be another thread.
///
/// A thread that leaves by a jump out of a signal handler costs nothing but time: its lock is taken
/// over, and a count that stays makes all others use the system call until the context is
/// destroyed.
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
/// How many microseconds a reader may be stopped without harm while its context is destroyed: much
/// longer than a scheduler preempts a thread, or a control group is throttled.
const STALLED: usize = 10_000_000;

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

    /// Waits until the ring is not read, locks the slot whoever is inside the kernel, and returns
    /// the states before and after it.
    fn lock(&self, is_ours: bool) -> (usize, usize) {
        let begun = time::now();
        loop {
            let now = self.wait();
            let is_stuck = now & READING != 0;
            if is_stuck && is_ours && time::now().wrapping_sub(begun) < STALLED {
                // A thread that is alone has interrupted its own reading, or has left it by a jump.
                if !settings::is_single_threaded() {
                    time::sleep();
                    continue;
                }
            }
            let locked = READING | now.wrapping_add(GENERATION);
            if self.0.compare_exchange(now, locked, SeqCst, SeqCst).is_ok() {
                return (now & !READING, locked);
            }
        }
    }

    /// Undoes what [`lock`](State::lock) did.
    fn restore(&self, before: usize, locked: usize) {
        let _ = self.0.compare_exchange(locked, before, SeqCst, SeqCst);
    }

    /// Unlocks a slot whose context is gone. Threads that are inside the kernel for it, or have
    /// left it by a jump, do not count any more.
    fn reset(&self) {
        let reset = |now: usize| Some(now.wrapping_add(GENERATION) & !(READING | INSIDE));
        let _ = self.0.fetch_update(SeqCst, SeqCst, reset);
    }

    /// Counts this thread in, and returns the state with it.
    #[inline]
    fn enter(&self) -> usize {
        loop {
            let now = self.wait();
            let entered = (now & !READING) + 1;
            if self.0.compare_exchange(now, entered, SeqCst, SeqCst).is_ok() {
                return entered;
            }
        }
    }

    /// Counts it out, unless the context is gone. The generation does not change while a thread is
    /// inside.
    #[inline]
    fn leave(&self, entered: usize) {
        loop {
            let now = self.wait();
            let is_gone = (now ^ entered) & !(READING | INSIDE) != 0;
            if is_gone || self.0.compare_exchange(now, now - 1, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }
}
