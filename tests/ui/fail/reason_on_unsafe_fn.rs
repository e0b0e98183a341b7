use aio_sys::{Errno, syscall};

/// Closes `fd`.
///
/// # Safety
///
/// Nothing else may own `fd`.
#[syscall(close(fd), safe = "closing is harmless")]
unsafe fn close(fd: i32) -> Result<(), Errno>;

fn main() {}
