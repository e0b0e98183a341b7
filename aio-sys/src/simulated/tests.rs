//! Tests of queues and scopes, with requests in flight at any time.

use super::file::{Mode, Opened};
use super::{CONTEXTS, Process, below, lock, one_in};
use crate::queue::Queue;
use crate::queue::buf::{AlignedBuf, IoBuf, IoBufMut};
use crate::queue::op;
use crate::queue::request::{Completion, Token};
use crate::queue::scope::scope;
use crate::sys::errno::Errno;
use crate::sys::flags::PollEvents;
use crate::sys::target::uapi_of_arch::{POLLIN, POLLOUT};
use crate::sys::types::{UIO_MAXIOV, iovec};
use std::boxed::Box;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::string::ToString;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::vec::Vec;
use std::{iter, slice, thread, vec};

fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

/// The byte of the file at an offset.
fn byte(offset: usize) -> u8 {
    (offset * 7 + 1) as u8
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(byte).collect()
}

fn file() -> Opened {
    Opened::new(Mode::ReadWrite, &pattern(64))
}

/// Checks that a read into `bytes` has stored what its result says.
fn check_read(result: Result<usize, Errno>, bytes: &[u8], offset: usize) {
    match result {
        Ok(count) => {
            assert!(bytes[..count].iter().enumerate().all(|(i, &b)| b == byte(offset + i)));
            assert!(count > 0 || bytes.is_empty() || offset >= 64);
        }
        Err(errno) => assert_eq!(errno, Errno::EIO),
    }
}

fn bytes_of<B: IoBuf>(buf: &B) -> &[u8] {
    // SAFETY: the impl of `IoBuf` guarantees that these bytes can be read and are initialised.
    unsafe { slice::from_raw_parts(buf.byte_ptr(), buf.byte_len()) }
}

fn one<B>(queue: &mut Queue<B>) -> Completion<B> {
    queue.wait(1, None).unwrap().next().unwrap()
}

/// Reads and writes, whole and in part.
fn transfers<B: IoBufMut>(mut new: impl FnMut() -> B) {
    let file = file();
    let mut queue = Queue::new(some(3)).unwrap();
    queue.submit(op::read_at(&file, new(), 3)).unwrap();
    queue.submit(op::read_at(&file, new(), 0).range(1..3)).unwrap();
    let mut done = Vec::new();
    while done.len() < 2 {
        done.extend(queue.wait(1, None).unwrap());
    }
    done.sort_by_key(|done| done.token.index());
    for (done, (start, offset)) in done.iter().zip([(0, 3), (1, 0)]) {
        let end = if start == 1 { 3 } else { done.buf.as_ref().unwrap().byte_len() };
        let read = &bytes_of(done.buf.as_ref().unwrap())[start..end];
        check_read(done.result, read, offset);
    }
    let buf = done.pop().and_then(|done| done.buf).unwrap();
    let expected = bytes_of(&buf)[1..3].to_vec();
    queue.submit(op::write_at(&file, buf, 60).range(1..3)).unwrap();
    if let Ok(count) = one(&mut queue).result {
        assert_eq!(file.bytes()[60..60 + count], expected[..count]);
    }
    // If the drop did not wait, these buffers would be freed while they are in flight.
    queue.submit(op::read_at(&file, new(), 0)).unwrap();
    queue.submit(op::write_at(&file, new(), 0)).unwrap();
}

#[test]
fn buffers_of_every_kind() {
    let _process = Process;
    transfers(|| vec![0u8; 8]);
    transfers(|| vec![0u8; 8].into_boxed_slice());
    transfers(|| AlignedBuf::new(512, 512).unwrap());
    transfers(|| -> Box<dyn IoBufMut> {
        match one_in(2) {
            true => Box::new(vec![0u8; 8]),
            false => Box::new(AlignedBuf::new(512, 512).unwrap()),
        }
    });
    let file = file();
    let mut queue = Queue::<Box<dyn IoBuf>>::new(some(3)).unwrap();
    let bufs: [Box<dyn IoBuf>; 3] =
        [Box::new("static"), Box::new(Arc::<[u8]>::from([1, 2])), Box::new("heap".to_string())];
    for buf in bufs {
        queue.submit(op::write_at(&file, buf, 8)).unwrap();
    }
}

