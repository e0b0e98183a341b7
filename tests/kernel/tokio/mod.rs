//! The queue for tokio tasks: every future completes, and every buffer is dropped once, not before
//! its event.

mod futures;
mod helper;
mod shutdown;
mod together;
mod wakers;

use crate::common::{
    Graveyard, Mortal, Random, catches, direct_file, in_child, pair, refuse, seeds, temp_file,
};
use aio_sys::tokio::{Builder, Queue, Request};
use aio_sys::{Errno, IoBuf, IoBufMut, PollEvents, RwFlags, op};
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{self, Runtime};

const LONG: Duration = Duration::from_secs(10);

fn runtimes() -> [Runtime; 2] {
    [runtime::Builder::new_current_thread(), runtime::Builder::new_multi_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

fn new_queue<B: IoBuf + Send>(capacity: u32) -> Queue<B> {
    Queue::new(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// In both kinds of runtime, with a timeout.
fn run<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(async { tokio::time::timeout(LONG, test()).await.expect("it ends") });
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Enough polls that a few more requests are queued instead of being sent at once. For queues of
/// `MANY`.
async fn submit_busy<B: IoBuf + Send>(
    queue: &Queue<B>,
    fd: impl AsFd,
) -> Vec<Request<B, Result<PollEvents, Errno>>> {
    let fd = fd.as_fd();
    let polls = queue.batch(48, |batch| {
        (0..48).map(|_| batch.push(op::poll(fd, PollEvents::IN)).unwrap()).collect()
    });
    polls.await
}
const MANY: u32 = 64;

fn poll_once<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
