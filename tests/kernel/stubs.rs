//! One call of each arity, from none to six arguments: each arrives in its place, and values live
//! across the call are preserved.

use aio_sys::{Errno, raw};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

/// The call, with eight values live across it that the compiler must find unchanged.
fn surrounded(call: impl FnOnce() -> isize) -> Result<usize, Errno> {
    let before: [usize; 8] = black_box([1, 2, 3, 4, 5, 6, 7, 8]);
    let [a, b, c, d, e, f, g, h] = before;
    let result = call();
    assert_eq!([a, b, c, d, e, f, g, h], [1, 2, 3, 4, 5, 6, 7, 8]);
    Errno::decode(result)
}

#[test]
fn no_argument() {
    let parent = std::os::unix::process::parent_id() as usize;
    // SAFETY: getppid takes no argument.
    assert_eq!(surrounded(|| unsafe { raw::getppid() }), Ok(parent));
}

#[test]
fn one_argument() {
    // SAFETY: there is no such descriptor.
    assert_eq!(surrounded(|| unsafe { raw::close(u32::MAX) }), Err(Errno::EBADF));
}

#[test]
fn two_arguments() {
    let file = tempfile::tempfile().unwrap();
    // SAFETY: it takes no pointer.
    let flock = |fd, operation| surrounded(|| unsafe { raw::flock(fd as u32, operation) });
    assert_eq!(flock(file.as_raw_fd(), libc::LOCK_SH as u32), Ok(0));
    assert_eq!(flock(-1, libc::LOCK_SH as u32), Err(Errno::EBADF));
    assert_eq!(flock(file.as_raw_fd(), 0), Err(Errno::EINVAL), "no operation");
}

#[test]
fn three_arguments() {
    let zero = File::open("/dev/zero").unwrap();
    let mut buffer = [1u8; 9];
    // SAFETY: the buffer has room for eight bytes.
    let read =
        surrounded(|| unsafe { raw::read(zero.as_raw_fd() as u32, buffer.as_mut_ptr().cast(), 8) });
    assert_eq!((read, buffer), (Ok(8), [0, 0, 0, 0, 0, 0, 0, 0, 1]));
}

#[test]
fn four_arguments() {
    let mut buffer = [0u8; 4096];
    let (directory, path) = (File::open("/proc").unwrap(), c"self");
    // SAFETY: the buffer has the given length.
    let length = surrounded(|| unsafe {
        raw::readlinkat(
            directory.as_raw_fd(),
            path.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len() as i32,
        )
    });
    assert_eq!(&buffer[..length.unwrap()], std::process::id().to_string().as_bytes());
}

#[test]
fn five_arguments() {
    // SAFETY: a structure of integers.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string, and the kernel writes a statx.
    let found = surrounded(|| unsafe {
        let into = (&raw mut status).cast();
        raw::statx(libc::AT_FDCWD, c"/proc/self/exe".as_ptr(), 0, libc::STATX_SIZE, into)
    });
    assert_eq!((found, status.stx_size), (Ok(0), fs::metadata("/proc/self/exe").unwrap().len()));
}

#[test]
fn six_arguments() {
    let (mut from, to) =
        (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    from.write_all(b"0123456789").unwrap();
    let (mut at, mut into) = (2i64, 1i64);
    // SAFETY: both offsets can be read and written.
    let copied = surrounded(|| unsafe {
        let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
        raw::copy_file_range(from, &raw mut at, to, &raw mut into, 5, 0)
    });
    assert_eq!((copied, at, into), (Ok(5), 7, 6));
    assert_eq!(fs::read(to.path()).unwrap(), b"\x0023456");
    // SAFETY: both offsets can be read and written; the sixth argument is refused.
    let refused = surrounded(|| unsafe {
        raw::copy_file_range(from.as_raw_fd(), &raw mut at, to.as_raw_fd(), &raw mut into, 1, 1)
    });
    assert_eq!(refused, Err(Errno::EINVAL));
}

/// Calls with a second result on some ABIs behave the same on all.
#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "loongarch64",
    target_arch = "csky",
    target_arch = "hexagon"
)))]
mod two_results {
    use super::surrounded;
    use aio_sys::{Errno, raw};
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

    #[test]
    fn pipe_stores_both_ends() {
        let mut ends = [-1; 3];
        // SAFETY: the array has room for two descriptors.
        assert_eq!(surrounded(|| unsafe { raw::pipe(ends.as_mut_ptr()) }), Ok(0));
        assert_eq!(ends[2], -1);
        // SAFETY: both have just been opened, and nobody else knows them.
        let (from, to) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        let mut bytes = *b"there and back";
        // SAFETY: the buffer has that many bytes.
        unsafe {
            assert_eq!(libc::write(to.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()), 14);
            bytes.fill(0);
            assert_eq!(libc::read(from.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()), 14);
        }
        assert_eq!(&bytes, b"there and back");
    }

    /// A child gets 0, and ends with 7; the parent gets its number, and waits.
    fn child(call: impl FnOnce() -> isize) {
        let result = call();
        if result == 0 {
            // SAFETY: it ends the child, which has done nothing since the call.
            unsafe { libc::_exit(7) };
        }
        let number = Errno::decode(result).unwrap() as libc::pid_t;
        let mut status = 0;
        // SAFETY: `status` can be written.
        assert_eq!(unsafe { libc::waitpid(number, &raw mut status, 0) }, number);
        assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
    }

    #[test]
    fn a_forked_child_gets_0() {
        // SAFETY: the child only exits.
        child(|| unsafe { raw::fork() });
        // The order of the arguments is the ABI's own, and all but the flags are 0.
        #[cfg(not(target_arch = "s390x"))]
        {
            let (flags, none) = (crate::common::SIGCHLD as _, std::ptr::null_mut());
            #[cfg(any(target_arch = "x86_64", target_arch = "m68k"))]
            // SAFETY: the child only exits.
            child(|| unsafe { raw::clone(flags, 0, none, none, 0) });
            #[cfg(not(any(target_arch = "x86_64", target_arch = "m68k")))]
            // SAFETY: the child only exits.
            child(|| unsafe { raw::clone(flags, 0, none, 0, none) });
        }
    }
}
