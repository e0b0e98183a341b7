//! Requests that a helper thread runs instead of the kernel: `RWF_NOWAIT`.

use super::*;
use crate::common::Panics;

/// Cached blocks are read without the helper, and others need it once. The counter is exact.
#[test]
fn the_helper_is_needed_for_uncached_blocks() {
    const BLOCK: usize = 4096;
    run(async || {
        let file = Arc::new(tempfile::NamedTempFile::new().unwrap());
        let bytes: Vec<u8> = (0..64 * BLOCK).map(|at| (at / BLOCK) as u8).collect();
        file.as_file().write_all_at(&bytes, 0).unwrap();
        file.as_file().sync_all().unwrap();
        let queue = nowait::<Vec<u8>>(4);
        let probe = queue
            .submit(op::read_at(file.clone(), vec![0; BLOCK], 0).flags(RwFlags::NOWAIT))
            .await
            .0;
        if probe == Err(Errno::EOPNOTSUPP) {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the file system of the temporary directory does not know it",
            );
        }
        let read = async |block: usize| {
            let (result, buf) = queue
                .submit(op::read_at(file.clone(), vec![0; BLOCK], (block * BLOCK) as u64))
                .await;
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
        // SAFETY: it touches no memory.
        let random = unsafe {
            libc::posix_fadvise(file.as_file().as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM)
        };
        assert_eq!((gone, random), (0, 0));
        if queue.submit(op::read_at(file.clone(), vec![0; BLOCK], 0).flags(RwFlags::NOWAIT)).await.0
            != Err(Errno::EAGAIN)
        {
            return aio_tests::skip(
                "RWF_NOWAIT counted",
                "the page cache of the temporary directory cannot be emptied",
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

/// Uncached reads, and requests that cannot be tried without blocking, are run by the helper, with
/// their flags.
#[test]
fn blocking_requests_are_run_by_a_helper() {
    run(async || {
        let file = Arc::new(tempfile::NamedTempFile::new().unwrap());
        let queue = nowait::<Vec<u8>>(2);
        let bytes: Vec<u8> = (0..16384).map(|at| (at / 7) as u8).collect();
        assert_eq!(
            queue.submit(op::write_at(file.clone(), bytes.clone(), 0)).await,
            (Ok(bytes.len()), bytes.clone())
        );
        assert_eq!(
            queue
                .submit(op::write_at(file.clone(), b"end".to_vec(), 0).flags(RwFlags::APPEND))
                .await
                .0,
            Ok(3)
        );
        assert_eq!(std::fs::read(file.path()).unwrap(), [&bytes[..], b"end"].concat());
        let before = queue.fallbacks();
        let (result, read) = queue.submit(op::read_at(file.clone(), vec![0; 100], 16384)).await;
        assert_eq!(
            (result, &read[..3], queue.fallbacks()),
            (Ok(3), &b"end"[..], before + 1),
            "short"
        );
        // tmpfs does not support the flag: each request needs the helper.
        let Ok(memory) = tempfile::tempfile_in("/dev/shm") else {
            return aio_tests::skip("the helper on tmpfs", "there is no /dev/shm");
        };
        let memory: Arc<File> = Arc::new(memory);
        assert_eq!(
            queue.submit(op::write_at(memory.clone(), bytes.clone(), 1)).await.0,
            Ok(bytes.len())
        );
        assert_eq!(
            queue.submit(op::read_at(memory.clone(), vec![0; bytes.len()], 1)).await,
            (Ok(bytes.len()), bytes.clone())
        );
        assert_eq!(
            queue
                .submit(op::readv_at(memory.clone(), vec![vec![0; 3], vec![0; 5]], 1))
                .await
                .1
                .concat(),
            bytes[..8]
        );
        // For the helper's calls, the last offset means the file's own position.
        for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
            let (buf, refused) = (vec![255; 4], Err(Errno::EINVAL));
            assert_eq!(
                queue.submit(op::read_at(memory.clone(), buf.clone(), offset)).await,
                (refused, buf.clone())
            );
            assert_eq!(
                queue.submit(op::write_at(memory.clone(), buf.clone(), offset)).await.0,
                refused
            );
            assert_eq!(
                queue.submit(op::readv_at(memory.clone(), vec![buf.clone()], offset)).await.0,
                refused
            );
            assert_eq!(
                queue.submit(op::writev_at(memory.clone(), vec![buf], offset)).await.0,
                refused
            );
        }
        assert_eq!(
            queue.submit(op::read_at(memory.clone(), vec![0; bytes.len()], 1)).await.1,
            bytes
        );
        if queue.fallbacks() == before + 1 {
            aio_tests::skip("the helper on tmpfs", "this kernel's tmpfs takes RWF_NOWAIT");
        }
        let own =
            queue.submit(op::read_at(memory.clone(), vec![0; 8], 1).flags(RwFlags::NOWAIT)).await.0;
        assert!(own == Err(Errno::EOPNOTSUPP) || own == Ok(8), "{own:?}");
    });
}

/// A file without NOWAIT support: each transfer needs the helper.
fn without_nowait(append: bool) -> Option<Arc<File>> {
    let dir = tempfile::tempdir_in("/dev/shm").ok()?;
    let file = File::options()
        .read(true)
        .write(true)
        .append(append)
        .create(true)
        .truncate(false)
        .open(dir.path().join("file"))
        .ok()?;
    Some(Arc::new(file))
}

/// Another append could be between two parts: it is one request, which may block.
#[test]
fn an_append_is_never_split() {
    let (Some(plain), Some(appends)) = (without_nowait(false), without_nowait(true)) else {
        return aio_tests::skip("appends and NOWAIT", "there is no tmpfs at /dev/shm");
    };
    run(async || {
        let queue = nowait::<Vec<u8>>(4);
        plain.set_len(0).unwrap();
        assert_eq!(queue.submit(op::write_at(plain.clone(), vec![1; 8], 0)).await.0, Ok(8));
        if queue.fallbacks() == 0 {
            return aio_tests::skip("appends and NOWAIT", "this kernel's tmpfs takes NOWAIT");
        }
        let before = queue.fallbacks();
        let append = op::write_at(plain.clone(), vec![2; 8], 0).flags(RwFlags::APPEND);
        assert_eq!(queue.submit(append).await.0, Ok(8));
        assert_eq!(queue.submit(op::write_at(appends.clone(), vec![3; 8], 0)).await.0, Ok(8));
        assert_eq!(queue.fallbacks(), before);
        let mut all = [0; 16];
        plain.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(all, [[1; 8], [2; 8]].concat()[..]);
    });
}

/// The kernel has not started it, and nobody waits: it is completed, as without NOWAIT.
#[test]
fn a_write_whose_future_is_dropped_is_completed() {
    let Some(file) = without_nowait(false) else {
        return aio_tests::skip("a dropped write and NOWAIT", "there is no tmpfs at /dev/shm");
    };
    run(async || {
        let queue = nowait::<Vec<u8>>(MANY);
        for byte in [1, 2] {
            let write = op::write_at(file.clone(), vec![byte; 8], 0);
            let mut future = Box::pin(queue.submit(write));
            // While the kernel is busy, it is only queued.
            let (reader, _writer) = pair();
            let busy = submit_busy(&queue, &reader).await;
            let _ = poll_once(future.as_mut());
            drop((future, busy));
            queue.drain().await;
            let mut all = [0; 8];
            file.read_exact_at(&mut all, 0).unwrap();
            assert_eq!(all, [byte; 8]);
        }
    });
}

fn nowait<B: IoBuf + Send>(capacity: u32) -> Queue<B> {
    Builder::new(NonZeroU32::new(capacity).unwrap()).nowait(true).build().unwrap()
}

/// Whether the helper is needed for each transfer of the file.
async fn needs_helper(file: &Arc<File>) -> bool {
    let read = op::read_at(file.clone(), vec![0; 1], 0).flags(RwFlags::NOWAIT);
    let needs = new_queue(1).submit(read).await.0 == Err(Errno::EOPNOTSUPP);
    if !needs {
        aio_tests::skip("a helper at the end", "this kernel's tmpfs takes RWF_NOWAIT");
    }
    needs
}

/// A runtime with one thread for helpers, which is busy until the sender is used or dropped.
fn one_helper() -> (Runtime, std::sync::mpsc::Sender<()>) {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    let (runtime, (release, released)) = (runtime.unwrap(), std::sync::mpsc::channel());
    runtime.spawn_blocking(move || released.recv());
    (runtime, release)
}

/// Another thread that requests its address waits until the sender is used or dropped.
struct Waits {
    bytes: Vec<u8>,
    owner: std::thread::ThreadId,
    released: std::sync::mpsc::Receiver<()>,
}

fn waits() -> (Waits, std::sync::mpsc::Sender<()>) {
    let (release, released) = std::sync::mpsc::channel();
    (Waits { bytes: vec![7; 8], owner: std::thread::current().id(), released }, release)
}

// SAFETY: the vector's memory is accessed only through this value, and does not move.
unsafe impl IoBuf for Waits {
    fn byte_ptr(&self) -> *const u8 {
        if std::thread::current().id() != self.owner {
            let _ = self.released.recv();
        }
        self.bytes.byte_ptr()
    }
    fn byte_len(&self) -> usize {
        self.bytes.byte_len()
    }
}

/// The kernel has not started the write, and its future is not polled again: the helper completes
/// it, and waiting for the queue waits for that.
#[test]
fn close_waits_for_the_helper() {
    let Some(file) = without_nowait(false) else {
        return aio_tests::skip("a helper at the end", "there is no tmpfs at /dev/shm");
    };
    for closes in [false, true] {
        let [runtime, _] = runtimes();
        runtime.block_on(async {
            if !needs_helper(&file).await {
                return;
            }
            let (queue, (buf, release)) = (nowait(4), waits());
            file.set_len(0).unwrap();
            let mut write = Box::pin(queue.submit(op::write_at(file.clone(), buf, 0)));
            assert!(poll_once(write.as_mut()).is_pending());
            let end = async || match closes {
                true => queue.close().await.unwrap(),
                false => queue.drain().await,
            };
            // Two callers at a time: neither may return early.
            let mut ends = [Box::pin(end()), Box::pin(end())];
            for _ in 0..20 {
                assert!(ends.iter_mut().all(|end| poll_once(end.as_mut()).is_pending()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!((queue.fallbacks(), file.metadata().unwrap().len()), (1, 0));
            // The helper's transfer has no slot.
            assert_eq!(queue.outstanding(), 1);
            release.send(()).unwrap();
            for end in ends {
                tokio::time::timeout(LONG, end).await.expect("it ends");
                assert_eq!(file.metadata().unwrap().len(), 8);
            }
            assert_eq!(queue.outstanding(), 0);
            // The result is available without another poll of the task.
            assert!(matches!(poll_once(write.as_mut()), Poll::Ready((Ok(8), _))));
        });
    }
}

/// The context is destroyed on a helper thread, too: the second caller of close waits for that,
/// too.
#[test]
fn every_close_waits_for_completion() {
    let (runtime, release) = one_helper();
    runtime.block_on(async {
        let queue = new_queue::<Vec<u8>>(1);
        let mut ends = [Box::pin(queue.close()), Box::pin(queue.close())];
        for _ in 0..20 {
            assert!(ends.iter_mut().all(|end| poll_once(end.as_mut()).is_pending()));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        release.send(()).unwrap();
        for end in ends {
            assert_eq!(tokio::time::timeout(LONG, end).await.expect("it ends"), Ok(()));
        }
        assert_eq!(queue.close().await, Ok(()), "it is closed");
    });
}

/// A buffer that panics when its address is requested: the waiting task panics, and the slot is
/// released.
#[test]
fn buffers_whose_accessors_panic() {
    let Some(file) = without_nowait(false) else {
        return aio_tests::skip("buffers that panic for a helper", "there is no tmpfs at /dev/shm");
    };
    if !catches("buffers that panic for a helper") {
        return;
    }
    run(async || {
        let queue = nowait::<Panics>(1);
        let mut panics = 0;
        for at in 0..100 {
            let write = op::write_at(file.clone(), Panics::new(at), 0);
            let queue_of_task = queue.clone();
            let ended = tokio::spawn(async move { queue_of_task.submit(write).await.0 }).await;
            match &ended {
                Ok(result) => assert_eq!(*result, Ok(8)),
                Err(error) => assert!(error.is_panic()),
            }
            panics += usize::from(ended.is_err());
            assert_eq!(queue.free(), 1);
            queue.drain().await;
            if ended.is_ok() {
                assert!(panics >= 2, "{panics}: none when it is submitted");
                return;
            }
        }
        panic!("it is asked for ever");
    });
}

/// After the result the descriptor may be closed: nobody else keeps it open.
#[test]
fn the_descriptor_is_the_callers_again_with_the_result() {
    let Some(file) = without_nowait(false) else {
        return aio_tests::skip("descriptors of a helper", "there is no tmpfs at /dev/shm");
    };
    run(async || {
        let queue = nowait::<Vec<u8>>(2);
        for _ in 0..2000 {
            let write = op::write_at(file.clone(), vec![1; 8], 0);
            assert_eq!(queue.submit(write).await.0, Ok(8));
            assert_eq!(Arc::strong_count(&file), 1);
        }
    });
}

/// Requests that fail without the flag fail with it, too.
#[test]
fn requests_refused_without_the_flag_are_refused() {
    let file = Arc::new(direct_file(1));
    run(async || {
        let queue = nowait::<Vec<u8>>(1);
        // No block is 3 bytes long, or starts at 1.
        let (result, _) = queue.submit(op::read_at(file.clone(), vec![0; 3], 1)).await;
        assert_eq!(result, Err(Errno::EINVAL));
    });
}
