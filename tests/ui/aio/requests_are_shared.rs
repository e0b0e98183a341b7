use aio_sys::{ContextId, io_submit, types::iocb};

/// # Safety
///
/// Same as `io_submit`.
unsafe fn submit(ctx: ContextId, requests: &[&mut iocb]) -> bool {
    unsafe { io_submit(ctx, requests) }.is_ok()
}

fn main() {}
