//! `scope`: borrowed buffers, which only the kernel uses until it has completed the requests.

use crate::common::{
    AIO_CALLS, Random, aio_nr, catches, in_child, itself, pair, quota, refuse, temp_file,
};
use aio_sys::{Borrowed, Errno, Full, PollEvents, RwFlags, Scope, op, scope};
use std::fs::File;
use std::num::NonZeroU32;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn capacity(requests: u32) -> NonZeroU32 {
    NonZeroU32::new(requests).unwrap()
}

#[test]
fn borrowed_buffers_are_read_and_written() {
    let file = temp_file(100);
    let (mut low, mut high, text) = ([0; 10], vec![0; 20], String::from("text"));
    scope(capacity(4), |scope| {
        let (first, second, write) = scope.batch(|batch| {
            let first = batch.push(op::read_at(&file, &mut low, 5)).unwrap();
            let second = batch.push(op::read_at(&file, &mut high, 90)).unwrap();
            (
                first,
                second,
                batch.push(op::write_at(&file, text.as_bytes(), 50).flags(RwFlags::DSYNC)).unwrap(),
            )
        });
        let mut count = 0;
        while scope.outstanding() > 0 {
            let more = scope.wait(1, LONG).map(|ready| {
                ready
                    .map(|done| match (done.token, done.buf.unwrap()) {
                        (token, Borrowed::Exclusive(bytes)) if token == first => {
                            assert_eq!((done.result, bytes.len()), (Ok(10), 10));
                        }
                        (token, bytes @ Borrowed::Exclusive(_)) => {
                            assert_eq!((token, done.result, bytes.len()), (second, Ok(10), 20));
                        }
                        (token, Borrowed::Shared(bytes)) => {
                            assert_eq!(
                                (token, done.result, bytes),
                                (write, Ok(4), b"text".as_slice())
                            );
                        }
                    })
                    .count()
            });
            count += more.unwrap();
        }
        assert_eq!(count, 3);
        scope.submit(op::fsync(&file)).unwrap();
        for done in scope.wait(1, LONG).unwrap() {
            assert_eq!((done.result, done.buf.is_none()), (Ok(0), true));
        }
    })
    .unwrap();
    assert_eq!(low.to_vec(), (5..15).collect::<Vec<u8>>());
    assert_eq!(high[..10].to_vec(), (90..100).collect::<Vec<u8>>());
    let mut written = [0; 4];
    file.read_exact_at(&mut written, 50).unwrap();
    assert_eq!(&written, b"text");
}

#[test]
fn vectors_of_borrowed_buffers() {
    let file = temp_file(100);
    let (mut low, mut high, mut other) = ([0; 10], vec![0; 20], [1; 3]);
    let (one, two) = (b"one".as_slice(), String::from("two"));
    scope(capacity(3), |scope| {
        let (read, write) = scope.batch(|batch| {
            let read =
                batch.push(op::readv_at(&file, vec![&mut low[..], &mut [], &mut high], 5)).unwrap();
            let write = batch
                .push(op::writev_at(&file, vec![one, two.as_bytes()], 60).flags(RwFlags::DSYNC))
                .unwrap();
            batch.push(op::readv_at(&file, Vec::<&mut [u8]>::new(), 0)).unwrap();
            let Err(Full(back)) = batch.push(op::readv_at(&file, vec![&mut other], 0)) else {
                panic!("three of two")
            };
            assert_eq!(back, [&mut [1; 3]]);
            let Err(Full(back)) = batch.push(op::writev_at(&file, vec![one], 0)) else {
                panic!("three of two")
            };
            assert_eq!(back, [one]);
            (read, write)
        });
        let mut seen = 0;
        while scope.outstanding() > 0 {
            let more = scope.wait(1, LONG).map(|ready| {
                ready
                    .map(|done| {
                        assert!(done.buf.is_none());
                        let lengths: Vec<usize> = done.bufs.iter().map(|buf| buf.len()).collect();
                        let exclusive =
                            done.bufs.into_iter().filter_map(Borrowed::exclusive).count();
                        match done.token {
                            token if token == read => {
                                assert_eq!(
                                    (done.result, lengths, exclusive),
                                    (Ok(30), vec![10, 0, 20], 3)
                                );
                            }
                            token if token == write => {
                                assert_eq!(
                                    (done.result, lengths, exclusive),
                                    (Ok(6), vec![3, 3], 0)
                                );
                            }
                            _ => assert_eq!((done.result, lengths.len()), (Ok(0), 0)),
                        }
                    })
                    .count()
            });
            seen += more.unwrap();
        }
        assert_eq!(seen, 3);
    })
    .unwrap();
    assert_eq!([&low[..], &high].concat(), (5..35).collect::<Vec<u8>>());
    let mut written = [0; 6];
    file.read_exact_at(&mut written, 60).unwrap();
    assert_eq!((&written, other), (b"onetwo", [1; 3]));
}

