//! What the kernel makes of each io_* call: counts, short counts, every documented error, and the
//! ring.
//!
//! The expected values are the kernel's own (fs/aio.c, io_submit(2) and its kin); nothing is
//! assumed to have been set up but a file in the temporary folder.

#[path = "common/aio.rs"]
mod common;

use aio_sys::types::*;
use aio_sys::{
    ContextId, Errno, io_cancel, io_destroy, io_getevents, io_pgetevents, io_setup, io_submit, raw,
};
use common::{AIO_CALLS, aio_nr, eventfd, file, in_child, pair, pipe, refuse};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// A context that is destroyed at the end, which waits for what is in flight.
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
    /// As of [`io_submit`].
    unsafe fn submit(&self, iocbs: &[&mut iocb]) -> Result<usize, Errno> {
        // SAFETY: passed on.
        unsafe { io_submit(self.0, iocbs) }
    }

    /// The error of a request that has no buffer, or that the kernel refuses before it looks at
    /// one.
    fn refusal(&self, mut request: iocb) -> Errno {
        // SAFETY: the request is refused, and if it is not, the test fails.
        match unsafe { self.submit(&[&mut request]) } {
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

fn request(opcode: u16, file: &impl AsRawFd, buffer: *const u8, bytes: usize, offset: i64) -> iocb {
    iocb {
        aio_lio_opcode: opcode,
        aio_fildes: file.as_raw_fd() as u32,
        aio_buf: buffer.addr() as u64,
        aio_nbytes: bytes as u64,
        aio_offset: offset,
        ..iocb::default()
    }
}

fn poll(file: &impl AsRawFd, events: i16, data: u64) -> iocb {
    let mut request = request(IOCB_CMD_POLL, file, ptr::null(), 0, 0);
    request.aio_buf = events as u64;
    request.aio_data = data;
    request
}

// --- io_setup and io_destroy
// ------------------------------------------------------------------------------------------

#[test]
fn setup_wants_an_empty_id_and_a_number() {
    let context = Context::new(1);
    let mut id = context.0;
    assert_eq!(io_setup(1, &mut id), Err(Errno::EINVAL), "the id is in use");
    assert_eq!(id, context.0);
    let mut id = ContextId::NONE;
    assert_eq!(io_setup(0, &mut id), Err(Errno::EINVAL));
    assert_eq!(io_setup(1 << 24, &mut id), Err(Errno::EINVAL), "beyond the kernel's limit");
    // SAFETY: the kernel refuses the address.
    assert_eq!(
        Errno::decode(unsafe { raw::io_setup(1, ptr::without_provenance_mut(1)) }),
        Err(Errno::EFAULT)
    );
}

/// More than the whole system may have is refused as the quota is, without using any of it up.
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

/// In a process of its own: the next context of another thread may have the same id.
#[test]
fn destroy_knows_no_context_twice() {
    in_child(|| {
        let context = Context::new(1);
        // SAFETY: nobody reads the ring.
        let destroy = |id| unsafe { io_destroy(id) };
        let results = [context.0, context.0, ContextId::NONE].map(destroy);
        results == [Ok(()), Err(Errno::EINVAL), Err(Errno::EINVAL)]
    });
}

#[test]
fn the_ring_is_as_the_kernel_writes_it() {
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

/// What a program that reads the ring finds there, and what the call returns.
#[test]
fn the_ring_holds_the_events_that_the_call_returns() {
    let context = Context::new(3);
    let (_reader, writer) = pair();
    let mut polls =
        [0x0123_4567_89ab_cdef, 2, u64::MAX].map(|data| poll(&writer, libc::POLLOUT, data));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&polls.each_mut()) }, Ok(3));
    let ring = ptr::with_exposed_provenance::<aio_ring>(context.0.as_raw() as usize);
    // SAFETY: the kernel has mapped the ring there, readable, and the context lives. It writes no
    // event while no request is in flight: a poll of what is ready is done when it has been
    // submitted.
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
    // SAFETY: as above.
    assert_eq!(unsafe { ring.read_volatile() }.head, 3);
}

// --- io_submit: counts
// --------------------------------------------------------------------------------------------

