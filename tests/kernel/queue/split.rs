//! A queue in two halves.

use super::*;
use aio_sys::{Reaper, Submitter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

fn split(capacity: u32) -> (Submitter<Vec<u8>>, Reaper<Vec<u8>>) {
    Queue::split(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// Sleeping until something has completed.
fn sleeping<'s, T: Send + 's>(
    threads: &'s thread::Scope<'s, '_>,
    reap: impl FnOnce() -> T + Send + 's,
) -> thread::ScopedJoinHandle<'s, T> {
    let handle = threads.spawn(reap);
    thread::sleep(Duration::from_millis(20));
    assert!(!handle.is_finished(), "it sleeps");
    handle
}

#[test]
fn threads_submit_while_the_reaper_sleeps() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let file = Arc::new(temp_file(4096));
    let (submitter, mut reaper) = split(16);
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let (submitter, file) = (submitter.clone(), file.clone());
            threads.spawn(move || {
                for i in 0..EACH {
                    let at = (thread * 1000 + i * 3) % 4000;
                    let mut buf = vec![0; 8];
                    // Borrowed and owned descriptors, alone and in batches.
                    loop {
                        let submitted = match i % 3 {
                            0 => submitter.submit(op::read_at(&*file, buf, at).user_data(at)),
                            1 => submitter.submit(op::read_at(file.clone(), buf, at).user_data(at)),
                            _ => submitter.batch(|batch| {
                                batch.push(op::read_at(&*file, buf, at).user_data(at))
                            }),
                        };
                        match submitted {
                            Ok(_) => break,
                            Err(Full(back)) => buf = back,
                        }
                        thread::yield_now();
                    }
                }
            });
        }
        drop(submitter);
        let mut count = 0;
        loop {
            let before = count;
            for done in reaper.wait(3, None).unwrap() {
                let at = done.user_data;
                let expected: Vec<u8> = (at..at + 8).map(|byte| byte as u8).collect();
                assert_eq!((done.result, done.buf), (Ok(8), Some(expected)));
                count += 1;
            }
            if count == before {
                break;
            }
        }
        assert_eq!(count, THREADS * EACH);
        assert!(reaper.is_closed());
    });
}

#[test]
fn refused_requests_wake_the_reaper() {
    let (submitter, mut reaper) = split(2);
    thread::scope(|threads| {
        let wait = sleeping(threads, || reaper.wait(1, None).unwrap().next().unwrap());
        submitter.submit(op::read_at(no_fd(), vec![0; 1], 0)).unwrap();
        assert_eq!(wait.join().unwrap().result, Err(Errno::EBADF));
    });
}

#[test]
fn completions_without_the_kernel_wake_the_reaper() {
    let (file, (submitter, mut reaper)) = (temp_file(8), split(2));
    for (empty_read, result) in [(false, Ok(3)), (true, Err(Errno::EINVAL))] {
        thread::scope(|threads| {
            let wait = sleeping(threads, || reaper.wait(1, None).unwrap().next().unwrap());
            match empty_read {
                true => submitter.submit(op::read_at(&file, Vec::new(), 0)).unwrap(),
                false => submitter.submit(op::completed(result)).unwrap(),
            };
            assert_eq!(wait.join().unwrap().result, result);
        });
    }
}

#[test]
fn a_panic_in_a_batch_loses_no_completion() {
    if !catches("a panic in a batch, beside a reaper") {
        return;
    }
    let (file, (submitter, mut reaper)) = (temp_file(8), split(2));
    thread::scope(|threads| {
        let wait = sleeping(threads, || reaper.wait(2, None).unwrap().map(|done| done.result));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            submitter.batch(|batch| {
                batch.push(op::read_at(no_fd(), vec![0; 8], 0)).unwrap();
                batch.push(op::read_at(&file, Vec::new(), 0)).unwrap();
                panic!("in a batch");
            })
        }));
        assert!(panicked.is_err());
        let mut results: Vec<_> = wait.join().unwrap().collect();
        results.sort();
        assert_eq!(results, [Err(Errno::EBADF), Err(Errno::EINVAL)]);
    });
    assert_eq!(submitter.free(), 2, "and it can be used");
}

#[test]
fn shutdown_wakes_the_reaper() {
    for close in [true, false] {
        let (submitter, mut reaper) = split(2);
        let other = submitter.clone();
        thread::scope(|threads| {
            let wait = sleeping(threads, || reaper.wait(2, None).unwrap().count());
            drop(submitter);
            if close {
                other.close();
                assert!(other.submit(op::completed(Ok(0))).is_err());
            }
            drop(other);
            assert_eq!(wait.join().unwrap(), 0);
        });
    }
}

/// A wait after shutdown returns the requests in flight, and no more. Whoever shuts it down, and
/// whenever: a reaper that has seen the shutdown has missed nothing.
#[test]
fn accepted_requests_are_delivered_before_shutdown() {
    for round in 0..64 {
        let (submitter, mut reaper) = split(4);
        thread::scope(|threads| {
            let submit = threads.spawn(|| {
                let mut accepted = 0;
                while !submitter.is_closed() {
                    let operation = op::completed(Ok(0));
                    accepted += usize::from(match accepted % 2 {
                        0 => submitter.submit(operation).is_ok(),
                        _ => submitter.batch(|batch| batch.push(operation)).is_ok(),
                    });
                }
                assert!(submitter.batch(|batch| batch.push(op::completed(Ok(0)))).is_err());
                assert_eq!((submitter.batch(|batch| batch.free()), submitter.free()), (0, 0));
                accepted
            });
            let reap = threads.spawn(move || {
                let mut delivered = 0;
                loop {
                    match reaper.wait(1, None).unwrap().count() {
                        0 => return delivered,
                        count => delivered += count,
                    }
                }
            });
            (0..round).for_each(|_| std::hint::spin_loop());
            submitter.close();
            assert_eq!(submit.join().unwrap(), reap.join().unwrap());
        });
    }
}

