//! Handlers of signals.

use libc::c_int;
use std::{mem, ptr};

/// Lets a function handle a signal once, after which the signal has its default action. A signal
/// that was ignored when the program started stays ignored.
///
/// # Safety
///
/// `handler` only calls what is async-signal-safe.
pub unsafe fn handle_once(signal: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: zeros are a valid `sigaction`: no flags, no signals masked, the default action.
    let (mut action, mut old): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND;
    // SAFETY: both are valid `sigaction`s, and the caller guarantees an async-signal-safe handler.
    unsafe {
        libc::sigaction(signal, ptr::null(), &mut old);
        if old.sa_sigaction != libc::SIG_IGN {
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
}
