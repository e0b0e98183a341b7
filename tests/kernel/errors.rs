//! The crate's errors as those of `std`, whose numbers and kinds are the standard library's own.

use aio_sys::types::iocb;
use aio_sys::{AlignedBuf, AlignedBufError, Context, Errno, RingError};
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;

/// `std`'s view of a number, if the kernel may return it.
fn expected(number: i32) -> Option<(i32, ErrorKind)> {
    (1..=4095).contains(&number).then(|| (number, io::Error::from_raw_os_error(number).kind()))
}

#[test]
fn a_number_is_an_errno_if_the_kernel_may_return_it() {
    for number in (-4096..=8192).chain([i32::MIN, i32::MAX, 1 << 16 | libc::EINVAL]) {
        let errno = Errno::from_raw_os_error(number);
        assert_eq!(errno.map(|errno| (errno.raw_os_error(), errno.kind())), expected(number));
        let errno = Errno::from_io_error(&io::Error::from_raw_os_error(number));
        assert_eq!(errno.map(|errno| (errno.raw_os_error(), errno.kind())), expected(number));
    }
    const EBADF: Option<Errno> = Errno::from_raw_os_error(libc::EBADF);
    assert_eq!(EBADF, Some(Errno::EBADF));
    assert_eq!(Errno::from_io_error(&ErrorKind::NotFound.into()), None);
    assert_eq!(Errno::from_io_error(&io::Error::other(Errno::EBADF)), None);
}

#[test]
fn a_name_is_an_errno_if_the_target_has_it() {
    for number in 1..=4095 {
        let errno = Errno::from_raw_os_error(number).unwrap();
        if let Some(name) = errno.name() {
            assert_eq!(Errno::from_name(name), Some(errno));
        }
    }
    assert_eq!(Errno::from_name("EAGAIN").map(Errno::raw_os_error), Some(libc::EAGAIN));
    for name in ["", "eagain", "EAGAIN ", "AGAIN", "11"] {
        assert_eq!(Errno::from_name(name), None, "{name:?}");
    }
}

/// As in a program that returns `io::Result`.
#[test]
fn every_error_converts_to_io_error() {
    fn errno() -> io::Result<()> {
        Err(Errno::ENOENT)?
    }
    fn setup() -> io::Result<Context> {
        Ok(Context::new(NonZeroU32::MAX)?)
    }
    fn submit() -> io::Result<usize> {
        let context = Context::new(NonZeroU32::MIN)?;
        let mut closed = iocb { aio_fildes: u32::MAX, ..iocb::default() };
        let mut requests = [&mut closed];
        // SAFETY: the kernel refuses it, since there is no such descriptor.
        let outcome = unsafe { context.submit(&mut requests) };
        Ok(outcome.all()?)
    }
    fn ring(error: RingError) -> io::Result<()> {
        Err(error)?
    }
    fn buffer(len: usize, align: usize) -> io::Result<AlignedBuf> {
        Ok(AlignedBuf::new(len, align)?)
    }

    for (error, number) in [
        (errno().unwrap_err(), libc::ENOENT),
        (setup().unwrap_err(), libc::EINVAL),
        (submit().unwrap_err(), libc::EBADF),
    ] {
        assert_eq!(error.raw_os_error(), Some(number));
        assert_eq!(Some((number, error.kind())), expected(number));
    }

    for error in [RingError::NotARing, RingError::Incompatible, RingError::Layout] {
        let converted = ring(error).unwrap_err();
        assert_eq!(converted.kind(), ErrorKind::Unsupported);
        let inner = converted.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(inner, Some(&error));
    }
    for (len, align, kind) in [
        (1, 3, ErrorKind::InvalidInput),
        (usize::MAX, 512, ErrorKind::InvalidInput),
        (isize::MAX as usize & !4095, 512, ErrorKind::OutOfMemory),
    ] {
        let error = buffer(len, align).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.get_ref().is_some_and(|inner| inner.is::<AlignedBufError>()));
    }
}
