//! Waiting, panics and signals.

use super::*;

#[test]
fn a_wait_is_limited_to_outstanding_requests() {
    let (reader, writer) = pair();
    let mut queue = new_queue(4);
    assert_eq!(queue.wait(1, None).map(Iterator::count), Ok(0), "nothing was submitted");
    queue.submit(op::poll(&writer, PollEvents::OUT)).unwrap();
    let mut count = 0;
    assert_eq!(queue.wait(100, None).map(|ready| ready.map(|_| count += 1).count()), Ok(1));
    assert_eq!(count, 1);
    queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    let (start, time) = (Instant::now(), Duration::from_millis(30));
    assert_eq!(queue.wait(1, Some(time)).map(Iterator::count), Ok(0));
    assert!(start.elapsed() >= time);
    queue.submit(op::poll(&writer, PollEvents::OUT)).unwrap();
    assert_eq!(queue.wait(2, Some(time)).map(Iterator::count), Ok(1), "what there is");
}

#[test]
fn a_panic_loses_only_the_current_completion() {
    panics(|| ());
}

/// A ring that cannot be read in user space: system calls are used instead.
#[test]
fn without_the_ring_calls_are_used() {
    in_child(|| {
        let before = rings();
        let (_reader, writer) = pair();
        let mut queue = new_queue(8);
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
                    batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
                }
            });
            damage();
            let mut count = 0;
            assert_eq!(queue.wait(min, LONG).map(|ready| ready.map(|_| count += 1).count()), Ok(8));
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
            // SAFETY: the queue's ring, which lives. The kernel takes the head modulo `nr`: it
            // stays where it was.
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

/// Every completion is passed to a function that panics; the caller may use `before` to make it
/// harder. No panic hook is called: another thread may have held its lock at the fork.
fn panics(before: impl Fn()) {
    if !catches("a panic of a completion's function") {
        return;
    }
    let (_reader, writer) = pair();
    let mut queue = new_queue(8);
    queue.batch(|batch| {
        for _ in 0..3 {
            batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
            batch.push(op::poll(no_fd(), PollEvents::OUT)).unwrap();
        }
    });
    for left in (0..6).rev() {
        before();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _taken = queue.reap().map(|_| resume_unwind(Box::new("on purpose"))).next();
        }));
        assert!(panicked.is_err());
        assert_eq!(queue.outstanding(), left);
    }
    assert_eq!(queue.reap().count(), 0);
}

#[test]
fn a_panic_in_a_batch_submits_the_added_requests() {
    if !catches("a panic in a batch") {
        return;
    }
    let (_reader, writer) = pair();
    let mut queue = new_queue(4);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        queue.batch(|batch| {
            batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert!(only(&mut queue).result.is_ok());
}

extern "C" fn nothing(_: i32) {}

/// Raises SIGALRM every few milliseconds.
fn ticks() {
    let every = libc::timeval { tv_sec: 0, tv_usec: 5000 };
    // SAFETY: the handler does nothing; the timer's values are read in the call.
    unsafe {
        libc::signal(libc::SIGALRM, nothing as extern "C" fn(i32) as libc::sighandler_t);
        let timer = libc::itimerval { it_interval: every, it_value: every };
        libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
    }
}

#[test]
fn an_interruptible_wait_ends_with_a_signal_and_loses_nothing() {
    in_child(|| {
        let (reader, mut writer) = pair();
        let mut queue = new_queue(2);
        let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        ticks();
        for _ in 0..10 {
            assert_eq!(queue.wait_interruptible(1, None).map(Iterator::count), Err(Errno::EINTR));
        }
        queue.submit(op::poll(no_fd(), PollEvents::IN)).unwrap();
        for done in queue.wait_interruptible(2, None).unwrap() {
            assert_eq!(done.result, Err(Errno::EBADF));
        }
        assert_eq!(queue.outstanding(), 1);
        writer.write_all(b"x").unwrap();
        only(&mut queue).token == poll
    });
}

#[test]
fn a_wait_continues_after_signals() {
    in_child(|| {
        let (reader, mut writer) = pair();
        let mut queue = new_queue(2);
        let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        ticks();
        let (start, time) = (Instant::now(), Duration::from_millis(50));
        assert_eq!(queue.wait(1, Some(time)).map(Iterator::count), Ok(0));
        assert!(start.elapsed() >= time);
        let late = std::thread::spawn(move || {
            std::thread::sleep(time);
            writer.write_all(b"x").unwrap();
            writer
        });
        let completion = queue.wait(1, None).unwrap().next().unwrap();
        drop(late.join());
        completion.token == poll
    });
}

/// Stopped and continued, as by a debugger or a job control shell: without a signal handler.
#[test]
fn a_wait_continues_after_a_stop() {
    in_child(|| {
        let (reader, _writer) = pair();
        let mut queue = new_queue(1);
        queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        // SAFETY: it cannot fail.
        let me = unsafe { libc::getpid() };
        match crate::common::fork() {
            0 => {
                std::thread::sleep(Duration::from_millis(20));
                // SAFETY: it stops and continues the process that waits.
                let stopped = unsafe {
                    libc::kill(me, crate::common::SIGSTOP) == 0
                        && libc::usleep(20_000) == 0
                        && libc::kill(me, crate::common::SIGCONT) == 0
                };
                crate::common::leave(stopped)
            }
            child => {
                let (start, time) = (Instant::now(), Duration::from_millis(100));
                assert_eq!(queue.wait(1, Some(time)).map(Iterator::count), Ok(0));
                assert!(start.elapsed() >= time);
                crate::common::await_child(child);
            }
        }
        true
    });
}
