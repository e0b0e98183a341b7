//! `Queue`: every request ends in exactly one completion, and every buffer comes back or is waited
//! for.

#[path = "common/aio.rs"]
mod common;

use aio_sys::types::aio_ring;
use aio_sys::{
    AlignedBuf, AlignedBufError, Completion, Errno, Full, Part, PollEvents, PollToken, Queue,
    RwFlags, Token,
};
use common::{
    AIO_CALLS, Random, aio_nr, await_child, catches, file, fork, in_child, leave, pair, refuse,
    seeds,
};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn queue(capacity: u32) -> Queue<Vec<u8>> {
    Queue::new(NonZeroU32::new(capacity).unwrap()).unwrap()
}

/// Waits for all that is outstanding, in the order of arrival.
fn drain<B>(queue: &mut Queue<B>) -> Vec<Completion<B>> {
    let mut all = Vec::new();
    while queue.outstanding() > 0 {
        queue.wait(usize::MAX, LONG, |completion| all.push(completion)).unwrap();
    }
    all
}

fn only<B>(queue: &mut Queue<B>) -> Completion<B> {
    let mut all = drain(queue);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A descriptor that is open nowhere.
fn no_fd() -> BorrowedFd<'static> {
    // SAFETY: the kernel refuses it; nobody can own it.
    unsafe { BorrowedFd::borrow_raw(i32::MAX) }
}

// --- what it does
// -----------------------------------------------------------------------------------------------------

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
        .batch(|batch| batch.read_with(file.as_fd(), vec![0; 4], 0, RwFlags::from_bits(1 << 30)))
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
    assert!(PollEvents::from_bits(done.result.unwrap() as u16).contains(PollEvents::IN));
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

// --- refusals
// -----------------------------------------------------------------------------------------------------------

