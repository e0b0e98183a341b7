//! The queue of tokio's tasks: every future ends, every buffer is dropped once and not before its
//! event.

#[path = "common/aio.rs"]
mod common;

use aio_sys::tokio::{Builder, Queue};
use aio_sys::{Errno, IoBuf, IoBufMut, PollEvents, RwFlags};
use common::{
    Graveyard, Mortal, Random, catches, direct_file, file, in_child, pair, refuse, seeds,
};
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

fn poll_once<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
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
                        assert_eq!(
                            queue.write_at(&*file, bytes.clone(), offset).await,
                            (Ok(512), bytes.clone())
                        );
                        assert_eq!(
                            queue.read_at(&*file, vec![0; 512], offset).await,
                            (Ok(512), bytes)
                        );
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
        assert_eq!(
            queue.writev_at(&*file, bufs.clone(), 9, RwFlags::DSYNC).await,
            (Ok(7), bufs.clone())
        );
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
        let polls = queue.batch(2, |batch| {
            [(); 2].map(|()| batch.poll(reader.as_fd(), PollEvents::IN).unwrap())
        });
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

/// Dropped before the first poll, while waiting for a slot, in flight, and after the end; aborted
/// as a task, from another thread. Each buffer is dropped, once, and not before the kernel is done
/// with it.
#[test]
fn a_future_that_is_dropped_at_any_time_leaves_its_buffer_to_the_kernel() {
    const BLOCKS: u64 = 64;
    let file = Arc::new(direct_file(BLOCKS as usize));
    for seed in seeds(4) {
        eprintln!("AIO_SEED={seed}");
        run(async || {
            let (queue, graveyard) = (queue::<Mortal>(8), Arc::<Graveyard>::default());
            let mut random = Random(seed);
            let (mut kept, mut tasks) = (Vec::new(), Vec::new());
            for _ in 0..1000 {
                let (at, buf) = (random.below(BLOCKS) * Mortal::BYTES as u64, graveyard.buffer());
                let (queue, file) = (queue.clone(), file.clone());
                let mut read = Box::pin(async move {
                    let (result, buf) = queue.read_at(&*file, buf, at).await;
                    assert!(result == Ok(Mortal::BYTES) && buf.is_read());
                });
                match random.below(4) {
                    0 => tasks.push(tokio::spawn(read)),
                    polls => {
                        let ended = (0..polls).any(|_| poll_once(read.as_mut()).is_ready());
                        if !ended && random.below(3) == 0 {
                            kept.push(read);
                        }
                    }
                }
                match random.below(24) {
                    0 => kept.clear(),
                    1 => tokio::task::yield_now().await,
                    2 => tasks.drain(..).for_each(|task| task.abort()),
                    _ => {}
                }
            }
            drop(kept);
            for task in tasks {
                task.await.unwrap();
            }
            until(|| queue.free() == 8).await;
            // The slot is free a moment before a detached buffer is dropped.
            until(|| graveyard.alive() == 0).await;
            assert!(graveyard.in_peace());
        });
    }
}

/// In flight, it gives its slot back all the same; what it gets later, it keeps.
#[test]
fn a_future_that_is_forgotten() {
    run(async || {
        let (queue, graveyard, file) =
            (queue::<Mortal>(2), Arc::<Graveyard>::default(), direct_file(1));
        for count in 1..=10 {
            let mut read = Box::pin(queue.read_at(&file, graveyard.buffer(), 0));
            let pending = poll_once(read.as_mut()).is_pending();
            std::mem::forget(read);
            until(|| queue.free() == 2).await;
            assert!(!pending || graveyard.alive() <= count);
        }
        let (never, _quiet) = pair();
        let polls = queue
            .batch(2, |batch| [(); 2].map(|()| batch.poll(never.as_fd(), PollEvents::IN).unwrap()))
            .await;
        let mut read = Box::pin(queue.read_at(&file, graveyard.buffer(), 0));
        assert!(poll_once(read.as_mut()).is_pending());
        std::mem::forget(read);
        drop(polls);
        until(|| queue.free() == 1).await;
        let (result, buf) = queue.read_at(&file, graveyard.buffer(), 0).await;
        assert!(result == Ok(Mortal::BYTES) && buf.is_read() && graveyard.in_peace());
    });
}

