//! What a helper thread does instead of the kernel: `RWF_NOWAIT`.

use super::*;

/// What the page cache has is read without the helper, and what it does not have needs it once. It
/// counts exactly.
#[test]
fn the_helper_is_needed_for_what_is_not_in_the_page_cache() {
    const BLOCK: usize = 4096;
    run(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..64 * BLOCK).map(|at| (at / BLOCK) as u8).collect();
        file.as_file().write_all_at(&bytes, 0).unwrap();
        file.as_file().sync_all().unwrap();
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(4).unwrap()).nowait(true).build().unwrap();
        let probe =
            queue.submit(op::read_at(&file, vec![0; BLOCK], 0).flags(RwFlags::NOWAIT)).await.0;
        if probe == Err(Errno::EOPNOTSUPP) {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the file system of the temporary folder does not know it",
            );
        }
        let read = async |block: usize| {
            let (result, buf) =
                queue.submit(op::read_at(&file, vec![0; BLOCK], (block * BLOCK) as u64)).await;
            assert_eq!((result, buf), (Ok(BLOCK), vec![block as u8; BLOCK]));
        };
        for block in 0..64 {
            read(block).await;
        }
        assert_eq!(queue.fallbacks(), 0, "all of it was just written");
        // SAFETY: it touches no memory.
        let gone = unsafe {
            libc::posix_fadvise(file.as_file().as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED)
        };
        // Without readahead each block is missing until it is read.
        // SAFETY: as above.
        let random = unsafe {
            libc::posix_fadvise(file.as_file().as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM)
        };
        assert_eq!((gone, random), (0, 0));
        if queue.submit(op::read_at(&file, vec![0; BLOCK], 0).flags(RwFlags::NOWAIT)).await.0
            != Err(Errno::EAGAIN)
        {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the page cache of the temporary folder cannot be emptied",
            );
        }
        for (count, block) in [5, 60, 33].into_iter().enumerate() {
            read(block).await;
            assert_eq!(queue.fallbacks(), count as u64 + 1);
            read(block).await;
            assert_eq!(queue.fallbacks(), count as u64 + 1, "it is in the page cache now");
        }
    });
}

/// What the page cache does not have, and what cannot be tried without blocking, is done by the
/// helper, with its flags.
#[test]
fn what_would_block_is_done_by_a_helper() {
    run(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(2).unwrap()).nowait(true).build().unwrap();
        let bytes: Vec<u8> = (0..16384).map(|at| (at / 7) as u8).collect();
        assert_eq!(
            queue.submit(op::write_at(&file, bytes.clone(), 0)).await,
            (Ok(bytes.len()), bytes.clone())
        );
        assert_eq!(
            queue.submit(op::write_at(&file, b"end".to_vec(), 0).flags(RwFlags::APPEND)).await.0,
            Ok(3)
        );
        assert_eq!(std::fs::read(file.path()).unwrap(), [&bytes[..], b"end"].concat());
        let before = queue.fallbacks();
        let (result, read) = queue.submit(op::read_at(&file, vec![0; 100], 16384)).await;
        assert_eq!(
            (result, &read[..3], queue.fallbacks()),
            (Ok(3), &b"end"[..], before + 1),
            "short"
        );
        // tmpfs takes the flag in no request: each one needs the helper.
        let Ok(memory) = tempfile::tempfile_in("/dev/shm") else {
            return aio_tests::skip("the helper on tmpfs", "there is no /dev/shm");
        };
        let memory: File = memory;
        assert_eq!(queue.submit(op::write_at(&memory, bytes.clone(), 1)).await.0, Ok(bytes.len()));
        assert_eq!(
            queue.submit(op::read_at(&memory, vec![0; bytes.len()], 1)).await,
            (Ok(bytes.len()), bytes.clone())
        );
        assert_eq!(
            queue.submit(op::readv_at(&memory, vec![vec![0; 3], vec![0; 5]], 1)).await.1.concat(),
            bytes[..8]
        );
        // For the helper's calls, the last one is no offset, but the file's own position.
        for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
            let (buf, refused) = (vec![255; 4], Err(Errno::EINVAL));
            assert_eq!(
                queue.submit(op::read_at(&memory, buf.clone(), offset)).await,
                (refused, buf.clone())
            );
            assert_eq!(queue.submit(op::write_at(&memory, buf.clone(), offset)).await.0, refused);
            assert_eq!(
                queue.submit(op::readv_at(&memory, vec![buf.clone()], offset)).await.0,
                refused
            );
            assert_eq!(queue.submit(op::writev_at(&memory, vec![buf], offset)).await.0, refused);
        }
        assert_eq!(queue.submit(op::read_at(&memory, vec![0; bytes.len()], 1)).await.1, bytes);
        if queue.fallbacks() == before + 1 {
            aio_tests::skip("the helper on tmpfs", "this kernel's tmpfs takes RWF_NOWAIT");
        }
        let own = queue.submit(op::read_at(&memory, vec![0; 8], 1).flags(RwFlags::NOWAIT)).await.0;
        assert!(own == Err(Errno::EOPNOTSUPP) || own == Ok(8), "{own:?}");
    });
}