#[test]
fn requests_in_flight_at_shutdown_are_delivered() {
    let ((reader, mut writer), file) = (pair(), temp_file(8));
    let (submitter, mut reaper) = split(4);
    let poll = submitter.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    submitter.submit(op::read_at(&file, vec![0; 8], 0)).unwrap();
    drop(submitter);
    assert_eq!(reaper.wait(1, None).unwrap().count(), 1);
    let time = Duration::from_millis(20);
    let start = Instant::now();
    assert_eq!(reaper.wait(1, Some(time)).unwrap().count(), 0);
    assert!(start.elapsed() >= time);
    writer.write_all(b"x").unwrap();
    assert!(reaper.wait(9, None).unwrap().next().unwrap().token == poll);
    assert_eq!(reaper.wait(1, None).unwrap().count(), 0);
}

#[test]
fn drain_cancels_polls_and_refuses_later_requests() {
    let ((reader, _writer), file) = (pair(), temp_file(8));
    let (submitter, mut reaper) = split(4);
    let poll = submitter.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    let read = submitter.submit(op::read_at(&file, vec![0; 8], 0)).unwrap();
    assert_eq!((submitter.outstanding(), submitter.free()), (2, 2));
    let results: Vec<_> = reaper.drain().unwrap().map(|done| (done.token, done.result)).collect();
    assert!(results.contains(&(poll.into(), Ok(0))) && results.contains(&(read, Ok(8))));
    assert_eq!(results.len(), 2);
    assert!(submitter.submit(op::fsync(&file)).is_err() && submitter.is_closed());
    assert!(submitter.clone().is_closed(), "for good");
}

/// The queue is not locked while completions are delivered.
#[test]
fn completions_lead_to_the_next_requests() {
    let file = temp_file(100);
    let (submitter, mut reaper) = split(1);
    submitter.submit(op::read_at(&file, vec![0; 1], 0)).unwrap();
    for round in 0..64 {
        for done in reaper.wait(1, LONG).unwrap() {
            let buf = done.buf.unwrap();
            assert_eq!((done.result, &buf[..]), (Ok(1), &[round][..]));
            submitter.submit(op::read_at(&file, buf, u64::from(round) + 1)).unwrap();
        }
    }
}

/// Buffers in flight are waited for by the half that is dropped last.
#[test]
fn either_half_may_be_dropped_first() {
    for reaper_first in [true, false] {
        let graveyard = Arc::new(crate::common::Graveyard::default());
        let file = crate::common::direct_file(8);
        let (submitter, reaper) = Queue::split(NonZeroU32::new(8).unwrap()).unwrap();
        submitter.batch(|batch| {
            for at in 0..8 {
                let at = at * crate::common::Mortal::BYTES as u64;
                batch.push(op::read_at(&file, graveyard.buffer(), at)).unwrap();
            }
        });
        if reaper_first {
            drop(reaper);
            assert!(submitter.submit(op::read_at(&file, graveyard.buffer(), 0)).is_err());
            drop(submitter);
        } else {
            drop(submitter);
            drop(reaper);
        }
        assert_eq!(graveyard.alive(), 0);
        assert!(graveyard.in_peace());
    }
}

/// The descriptor of a request that a full queue returns is dropped while the queue is not locked.
#[test]
fn a_descriptor_that_uses_the_queue_when_it_is_dropped() {
    struct Uses(File, Submitter<Vec<u8>>);
    impl AsFd for Uses {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl Drop for Uses {
        fn drop(&mut self) {
            assert_eq!(self.1.outstanding(), 1);
        }
    }
    let (submitter, mut reaper) = split(1);
    submitter.submit(op::read_at(&temp_file(8), vec![0; 1], 0)).unwrap();
    let uses = Arc::new(Uses(temp_file(8), submitter.clone()));
    let Err(Full(buf)) = submitter.submit(op::read_at(uses, vec![7], 0)) else {
        panic!("two of one")
    };
    assert_eq!(buf, [7]);
    // Ready completions are delivered without a wait.
    assert_eq!(reaper.wait(0, None).unwrap().count(), 1);
}

/// A poll that is on its way to the kernel when the reaper drains is cancelled as well.
#[test]
fn drain_finds_polls_that_are_being_submitted() {
    let (reader, _writer) = pair();
    for _ in 0..200 {
        let (submitter, mut reaper) = split(8);
        thread::scope(|threads| {
            threads.spawn(|| {
                submitter.batch(
                    |batch| {
                        while batch.push(op::poll(&reader, PollEvents::IN)).is_ok() {}
                    },
                );
            });
            let mut count = reaper.drain().unwrap().count();
            while submitter.outstanding() > 0 {
                count += reaper.wait(1, LONG).unwrap().count();
            }
            assert!(count == 8 || count == 0);
        });
    }
}

/// The waker's own request is not the caller's.
#[test]
fn an_error_has_the_number_that_was_requested() {
    crate::common::in_child(|| {
        assert!(crate::common::refuse(&[aio_sys::nr::SYS_io_setup], libc::EPERM));
        let error = Queue::<Vec<u8>>::split(NonZeroU32::new(64).unwrap()).unwrap_err();
        (error.errno, error.requested) == (Errno::EPERM, 64)
            && error.to_string().contains("for 64 requests")
    });
}