#[test]
fn two_requests_in_one_call_move_the_right_bytes() {
    let context = Context::new(2);
    let file = file(100);
    let (mut low, mut high) = ([0u8; 10], [0u8; 20]);
    let mut first = request(IOCB_CMD_PREAD, &file, low.as_mut_ptr(), low.len(), 5);
    let mut second = request(IOCB_CMD_PREAD, &file, high.as_mut_ptr(), high.len(), 90);
    (first.aio_data, second.aio_data) = (1, 2);
    // SAFETY: both buffers live, untouched, until the events are reaped below.
    assert_eq!(unsafe { context.submit(&[&mut first, &mut second]) }, Ok(2));
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
    let file = file(0);
    let data = [7u8; 64];
    let mut write = request(IOCB_CMD_PWRITE, &file, data.as_ptr(), data.len(), 0);
    write.aio_rw_flags = RWF_DSYNC;
    let iovec = [libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: 32 }; 2];
    let mut vectored = request(IOCB_CMD_PWRITEV, &file, iovec.as_ptr().cast(), 2, 64);
    // SAFETY: `data` outlives the events.
    assert_eq!(unsafe { context.submit(&[&mut write, &mut vectored]) }, Ok(2));
    assert_eq!(context.reap(2).iter().map(|event| event.res).collect::<Vec<_>>(), [64, 64]);
    let mut syncs =
        [IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC].map(|opcode| request(opcode, &file, ptr::null(), 0, 0));
    let [fsync, fdsync] = &mut syncs;
    // SAFETY: a sync has no buffer.
    match unsafe { context.submit(&[fsync, fdsync]) } {
        Ok(2) => {
            assert_eq!(context.reap(2).iter().map(|event| event.res).collect::<Vec<_>>(), [0, 0])
        }
        other => panic!("{other:?}"),
    }
    let mut buffers = [[0u8; 50], [0u8; 50]];
    let iovec = buffers
        .each_mut()
        .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 50 });
    let mut read = request(IOCB_CMD_PREADV, &file, iovec.as_ptr().cast(), 2, 28);
    // SAFETY: the buffers live until the event is reaped.
    assert_eq!(unsafe { context.submit(&[&mut read]) }, Ok(1));
    assert_eq!(context.reap(1)[0].res, 100);
    assert_eq!(buffers, [[7; 50]; 2]);
}

/// The kernel marks a request that it takes, in the field that changes places with another on
/// big-endian, and nowhere else.
#[test]
fn the_kernel_writes_the_key_and_nothing_else() {
    let context = Context::new(1);
    let file = file(10);
    let mut buffer = [0u8; 4];
    let mut read = request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 4, 3);
    (read.aio_data, read.aio_key, read.aio_rw_flags) = (u64::MAX, u32::MAX, RWF_HIPRI);
    // SAFETY: a structure of integers without padding.
    let bytes =
        |request: &iocb| unsafe { ptr::from_ref(request).cast::<[u8; size_of::<iocb>()]>().read() };
    let before = bytes(&read);
    // SAFETY: the buffer lives until the event is reaped.
    assert_eq!(unsafe { context.submit(&[&mut read]) }, Ok(1));
    let after = bytes(&read);
    let written: Vec<_> = (0..before.len()).filter(|&at| before[at] != after[at]).collect();
    assert_eq!(written, (offset_of!(iocb, aio_key)..).take(4).collect::<Vec<_>>());
    assert_eq!(read.aio_key, 0);
    let event = context.reap(1)[0];
    assert_eq!((event.data, event.res, event.res2), (u64::MAX, 4, 0));
}

/// The C library has the same structures, each of its fields at the place that its own headers give
/// it.
#[test]
fn the_c_library_has_the_same_structures() {
    macro_rules! same {
        ($($field:ident)*) => {$( assert_eq!(offset_of!(iocb, $field), offset_of!(libc::iocb, $field)); )*};
    }
    assert_eq!(size_of::<iocb>(), size_of::<libc::iocb>());
    same!(aio_data aio_key aio_rw_flags aio_lio_opcode aio_reqprio aio_fildes aio_buf aio_nbytes aio_offset aio_flags
        aio_resfd);
}

#[test]
fn nothing_submitted_is_zero_and_needs_a_context() {
    let context = Context::new(1);
    // SAFETY: there is no request.
    assert_eq!(unsafe { context.submit(&[]) }, Ok(0));
    // SAFETY: there is no request, so the array is not looked at.
    let untouched =
        unsafe { raw::io_submit(context.0.as_raw(), 0, ptr::without_provenance_mut(1)) };
    assert_eq!(untouched, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { io_submit(ContextId::NONE, &[]) }, Err(Errno::EINVAL));
    // SAFETY: as above.
    let negative = unsafe { raw::io_submit(context.0.as_raw(), -1, ptr::null_mut()) };
    assert_eq!(Errno::decode(negative), Err(Errno::EINVAL));
}

