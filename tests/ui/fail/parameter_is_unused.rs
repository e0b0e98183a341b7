use aio_sys::{Errno, syscall};

/// Closes `fd`.
///
/// # Safety
///
/// Nothing else may own `fd`.
#[syscall(close(fd))]
unsafe fn close(fd: i32, flags: u32) -> Result<(), Errno>;

fn main() {}