#[test]
fn reads_into_spare_capacity() {
    let _process = Process;
    let file = file();
    let mut queue = Queue::new(some(2)).unwrap();
    for offset in [0, 60, 64] {
        let mut buf = Vec::with_capacity(16);
        buf.extend_from_slice(b"head");
        queue.submit(op::read_spare_at(&file, buf, offset)).unwrap();
        let done = one(&mut queue);
        let buf = done.buf.unwrap();
        assert_eq!((&buf[..4], buf.len()), (&b"head"[..], 4 + done.result.unwrap_or(0)));
        check_read(done.result, &buf[4..], offset as usize);
    }
    queue.submit(op::read_spare_at(&file, Vec::with_capacity(16), 0)).unwrap();
}

#[test]
fn vectors() {
    let _process = Process;
    let file = file();
    let mut queue = Queue::new(some(4)).unwrap();
    queue.submit(op::readv_at(&file, vec![vec![0; 3], vec![], vec![0; 5]], 2)).unwrap();
    let done = one(&mut queue);
    check_read(done.result, &done.bufs.concat(), 2);
    queue.submit(op::writev_at(&file, vec![vec![9; 3], vec![8; 5]], 60)).unwrap();
    if let Ok(count) = one(&mut queue).result {
        assert_eq!(file.bytes()[60..60 + count], [9, 9, 9, 8, 8, 8, 8, 8][..count]);
    }
    // More iovecs than fit into one call: the first request is submitted early.
    queue.batch(|batch| {
        let bufs = |count, len| iter::repeat_n(vec![0; len], count).collect();
        batch.push(op::readv_at(&file, bufs(9, 1), 0)).unwrap();
        batch.push(op::writev_at(&file, bufs(UIO_MAXIOV - 8, 0), 0)).unwrap();
        batch.push(op::readv_at(&file, bufs(0, 0), 0)).unwrap();
    });
}

/// `write_all_at` does not report success if nothing was written.
#[test]
fn write_all_reports_a_write_of_0_bytes() {
    let full = Opened::new(Mode::Full, &[]);
    let mut queue = Queue::new(some(1)).unwrap();
    for len in [0, 1, 100] {
        let (result, buf) = queue.write_all_at(&full, pattern(len), 0).unwrap();
        assert_eq!((result, buf.len()), (if len == 0 { Ok(0) } else { Err(Errno::EIO) }, len));
    }
}

#[test]
fn memory_of_the_caller() {
    let _process = Process;
    let file = file();
    let memory = Box::into_raw(Box::new([0u8; 8]));
    let mut queue = Queue::<Vec<u8>>::new(some(2)).unwrap();
    {
        let iov_base = memory.cast();
        let mut iovecs = vec![iovec { iov_base, iov_len: 8 }];
        // SAFETY: `memory` is not accessed before the completion was delivered.
        queue.submit(unsafe { op::readv_raw_at(&file, &iovecs, 5) }).unwrap();
        // The kernel has copied the iovecs.
        iovecs.clear();
    }
    let result = one(&mut queue).result;
    // SAFETY: `memory` comes from `Box::into_raw`, and the kernel does not use it after the
    // completion.
    let bytes = unsafe { Box::from_raw(memory) };
    check_read(result, &bytes[..], 5);
}

