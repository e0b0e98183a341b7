//! Futures that are awaited, dropped, forgotten, or outlive their runtime.

use super::*;

/// More tasks than slots, each on its own blocks.
#[test]
fn written_bytes_are_read() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(4), Arc::new(temp_file(0)));
        let tasks: Vec<_> = (0..32u64)
            .map(|task| {
                let (queue, file) = (queue.clone(), file.clone());
                tokio::spawn(async move {
                    let mut random = Random(task + 1);
                    for round in 0..20 {
                        let bytes: Vec<u8> = (0..512).map(|_| random.next() as u8).collect();
                        let offset = (round % 4 * 32 + task) * 512;
                        assert_eq!(
                            queue.submit(op::write_at(&*file, bytes.clone(), offset)).await,
                            (Ok(512), bytes.clone())
                        );
                        assert_eq!(
                            queue.submit(op::read_at(&*file, vec![0; 512], offset)).await,
                            (Ok(512), bytes)
                        );
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(queue.submit(op::fsync(&*file)).await, Ok(()));
        assert_eq!(queue.submit(op::fdsync(&*file)).await, Ok(()));
        let bufs = vec![vec![1; 3], vec![2; 4]];
        assert_eq!(
            queue.submit(op::writev_at(&*file, bufs.clone(), 9).flags(RwFlags::DSYNC)).await,
            (Ok(7), bufs.clone())
        );
        let zeros = vec![vec![0; 3], vec![0; 4]];
        assert_eq!(queue.submit(op::readv_at(&*file, zeros, 9)).await, (Ok(7), bufs));
        assert_eq!(queue.free(), 4);
    });
}

#[test]
fn refused_requests_complete_and_others_continue() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(4), temp_file(64));
        // SAFETY: the kernel refuses it; nobody can own it.
        let no_fd = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
        let fds = [file.as_fd(), no_fd, file.as_fd()];
        let reads = queue.batch(9, |batch| {
            assert_eq!(batch.free(), 4, "as many as there are");
            assert_eq!(queue.outstanding(), 0, "it does not wait for the batch");
            fds.map(|fd| batch.push(op::read_at(fd, vec![0; 8], 8)).unwrap())
        });
        let [first, refused, last] = reads.await;
        assert_eq!(refused.await, (Err(Errno::EBADF), vec![0; 8]));
        assert_eq!(last.await.0, Ok(8));
        assert_eq!(first.await.1, (8..16).collect::<Vec<u8>>());
        let (result, _) = queue.submit(op::read_at(no_fd, vec![0; 1], 0)).await;
        assert_eq!((result, queue.free()), (Err(Errno::EBADF), 4));
    });
}

/// The slots are taken by polls; a waiting future continues when a poll is dropped, which cancels
/// it.
#[test]
fn a_full_queue_is_waited_for_and_a_dropped_poll_is_cancelled() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(2), temp_file(8));
        let (reader, _writer) = pair();
        let polls = queue.batch(2, |batch| {
            [(); 2].map(|()| batch.push(op::poll(&reader, PollEvents::IN)).unwrap())
        });
        let [first, second] = polls.await;
        let mut read = Box::pin(queue.submit(op::read_at(&file, vec![0; 8], 0)));
        assert!(poll_once(read.as_mut()).is_pending() && queue.free() == 0);
        assert_eq!(queue.outstanding(), 2, "the read waits for a slot");
        drop(first);
        assert_eq!(read.await.0, Ok(8));
        assert_eq!(queue.outstanding(), 1);
        drop(second);
        until(|| queue.free() == 2).await;
        until(|| queue.outstanding() == 0).await;
        assert!(
            queue
                .submit(op::poll(&_writer, PollEvents::OUT))
                .await
                .unwrap()
                .contains(PollEvents::OUT)
        );
    });
}

