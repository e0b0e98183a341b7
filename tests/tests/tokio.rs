//! The queue of tokio's tasks: every future ends, every buffer is dropped once and not before its event.

#[path = "common/aio.rs"]
mod common;

use aio_sys::tokio::{Builder, Queue};
use aio_sys::{Errno, IoBuf, IoBufMut, PollEvents, RwFlags};
use common::{Random, file, pair};
use std::fs::File;
use std::future::Future;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{self, Runtime};

const LONG: Duration = Duration::from_secs(10);

fn runtimes() -> [Runtime; 2] {
    [runtime::Builder::new_current_thread(), runtime::Builder::new_multi_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

fn queue<B: IoBuf + Send>(capacity: u32) -> Queue<B> {
    Queue::new(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// In both kinds of runtime, and not for ever.
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

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A buffer whose end is counted.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: as of the vector, which nobody else reaches.
unsafe impl IoBuf for Counted {
    fn byte_ptr(&self) -> *const u8 {
        self.0.byte_ptr()
    }
    fn byte_len(&self) -> usize {
        self.0.byte_len()
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Counted {
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        self.0.byte_mut_ptr()
    }
}

/// More tasks than slots, each on blocks of its own.
#[test]
fn what_was_written_is_read() {
    run(async || {
        let (queue, file) = (queue::<Vec<u8>>(4), Arc::new(file(0)));
        let tasks: Vec<_> = (0..32u64)
            .map(|task| {
                let (queue, file) = (queue.clone(), file.clone());
                tokio::spawn(async move {
                    let mut random = Random(task + 1);
                    for round in 0..20 {
                        let bytes: Vec<u8> = (0..512).map(|_| random.next() as u8).collect();
                        let offset = (round % 4 * 32 + task) * 512;
                        assert_eq!(queue.write_at(&*file, bytes.clone(), offset).await, (Ok(512), bytes.clone()));
                        assert_eq!(queue.read_at(&*file, vec![0; 512], offset).await, (Ok(512), bytes));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(queue.fsync(&*file).await, Ok(()));
        assert_eq!(queue.fdsync(&*file).await, Ok(()));
        let bufs = vec![vec![1; 3], vec![2; 4]];
        assert_eq!(queue.writev_at(&*file, bufs.clone(), 9, RwFlags::DSYNC).await, (Ok(7), bufs.clone()));
        let zeros = vec![vec![0; 3], vec![0; 4]];
        assert_eq!(queue.readv_at(&*file, zeros, 9, RwFlags::NONE).await, (Ok(7), bufs));
        assert_eq!(queue.free(), 4);
    });
}

#[test]
fn what_is_refused_ends_and_the_others_are_done() {
    run(async || {
        let (queue, file) = (queue::<Vec<u8>>(4), file(64));
        // SAFETY: the kernel refuses it; nobody can own it.
        let no_fd = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
        let fds = [file.as_fd(), no_fd, file.as_fd()];
        let reads = queue.batch(9, |batch| {
            assert_eq!(batch.free(), 4, "as many as there are");
            fds.map(|fd| batch.read_at(fd, vec![0; 8], 8).unwrap())
        });
        let [first, refused, last] = reads.await;
        assert_eq!(refused.await, (Err(Errno::EBADF), vec![0; 8]));
        assert_eq!(last.await.0, Ok(8));
        assert_eq!(first.await.1, (8..16).collect::<Vec<u8>>());
        let (result, _) = queue.read_at(no_fd, Vec::new(), 0).await;
        assert_eq!((result, queue.free()), (Err(Errno::EBADF), 4));
    });
}

/// The slots are taken by polls; a future that waits goes on when one is dropped, which cancels it.
#[test]
fn a_full_queue_is_waited_for_and_a_dropped_poll_is_cancelled() {
    run(async || {
        let (queue, file) = (queue::<Vec<u8>>(2), file(8));
        let (reader, _writer) = pair();
        let polls = queue.batch(2, |batch| [(); 2].map(|()| batch.poll(reader.as_fd(), PollEvents::IN).unwrap()));
        let [first, second] = polls.await;
        let mut read = Box::pin(queue.read_at(&file, vec![0; 8], 0));
        assert!(poll_once(read.as_mut()).is_pending() && queue.free() == 0);
        drop(first);
        assert_eq!(read.await.0, Ok(8));
        drop(second);
        until(|| queue.free() == 2).await;
        assert!(queue.poll(&_writer, PollEvents::OUT).await.unwrap().contains(PollEvents::OUT));
    });
}

/// Dropped before the first poll, while waiting for a slot, in flight, and after the end.
#[test]
fn a_dropped_future_leaves_its_buffer_to_the_kernel_and_each_is_dropped_once() {
    run(async || {
        let (queue, file, dropped) = (queue::<Counted>(8), Arc::new(file(1 << 16)), Arc::new(AtomicUsize::new(0)));
        let mut random = Random(std::env::var("AIO_SEED").map_or(1, |seed| seed.parse().unwrap()));
        let made = 2000;
        let mut kept = Vec::new();
        for _ in 0..made {
            let buf = Counted(vec![0; 64], dropped.clone());
            let mut read = {
                let (queue, file) = (queue.clone(), file.clone());
                Box::pin(async move { queue.read_at(&*file, buf, 64).await })
            };
            let mut ended = false;
            for _ in 0..random.below(3) {
                if let Poll::Ready((result, buf)) = poll_once(read.as_mut()) {
                    assert_eq!((result, &buf.0[..]), (Ok(64), &(64..128).collect::<Vec<u8>>()[..]));
                    ended = true;
                    break;
                }
            }
            if !ended && random.below(3) == 0 {
                kept.push(read);
            }
            if random.below(16) == 0 {
                kept.clear();
                tokio::task::yield_now().await;
            }
        }
        drop(kept);
        until(|| queue.free() == 8).await;
        assert_eq!(dropped.load(Ordering::SeqCst), made);
    });
}

/// To end it takes the kernel tens of milliseconds, elsewhere.
#[test]
fn the_last_handle_does_not_block() {
    run(async || {
        let (reader, _writer) = pair();
        let mut fastest = LONG;
        for _ in 0..5 {
            let queue = queue::<Vec<u8>>(2);
            let mut poll = Box::pin(queue.poll(&reader, PollEvents::IN));
            assert!(poll_once(poll.as_mut()).is_pending());
            drop(poll);
            let started = Instant::now();
            drop(queue);
            fastest = fastest.min(started.elapsed());
        }
        assert!(fastest < Duration::from_millis(8), "{fastest:?}");
    });
}

/// What the page cache does not have, and what cannot be tried without blocking, is done by the helper, with its flags.
#[test]
fn what_would_block_is_done_by_a_helper() {
    run(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let queue: Queue<Vec<u8>> = Builder::new(NonZeroU32::new(2).unwrap()).nowait(true).build().unwrap();
        let bytes: Vec<u8> = (0..16384).map(|at| (at / 7) as u8).collect();
        assert_eq!(queue.write_at(&file, bytes.clone(), 0).await, (Ok(bytes.len()), bytes.clone()));
        assert_eq!(queue.write_at_with(&file, b"end".to_vec(), 0, RwFlags::APPEND).await.0, Ok(3));
        assert_eq!(std::fs::read(file.path()).unwrap(), [&bytes[..], b"end"].concat());
        let before = queue.fallbacks();
        let (result, read) = queue.read_at(&file, vec![0; 100], 16384).await;
        assert_eq!((result, &read[..3], queue.fallbacks()), (Ok(3), &b"end"[..], before + 1), "short");
        // tmpfs takes the flag in no request: each one needs the helper.
        let Ok(memory) = tempfile::tempfile_in("/dev/shm") else {
            return aio_tests::skip("the helper on tmpfs", "there is no /dev/shm");
        };
        let memory: File = memory;
        assert_eq!(queue.write_at(&memory, bytes.clone(), 1).await.0, Ok(bytes.len()));
        assert_eq!(queue.read_at(&memory, vec![0; bytes.len()], 1).await, (Ok(bytes.len()), bytes.clone()));
        assert_eq!(
            queue.readv_at(&memory, vec![vec![0; 3], vec![0; 5]], 1, RwFlags::NONE).await.1.concat(),
            bytes[..8]
        );
        if queue.fallbacks() == before + 1 {
            aio_tests::skip("the helper on tmpfs", "this kernel's tmpfs takes RWF_NOWAIT");
        }
        let own = queue.read_at_with(&memory, vec![0; 8], 1, RwFlags::NOWAIT).await.0;
        assert!(own == Err(Errno::EOPNOTSUPP) || own == Ok(8), "{own:?}");
    });
}
