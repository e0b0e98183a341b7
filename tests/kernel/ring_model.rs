//! The ring's reader against a kernel in a model: every value that a load may see, in every
//! interleaving with up to three switches against the threads' will, by loom.
//!
//! The lines under test are those that the crate compiles. The kernel's side is `aio_complete` and
//! `user_refill_reqs_available` of `fs/aio.c`. Run by `ci/check/loom`.
#![cfg(loom)]

#[path = "../../aio-sys/src/aio/consumer.rs"]
#[allow(dead_code)]
mod consumer;

use consumer::{Memory, Reading, Ready};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

/// Room for two events, and enough events to write where one was read before.
const NR: u32 = 3;
const EVENTS: u64 = 4;

/// A ring; unordered accesses to an event fail the model.
struct Ring {
    head: AtomicU32,
    tail: AtomicU32,
    events: [UnsafeCell<u64>; NR as usize],
    /// The orderings of the reader, to see the model fail with weaker ones.
    acquire: Ordering,
    release: Ordering,
}

impl Ring {
    fn new(acquire: Ordering, release: Ordering) -> Arc<Ring> {
        let events = std::array::from_fn(|_| UnsafeCell::new(u64::MAX));
        Arc::new(Ring {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            events,
            acquire,
            release,
        })
    }

    /// The kernel, which alone knows the tail, and reserves no more slots than exist.
    fn complete_all(&self) {
        let mut tail = 0;
        for event in 0..EVENTS {
            let next = (tail + 1) % NR;
            // The kernel's slot reservation orders its later write after this load.
            while self.head.load(Ordering::Acquire) == next {
                thread::yield_now();
            }
            // SAFETY: loom checks this access.
            self.events[tail as usize].with_mut(|place| unsafe { *place = event });
            self.tail.store(next, Ordering::Release);
            tail = next;
        }
    }
}

impl Memory for Ring {
    type Event = u64;

    fn nr(&self) -> u32 {
        NR
    }

    fn head(&self) -> u32 {
        self.head.load(Ordering::Relaxed)
    }

    fn tail(&self) -> u32 {
        self.tail.load(self.acquire)
    }

    fn event(&self, index: u32) -> u64 {
        // SAFETY: loom checks this access.
        self.events[index as usize].with(|place| unsafe { *place })
    }

    fn set_head(&self, head: u32) {
        self.head.store(head, self.release);
    }

    fn move_head(&self, from: u32, to: u32) -> bool {
        self.head.compare_exchange(from, to, self.release, Ordering::Relaxed).is_ok()
    }

    fn is_ours(&self) -> bool {
        true
    }
}

/// Runs the kernel in parallel with a reader, which must see each event once and in order.
fn run(acquire: Ordering, release: Ordering, read: fn(&Ring, &mut Vec<u64>)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let ring = Ring::new(acquire, release);
        let kernel = thread::spawn({
            let ring = ring.clone();
            move || ring.complete_all()
        });
        let mut seen = Vec::new();
        while seen.len() < EVENTS as usize {
            let before = seen.len();
            read(&ring, &mut seen);
            if seen.len() == before {
                thread::yield_now();
            }
        }
        assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>());
        kernel.join().unwrap();
    });
}

fn by_reaping(ring: &Ring, seen: &mut Vec<u64>) {
    seen.extend(Reading::new(ring, usize::MAX).expect("indexes inside of the ring"));
}

/// At most one at a time, so that the head moves while the kernel writes.
fn one_by_one(ring: &Ring, seen: &mut Vec<u64>) {
    seen.extend(Reading::new(ring, 1).expect("indexes inside of the ring"));
}

/// The steps of `Ring::peek` and `Events::commit`.
fn by_peeking(ring: &Ring, seen: &mut Vec<u64>) {
    let ready = Ready::of(ring).expect("indexes inside of the ring");
    let (first, count) = ready.run();
    seen.extend((first..first + count).map(|index| ring.event(index)));
    ready.commit(ring, count);
}

#[test]
fn reaping() {
    run(Ordering::Acquire, Ordering::Release, by_reaping);
}

#[test]
fn reaping_one_by_one() {
    run(Ordering::Acquire, Ordering::Release, one_by_one);
}

#[test]
fn peeking() {
    run(Ordering::Acquire, Ordering::Release, by_peeking);
}

/// The model must fail for a reader without the acquire barrier.
#[test]
#[should_panic(expected = "Causality violation")]
fn tail_without_acquire() {
    run(Ordering::Relaxed, Ordering::Release, by_reaping);
}

/// And without the release barrier.
#[test]
#[should_panic(expected = "Causality violation")]
fn head_without_release() {
    run(Ordering::Acquire, Ordering::Relaxed, by_reaping);
}
