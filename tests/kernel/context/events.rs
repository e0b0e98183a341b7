//! Taking events, waiting for them, and signals.

use super::*;

#[test]
fn events_come_in_order_round_the_end_of_the_ring() {
    let mut context = new_context(1);
    let places = u64::from(context.capacity().events) + 1;
    let (_reader, writer) = pair();
    let (mut sent, mut seen) = (0, 0);
    while seen < 10 * places {
        let mut polls: Vec<_> =
            (sent..sent + 7).map(|i| poll_request(writer.as_raw_fd(), libc::POLLOUT, i)).collect();
        let mut requests: Vec<&mut iocb> = polls.iter_mut().collect();
        sent += submit(&context, &mut requests).all().unwrap() as u64;
        match sent % 3 {
            0 => {
                let taken = context.reap(|event| {
                    assert_eq!(event.data, seen);
                    seen += 1;
                });
                assert!(taken.is_some());
            }
            1 => {
                let events = context.peek().unwrap();
                let count = events.len() / 2 + 1;
                for event in events.iter().take(count) {
                    assert_eq!(event.data, seen);
                    seen += 1;
                }
                events.commit(count);
            }
            _ => {
                for event in data(&mut context, 1) {
                    assert_eq!(event, seen);
                    seen += 1;
                }
            }
        }
    }
}

/// The kernel takes the indexes modulo the ring's size, so the call still works when they are out
/// of range.
#[test]
fn with_a_damaged_head_the_kernel_is_called() {
    let mut context = new_context(1);
    let (_reader, writer) = pair();
    let nr = context.capacity().events + 1;
    // SAFETY: it takes no events.
    let ring = unsafe {
        std::ptr::with_exposed_provenance_mut::<aio_ring>(context.id().as_raw() as usize)
    };
    assert_eq!(
        submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 5)]).all(),
        Ok(1)
    );
    // SAFETY: the ring is mapped, and nobody else writes the head.
    unsafe { (&raw mut (*ring).head).write_volatile(nr) };
    assert_eq!(context.pending(), None);
    assert_eq!(context.reap(|_| ()), None);
    assert_eq!(data(&mut context, 1), [5]);
    assert_eq!(context.pending(), Some(0), "the kernel has put the head right");
}

#[test]
fn waits_last_as_long_as_requested() {
    let mut context = new_context(1);
    let mut events = [io_event::default(); 2];
    let wait = Duration::from_millis(30);
    let start = Instant::now();
    assert_eq!(context.getevents(1, &mut events, Some(wait)), Ok(0));
    assert!(start.elapsed() >= wait);
    let start = Instant::now();
    assert_eq!(context.pgetevents(1, &mut events, Some(wait), &sigset_t::default()), Ok(0));
    assert!(start.elapsed() >= wait);
    let start = Instant::now();
    assert_eq!(
        context.getevents(0, &mut events, Some(Duration::MAX)),
        Ok(0),
        "a minimum of 0 never waits"
    );
    assert_eq!(context.getevents(2, &mut events, Some(Duration::ZERO)), Ok(0));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(context.getevents(3, &mut events, None), Err(Errno::EINVAL));
    assert_eq!(context.pgetevents(3, &mut events, None, &sigset_t::default()), Err(Errno::EINVAL));
    let (_reader, writer) = pair();
    assert_eq!(
        submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(),
        Ok(1)
    );
    assert_eq!(
        context.getevents(2, &mut events, Some(wait)),
        Ok(1),
        "what there is, when the time is over"
    );
}

#[test]
fn a_too_long_timeout_does_not_end_at_once() {
    let mut context = new_context(1);
    let (reader, mut writer) = pair();
    assert_eq!(
        submit(&context, &mut [&mut poll_request(reader.as_raw_fd(), libc::POLLIN, 1)]).all(),
        Ok(1)
    );
    std::thread::scope(|threads| {
        let waiter =
            threads.spawn(|| context.getevents(1, &mut [io_event::default()], Some(Duration::MAX)));
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiter.is_finished());
        writer.write_all(b"x").unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(1));
    });
}

