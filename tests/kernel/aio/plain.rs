//! Requests against the synchronous calls of the C library.

use super::*;

/// The result of the C library's call.
fn plain(result: libc::ssize_t) -> Result<i64, Errno> {
    match result {
        -1 => Errno::decode(-(std::io::Error::last_os_error().raw_os_error().unwrap() as isize))
            .map(|_| unreachable!()),
        result => Ok(result as i64),
    }
}

impl Context {
    /// The result of one request: the error of io_submit, or the result in its event.
    ///
    /// # Safety
    ///
    /// Same as [`io_submit`]; the request has completed when this returns.
    pub(super) unsafe fn outcome(&self, mut request: iocb) -> Result<i64, Errno> {
        // SAFETY: the caller upholds the contract of the call.
        unsafe { self.submit(&mut [&mut request])? };
        let result = self.reap(1)[0].res;
        Errno::decode(result as isize).map(|_| result)
    }
}

#[test]
fn fsync_ends_as_fsync_does() {
    let context = Context::new(1);
    let written = tempfile::NamedTempFile::new().unwrap();
    let (read_only, directory) = (
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
        directory.as_fd(),
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
            // Both return the same errors.
            let expected = if result == 0 { Ok(0) } else { plain(-1) };
            let sync = new_request(opcode, file, ptr::null(), 0, 0);
            // SAFETY: a sync has no buffer.
            assert_eq!(unsafe { context.outcome(sync) }, expected, "file {at}");
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
    let (counter, regular) = (eventfd(), temp_file(1));
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
                let mask = unsafe { context.outcome(poll_request(file, asked, 0)) };
                assert_eq!(mask, Ok(expected.revents as i64), "file {at}, {asked:#x}");
            }
        }
    }
    drop(reader);
}

/// `RWF_NOWAIT` with and without data to read; `RWF_APPEND` with another offset.
#[test]
fn flags_do_what_they_do_to_preadv2_and_pwritev2() {
    let context = Context::new(1);
    let mut buffer = [0u8; 8];
    let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let flagged = |opcode, file: &dyn AsRawFd, offset, flags| {
        let both = new_request(opcode, &file.as_raw_fd(), (&raw const vector).cast(), 1, offset);
        iocb { aio_rw_flags: flags, ..both }
    };
    let mut cached = temp_file(8);
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
                // An offset of -1 is what the plain call has for a file without offsets, which
                // ignores it.
                let read = flagged(IOCB_CMD_PREADV, source, offset.max(0), flags);
                // SAFETY: nothing uses the buffers until this returns, when the request has
                // completed.
                let outcome = unsafe { context.outcome(read) };
                assert_eq!(outcome, expected, "{name}, full: {full}, {flags:#x}");
            }
        }
    }

    let files = [temp_file(10), temp_file(10)];
    for flags in [0, RWF_APPEND, RWF_APPEND | RWF_DSYNC] {
        // SAFETY: nothing uses the buffers until this returns, when the request has completed.
        let expected =
            plain(unsafe { libc::pwritev2(files[0].as_raw_fd(), &raw const vector, 1, 4, flags) });
        let write = flagged(IOCB_CMD_PWRITEV, &files[1], 4, flags);
        // SAFETY: the buffers outlive this, and the request is done when it returns.
        assert_eq!(unsafe { context.outcome(write) }, expected, "{flags:#x}");
        let [theirs, ours] = files.each_ref().map(|file| file.metadata().unwrap().len());
        assert_eq!(ours, theirs, "{flags:#x}");
    }
}
