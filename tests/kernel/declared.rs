//! Calls that `#[syscall]` declares with types of the standard library, which is the oracle, as is
//! libc.

use crate::common::{await_child, catches, fork, in_child, pipe, temp_file};
use aio_sys::types::{__kernel_itimerspec, __kernel_timespec};
use aio_sys::{Errno, Ret, syscall};
use std::convert::Infallible;
use std::ffi::{CStr, c_char};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// A file in memory.
#[syscall(
    unsafe memfd_create(name, flags),
    safe = "the kernel reads `name`, and returns a new descriptor"
)]
fn memfd_create(name: &CStr, flags: u32) -> io::Result<OwnedFd>;

/// Reads at the file's position.
#[syscall(
    unsafe read(file, buffer.as_mut_ptr(), buffer.len()),
    safe = "the kernel writes `buffer.len()` bytes at most"
)]
fn read(file: &File, buffer: &mut [c_char]) -> io::Result<usize>;

/// Reads at the file's position.
#[syscall(
    unsafe read(file, buffer, buffer.len()),
    safe = "the kernel writes `buffer.len()` bytes at most"
)]
fn read_bytes(file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<u64, Errno>;

/// Reads into memory that is not initialized.
#[syscall(
    unsafe read(file, buffer, buffer.len()),
    safe = "the kernel writes `buffer.len()` bytes at most"
)]
fn read_uninit(file: BorrowedFd<'_>, buffer: &mut [MaybeUninit<u8>]) -> Result<usize, Errno>;

/// Reads into several buffers.
#[syscall(
    unsafe readv(file, buffers, buffers.len()),
    safe = "the kernel writes only to the buffers"
)]
fn readv(file: &File, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize>;

/// Writes several buffers.
#[syscall(
    unsafe writev(file, buffers, buffers.len()),
    safe = "the kernel only reads the buffers"
)]
fn writev(file: &File, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

/// Creates a timer.
#[syscall(
    unsafe timerfd_create(clock, 0),
    safe = "it touches no memory, and returns a new descriptor"
)]
fn timerfd_create(clock: i32) -> io::Result<OwnedFd>;

/// Starts or stops a timer.
#[cfg_attr(
    any(target_pointer_width = "64", target_arch = "x86_64"),
    syscall(
        unsafe timerfd_settime(timer, 0, new, ptr::null_mut()),
        safe = "the kernel only reads `new`"
    )
)]
#[cfg_attr(
    not(any(target_pointer_width = "64", target_arch = "x86_64")),
    syscall(
        unsafe timerfd_settime64(timer, 0, new, ptr::null_mut()),
        safe = "the kernel only reads `new`"
    )
)]
fn timerfd_settime(timer: BorrowedFd<'_>, new: &__kernel_itimerspec) -> Result<(), Errno>;

/// Writes at the file's position.
#[syscall(
    unsafe write(file, bytes, bytes.len()),
    safe = "the kernel reads `bytes`"
)]
fn write<F: AsFd>(file: &F, bytes: &[u8]) -> Result<i64, Errno>;

/// Sets the bits that new files do not get.
#[syscall(unsafe umask(mask), safe = "it touches no memory")]
fn umask(mask: u16) -> io::Result<u16>;

/// Ends the process.
#[syscall(unsafe exit_group(code), safe = "there is nobody left to notice")]
fn exit_group(code: i32) -> !;

/// Executes another program.
///
/// # Safety
///
/// The arrays end with null, and what they point to can be read.
#[syscall(execve(path, argv, envp))]
unsafe fn execve(
    path: &CStr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> io::Result<Infallible>;

/// The process's limit.
#[syscall(
    unsafe prlimit64(0, resource, None::<&[u64; 2]>, return),
    safe = "the kernel fills the structure"
)]
fn limits(resource: u32) -> io::Result<[u64; 2]>;

