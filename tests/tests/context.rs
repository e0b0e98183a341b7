//! `Context`, `Ring` and their errors, on the kernel itself.

#[path = "common/aio.rs"]
mod common;

use aio_sys::types::*;
use aio_sys::{Cause, Context, Errno, IocbFlags, PollEvents, Ring, RwFlags, SubmitOutcome, nr};
use common::{AIO_CALLS, aio_nr, await_child, catches, file, fork, in_child, leave, pair, refuse};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn context(requests: u32) -> Context {
    Context::new(NonZeroU32::new(requests).unwrap()).unwrap()
}

fn poll(fd: RawFd, events: i16, data: u64) -> iocb {
    iocb {
        aio_data: data,
        aio_fildes: fd as u32,
        aio_lio_opcode: IOCB_CMD_POLL,
        aio_buf: events as u64,
        ..iocb::default()
    }
}

/// Polls alone: they have no buffer.
fn submit<'s, 'i>(context: &Context, polls: &'s [&'i mut iocb]) -> SubmitOutcome<'s, 'i> {
    assert!(polls.iter().all(|request| request.aio_lio_opcode == IOCB_CMD_POLL));
    // SAFETY: a poll has no buffer.
    unsafe { context.submit(polls) }
}

fn data(context: &mut Context, min: usize) -> Vec<u64> {
    let mut events = [io_event::default(); 64];
    let taken = context.getevents(min, &mut events, Some(Duration::from_secs(10))).unwrap();
    events[..taken].iter().map(|event| event.data).collect()
}

// --- submit
// -----------------------------------------------------------------------------------------------------------

#[test]
fn a_refused_request_is_told_wherever_it_stands() {
    let (_reader, writer) = pair();
    for bad in 0..3 {
        let mut context = context(3);
        let mut polls = [0, 1, 2].map(|i| {
            let fd = if i == bad { -1 } else { writer.as_raw_fd() };
            poll(fd, libc::POLLOUT, i)
        });
        let requests = polls.each_mut();
        let outcome = submit(&context, &requests);
        assert_eq!((outcome.accepted, outcome.rest.len()), (bad as usize, 3 - bad as usize));
        assert_eq!(outcome.rest[0].aio_data, bad);
        let error = outcome.error.unwrap();
        assert_eq!(
            (error.index, error.errno, error.cause),
            (bad as usize, Errno::EBADF, Cause::Refused)
        );
        assert_eq!(error.to_string(), format!("request {bad} was not accepted: {}", Errno::EBADF));
        let outcome = submit(&context, &outcome.rest[1..]);
        assert_eq!(outcome.all(), Ok(2 - bad as usize));
        assert_eq!(data(&mut context, 2), (0..3).filter(|&i| i != bad).collect::<Vec<_>>());
    }
}

/// Each error that a request can be refused with, first, in the middle and last.
#[test]
fn every_refusal_has_its_number() {
    // Not everyone may make one.
    let file = file(10);
    in_child(|| {
        // SAFETY: the child gives up its privileges, and with them the right to real-time priority.
        unsafe { libc::setresuid(65534, 65534, 65534) };
        refusals(&file);
        true
    });
}

