//! The kernel's structures and constants for native AIO, vectored I/O, time and signal sets, under
//! the kernel's names.
//!
//! They are those of `include/uapi/linux/aio_abi.h`, `include/uapi/linux/fs.h`,
//! `include/uapi/linux/uio.h`, `include/uapi/linux/time_types.h` and `fs/aio.c`. Sizes and offsets
//! are checked when the crate is compiled; the constants are imported.
#![allow(non_camel_case_types)]

use core::ffi::c_ulong;
use core::mem::offset_of;

pub use crate::sys::target::SIGSET_BYTES;
pub use crate::sys::target::uapi::*;
#[cfg(target_arch = "x86")]
pub use crate::sys::target::uapi_of_arch::AT_SYSINFO;
#[cfg(target_arch = "powerpc64")]
pub use crate::sys::target::uapi_of_arch::PPC_FEATURE2_SCV;

/// The id of an AIO context: the address of its completion ring in user space. 0 is not one.
pub type aio_context_t = c_ulong;

/// One request. The kernel copies it in `io_submit`; only the data buffers must outlive the
/// request.
///
/// 64 bytes on every ABI, with pointers as 64-bit integers. On big-endian ABIs the order of
/// `aio_key` and `aio_rw_flags` is reversed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct iocb {
    /// Returned as [`io_event::data`].
    pub aio_data: u64,
    /// Written by the kernel in `io_submit`, read by it in `io_cancel`.
    #[cfg(target_endian = "little")]
    pub aio_key: u32,
    /// `RWF_*`, for reads and writes; must be 0 for the others.
    pub aio_rw_flags: i32,
    /// Written by the kernel in `io_submit`, read by it in `io_cancel`.
    #[cfg(target_endian = "big")]
    pub aio_key: u32,
    /// `IOCB_CMD_*`.
    pub aio_lio_opcode: u16,
    /// The I/O priority, if `IOCB_FLAG_IOPRIO` is set.
    pub aio_reqprio: i16,
    /// The descriptor; the kernel takes its own reference in `io_submit`.
    pub aio_fildes: u32,
    /// Address of the buffer, or of the `iovec` array; the events of a poll.
    pub aio_buf: u64,
    /// Bytes, or elements of the `iovec` array.
    pub aio_nbytes: u64,
    /// Offset in the file, in bytes.
    pub aio_offset: i64,
    /// Must be 0.
    pub aio_reserved2: u64,
    /// `IOCB_FLAG_*`. The kernel ignores bits that it does not know, so `RWF_*` flags have no
    /// effect here.
    pub aio_flags: u32,
    /// The eventfd to signal, if `IOCB_FLAG_RESFD` is set.
    pub aio_resfd: u32,
}

/// A part of a vectored read or write (`include/uapi/linux/uio.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct iovec {
    /// Its address.
    pub iov_base: *mut core::ffi::c_void,
    /// Its length in bytes.
    pub iov_len: usize,
}

/// One completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct io_event {
    /// [`iocb::aio_data`] of the request.
    pub data: u64,
    /// Address of the request's `iocb`.
    pub obj: u64,
    /// Bytes transferred, the events of a poll, or `-errno`.
    pub res: i64,
    /// 0, except for USB gadgets.
    pub res2: i64,
}

/// The header of the completion ring that the kernel maps at the context's address (`fs/aio.c`).
/// `nr` [`io_event`]s follow, from `header_length` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct aio_ring {
    /// The kernel's index of the context.
    pub id: u32,
    /// The number of slots for events; one is never used.
    pub nr: u32,
    /// The slot that is read next; advanced by the reader.
    pub head: u32,
    /// The slot that is written next; advanced by the kernel.
    pub tail: u32,
    /// [`AIO_RING_MAGIC`].
    pub magic: u32,
    /// [`AIO_RING_COMPAT_FEATURES`].
    pub compat_features: u32,
    /// [`AIO_RING_INCOMPAT_FEATURES`]: a reader must not use a ring with another value.
    pub incompat_features: u32,
    /// Bytes from the start of this structure to the first event.
    pub header_length: u32,
}

