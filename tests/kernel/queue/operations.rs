//! Each operation, and its buffers.

use super::*;

#[test]
fn each_operation_matches_the_plain_call() {
    let file = temp_file(100);
    let mut queue = new_queue(8);
    let write = queue.submit(op::write_at(&file, vec![7; 10], 50)).unwrap();
    let done = only(&mut queue);
    assert_eq!((done.token, done.result, done.buf.unwrap()), (write, Ok(10), vec![7; 10]));
    let (read, vectored) = queue.batch(|batch| {
        let read = batch.push(op::read_at(&file, vec![0; 20], 45)).unwrap();
        (read, batch.push(op::readv_at(&file, vec![vec![0; 3], vec![0; 4]], 1)).unwrap())
    });
    for done in drain(&mut queue) {
        if done.token == read {
            let expected: Vec<u8> = (45..50).chain([7; 10]).chain(60..65).collect();
            assert_eq!((done.result, done.buf.unwrap(), done.bufs.len()), (Ok(20), expected, 0));
        } else {
            assert_eq!((done.token, done.result, done.buf), (vectored, Ok(7), None));
            assert_eq!(done.bufs, [vec![1, 2, 3], vec![4, 5, 6, 7]]);
        }
    }
    queue
        .batch(|batch| {
            batch.push(op::writev_at(&file, vec![vec![1; 2], vec![2; 2]], 98).flags(RwFlags::DSYNC))
        })
        .unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut end = [0; 4];
    file.read_exact_at(&mut end, 98).unwrap();
    assert_eq!(end, [1, 1, 2, 2]);
    queue.submit(op::fsync(&file)).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
    queue.submit(op::fdsync(&file)).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
    queue.submit(op::read_at(&file, vec![9; 8], 100)).unwrap();
    let done = only(&mut queue);
    assert_eq!(
        (done.result, done.buf.unwrap()),
        (Ok(2), vec![2, 2, 9, 9, 9, 9, 9, 9]),
        "short at the end of the file"
    );
}

/// The kernel returns 0 for a read into an empty buffer, as at the end of the file.
#[test]
fn an_empty_read_is_refused_and_spare_capacity_is_filled() {
    let file = temp_file(100);
    let mut queue = new_queue(2);
    queue.submit(op::read_at(&file, Vec::with_capacity(8), 0)).unwrap();
    assert_eq!(only(&mut queue).result, Err(Errno::EINVAL));
    queue.submit(op::read_at(&file, vec![0; 8], 0).range(3..3)).unwrap();
    assert_eq!(only(&mut queue).result, Err(Errno::EINVAL));
    queue.submit(op::read_spare_at(&file, vec![7; 8], 0)).unwrap();
    let done = only(&mut queue);
    // The macro allocates no more than it needs.
    assert_eq!((done.result, done.buf), (Err(Errno::EINVAL), Some(vec![7; 8])));

    let mut buf = Vec::with_capacity(16);
    buf.extend([1, 2]);
    let room = buf.capacity() - 2;
    queue.submit(op::read_spare_at(&file, buf, 10)).unwrap();
    let done = only(&mut queue);
    assert_eq!(done.result, Ok(room));
    let expected: Vec<u8> = [1, 2].into_iter().chain(10..10 + room as u8).collect();
    assert_eq!(done.buf, Some(expected));
    queue.submit(op::read_spare_at(&file, Vec::with_capacity(64), 98)).unwrap();
    let done = only(&mut queue);
    assert_eq!((done.result, done.buf), (Ok(2), Some(vec![98, 99])), "short at the end");
    queue.submit(op::read_spare_at(no_fd(), Vec::with_capacity(64), 0)).unwrap();
    let done = only(&mut queue);
    assert_eq!((done.result, done.buf), (Err(Errno::EBADF), Some(Vec::new())));
}