fn refusals(file: &File) {
    let (_reader, writer) = pair();
    let fd = file.as_raw_fd() as u32;
    let read = iocb { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd, ..iocb::default() };
    let refusals = [
        (Errno::EINVAL, iocb { aio_offset: -1, ..read }),
        (Errno::EBADF, iocb { aio_fildes: u32::MAX, ..read }),
        (
            Errno::EFAULT,
            iocb { aio_lio_opcode: IOCB_CMD_PREADV, aio_buf: 1, aio_nbytes: 1, ..read },
        ),
        (Errno::EOPNOTSUPP, read.with_rw_flags(RwFlags::from_bits(1 << 30))),
        (Errno::EBADF, iocb { aio_resfd: u32::MAX, ..read }.with_flags(IocbFlags::RESFD)),
        (Errno::EINVAL, iocb { aio_resfd: fd, ..read }.with_flags(IocbFlags::RESFD)),
        (Errno::EINVAL, iocb { aio_reserved2: 1, ..read }),
        // IOPRIO_CLASS_RT.
        (Errno::EPERM, iocb { aio_reqprio: 1 << 13, ..read }.with_flags(IocbFlags::IOPRIO)),
    ];
    for (errno, bad) in refusals {
        for at in 0..3 {
            let mut context = context(3);
            let mut requests = [0, 1, 2].map(|i| match i == at {
                true => bad,
                false => poll(writer.as_raw_fd(), libc::POLLOUT, i as u64),
            });
            let requests = requests.each_mut();
            // SAFETY: the request that is no poll is refused.
            let outcome = unsafe { context.submit(&requests) };
            let error = outcome.error.unwrap();
            assert_eq!(
                (error.index, error.errno, error.cause),
                (at, errno, Cause::Refused),
                "{bad:?}"
            );
            assert_eq!(data(&mut context, at).len(), at, "those before it went on");
        }
    }
}

#[test]
fn a_full_ring_says_so_until_events_are_taken() {
    let mut context = context(1);
    let capacity = context.capacity();
    let (_reader, writer) = pair();
    let mut polls = vec![poll(writer.as_raw_fd(), libc::POLLOUT, 0); capacity.events as usize + 1];
    let requests: Vec<&mut iocb> = polls.iter_mut().collect();
    let outcome = submit(&context, &requests);
    assert!(
        outcome.accepted >= capacity.usable as usize,
        "{capacity:?}: {} taken",
        outcome.accepted
    );
    let error = outcome.error.unwrap();
    assert_eq!(
        (error.index, error.errno, error.cause),
        (outcome.accepted, Errno::EAGAIN, Cause::SlotsHeld)
    );
    assert!(error.to_string().contains("come back when their events are read"), "{error}");
    let again = submit(&context, &outcome.rest[..1]);
    assert_eq!(again.error.unwrap().cause, Cause::SlotsHeld);
    assert_eq!(context.pending(), Some(outcome.accepted));
    assert_eq!(context.reap(|_| ()), Some(outcome.accepted));
    assert_eq!(submit(&context, &outcome.rest[..1]).all(), Ok(1));
}

/// What `Capacity::usable` promises, when the places were handed out on every processor before.
#[test]
fn what_is_usable_can_be_used_from_any_processor() {
    let mut context = context(20);
    let usable = context.capacity().usable as usize;
    let (_reader, writer) = pair();
    let cpus = std::thread::available_parallelism().unwrap().get();
    for round in 0..200 {
        pin(round % cpus);
        let mut polls = vec![poll(writer.as_raw_fd(), libc::POLLOUT, 0); usable];
        let requests: Vec<&mut iocb> = polls.iter_mut().collect();
        assert_eq!(submit(&context, &requests).all(), Ok(usable), "round {round}");
        pin((round + 1) % cpus);
        let mut left = usable;
        while left > 0 {
            left -= context.reap(|_| ()).unwrap();
        }
        // One by one, so that this processor takes a group of its own.
        for _ in 0..round % 7 {
            assert_eq!(
                submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 0)]).all(),
                Ok(1)
            );
        }
        context.reap(|_| ());
    }
}

fn pin(cpu: usize) {
    // SAFETY: zeros are an empty set, and the kernel reads no more than its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

/// In a process of its own: the next context of another thread may have the same id, and would get
/// the request.
#[test]
fn a_context_that_was_taken_away_is_told_from_a_bad_request() {
    in_child(|| {
        let context = context(1);
        // SAFETY: neither the ring nor the id is used below, but by calls that are to fail.
        unsafe { aio_sys::io_destroy(context.id()) }.unwrap();
        let (_reader, writer) = pair();
        let error =
            submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 0)]).error.unwrap();
        assert_eq!((error.errno, error.cause), (Errno::EINVAL, Cause::NoContext));
        context.close() == Err(Errno::EINVAL)
    });
}

// --- taking events
// ------------------------------------------------------------------------------------------------------

