//! The AIO layer's promises when an answer cannot be trusted: filters that answer without making
//! the call, forks, counts, old kernels.

use crate::common::{catches, in_child, itself, pair, refuse, temp_file};
use aio_sys::types::*;
use aio_sys::{Cause, Completion, Context, Errno, IoBuf, PollEvents, Queue, SetupError, nr, op};
use core::ffi::c_long;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(10));

fn capacity(requests: u32) -> NonZeroU32 {
    NonZeroU32::new(requests).unwrap()
}

/// Runs an ignored test of this module in a separate process, which must pass.
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

/// The kernel did not wait, so it may still use the buffers of requests in flight.
#[test]
fn a_fake_success_of_io_destroy_is_a_failure() {
    let (reader, _writer) = pair();
    for filtered in [&[nr::SYS_io_destroy] as &[c_long], &[nr::SYS_io_destroy, nr::SYS_io_submit]] {
        in_child(|| {
            let context = Context::new(capacity(1)).unwrap();
            let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
            queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
            assert!(refuse(filtered, 0));
            assert_eq!(context.close(), Err(Errno::ENOSYS));
            queue.close() == Err(Errno::ENOSYS)
        });
    }
}

#[test]
fn drop_aborts_if_io_destroy_is_faked() {
    let output = itself(module_path!(), "drop_with_fake_io_destroy").output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
}

#[test]
#[ignore = "a part of drop_aborts_if_io_destroy_is_faked"]
fn drop_with_fake_io_destroy() {
    let (reader, _writer) = pair();
    let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
    queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    assert!(refuse(&[nr::SYS_io_destroy], 0));
}

/// The next context of another thread may get the address of a destroyed one: an existing context
/// does not mean that io_destroy failed.
#[test]
fn reused_addresses_are_not_a_failure() {
    in_child(|| {
        let (reader, _writer) = pair();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..40 {
                        let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
                        queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
                        assert_eq!(queue.close(), Ok(()));
                    }
                });
            }
        });
        true
    });
}

#[test]
fn a_fake_success_of_io_setup_is_not_a_context() {
    in_child(|| {
        assert!(refuse(&[nr::SYS_io_setup], 0));
        let error: SetupError = Context::new(capacity(1)).unwrap_err();
        assert_eq!((error.call, error.errno), ("io_setup", Errno::ENOSYS));
        Queue::<Vec<u8>>::new(capacity(1)).unwrap_err() == error
    });
}

/// The number is a descriptor that the queue does not own: it is not closed.
#[test]
fn a_fake_eventfd_is_not_owned() {
    in_child(|| {
        let (socket, _peer) = pair();
        // SAFETY: the child's standard input, which nothing here reads.
        assert_eq!(unsafe { libc::dup2(socket.as_raw_fd(), 0) }, 0);
        assert!(refuse(&[nr::SYS_eventfd2], 0));
        let error = Queue::<Vec<u8>>::with_eventfd(capacity(1)).unwrap_err();
        assert_eq!((error.call, error.errno), ("eventfd2", Errno::ENOSYS));
        // SAFETY: it only reads the descriptor's flags.
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
    let mut requests = [&mut request];
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut requests) }.all(), Ok(1));
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
            // The child's own context is a different one.
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

/// The child may share memory with its parent, whose next event would change the events that were
/// shown.
#[test]
fn a_child_does_not_get_shown_events() {
    let mut context = with_an_event();
    let events = context.peek().unwrap();
    assert_eq!((events.len(), events.iter().count()), (1, 1));
    in_child(|| events.get(0).is_none() && events.iter().next().is_none());
    assert_eq!(events.get(0).map(|event| event.res), Some(libc::POLLOUT.into()));
}

/// A filter or an emulator that reports success for any advice, or for this one.
#[test]
fn a_fake_success_of_madvise_is_detected() {
    in_process("with_fake_madvise");
    in_process("with_fake_advice");
}

#[test]
#[ignore = "a part of a_fake_success_of_madvise_is_detected"]
fn with_fake_madvise() {
    assert!(refuse(&[nr::SYS_madvise], 0));
    a_child_gets_nothing(&|| ());
}

#[test]
#[ignore = "a part of a_fake_success_of_madvise_is_detected"]
fn with_fake_advice() {
    refuse_advice(libc::MADV_WIPEONFORK, 0);
    a_child_gets_nothing(&|| ());
}

/// Kernels before 4.14 refuse the advice. A child in a new PID namespace may have the same process
/// id as its parent.
#[test]
fn a_child_with_the_number_of_its_parent_is_another_process() {
    in_process("two_processes_are_number_1");
}

