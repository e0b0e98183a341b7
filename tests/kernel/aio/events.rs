//! `io_cancel`, `io_getevents` and `io_pgetevents`.

use super::*;

#[test]
fn a_poll_is_cancelled_by_an_error_and_a_result_of_zero() {
    let context = Context::new(1);
    let (reader, _writer) = pair();
    let mut request = poll_request(&reader, libc::POLLIN, 9);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut request]) }, Ok(1));
    let mut result = io_event { data: 77, ..io_event::default() };
    assert_eq!(io_cancel(context.0, &request, &mut result), Err(Errno::EINPROGRESS));
    assert_eq!(result.data, 77, "never written");
    let event = context.reap(1)[0];
    assert_eq!((event.data, event.res), (9, 0));
    assert_eq!(
        io_cancel(context.0, &request, &mut result),
        Err(Errno::EINVAL),
        "there is nothing left to cancel"
    );
    assert_eq!(io_cancel(ContextId::NONE, &request, &mut result), Err(Errno::EINVAL));
}

#[test]
fn waits_last_as_long_as_requested() {
    let context = Context::new(1);
    let mut events = [io_event::default()];
    let wait = timespec { tv_sec: 0, tv_nsec: 30_000_000 };
    for (name, waited) in [
        ("io_getevents", &mut || {
            io_getevents(context.0, 1, &mut events, Some(&wait)) as Result<usize, Errno>
        }),
        ("io_pgetevents", &mut || {
            io_pgetevents(
                context.0,
                1,
                &mut [io_event::default()],
                Some(&wait),
                Some(&sigset_t::default()),
            )
        }),
    ] as [(&str, &mut dyn FnMut() -> Result<usize, Errno>); 2]
    {
        let start = Instant::now();
        assert_eq!(waited(), Ok(0), "{name}");
        assert!(
            start.elapsed() >= Duration::from_millis(30),
            "{name} came back after {:?}",
            start.elapsed()
        );
    }
    let long = timespec { tv_sec: 1000, tv_nsec: 0 };
    assert_eq!(
        io_getevents(context.0, 0, &mut events, Some(&long)),
        Ok(0),
        "a minimum of 0 never waits"
    );
}

#[test]
fn einval_of_getevents() {
    let context = Context::new(1);
    let mut events = [io_event::default()];
    assert_eq!(
        io_getevents(context.0, 2, &mut events, None),
        Err(Errno::EINVAL),
        "more than there is room for"
    );
    assert_eq!(io_getevents(ContextId::NONE, 0, &mut events, None), Err(Errno::EINVAL));
    assert_eq!(io_pgetevents(ContextId::NONE, 0, &mut events, None, None), Err(Errno::EINVAL));
}

#[test]
fn events_beyond_the_slice_stay_in_the_ring() {
    let context = Context::new(3);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll_request(&writer, libc::POLLOUT, data));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut polls.each_mut()) }, Ok(3));
    let mut events = [io_event::default(); 2];
    assert_eq!(io_getevents(context.0, 1, &mut events, None), Ok(2));
    assert_eq!(io_getevents(context.0, 1, &mut events, None), Ok(1));
}

/// A signal that the mask does not block ends the wait; nothing was read, so it is an error.
#[test]
fn a_signal_ends_the_wait() {
    extern "C" fn nothing(_: i32) {}
    in_child(|| {
        let context = Context::new(1);
        // SAFETY: the handler does nothing; the signal is blocked and pending when the call below
        // begins.
        unsafe {
            libc::signal(
                crate::common::SIGUSR1,
                nothing as extern "C" fn(i32) as libc::sighandler_t,
            );
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut blocked, crate::common::SIGUSR1);
            libc::sigprocmask(crate::common::SIG_BLOCK, &blocked, ptr::null_mut());
            libc::raise(crate::common::SIGUSR1);
        }
        let mut events = [io_event::default()];
        let wait = timespec { tv_sec: 10, tv_nsec: 0 };
        let none_blocked = sigset_t::default();
        io_pgetevents(context.0, 1, &mut events, Some(&timespec { tv_sec: 0, tv_nsec: 1 }), None)
            == Ok(0)
            && io_pgetevents(context.0, 1, &mut events, Some(&wait), Some(&none_blocked))
                == Err(Errno::EINTR)
    });
}

