//! Accepted and refused requests, and the error of a full ring.

use super::*;
use aio_tests::pin;

#[test]
fn a_refused_request_is_reported_at_any_position() {
    let (_reader, writer) = pair();
    for bad in 0..3 {
        let mut context = new_context(3);
        let mut polls = [0, 1, 2].map(|i| {
            let fd = if i == bad { -1 } else { writer.as_raw_fd() };
            poll_request(fd, libc::POLLOUT, i)
        });
        let mut requests = polls.each_mut();
        let outcome = submit(&context, &mut requests);
        assert_eq!((outcome.accepted, outcome.rest.len()), (bad as usize, 3 - bad as usize));
        assert_eq!(outcome.rest[0].aio_data, bad);
        let error = outcome.error.unwrap();
        assert_eq!(
            (error.index, error.errno, error.cause),
            (bad as usize, Errno::EBADF, Cause::Refused)
        );
        assert_eq!(error.to_string(), format!("request {bad} was not accepted: {}", Errno::EBADF));
        let outcome = submit(&context, &mut outcome.rest[1..]);
        assert_eq!(outcome.all(), Ok(2 - bad as usize));
        assert_eq!(data(&mut context, 2), (0..3).filter(|&i| i != bad).collect::<Vec<_>>());
    }
}

/// Each error of a refused request, first, in the middle and last.
#[test]
fn every_refusal_has_its_errno() {
    // Not every process may create one.
    let file = temp_file(10);
    in_child(|| {
        // SAFETY: the child gives up its privileges, and with them the right to real-time priority.
        unsafe { libc::setresuid(65534, 65534, 65534) };
        refusals(&file);
        true
    });
}

fn refusals(file: &File) {
    let (_reader, writer) = pair();
    let fd = file.as_raw_fd() as u32;
    let read = iocb { aio_lio_opcode: IOCB_CMD_PREAD, aio_fildes: fd, ..iocb::default() };
    let refusals = [
        (Errno::EINVAL, iocb { aio_offset: -1, ..read }),
        (Errno::EBADF, iocb { aio_fildes: u32::MAX, ..read }),
        (
            Errno::EFAULT,
            iocb { aio_lio_opcode: IOCB_CMD_PREADV, aio_buf: 1, aio_nbytes: 1, ..read },
        ),
        (Errno::EOPNOTSUPP, read.with_rw_flags(RwFlags::from_bits_retain(1 << 30))),
        (Errno::EBADF, iocb { aio_resfd: u32::MAX, ..read }.with_flags(IocbFlags::RESFD)),
        (Errno::EINVAL, iocb { aio_resfd: fd, ..read }.with_flags(IocbFlags::RESFD)),
        (Errno::EINVAL, iocb { aio_reserved2: 1, ..read }),
        // IOPRIO_CLASS_RT.
        (Errno::EPERM, iocb { aio_reqprio: 1 << 13, ..read }.with_flags(IocbFlags::IOPRIO)),
    ];
    for (errno, bad) in refusals {
        for at in 0..3 {
            let mut context = new_context(3);
            let mut requests = [0, 1, 2].map(|i| match i == at {
                true => bad,
                false => poll_request(writer.as_raw_fd(), libc::POLLOUT, i as u64),
            });
            let mut requests = requests.each_mut();
            // SAFETY: the request that is not a poll is refused.
            let outcome = unsafe { context.submit(&mut requests) };
            let error = outcome.error.unwrap();
            assert_eq!(
                (error.index, error.errno, error.cause),
                (at, errno, Cause::Refused),
                "{bad:?}"
            );
            assert_eq!(data(&mut context, at).len(), at, "those before it went on");
        }
    }
}

#[test]
fn a_full_ring_is_eagain_until_events_are_read() {
    let mut context = new_context(1);
    let capacity = context.capacity();
    let (_reader, writer) = pair();
    let mut polls =
        vec![poll_request(writer.as_raw_fd(), libc::POLLOUT, 0); capacity.events as usize + 1];
    let mut requests: Vec<&mut iocb> = polls.iter_mut().collect();
    let outcome = submit(&context, &mut requests);
    assert!(
        outcome.accepted >= capacity.usable as usize,
        "{capacity:?}: {} taken",
        outcome.accepted
    );
    let error = outcome.error.unwrap();
    assert_eq!(
        (error.index, error.errno, error.cause),
        (outcome.accepted, Errno::EAGAIN, Cause::SlotsHeld)
    );
    assert!(error.to_string().contains("frees its slot"), "{error}");
    let again = submit(&context, &mut outcome.rest[..1]);
    assert_eq!(again.error.unwrap().cause, Cause::SlotsHeld);
    assert_eq!(context.pending(), Some(outcome.accepted));
    assert_eq!(context.reap(|_| ()), Some(outcome.accepted));
    assert_eq!(submit(&context, &mut outcome.rest[..1]).all(), Ok(1));
}

/// The promise of `Capacity::usable`, after slots were reserved on every CPU.
#[test]
fn usable_slots_can_be_used_from_any_cpu() {
    let mut context = new_context(20);
    let usable = context.capacity().usable as usize;
    let (_reader, writer) = pair();
    let cpus = std::thread::available_parallelism().unwrap().get();
    for round in 0..200 {
        pin(round % cpus);
        let mut polls = vec![poll_request(writer.as_raw_fd(), libc::POLLOUT, 0); usable];
        let mut requests: Vec<&mut iocb> = polls.iter_mut().collect();
        assert_eq!(submit(&context, &mut requests).all(), Ok(usable), "round {round}");
        pin((round + 1) % cpus);
        let mut left = usable;
        while left > 0 {
            left -= context.reap(|_| ()).unwrap();
        }
        // One by one, so that this CPU reserves its own group of slots.
        for _ in 0..round % 7 {
            assert_eq!(
                submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 0)])
                    .all(),
                Ok(1)
            );
        }
        context.reap(|_| ());
    }
}

/// In a separate process: the next context of another thread may have the same id, and would get
/// the request.
#[test]
fn a_removed_context_is_distinguished_from_a_bad_request() {
    in_child(|| {
        let context = new_context(1);
        // SAFETY: the ring and the id are used below only by calls that fail.
        unsafe { aio_sys::io_destroy(context.id()) }.unwrap();
        let (_reader, writer) = pair();
        let error =
            submit(&context, &mut [&mut poll_request(writer.as_raw_fd(), libc::POLLOUT, 0)])
                .error
                .unwrap();
        assert_eq!((error.errno, error.cause), (Errno::EINVAL, Cause::NoContext));
        context.close() == Err(Errno::EINVAL)
    });
}

#[test]
fn flags_are_those_of_libc() {
    for (ours, theirs) in [
        (RwFlags::HIPRI, libc::RWF_HIPRI),
        (RwFlags::DSYNC, libc::RWF_DSYNC),
        (RwFlags::SYNC, libc::RWF_SYNC),
        (RwFlags::NOWAIT, libc::RWF_NOWAIT),
        (RwFlags::APPEND, libc::RWF_APPEND),
    ] {
        assert_eq!(ours.bits(), theirs);
    }
    for (ours, theirs) in [
        (PollEvents::IN, libc::POLLIN),
        (PollEvents::PRI, libc::POLLPRI),
        (PollEvents::OUT, libc::POLLOUT),
        (PollEvents::ERR, libc::POLLERR),
        (PollEvents::HUP, libc::POLLHUP),
        (PollEvents::RDHUP, libc::POLLRDHUP),
    ] {
        assert_eq!(ours.bits() as i16, theirs);
    }
}
