//! `syscall0` to `syscall7` where the stable compiler has no `asm!`: by the C library's `syscall`,
//! whose `errno` is turned back into a result, and left as it was.

use super::abi::Word;
use core::ffi::c_long;

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
