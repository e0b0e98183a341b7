//! Where to wait for io_destroy: a few threads, which end when there is nothing left to destroy.

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

/// At most. They only wait, most of the time for RCU grace periods, of which several can share one.
const THREADS: usize = 8;

/// The threads of an address space. A forked child has none of its parent's, and the lock may be
/// held for good there: it gets a crew of its own.
struct Crew {
    home: Owner,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    values: VecDeque<Box<dyn Send>>,
    threads: usize,
}

/// Drops a value on another thread; here, if there can be none.
pub(crate) fn drop<T: Send + 'static>(value: T) {
    let crew = Crew::here();
    let has_room = crew.with(|work| {
        work.values.push_back(Box::new(value));
        let has_room = work.threads < THREADS;
        work.threads += usize::from(has_room);
        has_room
    });
    if has_room && Builder::new().name("aio-destroy".into()).spawn(|| crew.work()).is_err() {
        crew.work();
    }
}

impl Crew {
    fn here() -> &'static Crew {
        static CREW: AtomicPtr<Crew> = AtomicPtr::new(ptr::null_mut());
        loop {
            let known = CREW.load(Ordering::Acquire);
            // SAFETY: a crew that was stored is never freed.
            let crew = unsafe { known.as_ref() };
            if let Some(crew) = crew.filter(|crew| crew.home.is_current()) {
                return crew;
            }
            let crew = Crew { home: Owner::of(ContextId::NONE), work: Mutex::default() };
            let new = Box::into_raw(Box::new(crew));
            if CREW.compare_exchange(known, new, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // SAFETY: made above, and known to nobody else.
                mem::drop(unsafe { Box::from_raw(new) });
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Work) -> T) -> T {
        change(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn work(&self) {
        let next = |work: &mut Work| {
            let value = work.values.pop_front();
            work.threads -= usize::from(value.is_none());
            value
        };
        while let Some(value) = self.with(next) {
            // A buffer's destructor may panic, which is no reason to leave the others. What it
            // panics with may do so as well.
            let _ = catch_unwind(AssertUnwindSafe(|| mem::drop(value))).map_err(mem::forget);
        }
    }
}