/// First, in the middle and last: its buffer comes back with the error, and the others go on.
#[test]
fn a_refused_request_completes_with_its_error() {
    let file = file(100);
    for bad in 0..3 {
        let mut queue = queue(3);
        let tokens = queue.batch(|batch| {
            [0, 1, 2].map(|i| {
                let fd = if i == bad { no_fd() } else { file.as_fd() };
                batch.read(fd, vec![0; 5], 10 * i).unwrap()
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
fn a_batch_of_mistakes() {
    let file = file(100);
    let mut queue = queue(64);
    let expected = queue.batch(|batch| {
        let mut expected = Vec::new();
        for i in 0..8 {
            let (fd, none) = (file.as_fd(), no_fd());
            expected.push((batch.read(none, vec![0; 1], 0).unwrap(), Err(Errno::EBADF)));
            expected.push((batch.read(fd, vec![0; 1], i).unwrap(), Ok(1)));
            expected.push((batch.read(fd, vec![0; 1], u64::MAX).unwrap(), Err(Errno::EINVAL)));
            expected
                .push((batch.read(fd, vec![0; 1], i64::MAX as u64).unwrap(), Err(Errno::EINVAL)));
            expected
                .push((batch.readv(fd, vec![vec![0; 1]; 1025], 0).unwrap(), Err(Errno::EINVAL)));
            expected.push((batch.readv(fd, vec![vec![0; 1]; 100], 0).unwrap(), Ok(100)));
            expected.push((batch.fsync(none).unwrap(), Err(Errno::EBADF)));
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

/// More elements than the scratch holds: the batch goes out in parts, and each gets its own bytes.
#[test]
fn vectors_that_do_not_fit_together() {
    let file = file(4096);
    let mut queue = queue(16);
    let tokens: Vec<Token> = queue.batch(|batch| {
        (0..10).map(|i| batch.readv(file.as_fd(), vec![vec![0; 1]; 300], i * 16).unwrap()).collect()
    });
    for done in drain(&mut queue) {
        let i = tokens.iter().position(|&token| token == done.token).unwrap();
        assert_eq!(done.result, Ok(300));
        let bytes: Vec<u8> = done.bufs.concat();
        assert_eq!(bytes, (i * 16..i * 16 + 300).map(|byte| byte as u8).collect::<Vec<_>>());
    }
    queue.batch(|batch| batch.readv(file.as_fd(), vec![vec![0; 1]; 1024], 0)).unwrap();
    assert_eq!(only(&mut queue).result, Ok(1024), "as many as there may be");
}

#[test]
fn when_it_is_full_the_buffer_comes_back() {
    let file = file(10);
    let (reader, _writer) = pair();
    let mut queue = queue(3);
    let before = queue.capacity();
    queue.batch(|batch| {
        batch.poll(reader.as_fd(), PollEvents::IN).unwrap();
        batch.read(file.as_fd(), vec![0; 1], 0).unwrap();
        assert_eq!(batch.free(), 1);
        batch.read(no_fd(), vec![0; 1], 0).unwrap();
        let Err(Full(buf)) = batch.read(file.as_fd(), vec![1, 2], 0) else {
            panic!("a fourth of three")
        };
        assert_eq!(buf, [1, 2]);
        let Err(Full(bufs)) = batch.readv(file.as_fd(), vec![vec![3]], 0) else {
            panic!("a fourth of three")
        };
        assert_eq!(bufs, [[3]]);
    });
    let Err(full) = queue.fsync(file.as_fd()) else { panic!("a fourth of three") };
    assert!(full.to_string().contains("slots come back with completions"));
    assert!(queue.poll(file.as_fd(), PollEvents::IN).is_err());
    assert_eq!((queue.outstanding(), queue.free()), (3, 0));
    let mut results = Vec::new();
    queue.wait(2, LONG, |done| results.push(done.result)).unwrap();
    results.sort();
    assert_eq!(results, [Ok(1), Err(Errno::EBADF)]);
    assert_eq!((queue.outstanding(), queue.free(), queue.capacity()), (1, 2, before));
    queue.fsync(file.as_fd()).unwrap();
}

/// The kernel has more places than the queue uses, whatever came before: it never runs out of them.
#[test]
fn filled_again_and_again_without_eagain() {
    let (_reader, writer) = pair();
    for capacity in [1, 7, 64, 500] {
        let mut queue = queue(capacity);
        let mut random = Random(capacity.into());
        for _ in 0..300 {
            queue.batch(|batch| {
                while batch.free() > 0 {
                    batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
                }
            });
            let min = random.below(u64::from(capacity) + 1) as usize;
            queue.wait(min, LONG, |done| assert!(done.result.is_ok(), "{done:?}")).unwrap();
        }
    }
}

// --- waiting
// -------------------------------------------------------------------------------------------------------------

#[test]
fn it_waits_for_no_more_than_can_come() {
    let (reader, writer) = pair();
    let mut queue = queue(4);
    assert_eq!(queue.wait(1, None, |_| panic!("nothing was submitted")), Ok(0));
    queue.poll(writer.as_fd(), PollEvents::OUT).unwrap();
    let mut count = 0;
    assert_eq!(queue.wait(100, None, |_| count += 1), Ok(1));
    assert_eq!(count, 1);
    queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    let (start, time) = (Instant::now(), Duration::from_millis(30));
    assert_eq!(queue.wait(1, Some(time), |_| ()), Ok(0));
    assert!(start.elapsed() >= time);
    queue.poll(writer.as_fd(), PollEvents::OUT).unwrap();
    assert_eq!(queue.wait(2, Some(time), |_| ()), Ok(1), "what there is");
}

#[test]
fn a_panic_loses_nothing_but_what_it_was_given() {
    panics(|| ());
}

/// A ring that cannot be read in user space: all the same by calls.
#[test]
fn without_the_ring_calls_serve() {
    in_child(|| {
        let before = rings();
        let (_reader, writer) = pair();
        let mut queue = queue(8);
        let ring = *rings().iter().find(|ring| !before.contains(ring)).unwrap();
        let damage = || {
            let ring = std::ptr::with_exposed_provenance_mut::<aio_ring>(ring);
            // SAFETY: the queue's ring, which lives. The kernel takes the head modulo `nr`: it
            // stays where it was.
            unsafe { (&raw mut (*ring).head).write_volatile((*ring).head + (*ring).nr) };
        };
        for min in [0, 8] {
            queue.batch(|batch| {
                while batch.free() > 0 {
                    batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
                }
            });
            damage();
            let mut count = 0;
            assert_eq!(queue.wait(min, LONG, |_| count += 1), Ok(8));
            assert_eq!(count, 8);
        }
        drop(queue);
        true
    });
    in_child(|| {
        let before = rings();
        let ring = std::cell::Cell::new(None);
        panics(|| {
            let found = ring
                .get()
                .unwrap_or_else(|| *rings().iter().find(|ring| !before.contains(ring)).unwrap());
            ring.set(Some(found));
            let ring = std::ptr::with_exposed_provenance_mut::<aio_ring>(found);
            // SAFETY: as above.
            unsafe {
                (&raw mut (*ring).head).write_volatile((*ring).head % (*ring).nr + (*ring).nr)
            };
        });
        true
    });
}

/// Where the completion rings of this process are mapped.
fn rings() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let rings = maps.lines().filter(|line| line.contains("[aio]"));
    rings.map(|line| usize::from_str_radix(line.split_once('-').unwrap().0, 16).unwrap()).collect()
}

/// Every completion is given to a function that panics; `before` each is for the caller to make it
/// harder. No hook is called, whose lock another thread may have held when this process was forked.
fn panics(before: impl Fn()) {
    if !catches("a panic of a completion's function") {
        return;
    }
    let (_reader, writer) = pair();
    let mut queue = queue(8);
    queue.batch(|batch| {
        for _ in 0..3 {
            batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
            batch.poll(no_fd(), PollEvents::OUT).unwrap();
        }
    });
    for left in (0..6).rev() {
        before();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            queue.reap(|_| resume_unwind(Box::new("on purpose")))
        }));
        assert!(panicked.is_err());
        assert_eq!(queue.outstanding(), left);
    }
    assert_eq!(queue.reap(|_| ()), 0);
}

#[test]
fn a_panic_in_a_batch_submits_what_was_put_in() {
    if !catches("a panic in a batch") {
        return;
    }
    let (_reader, writer) = pair();
    let mut queue = queue(4);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        queue.batch(|batch| {
            batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert!(only(&mut queue).result.is_ok());
}

extern "C" fn nothing(_: i32) {}

#[test]
fn a_signal_ends_the_wait_and_loses_nothing() {
    in_child(|| {
        let (reader, mut writer) = pair();
        let mut queue = queue(2);
        let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
        let every = libc::timeval { tv_sec: 0, tv_usec: 5000 };
        // SAFETY: the handler does nothing; the timer's values are read in the call.
        unsafe {
            libc::signal(libc::SIGALRM, nothing as extern "C" fn(i32) as libc::sighandler_t);
            let timer = libc::itimerval { it_interval: every, it_value: every };
            libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
        }
        for _ in 0..10 {
            assert_eq!(queue.wait(1, None, |_| ()), Err(Errno::EINTR));
        }
        queue.poll(no_fd(), PollEvents::IN).unwrap();
        assert_eq!(queue.wait(2, None, |done| assert_eq!(done.result, Err(Errno::EBADF))), Ok(1));
        writer.write_all(b"x").unwrap();
        only(&mut queue).token == poll
    });
}

// --- errors of the transfer
// -----------------------------------------------------------------------------------------------

#[test]
fn a_file_too_large_is_told_in_the_completion() {
    let file = file(0);
    in_child(|| {
        let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
        // SAFETY: of this process alone, which ends soon.
        unsafe {
            libc::signal(common::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
        }
        let mut queue = queue(2);
        let (short, none) = queue.batch(|batch| {
            let short = batch.write(file.as_fd(), vec![1; 100], 4090).unwrap();
            (short, batch.write(file.as_fd(), vec![1; 100], 4096).unwrap())
        });
        let done = drain(&mut queue);
        done.iter().all(|done| match done.token {
            token if token == short => done.result == Ok(6),
            token => token == none && done.result == Err(Errno::EFBIG),
        }) && done.iter().all(|done| done.buf.as_ref().unwrap() == &[1; 100])
    });
}

/// On a file system of 64 KiB, which only root can mount.
#[test]
fn no_space_is_told_in_the_completion() {
    let dir = tempfile::tempdir().unwrap();
    let path = std::ffi::CString::new(dir.path().to_str().unwrap()).unwrap();
    // SAFETY: it takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return aio_tests::skip(
            "ENOSPC in a completion",
            "only root can mount a small file system",
        );
    }
    in_child(|| {
        // SAFETY: in a namespace of this process's own, which ends soon; the strings live.
        let mounted = unsafe {
            let (none, tmpfs) = (c"none".as_ptr(), c"tmpfs".as_ptr());
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    none,
                    c"/".as_ptr(),
                    none,
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null(),
                ) == 0
                && libc::mount(none, path.as_ptr(), tmpfs, 0, c"size=64k".as_ptr().cast()) == 0
        };
        if !mounted {
            aio_tests::skip("ENOSPC in a completion", "no file system can be mounted here");
            return true;
        }
        let file = File::create(dir.path().join("file")).unwrap();
        let mut queue = queue(3);
        let tokens = queue.batch(|batch| {
            [0, 1, 2].map(|i| batch.write(file.as_fd(), vec![1; 48 << 10], i * (48 << 10)).unwrap())
        });
        let mut done = drain(&mut queue);
        done.sort_by_key(|done| tokens.iter().position(|&token| done.token == token));
        let results: Vec<_> = done.iter().map(|done| done.result).collect();
        results == [Ok(48 << 10), Ok(16 << 10), Err(Errno::ENOSPC)]
    });
}

// --- filters
// ----------------------------------------------------------------------------------------------------------------

/// Whatever a filter answers to all calls: requests complete with it, buffers come back, nothing
/// spins or is lost.
#[test]
fn under_a_filter_every_request_still_ends() {
    let file = file(10);
    for errno in [libc::ENOSYS, libc::EPERM, libc::EINTR] {
        in_child(|| {
            let told = Errno::decode(-(errno as isize));
            let (reader, _writer) = pair();
            let mut queue = queue(8);
            let early = queue.read(file.as_fd(), vec![0; 1], 0).unwrap();
            let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
            assert!(refuse(AIO_CALLS, errno));
            queue.batch(|batch| {
                for _ in 0..5 {
                    batch.read(file.as_fd(), vec![0; 1], 0).unwrap();
                }
            });
            let mut count = 0;
            queue.reap(|done| {
                count += 1;
                assert_eq!(done.result, if done.token == early { Ok(1) } else { told });
                assert!(done.buf.is_some());
            });
            assert_eq!(count, 6);
            assert_eq!(queue.cancel(poll).map(usize::from), told);
            assert_eq!(queue.wait(1, None, |_| ()), told);
            assert!(Queue::<Vec<u8>>::new(NonZeroU32::MIN).is_err());
            // The poll is in flight, and nothing can be waited for: this would abort if it were
            // dropped.
            queue.close().map(|()| 0) == told
        });
    }
}

#[test]
fn dropped_under_a_filter_it_aborts_rather_than_free() {
    let (reader, _writer) = pair();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aborts", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("aio-sys: io_destroy fails (ENOSYS"), "{said}");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(libc::SIGABRT));
    // With nothing in flight there is no reason to.
    in_child(|| {
        let mut queue = queue(1);
        let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
        assert_eq!(queue.cancel(poll), Ok(true));
        assert_eq!(only(&mut queue).result, Ok(0));
        refuse(AIO_CALLS, libc::ENOSYS)
    });
}

#[test]
#[ignore = "a part of dropped_under_a_filter_it_aborts_rather_than_free"]
fn aborts() {
    let (reader, _writer) = pair();
    let mut queue = queue(1);
    queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    assert!(refuse(AIO_CALLS, libc::ENOSYS));
}

// --- forks --------------------------------------------------------------------------------------------------------------------

/// Before a batch, in it, with requests in flight, with events that are ready: the child gets
/// errors and waits for nothing, and the parent gets everything.
#[test]
fn a_fork_at_every_stage() {
    let file = file(100);
    let (reader, mut writer) = pair();
    let mut queue = queue(8);
    let child = |queue: &mut Queue<Vec<u8>>, poll: Option<PollToken>| {
        let in_flight = queue.outstanding();
        queue.read(file.as_fd(), vec![0; 3], 0).unwrap();
        assert_eq!(queue.wait(1, LONG, |done| assert_eq!(done.result, Err(Errno::EINVAL))), Ok(1));
        assert_eq!((queue.reap(|_| ()), queue.outstanding()), (0, in_flight));
        if in_flight > 0 {
            assert_eq!(queue.wait(1, LONG, |_| ()), Err(Errno::EINVAL));
        }
        if let Some(poll) = poll {
            assert_eq!(queue.cancel(poll), Err(Errno::EINVAL));
        }
        // SAFETY: the child's copy, which is not used again.
        let copy = unsafe { std::ptr::read(queue) };
        let start = Instant::now();
        // Not so much as a call: the kernel would have to be waited for.
        drop(copy);
        start.elapsed() < Duration::from_secs(1)
    };
    in_child(|| child(&mut queue, None));
    queue.read(file.as_fd(), vec![0; 3], 1).unwrap();
    assert_eq!(queue.pending(), 1);
    in_child(|| child(&mut queue, None));
    assert_eq!(only(&mut queue).buf.unwrap(), [1, 2, 3]);
    let poll = queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    in_child(|| child(&mut queue, Some(poll)));
    queue.batch(|batch| {
        batch.read(file.as_fd(), vec![0; 3], 7).unwrap();
        in_child(|| {
            // In the child the batch goes nowhere, and ends.
            batch.read(file.as_fd(), vec![0; 3], 8).is_ok()
        });
    });
    writer.write_all(b"x").unwrap();
    let mut done = drain(&mut queue);
    done.sort_by_key(|done| done.token == poll);
    assert_eq!(done[0].buf.as_deref(), Some([7, 8, 9].as_slice()));
    assert!(done[1].token == poll && done[1].result.is_ok());
}

/// The child has the completion that it was forked over, and no other.
#[test]
fn a_child_of_a_visit_has_no_other_completion() {
    in_child(|| {
        let (_reader, writer) = pair();
        let mut queue = queue(3);
        queue.batch(|batch| {
            while batch.free() > 0 {
                batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
            }
        });
        let (mut child, mut count) = (-1, 0);
        let taken = queue.wait(3, LONG, |_| {
            count += 1;
            if count == 1 {
                child = fork();
                if child > 0 {
                    await_child(child);
                }
            }
        });
        if child == 0 {
            leave(taken == Ok(1) && count == 1 && queue.outstanding() == 2);
        }
        (taken, count, queue.outstanding(), queue.pending()) == (Ok(3), 3, 0, 0)
    });
}

// --- executors
// ------------------------------------------------------------------------------------------------------------------

#[test]
fn an_eventfd_is_readable_when_there_is_a_completion() {
    let (reader, mut writer) = pair();
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(4).unwrap()).unwrap();
    assert!(Queue::<Vec<u8>>::new(NonZeroU32::MIN).unwrap().eventfd().is_none());
    let readable = |queue: &Queue<Vec<u8>>| {
        let mut fds = libc::pollfd {
            fd: queue.eventfd().unwrap().as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one is there, and written to.
        unsafe { libc::poll(&mut fds, 1, 0) == 1 }
    };
    assert!(!readable(&queue));
    assert_eq!(queue.clear_eventfd(), 0, "it does not block");
    queue.batch(|batch| {
        batch.poll(reader.as_fd(), PollEvents::IN).unwrap();
        batch.poll(reader.as_fd(), PollEvents::IN).unwrap();
    });
    assert!(!readable(&queue));
    writer.write_all(b"x").unwrap();
    assert!(readable(&queue));
    assert_eq!(queue.clear_eventfd(), 2);
    assert!(!readable(&queue));
    assert_eq!(queue.reap(|done| assert!(done.result.is_ok())), 2);
    let fd = queue.eventfd().unwrap().as_raw_fd();
    // SAFETY: it only asks for the flags.
    let flags = unsafe {
        (libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, libc::fcntl(fd, libc::F_GETFD))
    };
    assert_eq!(flags, (libc::O_NONBLOCK, libc::FD_CLOEXEC));
}

// --- descriptors, drop and forget at any time
// -------------------------------------------------------------------------------------

#[test]
fn a_descriptor_may_be_closed_once_it_is_submitted() {
    let (mut reader, writer) = {
        let mut fds = [0; 2];
        // SAFETY: the two are written.
        assert_eq!(unsafe { libc::pipe(fds.as_mut_ptr()) }, 0);
        // SAFETY: new, and ours.
        fds.map(|fd| File::from(unsafe { OwnedFd::from_raw_fd(fd) })).into()
    };
    let mut queue = queue(1);
    queue.write(writer.as_fd(), b"late".to_vec(), 0).unwrap();
    drop(writer);
    assert_eq!(only(&mut queue).result, Ok(4));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "late");
}

/// Random operations on random parts of a file, against a copy in memory: queues that are dropped,
/// closed, forgotten or sent away with requests in flight; children that come and go. What comes
/// back is what the copy says; what is not told is waited for, and the quota comes back.
#[test]
fn anything_at_any_time() {
    const PART: usize = 512;
    const PARTS: usize = 32;
    let (never, _quiet) = pair();
    // An emulator takes its time.
    for seed in seeds(if cfg!(guest) { 8 } else { 40 }) {
        eprintln!("AIO_SEED={seed}");
        let mut random = Random(seed);
        let file = file(PARTS * PART);
        let mut model: Vec<u8> = (0..PARTS * PART).map(|i| i as u8).collect();
        let mut queue = queue(1 + random.below(40) as u32);
        // Part, and what is written there.
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
                            0 => polls.push(batch.poll(never.as_fd(), PollEvents::IN).unwrap()),
                            1 => in_flight.push((
                                batch.write(no_fd(), vec![0; PART], at).unwrap(),
                                usize::MAX,
                                None,
                            )),
                            2 if !busy => {
                                let halves = vec![vec![0; PART / 2]; 2];
                                in_flight.push((batch.readv(fd, halves, at).unwrap(), part, None));
                            }
                            3 if !busy => {
                                in_flight.push((
                                    batch.read(fd, vec![0; PART], at).unwrap(),
                                    part,
                                    None,
                                ));
                            }
                            _ if !busy => {
                                let byte = random.next() as u8;
                                in_flight.push((
                                    batch.write(fd, vec![byte; PART], at).unwrap(),
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
                    let took = queue.wait(min, LONG, |done| {
                        let at = in_flight.iter().position(|&(token, ..)| token == done.token);
                        let (_, part, byte) = in_flight
                            .swap_remove(at.expect("each once, and none that was not asked for"));
                        match part {
                            usize::MAX => assert_eq!(done.result, Err(Errno::EBADF)),
                            part if part == usize::MAX - 1 => assert_eq!(done.result, Ok(0)),
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
fn however_it_ends_the_quota_comes_back() {
    let (reader, _writer) = pair();
    // Other tests come and go beside this one, with a few requests each.
    let limit = aio_nr() + 4000;
    let large = || {
        let mut queue = queue(5000);
        queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
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
    let file = file(10);
    let mut queue = queue(1);
    queue.read(file.as_fd(), vec![0; 2], 3).unwrap();
    let mut queue = std::thread::spawn(move || {
        assert_eq!(only(&mut queue).buf.unwrap(), [3, 4]);
        queue
    })
    .join()
    .unwrap();
    queue.read(file.as_fd(), vec![0; 2], 5).unwrap();
    assert_eq!(only(&mut queue).buf.unwrap(), [5, 6]);
}

// --- calls ------------------------------------------------------------------------------------------------------------------------

/// What is counted by `one_call_per_batch`.
#[test]
#[ignore = "a part of one_call_per_batch"]
fn counted() {
    let (_reader, writer) = pair();
    let mut queue = queue(32);
    for round in 0..100 {
        queue.batch(|batch| {
            for _ in 0..1 + round % 32 {
                batch.poll(writer.as_fd(), PollEvents::OUT).unwrap();
            }
        });
        assert_eq!(queue.wait(usize::MAX, LONG, |_| ()), Ok(1 + round % 32));
        queue.reap(|_| ());
    }
}

/// And none to reap what is ready.
#[test]
fn one_call_per_batch() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let strace = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=/io_.*", "-o"])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "counted", "--ignored"])
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
    assert_eq!(counts, [1, 100, 0, 0, 0, 1], "{trace}");
}