/// With reads in flight, and a handle that is still there: here, and on another thread.
#[test]
fn a_runtime_that_ends_first() {
    let file = Arc::new(direct_file(64));
    for (round, runtime) in runtimes().into_iter().chain(runtimes()).enumerate() {
        let graveyard = Arc::<Graveyard>::default();
        let (queue, mut reads) = runtime.block_on(async {
            let queue = queue::<Mortal>(16);
            let mut reads: Vec<_> = (0..24)
                .map(|_| {
                    let (queue, file, buf) = (queue.clone(), file.clone(), graveyard.buffer());
                    Box::pin(async move { queue.read_at(&*file, buf, 0).await.0 })
                })
                .collect();
            reads.retain_mut(|read| poll_once(read.as_mut()).is_pending());
            tokio::spawn(reads.pop().expect("24 reads, 16 slots"));
            (queue, reads)
        });
        match round < 2 {
            true => drop(runtime),
            false => std::thread::spawn(move || drop(runtime)).join().unwrap(),
        }
        for read in &mut reads {
            let polled = catch_unwind(AssertUnwindSafe(|| poll_once(read.as_mut())));
            let said = match polled {
                // It had ended before.
                Ok(ready) => {
                    assert_eq!(ready, Poll::Ready(Ok(Mortal::BYTES)));
                    continue;
                }
                Err(said) => said,
            };
            let said = said.downcast_ref::<String>().map_or("called `Result::unwrap`", |said| said);
            assert!(said.contains("has been shut down"), "{said}");
        }
        drop(reads);
        drop(queue);
        let start = Instant::now();
        while graveyard.alive() > 0 {
            assert!(start.elapsed() < LONG, "{} buffers are not dropped", graveyard.alive());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(graveyard.in_peace());
    }
}

/// A read of a socket with nothing in it blocks within io_submit(2), as one of a slow disk does.
/// The other tasks' threads go on, and so do their requests: submission, completion, cancelling.
#[test]
fn a_submission_that_blocks_holds_up_nobody_else() {
    let [_, runtime] = runtimes();
    runtime.block_on(async {
        let (queue, file) = (queue::<Vec<u8>>(8), Arc::new(file(64)));
        let (socket, mut writer) = pair();
        let (started, submits) = std::sync::mpsc::channel();
        let blocked = tokio::spawn({
            let queue = queue.clone();
            async move {
                started.send(()).unwrap();
                queue.read_at(&socket, vec![0; 4], 0).await
            }
        });
        submits.recv_timeout(LONG).unwrap();
        // It is about to.
        std::thread::sleep(Duration::from_millis(20));
        let others = tokio::spawn({
            let queue = queue.clone();
            async move {
                for at in 0..32 {
                    assert_eq!(
                        queue.read_at(&*file, vec![0; 1], at).await,
                        (Ok(1), vec![at as u8])
                    );
                }
                let (reader, mut writer) = pair();
                let mut poll = Box::pin(queue.poll(&reader, PollEvents::IN));
                assert!(poll_once(poll.as_mut()).is_pending());
                drop(Box::pin(queue.poll(&reader, PollEvents::IN)));
                writer.write_all(b"x").unwrap();
                assert!(poll.await.unwrap().contains(PollEvents::IN));
                let mut cancelled = Box::pin(queue.poll(&writer, PollEvents::IN));
                assert!(poll_once(cancelled.as_mut()).is_pending());
                drop(cancelled);
                until(|| queue.free() == 7).await;
            }
        });
        // If they are held up, no timer of the runtime can be relied upon.
        let (passed, over) = std::sync::mpsc::channel();
        let unblocked = std::thread::spawn(move || {
            let in_time = over.recv_timeout(LONG).is_ok();
            writer.write_all(b"text").unwrap();
            in_time
        });
        others.await.unwrap();
        assert!(!blocked.is_finished(), "nobody is held up, and the socket is the obstacle");
        passed.send(()).unwrap();
        assert!(unblocked.join().unwrap());
        assert_eq!(blocked.await.unwrap(), (Ok(4), b"text".to_vec()));
        assert_eq!(queue.free(), 8);
    });
}

/// A poll whose future is dropped before it is submitted is cancelled after it was.
#[test]
fn a_request_that_is_dropped_in_its_own_batch() {
    run(async || {
        let queue = queue::<Vec<u8>>(2);
        let (reader, _writer) = pair();
        for _ in 0..100 {
            queue
                .batch(2, |batch| {
                    drop(batch.poll(reader.as_fd(), PollEvents::IN).unwrap());
                    drop(batch.poll(reader.as_fd(), PollEvents::IN).unwrap());
                })
                .await;
        }
        until(|| queue.free() == 2).await;
    });
}

/// Somebody else reads the counter: what has ended then is found with the next request, or the next
/// completion. In a process of its own, where no other test makes an eventfd meanwhile.
#[test]
fn a_signal_that_is_stolen_is_made_up_for_by_the_next() {
    in_child(|| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let eventfds = || {
                let fds =
                    std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
                let is_one = |path: &std::path::PathBuf| {
                    std::fs::read_link(path)
                        .is_ok_and(|link| link.to_string_lossy().contains("eventfd"))
                };
                fds.filter(is_one)
                    .map(|path| path.file_name().unwrap().to_str().unwrap().parse::<i32>().unwrap())
            };
            let before: Vec<i32> = eventfds().collect();
            let queue = queue::<Vec<u8>>(4);
            let eventfd = eventfds().find(|fd| !before.contains(fd)).unwrap();
            let (reader, mut writer) = pair();
            let mut poll = Box::pin(queue.poll(&reader, PollEvents::IN));
            assert!(poll_once(poll.as_mut()).is_pending());
            // The task has not run meanwhile: there is only this thread.
            writer.write_all(b"x").unwrap();
            let mut count = 0u64;
            // SAFETY: the kernel writes 8 bytes.
            assert_eq!(unsafe { libc::read(eventfd, (&raw mut count).cast(), 8) }, 8);
            assert_eq!(count, 1);
            let soon = Duration::from_millis(50);
            assert!(tokio::time::timeout(soon, poll.as_mut()).await.is_err(), "nobody has told");
            assert_eq!(
                queue
                    .poll(&writer, PollEvents::OUT)
                    .await
                    .map(|found| found.contains(PollEvents::OUT)),
                Ok(true)
            );
            assert!(poll_once(poll.as_mut()).is_ready());
        });
        true
    });
}

