use aio_sys::{Errno, syscall};

/// # Safety
///
/// It is never called.
#[syscall(socketcall(number, arguments))]
unsafe fn socketcall(number: i32, arguments: *mut core::ffi::c_ulong) -> Result<usize, Errno>;

fn main() {}