#[test]
fn user_data_comes_back_with_the_result() {
    let file = temp_file(8);
    let mut queue = new_queue(4);
    queue.batch(|batch| {
        batch.push(op::read_at(&file, vec![0; 8], 0).user_data(u64::MAX)).unwrap();
        batch.push(op::fsync(no_fd()).user_data(2)).unwrap();
        batch.push(op::completed(Ok(5)).user_data(3)).unwrap();
        batch.push(op::poll(&file, PollEvents::IN)).unwrap();
    });
    let mut done: Vec<_> =
        drain(&mut queue).into_iter().map(|done| (done.user_data, done.result)).collect();
    done.sort();
    let readable = usize::from(PollEvents::IN.bits());
    let expected = [(0, Ok(readable)), (2, Err(Errno::EBADF)), (3, Ok(5)), (u64::MAX, Ok(8))];
    assert_eq!(done, expected);
}

/// Memory that the operation does not own: the caller guarantees its validity.
#[test]
fn memory_owned_by_the_caller() {
    let file = temp_file(64);
    let mut bytes = [0u8; 8];
    let (low, high) = bytes.split_at_mut(3);
    let iovecs =
        [low, high].map(|part| iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() });
    let mut queue = Queue::<()>::new(NonZeroU32::MIN).unwrap();
    // SAFETY: the bytes are not used before the request has completed.
    queue.submit(unsafe { op::readv_raw_at(&file, &iovecs, 10) }).unwrap();
    assert_eq!(queue.wait(1, None).unwrap().next().unwrap().result, Ok(8));
    // SAFETY: the bytes are not used before the request has completed.
    queue.submit(unsafe { op::writev_raw_at(&file, &iovecs, 30) }).unwrap();
    assert_eq!(queue.wait(1, None).unwrap().next().unwrap().result, Ok(8));
    let others = iovecs.map(|part| libc::iovec { iov_base: part.iov_base, iov_len: 2 });
    // SAFETY: the bytes are not used before the request has completed.
    queue.submit(unsafe { op::writev_raw_at(&file, &others, 50) }).unwrap();
    assert_eq!(queue.wait(1, None).unwrap().next().unwrap().result, Ok(4));
    let too_many = [iovecs[0]; 1025];
    // SAFETY: the kernel refuses it before it uses the buffers.
    queue.submit(unsafe { op::readv_raw_at(&file, &too_many, 0) }).unwrap();
    assert_eq!(queue.wait(1, None).unwrap().next().unwrap().result, Err(Errno::EINVAL));
    assert_eq!(bytes, [10, 11, 12, 13, 14, 15, 16, 17]);
    let mut written = [0; 8];
    file.read_exact_at(&mut written, 30).unwrap();
    assert_eq!(written, bytes);
    file.read_exact_at(&mut written[..5], 50).unwrap();
    assert_eq!(written[..5], [10, 11, 13, 14, 54]);
}

/// The kernel refuses a priority of an unknown class: so it has read the priority.
#[test]
fn priorities_reach_the_kernel() {
    let file = temp_file(8);
    let mut queue = new_queue(2);
    // Best effort, level 7 (include/uapi/linux/ioprio.h); there is no class 5.
    for (priority, result) in [(2 << 13 | 7, Ok(8)), (5 << 13, Err(Errno::EINVAL))] {
        queue.submit(op::read_at(&file, vec![0; 8], 0).priority(priority)).unwrap();
        assert_eq!(only(&mut queue).result, result);
    }
}

/// The eventfd is also signalled for requests that are not passed to the kernel, alone and in a
/// batch.
#[test]
fn completions_without_the_kernel_are_signalled() {
    let file = temp_file(8);
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(4).unwrap()).unwrap();
    queue.submit(op::completed(Ok(usize::MAX))).unwrap();
    assert_eq!((queue.clear_eventfd(), only(&mut queue).result), (1, Ok(isize::MAX as usize)));
    queue.submit(op::completed(Ok(1))).unwrap();
    assert_eq!((queue.clear_eventfd(), only(&mut queue).result), (1, Ok(1)));
    queue.submit(op::read_at(&file, Vec::new(), 0)).unwrap();
    assert_eq!((queue.clear_eventfd(), only(&mut queue).result), (1, Err(Errno::EINVAL)));
    queue.batch(|batch| {
        batch.push(op::completed(Ok(2))).unwrap();
        batch.push(op::read_at(&file, vec![0; 8], 0)).unwrap();
    });
    assert_eq!(queue.wait(2, None).unwrap().count(), 2);
    assert_eq!((queue.clear_eventfd(), queue.clear_eventfd()), (2, 0));
    queue.batch(|_| {});
    assert_eq!(queue.clear_eventfd(), 0, "nothing has completed since");
}