/// Other tests fork as well, and their children have copies of these descriptors; so this one is in
/// a child of its own.
#[test]
fn a_child_of_a_runtime_gets_errors_and_takes_nothing() {
    in_child(|| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (queue, file) = (queue::<Vec<u8>>(4), file(16));
            let (reader, mut writer) = pair();
            let mut poll = Box::pin(queue.poll(&reader, PollEvents::IN));
            assert!(poll_once(poll.as_mut()).is_pending());
            writer.write_all(b"x").unwrap();
            in_child(|| {
                let mut read = Box::pin(queue.read_at(&file, vec![1; 4], 0));
                let refused =
                    poll_once(read.as_mut()) == Poll::Ready((Err(Errno::EINVAL), vec![1; 4]));
                refused && poll_once(poll.as_mut()).is_pending()
            });
            tokio::time::timeout(LONG, poll).await.unwrap().unwrap().contains(PollEvents::IN)
        })
    });
}

/// A waker does as it likes when it is woken: it drops another request of the queue, and polls a
/// third.
#[test]
fn wakers_that_come_back() {
    type Slot = std::sync::Mutex<Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>>;
    struct Meddles(Slot, Slot, std::sync::atomic::AtomicBool);
    impl Wake for Meddles {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            if let Some(mut other) = self.1.lock().unwrap().take() {
                assert!(poll_once(other.as_mut()).is_pending());
            }
            self.2.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    run(async || {
        let queue = queue::<Vec<u8>>(4);
        let (reader, mut writer) = pair();
        let quiet = Arc::new(pair());
        let poll = |pair: Arc<(std::os::unix::net::UnixStream, std::os::unix::net::UnixStream)>| {
            let queue = queue.clone();
            Box::pin(async move { assert!(queue.poll(&pair.0, PollEvents::IN).await.is_ok()) })
        };
        let (mut dropped, polled) = (poll(quiet.clone()), poll(quiet.clone()));
        assert!(poll_once(dropped.as_mut()).is_pending());
        let meddler = Arc::new(Meddles(
            std::sync::Mutex::new(Some(dropped)),
            std::sync::Mutex::new(Some(polled)),
            std::sync::atomic::AtomicBool::new(false),
        ));
        let mut first = Box::pin(queue.poll(&reader, PollEvents::IN));
        assert!(
            first.as_mut().poll(&mut Context::from_waker(&meddler.clone().into())).is_pending()
        );
        writer.write_all(b"x").unwrap();
        until(|| meddler.2.load(std::sync::atomic::Ordering::SeqCst)).await;
        assert!(first.await.is_ok());
        until(|| queue.free() == 4).await;
    });
}

/// The error is not blamed on io_setup.
#[test]
fn an_eventfd_that_cannot_be_made() {
    for errno in [Errno::EPERM, Errno::ENOSYS, Errno::ENOMEM] {
        in_child(|| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _inside = runtime.enter();
            let refused = refuse(&[aio_sys::nr::SYS_eventfd2], errno.raw_os_error());
            let one = NonZeroU32::MIN;
            let Err(error) = aio_sys::Queue::<Vec<u8>>::with_eventfd(one) else { return false };
            let Err(wrapped) = Queue::<Vec<u8>>::new(one) else { return false };
            let said = format!("no queue for 1 requests: eventfd2 fails: {errno}");
            refused
                && error.call == "eventfd2"
                && error.to_string() == said
                && wrapped.to_string() == said
        });
    }
}

