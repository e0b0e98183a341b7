use aio_sys::types::{io_event, iocb};
use aio_sys::{ContextId, Errno, syscall};

/// # Safety
///
/// Same as `aio_sys::io_submit`.
#[syscall(io_submit(ctx, iocbs.len(), iocbs.as_ptr()))]
unsafe fn io_submit(ctx: ContextId, iocbs: &[&mut iocb]) -> Result<usize, Errno>;

/// # Safety
///
/// Nobody else takes the events of `ctx`.
#[syscall(io_getevents(ctx, 1, 1, event, std::ptr::null_mut()))]
unsafe fn io_getevents(ctx: ContextId, event: &io_event) -> Result<usize, Errno>;

/// # Safety
///
/// Whoever owns the context may use it.
#[syscall(io_setup(1, ctx))]
unsafe fn io_setup(ctx: Option<&ContextId>) -> Result<(), Errno>;

fn main() {}
