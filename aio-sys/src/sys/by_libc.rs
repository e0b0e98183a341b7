//! `syscall0` to `syscall7` where the stable compiler has no `asm!`: by the C library's `syscall`,
//! whose `errno` is turned back into a result, and left as it was.
//!
//! `syscall` loses the second result that some calls have, so there is no `syscallN_both`, and
//! `raw` has such calls from here: under their names, with the same arguments.

use super::abi::Word;
use core::ffi::{c_int, c_long, c_ulong};

/// How a call is made.
pub const INSTRUCTION: &str = "libc::syscall";

macro_rules! stubs {
    ($($name:ident($($argument:ident),*), $arguments:literal;)*) => {$(
        #[doc = concat!(
            "A system call with ",
            $arguments,
            ". The result is the kernel's own: `-4095..=-1` is `-errno`."
        )]
        ///
        /// # Safety
        ///
        /// Whatever the kernel does for this number with these arguments must be sound here.
        #[allow(clippy::too_many_arguments)]
        pub unsafe fn $name(nr: c_long $(, $argument: Word)*) -> isize {
            // SAFETY: the caller vouches for the call; `syscall` takes register-wide words, however
            // many.
            result(|| unsafe { libc::syscall(nr $(, $argument.register())*) })
        }
    )*};
}

stubs! {
    syscall0(), "0 arguments";
    syscall1(a0), "1 argument";
    syscall2(a0, a1), "2 arguments";
    syscall3(a0, a1, a2), "3 arguments";
    syscall4(a0, a1, a2, a3), "4 arguments";
    syscall5(a0, a1, a2, a3, a4), "5 arguments";
    syscall6(a0, a1, a2, a3, a4, a5), "6 arguments";
    syscall7(a0, a1, a2, a3, a4, a5, a6), "7 arguments";
}

/// The kernel's result of a call that the C library makes.
fn result(call: impl FnOnce() -> c_long) -> isize {
    // SAFETY: it has no conditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own, and there for as long as the thread.
    let before = unsafe { errno.replace(0) };
    let result = call();
    // SAFETY: the thread's own, and there for as long as the thread.
    let failure = unsafe { errno.replace(before) };
    // A call may also return -1, and leave errno alone.
    if result == -1 && failure != 0 { -(failure as isize) } else { result as isize }
}

/// `pipe`, by the C library's function of that name, which has both results.
///
/// # Safety
///
/// The array must have room for two.
pub(crate) unsafe fn pipe(fildes: *mut c_int) -> isize {
    // SAFETY: there is room for two.
    result(|| unsafe { libc::pipe(fildes) }.into())
}

/// `fork`, by `clone`.
///
/// # Safety
///
/// As of `fork`.
pub(crate) unsafe fn fork() -> isize {
    let (none, signal) = (core::ptr::null_mut(), libc::SIGCHLD as c_ulong);
    // SAFETY: as of `fork`, which is this call.
    unsafe { clone(signal, 0, none, 0, none) }
}

/// `vfork`, which is refused: parent and child share memory, and nothing but the second result
/// tells one from the other.
///
/// # Safety
///
/// It has no conditions.
pub(crate) unsafe fn vfork() -> isize {
    -(libc::ENOSYS as isize)
}

/// `clone`, in the order of arguments that SPARC has. The kernel tells the child by storing its
/// number in the child's memory; where that is the parent's as well, or the caller wants something
/// stored, the call is refused.
///
/// # Safety
///
/// As of `clone`.
pub(crate) unsafe fn clone(
    clone_flags: c_ulong,
    newsp: c_ulong,
    parent_tidptr: *mut c_int,
    tls: c_ulong,
    _child_tidptr: *mut c_int,
) -> isize {
    let refused = libc::CLONE_VM | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    if clone_flags & refused as c_ulong != 0 {
        return -(libc::ENOSYS as isize);
    }
    let flags = clone_flags | libc::CLONE_CHILD_SETTID as c_ulong;
    let mut number: c_int = 0;
    let into = &raw mut number;
    // SAFETY: the caller vouches for the call; the kernel also stores the child's number, in the
    // child.
    let result = result(|| unsafe {
        libc::syscall(libc::SYS_clone, flags, newsp, parent_tidptr, tls, into)
    });
    // SAFETY: it is this function's own. The compiler cannot know that the child's has changed.
    let number = unsafe { into.read_volatile() };
    if number != 0 { 0 } else { result }
}
