//! 64-bit arguments on this kernel: one signature on every target, compared with the C library.

use aio_sys::{Errno, raw};
use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use tempfile::NamedTempFile;

/// Both halves are different, and neither is zero.
const FAR: i64 = (5 << 32) + 0x1234_5000;

fn sparse() -> NamedTempFile {
    NamedTempFile::new().unwrap()
}

/// Two calls whose 64-bit arguments would leave a register unused on some architectures, which have
/// separate calls, with another order.
///
/// # Safety
///
/// The call takes no pointer.
unsafe fn sync_file_range(fd: i32, offset: i64, bytes: i64, flags: u32) -> isize {
    // SAFETY: the caller upholds the contract of the call.
    unsafe {
        #[cfg(any(target_arch = "arm", target_arch = "powerpc", target_arch = "powerpc64"))]
        return raw::sync_file_range2(fd, flags, offset, bytes);
        #[cfg(not(any(
            target_arch = "arm",
            target_arch = "powerpc",
            target_arch = "powerpc64"
        )))]
        return raw::sync_file_range(fd, offset, bytes, flags);
    }
}

/// # Safety
///
/// The call takes no pointer.
unsafe fn fadvise64(fd: i32, offset: i64, bytes: i32, advice: i32) -> isize {
    // SAFETY: the caller upholds the contract of the call.
    unsafe {
        #[cfg(target_arch = "arm")]
        return raw::arm_fadvise64_64(fd, advice, offset, bytes.into());
        #[cfg(not(target_arch = "arm"))]
        return raw::fadvise64(fd, offset, bytes as _, advice);
    }
}

#[track_caller]
fn ok(result: isize) -> usize {
    Errno::decode(result).unwrap()
}

#[test]
fn pread64_and_pwrite64_beyond_4_gib() {
    let file = sparse();
    let fd = file.as_raw_fd();
    // SAFETY: the buffer is four bytes long.
    let written = ok(unsafe { raw::pwrite64(fd as u32, b"far!".as_ptr().cast(), 4, FAR) });
    assert_eq!((written, file.as_file().metadata().unwrap().len()), (4, FAR as u64 + 4));
    let mut theirs = [0u8; 4];
    // SAFETY: the buffer is four bytes long.
    let read = unsafe { libc::pread64(fd, theirs.as_mut_ptr().cast(), 4, FAR) };
    assert_eq!((read, &theirs), (4, b"far!"));

    file.as_file().write_all_at(b"near", FAR as u64 - 4).unwrap();
    let mut ours = [0u8; 8];
    // SAFETY: the buffer is eight bytes long.
    let read = ok(unsafe { raw::pread64(fd as u32, ours.as_mut_ptr().cast(), 8, FAR - 4) });
    assert_eq!((read, &ours), (8, b"nearfar!"));
    // SAFETY: the buffer is eight bytes long.
    let negative = unsafe { raw::pread64(fd as u32, ours.as_mut_ptr().cast(), 8, -1) };
    assert_eq!(Errno::decode(negative), Err(Errno::EINVAL), "the sign is in the other half");
}

#[test]
fn preadv_takes_the_low_half_first() {
    let file = sparse();
    file.as_file().write_all_at(b"far!", FAR as u64).unwrap();
    let mut buffer = [0u8; 4];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 4 };
    let (fd, vector) = (file.as_raw_fd() as libc::c_ulong, (&raw mut vector).cast());
    // x32's entry point takes the offset in one.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
    // SAFETY: the vector is of one buffer, four bytes long.
    let read = unsafe { raw::preadv(fd, vector, 1, FAR) };
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
    // SAFETY: the vector is of one buffer, four bytes long.
    let read = unsafe {
        raw::preadv(fd, vector, 1, FAR as libc::c_ulong, (FAR as u64 >> 32) as libc::c_ulong)
    };
    assert_eq!((ok(read), &buffer), (4, b"far!"));
}

#[test]
fn lengths_beyond_4_gib() {
    let file = sparse();
    let (fd, path) = (file.as_raw_fd(), CString::new(file.path().as_os_str().as_bytes()).unwrap());
    let length = || file.as_file().metadata().unwrap().len();
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    {
        // SAFETY: it takes no pointer.
        ok(unsafe { raw::ftruncate64(fd as u32, FAR) });
        assert_eq!(length(), FAR as u64);
        // SAFETY: the path is a C string.
        ok(unsafe { raw::truncate64(path.as_ptr(), FAR + 1) });
    }
    #[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
    {
        // SAFETY: it takes no pointer.
        ok(unsafe { raw::ftruncate(fd as u32, FAR as _) });
        assert_eq!(length(), FAR as u64);
        // SAFETY: the path is a C string.
        ok(unsafe { raw::truncate(path.as_ptr(), FAR + 1) });
    }
    assert_eq!(length(), FAR as u64 + 1);
}

