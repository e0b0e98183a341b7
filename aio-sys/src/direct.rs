//! The alignment that `O_DIRECT` requires.

use crate::sys::errno::Errno;
use crate::sys::raw;
use crate::sys::target::uapi::{AT_EMPTY_PATH, STATX_DIOALIGN};
use crate::sys::target::uapi_of_arch::BLKSSZGET;
use core::ffi::c_int;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// The alignment that direct I/O (`O_DIRECT`) on a file requires. A request with another alignment
/// yields `EINVAL`, or goes through the page cache.
///
/// [How to use it](crate::howto#direct-io-o_direct), with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DirectAlignment {
    /// The alignment of a buffer's address, in bytes: a power of two.
    pub memory: usize,
    /// The alignment of offsets in the file and of lengths, in bytes: a power of two. On a disk,
    /// the size of its logical sectors.
    pub offset: usize,
    /// Where the values come from.
    pub source: AlignmentSource,
}

/// Where the values of a [`DirectAlignment`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlignmentSource {
    /// The kernel reports it for the file: statx(2) with `STATX_DIOALIGN`, since Linux 6.1 on ext4,
    /// F2FS, XFS and block devices, later on others.
    Statx,
    /// The size of a block device's logical sectors, by ioctl(2) with `BLKSSZGET`. It is always
    /// enough; memory may need less.
    Sector,
    /// The kernel does not report it. It is the file system's preferred size of a transfer
    /// (`st_blksize`), at least 4096 bytes and at most 64 KiB, which is enough for disks with
    /// sectors of up to 4096 bytes. The file may not support direct I/O at all.
    Guess,
}

impl DirectAlignment {
    /// The alignment for a file, which need not be open with `O_DIRECT`. `None` if the kernel
    /// reports that the file does not support direct I/O.
    ///
    /// # Kernel
    ///
    /// statx(2) since Linux 4.11, `STATX_DIOALIGN` since Linux 6.1; `include/uapi/linux/stat.h`. On
    /// older kernels, or if a seccomp filter forbids statx(2), it is determined in another way: see
    /// [`AlignmentSource`].
    pub fn of(fd: impl AsFd) -> Option<DirectAlignment> {
        let fd = fd.as_fd();
        let (memory, offset, source) = match statx(fd) {
            Ok(stat) if stat.mask & STATX_DIOALIGN != 0 => {
                (stat.dio_mem_align, stat.dio_offset_align, AlignmentSource::Statx)
            }
            _ => {
                // SAFETY: `fd` is borrowed for the whole block, and `ManuallyDrop` prevents that
                // the `File` closes it.
                let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd.as_raw_fd()) });
                let meta = file.metadata().ok();
                let is_device =
                    meta.as_ref().is_some_and(|meta| meta.file_type().is_block_device());
                match is_device.then(|| sector_size(fd)).flatten() {
                    Some(size) => (size, size, AlignmentSource::Sector),
                    None => {
                        let preferred = meta.map_or(0, |meta| meta.blksize());
                        let size = preferred.clamp(4096, 64 << 10).next_power_of_two() as u32;
                        (size, size, AlignmentSource::Guess)
                    }
                }
            }
        };
        let (memory, offset) = (memory as usize, offset as usize);
        (memory > 0 && offset > 0).then_some(DirectAlignment { memory, offset, source })
    }

    /// One alignment for buffers, lengths and offsets alike, in bytes: the larger of
    /// [`memory`](Self::memory) and [`offset`](Self::offset), and at least 512, as
    /// [`AlignedBuf::new`](crate::AlignedBuf::new) requires.
    pub fn block(&self) -> usize {
        self.memory.max(self.offset).max(512)
    }
}

/// `struct statx` of `include/uapi/linux/stat.h`: the fields that are read here, and room for the
/// others.
#[repr(C)]
struct Statx {
    mask: u32,
    other: [u32; 37],
    dio_mem_align: u32,
    dio_offset_align: u32,
    more: [u32; 24],
}

fn statx(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    let mut stat =
        Statx { mask: 0, other: [0; 37], dio_mem_align: 0, dio_offset_align: 0, more: [0; 24] };
    // SAFETY: the path is a NUL-terminated string, which the kernel only reads; it writes only to
    // `stat`, which has the size of `struct statx`.
    let result = unsafe {
        raw::statx(
            fd.as_raw_fd(),
            c"".as_ptr(),
            AT_EMPTY_PATH,
            STATX_DIOALIGN,
            (&raw mut stat).cast(),
        )
    };
    Errno::decode(result).map(|_| stat)
}

/// The size of a block device's logical sectors.
fn sector_size(fd: BorrowedFd<'_>) -> Option<u32> {
    let mut size: c_int = 0;
    let size_at = (&raw mut size).expose_provenance();
    // SAFETY: `fd` is a block device, for which `BLKSSZGET` writes one `int`, to `size`.
    let result = unsafe { raw::ioctl(fd.as_raw_fd() as _, BLKSSZGET, size_at as _) };
    let size = Errno::decode(result).ok().map(|_| size)?;
    u32::try_from(size).ok().filter(|size| size.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn the_structure_is_that_of_the_c_library() {
        assert_eq!(size_of::<Statx>(), size_of::<libc::statx>());
        assert_eq!(
            [
                offset_of!(Statx, mask),
                offset_of!(Statx, dio_mem_align),
                offset_of!(Statx, dio_offset_align),
            ],
            [
                offset_of!(libc::statx, stx_mask),
                offset_of!(libc::statx, stx_dio_mem_align),
                offset_of!(libc::statx, stx_dio_offset_align),
            ]
        );
        assert_eq!(
            (AT_EMPTY_PATH, STATX_DIOALIGN, BLKSSZGET as libc::Ioctl),
            (libc::AT_EMPTY_PATH as u32, libc::STATX_DIOALIGN, libc::BLKSSZGET)
        );
    }
}
