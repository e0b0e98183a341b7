//! `io_setup`, `io_destroy`, and the ring that they map and unmap.

use super::*;

#[test]
fn setup_requires_an_empty_id_and_a_number() {
    let context = Context::new(1);
    let mut id = context.0;
    assert_eq!(io_setup(1, &mut id), Err(Errno::EINVAL), "the id is in use");
    assert_eq!(id, context.0);
    let mut id = ContextId::NONE;
    assert_eq!(io_setup(0, &mut id), Err(Errno::EINVAL));
    assert_eq!(io_setup(1 << 24, &mut id), Err(Errno::EINVAL), "beyond the kernel's limit");
    // SAFETY: the kernel refuses the address.
    let result = unsafe { raw::io_setup(1, ptr::without_provenance_mut(1)) };
    assert_eq!(Errno::decode(result), Err(Errno::EFAULT));
}

/// A request above the system's limit is refused like one above the quota, and uses nothing up.
#[test]
fn setup_beyond_the_quota_is_eagain() {
    let limit: u32 =
        std::fs::read_to_string("/proc/sys/fs/aio-max-nr").unwrap().trim().parse().unwrap();
    if limit >= 4_000_000 {
        return aio_tests::skip(
            "EAGAIN of io_setup",
            "fs.aio-max-nr is beyond the kernel's own limit here",
        );
    }
    assert_eq!(io_setup(limit + 1, &mut { ContextId::NONE }), Err(Errno::EAGAIN));
}

/// In a separate process: the next context of another thread may have the same id.
#[test]
fn a_context_cannot_be_destroyed_twice() {
    in_child(|| {
        let context = Context::new(1);
        // SAFETY: nobody reads the ring after that.
        let destroy = |id| unsafe { io_destroy(id) };
        let results = [context.0, context.0, ContextId::NONE].map(destroy);
        results == [Ok(()), Err(Errno::EINVAL), Err(Errno::EINVAL)]
    });
}

#[test]
fn the_ring_has_the_kernels_layout() {
    let context = Context::new(1);
    // SAFETY: the kernel has mapped the ring there, readable, and the context lives.
    let ring = unsafe {
        ptr::with_exposed_provenance::<aio_ring>(context.0.as_raw() as usize).read_volatile()
    };
    assert_eq!((ring.magic, ring.compat_features, ring.incompat_features, ring.header_length), {
        (
            AIO_RING_MAGIC,
            AIO_RING_COMPAT_FEATURES,
            AIO_RING_INCOMPAT_FEATURES,
            size_of::<aio_ring>() as u32,
        )
    });
    assert_eq!((ring.head, ring.tail), (0, 0));
    assert!(ring.nr > 1);
}

/// The events in the ring are those that the call returns.
#[test]
fn the_ring_holds_the_events_that_the_call_returns() {
    let context = Context::new(3);
    let (_reader, writer) = pair();
    let mut polls =
        [0x0123_4567_89ab_cdef, 2, u64::MAX].map(|data| poll_request(&writer, libc::POLLOUT, data));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut polls.each_mut()) }, Ok(3));
    let ring = ptr::with_exposed_provenance::<aio_ring>(context.0.as_raw() as usize);
    // SAFETY: the kernel has mapped the ring there, readable, and the context lives. It writes no
    // event while no request is in flight: a poll of a ready descriptor completes during
    // submission.
    let (header, in_ring) =
        unsafe { (ring.read_volatile(), ring.add(1).cast::<[io_event; 3]>().read_volatile()) };
    assert_eq!((header.head, header.tail), (0, 3));
    let mut returned = [io_event::default(); 3];
    assert_eq!(io_getevents(context.0, 3, &mut returned, None), Ok(3));
    assert_eq!(in_ring, returned);
    assert_eq!(
        returned.map(|event| event.obj),
        polls.each_ref().map(|poll| ptr::from_ref(poll).addr() as u64)
    );
    // SAFETY: the kernel has mapped the ring there, readable, and the context lives. It writes no
    // event while no request is in flight: a poll of a ready descriptor completes during
    // submission.
    assert_eq!(unsafe { ring.read_volatile() }.head, 3);
}

#[test]
fn errno_is_left_alone() {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() = 4242 };
    assert_eq!(io_setup(0, &mut { ContextId::NONE }), Err(Errno::EINVAL));
    // SAFETY: the C library's errno of this thread.
    assert_eq!(unsafe { *libc::__errno_location() }, 4242);
}

#[test]
fn a_forked_child_has_no_context() {
    let context = Context::new(1);
    in_child(|| io_getevents(context.0, 0, &mut [io_event::default()], None) == Err(Errno::EINVAL));
}

#[test]
fn contexts_give_their_quota_back() {
    let _quota = quota();
    in_child(|| {
        let before = aio_nr();
        let context = Context::new(5000);
        let during = aio_nr();
        drop(context);
        // Other tests run in parallel, with a few requests each.
        during >= before + 4000 && aio_nr() + 4000 <= during
    });
}
