//! The files below a directory, by openat2(2).

use aio_sys::{Errno, ReadOnly, syscall};
use percent_encoding::percent_decode_str;
use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// `include/uapi/linux/openat2.h`
#[derive(Clone, Copy)]
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Opens a file below `dir`: since Linux 5.6.
#[syscall(
    unsafe openat2(dir, path, ReadOnly(how), size_of::<OpenHow>()),
    safe = "the kernel reads a path that ends in NUL, and as much of the structure as it has"
)]
fn openat2(dir: BorrowedFd<'_>, path: &CStr, how: &OpenHow) -> Result<OwnedFd, Errno>;

/// The directory that is served.
pub struct Root(Arc<File>);

impl Root {
    pub fn open(directory: &Path) -> io::Result<Root> {
        let root = File::open(directory)?;
        match root.metadata()?.is_dir() {
            true => Ok(Root(Arc::new(root))),
            false => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// The file of a request's path. The kernel sees to it that it is below the directory.
    pub async fn file(&self, path: &str) -> io::Result<(File, Metadata)> {
        let path: Vec<u8> = percent_decode_str(path.trim_start_matches('/')).collect();
        let path = CString::new(path)?;
        // On this thread if the kernel has all names in memory (since Linux 5.12); else on another.
        match open(self.0.as_fd(), &path, libc::RESOLVE_CACHED) {
            Err(Errno::EAGAIN | Errno::EINVAL) => {
                let root = self.0.clone();
                let found = tokio::task::spawn_blocking(move || open(root.as_fd(), &path, 0));
                regular(found.await?)
            }
            found => regular(found),
        }
    }
}

fn open(root: BorrowedFd<'_>, path: &CStr, resolve: u64) -> Result<File, Errno> {
    // A pipe or a device is opened without waiting for anything, and refused later.
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    let resolve = resolve | libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    openat2(root, path, &OpenHow { flags: flags as u64, mode: 0, resolve }).map(File::from)
}

fn regular(file: Result<File, Errno>) -> io::Result<(File, Metadata)> {
    let file = file?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(ErrorKind::NotFound.into()) }
}