/// Panics with something that panics as well when it is dropped.
fn panic_twice() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("on purpose, again");
        }
    }
    std::panic::panic_any(Again);
}

/// Neither the task that takes completions nor one that submits is to suffer.
#[test]
fn detached_buffers_that_panic_when_they_are_dropped() {
    if !catches("buffers that panic when they are dropped") {
        return;
    }
    #[derive(Debug)]
    struct Bomb(Vec<u8>);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            panic_twice();
        }
    }
    // SAFETY: as of the vector, which nobody else reaches.
    unsafe impl IoBuf for Bomb {
        fn byte_ptr(&self) -> *const u8 {
            self.0.byte_ptr()
        }
        fn byte_len(&self) -> usize {
            self.0.byte_len()
        }
    }
    // SAFETY: as above.
    unsafe impl IoBufMut for Bomb {
        fn byte_mut_ptr(&mut self) -> *mut u8 {
            self.0.byte_mut_ptr()
        }
    }
    let bomb = || Bomb(vec![0; 4]);
    run(async || {
        DROPPED.store(0, Ordering::SeqCst);
        let (queue, file) = (queue::<Bomb>(4), file(8));
        let both = queue.batch(2, |batch| {
            drop(batch.read_at(file.as_fd(), bomb(), 0).unwrap());
            drop(batch.readv_at(file.as_fd(), vec![bomb(), bomb()], 0, RwFlags::NONE).unwrap());
        });
        both.await;
        assert_eq!(DROPPED.load(Ordering::SeqCst), 3);
        assert!(queue.poll(&pair().0, PollEvents::OUT).await.is_ok());
        assert_eq!(queue.free(), 4);
    });
    // While a read of a socket blocks the submission, it is the task that finds what has ended.
    let [_, runtime] = runtimes();
    DROPPED.store(0, Ordering::SeqCst);
    runtime.block_on(async {
        let (queue, file) = (queue::<Bomb>(4), file(8));
        let (socket, mut writer) = pair();
        let blocked = tokio::spawn({
            let queue = queue.clone();
            async move {
                let (file, socket) = (file.as_fd(), socket.as_fd());
                let read = queue.batch(3, |batch| {
                    drop(batch.readv_at(file, vec![bomb(), bomb()], 0, RwFlags::NONE).unwrap());
                    drop(batch.read_at(file, bomb(), 0).unwrap());
                    batch.read_at(socket, bomb(), 0).unwrap()
                });
                let (result, buf) = read.await.await;
                std::mem::forget(buf);
                result
            }
        });
        let start = Instant::now();
        while DROPPED.load(Ordering::SeqCst) < 3 {
            assert!(start.elapsed() < LONG);
            std::thread::sleep(Duration::from_millis(1));
        }
        writer.write_all(b"text").unwrap();
        assert_eq!(blocked.await.unwrap(), Ok(4));
        // The task goes on.
        let (reader, mut writer) = pair();
        let mut poll = Box::pin(queue.poll(&reader, PollEvents::IN));
        assert!(poll_once(poll.as_mut()).is_pending());
        writer.write_all(b"x").unwrap();
        assert!(tokio::time::timeout(LONG, poll).await.unwrap().is_ok());
    });
}