#[test]
fn a_bad_request_in_the_middle_ends_the_call_and_tells_why_when_it_comes_first() {
    let context = Context::new(4);
    let (_reader, writer) = pair();
    let mut first = poll(&writer, libc::POLLOUT, 1);
    let mut bad = poll(&writer, libc::POLLOUT, 2);
    bad.aio_fildes = u32::MAX;
    let mut third = poll(&writer, libc::POLLOUT, 3);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&[&mut first, &mut bad, &mut third]) }, Ok(1));
    // SAFETY: as above.
    assert_eq!(unsafe { context.submit(&[&mut bad, &mut third]) }, Err(Errno::EBADF));
    // SAFETY: as above.
    assert_eq!(unsafe { context.submit(&[&mut third]) }, Ok(1));
    assert_eq!(context.reap(2).iter().map(|event| event.data).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_longer_count_than_the_ring_has_events_is_cut() {
    let context = Context::new(1);
    let (_reader, writer) = pair();
    let mut request = poll(&writer, libc::POLLOUT, 1);
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
        let mut request = poll(&writer, libc::POLLOUT, 0);
        // SAFETY: a poll has no buffer.
        match unsafe { context.submit(&[&mut request]) } {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
        assert!(taken < 1 << 20, "the ring never fills");
    };
    assert_eq!(full, Errno::EAGAIN);
    let again = poll(&writer, libc::POLLOUT, 0);
    assert_eq!(
        context.refusal(again),
        Errno::EAGAIN,
        "the requests are done, and still hold their slots"
    );
    context.reap(taken);
    let mut request = again;
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&[&mut request]) }, Ok(1));
    context.reap(1);
}

// --- io_submit: errors
// ------------------------------------------------------------------------------------------------

#[test]
fn einval_of_submit() {
    let context = Context::new(1);
    let file = file(10);
    let mut buffer = [0u8; 16];
    let good = request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 16, 0);
    let refused =
        |what: &str, request: iocb| assert_eq!(context.refusal(request), Errno::EINVAL, "{what}");
    refused("reserved field", iocb { aio_reserved2: 1, ..good });
    refused("length beyond isize", iocb { aio_nbytes: u64::MAX, ..good });
    refused("unknown opcode", iocb { aio_lio_opcode: 99, ..good });
    refused("opcode that was never implemented", iocb { aio_lio_opcode: IOCB_CMD_NOOP, ..good });
    refused("negative offset", iocb { aio_offset: -1, ..good });
    refused("sync with a buffer", iocb { aio_lio_opcode: IOCB_CMD_FSYNC, ..good });
    refused("sync of what has none", request(IOCB_CMD_FSYNC, &eventfd(), ptr::null(), 0, 0));
    refused(
        "read of a folder",
        request(IOCB_CMD_PREAD, &File::open("/").unwrap(), ptr::null(), 0, 0),
    );
    refused(
        "more iovecs than 1024",
        iocb { aio_lio_opcode: IOCB_CMD_PREADV, aio_nbytes: 1025, ..good },
    );
    refused(
        "resfd that is no eventfd",
        iocb { aio_flags: IOCB_FLAG_RESFD, aio_resfd: file.as_raw_fd() as u32, ..good },
    );
    refused(
        "unknown class of priority",
        iocb { aio_flags: IOCB_FLAG_IOPRIO, aio_reqprio: (5u16 << 13) as i16, ..good },
    );
    refused(
        "poll with more than 16 bits",
        iocb { aio_lio_opcode: IOCB_CMD_POLL, aio_buf: 1 << 16, aio_nbytes: 0, ..good },
    );
    // SAFETY: there is no such context.
    assert_eq!(unsafe { io_submit(ContextId::NONE, &[&mut { good }]) }, Err(Errno::EINVAL));
}

