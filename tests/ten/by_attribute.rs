//! With `#[syscall]`; structures of `linux-raw-sys`.

use aio_sys::types::__kernel_timespec;
use aio_sys::{ReadOnly, syscall};
use linux_raw_sys::general::*;
use linux_raw_sys::landlock::landlock_ruleset_attr;
use std::ffi::CStr;
use std::io;
use std::num::Saturating;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{null, null_mut};
use std::sync::atomic::AtomicU32;

#[syscall(
    unsafe openat2(
        dir, path, ReadOnly(&open_how { flags, mode: 0, resolve }), size_of::<open_how>()
    ),
    safe = "the kernel only reads, and returns a new descriptor"
)]
pub fn openat2(dir: BorrowedFd<'_>, path: &CStr, flags: u64, resolve: u64) -> io::Result<OwnedFd>;

#[syscall(
    unsafe statx(dir, path, 0, STATX_BASIC_STATS, return),
    safe = "the kernel fills the structure"
)]
pub fn statx(dir: BorrowedFd<'_>, path: &CStr) -> io::Result<statx>;

#[syscall(unsafe copy_file_range(from, null_mut(), to, null_mut(), len, 0), safe = "no pointer")]
pub fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize>;

#[syscall(unsafe pidfd_open(pid, 0), safe = "the kernel returns a new descriptor")]
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd>;

#[syscall(
    unsafe futex(word.as_ptr(), FUTEX_WAKE_PRIVATE, count, null(), null_mut(), 0),
    safe = "the kernel looks for those who wait at the address, and touches no memory"
)]
pub fn futex(word: &AtomicU32, count: u32) -> io::Result<usize>;

#[syscall(
    unsafe getdents64(dir, buffer, Saturating(buffer.len())),
    safe = "the kernel writes only `buffer`"
)]
pub fn getdents64(dir: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize>;

#[syscall(unsafe memfd_create(name, MFD_CLOEXEC), safe = "it returns a new descriptor")]
pub fn memfd_create(name: &CStr) -> io::Result<OwnedFd>;

#[syscall(
    unsafe epoll_pwait2(epoll, events, Saturating(events.len()), timeout, null(), 0),
    safe = "the kernel writes only `events`"
)]
pub fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [epoll_event],
    timeout: &__kernel_timespec,
) -> io::Result<usize>;

#[syscall(
    unsafe mount_setattr(dir, path, 0, ReadOnly(attr), size_of::<mount_attr>()),
    safe = "the kernel only reads"
)]
pub fn mount_setattr(dir: BorrowedFd<'_>, path: &CStr, attr: &mount_attr) -> io::Result<()>;

#[syscall(
    unsafe landlock_create_ruleset(attr, size_of::<landlock_ruleset_attr>(), 0),
    safe = "the kernel reads `attr`, and returns a new descriptor"
)]
pub fn landlock_create_ruleset(attr: &landlock_ruleset_attr) -> io::Result<OwnedFd>;
