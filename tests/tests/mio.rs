//! A queue in an event loop of `mio`.

#[path = "common/aio.rs"]
mod common;

use aio_sys::{Errno, Queue};
use common::file;
use mio::{Events, Interest, Poll, Token};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Each wave is all reads there is room for; one of them is refused, and signals nothing.
#[test]
fn every_completion_is_found_by_clearing_and_then_draining() {
    const WAVES: usize = 200;
    let file = file(4096);
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
                batch.read(fd, vec![0; 16], 16 * at as u64).unwrap();
            }
        });
        while queue.outstanding() > 0 {
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(events.iter().all(|event| event.token() == Token(3)) && !events.is_empty());
            queue.clear_eventfd();
            while queue.reap(|done| match done.result {
                Ok(16) => read += 1,
                other => {
                    assert_eq!(other, Err(Errno::EBADF));
                    refused += 1;
                }
            }) > 0
            {}
        }
    }
    assert_eq!((read, refused), (7 * WAVES, WAVES));
    poll.registry().deregister(&mut queue).unwrap();
}
