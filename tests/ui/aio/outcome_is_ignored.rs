#![deny(unused_must_use)]

use aio_sys::{Context, types::iocb};

/// # Safety
///
/// Same as `Context::submit`.
unsafe fn submit(context: &Context, requests: &mut [&mut iocb]) {
    unsafe { context.submit(requests) };
}

fn main() {}
