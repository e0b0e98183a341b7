use aio_sys::{Context, types::iocb};

/// # Safety
///
/// Same as `Context::submit`.
unsafe fn key_before_and_after(context: &Context, requests: &mut [&mut iocb]) -> (u32, u32) {
    let key = &requests[0].aio_key;
    let before = *key;
    let _ = unsafe { context.submit(requests) };
    (before, *key)
}

fn main() {}
