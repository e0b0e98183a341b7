//! The functions whose machine code tests/audit/assembly.rs compares.

use aio_sys::types::{aio_context_t, iocb};
use aio_sys::{ContextId, Errno, raw};
use std::ffi::c_long;

#[unsafe(no_mangle)]
pub unsafe fn getppid() -> isize {
    unsafe { raw::getppid() }
}

#[unsafe(no_mangle)]
pub unsafe fn raw_io_submit(ctx_id: aio_context_t, nr: c_long, iocbpp: *mut *mut iocb) -> isize {
    unsafe { raw::io_submit(ctx_id, nr, iocbpp) }
}

#[unsafe(no_mangle)]
pub unsafe fn io_submit(ctx: ContextId, iocbs: &mut [&mut iocb]) -> Result<usize, Errno> {
    unsafe { aio_sys::io_submit(ctx, iocbs) }
}
