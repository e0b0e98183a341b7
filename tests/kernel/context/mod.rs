//! `Context`, `Ring` and their errors, on the kernel itself.

mod ends;
mod events;
mod submit;

use crate::common::{
    AIO_CALLS, aio_nr, await_child, catches, fork, in_child, leave, pair, quota, refuse, temp_file,
};
use aio_sys::types::*;
use aio_sys::{Cause, Context, Errno, IocbFlags, PollEvents, Ring, RwFlags, SubmitOutcome, nr};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn new_context(requests: u32) -> Context {
    Context::new(NonZeroU32::new(requests).unwrap()).unwrap()
}

fn poll_request(fd: RawFd, events: i16, data: u64) -> iocb {
    iocb {
        aio_data: data,
        aio_fildes: fd as u32,
        aio_lio_opcode: IOCB_CMD_POLL,
        aio_buf: events as u64,
        ..iocb::default()
    }
}

/// Only polls: they have no buffer.
fn submit<'s, 'i>(context: &Context, polls: &'s mut [&'i mut iocb]) -> SubmitOutcome<'s, 'i> {
    assert!(polls.iter().all(|request| request.aio_lio_opcode == IOCB_CMD_POLL));
    // SAFETY: a poll has no buffer.
    unsafe { context.submit(polls) }
}

fn data(context: &mut Context, min: usize) -> Vec<u64> {
    let mut events = [io_event::default(); 64];
    let taken = context.getevents(min, &mut events, Some(Duration::from_secs(10))).unwrap();
    events[..taken].iter().map(|event| event.data).collect()
}
