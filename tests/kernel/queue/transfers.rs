//! Errors of the transfer, and filters.

use super::*;

#[test]
fn a_file_too_large_is_reported_in_the_completion() {
    let file = temp_file(0);
    in_child(|| {
        let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
        // SAFETY: it affects only this process, which ends soon.
        unsafe {
            libc::signal(crate::common::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
        }
        let mut queue = new_queue(2);
        let (short, none) = queue.batch(|batch| {
            let short = batch.push(op::write_at(&file, vec![1; 100], 4090)).unwrap();
            (short, batch.push(op::write_at(&file, vec![1; 100], 4096)).unwrap())
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
fn no_space_is_reported_in_the_completion() {
    let dir = tempfile::tempdir().unwrap();
    let path = std::ffi::CString::new(dir.path().to_str().unwrap()).unwrap();
    // SAFETY: it takes no argument and cannot fail.
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
        let mut queue = new_queue(3);
        let tokens = queue.batch(|batch| {
            [0, 1, 2].map(|i| {
                batch.push(op::write_at(&file, vec![1; 48 << 10], i * (48 << 10))).unwrap()
            })
        });
        let mut done = drain(&mut queue);
        done.sort_by_key(|done| tokens.iter().position(|&token| done.token == token));
        let results: Vec<_> = done.iter().map(|done| done.result).collect();
        results == [Ok(48 << 10), Ok(16 << 10), Err(Errno::ENOSPC)]
    });
}

/// Whatever a filter answers to all calls: requests complete with it, buffers come back, nothing
/// spins or is lost.
#[test]
fn under_a_filter_every_request_completes() {
    let file = temp_file(10);
    for errno in [libc::ENOSYS, libc::EPERM, libc::EINTR] {
        in_child(|| {
            let expected = Errno::decode(-(errno as isize));
            let (reader, _writer) = pair();
            let mut queue = new_queue(8);
            let early = queue.submit(op::read_at(&file, vec![0; 1], 0)).unwrap();
            let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
            assert!(refuse(AIO_CALLS, errno));
            queue.batch(|batch| {
                for _ in 0..5 {
                    batch.push(op::read_at(&file, vec![0; 1], 0)).unwrap();
                }
            });
            let mut count = 0;
            queue
                .reap()
                .map(|done| {
                    count += 1;
                    assert_eq!(done.result, if done.token == early { Ok(1) } else { expected });
                    assert!(done.buf.is_some());
                })
                .count();
            assert_eq!(count, 6);
            assert_eq!(queue.cancel(poll).map(usize::from), expected);
            assert_eq!(queue.wait_interruptible(1, None).map(Iterator::count), expected);
            assert!(Queue::<Vec<u8>>::new(NonZeroU32::MIN).is_err());
            // The poll is in flight, and nothing can be waited for: this would abort if it were
            // dropped.
            queue.close().map(|()| 0) == expected
        });
    }
}

#[test]
fn drop_under_a_filter_aborts() {
    let (reader, _writer) = pair();
    let output = itself(module_path!(), "aborts").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("aio-sys: io_destroy fails (ENOSYS"), "{said}");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(libc::SIGABRT));
    // With nothing in flight it does not abort.
    in_child(|| {
        let mut queue = new_queue(1);
        let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        assert_eq!(queue.cancel(poll), Ok(true));
        assert_eq!(only(&mut queue).result, Ok(0));
        refuse(AIO_CALLS, libc::ENOSYS)
    });
}

#[test]
#[ignore = "a part of drop_under_a_filter_aborts"]
fn aborts() {
    let (reader, _writer) = pair();
    let mut queue = new_queue(1);
    queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert!(refuse(AIO_CALLS, libc::ENOSYS));
}