#[test]
fn refused_requests_and_requests_without_a_buffer() {
    let _process = Process;
    let (open, fixed) = (file(), Opened::new(Mode::ReadOnly, &[]));
    let socket = Opened::new(Mode::Socket, &[]);
    let mut queue = Queue::new(some(8)).unwrap();
    let tokens: Vec<Token> = queue.batch(|batch| {
        [
            batch.push(op::read_at(&open, vec![0; 4], 1).user_data(7)),
            batch.push(op::write_at(&fixed, vec![0; 4], 0)),
            batch.push(op::write_at(&open, vec![1; 4], u64::MAX)),
            batch.push(op::read_at(&open, Vec::new(), 0)),
            batch.push(op::read_at(&socket, vec![0; 4], 0)),
        ]
        .map(|token| token.unwrap())
        .into_iter()
        .chain([
            batch.push(op::fsync(&socket)).unwrap(),
            batch.push(op::fdsync(&open)).unwrap(),
            batch.push(op::completed(Ok(3))).unwrap(),
        ])
        .collect()
    });
    assert_eq!(queue.submit(op::read_at(&open, vec![5; 1], 0)).unwrap_err().0, [5]);
    let refused = Err(Errno::EINVAL);
    let expected = [None, Some(Err(Errno::EBADF)), Some(refused), Some(refused), Some(refused)]
        .into_iter()
        .chain([Some(refused), Some(Ok(0)), Some(Ok(3))]);
    let mut done: HashMap<_, _> = queue.drain().unwrap().map(|done| (done.token, done)).collect();
    for (token, expected) in tokens.into_iter().zip(expected) {
        let done = done.remove(&token).unwrap();
        match expected {
            Some(expected) => assert_eq!(done.result, expected),
            None => assert_eq!(done.user_data, 7),
        }
    }
    assert_eq!((done.len(), queue.outstanding(), queue.free()), (0, 0, 8));
}

#[test]
fn polls() {
    let _process = Process;
    let socket = Opened::new(Mode::Socket, &[]);
    let mut queue = Queue::<Vec<u8>>::with_eventfd(some(2)).unwrap();
    let poll = queue.submit(op::poll(&socket, PollEvents::IN)).unwrap();
    assert_eq!(queue.wait(1, Some(Duration::from_millis(1))).unwrap().count(), 0);
    thread::scope(|threads| {
        threads.spawn(|| socket.set_ready(POLLIN | POLLOUT));
        assert_eq!(one(&mut queue).poll_events(), Ok(PollEvents::IN));
    });
    assert!(queue.clear_eventfd() <= 1 && !queue.cancel(poll).unwrap());
    socket.set_ready(0);
    let poll = queue.submit(op::poll(&socket, PollEvents::IN)).unwrap();
    queue.submit(op::poll(&socket, PollEvents::IN)).unwrap();
    assert!(queue.cancel(poll).unwrap());
    let done = one(&mut queue);
    assert!(done.token == poll && done.result == Ok(0));
    // The drop cancels the other one.
}

/// A queue with requests in flight, some of whose completions were delivered.
fn busy(file: &Opened, socket: &Opened) -> Queue<Vec<u8>> {
    let mut queue = match below(3) {
        0 => Queue::with_eventfd(some(6)).unwrap(),
        1 => {
            let other = Queue::<Vec<u8>>::with_eventfd(some(1)).unwrap();
            Queue::with_shared_eventfd(some(6), other.eventfd().unwrap()).unwrap()
        }
        _ => Queue::new(some(6)).unwrap(),
    };
    let own = Arc::new(Opened::new(Mode::ReadWrite, b"own"));
    queue.batch(|batch| {
        batch.push(op::read_at(file, vec![0; 8], 0)).unwrap();
        batch.push(op::write_at(file, vec![1; 8], 64)).unwrap();
        batch.push(op::readv_at(file, vec![vec![0; 2]; 2], 0)).unwrap();
        batch.push(op::read_spare_at(own, Vec::with_capacity(3), 0)).unwrap();
        batch.push(op::poll(socket, PollEvents::IN)).unwrap();
    });
    let closed = Opened::new(Mode::ReadWrite, b"closed");
    queue.submit(op::read_at(&closed, vec![0; 3], 0)).unwrap();
    for _ in 0..below(4) {
        // From an iterator that still has completions, or from one that is exhausted.
        let _ = one(&mut queue);
        if one_in(4) {
            drop(queue.reap().last());
            break;
        }
    }
    queue
}