/// The kernel's set of signals, [`SIGSET_BYTES`] long; the C library's is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct sigset_t {
    /// Signal `n` is bit `n - 1`, counted from the first word's lowest.
    pub sig: [c_ulong; SIGSET_BYTES / size_of::<c_ulong>()],
}

/// The signal mask of `io_pgetevents`, and its size. On x32 it has the layout of x86_64.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct __aio_sigset {
    /// The mask while waiting; null leaves the thread's mask as it is.
    pub sigmask: *const sigset_t,
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
    high_half_of_sigmask: u32,
    /// [`SIGSET_BYTES`].
    pub sigsetsize: usize,
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
    high_half_of_sigsetsize: u32,
}

impl __aio_sigset {
    /// A mask, or no mask if the pointer is null.
    pub const fn new(sigmask: *const sigset_t) -> __aio_sigset {
        __aio_sigset {
            sigmask,
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
            high_half_of_sigmask: 0,
            sigsetsize: SIGSET_BYTES,
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
            high_half_of_sigsetsize: 0,
        }
    }
}

/// A time with 64-bit seconds, on every ABI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct __kernel_timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds.
    pub tv_nsec: i64,
}

/// A time with 32-bit seconds, for the older system calls of 32-bit ABIs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct old_timespec32 {
    /// Seconds.
    pub tv_sec: i32,
    /// Nanoseconds.
    pub tv_nsec: i32,
}

/// A timer with 64-bit seconds, on every ABI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct __kernel_itimerspec {
    /// The period; zero for a timer that expires once.
    pub it_interval: __kernel_timespec,
    /// The time until it expires; zero stops the timer.
    pub it_value: __kernel_timespec,
}

/// A timer with 32-bit seconds, for the older system calls of 32-bit ABIs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct old_itimerspec32 {
    /// The period; zero for a timer that expires once.
    pub it_interval: old_timespec32,
    /// The time until it expires; zero stops the timer.
    pub it_value: old_timespec32,
}

/// The type of the timeout of `io_getevents` and `io_pgetevents` on the target.
#[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
pub type timespec = __kernel_timespec;
/// The type of the timeout of `io_getevents` and `io_pgetevents` on the target.
#[cfg(not(any(target_pointer_width = "64", target_arch = "x86_64")))]
pub type timespec = old_timespec32;

const _: () = {
    assert!(size_of::<iocb>() == 64);
    let (key, rw_flags) = if cfg!(target_endian = "little") { (8, 12) } else { (12, 8) };
    assert!(offset_of!(iocb, aio_data) == 0);
    assert!(offset_of!(iocb, aio_key) == key && offset_of!(iocb, aio_rw_flags) == rw_flags);
    assert!(offset_of!(iocb, aio_lio_opcode) == 16 && offset_of!(iocb, aio_reqprio) == 18);
    assert!(offset_of!(iocb, aio_fildes) == 20 && offset_of!(iocb, aio_buf) == 24);
    assert!(offset_of!(iocb, aio_nbytes) == 32 && offset_of!(iocb, aio_offset) == 40);
    assert!(offset_of!(iocb, aio_reserved2) == 48);
    assert!(offset_of!(iocb, aio_flags) == 56 && offset_of!(iocb, aio_resfd) == 60);
    assert!(size_of::<io_event>() == 32 && offset_of!(io_event, obj) == 8);
    assert!(offset_of!(io_event, res) == 16 && offset_of!(io_event, res2) == 24);
    assert!(size_of::<aio_ring>() == 32 && offset_of!(aio_ring, header_length) == 28);
    assert!(
        offset_of!(aio_ring, head) == 8
            && offset_of!(aio_ring, tail) == 12
            && offset_of!(aio_ring, magic) == 16
    );
    assert!(size_of::<sigset_t>() == SIGSET_BYTES);
    assert!(size_of::<__aio_sigset>() == 2 * size_of::<crate::sys::abi::Word>());
    assert!(size_of::<__kernel_timespec>() == 16 && size_of::<old_timespec32>() == 8);
    assert!(size_of::<__kernel_itimerspec>() == 32 && size_of::<old_itimerspec32>() == 16);
};