/// One signal of each word of the mask, including the kernel's first and last. Blocked ones do not
/// end the wait; the one that is not blocked does, its handler runs, and the thread's own mask is
/// restored.
#[test]
fn the_mask_is_in_force_while_it_waits() {
    static RUNS: AtomicI32 = AtomicI32::new(0);
    extern "C" fn count(signal: i32) {
        RUNS.fetch_add(signal, Ordering::Relaxed);
    }
    in_child(|| {
        let context = Context::new(1);
        let last = libc::SIGRTMAX();
        let signals = [libc::SIGHUP, 31, 33 + 1, last - 1, last];
        let mask_of = |signals: &[i32]| {
            let mut mask = sigset_t::default();
            let bits = core::ffi::c_ulong::BITS as usize;
            for signal in signals.iter().map(|&signal| signal as usize - 1) {
                mask.sig[signal / bits] |= 1 << (signal % bits);
            }
            mask
        };
        // SAFETY: the C library initialises the sets.
        let blocked = || unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(crate::common::SIG_BLOCK, ptr::null(), &raw mut set);
            signals.map(|signal| libc::sigismember(&raw const set, signal))
        };
        // SAFETY: the handler only increments an atomic; all signals are blocked before one is
        // pending.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            for signal in signals {
                libc::signal(signal, count as extern "C" fn(i32) as libc::sighandler_t);
                libc::sigaddset(&raw mut set, signal);
            }
            libc::pthread_sigmask(crate::common::SIG_BLOCK, &raw const set, ptr::null_mut());
        }
        let soon = timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let wait = |mask: sigset_t| {
            io_pgetevents(context.0, 1, &mut [io_event::default()], Some(&soon), Some(&mask))
        };
        for signal in signals {
            // SAFETY: the signal is blocked, and stays pending.
            unsafe { libc::raise(signal) };
            assert_eq!(wait(mask_of(&signals)), Ok(0), "{signal} is blocked");
            assert_eq!(RUNS.swap(0, Ordering::Relaxed), 0);
            let others: Vec<_> = signals.into_iter().filter(|&other| other != signal).collect();
            assert_eq!(wait(mask_of(&others)), Err(Errno::EINTR), "{signal} is let through");
            assert_eq!(RUNS.swap(0, Ordering::Relaxed), signal);
            assert_eq!(blocked(), [1; 5], "after the wait");
        }
        true
    });
}

/// The lower half of the seconds is 0: with 32-bit seconds this would not wait.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[test]
fn time64_uses_the_upper_half_of_the_seconds() {
    let context = Context::new(1);
    let (reader, mut writer) = pair();
    let mut poll = poll_request(&reader, libc::POLLIN, 3);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut poll]) }, Ok(1));
    let wait = |seconds, nanoseconds| {
        let mut time = __kernel_timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let mut event = io_event::default();
        // SAFETY: one event, a time to read, no mask.
        let result = unsafe {
            raw::io_pgetevents_time64(
                context.0.as_raw(),
                1,
                1,
                &raw mut event,
                &raw mut time,
                ptr::null(),
            )
        };
        Errno::decode(result).map(|count| (count, event.data))
    };
    let start = Instant::now();
    assert_eq!(wait(0, 50_000_000), Ok((0, 0)));
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "it came back after {:?}",
        start.elapsed()
    );
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            writer.write_all(b"x").unwrap();
        });
        assert_eq!(wait(1 << 32, 0), Ok((1, 3)));
    });
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "it came back after {:?}",
        start.elapsed()
    );
}

#[test]
fn an_eventfd_counts_completions() {
    let context = Context::new(2);
    let (_reader, writer) = pair();
    let counter = eventfd();
    let mut polls = [1, 2].map(|data| poll_request(&writer, libc::POLLOUT, data));
    for request in &mut polls {
        request.aio_flags = IOCB_FLAG_RESFD;
        request.aio_resfd = counter.as_raw_fd() as u32;
    }
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut polls.each_mut()) }, Ok(2));
    context.reap(2);
    let mut count = 0u64;
    // SAFETY: the buffer has the 8 bytes that an eventfd returns.
    assert_eq!(unsafe { libc::read(counter.as_raw_fd(), (&raw mut count).cast(), 8) }, 8);
    assert_eq!(count, 2);
}
