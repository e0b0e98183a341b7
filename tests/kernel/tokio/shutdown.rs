//! Shutdown of a queue, and its effect on pending callers.

use super::*;

/// A queue that is created while a runtime shuts down: its tasks are dropped before they run, so
/// its futures panic instead of waiting for them.
#[test]
fn a_queue_that_is_created_while_its_runtime_shuts_down() {
    struct Late(std::sync::mpsc::Sender<Queue<Vec<u8>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            // A runtime may also refuse to register the eventfd.
            if let Ok(queue) = Queue::new(NonZeroU32::new(4).unwrap()) {
                self.0.send(queue).unwrap();
            }
        }
    }
    if !catches("a queue of a runtime that is gone") {
        return;
    }
    for runtime in runtimes() {
        let (sender, queues) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let _late = Late(sender);
            std::future::pending::<()>().await
        });
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        drop(runtime);
        let Ok(queue) = queues.recv() else { continue };
        let other = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (reader, _writer) = pair();
        let ended = other.block_on(async {
            let waits = async move { queue.submit(op::poll(&reader, PollEvents::IN)).await };
            tokio::time::timeout(LONG, tokio::spawn(waits)).await.expect("it ends")
        });
        assert!(ended.unwrap_err().is_panic());
    }
}

#[test]
fn close_waits_for_transfers_and_cancels_polls() {
    run(async || {
        let (queue, file, (reader, _writer)) = (new_queue::<Mortal>(8), direct_file(4), pair());
        let graveyard = Arc::new(Graveyard::default());
        let file = Arc::new(file);
        let mut reads = Vec::new();
        for at in 0..4 {
            let (queue, file, buf) = (queue.clone(), file.clone(), graveyard.buffer());
            let at = at * Mortal::BYTES as u64;
            reads.push(tokio::spawn(async move { queue.submit(op::read_at(file, buf, at)).await }));
        }
        let poll = tokio::spawn({
            let queue = queue.clone();
            async move { queue.submit(op::poll(&reader, PollEvents::IN)).await }
        });
        until(|| queue.free() <= 7).await;
        tokio::task::yield_now().await;
        queue.close().await.unwrap();
        for read in reads {
            let (result, buf) = read.await.unwrap();
            // A later request is refused.
            assert!(
                result == Ok(Mortal::BYTES) && buf.is_read() || result == Err(Errno::ESHUTDOWN)
            );
        }
        let polled = poll.await.unwrap();
        assert!([Ok(PollEvents::NONE), Err(Errno::ESHUTDOWN)].contains(&polled), "{polled:?}");

        let (result, buf) = queue.submit(op::read_at(&*file, graveyard.buffer(), 0)).await;
        assert!(result == Err(Errno::ESHUTDOWN) && !buf.is_read());
        let full = queue.batch(1, |batch| batch.push(op::fsync(&*file)).is_err()).await;
        assert!(full, "a closed queue accepts nothing");
        assert_eq!(queue.close().await, Ok(()), "once more");
        queue.drain().await;
        drop(buf);
        assert!(graveyard.in_peace());
    });
}

/// The context is gone when `close` returns: its quota as well.
#[test]
fn close_gives_the_quota_back() {
    let _quota = crate::common::quota();
    run(async || {
        let limit = crate::common::aio_nr() + 4000;
        let queue = new_queue::<Vec<u8>>(5000);
        let other = queue.clone();
        assert!(crate::common::aio_nr() >= 5000);
        queue.close().await.unwrap();
        assert!(crate::common::aio_nr() < limit, "although there is another handle");
        drop(other);
    });
}

#[test]
fn drain_waits_for_requests_of_others() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(4), Arc::new(temp_file(64)));
        assert_eq!((queue.capacity(), queue.free()), (4, 4));
        for at in 0..16 {
            let write = op::write_at(file.clone(), vec![at; 4], u64::from(at) * 4);
            let mut future = Box::pin(queue.submit(write));
            // Dropped when it was queued, or before it got a slot.
            let _ = poll_once(future.as_mut());
        }
        queue.drain().await;
        assert_eq!(queue.free(), 4);
        let mut all = vec![0; 64];
        file.read_exact_at(&mut all, 0).unwrap();
        // All queued ones were written, each completely.
        let (queued, rest) = all.split_at(16);
        assert_eq!(queued, [[0; 4], [1; 4], [2; 4], [3; 4]].concat());
        assert!(rest.chunks(4).enumerate().all(|(at, four)| {
            let at = at as u8 + 4;
            four == [at; 4] || four == (at * 4..at * 4 + 4).collect::<Vec<u8>>()
        }));
    });
}

