//! Descriptors, drop and forget at any time, and the number of system calls.

use super::*;

#[test]
fn a_descriptor_may_be_closed_once_it_is_submitted() {
    let (mut reader, writer) = {
        let mut fds = [0; 2];
        // SAFETY: the array has room for two descriptors.
        assert_eq!(unsafe { libc::pipe(fds.as_mut_ptr()) }, 0);
        // SAFETY: the descriptor is new, and nobody else owns it.
        fds.map(|fd| File::from(unsafe { OwnedFd::from_raw_fd(fd) })).into()
    };
    let mut queue = new_queue(1);
    queue.submit(op::write_at(&writer, b"late".to_vec(), 0)).unwrap();
    drop(writer);
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "late");
}

/// Random operations on random parts of a file, against a copy in memory: queues that are dropped,
/// closed, forgotten or sent away with requests in flight; children that come and go. Results match
/// the copy; unreported requests are waited for, and the quota is released.
#[test]
fn anything_at_any_time() {
    const PART: usize = 512;
    const PARTS: usize = 32;
    let (never, _quiet) = pair();
    // An emulator is slow.
    for seed in seeds(if cfg!(guest) { 8 } else { 40 }) {
        eprintln!("AIO_SEED={seed}");
        let mut random = Random(seed);
        let file = temp_file(PARTS * PART);
        let mut model: Vec<u8> = (0..PARTS * PART).map(|i| i as u8).collect();
        let mut queue = new_queue(1 + random.below(40) as u32);
        // The part, and its new content.
        let mut in_flight: Vec<(Token, usize, Option<u8>)> = Vec::new();
        let mut polls: Vec<PollToken> = Vec::new();
        for _ in 0..60 {
            match random.below(10) {
                0..6 => queue.batch(|batch| {
                    for _ in 0..random.below(12) {
                        if batch.free() == 0 {
                            break;
                        }
                        let part = random.below(PARTS as u64) as usize;
                        let busy = in_flight.iter().any(|&(_, other, _)| other == part);
                        let (fd, at) = (file.as_fd(), (part * PART) as u64);
                        match random.below(6) {
                            0 => polls.push(batch.push(op::poll(&never, PollEvents::IN)).unwrap()),
                            1 => in_flight.push((
                                batch.push(op::write_at(no_fd(), vec![0; PART], at)).unwrap(),
                                usize::MAX,
                                None,
                            )),
                            2 if !busy => {
                                let halves = vec![vec![0; PART / 2]; 2];
                                in_flight.push((
                                    batch.push(op::readv_at(fd, halves, at)).unwrap(),
                                    part,
                                    None,
                                ));
                            }
                            3 if !busy => {
                                in_flight.push((
                                    batch.push(op::read_at(fd, vec![0; PART], at)).unwrap(),
                                    part,
                                    None,
                                ));
                            }
                            _ if !busy => {
                                let byte = random.next() as u8;
                                in_flight.push((
                                    batch.push(op::write_at(fd, vec![byte; PART], at)).unwrap(),
                                    part,
                                    Some(byte),
                                ));
                            }
                            _ => {}
                        }
                    }
                }),
                6 => {
                    if let Some(poll) = polls.pop() {
                        assert_eq!(queue.cancel(poll), Ok(true));
                        in_flight.push((poll.into(), usize::MAX - 1, None));
                    }
                }
                7 => in_child(|| {
                    // SAFETY: the child's copy, which is not used again.
                    drop(unsafe { std::ptr::read(&queue) });
                    true
                }),
                _ => {
                    let min = random.below(in_flight.len() as u64 + 1) as usize;
                    let took = queue.wait(min, LONG).map(|ready| {
                        ready
                            .map(|done| {
                                let at =
                                    in_flight.iter().position(|&(token, ..)| token == done.token);
                                let (_, part, byte) = in_flight.swap_remove(
                                    at.expect("each once, and none that was not asked for"),
                                );
                                match part {
                                    usize::MAX => assert_eq!(done.result, Err(Errno::EBADF)),
                                    part if part == usize::MAX - 1 => {
                                        assert_eq!(done.result, Ok(0))
                                    }
                                    part => {
                                        assert_eq!(done.result, Ok(PART));
                                        let expected = &mut model[part * PART..][..PART];
                                        if let Some(byte) = byte {
                                            expected.fill(byte);
                                        }
                                        let bytes = done.buf.unwrap_or_else(|| done.bufs.concat());
                                        assert_eq!(bytes, *expected);
                                    }
                                }
                            })
                            .count()
                    });
                    assert!(took.unwrap() >= min);
                }
            }
            assert_eq!(queue.outstanding(), in_flight.len() + polls.len());
        }
        match random.below(4) {
            0 => drop(queue),
            1 => assert_eq!(queue.close(), Ok(())),
            // Nobody waits here.
            2 => {
                queue.into_background();
                continue;
            }
            _ => {
                std::mem::forget(queue);
                continue;
            }
        }
        for (_, part, byte) in in_flight {
            if let Some(byte) = byte {
                model[part * PART..][..PART].fill(byte);
            }
        }
        let mut all = vec![0; PARTS * PART];
        file.read_exact_at(&mut all, 0).unwrap();
        assert!(all == model, "what was in flight is done when the queue is gone");
    }
}

