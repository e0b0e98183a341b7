//! The target's system-call numbers, under the names that the kernel's headers give them:
//! `SYS_io_submit` is `__NR_io_submit` of `asm/unistd.h`, with the ABI's base added, as
//! [`syscall0`](crate::abi::syscall0) and `libc::syscall` take it.
//!
//! The source of each is the kernel's own table; `cargo codegen export tsv` prints them for every
//! ABI.
//!
//! ```
//! // The numbers are those of the C library's headers, where these are right.
//! assert_eq!(aio_sys::nr::SYS_io_submit, libc::SYS_io_submit);
//! ```

pub use crate::sys::target::nr::*;