#[test]
fn shutdown_with_requests_in_flight() {
    type Forgotten = ManuallyDrop<Queue<Vec<u8>>>;
    static FORGOTTEN: Mutex<Vec<Forgotten>> = Mutex::new(Vec::new());
    let _process = Process;
    let (file, socket) = (file(), Opened::new(Mode::Socket, &[]));
    drop(busy(&file, &socket));
    busy(&file, &socket).close().unwrap();
    let mut queue = busy(&file, &socket);
    drop(queue.drain().unwrap().next());
    drop(queue);
    let panicked = catch_unwind(AssertUnwindSafe(|| -> () {
        let mut queue = busy(&file, &socket);
        // The other completions stay in the ring, and are not delivered.
        drop(queue.drain().unwrap().next());
        resume_unwind(Box::new(()))
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        busy(&file, &socket).batch(|batch| {
            while batch.push(op::read_at(&file, vec![0; 2], 0)).is_ok() {}
            resume_unwind(Box::new(()));
        })
    }));
    assert!(panicked.is_err());
    // This is `mem::forget`, without a leak that Miri reports.
    lock(&FORGOTTEN).push(Forgotten::new(busy(&file, &socket)));
}

#[test]
fn shutdown_in_the_background() {
    let _process = Process;
    busy(&file(), &Opened::new(Mode::Socket, &[])).into_background();
    while CONTEXTS.iter().any(|context| context.id.load(Ordering::Acquire) != 0) {
        thread::yield_now();
    }
    // The background thread has nothing more to do, and exits.
    thread::sleep(Duration::from_secs(1));
}

#[test]
fn borrowed_buffers() {
    let _process = Process;
    let file = file();
    let mut bytes = [0u8; 16];
    let text = *b"borrowed";
    let (head, rest) = bytes.split_at_mut(8);
    let results = scope(some(4), |scope| {
        let head = scope.submit(op::read_at(&file, head, 0)).unwrap();
        scope.batch(|batch| {
            batch.push(op::read_at(&file, rest, 8)).unwrap();
            batch.push(op::write_at(&file, &text, 64)).unwrap();
        });
        // A shared borrow may be read while the kernel reads it.
        assert_eq!(text[0], b'b');
        let mut again = None;
        while again.is_none() {
            for done in scope.wait(1, None).unwrap() {
                if done.token == head {
                    let buf = done.buf.unwrap().exclusive().unwrap();
                    check_read(done.result, buf, 0);
                    buf.fill(1);
                    again = Some(buf);
                }
            }
        }
        scope.submit(op::read_at(&file, again.unwrap(), 8)).unwrap();
    });
    results.unwrap();
    bytes.fill(2);
}

#[test]
fn panics_in_a_scope() {
    let _process = Process;
    let file = file();
    let mut bytes = vec![0u8; 8];
    let mut more = [[0u8; 2]; 2];
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let [first, second] = &mut more;
        scope(some(4), |scope| {
            scope.submit(op::readv_at(&file, vec![first, second], 0)).unwrap();
            scope.submit(op::read_at(&file, &mut bytes, 0)).unwrap();
            let _first = scope.wait(below(2), None).unwrap().next();
            resume_unwind(Box::new(()))
        })
    }));
    assert!(panicked.is_err());
    // The kernel must not write here after the end of the scope.
    bytes.fill(1);
    more = [[1; 2]; 2];
    assert_eq!((&bytes[..], more), (&[1; 8][..], [[1; 2]; 2]));
}

#[test]
fn halves_of_a_queue() {
    let _process = Process;
    let (file, socket) = (file(), Opened::new(Mode::Socket, &[]));
    let (submitter, mut reaper) = Queue::split(some(3)).unwrap();
    let delivered = thread::scope(|threads| {
        for thread in 0..2 {
            let (submitter, file, socket) = (submitter.clone(), &file, &socket);
            threads.spawn(move || {
                for round in 0..3 {
                    let offset = thread * 8 + round;
                    while submitter
                        .submit(op::read_at(file, vec![0; 4], offset).user_data(offset))
                        .is_err()
                    {
                        thread::yield_now();
                    }
                }
                if let Ok(poll) = submitter.submit(op::poll(socket, PollEvents::IN)) {
                    assert!(submitter.cancel(poll).unwrap());
                }
            });
        }
        drop(submitter);
        let mut delivered = 0;
        loop {
            let completions = reaper.wait(1, None).unwrap();
            if completions.len() == 0 {
                return delivered;
            }
            for done in completions {
                if let Some(buf) = done.buf {
                    check_read(done.result, &buf, done.user_data as usize);
                    delivered += 1;
                }
            }
        }
    });
    assert_eq!(delivered, 6);
}

