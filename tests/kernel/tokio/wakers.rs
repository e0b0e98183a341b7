//! Signals, children, wakers that use the queue, and panics.

use super::*;

/// Another reader consumes the counter: completed requests are then found with the next request, or
/// the next completion. In a separate process, where no other test creates an eventfd.
#[test]
fn a_stolen_signal_is_recovered_by_the_next() {
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
            let queue = new_queue::<Vec<u8>>(4);
            let eventfd = eventfds().find(|fd| !before.contains(fd)).unwrap();
            let (reader, mut writer) = pair();
            let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
            assert!(poll_once(poll.as_mut()).is_pending());
            // The task has not run meanwhile: there is only this thread.
            writer.write_all(b"x").unwrap();
            let mut count = 0u64;
            // SAFETY: the kernel writes 8 bytes.
            assert_eq!(unsafe { libc::read(eventfd, (&raw mut count).cast(), 8) }, 8);
            assert_eq!(count, 1);
            let soon = Duration::from_millis(50);
            assert!(
                tokio::time::timeout(soon, poll.as_mut()).await.is_err(),
                "nothing was signalled"
            );
            assert_eq!(
                queue
                    .submit(op::poll(&writer, PollEvents::OUT))
                    .await
                    .map(|found| found.contains(PollEvents::OUT)),
                Ok(true)
            );
            assert!(poll_once(poll.as_mut()).is_ready());
        });
        true
    });
}

/// Other tests fork as well, and their children have copies of these descriptors; so this one runs
/// in a child.
#[test]
fn a_child_of_a_runtime_gets_errors_and_takes_nothing() {
    in_child(|| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (queue, file) = (new_queue::<Vec<u8>>(4), temp_file(16));
            let (reader, mut writer) = pair();
            let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
            assert!(poll_once(poll.as_mut()).is_pending());
            writer.write_all(b"x").unwrap();
            in_child(|| {
                let mut read = Box::pin(queue.submit(op::read_at(&file, vec![1; 4], 0)));
                let refused =
                    poll_once(read.as_mut()) == Poll::Ready((Err(Errno::EINVAL), vec![1; 4]));
                refused && poll_once(poll.as_mut()).is_pending()
            });
            tokio::time::timeout(LONG, poll).await.unwrap().unwrap().contains(PollEvents::IN)
        })
    });
}

/// A waker may do anything: it drops another request of the queue, and polls a third.
#[test]
fn wakers_that_use_the_queue() {
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
        let queue = new_queue::<Vec<u8>>(4);
        let (reader, mut writer) = pair();
        let quiet = Arc::new(pair());
        let poll = |pair: Arc<(std::os::unix::net::UnixStream, std::os::unix::net::UnixStream)>| {
            let queue = queue.clone();
            Box::pin(async move {
                assert!(queue.submit(op::poll(&pair.0, PollEvents::IN)).await.is_ok())
            })
        };
        let (mut dropped, polled) = (poll(quiet.clone()), poll(quiet.clone()));
        assert!(poll_once(dropped.as_mut()).is_pending());
        let meddler = Arc::new(Meddles(
            std::sync::Mutex::new(Some(dropped)),
            std::sync::Mutex::new(Some(polled)),
            std::sync::atomic::AtomicBool::new(false),
        ));
        let mut first = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
        assert!(
            first.as_mut().poll(&mut Context::from_waker(&meddler.clone().into())).is_pending()
        );
        writer.write_all(b"x").unwrap();
        until(|| meddler.2.load(std::sync::atomic::Ordering::SeqCst)).await;
        assert!(first.await.is_ok());
        until(|| queue.free() == 4).await;
    });
}

