//! System calls by name, argument for argument as the kernel declares them.
//!
//! A result in `-4095..=-1` is `-errno` ([`Errno::decode`](crate::Errno::decode) tells); the C library's `errno` is not
//! touched. A 64-bit argument of the kernel's prototype is one Rust argument, and is split here where it takes two
//! registers; some entry points of 32-bit ABIs are declared with the halves as arguments of their own (`offset_lo`,
//! `offset_hi` of i386's `fallocate`), and then so is the function. A call whose C types are not understood has no
//! function; [`abi`](crate::abi) makes it all the same.
//!
//! # Safety
//!
//! Each function is what the kernel makes of it: pointers must be valid for what the call reads and writes, for as long
//! as it does so. `vfork`, and `clone` with a stack of its own, return twice in one stack frame, and no Rust function may
//! do that.
//!
//! # Example: a call without wrapper
//!
//! ```
//! // SAFETY: getppid takes nothing and cannot fail.
//! let parent = unsafe { aio_sys::raw::getppid() };
//! assert!(parent >= 0);
//! ```

pub use crate::target::raw::*;