#[test]
fn events_come_in_order_round_the_end_of_the_ring() {
    let mut context = context(1);
    let places = u64::from(context.capacity().events) + 1;
    let (_reader, writer) = pair();
    let (mut sent, mut seen) = (0, 0);
    while seen < 10 * places {
        let mut polls: Vec<_> =
            (sent..sent + 7).map(|i| poll(writer.as_raw_fd(), libc::POLLOUT, i)).collect();
        let requests: Vec<&mut iocb> = polls.iter_mut().collect();
        sent += submit(&context, &requests).all().unwrap() as u64;
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
                for event in &events[..count] {
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
fn a_damaged_head_sends_the_reader_to_the_kernel() {
    let mut context = context(1);
    let (_reader, writer) = pair();
    let nr = context.capacity().events + 1;
    // SAFETY: it takes no events.
    let ring = unsafe {
        std::ptr::with_exposed_provenance_mut::<aio_ring>(context.id().as_raw() as usize)
    };
    assert_eq!(submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 5)]).all(), Ok(1));
    // SAFETY: the ring is mapped, and nobody else writes the head.
    unsafe { (&raw mut (*ring).head).write_volatile(nr) };
    assert_eq!(context.pending(), None);
    assert_eq!(context.reap(|_| ()), None);
    assert_eq!(data(&mut context, 1), [5]);
    assert_eq!(context.pending(), Some(0), "the kernel has put the head right");
}

#[test]
fn waiting_takes_as_long_as_it_was_told() {
    let mut context = context(1);
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
    assert_eq!(submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(), Ok(1));
    assert_eq!(
        context.getevents(2, &mut events, Some(wait)),
        Ok(1),
        "what there is, when the time is over"
    );
}

#[test]
fn a_time_too_long_for_the_kernel_is_not_over_at_once() {
    let mut context = context(1);
    let (reader, mut writer) = pair();
    assert_eq!(submit(&context, &[&mut poll(reader.as_raw_fd(), libc::POLLIN, 1)]).all(), Ok(1));
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

/// Has SIGUSR1 sent to this thread in a while, again and again, for as long as the result lives.
fn signals() -> impl Drop {
    struct Signals(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);
    impl Drop for Signals {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
            self.1.take().unwrap().join().unwrap();
        }
    }
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(common::SIGUSR1, nothing as extern "C" fn(i32) as libc::sighandler_t) };
    // SAFETY: it cannot fail.
    let (thread, over) =
        (unsafe { libc::pthread_self() } as usize, Arc::new(AtomicBool::new(false)));
    let stop = over.clone();
    let sender = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            // SAFETY: the thread lives until the sender has ended.
            unsafe { libc::pthread_kill(thread as libc::pthread_t, common::SIGUSR1) };
        }
    });
    Signals(over, Some(sender))
}

#[test]
fn a_signal_ends_the_wait_and_loses_nothing() {
    let mut context = context(2);
    let (_reader, writer) = pair();
    let mut events = [io_event::default(); 2];
    let _signals = signals();
    assert_eq!(context.getevents(1, &mut events, None), Err(Errno::EINTR));
    assert_eq!(context.pgetevents(1, &mut events, None, &sigset_t::default()), Err(Errno::EINTR));
    assert_eq!(submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(), Ok(1));
    assert_eq!(
        context.getevents(2, &mut events, None),
        Ok(1),
        "taken before the signal, so there is no error"
    );
    assert_eq!(events[0].data, 1);
}

/// The signal is pending when the call begins: without the mask that the call installs it would
/// come too early.
#[test]
fn the_mask_is_that_of_the_wait() {
    in_child(|| {
        let mut context = context(1);
        // SAFETY: the handler does nothing; the signal is blocked before it is raised.
        unsafe {
            libc::signal(common::SIGUSR1, nothing as extern "C" fn(i32) as libc::sighandler_t);
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut blocked, common::SIGUSR1);
            libc::sigprocmask(common::SIG_BLOCK, &blocked, std::ptr::null_mut());
            libc::raise(common::SIGUSR1);
        }
        let mut events = [io_event::default()];
        let soon = Some(Duration::from_millis(1));
        context.getevents(1, &mut events, soon) == Ok(0)
            && context.pgetevents(1, &mut events, None, &sigset_t::default()) == Err(Errno::EINTR)
    });
}