#[test]
#[ignore = "a part of a_child_with_the_number_of_its_parent_is_another_process"]
fn two_processes_are_number_1() {
    // SAFETY: it affects only children that are created later.
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

// --- answers of a supervisor
// -----------------------------------------------------------------------------

/// Lets another thread answer `calls` of this one instead of the kernel (seccomp user
/// notification). `false` if the kernel does not support it.
fn supervise(
    calls: &[c_long],
    mut answer: impl FnMut(&libc::seccomp_data) -> i64 + Send + 'static,
) -> bool {
    let (give, take) = std::sync::mpsc::channel::<OwnedFd>();
    std::thread::spawn(move || {
        let listener = take.recv().unwrap();
        loop {
            // SAFETY: all zeros is a notification.
            let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            let recv = libc::_IOWR::<libc::seccomp_notif>(b'!'.into(), 0);
            let send = libc::_IOWR::<libc::seccomp_notif_resp>(b'!'.into(), 1);
            // SAFETY: the kernel writes a notification.
            if unsafe { libc::ioctl(listener.as_raw_fd(), recv, &mut question) } != 0 {
                continue;
            }
            let val = answer(&question.data);
            let answer = libc::seccomp_notif_resp { id: question.id, val, error: 0, flags: 0 };
            // SAFETY: the kernel reads the response.
            unsafe { libc::ioctl(listener.as_raw_fd(), send, &answer) };
        }
    });
    let statement = |code: u32, jt, k| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (at, number) in calls.iter().enumerate() {
        program.push(statement(equal, (calls.len() - at) as u8, *number as u32));
    }
    for answer in [libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_USER_NOTIF] {
        program.push(statement(libc::BPF_RET | libc::BPF_K, 0, answer));
    }
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if listener < 0 {
        aio_tests::skip("made-up answers", "the kernel has no seccomp user notification");
        return false;
    }
    // SAFETY: a new descriptor, owned by nobody else.
    give.send(unsafe { OwnedFd::from_raw_fd(listener as i32) }).unwrap();
    true
}

/// Values that are neither errors nor possible counts.
const LIES: [i64; 5] = [-4096, -5000, 2, isize::MAX as i64 / 2 + 1, isize::MIN as i64];

#[test]
fn a_fake_count_is_rejected() {
    in_process("with_fake_counts");
}

#[test]
#[ignore = "a part of a_fake_count_is_rejected"]
fn with_fake_counts() {
    let (reader, writer) = pair();
    let mut context = Context::new(capacity(1)).unwrap();
    let mut queue = Queue::<Vec<u8>>::new(capacity(2)).unwrap();
    let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
    let mut lies = LIES.iter().cycle();
    let calls = [
        nr::SYS_io_submit,
        nr::SYS_io_getevents,
        nr::SYS_io_pgetevents,
        #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
        nr::SYS_io_pgetevents_time64,
    ];
    if !supervise(&calls, move |_| *lies.next().unwrap()) {
        return;
    }
    let mut request = iocb::default();
    for lie in LIES {
        let mut requests = [&mut request];
        // SAFETY: the supervisor answers the call; the kernel does not run it.
        let outcome = unsafe { context.submit(&mut requests) };
        assert_eq!((outcome.accepted, outcome.rest.len()), (0, 1), "{lie}");
        assert_eq!(outcome.error.unwrap().cause, Cause::Hidden, "{lie}");
    }
    for lie in LIES {
        let mut event = [io_event::default()];
        assert_eq!(context.getevents(1, &mut event, LONG), Err(Errno::ENOSYS), "{lie}");
    }
    for lie in LIES {
        let mut event = [io_event::default()];
        let mask = sigset_t::default();
        assert_eq!(context.pgetevents(1, &mut event, LONG, &mask), Err(Errno::ENOSYS), "{lie}");
    }
    for lie in LIES {
        let poll = queue.submit(op::poll(&writer, PollEvents::OUT)).unwrap();
        let refused = |done: Completion<Vec<u8>>| {
            assert!(done.token == poll && done.result == Err(Errno::ENOSYS), "{lie}");
        };
        assert_eq!(queue.reap().map(refused).count(), 1);
    }
    // A queue requests as many as it has room for.
    assert_eq!(queue.wait(1, LONG).map(Iterator::count), Err(Errno::ENOSYS));
    assert_eq!(queue.cancel(poll), Ok(true));
}

// --- old kernels
// -----------------------------------------------------------------------------

/// Makes uname report that release to this process, if it may.
fn pretend(release: [u8; 7]) -> bool {
    supervise(&[nr::SYS_uname], move |data: &libc::seccomp_data| {
        let name = std::ptr::with_exposed_provenance_mut::<libc::utsname>(data.args[0] as usize);
        // SAFETY: the caller's structure, in this process; it waits.
        unsafe { (&raw mut (*name).release).cast::<[u8; 7]>().write(release) };
        0
    })
}

#[test]
fn a_kernel_that_does_not_wait_is_refused() {
    in_process("the_kernel_is_too_old");
}

#[test]
#[ignore = "a part of a_kernel_that_does_not_wait_is_refused"]
fn the_kernel_is_too_old() {
    if !pretend(*b"3.13.0\0") {
        return;
    }
    let error = Context::new(capacity(8)).unwrap_err();
    assert_eq!((error.call, error.errno), ("io_destroy", Errno::ENOSYS));
    assert_eq!(
        error.to_string(),
        "no AIO context for 8 requests: Linux 3.16 or later is needed, since io_destroy does not \
         wait for requests in flight before; this is Linux 3.13"
    );
    assert_eq!(Queue::<Vec<u8>>::new(capacity(8)).unwrap_err(), error);
}

/// It could not wake the half that waits.
#[test]
fn a_kernel_without_polls_has_no_halves() {
    in_process("the_kernel_has_no_polls");
}

#[test]
#[ignore = "a part of a_kernel_without_polls_has_no_halves"]
fn the_kernel_has_no_polls() {
    if !pretend(*b"4.18.0\0") {
        return;
    }
    let error = Queue::<Vec<u8>>::split(capacity(8)).unwrap_err();
    assert_eq!((error.call, error.errno), ("io_submit", Errno::ENOSYS));
    assert_eq!(
        error.to_string(),
        "no queue in two halves for 8 requests: Linux 4.19 or later is needed, since io_submit has \
         no polls before; this is Linux 4.18"
    );
    assert!(Queue::<Vec<u8>>::new(capacity(8)).is_ok());
}

/// A current kernel then reports 2.6.60 or later.
#[test]
fn a_kernel_under_its_old_name_is_not_refused() {
    in_process("the_kernel_has_its_old_name");
}

#[test]
#[ignore = "a part of a_kernel_under_its_old_name_is_not_refused"]
fn the_kernel_has_its_old_name() {
    // SAFETY: it changes what uname reports to this process; the structure is written.
    let release = unsafe {
        assert_ne!(libc::personality(libc::UNAME26 as libc::c_ulong), -1);
        let mut name: libc::utsname = std::mem::zeroed();
        assert_eq!(libc::uname(&mut name), 0);
        std::ffi::CStr::from_ptr(name.release.as_ptr()).to_owned()
    };
    assert!(release.to_bytes().starts_with(b"2.6."), "{release:?}");
    assert!(Context::new(capacity(1)).is_ok());
}

/// A kernel that does not report its release is more likely behind a filter than old.
#[test]
fn a_kernel_without_a_name_is_not_refused() {
    in_process("the_kernel_has_no_name");
}

#[test]
#[ignore = "a part of a_kernel_without_a_name_is_not_refused"]
fn the_kernel_has_no_name() {
    assert!(refuse(&[nr::SYS_uname], 0));
    assert!(Context::new(capacity(1)).is_ok());
}

// --- counts
// -----------------------------------------------------------------------------

#[test]
fn a_fake_success_of_io_cancel_is_a_failure() {
    in_child(|| {
        let (reader, _writer) = pair();
        let mut queue = Queue::<Vec<u8>>::new(capacity(1)).unwrap();
        let poll = queue.submit(op::poll(&reader, PollEvents::IN)).unwrap();
        assert!(refuse(&[nr::SYS_io_cancel], 0));
        assert_eq!(queue.cancel(poll), Err(Errno::ENOSYS));
        queue.close() == Ok(())
    });
}

/// The kernel counts buffers in 32 bits, which wrap.
#[test]
#[cfg(target_pointer_width = "64")]
fn more_than_u32_max_buffers_are_refused() {
    struct Abc;
    // SAFETY: a static, which nobody writes to.
    unsafe impl IoBuf for Abc {
        fn byte_ptr(&self) -> *const u8 {
            b"abc".as_ptr()
        }
        fn byte_len(&self) -> usize {
            3
        }
    }
    for count in [1025, (1 << 32) + 5] {
        let file = temp_file(0);
        let nowhere = std::ptr::NonNull::<Abc>::dangling().as_ptr();
        // SAFETY: they have no bytes of their own, so that nothing is allocated.
        let bufs = unsafe { Vec::from_raw_parts(nowhere, count, count) };
        let mut queue = Queue::<Abc>::new(capacity(1)).unwrap();
        assert!(queue.batch(|batch| batch.push(op::writev_at(&file, bufs, 0))).is_ok());
        let refused = |done: Completion<Abc>| {
            assert_eq!((done.result, done.bufs.len()), (Err(Errno::EINVAL), count));
        };
        assert_eq!(queue.wait(1, LONG).map(|ready| ready.map(refused).count()), Ok(1));
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}

// --- in the background
// -----------------------------------------------------------------------------

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end meanwhile.
    tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .collect()
}

fn destroyers() -> usize {
    threads().iter().filter(|name| name.trim() == "aio-destroy").count()
}

/// Whether the context's ring is mapped.
fn exists(id: usize) -> bool {
    std::fs::read_to_string("/proc/self/maps").unwrap().contains(&format!("{id:x}-"))
}

fn address(context: &Context) -> usize {
    // SAFETY: it takes no events.
    unsafe { context.id() }.as_raw() as usize
}

/// Waits until it is so.
fn settles(what: &str, is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} does not come to pass");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_few_threads_destroy_any_number() {
    in_process("many_are_destroyed");
}

