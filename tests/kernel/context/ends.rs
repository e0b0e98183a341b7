//! Filters, forks, and how a context is destroyed.

use super::*;

/// Whatever a filter answers to each call is reported, and nothing spins.
#[test]
fn answers_of_filters_are_reported() {
    for errno in [libc::ENOSYS, libc::EPERM, libc::EINTR] {
        in_child(|| {
            let mut context = new_context(2);
            let (_reader, writer) = pair();
            let mut ready = poll_request(writer.as_raw_fd(), libc::POLLOUT, 1);
            assert_eq!(submit(&context, &mut [&mut ready]).all(), Ok(1));
            let expected = Errno::decode(-(errno as isize)).unwrap_err();
            assert!(refuse(AIO_CALLS, errno));
            let error = Context::new(NonZeroU32::MIN).unwrap_err();
            assert_eq!(error.errno, expected);
            assert!(
                errno == libc::EINTR || error.to_string().contains("a seccomp filter"),
                "{error}"
            );
            let error = submit(&context, &mut [&mut ready]).error.unwrap();
            assert_eq!((error.index, error.errno), (0, expected));
            assert_eq!(error.cause == Cause::Hidden, errno == libc::ENOSYS);
            assert_eq!(data(&mut context, 1), [1], "the ring needs no call");
            let mut events = [io_event::default()];
            assert_eq!(context.getevents_interruptible(1, &mut events, None), Err(expected));
            assert_eq!(
                context.pgetevents(0, &mut events, None, &sigset_t::default()),
                Err(expected)
            );
            context.close() == Err(expected)
        });
    }
}

/// A filter may even answer that nothing was accepted and nothing is wrong.
#[test]
fn a_filter_that_answers_0_does_not_make_it_spin() {
    in_child(|| {
        let context = new_context(1);
        let (_reader, writer) = pair();
        assert!(refuse(&[nr::SYS_io_submit], 0));
        let error =
            submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 1)])
                .error
                .unwrap();
        error.cause == Cause::Hidden
    });
}

/// The kernel before 5.1, on 32-bit ABIs: the older call is used.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[test]
fn without_time64_the_older_calls_are_used() {
    in_child(|| {
        let mut context = new_context(1);
        let mut events = [io_event::default()];
        let wait = Duration::from_millis(30);
        assert!(refuse(&[nr::SYS_io_pgetevents_time64], libc::ENOSYS));
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(context.getevents(1, &mut events, Some(wait)), Ok(0));
            assert_eq!(context.pgetevents(1, &mut events, Some(wait), &sigset_t::default()), Ok(0));
            assert!(start.elapsed() >= 2 * wait);
        }
        true
    });
}

/// The child gets errors, and the parent all of its events.
#[test]
fn a_child_touches_nothing() {
    let mut context = new_context(4);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll_request(writer.as_raw_fd(), libc::POLLOUT, data));
    assert_eq!(submit(&context, &mut polls.each_mut()).all(), Ok(3));
    in_child(|| {
        let mut events = [io_event::default(); 4];
        assert_eq!(context.pending(), None);
        assert!(context.peek().is_none());
        assert_eq!(context.reap(|_| ()), None);
        assert_eq!(context.getevents(1, &mut events, None), Err(Errno::EINVAL));
        assert_eq!(
            context.pgetevents(1, &mut events, None, &sigset_t::default()),
            Err(Errno::EINVAL)
        );
        let mut again = poll_request(writer.as_raw_fd(), libc::POLLOUT, 4);
        let error = submit(&context, &mut [&mut again]).error.unwrap();
        assert_eq!((error.errno, error.cause), (Errno::EINVAL, Cause::Forked));
        // The child's own context is a different one, even with the same address.
        let mut own = Context::new(NonZeroU32::MIN).unwrap();
        assert_eq!(submit(&own, &mut [&mut again]).all(), Ok(1));
        assert_eq!(data(&mut own, 1), [4]);
        assert_eq!(
            context.pending(),
            None,
            "a context in the child does not bring back the parent's"
        );
        // The same for the child's child.
        in_child(|| own.pending().is_none() && context.pending().is_none() && own.peek().is_none());
        // SAFETY: the child's copy, which is not used again.
        unsafe { std::ptr::read(&context) }.close() == Err(Errno::EINVAL)
    });
    assert_eq!(data(&mut context, 3), [1, 2, 3]);
}