// --- filters
// --------------------------------------------------------------------------------------------------------------

/// Whatever a filter answers to each call is told, and nothing spins.
#[test]
fn filters_are_told() {
    for errno in [libc::ENOSYS, libc::EPERM, libc::EINTR] {
        in_child(|| {
            let mut context = context(2);
            let (_reader, writer) = pair();
            let mut ready = poll(writer.as_raw_fd(), libc::POLLOUT, 1);
            assert_eq!(submit(&context, &[&mut ready]).all(), Ok(1));
            let told = Errno::decode(-(errno as isize)).unwrap_err();
            assert!(refuse(AIO_CALLS, errno));
            let error = Context::new(NonZeroU32::MIN).unwrap_err();
            assert_eq!(error.errno, told);
            assert!(
                errno == libc::EINTR || error.to_string().contains("a seccomp filter"),
                "{error}"
            );
            let error = submit(&context, &[&mut ready]).error.unwrap();
            assert_eq!((error.index, error.errno), (0, told));
            assert_eq!(error.cause == Cause::Hidden, errno == libc::ENOSYS);
            assert_eq!(data(&mut context, 1), [1], "the ring needs no call");
            let mut events = [io_event::default()];
            assert_eq!(context.getevents(1, &mut events, None), Err(told));
            assert_eq!(context.pgetevents(0, &mut events, None, &sigset_t::default()), Err(told));
            context.close() == Err(told)
        });
    }
}

/// A filter may even answer that nothing was accepted and nothing is wrong.
#[test]
fn a_filter_that_answers_0_does_not_make_it_spin() {
    in_child(|| {
        let context = context(1);
        let (_reader, writer) = pair();
        assert!(refuse(&[nr::SYS_io_submit], 0));
        let error =
            submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 1)]).error.unwrap();
        error.cause == Cause::Hidden
    });
}

/// The kernel before 5.1, on 32-bit ABIs: the older call serves.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[test]
fn without_time64_the_older_calls_serve() {
    in_child(|| {
        let mut context = context(1);
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

// --- forks ----------------------------------------------------------------------------------------------------------------

/// The child gets errors, and the parent all of its events.
#[test]
fn a_child_touches_nothing() {
    let mut context = context(4);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll(writer.as_raw_fd(), libc::POLLOUT, data));
    assert_eq!(submit(&context, &polls.each_mut()).all(), Ok(3));
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
        let mut again = poll(writer.as_raw_fd(), libc::POLLOUT, 4);
        let error = submit(&context, &[&mut again]).error.unwrap();
        assert_eq!((error.errno, error.cause), (Errno::EINVAL, Cause::Forked));
        // One of its own is another, also when it has the same address.
        let mut own = Context::new(NonZeroU32::MIN).unwrap();
        assert_eq!(submit(&own, &[&mut again]).all(), Ok(1));
        assert_eq!(data(&mut own, 1), [4]);
        assert_eq!(
            context.pending(),
            None,
            "a context in the child does not bring back the parent's"
        );
        // And so for the child's child.
        in_child(|| own.pending().is_none() && context.pending().is_none() && own.peek().is_none());
        // SAFETY: the child's copy, which is not used again.
        unsafe { std::ptr::read(&context) }.close() == Err(Errno::EINVAL)
    });
    assert_eq!(data(&mut context, 3), [1, 2, 3]);
}

/// A ring that was borrowed before the fork, and events that were lent, are of no use after it.
#[test]
fn a_child_cannot_take_by_what_it_borrowed_before() {
    let mut context = context(4);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll(writer.as_raw_fd(), libc::POLLOUT, data));
    assert_eq!(submit(&context, &polls.each_mut()).all(), Ok(3));
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

