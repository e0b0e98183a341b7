//! Threads that wait for io_destroy(2). They exit when nothing is left to destroy.

use crate::aio::fork::Owner;
use crate::sys::calls::ContextId;
use std::boxed::Box;
use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

/// The threads only wait, mostly for RCU grace periods, and several of them can wait for the same
/// one.
const MAX_THREADS: usize = 8;

/// The threads of an address space. A forked child does not have its parent's threads, and the lock
/// may stay locked there forever: the child gets its own pool.
struct Pool {
    owner: Owner,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    values: VecDeque<Box<dyn Send>>,
    threads: usize,
}

/// Drops a value on another thread, or on this one if no thread can be created.
pub(crate) fn drop<T: Send + 'static>(value: T) {
    let pool = Pool::current();
    let has_room = pool.with(|state| {
        state.values.push_back(Box::new(value));
        let has_room = state.threads < MAX_THREADS;
        state.threads += usize::from(has_room);
        has_room
    });
    if has_room && Builder::new().name("aio-destroy".into()).spawn(|| pool.run()).is_err() {
        pool.run();
    }
}

impl Pool {
    fn current() -> &'static Pool {
        static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());
        loop {
            let current = POOL.load(Ordering::Acquire);
            // SAFETY: `POOL` is null or points to a pool that this function leaked, which is never
            // freed.
            let pool = unsafe { current.as_ref() };
            if let Some(pool) = pool.filter(|pool| pool.owner.is_current()) {
                return pool;
            }
            let pool = Pool { owner: Owner::of(ContextId::NONE), state: Mutex::default() };
            let new = Box::into_raw(Box::new(pool));
            if POOL.compare_exchange(current, new, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // SAFETY: `new` comes from `Box::into_raw` above. It was not stored in `POOL`, so
                // nobody else has it.
                mem::drop(unsafe { Box::from_raw(new) });
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(&self) {
        let next = |state: &mut State| {
            let value = state.values.pop_front();
            state.threads -= usize::from(value.is_none());
            value
        };
        while let Some(value) = self.with(next) {
            // A buffer's destructor may panic: the other values are dropped all the same. The
            // payload is forgotten, since its destructor may panic as well.
            let _ = catch_unwind(AssertUnwindSafe(|| mem::drop(value))).map_err(mem::forget);
        }
    }
}
