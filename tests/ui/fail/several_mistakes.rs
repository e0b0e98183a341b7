use aio_sys::{Errno, syscall};

/// Closes `fd`.
#[syscall(close(fd), safe = "closing is harmless")]
const unsafe fn close(fd: i32, flags: u32) -> Result<(), Errno>;

fn main() {
    // No further error: the function is there.
    let _: Result<(), Errno> = unsafe { close(3, 0) };
}