extern "C" fn nothing(_: i32) {}

/// Sends SIGUSR1 to this thread repeatedly, after a delay, while the result lives.
fn signals() -> impl Drop {
    struct Signals(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);
    impl Drop for Signals {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
            self.1.take().unwrap().join().unwrap();
        }
    }
    // SAFETY: the handler does nothing.
    unsafe {
        libc::signal(crate::common::SIGUSR1, nothing as extern "C" fn(i32) as libc::sighandler_t)
    };
    // SAFETY: it cannot fail.
    let (thread, over) =
        (unsafe { libc::pthread_self() } as usize, Arc::new(AtomicBool::new(false)));
    let stop = over.clone();
    let sender = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            // SAFETY: the thread lives until the sender has stopped.
            unsafe { libc::pthread_kill(thread as libc::pthread_t, crate::common::SIGUSR1) };
        }
    });
    Signals(over, Some(sender))
}

#[test]
fn a_signal_ends_the_wait_and_loses_nothing() {
    let mut context = new_context(2);
    let (_reader, writer) = pair();
    let mut events = [io_event::default(); 2];
    let _signals = signals();
    assert_eq!(context.getevents_interruptible(1, &mut events, None), Err(Errno::EINTR));
    assert_eq!(context.pgetevents(1, &mut events, None, &sigset_t::default()), Err(Errno::EINTR));
    assert_eq!(
        submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(),
        Ok(1)
    );
    assert_eq!(
        context.getevents_interruptible(2, &mut events, None),
        Ok(1),
        "taken before the signal, so there is no error"
    );
    assert_eq!(events[0].data, 1);
}

#[test]
fn a_wait_continues_after_signals() {
    let mut context = new_context(2);
    let ((reader, mut late), (_reader, writer)) = (pair(), pair());
    let mut events = [io_event::default(); 2];
    let _signals = signals();
    let (start, time) = (Instant::now(), Duration::from_millis(60));
    assert_eq!(context.getevents(1, &mut events, Some(time)), Ok(0));
    assert!(start.elapsed() >= time);
    let mut ready = poll_request(writer.as_raw_fd(), libc::POLLOUT, 1);
    assert_eq!(submit(&context, &mut [&mut ready]).all(), Ok(1));
    assert_eq!(context.getevents(2, &mut events, Some(time)), Ok(1), "what there is");
    let mut waiting = poll_request(reader.as_raw_fd(), libc::POLLIN, 2);
    assert_eq!(submit(&context, &mut [&mut waiting]).all(), Ok(1));
    let writer = std::thread::spawn(move || {
        std::thread::sleep(time);
        late.write_all(b"x").unwrap();
        late
    });
    assert_eq!(context.getevents(1, &mut events, None), Ok(1));
    assert_eq!(events[0].data, 2);
    drop(writer.join());
}

/// The signal is pending when the call starts: without the mask of the call it would arrive too
/// early.
#[test]
fn the_mask_applies_during_the_wait() {
    in_child(|| {
        let mut context = new_context(1);
        // SAFETY: the handler does nothing; the signal is blocked before it is raised.
        unsafe {
            libc::signal(
                crate::common::SIGUSR1,
                nothing as extern "C" fn(i32) as libc::sighandler_t,
            );
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut blocked, crate::common::SIGUSR1);
            libc::sigprocmask(crate::common::SIG_BLOCK, &blocked, std::ptr::null_mut());
            libc::raise(crate::common::SIGUSR1);
        }
        let mut events = [io_event::default()];
        let soon = Some(Duration::from_millis(1));
        context.getevents(1, &mut events, soon) == Ok(0)
            && context.pgetevents(1, &mut events, None, &sigset_t::default()) == Err(Errno::EINTR)
    });
}