/// A file that takes no NOWAIT, whose every transfer needs the helper.
fn without_nowait(append: bool) -> Option<File> {
    let dir = tempfile::tempdir_in("/dev/shm").ok()?;
    let file = File::options()
        .read(true)
        .write(true)
        .append(append)
        .create(true)
        .truncate(false)
        .open(dir.path().join("file"))
        .ok()?;
    Some(file)
}

/// Two parts would have another's between them: it is one request, which may block.
#[test]
fn an_append_is_never_cut_in_two() {
    let (Some(plain), Some(appends)) = (without_nowait(false), without_nowait(true)) else {
        return aio_tests::skip("appends and NOWAIT", "there is no tmpfs at /dev/shm");
    };
    run(async || {
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(4).unwrap()).nowait(true).build().unwrap();
        plain.set_len(0).unwrap();
        assert_eq!(queue.submit(op::write_at(&plain, vec![1; 8], 0)).await.0, Ok(8));
        if queue.fallbacks() == 0 {
            return aio_tests::skip("appends and NOWAIT", "this kernel's tmpfs takes NOWAIT");
        }
        let before = queue.fallbacks();
        let append = op::write_at(&plain, vec![2; 8], 0).flags(RwFlags::APPEND);
        assert_eq!(queue.submit(append).await.0, Ok(8));
        assert_eq!(queue.submit(op::write_at(&appends, vec![3; 8], 0)).await.0, Ok(8));
        assert_eq!(queue.fallbacks(), before);
        let mut all = [0; 16];
        plain.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(all, [[1; 8], [2; 8]].concat()[..]);
    });
}

/// The kernel has done nothing of it, and nobody waits: it is done all the same, as without NOWAIT.
#[test]
fn a_write_whose_future_is_dropped_is_completed() {
    let Some(file) = without_nowait(false) else {
        return aio_tests::skip("a dropped write and NOWAIT", "there is no tmpfs at /dev/shm");
    };
    run(async || {
        let queue: Queue<Vec<u8>> =
            Builder::new(NonZeroU32::new(MANY).unwrap()).nowait(true).build().unwrap();
        for (owned, byte) in [(false, 1), (true, 2)] {
            let copy = file.try_clone().unwrap();
            let mut future = match owned {
                true => Box::pin(queue.submit(op::write_at(Arc::new(copy), vec![byte; 8], 0)))
                    as std::pin::Pin<Box<dyn Future<Output = _>>>,
                false => Box::pin(queue.submit(op::write_at(&file, vec![byte; 8], 0))),
            };
            // While the kernel is busy, a request that has its own descriptor is only queued.
            let (reader, _writer) = pair();
            let busy = busy(&queue, &reader).await;
            let _ = poll_once(future.as_mut());
            drop((future, busy));
            queue.drain().await;
            let mut all = [0; 8];
            file.read_exact_at(&mut all, 0).unwrap();
            assert_eq!(all, [byte; 8]);
        }
    });
}