/// Polls that the kernel does not have yet when the queue is closed are cancelled later.
#[test]
fn close_cancels_polls_that_are_queued() {
    run(async || {
        let (queue, (reader, _writer)) = (new_queue::<Vec<u8>>(MANY), pair());
        let busy = submit_busy(&queue, &reader).await;
        let reader = Arc::new(reader);
        let mut queued = Box::pin(queue.submit(op::poll(reader.clone(), PollEvents::IN)));
        assert!(poll_once(queued.as_mut()).is_pending());
        queue.close().await.unwrap();
        assert_eq!(queued.await, Ok(PollEvents::NONE));
        for poll in busy {
            assert_eq!(poll.await, Ok(PollEvents::NONE));
        }
    });
}

/// A waiter on another runtime panics, as documented.
#[test]
fn close_ends_with_the_runtime_of_the_queue() {
    if !catches("a runtime that is gone") {
        return;
    }
    let [first, second] = runtimes();
    let (queue, file) = (first.block_on(async { new_queue::<Vec<u8>>(2) }), direct_file(1));
    let (reader, _writer) = pair();
    // Without its task, nobody takes the poll's completion.
    let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
    assert!(poll_once(poll.as_mut()).is_pending());
    let closing = second.spawn({
        let queue = queue.clone();
        async move { queue.close().await }
    });
    drop((first, file));
    let ended = second.block_on(async { tokio::time::timeout(LONG, closing).await });
    // The poll may have been cancelled and taken before.
    assert!(matches!(ended.expect("it ends"), Ok(Ok(())) | Err(_)));
    std::mem::forget(poll);
}

/// The last handle is dropped, and with it the runtime: queued requests are completed, in two parts
/// if necessary.
#[test]
fn a_queued_write_is_done_when_everything_is_dropped() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        return aio_tests::skip(
            "writes without NOWAIT at the end",
            "there is no tmpfs at /dev/shm",
        );
    };
    for (round, runtime) in runtimes().into_iter().enumerate() {
        let path = dir.path().join(round.to_string());
        runtime.block_on(async {
            let queue: Queue<Vec<u8>> =
                Builder::new(NonZeroU32::new(MANY).unwrap()).nowait(true).build().unwrap();
            let (reader, _writer) = pair();
            let busy = submit_busy(&queue, &reader).await;
            let file = Arc::new(File::create(&path).unwrap());
            let mut write = Box::pin(queue.submit(op::write_at(file, b"late".to_vec(), 0)));
            let _ = poll_once(write.as_mut());
            drop((write, busy));
        });
        drop(runtime);
        let start = Instant::now();
        while std::fs::read(&path).unwrap() != b"late" && start.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"late");
    }
}

/// Another task closes the queue meanwhile, or has closed it.
#[test]
fn drain_waits_although_the_queue_is_being_closed() {
    run(async || {
        let (queue, (socket, mut writer)) = (new_queue::<Vec<u8>>(4), pair());
        // The kernel cancels the poll, but not a read of a socket: on another thread.
        let reads = std::thread::spawn({
            let (queue, handle) = (queue.clone(), runtime::Handle::current());
            move || handle.block_on(queue.submit(op::read_at(&socket, vec![0; 4], 0)))
        });
        until(|| queue.free() == 3).await;
        let (mut before, mut close) = (Box::pin(queue.drain()), Box::pin(queue.close()));
        assert!(poll_once(before.as_mut()).is_pending());
        assert!(poll_once(close.as_mut()).is_pending());
        let mut after = Box::pin(queue.drain());
        for _ in 0..20 {
            assert!(poll_once(before.as_mut()).is_pending());
            assert!(poll_once(after.as_mut()).is_pending());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        writer.write_all(b"read").unwrap();
        let ends = tokio::time::timeout(LONG, async { (before.await, after.await, close.await) });
        assert_eq!(ends.await.expect("they end"), ((), (), Ok(())));
        assert_eq!(reads.join().unwrap(), (Ok(4), b"read".to_vec()));
    });
}
