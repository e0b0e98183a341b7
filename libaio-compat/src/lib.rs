//! The functions of libaio 0.3.113, made of `aio-sys`: `README.md` says what differs.
//!
//! Each is what libaio's is: the system call, and `-errno` where that fails. The C library's
//! `errno` is not touched. Events that are in the completion ring are taken from there
//! ([`contexts`]).
#![no_std]

mod contexts;
mod memory;
mod settings;
mod time;
mod trace;

use aio_sys::raw;
use aio_sys::types::{aio_context_t, io_event, iocb, sigset_t};
use core::ffi::{c_int, c_long, c_void};
use core::mem;
use time::{Time, Timespec};

/// What `io_queue_run` calls: `io_callback_t` of `libaio.h`.
type Callback = unsafe extern "C" fn(aio_context_t, *mut iocb, c_long, c_long);

/// io_setup(2).
///
/// # Safety
///
/// Same as io_setup(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_setup(maxevents: c_int, ctxp: *mut aio_context_t) -> c_int {
    // SAFETY: the kernel checks the pointer.
    let result = unsafe { raw::io_setup(maxevents as _, ctxp) };
    if result == 0 {
        // SAFETY: the kernel has written the id of a new context there.
        unsafe { contexts::add(*ctxp) };
    }
    result as c_int
}

/// io_destroy(2).
///
/// # Safety
///
/// Same as io_destroy(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_destroy(ctx: aio_context_t) -> c_int {
    contexts::remove(ctx);
    // SAFETY: no other thread reads the ring, which the kernel unmaps.
    unsafe { raw::io_destroy(ctx) as c_int }
}

/// io_submit(2).
///
/// # Safety
///
/// Same as io_submit(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_submit(ctx: aio_context_t, nr: c_long, ios: *mut *mut iocb) -> c_int {
    let submit = trace::Submit::begin(ctx);
    // SAFETY: the kernel checks the pointers; the caller guarantees the buffers.
    let result = unsafe { raw::io_submit(ctx, nr, ios) };
    if let Some(submit) = submit {
        // SAFETY: the kernel has read as many pointers there as it has accepted requests.
        unsafe { submit.end(result, ios) };
    }
    result as c_int
}

/// io_cancel(2).
///
/// # Safety
///
/// Same as io_cancel(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_cancel(
    ctx: aio_context_t,
    iocb: *mut iocb,
    result: *mut io_event,
) -> c_int {
    trace::cancel(ctx);
    // SAFETY: the kernel checks the pointers.
    unsafe { raw::io_cancel(ctx, iocb, result) as c_int }
}

/// io_getevents(2).
///
/// # Safety
///
/// Same as io_getevents(2). If events are ready, `events` has room for `nr` of them. If too few are
/// ready, `timeout` is null or can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_getevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut Timespec,
) -> c_int {
    // SAFETY: the kernel checks the pointers.
    let call = || unsafe { time::io_getevents(ctx, min_nr, nr, events, timeout) };
    // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or readable.
    unsafe { getevents(ctx, min_nr, nr, events, timeout, call) }
}

/// io_pgetevents(2).
///
/// # Safety
///
/// Same as [`io_getevents`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_pgetevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut Timespec,
    sigmask: *const sigset_t,
) -> c_int {
    // SAFETY: the kernel checks the pointers.
    let call = || unsafe { time::io_pgetevents(ctx, min_nr, nr, events, timeout, sigmask) };
    // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or readable.
    unsafe { pgetevents(ctx, min_nr, nr, events, timeout, sigmask, call) }
}

/// io_getevents(2) with 64-bit time.
///
/// # Safety
///
/// Same as [`io_getevents`].
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_getevents_time64(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut aio_sys::types::__kernel_timespec,
) -> c_int {
    // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or readable.
    // There is no signal mask.
    unsafe { io_pgetevents_time64(ctx, min_nr, nr, events, timeout, core::ptr::null()) }
}

/// io_pgetevents(2) with 64-bit time.
///
/// # Safety
///
/// Same as [`io_getevents`].
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_pgetevents_time64(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut aio_sys::types::__kernel_timespec,
    sigmask: *const sigset_t,
) -> c_int {
    // SAFETY: the kernel checks the masks; the caller guarantees that the timeout is readable.
    let call = || unsafe { time::io_pgetevents_time64(ctx, min_nr, nr, events, timeout, sigmask) };
    // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or readable.
    unsafe { pgetevents(ctx, min_nr, nr, events, timeout, sigmask, call) }
}

/// [`getevents`] if there is no signal mask. With one it is always `call`, so that a signal that
/// only the mask lets through is handled even while events are ready.
///
/// # Safety
///
/// Same as [`getevents`].
#[inline]
unsafe fn pgetevents<T: Time>(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *const T,
    sigmask: *const sigset_t,
    call: impl FnOnce() -> isize,
) -> c_int {
    if sigmask.is_null() {
        // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or
        // readable.
        return unsafe { getevents(ctx, min_nr, nr, events, timeout, call) };
    }
    let result = contexts::enter(ctx, call);
    // SAFETY: the kernel has written that many events.
    unsafe { trace::events(ctx, result, events, true) };
    result as c_int
}