/// The caller's eventfd, shared by two queues, is signalled for refused requests, too.
#[test]
fn the_callers_eventfd_is_signalled() {
    let (file, eventfd) = (temp_file(8), crate::common::eventfd());
    let mut queues = [0; 2]
        .map(|_| Queue::<Vec<u8>>::with_shared_eventfd(NonZeroU32::new(2).unwrap(), &eventfd))
        .map(Result::unwrap);
    for (count, queue) in queues.iter_mut().enumerate() {
        queue.submit(op::read_at(&file, vec![0; 8], 0)).unwrap();
        queue.submit(op::read_at(no_fd(), vec![0; 8], 0)).unwrap();
        assert_eq!(queue.wait(2, None).unwrap().count(), 2);
        if count == 1 {
            assert_eq!(queue.clear_eventfd(), 4);
            assert_eq!(queue.clear_eventfd(), 0);
        }
    }
    // Anything else would be written to.
    let (reader, _writer) = pair();
    for other in [file.as_fd(), reader.as_fd()] {
        let error = Queue::<()>::with_shared_eventfd(NonZeroU32::MIN, other).unwrap_err();
        assert_eq!((error.call, error.errno), ("io_submit", Errno::EINVAL));
        assert!(error.to_string().contains("is not an eventfd"), "{error}");
    }
}

#[test]
fn buffers_that_are_shared_or_of_any_type() {
    let file = temp_file(8);
    let text: std::sync::Arc<[u8]> = b"text".as_slice().into();
    let mut shared = Queue::new(NonZeroU32::MIN).unwrap();
    shared.submit(op::write_at(&file, text.clone(), 0)).unwrap();
    assert_eq!(only(&mut shared).result, Ok(4));
    let mut strings = Queue::new(NonZeroU32::MIN).unwrap();
    strings.submit(op::write_at(&file, String::from("some"), 4)).unwrap();
    assert_eq!(only(&mut strings).result, Ok(4));
    let mut any = Queue::<Box<dyn IoBufMut + Send>>::new(NonZeroU32::new(2).unwrap()).unwrap();
    let aligned = AlignedBuf::new(512, 512).unwrap();
    let bufs: [Box<dyn IoBufMut + Send>; 2] = [Box::new(vec![0; 8]), Box::new(aligned)];
    for buf in bufs {
        any.submit(op::read_at(&file, buf, 0)).unwrap();
    }
    assert!(drain(&mut any).iter().all(|done| done.result == Ok(8)));
    let mut all = [0; 8];
    file.read_exact_at(&mut all, 0).unwrap();
    assert_eq!(&all, b"textsome");
}

/// With an `Arc` the file stays open until the request has completed.
#[test]
fn a_file_that_is_kept_open() {
    let (reader, writer) = crate::common::pipe();
    let writer = std::sync::Arc::new(writer);
    let mut queue = new_queue(1);
    let poll = op::poll(std::sync::Arc::new(reader), PollEvents::IN);
    queue.submit(poll).unwrap();
    assert_eq!(queue.pending(), 0);
    let mut other = self::new_queue(1);
    other.submit(op::write_at(writer.clone(), b"x".to_vec(), 0)).unwrap();
    assert_eq!(std::sync::Arc::strong_count(&writer), 2);
    assert_eq!(only(&mut other).result, Ok(1));
    assert_eq!(std::sync::Arc::strong_count(&writer), 1);
    assert!(only(&mut queue).poll_events().unwrap().contains(PollEvents::IN));
}