#[test]
fn the_quota_is_always_released() {
    let (reader, _writer) = pair();
    // Other tests run in parallel, with a few requests each.
    let _quota = quota();
    let limit = aio_nr() + 4000;
    let large = || {
        let mut queue = new_queue(5000);
        queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        assert!(aio_nr() >= 5000);
        queue
    };
    for end in [drop, |queue: Queue<Vec<u8>>| queue.close().unwrap(), Queue::into_background] {
        end(large());
        let start = Instant::now();
        while aio_nr() >= limit {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{} of {limit} still counted",
                aio_nr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn it_can_be_sent_to_another_thread() {
    let file = temp_file(10);
    let mut queue = new_queue(1);
    queue.submit(op::read_at(&file, vec![0; 2], 3)).unwrap();
    let mut queue = std::thread::spawn(move || {
        assert_eq!(only(&mut queue).buf.unwrap(), [3, 4]);
        queue
    })
    .join()
    .unwrap();
    queue.submit(op::read_at(&file, vec![0; 2], 5)).unwrap();
    assert_eq!(only(&mut queue).buf.unwrap(), [5, 6]);
}

/// What is counted by `one_call_per_batch`.
#[test]
#[ignore = "a part of one_call_per_batch"]
fn counted() {
    let (_reader, writer) = pair();
    let mut queue = new_queue(32);
    for round in 0..100 {
        queue.batch(|batch| {
            for _ in 0..1 + round % 32 {
                batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
            }
        });
        assert_eq!(queue.wait(usize::MAX, LONG).map(Iterator::count), Ok(1 + round % 32));
        queue.reap().count();
    }
}

/// And no call to reap what is ready.
#[test]
fn one_call_per_batch() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let counted = itself(module_path!(), "counted");
    let strace = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=/io_.*", "-o"])
        .arg(trace.path())
        .arg(counted.get_program())
        .args(counted.get_args())
        .output();
    match strace {
        Ok(output) if output.status.success() => {}
        other => {
            return aio_tests::skip(
                "calls per batch",
                &format!("no strace here, or it may not trace: {other:?}"),
            );
        }
    }
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    let count = |call: &str| trace.lines().filter(|line| line.contains(call)).count();
    let counts =
        ["io_setup(", "io_submit(", "io_getevents(", "io_pgetevents", "io_cancel(", "io_destroy("]
            .map(count);
    // The last one checks whether io_destroy reaches the kernel.
    assert_eq!(counts, [1, 100, 0, 0, 0, 2], "{trace}");
}