#[test]
fn two_64_bit_arguments_in_six_registers() {
    let (ours, theirs) = (sparse(), sparse());
    let (fd, other) = (ours.as_raw_fd(), theirs.as_raw_fd());
    // FALLOC_FL_KEEP_SIZE is 1: blocks, and no length.
    for (mode, offset, length) in
        [(0, FAR, 8192), (1, FAR + (1 << 20), 4096), (0, 0, 4096), (0, FAR, -1), (0, -1, 1)]
    {
        // SAFETY: it takes no pointer.
        let mine = Errno::decode(unsafe { raw::fallocate(fd, mode, offset, length) });
        // SAFETY: it takes no pointer.
        let libc = match unsafe { libc::fallocate64(other, mode, offset, length) } {
            0 => Ok(0),
            _ => Err(std::io::Error::last_os_error().raw_os_error().unwrap()),
        };
        assert_eq!(mine.map_err(|errno| errno.raw_os_error()), libc, "{mode} {offset} {length}");
    }
    let [mine, libc] = [&ours, &theirs].map(|file| file.as_file().metadata().unwrap());
    assert_eq!((mine.len(), mine.blocks()), (libc.len(), libc.blocks()));
    assert_eq!(mine.len(), FAR as u64 + 8192);

    // SAFETY: it takes no pointer.
    assert_eq!(ok(unsafe { sync_file_range(fd, FAR, 8192, libc::SYNC_FILE_RANGE_WRITE) }), 0);
    for (offset, bytes, flags) in [(FAR, -FAR - 1, 0), (-1, 1, 0), (FAR, 1, 1 << 31)] {
        // SAFETY: it takes no pointer.
        let refused = unsafe { sync_file_range(fd, offset, bytes, flags) };
        assert_eq!(Errno::decode(refused), Err(Errno::EINVAL), "{offset} {bytes} {flags}");
    }
}

#[test]
fn a_64_bit_argument_in_the_middle() {
    let (directory, flags) = (File::open("/").unwrap(), libc::FAN_MARK_ADD);
    // The mask is checked before the descriptor: a mask with wrong bits in both halves is refused
    // first.
    for (mask, expected) in [(1u64, Errno::EBADF), (0, Errno::EINVAL), (1 << 63, Errno::EINVAL)] {
        // SAFETY: the path is null, which is allowed.
        let ours =
            unsafe { raw::fanotify_mark(-1, flags, mask, directory.as_raw_fd(), std::ptr::null()) };
        // SAFETY: the path is null, which is allowed.
        let theirs = unsafe {
            libc::fanotify_mark(-1, flags, mask, directory.as_raw_fd(), std::ptr::null())
        };
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap();
        assert_eq!((theirs, Errno::decode(ours)), (-1, Err(expected)), "{mask:#x}");
        assert_eq!(expected.raw_os_error(), errno, "{mask:#x}");
    }
}

#[test]
fn readahead_and_fadvise_reach_the_file() {
    let mut file = sparse();
    file.write_all(b"x").unwrap();
    let fd = file.as_raw_fd();
    // SAFETY: it takes no pointer.
    assert_eq!(ok(unsafe { raw::readahead(fd, FAR, 4096) }), 0);
    // SAFETY: it takes no pointer.
    let advised = unsafe { fadvise64(fd, FAR, 4096, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(ok(advised), 0);
    // SAFETY: it takes no pointer.
    let refused = unsafe { fadvise64(fd, FAR, 4096, 99) };
    assert_eq!(Errno::decode(refused), Err(Errno::EINVAL), "the advice comes after both halves");
}

/// Calls whose prototype depends on the architecture have a function here, with the types of this
/// architecture.
#[test]
fn every_variant_has_a_function() {
    #[cfg(any(target_arch = "x86", all(target_arch = "x86_64", target_pointer_width = "64")))]
    use std::ffi::c_ulong;
    use std::ffi::{c_char, c_int, c_uint};
    let _: unsafe fn(c_int, c_uint, u64, c_int, *const c_char) -> isize = raw::fanotify_mark;
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    let _: unsafe fn(c_ulong, c_ulong, *mut c_int, *mut c_int, c_ulong) -> isize = raw::clone;
    #[cfg(target_arch = "x86")]
    {
        let _: unsafe fn(c_ulong, c_ulong, *mut c_int, c_ulong, *mut c_int) -> isize = raw::clone;
        let _: unsafe fn(c_int, c_int, c_ulong) -> isize = raw::sigsuspend;
        let _: unsafe fn(i32, *mut aio_sys::types::old_timespec32) -> isize = raw::clock_settime;
        use aio_sys::types::old_itimerspec32;
        let _: unsafe fn(c_int, c_int, *const old_itimerspec32, *mut old_itimerspec32) -> isize =
            raw::timerfd_settime;
        let _: unsafe fn(*mut std::ffi::c_void) -> isize = raw::set_thread_area;
        let _: unsafe fn(*mut std::ffi::c_void) -> isize = raw::get_thread_area;
    }
}
