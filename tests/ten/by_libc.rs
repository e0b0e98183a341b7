//! With `libc`; structures of `linux-raw-sys` where it has none.

use linux_raw_sys::general::{FUTEX_WAKE_PRIVATE, mount_attr, open_how};
use linux_raw_sys::landlock::landlock_ruleset_attr;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{from_ref, null, null_mut};
use std::sync::atomic::AtomicU32;

fn count(answer: impl Into<i64>) -> io::Result<usize> {
    usize::try_from(answer.into()).map_err(|_| io::Error::last_os_error())
}

fn owned(answer: impl Into<i64>) -> io::Result<OwnedFd> {
    let descriptor = count(answer)? as i32;
    // SAFETY: each caller's call returns a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

pub fn openat2(dir: BorrowedFd<'_>, path: &CStr, flags: u64, resolve: u64) -> io::Result<OwnedFd> {
    let (how, size) = (open_how { flags, mode: 0, resolve }, size_of::<open_how>());
    // SAFETY: the kernel only reads.
    owned(unsafe {
        libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), from_ref(&how), size)
    })
}

pub fn statx(
    dir: BorrowedFd<'_>,
    path: &CStr,
    buf: &mut MaybeUninit<libc::statx>,
) -> io::Result<()> {
    let (dir, mask) = (dir.as_raw_fd(), libc::STATX_BASIC_STATS);
    // SAFETY: the kernel writes only `buf`.
    count(unsafe { libc::statx(dir, path.as_ptr(), 0, mask, buf.as_mut_ptr()) }).map(drop)
}

pub fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: no pointer.
    count(unsafe { libc::copy_file_range(from, null_mut(), to, null_mut(), len, 0) } as i64)
}

pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointer.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

pub fn futex(word: &AtomicU32, count_of: u32) -> io::Result<usize> {
    // SAFETY: the kernel touches no memory.
    count(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_WAKE_PRIVATE, count_of) })
}

pub fn getdents64(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (dir, start, len) = (dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the kernel writes only `buffer`.
    count(unsafe { libc::syscall(libc::SYS_getdents64, dir, start, len) })
}

pub fn memfd_create(name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the kernel only reads.
    owned(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })
}

pub fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: &libc::timespec,
) -> io::Result<usize> {
    let (epoll, start, len) = (epoll.as_raw_fd(), events.as_mut_ptr(), events.len());
    let (time, mask) = (from_ref(timeout), null::<libc::sigset_t>());
    // SAFETY: the kernel writes only `events`.
    count(unsafe { libc::syscall(libc::SYS_epoll_pwait2, epoll, start, len, time, mask, 0) })
}

pub fn mount_setattr(dir: BorrowedFd<'_>, path: &CStr, attr: &mount_attr) -> io::Result<()> {
    let (dir, path, size) = (dir.as_raw_fd(), path.as_ptr(), size_of::<mount_attr>());
    // SAFETY: the kernel only reads.
    let answer =
        unsafe { libc::syscall(libc::SYS_mount_setattr, dir, path, 0, from_ref(attr), size) };
    count(answer).map(drop)
}

pub fn landlock_create_ruleset(attr: &landlock_ruleset_attr) -> io::Result<OwnedFd> {
    let (attr, size) = (from_ref(attr), size_of::<landlock_ruleset_attr>());
    // SAFETY: the kernel only reads.
    owned(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, attr, size, 0) })
}
