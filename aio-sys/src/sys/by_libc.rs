//! `syscall0` to `syscall7` for targets where stable Rust has no `asm!`: they call the C library's
//! `syscall`, turn its `errno` back into a result, and restore `errno`.
//!
//! `syscall` loses the second result of a system call, so there is no `syscallN_both`. `raw` takes
//! the system calls with two results from here, under their names and with the same arguments.

use super::abi::Word;
use core::ffi::{c_int, c_long, c_ulong};

/// How a system call is made.
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
        /// The system call with this number and these arguments must be sound.
        #[allow(clippy::too_many_arguments)]
        pub unsafe fn $name(nr: c_long $(, $argument: Word)*) -> isize {
            // SAFETY: the caller guarantees that this system call is sound with these arguments.
            // `syscall` reads as many register-wide words as the system call has arguments.
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

/// Converts the result of a call of the C library to that of the kernel.
fn result(call: impl FnOnce() -> c_long) -> isize {
    // SAFETY: `__errno_location` has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: `errno` points to a variable of this thread, which lives as long as the thread.
    let before = unsafe { errno.replace(0) };
    let result = call();
    // SAFETY: `errno` points to a variable of this thread, which lives as long as the thread.
    let failure = unsafe { errno.replace(before) };
    // A successful system call may return -1, and then leaves errno unchanged.
    if result == -1 && failure != 0 { -(failure as isize) } else { result as isize }
}

/// `pipe`, by the C library's function `pipe`, which stores both results.
///
/// # Safety
///
/// `fildes` must have room for two descriptors.
pub(crate) unsafe fn pipe(fildes: *mut c_int) -> isize {
    // SAFETY: the caller guarantees room for two descriptors.
    result(|| unsafe { libc::pipe(fildes) }.into())
}

/// `fork`, by the system call `clone`.
///
/// # Safety
///
/// Same as for fork(2): only async-signal-safe functions may run in the child of a process with
/// threads.
pub(crate) unsafe fn fork() -> isize {
    let (none, signal) = (core::ptr::null_mut(), libc::SIGCHLD as c_ulong);
    // SAFETY: the caller guarantees that fork(2) is sound here, and `clone` without `CLONE_VM` does
    // the same.
    unsafe { clone(signal, 0, none, 0, none) }
}

/// `vfork`, which returns `ENOSYS`: parent and child share memory, so only the second result, which
/// the C library loses, tells them apart.
///
/// # Safety
///
/// None: it makes no system call.
pub(crate) unsafe fn vfork() -> isize {
    -(libc::ENOSYS as isize)
}

/// `clone`, in the order of arguments that SPARC has. The child is recognised by the id that the
/// kernel stores in its memory. If the child shares the parent's memory, or the caller requests
/// such a store itself, the result is `ENOSYS`.
///
/// # Safety
///
/// Same as for clone(2): the pointers must be valid for what `clone_flags` makes the kernel write.
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
    // SAFETY: the caller guarantees that clone(2) is sound with these arguments. The kernel also
    // stores the child's id in `number`, in the child's copy of it.
    let result = result(|| unsafe {
        libc::syscall(libc::SYS_clone, flags, newsp, parent_tidptr, tls, into)
    });
    // SAFETY: `into` points to the local `number`. The read is volatile because the compiler cannot
    // know that the kernel has changed the child's copy.
    let number = unsafe { into.read_volatile() };
    if number != 0 { 0 } else { result }
}
