//! What must not run beside other tests: the one uses up a quota of the whole system, the other
//! asks for a process in which nothing was asked before. Cargo runs one test program after the
//! other; in here a lock does.

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

/// In a child, which gives it all back when it ends, whatever happens.
#[test]
fn a_quota_that_is_used_up_is_told() {
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
        // Others on this machine may come and go: what is left is taken in ever smaller pieces.
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

/// Kernels before 4.14 cannot wipe a page in a child: then the process's id has to serve.
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
