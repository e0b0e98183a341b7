use aio_sys::types::{__aio_sigset, __kernel_timespec, io_event};
use aio_sys::{ContextId, Errno, syscall};

#[syscall(
    unsafe io_pgetevents_time64(ctx, min_nr, events.len(), events.as_mut_ptr(), timeout, sigmask),
    safe = "it is never called"
)]
fn io_pgetevents_time64(
    ctx: ContextId,
    min_nr: usize,
    events: &mut [io_event],
    timeout: Option<&mut __kernel_timespec>,
    sigmask: Option<&__aio_sigset>,
) -> Result<usize, Errno>;

fn main() {}
