//! `io_submit`: how many requests it accepts, and their results.

use super::*;

#[test]
fn two_requests_in_one_call_move_the_right_bytes() {
    let context = Context::new(2);
    let file = temp_file(100);
    let (mut low, mut high) = ([0u8; 10], [0u8; 20]);
    let mut first = new_request(IOCB_CMD_PREAD, &file, low.as_mut_ptr(), low.len(), 5);
    let mut second = new_request(IOCB_CMD_PREAD, &file, high.as_mut_ptr(), high.len(), 90);
    (first.aio_data, second.aio_data) = (1, 2);
    // SAFETY: both buffers live until the events are reaped below, and are not used before.
    assert_eq!(unsafe { context.submit(&mut [&mut first, &mut second]) }, Ok(2));
    let events = context.reap(2);
    assert_eq!(
        (events[0].res, events[1].res),
        (10, 10),
        "the second read ends at the end of the file"
    );
    assert_eq!(events[0].obj, ptr::from_ref(&first).addr() as u64);
    assert_eq!(low.to_vec(), (5..15).collect::<Vec<u8>>());
    assert_eq!(high[..10].to_vec(), (90..100).collect::<Vec<u8>>());
    assert_eq!(high[10..], [0; 10]);
}

#[test]
fn writes_and_syncs_reach_the_file() {
    let context = Context::new(4);
    let file = temp_file(0);
    let data = [7u8; 64];
    let mut write = new_request(IOCB_CMD_PWRITE, &file, data.as_ptr(), data.len(), 0);
    write.aio_rw_flags = RWF_DSYNC;
    let iovec = [libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: 32 }; 2];
    let mut vectored = new_request(IOCB_CMD_PWRITEV, &file, iovec.as_ptr().cast(), 2, 64);
    // SAFETY: `data` outlives the events.
    assert_eq!(unsafe { context.submit(&mut [&mut write, &mut vectored]) }, Ok(2));
    assert_eq!(context.reap(2).iter().map(|event| event.res).collect::<Vec<_>>(), [64, 64]);
    let mut syncs = [IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC]
        .map(|opcode| new_request(opcode, &file, ptr::null(), 0, 0));
    let [fsync, fdsync] = &mut syncs;
    // SAFETY: a sync has no buffer.
    match unsafe { context.submit(&mut [fsync, fdsync]) } {
        Ok(2) => {
            assert_eq!(context.reap(2).iter().map(|event| event.res).collect::<Vec<_>>(), [0, 0])
        }
        other => panic!("{other:?}"),
    }
    let mut buffers = [[0u8; 50], [0u8; 50]];
    let iovec = buffers
        .each_mut()
        .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 50 });
    let mut read = new_request(IOCB_CMD_PREADV, &file, iovec.as_ptr().cast(), 2, 28);
    // SAFETY: the buffers live until the event is reaped.
    assert_eq!(unsafe { context.submit(&mut [&mut read]) }, Ok(1));
    assert_eq!(context.reap(1)[0].res, 100);
    assert_eq!(buffers, [[7; 50]; 2]);
}

/// The kernel marks an accepted request in `aio_key`, whose place depends on the byte order, and
/// nowhere else.
#[test]
fn the_kernel_writes_the_key_and_nothing_else() {
    let context = Context::new(1);
    let file = temp_file(10);
    let mut buffer = [0u8; 4];
    let mut read = new_request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 4, 3);
    (read.aio_data, read.aio_key, read.aio_rw_flags) = (u64::MAX, u32::MAX, RWF_HIPRI);
    // SAFETY: a structure of integers without padding.
    let bytes =
        |request: &iocb| unsafe { ptr::from_ref(request).cast::<[u8; size_of::<iocb>()]>().read() };
    let before = bytes(&read);
    // SAFETY: the buffer lives until the event is reaped.
    assert_eq!(unsafe { context.submit(&mut [&mut read]) }, Ok(1));
    let after = bytes(&read);
    let written: Vec<_> = (0..before.len()).filter(|&at| before[at] != after[at]).collect();
    assert_eq!(written, (offset_of!(iocb, aio_key)..).take(4).collect::<Vec<_>>());
    assert_eq!(read.aio_key, 0);
    let event = context.reap(1)[0];
    assert_eq!((event.data, event.res, event.res2), (u64::MAX, 4, 0));
}

