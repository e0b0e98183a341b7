//! What the AIO layer promises where an answer of the kernel cannot be taken at its word: filters
//! that answer without making the call, forks, counts, old kernels.

use crate::common::{in_child, itself, pair, refuse};
use aio_sys::types::*;
use aio_sys::{Context, Errno, PollEvents, Queue, SetupError, nr};
use core::ffi::c_long;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn capacity(requests: u32) -> NonZeroU32 {
    NonZeroU32::new(requests).unwrap()
}

/// Runs an ignored test of this module in a process of its own, which must pass.
fn in_process(test: &str) {
    let output = itself(module_path!(), test).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    for line in text.lines().filter(|line| line.starts_with("SKIPPED: ")) {
        eprintln!("{line}");
    }
}

// --- filters that answer 0 without making the call
// -----------------------------------------------------------------------------

/// The kernel never got to wait, so that the buffers of requests in flight are still its own.
#[test]
fn a_made_up_success_of_io_destroy_is_a_failure() {
    let (reader, _writer) = pair();
    for filtered in [&[nr::SYS_io_destroy] as &[c_long], &[nr::SYS_io_destroy, nr::SYS_io_submit]] {
        in_child(|| {
            let context = Context::new(capacity(1)).unwrap();
            let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
            queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
            assert!(refuse(filtered, 0));
            assert_eq!(context.close(), Err(Errno::ENOSYS));
            queue.close() == Err(Errno::ENOSYS)
        });
    }
}

#[test]
fn dropped_where_io_destroy_is_made_up_it_aborts_rather_than_free() {
    let output = itself(module_path!(), "drops_where_io_destroy_is_made_up").output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
}

#[test]
#[ignore = "a part of dropped_where_io_destroy_is_made_up_it_aborts_rather_than_free"]
fn drops_where_io_destroy_is_made_up() {
    let (reader, _writer) = pair();
    let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
    queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
    assert!(refuse(&[nr::SYS_io_destroy], 0));
}

/// The address of a context that is destroyed is that of another thread's next one: that a context
/// is there says nothing about the success of io_destroy.
#[test]
fn addresses_that_are_taken_again_are_no_failure() {
    in_child(|| {
        let (reader, _writer) = pair();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..40 {
                        let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
                        queue.poll(reader.as_fd(), PollEvents::IN).unwrap();
                        assert_eq!(queue.close(), Ok(()));
                    }
                });
            }
        });
        true
    });
}

#[test]
fn a_made_up_success_of_io_setup_is_no_context() {
    in_child(|| {
        assert!(refuse(&[nr::SYS_io_setup], 0));
        let error: SetupError = Context::new(capacity(1)).unwrap_err();
        assert_eq!((error.call, error.errno), ("io_setup", Errno::ENOSYS));
        Queue::<Vec<u8>>::new(capacity(1)).unwrap_err() == error
    });
}

/// What is answered is somebody else's descriptor: it is not closed.
#[test]
fn a_made_up_eventfd_is_not_owned() {
    in_child(|| {
        let (socket, _peer) = pair();
        // SAFETY: the child's standard input, which nothing here reads.
        assert_eq!(unsafe { libc::dup2(socket.as_raw_fd(), 0) }, 0);
        assert!(refuse(&[nr::SYS_eventfd2], 0));
        let error = Queue::<Vec<u8>>::with_eventfd(capacity(1)).unwrap_err();
        assert_eq!((error.call, error.errno), ("eventfd2", Errno::ENOSYS));
        // SAFETY: it asks for the descriptor's flags.
        unsafe { libc::fcntl(0, libc::F_GETFD) != -1 }
    });
}

// --- forks, where no page can be wiped
// -----------------------------------------------------------------------------

