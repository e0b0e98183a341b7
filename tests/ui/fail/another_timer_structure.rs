use aio_sys::{Errno, syscall};
use std::os::fd::BorrowedFd;
use std::ptr;

/// A structure that may have the wrong size.
#[repr(C)]
#[derive(Clone, Copy)]
struct itimerspec([u32; 4]);

/// Starts a timer.
#[syscall(
    unsafe timerfd_settime(timer, 0, new, ptr::null_mut()),
    safe = "the kernel only reads `new`"
)]
fn timerfd_settime(timer: BorrowedFd<'_>, new: &itimerspec) -> Result<(), Errno>;

fn main() {}
