//! Waiting for events by the call that the target has, with any time that a `Duration` can say.

#[cfg(not(target_arch = "riscv32"))]
use crate::io_getevents;
#[cfg(not(any(target_arch = "riscv32", target_arch = "m68k")))]
use crate::io_pgetevents;
#[cfg(any(test, not(target_arch = "riscv32")))]
use crate::types::timespec;
use crate::types::{io_event, sigset_t};
use crate::{ContextId, Errno};
use core::time::Duration;

/// io_getevents(2), or io_pgetevents(2) if there is a mask. Without a timeout it waits for good;
/// one that is too long for the kernel's type becomes the longest there is, and none is ever
/// negative.
#[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
pub(crate) fn wait(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<Duration>,
    sigmask: Option<&sigset_t>,
) -> Result<usize, Errno> {
    plain(ctx, min_nr, events, timeout, sigmask)
}

/// The same, by io_pgetevents_time64. Kernels before 5.1 do not have it; then the call with 32-bit
/// seconds serves, and the answer is remembered.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
pub(crate) fn wait(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<Duration>,
    sigmask: Option<&sigset_t>,
) -> Result<usize, Errno> {
    use crate::types::{__aio_sigset, __kernel_timespec};
    use core::ptr;
    use core::sync::atomic::{AtomicBool, Ordering};

    static ABSENT: AtomicBool = AtomicBool::new(false);
    if !ABSENT.load(Ordering::Relaxed) {
        let (tv_sec, tv_nsec) = timeout.map_or((0, 0), |timeout| {
            (timeout.as_secs().try_into().unwrap_or(i64::MAX), i64::from(timeout.subsec_nanos()))
        });
        let mut time = __kernel_timespec { tv_sec, tv_nsec };
        let time = if timeout.is_some() { &raw mut time } else { ptr::null_mut() };
        let mask = __aio_sigset::new(sigmask.map_or(ptr::null(), ptr::from_ref));
        // SAFETY: the kernel writes only `events`, at most as many as there are; it reads the time
        // and the mask.
        let result = unsafe {
            crate::raw::io_pgetevents_time64(
                ctx.as_raw(),
                min_nr as _,
                events.len() as _,
                events.as_mut_ptr(),
                time,
                &mask,
            )
        };
        match Errno::decode(result) {
            Err(Errno::ENOSYS) => ABSENT.store(true, Ordering::Relaxed),
            answer => return answer,
        }
    }
    plain(ctx, min_nr, events, timeout, sigmask)
}

/// By the calls that take the target's own [`timespec`].
#[cfg(not(target_arch = "riscv32"))]
fn plain(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<Duration>,
    sigmask: Option<&sigset_t>,
) -> Result<usize, Errno> {
    let timeout = timeout.map(saturated);
    match sigmask {
        None => io_getevents(ctx, min_nr, events, timeout.as_ref()),
        #[cfg(not(target_arch = "m68k"))]
        Some(_) => io_pgetevents(ctx, min_nr, events, timeout.as_ref(), sigmask),
        #[cfg(target_arch = "m68k")]
        Some(_) => Err(Errno::ENOSYS),
    }
}

/// riscv32 never had them.
#[cfg(target_arch = "riscv32")]
fn plain(
    _: ContextId,
    _: usize,
    _: &mut [io_event],
    _: Option<Duration>,
    _: Option<&sigset_t>,
) -> Result<usize, Errno> {
    Err(Errno::ENOSYS)
}

#[cfg(any(test, not(target_arch = "riscv32")))]
fn saturated(time: Duration) -> timespec {
    #[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
    const LONGEST: timespec = timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    #[cfg(not(any(target_pointer_width = "64", target_arch = "x86_64")))]
    const LONGEST: timespec = timespec { tv_sec: i32::MAX, tv_nsec: 0 };

    match time.as_secs().try_into() {
        Ok(tv_sec) => timespec { tv_sec, tv_nsec: time.subsec_nanos() as _ },
        Err(_) => LONGEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_never_negative() {
        for time in [
            Duration::ZERO,
            Duration::from_nanos(999_999_999),
            Duration::MAX,
            Duration::from_secs(1 << 31),
        ] {
            let spec = saturated(time);
            assert!(
                spec.tv_sec >= 0 && (0..1_000_000_000).contains(&spec.tv_nsec),
                "{time:?}: {spec:?}"
            );
        }
        assert_eq!(saturated(Duration::new(3, 4)), timespec { tv_sec: 3, tv_nsec: 4 });
    }
}