#[test]
#[ignore = "a part of a_few_threads_destroy_any_number"]
fn many_are_destroyed() {
    for _ in 0..2 {
        let mut most = 0;
        let contexts: Vec<_> = (0..100).map(|_| Context::new(capacity(1)).unwrap()).collect();
        let addresses: Vec<_> = contexts.iter().map(address).collect();
        for context in contexts {
            context.into_background();
            most = most.max(destroyers());
        }
        assert!((1..=8).contains(&most), "{most} threads");
        settles("the end of the contexts", || !addresses.iter().any(|&id| exists(id)));
        settles("the end of the threads", || destroyers() == 0);
    }
}

/// Its parent's threads are not in the child.
#[test]
fn a_child_has_its_own_threads() {
    in_process("a_child_destroys");
}

#[test]
#[ignore = "a part of a_child_has_its_own_threads"]
fn a_child_destroys() {
    (0..50).for_each(|_| Context::new(capacity(1)).unwrap().into_background());
    in_child(|| {
        let own = Context::new(capacity(1)).unwrap();
        let id = address(&own);
        assert!(exists(id));
        own.into_background();
        settles("the end of the context", || !exists(id));
        true
    });
}

/// A buffer that panics when it is dropped does not end a thread.
#[test]
fn a_panic_in_the_background_is_isolated() {
    in_process("buffers_panic");
}