/// What is left is delivered the next time.
#[test]
fn completions_are_taken_one_by_one() {
    let file = temp_file(8);
    let mut queue = new_queue(4);
    queue.batch(|batch| {
        for _ in 0..4 {
            batch.push(op::read_at(&file, vec![0; 1], 0)).unwrap();
        }
    });
    assert_eq!(queue.wait(4, None).unwrap().next().unwrap().result, Ok(1));
    assert_eq!(queue.outstanding(), 3);
    queue.reap().take(2).for_each(drop);
    assert_eq!((queue.outstanding(), queue.pending()), (1, 1));
    // A forgotten iterator commits nothing, and no completion is delivered twice.
    let mut forgotten = queue.reap();
    assert!(forgotten.next().is_some());
    std::mem::forget(forgotten);
    assert_eq!((queue.outstanding(), queue.reap().count()), (0, 0));
    queue.submit(op::read_at(&file, vec![0; 1], 1)).unwrap();
    assert_eq!(only(&mut queue).buf, Some(vec![1]));
}

/// Neither buffers nor their bytes: they may be long, and secret.
#[test]
fn debug_output_has_no_bytes() {
    let file = temp_file(8);
    let mut queue = new_queue(1);
    let op = op::read_at(&file, b"secret".to_vec(), 0);
    let shown = format!("{op:?}");
    queue.submit(op).unwrap();
    let Err(full) = queue.submit(op::read_at(&file, b"secret".to_vec(), 0)) else {
        panic!("two of one")
    };
    let shown = format!("{shown} {full:?} {:?}", only(&mut queue));
    assert!(!shown.contains("115, 101") && !shown.contains("secret"), "{shown}");
    let borrowed = format!("{:?}", aio_sys::Borrowed::Shared(b"secret"));
    assert_eq!(borrowed, "Shared { len: 6, .. }");
}

#[test]
fn flags_reach_the_kernel() {
    let file = temp_file(0);
    let mut queue = new_queue(2);
    queue.submit(op::write_at(&file, b"head".to_vec(), 0)).unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    queue
        .batch(|batch| batch.push(op::write_at(&file, b"tail".to_vec(), 0).flags(RwFlags::APPEND)))
        .unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut all = [0; 8];
    file.read_exact_at(&mut all, 0).unwrap();
    assert_eq!(&all, b"headtail");
    queue
        .batch(|batch| {
            batch.push(op::read_at(&file, vec![0; 4], 0).flags(RwFlags::from_bits_retain(1 << 30)))
        })
        .unwrap();
    let done = only(&mut queue);
    assert_eq!((done.result, done.buf.map(|buf| buf.len())), (Err(Errno::EOPNOTSUPP), Some(4)));
}

#[test]
fn a_poll_returns_its_events_and_can_be_cancelled() {
    let (mut reader, mut writer) = pair();
    let mut queue = new_queue(4);
    let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!((queue.reap().count(), queue.pending()), (0, 0));
    writer.write_all(b"x").unwrap();
    let done = only(&mut queue);
    assert!(done.token == poll && done.buf.is_none());
    assert!(PollEvents::from_bits_retain(done.result.unwrap() as u16).contains(PollEvents::IN));
    assert_eq!(queue.cancel(poll), Ok(false), "it has ended");
    reader.read_exact(&mut [0]).unwrap();
    let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!(queue.cancel(poll), Ok(true));
    assert_eq!(queue.cancel(poll), Ok(false), "once");
    assert_eq!(only(&mut queue).result, Ok(0));
    // A token of another queue is not valid here, although it is the first of both.
    let mut first: Queue<Vec<u8>> = Queue::new(NonZeroU32::MIN).unwrap();
    let foreign = first.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    let mut second: Queue<Vec<u8>> = Queue::new(NonZeroU32::MIN).unwrap();
    let own = second.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!((second.cancel(foreign), second.cancel(own)), (Ok(false), Ok(true)));
    let mut other: Queue<Vec<u8>> = Queue::new(NonZeroU32::MIN).unwrap();
    other.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert_eq!(other.cancel(poll), Ok(false));
}