#[test]
fn efault_of_submit() {
    let context = Context::new(1);
    let file = file(10);
    let id = context.0.as_raw();
    let bad = ptr::without_provenance_mut::<iocb>(1);
    // SAFETY: the kernel refuses the addresses.
    let (array, element) = unsafe {
        (
            raw::io_submit(id, 1, ptr::without_provenance_mut(1)),
            raw::io_submit(id, 1, [bad].as_mut_ptr()),
        )
    };
    assert_eq!(
        (Errno::decode(array), Errno::decode(element)),
        (Err(Errno::EFAULT), Err(Errno::EFAULT))
    );
    let nowhere = ptr::without_provenance::<u8>(1);
    assert_eq!(
        context.refusal(request(IOCB_CMD_PREADV, &file, nowhere, 1, 0)),
        Errno::EFAULT,
        "iovec array"
    );
    // The last page but one is the kernel's on a 64-bit kernel; a 32-bit process may own nearly all
    // that it can name. That of s390x has an address space of its own, and finds nothing there
    // only when it writes.
    if cfg!(target_pointer_width = "64") {
        let kernel = ptr::without_provenance::<u8>(usize::MAX - 8191);
        let read = request(IOCB_CMD_PREAD, &file, kernel, 1, 0);
        if cfg!(target_arch = "s390x") {
            // SAFETY: nothing is there.
            assert_eq!(unsafe { context.outcome(read) }, Err(Errno::EFAULT));
        } else {
            assert_eq!(context.refusal(read), Errno::EFAULT, "the kernel's memory");
        }
    }
    // A request that the kernel cannot mark is refused too.
    // SAFETY: an anonymous mapping that nobody else knows of.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            4096,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    // SAFETY: the kernel cannot write to the page, and refuses.
    let read_only = unsafe { raw::io_submit(id, 1, [page.cast::<iocb>()].as_mut_ptr()) };
    assert_eq!(Errno::decode(read_only), Err(Errno::EFAULT));
    // SAFETY: the mapping from above.
    unsafe { libc::munmap(page, 4096) };
}

#[test]
fn ebadf_of_submit() {
    let context = Context::new(1);
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(b"x").unwrap();
    let read_only = File::open(path.path()).unwrap();
    let data = [0u8; 1];
    let write = request(IOCB_CMD_PWRITE, &read_only, data.as_ptr(), 1, 0);
    assert_eq!(context.refusal(write), Errno::EBADF, "write on a descriptor for reading");
    assert_eq!(
        context.refusal(iocb { aio_fildes: u32::MAX, ..write }),
        Errno::EBADF,
        "no descriptor"
    );
    let unsignalled = iocb { aio_flags: IOCB_FLAG_RESFD, aio_resfd: u32::MAX, ..write };
    assert_eq!(context.refusal(unsignalled), Errno::EBADF, "no eventfd");
}

#[test]
fn eopnotsupp_of_submit() {
    let context = Context::new(1);
    let file = file(10);
    let mut buffer = [0u8; 1];
    let mut read = request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 1, 0);
    read.aio_rw_flags = 1 << 30;
    assert_eq!(context.refusal(read), Errno::EOPNOTSUPP);
    // The same bits where the kernel does not look for them change nothing.
    let mut read = iocb { aio_rw_flags: 0, aio_flags: 1 << 30, ..read };
    // SAFETY: the buffer lives until the event is reaped.
    assert_eq!(unsafe { context.submit(&[&mut read]) }, Ok(1));
    assert_eq!(context.reap(1)[0].res, 1);
}

#[test]
fn eperm_of_submit() {
    let file = file(10);
    in_child(|| {
        let context = Context::new(1);
        let mut buffer = [0u8; 1];
        let mut read = request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 1, 0);
        read.aio_flags = IOCB_FLAG_IOPRIO;
        // The real-time class.
        read.aio_reqprio = 1 << 13;
        // SAFETY: the child gives up its privileges, and with them the right to that class.
        unsafe { libc::setresuid(65534, 65534, 65534) };
        // SAFETY: the request is refused.
        unsafe { context.submit(&[&mut read]) == Err(Errno::EPERM) }
    });
}

/// The other cause: a file that may only grow, written as if it might not. Only root can make one,
/// on a file system with such flags.
#[test]
fn eperm_of_submit_on_an_append_only_file() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let file = File::options().append(true).open(path.path()).unwrap();
    let set = |flags: core::ffi::c_int| {
        // SAFETY: the kernel reads an int (include/uapi/linux/fs.h).
        unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS as _, &raw const flags) }
    };
    if set(0x20) != 0 {
        let why = std::io::Error::last_os_error();
        return aio_tests::skip("EPERM of io_submit on an append-only file", &why.to_string());
    }
    let context = Context::new(1);
    let mut write = request(IOCB_CMD_PWRITE, &file, b"x".as_ptr(), 1, 0);
    write.aio_rw_flags = RWF_NOAPPEND;
    // SAFETY: the byte is static.
    let refused = unsafe { context.submit(&[&mut write]) };
    // The file could not be removed otherwise.
    set(0);
    if refused == Err(Errno::EOPNOTSUPP) {
        return aio_tests::skip(
            "EPERM of io_submit on an append-only file",
            "RWF_NOAPPEND needs Linux 6.9",
        );
    }
    assert_eq!(refused, Err(Errno::EPERM));
}