/// The error is not attributed to io_setup.
#[test]
fn an_eventfd_that_cannot_be_created() {
    for errno in [Errno::EPERM, Errno::ENOSYS, Errno::ENOMEM] {
        in_child(|| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _inside = runtime.enter();
            let refused = refuse(&[aio_sys::nr::SYS_eventfd2], errno.raw_os_error());
            let one = NonZeroU32::MIN;
            let Err(error) = aio_sys::Queue::<Vec<u8>>::with_eventfd(one) else { return false };
            let Err(same) = Queue::<Vec<u8>>::new(one) else { return false };
            let said = format!("no queue for 1 requests: eventfd2 fails: {errno}");
            refused && error.call == "eventfd2" && error.to_string() == said && same == error
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

/// Neither the task that reads completions nor one that submits is affected.
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
    // SAFETY: the vector's memory is accessed only through this value, and does not move.
    unsafe impl IoBuf for Bomb {
        fn byte_ptr(&self) -> *const u8 {
            self.0.byte_ptr()
        }
        fn byte_len(&self) -> usize {
            self.0.byte_len()
        }
    }
    // SAFETY: the vector's memory is accessed only through this value, and does not move.
    unsafe impl IoBufMut for Bomb {
        fn byte_mut_ptr(&mut self) -> *mut u8 {
            self.0.byte_mut_ptr()
        }
    }
    let bomb = || Bomb(vec![0; 4]);
    run(async || {
        DROPPED.store(0, Ordering::SeqCst);
        let (queue, file) = (new_queue::<Bomb>(4), temp_file(8));
        let both = queue.batch(2, |batch| {
            drop(batch.push(op::read_at(&file, bomb(), 0)).unwrap());
            drop(batch.push(op::readv_at(&file, vec![bomb(), bomb()], 0)).unwrap());
        });
        both.await;
        assert_eq!(DROPPED.load(Ordering::SeqCst), 3);
        assert!(queue.submit(op::poll(&pair().0, PollEvents::OUT)).await.is_ok());
        assert_eq!(queue.free(), 4);
    });
    // While a read of a socket blocks the submission, the task finds what has completed.
    let [_, runtime] = runtimes();
    DROPPED.store(0, Ordering::SeqCst);
    runtime.block_on(async {
        let (queue, file) = (new_queue::<Bomb>(4), temp_file(8));
        let (socket, mut writer) = pair();
        let blocked = tokio::spawn({
            let queue = queue.clone();
            async move {
                let (file, socket) = (file.as_fd(), socket.as_fd());
                let read = queue.batch(3, |batch| {
                    drop(batch.push(op::readv_at(file, vec![bomb(), bomb()], 0)).unwrap());
                    drop(batch.push(op::read_at(file, bomb(), 0)).unwrap());
                    batch.push(op::read_at(socket, bomb(), 0)).unwrap()
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
        // The task continues.
        let (reader, mut writer) = pair();
        let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
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
        let queue = new_queue::<Vec<u8>>(2);
        let (reader, mut writer) = pair();
        let counts = [true, false].map(|panics| Arc::new(Counts { panics, ..Counts::default() }));
        let wakers = counts.clone().map(Waker::from);
        // Two have slots, and two wait for slots.
        let mut polls = [(); 4].map(|()| Box::pin(queue.submit(op::poll(&reader, PollEvents::IN))));
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

/// Destroying it takes the kernel tens of milliseconds, on another thread.
#[test]
fn the_last_handle_does_not_block() {
    run(async || {
        let (reader, _writer) = pair();
        let mut fastest = LONG;
        for _ in 0..5 {
            let queue = new_queue::<Vec<u8>>(2);
            let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
            assert!(poll_once(poll.as_mut()).is_pending());
            drop(poll);
            let started = Instant::now();
            drop(queue);
            fastest = fastest.min(started.elapsed());
        }
        assert!(fastest < Duration::from_millis(8), "{fastest:?}");
    });
}

/// A descriptor of a user-defined type, which is dropped when nobody waits for its request: not
/// while the queue is locked, and its drop code does no harm.
#[test]
fn a_detached_descriptor_that_panics_or_uses_the_queue_when_it_is_dropped() {
    if !catches("descriptors that panic when they are dropped") {
        return;
    }
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Uses(File, Queue<Vec<u8>>);
    impl AsFd for Uses {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl Drop for Uses {
        fn drop(&mut self) {
            let file = Arc::new(self.0.try_clone().unwrap());
            let mut more = Box::pin(self.1.submit(op::read_at(file, vec![0; 1], 0)));
            let _ = poll_once(more.as_mut());
            DROPPED.fetch_add(1, Ordering::SeqCst);
            panic_twice();
        }
    }
    // On one thread, so that it is queued still when its future is dropped.
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        let queue = new_queue::<Vec<u8>>(MANY);
        let uses = Arc::new(Uses(temp_file(8), queue.clone()));
        let (reader, _writer) = pair();
        let busy = submit_busy(&queue, &reader).await;
        let mut read = Box::pin(queue.submit(op::read_at(uses, vec![0; 8], 0)));
        assert!(poll_once(read.as_mut()).is_pending());
        drop(read);
        until(|| DROPPED.load(Ordering::SeqCst) == 1).await;
        drop(busy);
        queue.drain().await;
        assert_eq!(queue.free(), MANY as usize);
    });
}
