//! `io_submit`: every documented error.

use super::*;

#[test]
fn einval_of_submit() {
    let context = Context::new(1);
    let file = temp_file(10);
    let mut buffer = [0u8; 16];
    let good = new_request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 16, 0);
    let refused =
        |what: &str, request: iocb| assert_eq!(context.refusal(request), Errno::EINVAL, "{what}");
    refused("reserved field", iocb { aio_reserved2: 1, ..good });
    refused("length beyond isize", iocb { aio_nbytes: u64::MAX, ..good });
    refused("unknown opcode", iocb { aio_lio_opcode: 99, ..good });
    refused("opcode that was never implemented", iocb { aio_lio_opcode: IOCB_CMD_NOOP, ..good });
    refused("negative offset", iocb { aio_offset: -1, ..good });
    refused("sync with a buffer", iocb { aio_lio_opcode: IOCB_CMD_FSYNC, ..good });
    refused("sync of what has none", new_request(IOCB_CMD_FSYNC, &eventfd(), ptr::null(), 0, 0));
    refused(
        "read of a directory",
        new_request(IOCB_CMD_PREAD, &File::open("/").unwrap(), ptr::null(), 0, 0),
    );
    refused(
        "more iovecs than 1024",
        iocb { aio_lio_opcode: IOCB_CMD_PREADV, aio_nbytes: 1025, ..good },
    );
    refused(
        "resfd that is not an eventfd",
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
    assert_eq!(unsafe { io_submit(ContextId::NONE, &mut [&mut { good }]) }, Err(Errno::EINVAL));
}

#[test]
fn efault_of_submit() {
    let context = Context::new(1);
    let file = temp_file(10);
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
        context.refusal(new_request(IOCB_CMD_PREADV, &file, nowhere, 1, 0)),
        Errno::EFAULT,
        "iovec array"
    );
    // The last page but one is the kernel's on a 64-bit kernel; a 32-bit process may own nearly all
    // that it can name. That of s390x has an address space of its own, and detects the missing page
    // only when it writes.
    if cfg!(target_pointer_width = "64") {
        let kernel = ptr::without_provenance::<u8>(usize::MAX - 8191);
        let read = new_request(IOCB_CMD_PREAD, &file, kernel, 1, 0);
        if cfg!(target_arch = "s390x") {
            // SAFETY: nothing is mapped there.
            assert_eq!(unsafe { context.outcome(read) }, Err(Errno::EFAULT));
        } else {
            assert_eq!(context.refusal(read), Errno::EFAULT, "the kernel's memory");
        }
    }
    // A request that the kernel cannot mark is refused, too.
    // SAFETY: an anonymous mapping that nobody else uses.
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
    // SAFETY: the mapping was created above, and is not used again.
    unsafe { libc::munmap(page, 4096) };
}

#[test]
fn ebadf_of_submit() {
    let context = Context::new(1);
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(b"x").unwrap();
    let read_only = File::open(path.path()).unwrap();
    let data = [0u8; 1];
    let write = new_request(IOCB_CMD_PWRITE, &read_only, data.as_ptr(), 1, 0);
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
    let file = temp_file(10);
    let mut buffer = [0u8; 1];
    let mut read = new_request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 1, 0);
    read.aio_rw_flags = 1 << 30;
    assert_eq!(context.refusal(read), Errno::EOPNOTSUPP);
    // The same bits have no effect where the kernel does not check them.
    let mut read = iocb { aio_rw_flags: 0, aio_flags: 1 << 30, ..read };
    // SAFETY: the buffer lives until the event is reaped.
    assert_eq!(unsafe { context.submit(&mut [&mut read]) }, Ok(1));
    assert_eq!(context.reap(1)[0].res, 1);
}

#[test]
fn eperm_of_submit() {
    let file = temp_file(10);
    in_child(|| {
        let context = Context::new(1);
        let mut buffer = [0u8; 1];
        let mut read = new_request(IOCB_CMD_PREAD, &file, buffer.as_mut_ptr(), 1, 0);
        read.aio_flags = IOCB_FLAG_IOPRIO;
        // The real-time class.
        read.aio_reqprio = 1 << 13;
        // SAFETY: the child gives up its privileges, and with them the right to that class.
        unsafe { libc::setresuid(65534, 65534, 65534) };
        // SAFETY: the request is refused.
        unsafe { context.submit(&mut [&mut read]) == Err(Errno::EPERM) }
    });
}

/// The other cause: an append-only file, written without append. Only root can make one, on a file
/// system with such flags.
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
    let mut write = new_request(IOCB_CMD_PWRITE, &file, b"x".as_ptr(), 1, 0);
    write.aio_rw_flags = RWF_NOAPPEND;
    // SAFETY: the byte is static.
    let refused = unsafe { context.submit(&mut [&mut write]) };
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

/// A filter, as in containers, instead of a kernel without AIO.
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
        // SAFETY: the filter answers the calls; the kernel does not run them.
        let (submitted, destroyed) =
            unsafe { (context.submit(&mut [&mut request]), io_destroy(context.0)) };
        io_setup(1, &mut { ContextId::NONE }) == Err(Errno::ENOSYS)
            && submitted == none
            && destroyed == Err(Errno::ENOSYS)
            && io_cancel(context.0, &request, &mut { io_event::default() }) == Err(Errno::ENOSYS)
            && io_getevents(context.0, 0, &mut events, None) == none
            && io_pgetevents(context.0, 0, &mut events, None, None) == none
    });
}

/// In a separate process: children of other tests would keep the closed end of the pair open.
#[test]
fn later_errors_are_reported_in_the_event() {
    in_child(|| {
        let context = Context::new(2);
        let file = temp_file(10);
        let nowhere = ptr::without_provenance::<u8>(4096);
        let mut read = new_request(IOCB_CMD_PREAD, &file, nowhere, 10, 0);
        let (deaf, speaker) = pair();
        drop(deaf);
        let mut write = new_request(IOCB_CMD_PWRITE, &speaker, b"x".as_ptr(), 1, 0);
        (read.aio_data, write.aio_data) = (1, 2);
        // SAFETY: nothing is mapped at the address of the read; the write's byte is static.
        assert_eq!(unsafe { context.submit(&mut [&mut read, &mut write]) }, Ok(2));
        let results: Vec<_> =
            context.reap(2).iter().map(|event| Errno::decode(event.res as isize)).collect();
        assert_eq!(results, [Err(Errno::EFAULT), Err(Errno::EPIPE)]);
        true
    });
}