/// A filter, as containers have, in place of the kernel without AIO.
#[test]
fn enosys_of_every_call() {
    in_child(|| {
        let context = Context::new(1);
        if !refuse(AIO_CALLS, libc::ENOSYS) {
            return false;
        }
        let mut events = [io_event::default()];
        let mut request = iocb::default();
        let none = Err(Errno::ENOSYS);
        // SAFETY: nothing happens; the kernel does not get the calls.
        let (submitted, destroyed) =
            unsafe { (context.submit(&[&mut request]), io_destroy(context.0)) };
        io_setup(1, &mut { ContextId::NONE }) == Err(Errno::ENOSYS)
            && submitted == none
            && destroyed == Err(Errno::ENOSYS)
            && io_cancel(context.0, &request, &mut { io_event::default() }) == Err(Errno::ENOSYS)
            && io_getevents(context.0, 0, &mut events, None) == none
            && io_pgetevents(context.0, 0, &mut events, None, None) == none
    });
}

#[test]
fn what_goes_wrong_later_is_told_in_the_event() {
    let context = Context::new(2);
    let file = file(10);
    let nowhere = ptr::without_provenance::<u8>(4096);
    let mut read = request(IOCB_CMD_PREAD, &file, nowhere, 10, 0);
    let (deaf, speaker) = pair();
    drop(deaf);
    let mut write = request(IOCB_CMD_PWRITE, &speaker, b"x".as_ptr(), 1, 0);
    (read.aio_data, write.aio_data) = (1, 2);
    // SAFETY: nothing is mapped at the address of the read; the write's byte is static.
    assert_eq!(unsafe { context.submit(&[&mut read, &mut write]) }, Ok(2));
    let results: Vec<_> =
        context.reap(2).iter().map(|event| Errno::decode(event.res as isize)).collect();
    assert_eq!(results, [Err(Errno::EFAULT), Err(Errno::EPIPE)]);
}

// --- against the plain calls
// -----------------------------------------------------------------------------------------

/// What the C library's call gives.
fn plain(result: libc::ssize_t) -> Result<i64, Errno> {
    match result {
        -1 => Errno::decode(-(std::io::Error::last_os_error().raw_os_error().unwrap() as isize))
            .map(|_| unreachable!()),
        result => Ok(result as i64),
    }
}

impl Context {
    /// What becomes of one request, whether the kernel refuses it or tells in its event.
    ///
    /// # Safety
    ///
    /// As of [`io_submit`]; the request is done when this returns.
    unsafe fn outcome(&self, mut request: iocb) -> Result<i64, Errno> {
        // SAFETY: passed on.
        unsafe { self.submit(&[&mut request])? };
        let result = self.reap(1)[0].res;
        Errno::decode(result as isize).map(|_| result)
    }
}

#[test]
fn fsync_ends_as_fsync_does() {
    let context = Context::new(1);
    let written = tempfile::NamedTempFile::new().unwrap();
    let (read_only, folder) = (
        File::open(written.path()).unwrap(),
        File::open(written.path().parent().unwrap()).unwrap(),
    );
    let (path, null) = (
        File::options().custom_flags(libc::O_PATH).read(true).open("/").unwrap(),
        File::open("/dev/null").unwrap(),
    );
    let ((reader, writer), counter, (socket, _)) = (pipe(), eventfd(), pair());
    let files: [BorrowedFd<'_>; 9] = [
        written.as_fd(),
        read_only.as_fd(),
        folder.as_fd(),
        path.as_fd(),
        null.as_fd(),
        reader.as_fd(),
        writer.as_fd(),
        counter.as_fd(),
        socket.as_fd(),
    ];
    for (at, file) in files.iter().enumerate() {
        // SAFETY: it takes no pointer.
        let (fsync, fdatasync) =
            unsafe { (libc::fsync(file.as_raw_fd()), libc::fdatasync(file.as_raw_fd())) };
        for (opcode, result) in [(IOCB_CMD_FSYNC, fsync), (IOCB_CMD_FDSYNC, fdatasync)] {
            // The two agree in their errors.
            let expected = if result == 0 { Ok(0) } else { plain(-1) };
            // SAFETY: a sync has no buffer.
            assert_eq!(
                unsafe { context.outcome(request(opcode, file, ptr::null(), 0, 0)) },
                expected,
                "file {at}"
            );
        }
    }
}