/// Of a request, and of a future that waits for a slot: the others are woken.
#[test]
fn wakers_that_panic() {
    if !catches("wakers that panic") {
        return;
    }
    #[derive(Default)]
    struct Counts {
        woken: AtomicUsize,
        panics: bool,
    }
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::SeqCst);
            if self.panics {
                panic_twice();
            }
        }
    }
    run(async || {
        let queue = queue::<Vec<u8>>(2);
        let (reader, mut writer) = pair();
        let counts = [true, false].map(|panics| Arc::new(Counts { panics, ..Counts::default() }));
        let wakers = counts.clone().map(Waker::from);
        // Two have slots, and two wait for these.
        let mut polls = [(); 4].map(|()| Box::pin(queue.poll(&reader, PollEvents::IN)));
        for (at, poll) in polls.iter_mut().enumerate() {
            assert!(poll.as_mut().poll(&mut Context::from_waker(&wakers[at % 2])).is_pending());
        }
        writer.write_all(b"x").unwrap();
        until(|| counts.iter().all(|counts| counts.woken.load(Ordering::SeqCst) == 2)).await;
        for poll in polls {
            assert!(poll.await.is_ok());
        }
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

/// What the page cache has is read without the helper, and what it does not have needs it once. It
/// counts exactly.
#[test]
fn the_helper_is_needed_for_what_is_not_in_the_page_cache() {
    const BLOCK: usize = 4096;
    run(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..64 * BLOCK).map(|at| (at / BLOCK) as u8).collect();
        file.as_file().write_all_at(&bytes, 0).unwrap();
        file.as_file().sync_all().unwrap();
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(4).unwrap()).nowait(true).build().unwrap();
        let probe = queue.read_at_with(&file, vec![0; BLOCK], 0, RwFlags::NOWAIT).await.0;
        if probe == Err(Errno::EOPNOTSUPP) {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the file system of the temporary folder does not know it",
            );
        }
        let read = async |block: usize| {
            let (result, buf) = queue.read_at(&file, vec![0; BLOCK], (block * BLOCK) as u64).await;
            assert_eq!((result, buf), (Ok(BLOCK), vec![block as u8; BLOCK]));
        };
        for block in 0..64 {
            read(block).await;
        }
        assert_eq!(queue.fallbacks(), 0, "all of it was just written");
        // SAFETY: it touches no memory.
        let gone = unsafe {
            libc::posix_fadvise(file.as_file().as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED)
        };
        // Without readahead each block is missing until it is read.
        // SAFETY: as above.
        let random = unsafe {
            libc::posix_fadvise(file.as_file().as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM)
        };
        assert_eq!((gone, random), (0, 0));
        if queue.read_at_with(&file, vec![0; BLOCK], 0, RwFlags::NOWAIT).await.0
            != Err(Errno::EAGAIN)
        {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the page cache of the temporary folder cannot be emptied",
            );
        }
        for (count, block) in [5, 60, 33].into_iter().enumerate() {
            read(block).await;
            assert_eq!(queue.fallbacks(), count as u64 + 1);
            read(block).await;
            assert_eq!(queue.fallbacks(), count as u64 + 1, "it is in the page cache now");
        }
    });
}

