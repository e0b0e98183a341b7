#![forbid(unsafe_code)]

use aio_sys::{Errno, syscall};

#[syscall(unsafe madvise(start, len, advice), safe = "it only gives advice")]
fn madvise(start: usize, len: usize, advice: i32) -> Result<(), Errno>;

/// Closes `fd`.
///
/// # Safety
///
/// Nothing else may own `fd`.
#[syscall(close(fd))]
unsafe fn close(fd: i32) -> Result<(), Errno>;

fn main() {}