#[test]
fn poll_ends_as_poll_does() {
    let context = Context::new(1);
    let (near, far) = pair();
    (&far).write_all(b"x").unwrap();
    let (alone, peer) = pair();
    drop(peer);
    let (reader, writer) = pipe();
    let (widow, _) = pipe();
    let (counter, regular) = (eventfd(), file(1));
    let files = [
        near.as_fd(),
        alone.as_fd(),
        writer.as_fd(),
        widow.as_fd(),
        counter.as_fd(),
        regular.as_fd(),
    ];
    for (at, file) in files.iter().enumerate() {
        for asked in [
            libc::POLLIN,
            libc::POLLOUT,
            libc::POLLIN | libc::POLLOUT,
            libc::POLLRDHUP | libc::POLLOUT,
        ] {
            let mut expected = libc::pollfd { fd: file.as_raw_fd(), events: asked, revents: 0 };
            // SAFETY: one structure.
            unsafe { libc::poll(&raw mut expected, 1, 0) };
            if expected.revents != 0 {
                // SAFETY: a poll has no buffer.
                let mask = unsafe { context.outcome(poll(file, asked, 0)) };
                assert_eq!(mask, Ok(expected.revents as i64), "file {at}, {asked:#x}");
            }
        }
    }
    drop(reader);
}

/// `RWF_NOWAIT` where there is nothing to read, and where there is; `RWF_APPEND` where the offset
/// says otherwise.
#[test]
fn flags_do_what_they_do_to_preadv2_and_pwritev2() {
    let context = Context::new(1);
    let mut buffer = [0u8; 8];
    let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let flagged = |opcode, file: &dyn AsRawFd, offset, flags| {
        let both = request(opcode, &file.as_raw_fd(), (&raw const vector).cast(), 1, offset);
        iocb { aio_rw_flags: flags, ..both }
    };
    let mut cached = file(8);
    cached.read_to_end(&mut Vec::new()).unwrap();
    let ((reader, mut writer), (socket, far)) = (pipe(), pair());
    let sources: [(&str, &dyn AsRawFd, i64); 3] =
        [("file", &cached, 0), ("pipe", &reader, -1), ("socket", &socket, -1)];
    for full in [false, true] {
        for (name, source, offset) in sources {
            for flags in [RWF_NOWAIT, RWF_NOWAIT | RWF_HIPRI] {
                if full && name != "file" {
                    // One for each of the two.
                    writer.write_all(&[1; 16]).unwrap();
                    (&far).write_all(&[1; 16]).unwrap();
                }
                // SAFETY: the vector is of one buffer, which nobody else uses.
                let expected = plain(unsafe {
                    libc::preadv2(source.as_raw_fd(), &raw const vector, 1, offset as _, flags)
                });
                // An offset of -1 is what the plain call has for a file without offsets, which has
                // no use for any.
                let read = flagged(IOCB_CMD_PREADV, source, offset.max(0), flags);
                // SAFETY: as above; the request is done when this returns.
                assert_eq!(
                    unsafe { context.outcome(read) },
                    expected,
                    "{name}, full: {full}, {flags:#x}"
                );
            }
        }
    }

    let files = [file(10), file(10)];
    for flags in [0, RWF_APPEND, RWF_APPEND | RWF_DSYNC] {
        // SAFETY: as above.
        let expected =
            plain(unsafe { libc::pwritev2(files[0].as_raw_fd(), &raw const vector, 1, 4, flags) });
        // SAFETY: as above.
        assert_eq!(
            unsafe { context.outcome(flagged(IOCB_CMD_PWRITEV, &files[1], 4, flags)) },
            expected,
            "{flags:#x}"
        );
        let [theirs, ours] = files.each_ref().map(|file| file.metadata().unwrap().len());
        assert_eq!(ours, theirs, "{flags:#x}");
    }
}

// --- io_cancel
// ----------------------------------------------------------------------------------------------------

#[test]
fn a_poll_is_cancelled_by_an_error_and_a_result_of_zero() {
    let context = Context::new(1);
    let (reader, _writer) = pair();
    let mut request = poll(&reader, libc::POLLIN, 9);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&[&mut request]) }, Ok(1));
    let mut result = io_event { data: 77, ..io_event::default() };
    assert_eq!(io_cancel(context.0, &request, &mut result), Err(Errno::EINPROGRESS));
    assert_eq!(result.data, 77, "never written");
    let event = context.reap(1)[0];
    assert_eq!((event.data, event.res), (9, 0));
    assert_eq!(
        io_cancel(context.0, &request, &mut result),
        Err(Errno::EINVAL),
        "there is nothing left to cancel"
    );
    assert_eq!(io_cancel(ContextId::NONE, &request, &mut result), Err(Errno::EINVAL));
}

