//! System calls by name, argument for argument as the kernel declares them.
//!
//! A result in `-4095..=-1` is `-errno` ([`Errno::decode`](crate::Errno::decode) tells); the C
//! library's `errno` is not touched. Every call that the kernel defines has a function here. A
//! 64-bit argument is one Rust argument on every target, and is split and aligned here where it
//! takes two registers: `pread64(fd, buf, count, pos)` is right everywhere, though i386's entry
//! point takes the halves by hand. A pointer to a structure that [`types`](crate::types) does not
//! define is a pointer to `c_void`. Two things are as the kernel declares them, and differ: the
//! order of the arguments where an architecture has its own (`clone`, `fadvise64_64`), and
//! `preadv`'s halves, which come low before high, or on x32 as one argument.
//!
//! Some calls have two results: `pipe` on mips and sparc, and `fork`, `vfork` and `clone` on sparc.
//! Their functions return and store what those of other targets do: `pipe(fds)` stores both
//! descriptors, and a child gets 0. Without the feature `nightly`, the C library makes these calls:
//! `fork` and `clone` by the call `clone` with `CLONE_CHILD_SETTID`. Where the child shares the
//! parent's memory, nothing tells the two apart, so `vfork`, and `clone` with `CLONE_VM`,
//! `CLONE_CHILD_SETTID` or `CLONE_CHILD_CLEARTID`, fail with `ENOSYS` there.
//!
//! # Safety
//!
//! Each function is what the kernel makes of it: pointers must be valid for what the call reads and
//! writes, for as long as it does so. `vfork`, and `clone` with a stack of its own, return twice in
//! one stack frame, and no Rust function may do that.
//!
//! # Example: a call without wrapper
//!
//! ```
//! // SAFETY: getppid takes nothing and cannot fail.
//! let parent = unsafe { aio_sys::raw::getppid() };
//! assert!(parent >= 0);
//! ```

pub use crate::sys::target::raw::*;