#[test]
#[ignore = "a part of a_panic_in_the_background_is_isolated"]
fn buffers_panic() {
    struct Bad(Vec<u8>);
    // SAFETY: the vector's, which stays where it is.
    unsafe impl IoBuf for Bad {
        fn byte_ptr(&self) -> *const u8 {
            self.0.as_ptr()
        }
        fn byte_len(&self) -> usize {
            self.0.len()
        }
    }
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    if !catches("a panic in the background") {
        return;
    }
    let file = temp_file(0);
    for _ in 0..10 {
        let mut queue = Queue::<Bad>::new(capacity(1)).unwrap();
        assert!(queue.submit(op::write_at(&file, Bad(vec![0]), 0)).is_ok());
        queue.into_background();
    }
    let context = Context::new(capacity(1)).unwrap();
    let id = address(&context);
    context.into_background();
    settles("the end of the context", || !exists(id));
}

#[test]
fn setup_errors_name_the_limit() {
    in_child(|| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: it limits the memory and drops a privilege of the child, which soon ends.
        let locked = unsafe {
            libc::mlockall(libc::MCL_FUTURE) == 0
                && libc::setrlimit(libc::RLIMIT_MEMLOCK, &none) == 0
                && libc::setresuid(65534, 65534, 65534) == 0
        };
        if !locked {
            aio_tests::skip("a ring without RLIMIT_MEMLOCK", "it takes root to go without");
            return true;
        }
        let error = Context::new(capacity(1)).unwrap_err();
        assert_eq!(error.errno, Errno::ENOMEM);
        assert!(error.to_string().contains("RLIMIT_MEMLOCK"), "{error}");
        true
    });
    in_child(|| {
        assert!(refuse(&[nr::SYS_io_setup], libc::EAGAIN));
        let error = Context::new(capacity(1)).unwrap_err().to_string();
        assert!(error.contains("still being destroyed"), "{error}");
        true
    });
}
