use aio_sys::{ContextId, Errno, syscall};

/// Submits.
///
/// # Safety
///
/// The buffers have to outlive the requests.
#[syscall(io_submit(ctx, 1, iocbs))]
unsafe fn io_submit(ctx: ContextId, iocbs: &str) -> Result<usize, Errno>;

fn main() {}
