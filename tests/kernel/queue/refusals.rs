//! Requests that are refused, and queues that are full.

use super::*;

/// First, in the middle and last: its buffer comes back with the error, and the others continue.
#[test]
fn a_refused_request_completes_with_its_error() {
    let file = temp_file(100);
    for bad in 0..3 {
        let mut queue = new_queue(3);
        let tokens = queue.batch(|batch| {
            [0, 1, 2].map(|i| {
                let fd = if i == bad { no_fd() } else { file.as_fd() };
                batch.push(op::read_at(fd, vec![0; 5], 10 * i)).unwrap()
            })
        });
        let mut seen = [false; 3];
        for done in drain(&mut queue) {
            let i = tokens.iter().position(|&token| token == done.token).unwrap();
            assert!(!std::mem::replace(&mut seen[i], true));
            assert_eq!(done.result, if i as u64 == bad { Err(Errno::EBADF) } else { Ok(5) });
            assert_eq!(done.buf.unwrap().len(), 5);
        }
        assert_eq!(seen, [true; 3]);
    }
}

/// Many at once, of several kinds.
#[test]
fn a_batch_of_refused_requests() {
    let file = temp_file(100);
    let mut queue = new_queue(64);
    let expected = queue.batch(|batch| {
        let mut expected = Vec::new();
        for i in 0..8 {
            let (fd, none) = (file.as_fd(), no_fd());
            expected
                .push((batch.push(op::read_at(none, vec![0; 1], 0)).unwrap(), Err(Errno::EBADF)));
            expected.push((batch.push(op::read_at(fd, vec![0; 1], i)).unwrap(), Ok(1)));
            expected.push((
                batch.push(op::read_at(fd, vec![0; 1], u64::MAX)).unwrap(),
                Err(Errno::EINVAL),
            ));
            expected.push((
                batch.push(op::read_at(fd, vec![0; 1], i64::MAX as u64)).unwrap(),
                Err(Errno::EINVAL),
            ));
            expected.push((
                batch.push(op::readv_at(fd, vec![vec![0; 1]; 1025], 0)).unwrap(),
                Err(Errno::EINVAL),
            ));
            expected
                .push((batch.push(op::readv_at(fd, vec![vec![0; 1]; 100], 0)).unwrap(), Ok(100)));
            expected.push((batch.push(op::fsync(none)).unwrap(), Err(Errno::EBADF)));
        }
        expected
    });
    let done = drain(&mut queue);
    assert_eq!(done.len(), expected.len());
    for (token, result) in expected {
        let done = done.iter().find(|done| done.token == token).unwrap();
        assert_eq!(done.result, result);
    }
}

/// More elements than the scratch has room for: the batch goes out in parts, and each gets its own
/// bytes.
#[test]
fn vectors_that_do_not_fit_together() {
    let file = temp_file(4096);
    let mut queue = new_queue(16);
    let tokens: Vec<Token> = queue.batch(|batch| {
        (0..10)
            .map(|i| batch.push(op::readv_at(&file, vec![vec![0; 1]; 300], i * 16)).unwrap())
            .collect()
    });
    for done in drain(&mut queue) {
        let i = tokens.iter().position(|&token| token == done.token).unwrap();
        assert_eq!(done.result, Ok(300));
        let bytes: Vec<u8> = done.bufs.concat();
        assert_eq!(bytes, (i * 16..i * 16 + 300).map(|byte| byte as u8).collect::<Vec<_>>());
    }
    queue.batch(|batch| batch.push(op::readv_at(&file, vec![vec![0; 1]; 1024], 0))).unwrap();
    assert_eq!(only(&mut queue).result, Ok(1024), "as many as there may be");
}

#[test]
fn a_full_queue_returns_the_buffer() {
    let file = temp_file(10);
    let (reader, _writer) = pair();
    let mut queue = new_queue(3);
    let before = queue.capacity();
    queue.batch(|batch| {
        batch.push(op::poll(&reader, PollEvents::IN)).unwrap();
        batch.push(op::read_at(&file, vec![0; 1], 0)).unwrap();
        assert_eq!(batch.free(), 1);
        batch.push(op::read_at(no_fd(), vec![0; 1], 0)).unwrap();
        let Err(Full(buf)) = batch.push(op::read_at(&file, vec![1, 2], 0)) else {
            panic!("a fourth of three")
        };
        assert_eq!(buf, [1, 2]);
        let Err(Full(bufs)) = batch.push(op::readv_at(&file, vec![vec![3]], 0)) else {
            panic!("a fourth of three")
        };
        assert_eq!(bufs, [[3]]);
    });
    let Err(full) = queue.submit(op::fsync(&file)) else { panic!("a fourth of three") };
    assert!(full.to_string().contains("take completions before"));
    assert!(queue.submit(op::poll(&file, PollEvents::IN)).is_err());
    assert_eq!((queue.outstanding(), queue.free()), (3, 0));
    let mut results = Vec::new();
    for done in queue.wait(2, LONG).unwrap() {
        results.push(done.result);
    }
    results.sort();
    assert_eq!(results, [Ok(1), Err(Errno::EBADF)]);
    assert_eq!((queue.outstanding(), queue.free(), queue.capacity()), (1, 2, before));
    queue.submit(op::fsync(&file)).unwrap();
}

/// The kernel has more slots than the queue uses: it never runs out of them.
#[test]
fn filled_again_and_again_without_eagain() {
    let (_reader, writer) = pair();
    for capacity in [1, 7, 64, 500] {
        let mut queue = new_queue(capacity);
        let mut random = Random(capacity.into());
        for _ in 0..300 {
            queue.batch(|batch| {
                while batch.free() > 0 {
                    batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
                }
            });
            let min = random.below(u64::from(capacity) + 1) as usize;
            for done in queue.wait(min, LONG).unwrap() {
                assert!(done.result.is_ok(), "{done:?}");
            }
        }
    }
}
