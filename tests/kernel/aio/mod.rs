//! The kernel's results for each io_* call: counts, short counts, every documented error, and the
//! ring.
//!
//! The expected values are the kernel's own (fs/aio.c, io_submit(2) and related pages). The tests
//! need only a file in the temporary directory.

mod contexts;
mod events;
mod plain;
mod refusals;
mod submit;

use crate::common::{AIO_CALLS, aio_nr, eventfd, in_child, pair, pipe, quota, refuse, temp_file};
use aio_sys::types::*;
use aio_sys::{
    ContextId, Errno, io_cancel, io_destroy, io_getevents, io_pgetevents, io_setup, io_submit, raw,
};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// A context that is destroyed on drop, which waits for requests in flight.
struct Context(ContextId);

impl Context {
    fn new(nr_events: u32) -> Context {
        let mut ctx = ContextId::NONE;
        match io_setup(nr_events, &mut ctx) {
            Ok(()) => Context(ctx),
            Err(Errno::ENOSYS) => panic!("this kernel has no AIO: these tests cannot pass here"),
            Err(error) => panic!("io_setup: {error}"),
        }
    }

    /// # Safety
    ///
    /// Same as [`io_submit`].
    unsafe fn submit(&self, iocbs: &mut [&mut iocb]) -> Result<usize, Errno> {
        // SAFETY: the caller upholds the contract of the call.
        unsafe { io_submit(self.0, iocbs) }
    }

    /// The error of a request that has no buffer, or that the kernel refuses before it uses one.
    fn refusal(&self, mut request: iocb) -> Errno {
        // SAFETY: the request is refused, and if it is not, the test fails.
        match unsafe { self.submit(&mut [&mut request]) } {
            Err(error) => error,
            Ok(count) => panic!("{request:?} was accepted ({count})"),
        }
    }

    /// Waits for as many events, and returns them by `data`.
    fn reap(&self, count: usize) -> Vec<io_event> {
        let mut events = vec![io_event::default(); count];
        let got = io_getevents(self.0, count, &mut events, None).unwrap();
        assert_eq!(got, count);
        events.sort_by_key(|event| event.data);
        events
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the tests read the ring only while the context lives.
        let _ = unsafe { io_destroy(self.0) };
    }
}

fn new_request(
    opcode: u16,
    file: &impl AsRawFd,
    buffer: *const u8,
    bytes: usize,
    offset: i64,
) -> iocb {
    iocb {
        aio_lio_opcode: opcode,
        aio_fildes: file.as_raw_fd() as u32,
        aio_buf: buffer.addr() as u64,
        aio_nbytes: bytes as u64,
        aio_offset: offset,
        ..iocb::default()
    }
}

fn poll_request(file: &impl AsRawFd, events: i16, data: u64) -> iocb {
    let mut request = new_request(IOCB_CMD_POLL, file, ptr::null(), 0, 0);
    request.aio_buf = events as u64;
    request.aio_data = data;
    request
}
