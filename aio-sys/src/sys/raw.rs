//! System calls by name, with the arguments that the kernel declares.
//!
//! Every system call of the target has a function here. A result in `-4095..=-1` is `-errno`:
//! [`Errno::decode`](crate::Errno::decode) decodes it. The C library's `errno` is not touched.
//!
//! - A 64-bit argument is one Rust argument on every target. Where it takes two registers, the
//!   function splits and aligns it: `pread64(fd, buf, count, pos)` is the same on every target.
//! - A pointer to a structure that [`types`](crate::types) does not define points to `c_void`.
//! - The order of the arguments is that of the architecture; `clone` and `fadvise64_64` differ.
//! - `preadv`, `pwritev`, `preadv2` and `pwritev2` take the offset in two halves, the low one
//!   first; on x32 as one argument.
//!
//! Some system calls have two results: `pipe` on mips and sparc, and `fork`, `vfork` and `clone` on
//! sparc. Their functions do the same as on other targets: `pipe(fds)` stores both descriptors, and
//! the child gets 0. Without the feature `nightly` the C library makes these system calls, and
//! `fork` and `clone` recognise the child by `CLONE_CHILD_SETTID`. That does not work if the child
//! shares the parent's memory. So `vfork`, and `clone` with `CLONE_VM`, `CLONE_CHILD_SETTID` or
//! `CLONE_CHILD_CLEARTID`, return `ENOSYS` on these targets.
//!
//! # Safety
//!
//! Pointers must be valid for what the system call reads and writes, for as long as it does so; see
//! its man page. `vfork` returns twice in one stack frame, and `clone` with a new stack returns in
//! a frame that does not exist: no Rust function may do either.
//!
//! # Example: a system call without a wrapper
//!
//! ```
//! // SAFETY: getppid takes nothing and cannot fail.
//! let parent = unsafe { aio_sys::raw::getppid() };
//! assert!(parent >= 0);
//! ```

pub use crate::sys::target::raw::*;
// An explicit import shadows the same name of a glob import.
#[cfg(all(test, miri, feature = "std"))]
pub use crate::simulated::{
    eventfd2, io_cancel, io_destroy, io_getevents, io_setup, io_submit, read, uname, write,
};
