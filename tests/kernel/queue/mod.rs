//! `Queue`: every request yields exactly one completion, and every buffer comes back or is waited
//! for.

mod ends;
mod forks;
mod operations;
mod refusals;
mod split;
mod transfers;
mod waiting;

use crate::common::{
    AIO_CALLS, Random, aio_nr, await_child, catches, fork, in_child, itself, leave, pair, quota,
    refuse, seeds, temp_file,
};
use aio_sys::types::{aio_ring, iovec};
use aio_sys::{
    AlignedBuf, AlignedBufError, Completion, Errno, Full, IoBufMut, PollEvents, PollToken, Queue,
    RwFlags, Token, op,
};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn new_queue(capacity: u32) -> Queue<Vec<u8>> {
    Queue::new(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// Waits for all that is outstanding, in the order of arrival.
fn drain<B>(queue: &mut Queue<B>) -> Vec<Completion<B>> {
    let mut all = Vec::new();
    while queue.outstanding() > 0 {
        for completion in queue.wait(usize::MAX, LONG).unwrap() {
            all.push(completion);
        }
    }
    all
}

fn only<B>(queue: &mut Queue<B>) -> Completion<B> {
    let mut all = drain(queue);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A descriptor that is open nowhere.
fn no_fd() -> BorrowedFd<'static> {
    // SAFETY: the kernel refuses it; nobody can own it.
    unsafe { BorrowedFd::borrow_raw(i32::MAX) }
}
