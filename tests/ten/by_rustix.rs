//! With `rustix`, which has eight of them.

use rustix::event::epoll;
use rustix::fs::{
    self, AtFlags, MemfdFlags, Mode, OFlags, RawDir, ResolveFlags, Statx, StatxFlags,
};
use rustix::process::{self, Pid, PidfdFlags};
use rustix::{event::Timespec, thread::futex as futexes};
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;

pub fn openat2(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> io::Result<OwnedFd> {
    Ok(fs::openat2(dir, path, flags, Mode::empty(), resolve)?)
}

pub fn statx(dir: BorrowedFd<'_>, path: &CStr) -> io::Result<Statx> {
    Ok(fs::statx(dir, path, AtFlags::empty(), StatxFlags::BASIC_STATS)?)
}

pub fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    Ok(fs::copy_file_range(from, None, to, None, len)?)
}

pub fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    Ok(process::pidfd_open(pid, PidfdFlags::empty())?)
}

pub fn futex(word: &AtomicU32, count: u32) -> io::Result<usize> {
    Ok(futexes::wake(word, futexes::Flags::PRIVATE, count)?)
}

pub fn getdents64<'b>(
    dir: BorrowedFd<'b>,
    buffer: &'b mut [MaybeUninit<u8>],
) -> RawDir<'b, BorrowedFd<'b>> {
    RawDir::new(dir, buffer)
}

pub fn memfd_create(name: &CStr) -> io::Result<OwnedFd> {
    Ok(fs::memfd_create(name, MemfdFlags::CLOEXEC)?)
}

pub fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [epoll::Event],
    timeout: &Timespec,
) -> io::Result<usize> {
    Ok(epoll::wait(epoll, events, Some(timeout))?)
}
