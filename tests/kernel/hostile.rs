//! Attempts to make the kernel write where it must not, by all code that compiles. Code that does
//! not compile is in `ui/aio/`.

use crate::common::{
    Graveyard, Mortal, Panics, Random, direct_file, in_child, itself, pair, seeds, temp_file,
};
use aio_sys::{
    Borrowed, Completion, Errno, IoBuf, IoBufMut, PollEvents, Queue, Scope, SpareBuf, op, scope,
};
use std::cell::RefCell;
use std::num::NonZeroU32;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn capacity(requests: u32) -> NonZeroU32 {
    NonZeroU32::new(requests).unwrap()
}

fn new_queue<B: IoBuf>(requests: u32) -> Queue<B> {
    Queue::new(capacity(requests)).unwrap()
}

fn send<T: Send>() {}
fn sync<T: Sync>() {}

/// Types that may not are in `ui/aio/`.
#[test]
fn types_that_are_send() {
    send::<Queue<Vec<u8>>>();
    send::<Scope<'_>>();
    send::<Completion<Borrowed<'_>>>();
    send::<aio_sys::Context>();
    sync::<aio_sys::Context>();
    send::<aio_sys::tokio::Queue<Mortal>>();
    sync::<aio_sys::tokio::Queue<Mortal>>();
    send::<aio_sys::tokio::Request<Mortal, ()>>();
}

/// Queues with reads in flight that are dropped here and elsewhere, closed and forgotten;
/// completions that are dropped, forgotten and panicked over. No buffer is dropped twice, or before
/// the kernel is done with it; and all are dropped, except forgotten ones.
#[test]
fn buffers_outlive_the_queue_in_any_case() {
    const BLOCKS: usize = 64;
    let file = direct_file(BLOCKS);
    for seed in seeds(30) {
        eprintln!("AIO_SEED={seed}");
        let mut random = Random(seed);
        let graveyard = Arc::<Graveyard>::default();
        let mut lost = 0;
        for _ in 0..4 {
            let mut queue = new_queue(1 + random.below(32) as u32);
            // Buffers in the queue.
            let mut held = 0;
            for _ in 0..random.below(12) {
                let filled = catch_unwind(AssertUnwindSafe(|| {
                    queue.batch(|batch| {
                        while batch.free() > 0 && random.below(8) > 0 {
                            let at = random.below(BLOCKS as u64) * Mortal::BYTES as u64;
                            let bufs: Vec<Mortal> =
                                (0..random.below(3)).map(|_| graveyard.buffer()).collect();
                            held += 1 + bufs.len();
                            assert!(batch.push(op::read_at(&file, graveyard.buffer(), at)).is_ok());
                            // The last slot may be taken; then the buffers come back, and are
                            // dropped.
                            let count = bufs.len();
                            if batch.push(op::readv_at(&file, bufs, at)).is_err() {
                                held -= count;
                            }
                        }
                        assert!(random.below(8) > 0, "on purpose");
                    })
                }));
                let min = random.below(queue.outstanding() as u64 + 1) as usize;
                let visited = catch_unwind(AssertUnwindSafe(|| {
                    queue.wait(min, LONG).map(|ready| {
                        ready
                            .map(|done| {
                                let count = usize::from(done.buf.is_some()) + done.bufs.len();
                                held -= count;
                                match random.below(8) {
                                    0 => {
                                        lost += count;
                                        std::mem::forget(done);
                                    }
                                    1 => panic!("on purpose"),
                                    // A vector is short at the end of the file.
                                    _ => assert!(
                                        done.result.is_ok()
                                            && done.buf.is_none_or(|buf| buf.is_read())
                                    ),
                                }
                            })
                            .count()
                    })
                }));
                assert!(filled.is_err() || visited.is_err() || visited.unwrap().unwrap() >= min);
            }
            match random.below(5) {
                0 => drop(queue),
                1 => assert_eq!(queue.close(), Ok(())),
                2 => queue.into_background(),
                3 => drop(std::thread::spawn(move || drop(queue))),
                _ => {
                    lost += held;
                    std::mem::forget(queue);
                }
            }
        }
        let start = Instant::now();
        while graveyard.alive() > lost {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{} alive, {lost} lost",
                graveyard.alive()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(graveyard.alive(), lost);
        assert!(graveyard.in_peace());
    }
}

/// Such a buffer is not accepted, and its slot remains free.
#[test]
fn a_buffer_whose_accessors_panic() {
    let file = temp_file(100);
    let mut queue = new_queue(2);
    for round in 0..20 {
        for at in 0..2 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                queue.submit(op::read_at(&file, Panics::new(at), 0)).is_ok()
            }));
            assert!(panicked.is_err());
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                queue.batch(|batch| {
                    batch.push(op::write_at(&file, Panics::new(Panics::NEVER), 0)).unwrap();
                    batch
                        .push(op::readv_at(
                            &file,
                            vec![Panics::new(Panics::NEVER), Panics::new(at)],
                            0,
                        ))
                        .is_ok()
                })
            }));
            assert!(panicked.is_err());
            assert_eq!((queue.outstanding(), queue.free()), (1, 1), "round {round}");
            assert_eq!(
                queue
                    .wait(1, LONG)
                    .map(|ready| ready.map(|done| assert_eq!(done.result, Ok(8))).count()),
                Ok(1)
            );
        }
        queue.batch(|batch| {
            batch
                .push(op::readv_at(
                    &file,
                    vec![Panics::new(Panics::NEVER), Panics::new(Panics::NEVER)],
                    round,
                ))
                .unwrap();
            batch.push(op::read_at(&file, Panics::new(Panics::NEVER), round)).unwrap();
        });
        let mut seen = 0;
        let read = |done: Completion<Panics>| {
            for (at, buf) in done.buf.iter().chain(&done.bufs).enumerate() {
                let from = round + 8 * at as u64;
                let expected: Vec<u8> =
                    (from..from + 8).map(|at| if at < 8 { 0 } else { at as u8 }).collect();
                assert_eq!(buf.bytes, expected);
                seen += 1;
            }
        };
        assert_eq!(
            (queue.wait(2, LONG).map(|ready| ready.map(read).count()), seen, queue.free()),
            (Ok(2), 3, 2)
        );
    }
}