/// Dropped before the first poll, while waiting for a slot, in flight, and after completion;
/// aborted as a task, from another thread. Each buffer is dropped, once, and not before the kernel
/// is done with it.
#[test]
fn a_dropped_future_leaves_its_buffer_to_the_kernel() {
    const BLOCKS: u64 = 64;
    let file = Arc::new(direct_file(BLOCKS as usize));
    for seed in seeds(4) {
        eprintln!("AIO_SEED={seed}");
        run(async || {
            let (queue, graveyard) = (new_queue::<Mortal>(8), Arc::<Graveyard>::default());
            let mut random = Random(seed);
            let (mut kept, mut tasks) = (Vec::new(), Vec::new());
            for _ in 0..1000 {
                let (at, buf) = (random.below(BLOCKS) * Mortal::BYTES as u64, graveyard.buffer());
                let (queue, file) = (queue.clone(), file.clone());
                let mut read = Box::pin(async move {
                    let (result, buf) = queue.submit(op::read_at(&*file, buf, at)).await;
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

/// A forgotten future in flight releases its slot; a slot that it gets later is kept.
#[test]
fn a_future_that_is_forgotten() {
    run(async || {
        let (queue, graveyard, file) =
            (new_queue::<Mortal>(2), Arc::<Graveyard>::default(), direct_file(1));
        for count in 1..=10 {
            let mut read = Box::pin(queue.submit(op::read_at(&file, graveyard.buffer(), 0)));
            let pending = poll_once(read.as_mut()).is_pending();
            std::mem::forget(read);
            until(|| queue.free() == 2).await;
            assert!(!pending || graveyard.alive() <= count);
        }
        let (never, _quiet) = pair();
        let polls = queue
            .batch(2, |batch| {
                [(); 2].map(|()| batch.push(op::poll(&never, PollEvents::IN)).unwrap())
            })
            .await;
        let mut read = Box::pin(queue.submit(op::read_at(&file, graveyard.buffer(), 0)));
        assert!(poll_once(read.as_mut()).is_pending());
        std::mem::forget(read);
        drop(polls);
        until(|| queue.free() == 1).await;
        let (result, buf) = queue.submit(op::read_at(&file, graveyard.buffer(), 0)).await;
        assert!(result == Ok(Mortal::BYTES) && buf.is_read() && graveyard.in_peace());
    });
}

/// With reads in flight, and a live handle: here, and on another thread.
#[test]
fn a_runtime_that_ends_first() {
    let file = Arc::new(direct_file(64));
    for (round, runtime) in runtimes().into_iter().chain(runtimes()).enumerate() {
        let graveyard = Arc::<Graveyard>::default();
        let (queue, mut reads) = runtime.block_on(async {
            let queue = new_queue::<Mortal>(16);
            let mut reads: Vec<_> = (0..24)
                .map(|_| {
                    let (queue, file, buf) = (queue.clone(), file.clone(), graveyard.buffer());
                    Box::pin(async move { queue.submit(op::read_at(&*file, buf, 0)).await.0 })
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
                // It had completed before.
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
/// The other tasks' threads continue, and so do their requests: submission, completion, cancelling.
#[test]
fn a_blocking_submission_does_not_block_others() {
    let [_, runtime] = runtimes();
    runtime.block_on(async {
        let (queue, file) = (new_queue::<Vec<u8>>(8), Arc::new(temp_file(64)));
        let (socket, mut writer) = pair();
        let (started, submits) = std::sync::mpsc::channel();
        let blocked = tokio::spawn({
            let queue = queue.clone();
            async move {
                started.send(()).unwrap();
                queue.submit(op::read_at(&socket, vec![0; 4], 0)).await
            }
        });
        submits.recv_timeout(LONG).unwrap();
        // It is about to block.
        std::thread::sleep(Duration::from_millis(20));
        let others = tokio::spawn({
            let queue = queue.clone();
            async move {
                for at in 0..32 {
                    assert_eq!(
                        queue.submit(op::read_at(&*file, vec![0; 1], at)).await,
                        (Ok(1), vec![at as u8])
                    );
                }
                let (reader, mut writer) = pair();
                let mut poll = Box::pin(queue.submit(op::poll(&reader, PollEvents::IN)));
                assert!(poll_once(poll.as_mut()).is_pending());
                drop(Box::pin(queue.submit(op::poll(&reader, PollEvents::IN))));
                writer.write_all(b"x").unwrap();
                assert!(poll.await.unwrap().contains(PollEvents::IN));
                let mut cancelled = Box::pin(queue.submit(op::poll(&writer, PollEvents::IN)));
                assert!(poll_once(cancelled.as_mut()).is_pending());
                drop(cancelled);
                until(|| queue.free() == 7).await;
            }
        });
        // If they are blocked, no timer of the runtime is reliable.
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
        let queue = new_queue::<Vec<u8>>(2);
        let (reader, _writer) = pair();
        for _ in 0..100 {
            queue
                .batch(2, |batch| {
                    drop(batch.push(op::poll(&reader, PollEvents::IN)).unwrap());
                    drop(batch.push(op::poll(&reader, PollEvents::IN)).unwrap());
                })
                .await;
        }
        until(|| queue.free() == 2).await;
    });
}