#[test]
fn kinds_of_buffers() {
    let file = temp_file(4096);
    let mut boxes = Queue::<Box<[u8]>>::new(NonZeroU32::MIN).unwrap();
    boxes.submit(op::read_at(&file, Box::<[u8]>::from([0; 4]), 4)).unwrap();
    assert_eq!(&*only(&mut boxes).buf.unwrap(), &[4, 5, 6, 7]);
    let mut statics = Queue::<&'static [u8]>::new(NonZeroU32::MIN).unwrap();
    statics.submit(op::write_at(&file, b"static".as_slice(), 0)).unwrap();
    assert_eq!(only(&mut statics).buf, Some(b"static".as_slice()));
    let mut aligned = Queue::<AlignedBuf>::new(NonZeroU32::MIN).unwrap();
    aligned.submit(op::read_at(&file, AlignedBuf::new(4096, 4096).unwrap(), 0)).unwrap();
    let buf = only(&mut aligned).buf.unwrap();
    assert_eq!(
        (&buf[..7], buf.align(), buf.as_ptr().addr() % 4096),
        (b"static\x06".as_slice(), 4096, 0)
    );
    for align in [0, 1, 256, 513, 1536] {
        assert_eq!(AlignedBuf::new(4096, align).unwrap_err(), AlignedBufError::Alignment(align));
    }
    for (len, align) in [(0, 512), (511, 512), (513, 512), (isize::MAX as usize + 1, 512)] {
        assert_eq!(
            AlignedBuf::new(len, align).unwrap_err(),
            AlignedBufError::Length { len, align }
        );
    }
    let much = isize::MAX as usize + 1 - 4096;
    assert_eq!(AlignedBuf::new(much, 512).unwrap_err(), AlignedBufError::NoMemory(much));
}

#[test]
fn parts_of_buffers() {
    let file = temp_file(100);
    let mut queue = new_queue(3);
    queue.batch(|batch| {
        batch.push(op::read_at(&file, vec![0; 8], 10).range(2..5)).unwrap();
        batch.push(op::write_at(&file, vec![1, 2, 3, 4], 50).range(1..3)).unwrap();
    });
    let mut done = drain(&mut queue);
    done.sort_by_key(|done| done.result);
    let [write, read] =
        <[_; 2]>::try_from(done).unwrap().map(|done| (done.result, done.buf.unwrap()));
    assert_eq!(read, (Ok(3), vec![0, 0, 10, 11, 12, 0, 0, 0]));
    assert_eq!(write, (Ok(2), vec![1, 2, 3, 4]));
    let mut written = [0; 4];
    file.read_exact_at(&mut written, 49).unwrap();
    assert_eq!(written, [49, 2, 3, 52]);
    #[allow(clippy::reversed_empty_ranges, reason = "the mistake to be caught")]
    let beyond = if catches("a part out of range") { vec![0..5, 5..5, 3..2] } else { vec![] };
    for range in beyond {
        let (read, write) = (range.clone(), range);
        assert!(catch_unwind(|| op::read_at(&file, vec![0; 4], 0).range(read)).is_err());
        assert!(catch_unwind(|| op::write_at(&file, vec![0; 4], 0).range(write)).is_err());
    }
    queue.submit(op::write_at(&file, vec![0; 4], 0).range(4..4)).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
}

#[test]
fn indexes_of_tokens_are_few_and_different() {
    let (reader, _writer) = pair();
    let mut queue = new_queue(5);
    for _ in 0..3 {
        let mut indexes = queue.batch(|batch| {
            [0; 5].map(|_| {
                Token::from(batch.push(op::poll(&reader, PollEvents::IN)).unwrap()).index()
            })
        });
        indexes.sort();
        assert_eq!(indexes, [0, 1, 2, 3, 4]);
        queue = self::new_queue(5);
    }
}

#[test]
fn buffers_of_the_crate_bytes() {
    let file = temp_file(10);
    let mut reads = Queue::<bytes::BytesMut>::new(NonZeroU32::MIN).unwrap();
    let mut halves = bytes::BytesMut::zeroed(8);
    let back = halves.split_off(4);
    reads.submit(op::read_at(&file, back, 2)).unwrap();
    assert_eq!(&*only(&mut reads).buf.unwrap(), [2, 3, 4, 5]);
    assert_eq!(&*halves, [0; 4], "the other half of the memory is not touched");
    let mut writes = Queue::<bytes::Bytes>::new(NonZeroU32::MIN).unwrap();
    writes.submit(op::write_at(&file, bytes::Bytes::from_static(b"ab"), 0)).unwrap();
    assert_eq!(only(&mut writes).result, Ok(2));
}

