//! External faults of a queue: filters, one call at a time, and unmapped memory.

use crate::common::{in_child, itself, pair, refuse, temp_file};
use aio_sys::{Cause, Completion, Context, Errno, PollEvents, Queue, nr, op};
use core::ffi::c_long;
use std::io::Write;
use std::num::NonZeroU32;
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn new_queue(capacity: u32) -> Queue<Vec<u8>> {
    Queue::new(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// Lets a filter answer `errno` to `calls`, with a completed read and a poll in flight.
fn filtered(
    calls: &[c_long],
    errno: i32,
    check: impl Fn(&mut Queue<Vec<u8>>, aio_sys::PollToken, Errno) -> bool,
) {
    let file = temp_file(10);
    in_child(|| {
        let (reader, mut writer) = pair();
        let mut queue = new_queue(8);
        queue.submit(op::read_at(&file, vec![0; 3], 2)).unwrap();
        let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        assert!(refuse(calls, errno));
        let expected = Errno::decode(-(errno as isize)).unwrap_err();
        // Whatever is refused, earlier requests are delivered.
        let read = |done: Completion<Vec<u8>>| {
            assert_eq!((done.result, done.buf), (Ok(3), Some(vec![2, 3, 4])))
        };
        assert_eq!(queue.reap().map(read).count(), 1);
        let fine = check(&mut queue, poll, expected);
        if queue.outstanding() > 0 {
            writer.write_all(b"x").unwrap();
            while queue
                .reap()
                .map(|done| assert!(done.token == poll && done.result.is_ok()))
                .count()
                == 0
            {
                std::thread::yield_now();
            }
        }
        fine
    });
}

const ERRORS: [i32; 3] = [libc::ENOSYS, libc::EPERM, libc::EINTR];

#[test]
fn without_io_setup_creation_fails() {
    for errno in ERRORS {
        filtered(&[nr::SYS_io_setup], errno, |queue, poll, expected| {
            let error = Queue::<Vec<u8>>::new(NonZeroU32::MIN).unwrap_err();
            let message = error.to_string();
            let why = ["seccomp filter", "system call was interrupted", "Interrupted system call"];
            assert!(
                error.errno == expected && why.iter().any(|why| message.contains(why)),
                "{message}"
            );
            // An existing queue continues.
            queue.cancel(poll) == Ok(true)
                && queue
                    .wait(1, LONG)
                    .map(|ready| ready.map(|done| assert_eq!(done.result, Ok(0))).count())
                    == Ok(1)
        });
    }
}

#[test]
fn without_io_submit_requests_fail_at_once() {
    let file = temp_file(10);
    for errno in ERRORS {
        filtered(&[nr::SYS_io_submit], errno, |queue, poll, expected| {
            queue.batch(|batch| {
                for _ in 0..3 {
                    batch.push(op::read_at(&file, vec![7; 2], 0)).unwrap();
                }
            });
            let refused = |done: Completion<Vec<u8>>| {
                assert_eq!((done.result, done.buf), (Err(expected), Some(vec![7; 2])))
            };
            assert_eq!(queue.wait(3, None).map(|ready| ready.map(refused).count()), Ok(3));
            queue.cancel(poll) == Ok(true)
                && queue
                    .wait(1, LONG)
                    .map(|ready| ready.map(|done| assert_eq!(done.result, Ok(0))).count())
                    == Ok(1)
        });
    }
}

#[test]
fn without_io_cancel_a_poll_continues() {
    for errno in ERRORS {
        filtered(&[nr::SYS_io_cancel], errno, |queue, poll, expected| {
            queue.cancel(poll) == Err(expected)
        });
    }
}

#[test]
fn without_io_getevents_ready_events_are_delivered() {
    let calls = [
        nr::SYS_io_getevents,
        nr::SYS_io_pgetevents,
        #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
        nr::SYS_io_pgetevents_time64,
    ];
    let file = temp_file(10);
    for errno in ERRORS {
        filtered(&calls, errno, |queue, _, expected| {
            assert_eq!(queue.wait_interruptible(1, None).map(Iterator::count), Err(expected));
            queue.submit(op::read_at(&file, vec![0; 1], 9)).unwrap();
            queue
                .wait(1, None)
                .map(|ready| ready.map(|done| assert_eq!(done.result, Ok(1))).count())
                == Ok(1)
        });
    }
}

/// With requests in flight it leaks instead of freeing; without, it only returns the error.
#[test]
fn without_io_destroy_close_is_an_error() {
    let (reader, _writer) = pair();
    for errno in ERRORS {
        filtered(&[nr::SYS_io_destroy], errno, |queue, _, expected| {
            let mut busy = self::new_queue(1);
            busy.submit(op::poll(&reader, PollEvents::IN)).unwrap();
            assert_eq!(busy.close(), Err(expected));
            drop(self::new_queue(1));
            std::mem::replace(queue, self::new_queue(1)).close() == Err(expected)
        });
    }
}

// --- requests
// -----------------------------------------------------------------------------

/// Every error of io_submit that the safe types allow, first, in the middle and last: the request
/// completes with its error, and the others with their bytes.
#[test]
fn each_refusal_at_any_position() {
    let file = temp_file(64);
    let (socket, _peer) = pair();
    let readable = std::fs::File::open("/proc/self/exe").unwrap();
    // SAFETY: the kernel refuses it; nobody can own it.
    let no_fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(i32::MAX) };
    type Bad<'f> = &'f dyn Fn(&mut aio_sys::Batch<'_, 'f, Vec<u8>>) -> aio_sys::Token;
    let refusals: [(&str, Errno, Bad<'_>); 6] = [
        ("no such descriptor", Errno::EBADF, &|batch| {
            batch.push(op::read_at(no_fd, vec![0; 4], 0)).unwrap()
        }),
        ("only readable", Errno::EBADF, &|batch| {
            batch.push(op::write_at(&readable, vec![0; 4], 0)).unwrap()
        }),
        ("offset", Errno::EINVAL, &|batch| {
            batch.push(op::read_at(&file, vec![0; 4], 1 << 63)).unwrap()
        }),
        ("nothing to sync", Errno::EINVAL, &|batch| batch.push(op::fsync(&socket)).unwrap()),
        ("too many buffers", Errno::EINVAL, &|batch| {
            batch.push(op::readv_at(&file, vec![Vec::new(); 1025], 0)).unwrap()
        }),
        ("unknown flag", Errno::EOPNOTSUPP, &|batch| {
            batch
                .push(
                    op::read_at(&file, vec![0; 4], 0)
                        .flags(aio_sys::RwFlags::from_bits_retain(1 << 30)),
                )
                .unwrap()
        }),
    ];
    for (what, errno, bad) in refusals {
        for at in 0..3 {
            let mut queue = new_queue(3);
            let tokens = queue.batch(|batch| {
                [0, 1, 2].map(|i| match i == at {
                    true => bad(batch),
                    false => batch.push(op::read_at(&file, vec![0; 4], i * 4)).unwrap(),
                })
            });
            let mut seen = 0;
            while queue.outstanding() > 0 {
                let delivered = queue.wait(1, LONG).map(|ready| {
                    ready
                        .map(|done| {
                            let i = tokens.iter().position(|&token| token == done.token).unwrap()
                                as u64;
                            match i == at {
                                true => assert_eq!(done.result, Err(errno), "{what} at {at}"),
                                false => {
                                    let expected: Vec<u8> = (i as u8 * 4..).take(4).collect();
                                    assert_eq!(
                                        (done.result, done.buf),
                                        (Ok(4), Some(expected)),
                                        "{what} at {at}"
                                    );
                                }
                            }
                        })
                        .count()
                });
                seen += delivered.unwrap();
            }
            assert_eq!(seen, 3);
        }
    }
}

// --- the ring
// -----------------------------------------------------------------------------

/// The completion ring of a context that `make` creates, and its length.
fn ring_of<T>(make: impl FnOnce() -> T) -> (T, usize, usize) {
    let rings = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let rings = maps.lines().filter(|line| line.contains("[aio]"));
        let range = |line: &str| {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            [from, to].map(|end| usize::from_str_radix(end, 16).unwrap())
        };
        rings.map(range).collect::<Vec<_>>()
    };
    let before = rings();
    let made = make();
    let [from, to] = *rings().iter().find(|ring| !before.contains(ring)).unwrap();
    (made, from, to - from)
}

/// Unmaps the ring.
fn unmap(at: usize, bytes: usize) {
    // SAFETY: nothing reads the ring before the library detects that it is gone.
    assert_eq!(unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(at), bytes) }, 0);
}

