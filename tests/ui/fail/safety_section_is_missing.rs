use aio_sys::{Errno, syscall};

/// Closes `fd`. Safety first.
#[syscall(close(fd))]
unsafe fn close(fd: i32) -> Result<(), Errno>;

fn main() {}
