use aio_sys::types::iocb;
use aio_sys::{ContextId, Errno, syscall};

/// Submits.
///
/// # Safety
///
/// The buffers have to outlive the requests.
#[syscall(io_sumbit(ctx, iocbs.len(), iocbs.as_mut_ptr()))]
unsafe fn io_submit(ctx: ContextId, iocbs: &mut [&mut iocb]) -> Result<usize, Errno>;

fn main() {}