/// What the page cache does not have, and what cannot be tried without blocking, is done by the
/// helper, with its flags.
#[test]
fn what_would_block_is_done_by_a_helper() {
    run(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(2).unwrap()).nowait(true).build().unwrap();
        let bytes: Vec<u8> = (0..16384).map(|at| (at / 7) as u8).collect();
        assert_eq!(queue.write_at(&file, bytes.clone(), 0).await, (Ok(bytes.len()), bytes.clone()));
        assert_eq!(queue.write_at_with(&file, b"end".to_vec(), 0, RwFlags::APPEND).await.0, Ok(3));
        assert_eq!(std::fs::read(file.path()).unwrap(), [&bytes[..], b"end"].concat());
        let before = queue.fallbacks();
        let (result, read) = queue.read_at(&file, vec![0; 100], 16384).await;
        assert_eq!(
            (result, &read[..3], queue.fallbacks()),
            (Ok(3), &b"end"[..], before + 1),
            "short"
        );
        // tmpfs takes the flag in no request: each one needs the helper.
        let Ok(memory) = tempfile::tempfile_in("/dev/shm") else {
            return aio_tests::skip("the helper on tmpfs", "there is no /dev/shm");
        };
        let memory: File = memory;
        assert_eq!(queue.write_at(&memory, bytes.clone(), 1).await.0, Ok(bytes.len()));
        assert_eq!(
            queue.read_at(&memory, vec![0; bytes.len()], 1).await,
            (Ok(bytes.len()), bytes.clone())
        );
        assert_eq!(
            queue
                .readv_at(&memory, vec![vec![0; 3], vec![0; 5]], 1, RwFlags::NONE)
                .await
                .1
                .concat(),
            bytes[..8]
        );
        // For the helper's calls, the last one is no offset, but the file's own position.
        for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
            let (buf, refused) = (vec![255; 4], Err(Errno::EINVAL));
            assert_eq!(queue.read_at(&memory, buf.clone(), offset).await, (refused, buf.clone()));
            assert_eq!(queue.write_at(&memory, buf.clone(), offset).await.0, refused);
            assert_eq!(
                queue.readv_at(&memory, vec![buf.clone()], offset, RwFlags::NONE).await.0,
                refused
            );
            assert_eq!(queue.writev_at(&memory, vec![buf], offset, RwFlags::NONE).await.0, refused);
        }
        assert_eq!(queue.read_at(&memory, vec![0; bytes.len()], 1).await.1, bytes);
        if queue.fallbacks() == before + 1 {
            aio_tests::skip("the helper on tmpfs", "this kernel's tmpfs takes RWF_NOWAIT");
        }
        let own = queue.read_at_with(&memory, vec![0; 8], 1, RwFlags::NOWAIT).await.0;
        assert!(own == Err(Errno::EOPNOTSUPP) || own == Ok(8), "{own:?}");
    });
}
