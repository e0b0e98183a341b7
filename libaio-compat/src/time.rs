//! The times that callers give, and the calls that take them.

use aio_sys::raw;
use aio_sys::types::{__aio_sigset, __kernel_timespec, aio_context_t, io_event, sigset_t};
use core::ffi::c_long;
use core::ptr;

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
    // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
    return unsafe { raw::io_getevents(ctx, min_nr, nr, events, timeout) };
    #[cfg(target_arch = "riscv32")]
    // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
    return unsafe { raw::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, ptr::null()) };
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
    sigmask: *const sigset_t,
) -> isize {
    #[cfg(not(any(target_arch = "riscv32", target_arch = "m68k")))]
    // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
    let call = |mask| unsafe { raw::io_pgetevents(ctx, min_nr, nr, events, timeout, mask) };
    #[cfg(target_arch = "riscv32")]
    // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
    let call = |mask| unsafe { raw::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, mask) };
    #[cfg(target_arch = "m68k")]
    let call = |_| {
        let _ = (ctx, min_nr, nr, events, timeout);
        -(aio_sys::Errno::ENOSYS.raw_os_error() as isize)
    };
    with_mask(sigmask, call)
}

/// The system call. Before Linux 5.1, which does not have it, those with 32-bit time.
///
/// # Safety
///
/// The kernel checks the pointers, but for the timeout, which is null or can be read.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
pub unsafe fn io_pgetevents_time64(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut __kernel_timespec,
    sigmask: *const sigset_t,
) -> isize {
    // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
    let call = |mask| unsafe { raw::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, mask) };
    let result = with_mask(sigmask, call);
    #[cfg(not(target_arch = "riscv32"))]
    if result == -(aio_sys::Errno::ENOSYS.raw_os_error() as isize) {
        // SAFETY: the caller guarantees that the timeout is null or readable.
        let mut short = unsafe { timeout.as_ref() }.map(|time| Timespec {
            tv_sec: time.tv_sec.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            // The upper half is padding.
            tv_nsec: time.tv_nsec as i32,
        });
        let timeout = short.as_mut().map_or(ptr::null_mut(), |time| &raw mut *time);
        if sigmask.is_null() {
            // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
            return unsafe { io_getevents(ctx, min_nr, nr, events, timeout) };
        }
        // SAFETY: the kernel checks the pointers; the caller guarantees a readable timeout.
        return unsafe { io_pgetevents(ctx, min_nr, nr, events, timeout, sigmask) };
    }
    result
}

/// Makes a call with the kernel's structure for a signal mask; null if there is no mask.
#[inline]
fn with_mask(sigmask: *const sigset_t, call: impl Fn(*const __aio_sigset) -> isize) -> isize {
    if sigmask.is_null() {
        return call(ptr::null());
    }
    #[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
    return call(&__aio_sigset::new(sigmask));
    #[cfg(not(any(target_pointer_width = "64", target_arch = "x86_64")))]
    return {
        /// With the zeros, a kernel that expects [`Then`] finds a size of 0, and answers `EINVAL`.
        #[repr(C)]
        struct Now(__aio_sigset, u64);
        /// What 64-bit kernels expected of 32-bit programs at first, from Linux 4.18 on: the
        /// pointer had 64 bits. Others find a size of 0.
        #[repr(C)]
        struct Then(u64, usize, usize);
        let now = Now(__aio_sigset::new(sigmask), 0);
        let then = Then(sigmask.addr() as u64, now.0.sigsetsize, 0);
        match call((&raw const now).cast()) {
            result if result == -(aio_sys::Errno::EINVAL.raw_os_error() as isize) => {
                call((&raw const then).cast())
            }
            result => result,
        }
    };
}

/// Microseconds since some time in the past, modulo the largest `usize`.
pub fn now() -> usize {
    #[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
    use raw::clock_gettime as clock_gettime64;
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    use raw::clock_gettime64;

    let mut time = __kernel_timespec::default();
    // SAFETY: the kernel writes the time.
    let is_known = unsafe { clock_gettime64(CLOCK_MONOTONIC, &mut time) } == 0;
    // Before Linux 5.1.
    #[cfg(all(target_pointer_width = "32", not(target_arch = "riscv32")))]
    if !is_known {
        let mut short = Timespec::default();
        // SAFETY: the kernel writes the time.
        unsafe { raw::clock_gettime(CLOCK_MONOTONIC, (&raw mut short).cast()) };
        time = __kernel_timespec { tv_sec: short.tv_sec.into(), tv_nsec: short.tv_nsec.into() };
    }
    let _ = is_known;
    (time.tv_sec as usize).wrapping_mul(1_000_000).wrapping_add(time.tv_nsec as usize / 1000)
}

/// include/uapi/linux/time.h.
const CLOCK_MONOTONIC: i32 = 1;

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
