//! Waits for events by the system call that the target has, with any `Duration` as the timeout.

use crate::sys::calls::ContextId;
#[cfg(not(target_arch = "riscv32"))]
use crate::sys::calls::io_getevents;
#[cfg(not(any(target_arch = "riscv32", target_arch = "m68k")))]
use crate::sys::calls::io_pgetevents;
use crate::sys::errno::Errno;
#[cfg(any(test, not(target_arch = "riscv32")))]
use crate::sys::types::timespec;
use crate::sys::types::{io_event, sigset_t};
use core::time::Duration;

/// The arguments of io_getevents(2), or of io_pgetevents(2) if there is a mask.
pub(crate) struct Wait<'a> {
    pub(crate) ctx: ContextId,
    pub(crate) min_nr: usize,
    pub(crate) events: &'a mut [io_event],
    /// `None` waits forever. A timeout that is too long for the kernel's type becomes the longest
    /// one; it is never negative.
    pub(crate) timeout: Option<Duration>,
    pub(crate) sigmask: Option<&'a sigset_t>,
}

/// What to do when a signal interrupts a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// Continue to wait, for the rest of the time.
    Continue,
    /// Return, with `EINTR` if there was no event.
    Return,
}

impl Wait<'_> {
    /// Waits, continues after each interruption for the rest of the time, and returns how many
    /// events were written.
    pub(crate) fn uninterrupted(self) -> Result<usize, Errno> {
        let Wait { ctx, min_nr, events, timeout, sigmask } = self;
        let clock =
            timeout.filter(|timeout| min_nr > 0 && !timeout.is_zero()).map(|_| Clock::start());
        let mut count = 0;
        loop {
            let elapsed = clock.as_ref().map_or(Duration::ZERO, Clock::elapsed);
            let result = Wait {
                ctx,
                min_nr: min_nr - count,
                events: &mut events[count..],
                timeout: timeout.map(|timeout| timeout.saturating_sub(elapsed)),
                sigmask,
            }
            .call();
            match result {
                Ok(more) => {
                    count += more;
                    // Fewer than requested: either the timeout has passed, and the next call
                    // returns 0, or a signal arrived after the first event.
                    if more == 0 || count >= min_nr {
                        return Ok(count);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) if count > 0 => return Ok(count),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Waits, and returns how many events were written. `ENOSYS` also if a seccomp filter returns
    /// an impossible count.
    pub(crate) fn call(self) -> Result<usize, Errno> {
        let room = self.events.len();
        self.dispatch().and_then(|count| (count <= room).then_some(count).ok_or(Errno::ENOSYS))
    }

    #[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
    fn dispatch(self) -> Result<usize, Errno> {
        self.with_native_timespec()
    }

    /// Waits by io_pgetevents_time64. Linux before 5.1 does not have it: then the system calls with
    /// 32-bit seconds are used from then on.
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    fn dispatch(self) -> Result<usize, Errno> {
        use crate::sys::raw;
        use crate::sys::types::{__aio_sigset, __kernel_timespec};
        use core::ptr;
        use core::sync::atomic::{AtomicBool, Ordering};

        static IS_ABSENT: AtomicBool = AtomicBool::new(false);
        if !IS_ABSENT.load(Ordering::Relaxed) {
            let mut time = self.timeout.map(|timeout| __kernel_timespec {
                tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: i64::from(timeout.subsec_nanos()),
            });
            let time = time.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
            let mask = __aio_sigset::new(self.sigmask.map_or(ptr::null(), ptr::from_ref));
            // SAFETY: the kernel writes only to `events`, at most `events.len()` of them, and reads
            // `time` and `mask`, which live during the call.
            let result = unsafe {
                raw::io_pgetevents_time64(
                    self.ctx.as_raw(),
                    self.min_nr as _,
                    self.events.len() as _,
                    self.events.as_mut_ptr(),
                    time,
                    &mask,
                )
            };
            match Errno::decode(result) {
                Err(Errno::ENOSYS) => IS_ABSENT.store(true, Ordering::Relaxed),
                result => return result,
            }
        }
        self.with_native_timespec()
    }

    /// Waits by the system calls that take the target's [`timespec`].
    #[cfg(not(target_arch = "riscv32"))]
    fn with_native_timespec(self) -> Result<usize, Errno> {
        let Wait { ctx, min_nr, events, timeout, sigmask } = self;
        let timeout = timeout.map(saturating_timespec);
        match sigmask {
            None => io_getevents(ctx, min_nr, events, timeout.as_ref()),
            #[cfg(not(target_arch = "m68k"))]
            Some(_) => io_pgetevents(ctx, min_nr, events, timeout.as_ref(), sigmask),
            #[cfg(target_arch = "m68k")]
            Some(_) => Err(Errno::ENOSYS),
        }
    }

    /// riscv32 never had these system calls.
    #[cfg(target_arch = "riscv32")]
    fn with_native_timespec(self) -> Result<usize, Errno> {
        Err(Errno::ENOSYS)
    }
}

/// Measures how long a wait has taken.
#[cfg(feature = "std")]
pub(crate) struct Clock(std::time::Instant);

#[cfg(feature = "std")]
impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Without the standard library no clock is read: the timeout of a wait starts again after each
/// interruption.
#[cfg(not(feature = "std"))]
struct Clock;

#[cfg(not(feature = "std"))]
impl Clock {
    fn start() -> Clock {
        Clock
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

#[cfg(any(test, not(target_arch = "riscv32")))]
fn saturating_timespec(time: Duration) -> timespec {
    #[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
    const MAX: timespec = timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    #[cfg(not(any(target_pointer_width = "64", target_arch = "x86_64")))]
    const MAX: timespec = timespec { tv_sec: i32::MAX, tv_nsec: 0 };

    match time.as_secs().try_into() {
        Ok(tv_sec) => timespec { tv_sec, tv_nsec: time.subsec_nanos() as _ },
        Err(_) => MAX,
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
            let spec = saturating_timespec(time);
            assert!(
                spec.tv_sec >= 0 && (0..1_000_000_000).contains(&spec.tv_nsec),
                "{time:?}: {spec:?}"
            );
        }
        assert_eq!(saturating_timespec(Duration::new(3, 4)), timespec { tv_sec: 3, tv_nsec: 4 });
    }
}
