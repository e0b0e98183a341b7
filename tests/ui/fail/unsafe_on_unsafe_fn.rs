use aio_sys::{Errno, syscall};

/// Closes `fd`.
///
/// # Safety
///
/// Nothing else may own `fd`.
#[syscall(unsafe close(fd))]
unsafe fn close(fd: i32) -> Result<(), Errno>;

fn main() {}