// --- io_getevents and io_pgetevents
// -------------------------------------------------------------------------------

#[test]
fn waiting_takes_as_long_as_it_was_told() {
    let context = Context::new(1);
    let mut events = [io_event::default()];
    let wait = timespec { tv_sec: 0, tv_nsec: 30_000_000 };
    for (name, waited) in [
        ("io_getevents", &mut || {
            io_getevents(context.0, 1, &mut events, Some(&wait)) as Result<usize, Errno>
        }),
        ("io_pgetevents", &mut || {
            io_pgetevents(
                context.0,
                1,
                &mut [io_event::default()],
                Some(&wait),
                Some(&sigset_t::default()),
            )
        }),
    ] as [(&str, &mut dyn FnMut() -> Result<usize, Errno>); 2]
    {
        let start = Instant::now();
        assert_eq!(waited(), Ok(0), "{name}");
        assert!(
            start.elapsed() >= Duration::from_millis(30),
            "{name} came back after {:?}",
            start.elapsed()
        );
    }
    let long = timespec { tv_sec: 1000, tv_nsec: 0 };
    assert_eq!(
        io_getevents(context.0, 0, &mut events, Some(&long)),
        Ok(0),
        "a minimum of 0 never waits"
    );
}

#[test]
fn einval_of_getevents() {
    let context = Context::new(1);
    let mut events = [io_event::default()];
    assert_eq!(
        io_getevents(context.0, 2, &mut events, None),
        Err(Errno::EINVAL),
        "more than there is room for"
    );
    assert_eq!(io_getevents(ContextId::NONE, 0, &mut events, None), Err(Errno::EINVAL));
    assert_eq!(io_pgetevents(ContextId::NONE, 0, &mut events, None, None), Err(Errno::EINVAL));
}

#[test]
fn events_beyond_the_slice_stay_in_the_ring() {
    let context = Context::new(3);
    let (_reader, writer) = pair();
    let mut polls = [1, 2, 3].map(|data| poll(&writer, libc::POLLOUT, data));
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&polls.each_mut()) }, Ok(3));
    let mut events = [io_event::default(); 2];
    assert_eq!(io_getevents(context.0, 1, &mut events, None), Ok(2));
    assert_eq!(io_getevents(context.0, 1, &mut events, None), Ok(1));
}

/// A signal that the mask lets through ends the wait; nothing was read, so it is an error.
#[test]
fn a_signal_ends_the_wait() {
    extern "C" fn nothing(_: i32) {}
    in_child(|| {
        let context = Context::new(1);
        // SAFETY: the handler does nothing; the signal is blocked and pending when the call below
        // begins.
        unsafe {
            libc::signal(common::SIGUSR1, nothing as extern "C" fn(i32) as libc::sighandler_t);
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut blocked, common::SIGUSR1);
            libc::sigprocmask(common::SIG_BLOCK, &blocked, ptr::null_mut());
            libc::raise(common::SIGUSR1);
        }
        let mut events = [io_event::default()];
        let wait = timespec { tv_sec: 10, tv_nsec: 0 };
        let none_blocked = sigset_t::default();
        io_pgetevents(context.0, 1, &mut events, Some(&timespec { tv_sec: 0, tv_nsec: 1 }), None)
            == Ok(0)
            && io_pgetevents(context.0, 1, &mut events, Some(&wait), Some(&none_blocked))
                == Err(Errno::EINTR)
    });
}