/// Completions that are being delivered borrow their queue; another queue may continue with the
/// same buffer.
#[test]
fn completions_borrow_their_queue() {
    let file = temp_file(100);
    let (first, other) = (RefCell::new(new_queue(4)), RefCell::new(new_queue(4)));
    first.borrow_mut().submit(op::read_at(&file, vec![0; 4], 1)).unwrap();
    let mut depth = 0;
    for done in first.borrow_mut().wait(1, LONG).unwrap() {
        assert!(first.try_borrow().is_err());
        other.borrow_mut().submit(op::write_at(&file, done.buf.unwrap(), 50)).unwrap();
        for done in other.borrow_mut().wait(1, LONG).unwrap() {
            assert_eq!((done.result, done.buf.unwrap()), (Ok(4), vec![1, 2, 3, 4]));
            depth += 1;
        }
    }
    assert_eq!(depth, 1);
}

/// Scopes in scopes, on other threads, with buffers that move from one to the other.
#[test]
fn scopes_in_scopes() {
    let file = temp_file(100);
    let (mut outer, mut inner) = ([0; 8], [0; 8]);
    scope(capacity(4), |one| {
        let mut back = None;
        one.submit(op::read_at(&file, &mut outer, 10)).unwrap();
        for done in one.wait(1, LONG).unwrap() {
            back = done.buf.and_then(Borrowed::exclusive);
        }
        let back = back.unwrap();
        assert_eq!(back, [10, 11, 12, 13, 14, 15, 16, 17]);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            scope(capacity(4), |other| {
                // Lent again to the inner scope, which waits when it ends.
                other.submit(op::read_at(&file, back, 20)).unwrap();
                other.submit(op::read_at(&file, &mut inner, 30)).unwrap();
                std::thread::scope(|threads| {
                    let elsewhere = threads.spawn(|| {
                        other.wait(1, LONG).map(|ready| ready.map(std::mem::forget).count()).is_ok()
                    });
                    assert!(elsewhere.join().unwrap());
                });
                one.submit(op::fsync(&file)).unwrap();
                panic!("on purpose");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(
            one.wait(1, LONG).map(|ready| ready.map(|done| assert_eq!(done.result, Ok(0))).count()),
            Ok(1)
        );
    })
    .unwrap();
    assert_eq!((outer[0], inner[0]), (20, 30));
}

/// The result of a scope's function, and a completion that outlives the scope, have buffers that
/// the kernel no longer uses.
#[test]
fn completions_may_leave_their_scope() {
    let file = temp_file(100);
    let mut buf = [0; 8];
    let done = scope(capacity(1), |scope| {
        let mut kept = None;
        scope.submit(op::read_at(&file, &mut buf, 40)).unwrap();
        for done in scope.wait(1, LONG).unwrap() {
            kept = Some(done);
        }
        kept.unwrap()
    })
    .unwrap();
    assert_eq!(done.buf.unwrap()[0], 40);
    assert_eq!(buf[7], 47);
}

/// The memory of a transfer may belong to the child after copy-on-write in the parent: it must not
/// be used again.
#[test]
fn a_child_leaks_what_is_in_flight() {
    let file = direct_file(1);
    let graveyard = Arc::new(Graveyard::default());
    let mut queue = new_queue::<Mortal>(1);
    assert!(queue.submit(op::read_at(&file, graveyard.buffer(), 0)).is_ok());
    for close in [false, true] {
        in_child(|| {
            // SAFETY: the child's copy, which is not used again.
            let copy = unsafe { std::ptr::read(&queue) };
            match close {
                true => assert_eq!(copy.close(), Err(Errno::EINVAL)),
                false => drop(copy),
            }
            graveyard.alive() == 1
        });
    }
    assert_eq!(
        queue.wait(1, LONG).map(|ready| ready.map(|done| assert!(done.result.is_ok())).count()),
        Ok(1)
    );
    assert_eq!(graveyard.alive(), 0);
}

/// A process that exits in the middle of a scope waits, too (`exit_aio`).
#[test]
fn a_process_that_ends_in_a_scope() {
    let file = direct_file(64);
    let (never, _quiet) = pair();
    in_child(|| {
        let mut buf = aio_sys::AlignedBuf::new(64 * 4096, 4096).unwrap();
        scope(capacity(65), |scope| {
            scope.batch(|batch| {
                batch.push(op::poll(&never, PollEvents::IN)).unwrap();
                for (part, bytes) in buf.chunks_exact_mut(4096).enumerate() {
                    batch.push(op::read_at(&file, bytes, (part * 4096) as u64)).unwrap();
                }
            });
            // SAFETY: the child ends here, without unwinding.
            unsafe { libc::_exit(0) }
        })
        .is_ok()
    });
}

/// Using a completed token, or another queue's, does no harm.
#[test]
fn tokens_of_other_queues_are_harmless() {
    let (reader, _writer) = pair();
    let (mut one, mut other) = (new_queue::<Vec<u8>>(2), new_queue::<Vec<u8>>(2));
    let poll = one.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!(other.cancel(poll), Ok(false), "it has none in flight");
    assert_eq!(one.cancel(poll), Ok(true));
    assert_eq!(one.cancel(poll), Ok(false));
    assert_eq!(
        one.wait(1, LONG).map(|ready| ready.map(|done| assert_eq!(done.result, Ok(0))).count()),
        Ok(1)
    );
    assert_eq!(one.cancel(poll), Ok(false));
    one.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!(one.cancel(poll), Ok(false), "the slot's next request is another");
    assert_eq!(one.outstanding(), 1);
    assert_eq!(one.wait(1, Some(Duration::ZERO)).map(Iterator::count), Ok(0));
    assert_ne!(Err(Errno::EINVAL), one.close());
}

/// Its slot would be half emptied.
#[test]
fn a_buffer_that_panics_when_it_is_filled_ends_the_process() {
    let ended = itself(module_path!(), "filled").output().unwrap();
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("when it is filled"), "{said}");
}

#[test]
#[ignore = "a part of a_buffer_that_panics_when_it_is_filled_ends_the_process"]
fn filled() {
    struct Filled(Vec<u8>);
    // SAFETY: the vector's memory is accessed only through this value, and does not move.
    unsafe impl IoBuf for Filled {
        fn byte_ptr(&self) -> *const u8 {
            self.0.byte_ptr()
        }
        fn byte_len(&self) -> usize {
            self.0.byte_len()
        }
    }
    // SAFETY: the vector's memory is accessed only through this value, and does not move.
    unsafe impl IoBufMut for Filled {
        fn byte_mut_ptr(&mut self) -> *mut u8 {
            self.0.byte_mut_ptr()
        }
    }
    // SAFETY: the vector's memory is accessed only through this value, and does not move.
    unsafe impl SpareBuf for Filled {
        fn spare(&mut self) -> (*mut u8, usize) {
            self.0.spare()
        }
        unsafe fn add_len(&mut self, _: usize) {
            panic!("when it is filled");
        }
    }
    let (file, mut queue) = (temp_file(8), new_queue(1));
    queue.submit(op::read_spare_at(&file, Filled(Vec::with_capacity(8)), 0)).unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| queue.wait(1, None).map(Iterator::count)));
}
