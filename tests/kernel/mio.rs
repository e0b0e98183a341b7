//! A queue in an event loop of `mio`.

use crate::common::{Graveyard, Mortal, Random, direct_file, seeds, temp_file};
use aio_sys::{Errno, Queue, op};
use mio::{Events, Interest, Poll, Token};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Each wave fills the queue with reads; one of them is refused, and signals nothing.
#[test]
fn every_completion_is_found_by_clearing_and_then_draining() {
    const WAVES: usize = 200;
    let file = temp_file(4096);
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(8).unwrap()).unwrap();
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
    poll.registry().register(&mut queue, Token(7), Interest::READABLE).unwrap();
    poll.registry().reregister(&mut queue, Token(3), Interest::READABLE).unwrap();
    let (mut read, mut refused) = (0, 0);
    for wave in 0..WAVES {
        // SAFETY: the kernel refuses it; nobody can own it.
        let no_fd = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
        queue.batch(|batch| {
            for at in 0..8 {
                let fd = if at == wave % 8 { no_fd } else { file.as_fd() };
                batch.push(op::read_at(fd, vec![0; 16], 16 * at as u64)).unwrap();
            }
        });
        while queue.outstanding() > 0 {
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(events.iter().all(|event| event.token() == Token(3)) && !events.is_empty());
            queue.clear_eventfd();
            while queue
                .reap()
                .map(|done| match done.result {
                    Ok(16) => read += 1,
                    other => {
                        assert_eq!(other, Err(Errno::EBADF));
                        refused += 1;
                    }
                })
                .count()
                > 0
            {}
        }
    }
    assert_eq!((read, refused), (7 * WAVES, WAVES));
    poll.registry().deregister(&mut queue).unwrap();
}

/// Several queues in one loop, each dropped with reads in flight at random times, and created
/// again. Each buffer is dropped, once, and not before the kernel is done with it.
#[test]
fn queues_that_come_and_go_leave_their_buffers_to_the_kernel() {
    const BLOCKS: u64 = 64;
    let file = direct_file(BLOCKS as usize);
    for seed in seeds(5) {
        eprintln!("AIO_SEED={seed}");
        let (mut random, graveyard) = (Random(seed), Arc::<Graveyard>::default());
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
        let fresh = |poll: &Poll, at| {
            let mut queue = Queue::<Mortal>::with_eventfd(NonZeroU32::new(8).unwrap()).unwrap();
            poll.registry().register(&mut queue, Token(at), Interest::READABLE).unwrap();
            queue
        };
        let mut queues: Vec<_> = (0..4).map(|at| fresh(&poll, at)).collect();
        for _ in 0..100 {
            let at = random.below(4) as usize;
            queues[at].batch(|batch| {
                while batch.free() > 0 && random.below(6) > 0 {
                    let offset = random.below(BLOCKS) * Mortal::BYTES as u64;
                    assert!(batch.push(op::read_at(&file, graveyard.buffer(), offset)).is_ok());
                }
            });
            if random.below(4) == 0 {
                poll.registry().deregister(&mut queues[at]).unwrap();
                let old = std::mem::replace(&mut queues[at], fresh(&poll, at));
                match random.below(2) {
                    0 => drop(old),
                    _ => old.into_background(),
                }
            }
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            for event in &events {
                let queue = &mut queues[event.token().0];
                queue.clear_eventfd();
                while queue
                    .reap()
                    .map(|done| {
                        assert!(done.result == Ok(Mortal::BYTES) && done.buf.unwrap().is_read())
                    })
                    .count()
                    > 0
                {}
            }
        }
        // The rest has been signalled.
        let start = Instant::now();
        while queues.iter().any(|queue| queue.outstanding() > 0) {
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(!events.is_empty() && start.elapsed() < Duration::from_secs(10));
            for event in &events {
                let queue = &mut queues[event.token().0];
                queue.clear_eventfd();
                while queue.reap().count() > 0 {}
            }
        }
        while graveyard.alive() > 0 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{} buffers are not dropped",
                graveyard.alive()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(graveyard.in_peace());
    }
}

/// In a child the counter is the parent's, and is not changed.
#[test]
fn a_child_does_not_clear_its_parent_s_counter() {
    let file = temp_file(16);
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::MIN).unwrap();
    queue.submit(op::read_at(&file, vec![0; 4], 0)).unwrap();
    crate::common::in_child(|| queue.clear_eventfd() == 0);
    assert_eq!((queue.clear_eventfd(), queue.reap().count()), (1, 1));
}