/// A fork in the middle of taking events: the child sees no more of them, and gives none back,
/// neither before its parent has read them nor when its parent has gone on.
#[test]
fn a_child_of_a_visit_takes_nothing() {
    for child_first in [true, false] {
        in_child(|| {
            let mut context = context(8);
            let (_reader, writer) = pair();
            let poll = |data| poll(writer.as_raw_fd(), libc::POLLOUT, data);
            assert_eq!(submit(&context, &[1, 2, 3].map(poll).each_mut()).all(), Ok(3));
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
            assert_eq!(submit(&context, &[4, 5].map(poll).each_mut()).all(), Ok(2));
            assert_eq!(data(&mut context, 2), [4, 5]);
            if !child_first {
                release.write_all(b"x").unwrap();
                await_child(child);
            }
            context.pending() == Some(0)
        });
    }
}

/// Children that share the memory share its contexts.
#[test]
fn a_child_in_the_same_memory_may() {
    let mut context = context(1);
    let (_reader, writer) = pair();
    extern "C" fn child(context: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the parent waits, and does not use it meanwhile.
        let context = unsafe { &mut *context.cast::<Context>() };
        let taken = context.getevents(1, &mut [io_event::default()], Some(Duration::from_secs(10)));
        i32::from(taken != Ok(1))
    }
    assert_eq!(submit(&context, &[&mut poll(writer.as_raw_fd(), libc::POLLOUT, 1)]).all(), Ok(1));
    let mut stack = vec![0u128; 1 << 14];
    let mut status = 0;
    // SAFETY: the child has a stack of its own, and ends before anything that it uses.
    unsafe {
        let top = stack.as_mut_ptr().add(stack.len()).cast();
        let flags = libc::CLONE_VM | common::SIGCHLD;
        let pid = libc::clone(child, top, flags, (&raw mut context).cast());
        assert!(pid > 0);
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
    }
    assert_eq!(status, 0);
    assert_eq!(context.pending(), Some(0));
}

// --- the end
// --------------------------------------------------------------------------------------------------------------

#[test]
fn however_it_ends_the_quota_comes_back() {
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
    // Other tests come and go beside this one, with a few requests each.
    let limit = aio_nr() + 4000;
    let large = || context(5000);
    drop(large());
    settles("drop", limit);
    assert_eq!(large().close(), Ok(()));
    settles("close", limit);
    large().into_background();
    settles("into_background", limit);
    let (reader, _writer) = pair();
    let busy = large();
    assert_eq!(submit(&busy, &[&mut poll(reader.as_raw_fd(), libc::POLLIN, 1)]).all(), Ok(1));
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

// --- flags ----------------------------------------------------------------------------------------------------------------

#[test]
fn flags_are_those_of_libc() {
    for (ours, theirs) in [
        (RwFlags::HIPRI, libc::RWF_HIPRI),
        (RwFlags::DSYNC, libc::RWF_DSYNC),
        (RwFlags::SYNC, libc::RWF_SYNC),
        (RwFlags::NOWAIT, libc::RWF_NOWAIT),
        (RwFlags::APPEND, libc::RWF_APPEND),
    ] {
        assert_eq!(ours.bits(), theirs);
    }
    for (ours, theirs) in [
        (PollEvents::IN, libc::POLLIN),
        (PollEvents::PRI, libc::POLLPRI),
        (PollEvents::OUT, libc::POLLOUT),
        (PollEvents::ERR, libc::POLLERR),
        (PollEvents::HUP, libc::POLLHUP),
        (PollEvents::RDHUP, libc::POLLRDHUP),
    ] {
        assert_eq!(ours.bits() as i16, theirs);
    }
    assert_eq!(format!("{:?}", RwFlags::NONE), "NONE");
    assert_eq!(format!("{:?}", RwFlags::APPEND | RwFlags::from_bits(1 << 20)), "APPEND | 0x100000");
    assert!(
        (RwFlags::DSYNC | RwFlags::NOWAIT).contains(RwFlags::NOWAIT)
            && !RwFlags::DSYNC.contains(RwFlags::SYNC)
    );
}
