//! The target's system-call numbers: `SYS_io_submit` is `__NR_io_submit` of `asm/unistd.h`. They
//! include the ABI's base, as [`syscall0`](crate::abi::syscall0) and `libc::syscall` expect it.
//!
//! They are imported from the kernel's table. `cargo codegen export tsv` prints those of every ABI.
//!
//! ```
//! // The numbers are the same as in the C library's headers.
//! assert_eq!(aio_sys::nr::SYS_io_submit, libc::SYS_io_submit);
//! ```

pub use crate::sys::target::nr::*;