/// The buffer of a completion can be lent again, and is usable by its owner after the scope.
#[test]
fn a_buffer_can_be_lent_again() {
    let file = temp_file(100);
    let mut buf = [0; 4];
    let mut sum = 0;
    scope(capacity(1), |scope| {
        let mut lent = Some(buf.as_mut_slice());
        for offset in 0..20 {
            scope.submit(op::read_at(&file, lent.take().unwrap(), offset)).unwrap();
            for done in scope.wait(1, LONG).unwrap() {
                lent = done.buf.and_then(Borrowed::exclusive);
            }
            sum += u32::from(lent.as_ref().unwrap()[0]);
        }
        let Err(Full(_)) = scope.submit(op::poll(&file, PollEvents::OUT)).and_then(|_| {
            let lent = lent.take().unwrap();
            let Err(Full(back)) = scope.submit(op::read_at(&file, lent, 0)) else {
                panic!("two of one")
            };
            assert_eq!(back, [19, 20, 21, 22]);
            scope.submit(op::poll(&file, PollEvents::OUT))
        }) else {
            panic!("two of one")
        };
    })
    .unwrap();
    assert_eq!((sum, buf), ((0..20).sum(), [19, 20, 21, 22]));
}

/// Reads past the page cache are in flight when the function returns, or panics.
#[test]
fn a_scope_waits_for_requests_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, vec![7; 1 << 20]).unwrap();
    let direct = File::options().read(true).custom_flags(libc::O_DIRECT).open(&path);
    let file = direct.unwrap_or_else(|_| {
        aio_tests::skip(
            "reads in flight at the end of a scope",
            "the file system takes no O_DIRECT",
        );
        File::open(&path).unwrap()
    });
    let (never, _quiet) = pair();
    for panics in [false, true] {
        if panics && !catches("a panic in a scope") {
            return;
        }
        let mut buf = aio_sys::AlignedBuf::new(1 << 20, 4096).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            scope(capacity(300), |scope| {
                scope.batch(|batch| {
                    batch.push(op::poll(&never, PollEvents::IN)).unwrap();
                    for (part, bytes) in buf.chunks_exact_mut(4096).enumerate() {
                        batch.push(op::read_at(&file, bytes, (part * 4096) as u64)).unwrap();
                    }
                });
                assert!(!panics, "on purpose");
            })
        }));
        assert_eq!(ended.is_err(), panics);
        assert!(buf.iter().all(|&byte| byte == 7));
    }
}

