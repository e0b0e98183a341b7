//! The stubs for stable compilers without `asm!`: they use the C library, so they compile here,
//! too, and are compared with the stubs of this ABI.

// No argument is wider than a register, and the module is the crate's own file.
#![cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]

mod abi {
    /// Same as the crate's.
    #[derive(Clone, Copy)]
    pub(crate) struct Word(pub(crate) usize);

    impl Word {
        pub(crate) fn register(self) -> usize {
            self.0
        }
    }
}

#[allow(dead_code, reason = "no ABI needs them all")]
#[path = "../../aio-sys/src/sys/by_libc.rs"]
mod stubs;

use abi::Word;
use aio_sys::{Errno, nr};
use std::io::{Error, Write as _};
use std::os::fd::AsRawFd as _;
use stubs::*;

fn errno() -> i32 {
    Error::last_os_error().raw_os_error().unwrap()
}

fn set_errno(value: i32) {
    // SAFETY: `errno` belongs to this thread.
    unsafe { *libc::__errno_location() = value };
}

#[test]
fn errno_is_turned_back_and_left_alone() {
    for before in [0, libc::EXDEV] {
        set_errno(before);
        // SAFETY: there is no such descriptor.
        let failed = unsafe { syscall1(nr::SYS_close, Word(usize::MAX)) };
        assert_eq!((Errno::decode(failed), errno()), (Err(Errno::EBADF), before));
        // SAFETY: getppid takes no argument.
        let parent = unsafe { syscall0(nr::SYS_getppid) };
        assert_eq!((parent, errno()), (std::os::unix::process::parent_id() as isize, before));
    }
}

#[test]
fn arguments_arrive_in_their_places() {
    let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    from.write_all(b"0123456789").unwrap();
    to.write_all(b"ab").unwrap();
    let (mut at, mut into) = (2i64, 1i64);
    let words = [
        from.as_raw_fd() as usize,
        &raw mut at as usize,
        to.as_raw_fd() as usize,
        &raw mut into as usize,
        5,
        0,
    ]
    .map(Word);
    let [a, b, c, d, e, f] = words;
    // SAFETY: both offsets can be read and written.
    let copied = unsafe { syscall6(nr::SYS_copy_file_range, a, b, c, d, e, f) };
    assert_eq!((copied, at, into), (5, 7, 6));
    // SAFETY: both offsets can be read and written; the sixth argument is refused.
    let refused = unsafe { syscall6(nr::SYS_copy_file_range, a, b, c, d, e, Word(1)) };
    assert_eq!(Errno::decode(refused), Err(Errno::EINVAL));
}