/// Takes events from the ring if the arguments and the events that are ready allow it; otherwise
/// makes the system call, `call`.
///
/// # Safety
///
/// Same as [`io_getevents`].
#[inline]
unsafe fn getevents<T: Time>(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *const T,
    call: impl FnOnce() -> isize,
) -> c_int {
    // The kernel refuses everything else, but for an array that is not aligned.
    let valid =
        0 <= min_nr && min_nr <= nr && (nr == 0 || !events.is_null()) && events.is_aligned();
    // SAFETY: the caller guarantees that `timeout` is null or readable.
    let is_zero = || unsafe { timeout.as_ref() }.is_some_and(Time::is_zero);
    if valid && settings::ring() {
        // SAFETY: the caller guarantees room for `nr` events at `events`, which is aligned.
        let taken = unsafe { contexts::take(ctx, min_nr as usize, nr as usize, events, is_zero) };
        if let Some(count) = taken {
            // SAFETY: that many events were written.
            unsafe { trace::events(ctx, count as isize, events, false) };
            return count as c_int;
        }
    }
    let result = contexts::enter(ctx, call);
    // SAFETY: the kernel has written that many events.
    unsafe { trace::events(ctx, result, events, true) };
    result as c_int
}

/// [`io_setup`] after `*ctxp` is set to 0.
///
/// # Safety
///
/// Same as [`io_setup`]; `ctxp` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_init(maxevents: c_int, ctxp: *mut aio_context_t) -> c_int {
    if maxevents <= 0 {
        return -aio_sys::Errno::EINVAL.raw_os_error();
    }
    // SAFETY: the caller guarantees that `ctxp` is null or can be written.
    if let Some(ctx) = unsafe { ctxp.as_mut() } {
        *ctx = 0;
    }
    // SAFETY: the caller guarantees for `ctxp` what io_setup needs; it is 0 now.
    unsafe { io_setup(maxevents, ctxp) }
}

/// [`io_destroy`].
///
/// # Safety
///
/// Same as [`io_destroy`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_release(ctx: aio_context_t) -> c_int {
    // SAFETY: the caller guarantees for the context what io_destroy needs.
    unsafe { io_destroy(ctx) }
}

/// [`io_getevents`] for no events, which does not wait.
///
/// # Safety
///
/// Same as [`io_getevents`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_wait(ctx: aio_context_t, timeout: *mut Timespec) -> c_int {
    // SAFETY: no events are written.
    unsafe { io_getevents(ctx, 0, 0, core::ptr::null_mut(), timeout) }
}

/// Calls the callback of each event that is ready, without waiting.
///
/// # Safety
///
/// The data of each request is a [`Callback`], which returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_run(ctx: aio_context_t) -> c_int {
    let mut timeout = Timespec::default();
    let mut event = io_event::default();
    loop {
        // SAFETY: there is room for one event.
        let result = unsafe { io_getevents(ctx, 0, 1, &mut event, &mut timeout) };
        if result != 1 {
            return result;
        }
        let callback = core::ptr::with_exposed_provenance::<c_void>(event.data as usize);
        // SAFETY: the caller guarantees that the data of each request is a `Callback`.
        let callback = unsafe { mem::transmute::<*const c_void, Callback>(callback) };
        let iocb = core::ptr::with_exposed_provenance_mut(event.obj as usize);
        // SAFETY: it was set for this.
        unsafe { callback(ctx, iocb, event.res as c_long, event.res2 as c_long) };
    }
}

/// `io_cancel@LIBAIO_0.1`, which has no result.
///
/// # Safety
///
/// Same as [`io_cancel`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libaio_0_1_io_cancel(ctx: aio_context_t, iocb: *mut iocb) -> c_int {
    let mut event = io_event::default();
    // SAFETY: the caller guarantees for `iocb` what io_cancel needs; the event is a local one.
    unsafe { io_cancel(ctx, iocb, &mut event) }
}

/// `io_getevents@LIBAIO_0.1`, which waits for one event.
///
/// # Safety
///
/// Same as [`io_getevents`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libaio_0_1_io_getevents(
    ctx: aio_context_t,
    nr: c_long,
    events: *mut io_event,
    timeout: *const Timespec,
) -> c_int {
    // SAFETY: the caller guarantees room for `nr` events, and that `timeout` is null or readable.
    // It is not written.
    unsafe { io_getevents(ctx, 1, nr, events, timeout.cast_mut()) }
}

/// `io_queue_wait@LIBAIO_0.1`.
///
/// # Safety
///
/// Same as [`io_queue_wait`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libaio_0_1_io_queue_wait(
    ctx: aio_context_t,
    timeout: *mut Timespec,
) -> c_int {
    // SAFETY: the caller guarantees that `timeout` is null or readable.
    unsafe { io_queue_wait(ctx, timeout) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        // SAFETY: it ends the process.
        unsafe { raw::exit_group(127) };
    }
}
