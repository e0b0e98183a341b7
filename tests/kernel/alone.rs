//! Tests that must not run in parallel with others: one uses up a system-wide quota, the other
//! needs a process without cached checks. Cargo runs test programs one after the other; a lock
//! serialises the tests in here.

mod common;

use aio_sys::types::*;
use aio_sys::{Context, Errno, nr};
use common::{aio_nr, in_child, pair, refuse};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

static ALONE: Mutex<()> = Mutex::new(());

fn aio_max_nr() -> u64 {
    std::fs::read_to_string("/proc/sys/fs/aio-max-nr").unwrap().trim().parse().unwrap()
}

/// In a child, which releases everything when it ends.
#[test]
fn an_exhausted_quota_is_reported() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = aio_max_nr();
    if limit > 4 << 20 {
        return aio_tests::skip(
            "the quota used up",
            "fs.aio-max-nr is more than a few contexts can use up",
        );
    }
    in_child(|| {
        let mut contexts = Vec::new();
        let mut piece = limit as u32;
        // Other processes may use the quota, too: the rest is used up in ever smaller pieces.
        while let Some(requests) = NonZeroU32::new(piece) {
            match Context::new(requests) {
                Ok(context) => contexts.push(context),
                Err(error) => {
                    assert_eq!((error.errno, error.requested), (Errno::EAGAIN, piece));
                    let message = error.to_string();
                    assert!(
                        message.contains("fs.aio-max-nr")
                            && message.contains("/proc/sys/fs/aio-nr"),
                        "{message}"
                    );
                    piece /= 2;
                }
            }
        }
        !contexts.is_empty() && aio_nr() <= limit
    });
}

/// Kernels before 4.14 cannot wipe a page in a child: then the process's id is used.
#[test]
fn without_wipe_on_fork() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    in_child(|| {
        assert!(refuse(&[nr::SYS_madvise], libc::EINVAL));
        let mut context = Context::new(NonZeroU32::MIN).unwrap();
        let (_reader, writer) = pair();
        let mut request = iocb {
            aio_fildes: writer.as_raw_fd() as u32,
            aio_lio_opcode: IOCB_CMD_POLL,
            aio_buf: libc::POLLOUT as u64,
            ..iocb::default()
        };
        let mut requests = [&mut request];
        // SAFETY: a poll has no buffer.
        let outcome = unsafe { context.submit(&mut requests) };
        assert_eq!(outcome.all(), Ok(1));
        in_child(|| context.pending().is_none() && context.peek().is_none());
        context.getevents(1, &mut [io_event::default()], Some(Duration::from_secs(10))) == Ok(1)
    });
}