/// One signal of each word of the mask, the kernel's first and last among them: those that it
/// blocks do not end the wait, that which it lets through does, its handler runs, and the thread's
/// own mask is as before.
#[test]
fn the_mask_is_in_force_while_it_waits() {
    static RUNS: AtomicI32 = AtomicI32::new(0);
    extern "C" fn count(signal: i32) {
        RUNS.fetch_add(signal, Ordering::Relaxed);
    }
    in_child(|| {
        let context = Context::new(1);
        let last = libc::SIGRTMAX();
        let signals = [libc::SIGHUP, 31, 33 + 1, last - 1, last];
        let mask_of = |signals: &[i32]| {
            let mut mask = sigset_t::default();
            let bits = core::ffi::c_ulong::BITS as usize;
            for signal in signals.iter().map(|&signal| signal as usize - 1) {
                mask.sig[signal / bits] |= 1 << (signal % bits);
            }
            mask
        };
        // SAFETY: sets that the C library fills in.
        let blocked = || unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(common::SIG_BLOCK, ptr::null(), &raw mut set);
            signals.map(|signal| libc::sigismember(&raw const set, signal))
        };
        // SAFETY: the handler adds to a number; all of the signals are blocked before one is
        // pending.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            for signal in signals {
                libc::signal(signal, count as extern "C" fn(i32) as libc::sighandler_t);
                libc::sigaddset(&raw mut set, signal);
            }
            libc::pthread_sigmask(common::SIG_BLOCK, &raw const set, ptr::null_mut());
        }
        let soon = timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let wait = |mask: sigset_t| {
            io_pgetevents(context.0, 1, &mut [io_event::default()], Some(&soon), Some(&mask))
        };
        for signal in signals {
            // SAFETY: the signal is blocked, and stays pending.
            unsafe { libc::raise(signal) };
            assert_eq!(wait(mask_of(&signals)), Ok(0), "{signal} is blocked");
            assert_eq!(RUNS.swap(0, Ordering::Relaxed), 0);
            let others: Vec<_> = signals.into_iter().filter(|&other| other != signal).collect();
            assert_eq!(wait(mask_of(&others)), Err(Errno::EINTR), "{signal} is let through");
            assert_eq!(RUNS.swap(0, Ordering::Relaxed), signal);
            assert_eq!(blocked(), [1; 5], "after the wait");
        }
        true
    });
}

/// Seconds that are nothing in their lower half: with 32-bit seconds this would be no wait at all.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
#[test]
fn time64_waits_for_what_its_upper_half_says() {
    let context = Context::new(1);
    let (reader, mut writer) = pair();
    let mut poll = poll(&reader, libc::POLLIN, 3);
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&[&mut poll]) }, Ok(1));
    let wait = |seconds, nanoseconds| {
        let mut time = __kernel_timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let mut event = io_event::default();
        // SAFETY: one event, a time to read, no mask.
        let result = unsafe {
            raw::io_pgetevents_time64(
                context.0.as_raw(),
                1,
                1,
                &raw mut event,
                &raw mut time,
                ptr::null(),
            )
        };
        Errno::decode(result).map(|count| (count, event.data))
    };
    let start = Instant::now();
    assert_eq!(wait(0, 50_000_000), Ok((0, 0)));
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "it came back after {:?}",
        start.elapsed()
    );
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            writer.write_all(b"x").unwrap();
        });
        assert_eq!(wait(1 << 32, 0), Ok((1, 3)));
    });
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "it came back after {:?}",
        start.elapsed()
    );
}

#[test]
fn an_eventfd_counts_completions() {
    let context = Context::new(2);
    let (_reader, writer) = pair();
    let counter = eventfd();
    let mut polls = [1, 2].map(|data| poll(&writer, libc::POLLOUT, data));
    for request in &mut polls {
        request.aio_flags = IOCB_FLAG_RESFD;
        request.aio_resfd = counter.as_raw_fd() as u32;
    }
    // SAFETY: a poll has no buffer.
    assert_eq!(unsafe { context.submit(&polls.each_mut()) }, Ok(2));
    context.reap(2);
    let mut count = 0u64;
    // SAFETY: the eventfd gives 8 bytes.
    assert_eq!(unsafe { libc::read(counter.as_raw_fd(), (&raw mut count).cast(), 8) }, 8);
    assert_eq!(count, 2);
}

// --- what is not touched
// ----------------------------------------------------------------------------------------------

#[test]
fn errno_is_left_alone() {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() = 4242 };
    assert_eq!(io_setup(0, &mut { ContextId::NONE }), Err(Errno::EINVAL));
    // SAFETY: as above.
    assert_eq!(unsafe { *libc::__errno_location() }, 4242);
}

#[test]
fn a_forked_child_has_no_context() {
    let context = Context::new(1);
    in_child(|| io_getevents(context.0, 0, &mut [io_event::default()], None) == Err(Errno::EINVAL));
}

#[test]
fn contexts_give_their_quota_back() {
    in_child(|| {
        let before = aio_nr();
        let context = Context::new(5000);
        let during = aio_nr();
        drop(context);
        // Other tests come and go beside this one, with a few requests each.
        during >= before + 4000 && aio_nr() + 4000 <= during
    });
}