/// A filter that answers `errno` to `madvise` with this advice.
fn refuse_advice(advice: i32, errno: i32) {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    // The lower half of the third argument of `struct seccomp_data`.
    let argument = 16 + 2 * 8 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let mut program = [
        statement(load, 0, 0, 0),
        statement(equal, 0, 3, nr::SYS_madvise as u32),
        statement(load, 0, 0, argument),
        statement(equal, 0, 1, advice as u32),
        statement(answer, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        statement(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(installed);
}

/// A context that has an event.
fn with_an_event() -> Context {
    let context = Context::new(capacity(2)).unwrap();
    let (_reader, writer) = pair();
    let mut request = iocb {
        aio_fildes: writer.as_raw_fd() as u32,
        aio_lio_opcode: IOCB_CMD_POLL,
        aio_buf: libc::POLLOUT as u64,
        ..iocb::default()
    };
    let requests = [&mut request];
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&requests) }.all(), Ok(1));
    context
}

/// A child gets nothing of a context that has an event; `before_the_fork` is called before the
/// forks of its parent and of itself.
fn a_child_gets_nothing(before_the_fork: &dyn Fn()) {
    before_the_fork();
    in_child(|| {
        let mut context = with_an_event();
        assert_eq!(context.pending(), Some(1));
        before_the_fork();
        in_child(|| {
            let mut events = [io_event::default()];
            assert_eq!((context.pending(), context.reap(|_| ())), (None, None));
            assert_eq!(context.getevents(1, &mut events, None), Err(Errno::EINVAL));
            // One of the child's own is another.
            let mut own = Context::new(capacity(1)).unwrap();
            assert_eq!((own.pending(), context.pending()), (Some(0), None));
            assert_eq!(own.getevents(0, &mut events, None), Ok(0));
            assert_eq!(own.close(), Ok(()));
            // SAFETY: the child's copy, which is not used again.
            unsafe { std::ptr::read(&context) }.close() == Err(Errno::EINVAL)
        });
        context.getevents(1, &mut [io_event::default()], LONG) == Ok(1)
    });
}

/// The child may share the memory with its parent, whose next event would change what it has seen.
#[test]
fn events_that_were_shown_are_not_those_of_a_child() {
    let mut context = with_an_event();
    let events = context.peek().unwrap();
    assert_eq!((events.len(), events.iter().count()), (1, 1));
    in_child(|| events.get(0).is_none() && events.iter().next().is_none());
    assert_eq!(events.get(0).map(|event| event.res), Some(libc::POLLOUT.into()));
}

/// A filter or an emulator that says of any advice, or of this one, that it was taken.
#[test]
fn a_made_up_success_of_madvise_is_found_out() {
    in_process("madvise_is_made_up");
    in_process("the_advice_is_made_up");
}

#[test]
#[ignore = "a part of a_made_up_success_of_madvise_is_found_out"]
fn madvise_is_made_up() {
    assert!(refuse(&[nr::SYS_madvise], 0));
    a_child_gets_nothing(&|| ());
}

#[test]
#[ignore = "a part of a_made_up_success_of_madvise_is_found_out"]
fn the_advice_is_made_up() {
    refuse_advice(libc::MADV_WIPEONFORK, 0);
    a_child_gets_nothing(&|| ());
}

/// Kernels before 4.14 refuse the advice. A child in a new PID namespace may have the number that
/// its parent has in its own.
#[test]
fn a_child_with_the_number_of_its_parent_is_another_process() {
    in_process("two_processes_are_number_1");
}

#[test]
#[ignore = "a part of a_child_with_the_number_of_its_parent_is_another_process"]
fn two_processes_are_number_1() {
    // SAFETY: it concerns children that are made later.
    let next_is_1 = || unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0;
    if !next_is_1() {
        return aio_tests::skip("a child with its parent's number", "no new PID namespace");
    }
    refuse_advice(libc::MADV_WIPEONFORK, libc::EINVAL);
    // The first unshare was this process's; a second one would be refused.
    in_child(|| {
        assert_eq!(std::process::id(), 1);
        a_child_gets_nothing(&|| assert!(next_is_1()));
        true
    });
}