/// Moves it elsewhere.
fn remap(at: usize, bytes: usize) {
    // SAFETY: nothing reads the ring before the library detects that it is gone.
    let moved = unsafe {
        let to = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        libc::mremap(std::ptr::with_exposed_provenance_mut(at), bytes, bytes, flags, to)
    };
    assert_ne!(moved, libc::MAP_FAILED);
}

#[test]
fn a_context_without_its_ring_is_reported() {
    for take_away in [unmap, remap] {
        in_child(|| {
            let (context, at, bytes) = ring_of(|| Context::new(NonZeroU32::MIN).unwrap());
            take_away(at, bytes);
            let mut request = aio_sys::types::iocb::default();
            let mut requests = [&mut request];
            // SAFETY: it does nothing, and is refused.
            let error = unsafe { context.submit(&mut requests) }.error.unwrap();
            assert_eq!((error.errno, error.cause), (Errno::EINVAL, Cause::NoContext));
            assert!(error.to_string().ends_with("the context does not exist any more"), "{error}");
            context.close() == Err(Errno::EINVAL)
        });
    }
}

/// The next submission detects it; from then on nothing reads the old address.
#[test]
fn a_queue_without_its_ring_fails_requests_and_frees_nothing() {
    let file = temp_file(10);
    let (reader, _writer) = pair();
    for take_away in [unmap, remap] {
        in_child(|| {
            let (mut queue, at, bytes) = ring_of(|| new_queue(4));
            let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
            take_away(at, bytes);
            queue.batch(|batch| {
                for _ in 0..3 {
                    batch.push(op::read_at(&file, vec![0; 3], 0)).unwrap();
                }
            });
            let mut refused = 0;
            let delivered = queue
                .reap()
                .map(|done| {
                    assert_eq!((done.result, done.buf.is_some()), (Err(Errno::EINVAL), true));
                    refused += 1;
                })
                .count();
            assert_eq!((delivered, refused, queue.pending(), queue.outstanding()), (3, 3, 0, 1));
            assert_eq!(queue.wait(1, None).map(Iterator::count), Err(Errno::EINVAL));
            assert_eq!(queue.cancel(poll), Ok(false));
            // The poll is in flight and cannot be waited for: dropping the queue would abort.
            queue.close() == Err(Errno::EINVAL)
        });
        // With nothing in flight, dropping is fine.
        in_child(|| {
            let (queue, at, bytes) = ring_of(|| new_queue(4));
            take_away(at, bytes);
            drop(queue);
            true
        });
    }
}

#[test]
fn drop_without_the_ring_aborts() {
    let output = itself(module_path!(), "aborts").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("aio-sys: io_destroy fails (EINVAL"), "{said}");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(libc::SIGABRT));
}

#[test]
#[ignore = "a part of drop_without_the_ring_aborts"]
fn aborts() {
    let (reader, _writer) = pair();
    let (mut queue, at, bytes) = ring_of(|| new_queue(1));
    queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    unmap(at, bytes);
}