#[test]
fn a_structure_is_returned() {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is written.
    assert_eq!(unsafe { libc::getrlimit64(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    assert_eq!(limits(libc::RLIMIT_NOFILE).unwrap(), [limit.rlim_cur, limit.rlim_max]);
    assert_eq!(limits(u32::MAX).unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn a_new_descriptor_is_owned() {
    let owned = match memfd_create(c"declared", libc::MFD_CLOEXEC) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            return aio_tests::skip("memfd_create", "the kernel does not have it");
        }
        result => result.unwrap(),
    };
    let mut file = File::from(owned);
    file.write_all(b"abc").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");
    let error = memfd_create(c"declared", u32::MAX).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn borrowed_descriptors_and_bytes_are_arguments() {
    let (reader, writer) = pipe();
    assert_eq!(write(&writer, b"four"), Ok(4));
    assert_eq!(write(&OwnedFd::from(writer), b" bytes more"), Ok(11));
    let mut bytes = [0; 32];
    assert_eq!(read_bytes(reader.as_fd(), &mut bytes[..7]), Ok(7));
    assert_eq!(&bytes[..7], b"four by");
    assert_eq!(read_bytes(reader.as_fd(), &mut bytes), Ok(8));
    assert_eq!(&bytes[..8], b"tes more");
    assert_eq!(read_bytes(reader.as_fd(), &mut bytes), Ok(0), "the other end is closed");

    let mut source = temp_file(10);
    source.seek(SeekFrom::Start(8)).unwrap();
    let mut chars = [0; 4];
    assert_eq!(read(&source, &mut chars).unwrap(), 2);
    assert_eq!(chars, [8, 9, 0, 0]);
    assert_eq!(write(&reader, b"x"), Err(Errno::EBADF));
}

#[test]
fn small_results_have_their_own_width() {
    in_child(|| {
        // SAFETY: the child's own mask.
        unsafe { libc::umask(0o027) };
        umask(0o777).unwrap() == 0o027 && umask(0).unwrap() == 0o777
    });
}

#[test]
fn a_call_that_does_not_return_has_no_result() {
    let child = fork();
    if child == 0 {
        exit_group(7);
    }
    let mut status = 0;
    // SAFETY: `status` is written.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status:#x}");

    let null = [ptr::null()];
    // SAFETY: both arrays are empty.
    let error = unsafe { execve(c"/proc/none", null.as_ptr(), null.as_ptr()) }.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);

    if !catches("a result of a call that has none") {
        return;
    }
    let child = fork();
    if child == 0 {
        // SAFETY: it takes only a number.
        let returned = std::panic::catch_unwind(|| unsafe { Result::<Infallible, Errno>::ret(0) });
        crate::common::leave(returned.is_err());
    }
    await_child(child);
}

#[test]
fn a_buffer_may_be_uninitialized() {
    let mut buffer = [MaybeUninit::uninit(); 4];
    let program = File::open("/proc/self/exe").unwrap();
    assert_eq!(read_uninit(program.as_fd(), &mut buffer), Ok(4));
    // SAFETY: the kernel has filled all of it.
    assert_eq!(buffer.map(|byte| unsafe { byte.assume_init() }), *b"\x7fELF");
}

#[test]
fn vectors_are_those_of_the_standard_library() {
    let mut file = temp_file(0);
    assert_eq!(writev(&file, &[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).unwrap(), 5);
    file.rewind().unwrap();
    let (mut first, mut rest) = ([0; 3], [0; 4]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)];
    assert_eq!(readv(&file, &mut buffers).unwrap(), 5);
    assert_eq!((first, rest), (*b"abc", *b"de\0\0"));
}

/// The oracle is libc, which converts the structure where its own is another one.
#[test]
fn a_timer_has_the_structure_of_the_kernel() {
    let timer = timerfd_create(libc::CLOCK_MONOTONIC).unwrap();
    let time = |tv_sec, tv_nsec| __kernel_timespec { tv_sec, tv_nsec };
    let new = __kernel_itimerspec { it_interval: time(7, 9), it_value: time(1000, 0) };
    timerfd_settime(timer.as_fd(), &new).unwrap();
    // SAFETY: all zeros are valid.
    let mut set: libc::itimerspec = unsafe { mem::zeroed() };
    // SAFETY: the structure is a local one.
    assert_eq!(unsafe { libc::timerfd_gettime(timer.as_raw_fd(), &mut set) }, 0);
    let interval = (set.it_interval.tv_sec, set.it_interval.tv_nsec);
    assert_eq!(interval, (7, 9));
    assert!((1..=1000).contains(&set.it_value.tv_sec), "{}", set.it_value.tv_sec);
}

/// What a filter or an emulator may answer.
#[test]
fn invalid_descriptors_are_not_owned() {
    for answer in [isize::MIN, -4096, isize::MAX] {
        // SAFETY: invalid descriptors are refused; on 32-bit targets the last could be valid.
        let result = unsafe { Result::<OwnedFd, Errno>::ret(answer) };
        match result.map(|owned| std::mem::ManuallyDrop::new(owned).as_raw_fd()) {
            Ok(fd) => assert_eq!(fd as isize, answer),
            Err(errno) => assert_eq!(errno, Errno::EBADF),
        }
    }
    // SAFETY: the value is an error, not a descriptor.
    let error = unsafe { io::Result::<OwnedFd>::ret(-(libc::EMFILE as isize)) }.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
}

/// The numbers from 424 on are the same on all ABIs with the same base.
#[cfg(not(any(
    target_arch = "mips",
    target_arch = "mips64",
    all(target_arch = "x86_64", target_pointer_width = "32")
)))]
mod by_number {
    use super::*;