#[test]
fn two_scopes_may_be_swapped() {
    let file = temp_file(100);
    let (mut one, mut two) = ([0; 10], [0; 10]);
    let _quota = quota();
    let limit = aio_nr() + 4000;
    fn swapped<'env>(a: &mut Scope<'env>, b: &mut Scope<'env>) {
        std::mem::swap(a, b);
    }
    scope(capacity(3000), |outer| {
        outer.submit(op::read_at(&file, &mut one, 0)).unwrap();
        scope(capacity(3000), |inner| {
            inner.submit(op::read_at(&file, &mut two, 50)).unwrap();
            swapped(outer, inner);
        })
        .unwrap();
        for done in outer.wait(1, LONG).unwrap() {
            assert_eq!(done.buf.unwrap()[0], 50);
        }
    })
    .unwrap();
    assert_eq!((one[9], two[9]), (9, 59));
    assert!(aio_nr() < limit, "both are gone");
}

#[test]
fn a_child_leaves_it_without_touching_anything() {
    let file = temp_file(10);
    let mut buf = [0; 4];
    scope(capacity(2), |scope| {
        scope.submit(op::read_at(&file, &mut buf, 2)).unwrap();
        in_child(|| {
            scope.reap().count() == 0
                && scope.wait(1, LONG).map(Iterator::count) == Err(Errno::EINVAL)
        });
        assert_eq!(scope.reap().map(|done| assert_eq!(done.result, Ok(4))).count(), 1);
    })
    .unwrap();
    assert_eq!(buf, [2, 3, 4, 5]);
}

/// Its owner could use the buffer, while the kernel may still write to it.
#[test]
fn under_a_filter_a_scope_aborts() {
    let output = itself(module_path!(), "aborts").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("aio-sys: io_destroy fails (EPERM"), "{said}");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(libc::SIGABRT));
}

#[test]
#[ignore = "a part of under_a_filter_a_scope_aborts"]
fn aborts() {
    let (never, _quiet) = pair();
    let _ = scope(capacity(1), |scope| {
        scope.submit(op::poll(&never, PollEvents::IN)).unwrap();
        assert!(refuse(AIO_CALLS, libc::EPERM));
    });
}

/// Random reads and writes, on halves that are split again each time, left in flight or waited for.
#[test]
fn anything_at_any_time() {
    if !catches("scopes that end at random") {
        return;
    }
    let file = temp_file(4096);
    let expected: Vec<u8> = (0..4096).map(|i| i as u8).collect();
    for seed in 1..=30 {
        let mut random = Random(seed);
        let mut buf = vec![0; 4096];
        let result = catch_unwind(AssertUnwindSafe(|| {
            scope(capacity(64), |scope| {
                let (mut rest, mut at) = (buf.as_mut_slice(), 0);
                while !rest.is_empty() && scope.free() > 0 {
                    let (piece, other) =
                        rest.split_at_mut(1 + random.below(rest.len() as u64) as usize);
                    let len = piece.len() as u64;
                    match random.below(2) {
                        0 => scope.submit(op::read_at(&file, piece, at)).unwrap(),
                        _ => {
                            let (left, right) = piece.split_at_mut(random.below(len) as usize);
                            scope
                                .batch(|batch| {
                                    batch.push(op::readv_at(&file, vec![left, right], at))
                                })
                                .unwrap()
                        }
                    };
                    (rest, at) = (other, at + len);
                    if random.below(3) == 0 {
                        scope.reap().map(|done| assert!(done.result.is_ok())).count();
                    }
                }
                assert!(random.below(3) > 0, "on purpose");
                at as usize
            })
        }));
        if let Ok(Ok(read)) = result {
            assert_eq!(buf[..read], expected[..read]);
        }
    }
}

#[test]
fn all_of_a_borrowed_buffer() {
    let file = temp_file(100);
    let mut buf = [0; 10];
    let (read, written) = scope(capacity(1), |scope| {
        let (read, back) = scope.read_exact_at(&file, &mut buf, 5).unwrap();
        assert_eq!(*back, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        (read, scope.write_all_at(&file, b"text", 98).unwrap().0)
    })
    .unwrap();
    assert_eq!((read, written, buf[9]), (Ok(10), Ok(4), 14));
    let mut end = [0; 4];
    file.read_exact_at(&mut end, 98).unwrap();
    assert_eq!(&end, b"text");
}
