//! What each operation does, and with which buffers.

use super::*;

#[test]
fn each_operation_does_what_it_says() {
    let file = file(100);
    let mut queue = queue(8);
    let write = queue.write(file.as_fd(), vec![7; 10], 50).unwrap();
    let done = only(&mut queue);
    assert_eq!((done.token, done.result, done.buf.unwrap()), (write, Ok(10), vec![7; 10]));
    let (read, vectored) = queue.batch(|batch| {
        let read = batch.read(file.as_fd(), vec![0; 20], 45).unwrap();
        (read, batch.readv(file.as_fd(), vec![vec![0; 3], vec![0; 4]], 1).unwrap())
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
            batch.writev_with(file.as_fd(), vec![vec![1; 2], vec![2; 2]], 98, RwFlags::DSYNC)
        })
        .unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut end = [0; 4];
    file.read_exact_at(&mut end, 98).unwrap();
    assert_eq!(end, [1, 1, 2, 2]);
    queue.fsync(file.as_fd()).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
    queue.fdsync(file.as_fd()).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
    queue.read(file.as_fd(), vec![9; 8], 100).unwrap();
    let done = only(&mut queue);
    assert_eq!(
        (done.result, done.buf.unwrap()),
        (Ok(2), vec![2, 2, 9, 9, 9, 9, 9, 9]),
        "short at the end of the file"
    );
    queue.read(file.as_fd(), Vec::new(), 0).unwrap();
    assert_eq!(only(&mut queue).result, Ok(0));
}

#[test]
fn flags_reach_the_kernel() {
    let file = file(0);
    let mut queue = queue(2);
    queue.write(file.as_fd(), b"head".to_vec(), 0).unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    queue
        .batch(|batch| batch.write_with(file.as_fd(), b"tail".to_vec(), 0, RwFlags::APPEND))
        .unwrap();
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut all = [0; 8];
    file.read_exact_at(&mut all, 0).unwrap();
    assert_eq!(&all, b"headtail");
    queue
        .batch(|batch| {
            batch.read_with(file.as_fd(), vec![0; 4], 0, RwFlags::from_bits_retain(1 << 30))
        })
        .unwrap();
    let done = only(&mut queue);
    assert_eq!((done.result, done.buf.map(|buf| buf.len())), (Err(Errno::EOPNOTSUPP), Some(4)));
}

#[test]
fn a_poll_tells_what_it_found_and_can_be_cancelled() {
    let (mut reader, mut writer) = pair();
    let mut queue = queue(4);
    let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    assert_eq!((queue.reap(|_| ()), queue.pending()), (0, 0));
    writer.write_all(b"x").unwrap();
    let done = only(&mut queue);
    assert!(done.token == poll && done.buf.is_none());
    assert!(PollEvents::from_bits_retain(done.result.unwrap() as u16).contains(PollEvents::IN));
    assert_eq!(queue.cancel(poll), Ok(false), "it has ended");
    reader.read_exact(&mut [0]).unwrap();
    let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    assert_eq!(queue.cancel(poll), Ok(true));
    assert_eq!(queue.cancel(poll), Ok(false), "once");
    assert_eq!(only(&mut queue).result, Ok(0));
    // A token of another queue is no poll here.
    let mut other: Queue<Vec<u8>> = Queue::new(NonZeroU32::MIN).unwrap();
    other.poll(reader.as_fd(), PollEvents::IN).unwrap();
    assert_eq!(other.cancel(poll), Ok(false));
}

#[test]
fn kinds_of_buffers() {
    let file = file(4096);
    let mut boxes = Queue::<Box<[u8]>>::new(NonZeroU32::MIN).unwrap();
    boxes.read(file.as_fd(), vec![0; 4].into(), 4).unwrap();
    assert_eq!(&*only(&mut boxes).buf.unwrap(), &[4, 5, 6, 7]);
    let mut statics = Queue::<&'static [u8]>::new(NonZeroU32::MIN).unwrap();
    statics.write(file.as_fd(), b"static", 0).unwrap();
    assert_eq!(only(&mut statics).buf, Some(b"static".as_slice()));
    let mut aligned = Queue::<AlignedBuf>::new(NonZeroU32::MIN).unwrap();
    aligned.read(file.as_fd(), AlignedBuf::new(4096, 4096).unwrap(), 0).unwrap();
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
    let much = isize::MAX as usize + 1 - 512;
    assert_eq!(AlignedBuf::new(much, 512).unwrap_err(), AlignedBufError::NoMemory(much));
}

#[test]
fn parts_of_buffers() {
    let file = file(100);
    let mut queue = Queue::<Part<Vec<u8>>>::new(NonZeroU32::new(2).unwrap()).unwrap();
    queue.batch(|batch| {
        batch.read(file.as_fd(), Part::new(vec![0; 8], 2..5), 10).unwrap();
        batch.write(file.as_fd(), Part::new(vec![1, 2, 3, 4], 1..3), 50).unwrap();
    });
    let mut done = drain(&mut queue);
    done.sort_by_key(|done| done.result);
    let [write, read] =
        <[_; 2]>::try_from(done).unwrap().map(|done| (done.result, done.buf.unwrap().into_inner()));
    assert_eq!(read, (Ok(3), vec![0, 0, 10, 11, 12, 0, 0, 0]));
    assert_eq!(write, (Ok(2), vec![1, 2, 3, 4]));
    let mut written = [0; 4];
    file.read_exact_at(&mut written, 49).unwrap();
    assert_eq!(written, [49, 2, 3, 52]);
    #[allow(clippy::reversed_empty_ranges, reason = "the mistake to be caught")]
    let beyond = if catches("a part out of range") { vec![0..5, 5..5, 3..2] } else { vec![] };
    for range in beyond {
        assert!(catch_unwind(|| Part::new(vec![0; 4], range)).is_err());
    }
    assert_eq!(Part::new(vec![0; 4], 4..4).range(), 4..4);
}

#[test]
fn indexes_of_tokens_are_few_and_different() {
    let (reader, _writer) = pair();
    let mut queue = queue(5);
    for _ in 0..3 {
        let mut indexes = queue.batch(|batch| {
            [0; 5].map(|_| Token::from(batch.poll(reader.as_fd(), PollEvents::IN).unwrap()).index())
        });
        indexes.sort();
        assert_eq!(indexes, [0, 1, 2, 3, 4]);
        queue = self::queue(5);
    }
}

#[test]
fn buffers_of_the_crate_bytes() {
    let file = file(10);
    let mut reads = Queue::<bytes::BytesMut>::new(NonZeroU32::MIN).unwrap();
    let mut halves = bytes::BytesMut::zeroed(8);
    let back = halves.split_off(4);
    reads.read(file.as_fd(), back, 2).unwrap();
    assert_eq!(&*only(&mut reads).buf.unwrap(), [2, 3, 4, 5]);
    assert_eq!(&*halves, [0; 4], "the other half of the memory is not touched");
    let mut writes = Queue::<bytes::Bytes>::new(NonZeroU32::MIN).unwrap();
    writes.write(file.as_fd(), bytes::Bytes::from_static(b"ab"), 0).unwrap();
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
    queue.write(file.as_fd(), buf, 4096).unwrap();
    let done = only(&mut queue);
    assert_eq!(done.result, Ok(8192));
    queue.read(file.as_fd(), done.buf.unwrap(), 0).unwrap();
    let done = only(&mut queue);
    assert_eq!(done.result, Ok(8192));
    assert!(
        done.buf.unwrap()[..]
            .iter()
            .enumerate()
            .all(|(i, &byte)| byte == if i < 4096 { 0 } else { 5 })
    );
}
