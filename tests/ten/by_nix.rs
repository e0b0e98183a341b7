//! With `nix`, which has three of them.

use nix::fcntl::{self, OFlag, OpenHow, ResolveFlag};
use nix::sys::memfd::{self, MFdFlags};
use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

pub fn openat2(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlag,
    resolve: ResolveFlag,
) -> io::Result<OwnedFd> {
    Ok(fcntl::openat2(dir, path, OpenHow::new().flags(flags).resolve(resolve))?)
}

pub fn copy_file_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    Ok(fcntl::copy_file_range(from, None, to, None, len)?)
}

pub fn memfd_create(name: &CStr) -> io::Result<OwnedFd> {
    Ok(memfd::memfd_create(name, MFdFlags::MFD_CLOEXEC)?)
}