#[test]
fn dropping_the_halves_of_a_queue() {
    let _process = Process;
    let (file, socket) = (file(), Opened::new(Mode::Socket, &[]));
    for reaper_first in [false, true] {
        let (submitter, mut reaper) = Queue::split(some(4)).unwrap();
        submitter.batch(|batch| {
            batch.push(op::read_at(&file, vec![0; 4], 0)).unwrap();
            batch.push(op::write_at(&file, vec![0; 4], 64)).unwrap();
            batch.push(op::poll(&socket, PollEvents::IN)).unwrap();
        });
        if one_in(2) {
            drop(reaper.wait(1, None).unwrap().next());
        }
        if one_in(4) {
            assert!(reaper.drain().unwrap().len() >= 2);
        }
        thread::scope(|threads| {
            if reaper_first {
                threads.spawn(|| drop(reaper));
                submitter.close();
            } else {
                threads.spawn(|| drop(submitter));
                drop(reaper.reap());
            }
        });
    }
}

/// Random operations, compared with a table of the requests in flight.
#[test]
fn any_operation_at_any_time() {
    let _process = Process;
    let (file, socket) = (file(), Opened::new(Mode::Socket, &[]));
    let capacity = 1 + below(5);
    let mut queue = Queue::new(some(capacity as u32)).unwrap();
    // Requests in flight, with the offset of each read.
    let mut in_flight: HashMap<Token, Option<usize>> = HashMap::new();
    let mut polls = Vec::new();
    for _ in 0..60 {
        let offset = below(60);
        let was_full = in_flight.len() == capacity;
        let before = in_flight.len();
        match below(8) {
            0..3 => {
                let read = op::read_at(&file, vec![0; 1 + below(8)], offset as u64);
                let token = queue.submit(read).ok();
                in_flight.extend(token.map(|token| (token, Some(offset))));
                assert_eq!(in_flight.len() == before, was_full);
            }
            3 => {
                let bytes: Vec<u8> = (offset..offset + 4).map(byte).collect();
                let token = queue.submit(op::write_at(&file, bytes, offset as u64)).ok();
                in_flight.extend(token.map(|token| (token, None)));
                assert_eq!(in_flight.len() == before, was_full);
            }
            4 => {
                let poll = queue.submit(op::poll(&socket, PollEvents::IN)).ok();
                in_flight.extend(poll.map(|poll| (poll.into(), None)));
                polls.extend(poll);
            }
            5 if !polls.is_empty() => {
                let poll = polls.swap_remove(below(polls.len()));
                let cancelled = queue.cancel(poll).unwrap();
                assert!(!cancelled || in_flight.contains_key(&poll.into()));
            }
            5 => socket.set_ready(if one_in(2) { POLLIN } else { 0 }),
            turn => {
                let wait = match turn {
                    6 => Ok(queue.reap()),
                    _ => queue.wait_interruptible(below(3), Some(Duration::from_micros(50))),
                };
                let Ok(completions) = wait else { continue };
                for done in completions.take(1 + below(4)) {
                    let offset = in_flight.remove(&done.token).expect("once, and of this queue");
                    if let Some(offset) = offset {
                        check_read(done.result, &done.buf.unwrap(), offset);
                    }
                }
            }
        }
        assert_eq!(
            (queue.outstanding(), queue.free()),
            (in_flight.len(), capacity - in_flight.len())
        );
    }
    if one_in(2) {
        assert_eq!(queue.drain().unwrap().count(), in_flight.len());
    }
}

#[test]
fn descriptors_are_borrowed_only_during_submission() {
    let _process = Process;
    let mut queue = Queue::new(some(2)).unwrap();
    let file = file();
    queue.submit(op::read_at(file.as_fd(), vec![0; 4], 0)).unwrap();
    drop(file);
    let done = one(&mut queue);
    check_read(done.result, &done.buf.unwrap(), 0);
}