/// The C library has the same structures, with each field at the same offset.
#[test]
fn the_c_library_has_the_same_structures() {
    macro_rules! same {
        ($($field:ident)*) => {$(
            assert_eq!(offset_of!(iocb, $field), offset_of!(libc::iocb, $field));
        )*};
    }
    assert_eq!(size_of::<iocb>(), size_of::<libc::iocb>());
    same!(aio_data aio_key aio_rw_flags aio_lio_opcode aio_reqprio aio_fildes aio_buf aio_nbytes
        aio_offset aio_flags aio_resfd);
}

#[test]
fn nothing_submitted_is_zero_and_needs_a_context() {
    let context = Context::new(1);
    // SAFETY: there is no request.
    assert_eq!(unsafe { context.submit(&mut []) }, Ok(0));
    // SAFETY: there is no request, so the array is not read.
    let untouched =
        unsafe { raw::io_submit(context.0.as_raw(), 0, ptr::without_provenance_mut(1)) };
    assert_eq!(untouched, 0);
    // SAFETY: there is no request, so the array is not read.
    assert_eq!(unsafe { io_submit(ContextId::NONE, &mut []) }, Err(Errno::EINVAL));
    // SAFETY: the kernel refuses the count before it reads the array.
    let negative = unsafe { raw::io_submit(context.0.as_raw(), -1, ptr::null_mut()) };
    assert_eq!(Errno::decode(negative), Err(Errno::EINVAL));
}

#[test]
fn a_bad_request_ends_the_call_and_is_reported_if_first() {
    let context = Context::new(4);
    let (_reader, writer) = pair();
    let mut first = poll_request(&writer, libc::POLLOUT, 1);
    let mut bad = poll_request(&writer, libc::POLLOUT, 2);
    bad.aio_fildes = u32::MAX;
    let mut third = poll_request(&writer, libc::POLLOUT, 3);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut first, &mut bad, &mut third]) }, Ok(1));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut bad, &mut third]) }, Err(Errno::EBADF));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut third]) }, Ok(1));
    assert_eq!(context.reap(2).iter().map(|event| event.data).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_longer_count_than_the_ring_has_events_is_cut() {
    let context = Context::new(1);
    let (_reader, writer) = pair();
    let mut request = poll_request(&writer, libc::POLLOUT, 1);
    let mut array = [&raw mut request, ptr::null_mut()];
    // SAFETY: the kernel reads the array up to the null, which it refuses.
    let taken =
        unsafe { raw::io_submit(context.0.as_raw(), core::ffi::c_long::MAX, array.as_mut_ptr()) };
    assert_eq!(taken, 1, "cut to what the ring has room for, it went on to the second");
    context.reap(1);
}

#[test]
fn slots_come_back_only_when_events_are_reaped() {
    let context = Context::new(1);
    let (_reader, writer) = pair();
    let mut taken = 0;
    let full = loop {
        let mut request = poll_request(&writer, libc::POLLOUT, 0);
        // SAFETY: a poll has no buffer.
        match unsafe { context.submit(&mut [&mut request]) } {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
        assert!(taken < 1 << 20, "the ring never fills");
    };
    assert_eq!(full, Errno::EAGAIN);
    let again = poll_request(&writer, libc::POLLOUT, 0);
    assert_eq!(
        context.refusal(again),
        Errno::EAGAIN,
        "the requests are done, and still hold their slots"
    );
    context.reap(taken);
    let mut request = again;
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&mut [&mut request]) }, Ok(1));
    context.reap(1);
}