#[test]
fn direct_io_takes_an_aligned_buffer() {
    let dir = tempfile::tempdir().unwrap();
    let open = File::options()
        .read(true)
        .write(true)
        .create(true)
        .custom_flags(libc::O_DIRECT)
        .open(dir.path().join("f"));
    let Ok(file) = open else { return aio_tests::skip("O_DIRECT", "the file system takes none") };
    let mut queue = Queue::<AlignedBuf>::new(NonZeroU32::MIN).unwrap();
    let mut buf = AlignedBuf::new(8192, 4096).unwrap();
    buf.fill(5);
    queue.submit(op::write_at(&file, buf, 4096)).unwrap();
    let done = only(&mut queue);
    assert_eq!(done.result, Ok(8192));
    queue.submit(op::read_at(&file, done.buf.unwrap(), 0)).unwrap();
    let done = only(&mut queue);
    assert_eq!(done.result, Ok(8192));
    assert!(
        done.buf.unwrap()[..]
            .iter()
            .enumerate()
            .all(|(i, &byte)| byte == if i < 4096 { 0 } else { 5 })
    );
}

/// Whatever else is in flight, or completes first, is delivered later.
#[test]
fn reads_and_writes_of_all_and_waits_for_one() {
    let (file, (reader, mut writer)) = (temp_file(100), pair());
    let mut queue = new_queue(4);
    let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    let first = queue.submit(op::read_at(&file, vec![0; 1], 7)).unwrap();
    let refused = queue.submit(op::read_at(no_fd(), vec![0; 1], 0)).unwrap();
    let expected: Vec<u8> = (5..15).collect();
    assert_eq!(queue.read_exact_at(&file, vec![0; 10], 5), Ok((Ok(10), expected)));
    let (result, buf) = queue.read_exact_at(&file, vec![0; 10], 95).unwrap();
    assert_eq!((result, &buf[..5]), (Ok(5), &[95, 96, 97, 98, 99][..]), "the file ends");
    assert_eq!(queue.read_exact_at(&file, Vec::new(), 0), Ok((Ok(0), Vec::new())));
    assert_eq!(queue.write_all_at(&file, vec![7; 10], 95), Ok((Ok(10), vec![7; 10])));
    assert_eq!(queue.read_exact_at(no_fd(), vec![1], 0), Ok((Err(Errno::EBADF), vec![1])));
    assert_eq!((queue.outstanding(), queue.pending()), (3, 2));

    writer.write_all(b"x").unwrap();
    let polled = queue.wait_for(poll).unwrap().unwrap();
    assert!(polled.token == poll && polled.poll_events().unwrap().contains(PollEvents::IN));
    assert!(queue.wait_for(poll).unwrap().is_none(), "once");
    let done = queue.wait_for(refused).unwrap().unwrap();
    assert_eq!((done.token, done.result), (refused, Err(Errno::EBADF)));
    let done = only(&mut queue);
    assert_eq!((done.token, done.buf), (first, Some(vec![7])));

    let polls: [PollToken; 4] =
        [0; 4].map(|_| queue.submit(op::poll(&reader, PollEvents::PRI)).unwrap());
    assert_eq!(queue.write_all_at(&file, vec![1], 0), Ok((Err(Errno::EAGAIN), vec![1])));
    assert!(polls.into_iter().all(|poll| queue.cancel(poll) == Ok(true)));
    assert_eq!(drain(&mut queue).len(), 4);

    // A pipe accepts what it has room for, and a reader makes room.
    let (mut from, to) = crate::common::pipe();
    let reads = std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all.len()
    });
    assert_eq!(queue.write_all_at(&to, vec![1; 1 << 20], 0).unwrap().0, Ok(1 << 20));
    drop(to);
    assert_eq!(reads.join().unwrap(), 1 << 20);
}