    #[syscall(
        unsafe 434(pid, flags),
        safe = "the kernel returns a new descriptor"
    )]
    fn pidfd_open(pid: u32, flags: u32) -> io::Result<OwnedFd>;

    /// `info` is null.
    #[syscall(
        unsafe 424(pidfd.as_raw_fd(), signal, ptr::null::<u8>(), 0),
        safe = "the kernel reads nothing"
    )]
    fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno>;

    /// How many pages of the range are in the page cache, and in which state.
    #[syscall(
        unsafe 451(file.as_raw_fd(), range.as_ptr(), return, 0),
        safe = "the kernel reads `range`, and fills the array"
    )]
    fn cachestat(file: &File, range: &[u64; 2]) -> io::Result<[u64; 5]>;

    #[syscall(unsafe 100_000(1, 2, 3, 4, 5, 6), safe = "there is no such call")]
    fn none() -> Result<(), Errno>;

    #[test]
    fn a_call_can_be_declared_by_its_number() {
        assert_eq!(none(), Err(Errno::ENOSYS));
        // There may be no program to start: the virtual machine has none.
        let child = crate::common::fork();
        if child == 0 {
            // SAFETY: it waits for a signal, in a child that has nothing else to do.
            unsafe { libc::pause() };
            crate::common::leave(false);
        }
        let pidfd = pidfd_open(child as u32, 0);
        let sent = pidfd.as_ref().map(|pidfd| pidfd_send_signal(pidfd.as_fd(), libc::SIGTERM));
        let sent = sent.map_err(io::Error::raw_os_error);
        let mut status = 0;
        // SAFETY: the child is this process's, and was not waited for; `status` is writable.
        let waited = unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, &mut status, 0)
        };
        assert_eq!(waited, child);
        if sent == Err(Some(libc::ENOSYS)) {
            return aio_tests::skip("pidfd_open", "the kernel does not have it");
        }
        assert_eq!(sent, Ok(Ok(())));
        let signal = libc::WTERMSIG(status);
        assert!([libc::SIGTERM, libc::SIGKILL].contains(&signal), "{status:#x}");
        drop(pidfd);
    }

    #[test]
    fn a_structure_is_returned_by_number() {
        let file = temp_file(1 << 20);
        let range = [0, 1 << 19];
        let ours = match cachestat(&file, &range) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                return aio_tests::skip("cachestat", "the kernel does not have it");
            }
            result => result.unwrap(),
        };
        let mut theirs = [0; 5];
        // SAFETY: the kernel reads `range`, and writes `theirs`.
        let result =
            unsafe { libc::syscall(451, file.as_raw_fd(), range.as_ptr(), theirs.as_mut_ptr(), 0) };
        assert_eq!(result, 0);
        assert_eq!(ours[0], theirs[0], "pages in the cache");
    }
}