/// A ring and events that were borrowed before the fork are inert after it.
#[test]
fn a_child_cannot_use_earlier_borrows() {
    let mut context = new_context(4);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll_request(writer.as_raw_fd(), libc::POLLOUT, data));
    assert_eq!(submit(&context, &mut polls.each_mut()).all(), Ok(3));
    // SAFETY: it takes no events.
    let id = unsafe { context.id() };
    let events = context.peek().unwrap();
    assert_eq!(events.len(), 3);
    in_child(move || {
        events.commit(3);
        true
    });
    let ring = std::ptr::with_exposed_provenance::<aio_ring>(id.as_raw() as usize);
    // SAFETY: the context lives; the field is inside of the ring.
    assert_eq!(unsafe { (&raw const (*ring).head).read_volatile() }, 0);
    // SAFETY: the context is not used before the ring is gone.
    let mut ring = unsafe { Ring::new(id) }.unwrap();
    in_child(|| ring.reap(|_| ()).is_none() && ring.peek().is_none() && ring.pending().is_none());
    assert_eq!(ring.pending(), Some(3));
    assert_eq!(data(&mut context, 3), [1, 2, 3]);
}

/// A fork while events are being read: the child sees no more of them, and commits none, neither
/// before nor after its parent has read on.
#[test]
fn a_child_forked_during_a_visit_takes_nothing() {
    for child_first in [true, false] {
        in_child(|| {
            let mut context = new_context(8);
            let (_reader, writer) = pair();
            let poll = |data| poll_request(writer.as_raw_fd(), libc::POLLOUT, data);
            assert_eq!(submit(&context, &mut [1, 2, 3].map(poll).each_mut()).all(), Ok(3));
            let (mut hold, mut release) = pair();
            let (mut child, mut seen) = (-1, Vec::new());
            let taken = context.reap(|event| {
                seen.push(event.data);
                if event.data == 1 {
                    child = fork();
                    match child {
                        0 if !child_first => hold.read_exact(&mut [0]).unwrap(),
                        1.. if child_first => await_child(child),
                        _ => {}
                    }
                }
            });
            if child == 0 {
                leave(taken == Some(1) && seen == [1]);
            }
            assert_eq!(seen, [1, 2, 3]);
            assert_eq!(submit(&context, &mut [4, 5].map(poll).each_mut()).all(), Ok(2));
            assert_eq!(data(&mut context, 2), [4, 5]);
            if !child_first {
                release.write_all(b"x").unwrap();
                await_child(child);
            }
            context.pending() == Some(0)
        });
    }
}

/// Children that share memory share its contexts.
#[test]
fn a_child_in_the_same_memory_may_use_it() {
    let mut context = new_context(1);
    let (_reader, writer) = pair();
    extern "C" fn child(context: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the parent waits, and does not use it meanwhile.
        let context = unsafe { &mut *context.cast::<Context>() };
        let taken = context.getevents(1, &mut [io_event::default()], Some(Duration::from_secs(10)));
        i32::from(taken != Ok(1))
    }
    assert_eq!(
        submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(),
        Ok(1)
    );
    let mut stack = vec![0u128; 1 << 14];
    let mut status = 0;
    // SAFETY: the child has a stack of its own, and ends before everything that it uses.
    unsafe {
        let top = stack.as_mut_ptr().add(stack.len()).cast();
        let flags = libc::CLONE_VM | crate::common::SIGCHLD;
        let pid = libc::clone(child, top, flags, (&raw mut context).cast());
        assert!(pid > 0);
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
    }
    assert_eq!(status, 0);
    assert_eq!(context.pending(), Some(0));
}

#[test]
fn the_quota_is_always_released() {
    let settles = |what: &str, limit: u64| {
        let start = Instant::now();
        while aio_nr() >= limit {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{what}: {} of {limit} still counted",
                aio_nr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Other tests run in parallel, with a few requests each.
    let _quota = quota();
    let limit = aio_nr() + 4000;
    let large = || new_context(5000);
    drop(large());
    settles("drop", limit);
    assert_eq!(large().close(), Ok(()));
    settles("close", limit);
    large().into_background();
    settles("into_background", limit);
    let (reader, _writer) = pair();
    let busy = large();
    assert_eq!(
        submit(&busy, &mut [&mut poll_request(reader.as_raw_fd(), libc::POLLIN, 1)]).all(),
        Ok(1)
    );
    drop(busy);
    settles("drop with a poll in flight", limit);
    if catches("a context that is unwound over") {
        let panicked = std::panic::catch_unwind(|| {
            let _context = large();
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        settles("unwinding", limit);
    }
}
