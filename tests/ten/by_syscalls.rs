//! With the crate `syscalls`; structures of `linux-raw-sys`.

use linux_raw_sys::general::*;
use linux_raw_sys::landlock::landlock_ruleset_attr;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::from_ref;
use std::sync::atomic::AtomicU32;
use syscalls::{Errno, Sysno, syscall};

fn owned(answer: Result<usize, Errno>) -> io::Result<OwnedFd> {
    let descriptor = answer? as i32;
    // SAFETY: each caller's call returns a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

pub fn openat2(dir: BorrowedFd<'_>, path: &CStr, flags: u64, resolve: u64) -> io::Result<OwnedFd> {
    let (how, size) = (open_how { flags, mode: 0, resolve }, size_of::<open_how>());
    // SAFETY: the kernel only reads.
    owned(unsafe { syscall!(Sysno::openat2, dir.as_raw_fd(), path.as_ptr(), from_ref(&how), size) })
}

pub fn statx(dir: BorrowedFd<'_>, path: &CStr, buf: &mut MaybeUninit<statx>) -> io::Result<()> {
    let (dir, mask) = (dir.as_raw_fd(), STATX_BASIC_STATS);
    // SAFETY: the kernel writes only `buf`.
    unsafe { syscall!(Sysno::statx, dir, path.as_ptr(), 0, mask, buf.as_mut_ptr())? };
    Ok(())
}

pub fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: no pointer.
    Ok(unsafe { syscall!(Sysno::copy_file_range, from, 0, to, 0, len, 0)? })
}

pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointer.
    owned(unsafe { syscall!(Sysno::pidfd_open, pid, 0) })
}

pub fn futex(word: &AtomicU32, count: u32) -> io::Result<usize> {
    // SAFETY: the kernel touches no memory.
    Ok(unsafe { syscall!(Sysno::futex, word.as_ptr(), FUTEX_WAKE_PRIVATE, count, 0, 0, 0)? })
}

pub fn getdents64(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (dir, start, len) = (dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the kernel writes only `buffer`.
    Ok(unsafe { syscall!(Sysno::getdents64, dir, start, len)? })
}

pub fn memfd_create(name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the kernel only reads.
    owned(unsafe { syscall!(Sysno::memfd_create, name.as_ptr(), MFD_CLOEXEC) })
}

pub fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [epoll_event],
    timeout: &__kernel_timespec,
) -> io::Result<usize> {
    let (epoll, start, len) = (epoll.as_raw_fd(), events.as_mut_ptr(), events.len());
    // SAFETY: the kernel writes only `events`.
    Ok(unsafe { syscall!(Sysno::epoll_pwait2, epoll, start, len, from_ref(timeout), 0, 0)? })
}

pub fn mount_setattr(dir: BorrowedFd<'_>, path: &CStr, attr: &mount_attr) -> io::Result<()> {
    let (dir, path, size) = (dir.as_raw_fd(), path.as_ptr(), size_of::<mount_attr>());
    // SAFETY: the kernel only reads.
    unsafe { syscall!(Sysno::mount_setattr, dir, path, 0, from_ref(attr), size)? };
    Ok(())
}

pub fn landlock_create_ruleset(attr: &landlock_ruleset_attr) -> io::Result<OwnedFd> {
    let (attr, size) = (from_ref(attr), size_of::<landlock_ruleset_attr>());
    // SAFETY: the kernel only reads.
    owned(unsafe { syscall!(Sysno::landlock_create_ruleset, attr, size, 0) })
}
