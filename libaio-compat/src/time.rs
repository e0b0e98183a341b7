//! The times that callers give, and the calls that take them.

use aio_sys::raw;
use aio_sys::types::{__aio_sigset, __kernel_timespec, aio_context_t, io_event};
use core::ffi::c_long;

#[cfg(target_arch = "riscv32")]
pub use aio_sys::types::__kernel_timespec as Timespec;
/// The C library's `struct timespec`, without `_TIME_BITS`. That of riscv32 never had 32 bits.
#[cfg(not(target_arch = "riscv32"))]
pub use aio_sys::types::timespec as Timespec;

/// A time that may be zero.
pub trait Time {
    /// Whether the kernel takes it for zero.
    fn is_zero(&self) -> bool;
}

impl Time for __kernel_timespec {
    #[inline]
    fn is_zero(&self) -> bool {
        // Where the C library's field has 32 bits, the kernel ignores the others.
        self.tv_sec == 0 && self.tv_nsec as usize == 0
    }
}

#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
impl Time for aio_sys::types::old_timespec32 {
    #[inline]
    fn is_zero(&self) -> bool {
        self.tv_sec == 0 && self.tv_nsec == 0
    }
}

/// The system call.
///
/// # Safety
///
/// The kernel checks the pointers.
#[inline]
pub unsafe fn io_getevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut Timespec,
) -> isize {
    #[cfg(not(target_arch = "riscv32"))]
    // SAFETY: passed on.
    return unsafe { raw::io_getevents(ctx, min_nr, nr, events, timeout) };
    #[cfg(target_arch = "riscv32")]
    // SAFETY: passed on.
    return unsafe {
        raw::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, core::ptr::null())
    };
}

/// The system call.
///
/// # Safety
///
/// The kernel checks the pointers.
#[inline]
pub unsafe fn io_pgetevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut Timespec,
    mask: &__aio_sigset,
) -> isize {
    #[cfg(not(any(target_arch = "riscv32", target_arch = "m68k")))]
    // SAFETY: passed on.
    return unsafe { raw::io_pgetevents(ctx, min_nr, nr, events, timeout, mask) };
    #[cfg(target_arch = "riscv32")]
    // SAFETY: passed on.
    return unsafe { raw::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, mask) };
    #[cfg(target_arch = "m68k")]
    return {
        let _ = (ctx, min_nr, nr, events, timeout, mask);
        -(aio_sys::Errno::ENOSYS.raw_os_error() as isize)
    };
}

/// Microseconds since some time in the past, modulo the largest `usize`.
pub fn now() -> usize {
    /// include/uapi/linux/time.h.
    const CLOCK_MONOTONIC: i32 = 1;
    #[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
    use raw::clock_gettime;
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    use raw::clock_gettime64 as clock_gettime;

    let mut time = __kernel_timespec::default();
    // SAFETY: the kernel writes the time.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as usize).wrapping_mul(1_000_000).wrapping_add(time.tv_nsec as usize / 1000)
}

/// Sleeps for a millisecond.
pub fn sleep() {
    let time = Timespec { tv_nsec: 1_000_000, ..Timespec::default() };
    // SAFETY: the kernel reads the time.
    #[cfg(not(target_arch = "riscv32"))]
    unsafe {
        raw::nanosleep((&raw const time).cast_mut(), core::ptr::null_mut())
    };
    // SAFETY: the kernel reads the time.
    #[cfg(target_arch = "riscv32")]
    unsafe {
        raw::clock_nanosleep_time64(CLOCK_MONOTONIC, 0, &time, core::ptr::null_mut())
    };
}
