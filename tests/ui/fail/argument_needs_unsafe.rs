#![deny(unsafe_op_in_unsafe_fn)]

use aio_sys::{Errno, syscall};

unsafe fn descriptor() -> i32 {
    3
}

/// Closes a descriptor.
///
/// # Safety
///
/// Nothing else may own it.
#[syscall(close(descriptor()))]
unsafe fn close() -> Result<(), Errno>;

fn main() {}
