//! Requests of several tasks that go to the kernel by one call.

use super::*;

/// While the kernel is busy, requests with an owned descriptor wait for each other, and those with
/// a borrowed one do not. The first polls of the futures show it; nothing has run since.
#[test]
fn requests_of_one_poll_are_sent_together() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (queue, (reader, mut writer)) = (new_queue::<Vec<u8>>(MANY), pair());
        let (from, to) = crate::common::pipe();
        let to = Arc::new(to);
        let busy = submit_busy(&queue, &reader).await;
        let written = || -> usize {
            let mut bytes = 0;
            // SAFETY: the kernel writes to the number.
            assert_eq!(unsafe { libc::ioctl(from.as_raw_fd(), libc::FIONREAD, &mut bytes) }, 0);
            bytes
        };
        let write = |byte: u8| queue.submit(op::write_at(to.clone(), vec![byte], 0));
        let mut writes = [1, 2, 3].map(|byte| Box::pin(write(byte)));
        for write in &mut writes {
            assert!(poll_once(write.as_mut()).is_pending());
        }
        assert_eq!(written(), 0, "they are queued");
        let mut borrowed = Box::pin(queue.submit(op::write_at(&*to, vec![4], 0)));
        let ended = poll_once(borrowed.as_mut());
        assert_eq!(written(), 4, "it went out at once, and what was queued before it as well");
        assert!(matches!(ended, Poll::Ready((Ok(1), _))));
        let mut last = Box::pin(write(5));
        assert!(poll_once(last.as_mut()).is_pending());
        assert_eq!(written(), 4);
        for write in writes.into_iter().chain([last]) {
            assert_eq!(write.await.0, Ok(1));
        }
        assert_eq!(written(), 5);
        // Up to an eighth of the outstanding requests are sent without waiting for others.
        let more = [6, 7, 8, 9, 10, 11].map(|byte| Box::pin(write(byte)));
        for (at, mut write) in more.into_iter().enumerate() {
            let _ = poll_once(write.as_mut());
            assert_eq!(written(), if at < 5 { 5 } else { 11 });
        }
        writer.write_all(b"x").unwrap();
        for poll in busy {
            poll.await.unwrap();
        }
    });
}

/// All futures and the last handle of the file may be dropped: queued requests keep it open.
#[test]
fn a_queued_request_keeps_its_file_open() {
    run(async || {
        let (queue, (reader, _writer)) = (new_queue::<Vec<u8>>(MANY), pair());
        let _busy = submit_busy(&queue, &reader).await;
        let (mut from, to) = crate::common::pipe();
        let mut write = Box::pin(queue.submit(op::write_at(Arc::new(to), b"late".to_vec(), 0)));
        let _ = poll_once(write.as_mut());
        drop(write);
        // Its number, if it was closed.
        let _other = pair();
        let mut text = String::new();
        tokio::task::spawn_blocking(move || {
            std::io::Read::read_to_string(&mut from, &mut text).unwrap();
            assert_eq!(text, "late");
        })
        .await
        .unwrap();
    });
}

/// Many tasks, each with one request after the other: all get their own bytes.
#[test]
fn many_tasks_of_one_file() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(32), Arc::new(temp_file(4096)));
        let tasks = (0..100u64).map(|task| {
            let (queue, file) = (queue.clone(), file.clone());
            tokio::spawn(async move {
                for round in 0..20 {
                    let at = (task * 31 + round * 7) % 4000;
                    let (result, buf) =
                        queue.submit(op::read_at(file.clone(), vec![0; 8], at)).await;
                    let expected: Vec<u8> = (at..at + 8).map(|byte| byte as u8).collect();
                    assert_eq!((result, buf), (Ok(8), expected));
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        // A task may have its result a moment before its slot is free.
        until(|| queue.free() == 32).await;
    });
}

#[test]
fn reads_and_writes_of_all() {
    run(async || {
        let (queue, file) = (new_queue::<Vec<u8>>(2), temp_file(100));
        assert_eq!(queue.read_exact_at(&file, vec![0; 10], 5).await, (Ok(10), (5..15).collect()));
        let (result, buf) = queue.read_exact_at(&file, vec![0; 10], 95).await;
        assert_eq!((result, &buf[..5]), (Ok(5), &[95, 96, 97, 98, 99][..]), "the file ends");
        assert_eq!(queue.write_all_at(&file, vec![7; 10], 95).await, (Ok(10), vec![7; 10]));
        assert_eq!(queue.write_all_at(&file, Vec::new(), 0).await.0, Ok(0));
        // A pipe accepts what it has room for, and a reader makes room.
        let (mut from, to) = crate::common::pipe();
        let reader = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            std::io::Read::read_to_end(&mut from, &mut all).unwrap();
            all.len()
        });
        // SAFETY: the flags of a descriptor that is open.
        assert_eq!(unsafe { libc::fcntl(to.as_raw_fd(), libc::F_SETFL, 0) }, 0);
        assert_eq!(queue.write_all_at(&to, vec![1; 1 << 20], 0).await.0, Ok(1 << 20));
        drop(to);
        assert_eq!(reader.await.unwrap(), 1 << 20);
    });
}

/// Tasks of a runtime with several threads can await them.
#[test]
fn all_futures_are_send() {
    fn is_send<T: Send>(_: impl FnOnce() -> T) {}
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (queue, file) = (runtime.block_on(async { new_queue::<Vec<u8>>(1) }), temp_file(1));
    is_send(|| queue.submit(op::read_at(&file, Vec::new(), 0)));
    is_send(|| queue.submit(op::poll(&file, PollEvents::IN)));
    is_send(|| queue.read_exact_at(&file, Vec::new(), 0));
    is_send(|| queue.write_all_at(&file, Vec::new(), 0));
    is_send(|| queue.batch(1, |batch| batch.push(op::fsync(&file)).is_ok()));
    is_send(|| queue.drain());
    is_send(|| queue.close());
}
