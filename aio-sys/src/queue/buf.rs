//! Memory that can be lent to the kernel.

use crate::direct::DirectAlignment;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

/// A buffer that a [`Queue`](crate::Queue) can write from: memory that does not move when its owner
/// is moved.
///
/// `[u8; N]` is not such a buffer, since it moves with its owner. Nor is `&mut [u8]`: if the queue
/// is forgotten, the borrow may end while the kernel still uses it. For borrowed buffers use
/// [`scope`](crate::scope()).
///
/// # Safety
///
/// `byte_ptr` and `byte_len` return the same values until the buffer is changed through a `&mut`,
/// even if it is moved. Until then the bytes can be read, are initialised, and nobody writes to
/// them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be lent to the kernel until a request completes",
    label = "the kernel may use it after it was moved, or after its borrow has ended",
    note = "a queue takes owners of heap memory, such as `Vec<u8>`, `Box<[u8]>`, `AlignedBuf`; \
            `aio_sys::scope` takes borrowed slices"
)]
pub unsafe trait IoBuf: 'static {
    /// The address of the bytes.
    fn byte_ptr(&self) -> *const u8;
    /// The number of bytes.
    fn byte_len(&self) -> usize;
}

/// A buffer that a [`Queue`](crate::Queue) can read into.
///
/// A read fills up to `byte_len` bytes. It does not change the length of the buffer.
///
/// # Safety
///
/// Same as [`IoBuf`], and nobody else reads the bytes meanwhile. Any bytes that the kernel writes
/// are valid. `byte_mut_ptr` returns the same address as `byte_ptr`, and calling it does not change
/// what these functions return.
#[diagnostic::on_unimplemented(
    message = "the kernel cannot write to `{Self}`",
    label = "expected a buffer that owns its memory, does not move it, and can be written to",
    note = "a queue takes `Vec<u8>`, `Box<[u8]>` and `AlignedBuf`; `aio_sys::scope` takes borrowed \
            slices"
)]
pub unsafe trait IoBufMut: IoBuf {
    /// The address of the bytes.
    fn byte_mut_ptr(&mut self) -> *mut u8;
}

/// A buffer with spare capacity, which [`op::read_spare_at`](crate::op::read_spare_at) reads into.
///
/// # Safety
///
/// Same as [`IoBufMut`] for the bytes that [`spare`](SpareBuf::spare) returns, except that they
/// need not be initialised.
pub unsafe trait SpareBuf: IoBufMut {
    /// The spare capacity: its address, and the number of bytes.
    fn spare(&mut self) -> (*mut u8, usize);
    /// Increases the length by `count` bytes, at most by the spare capacity. If it panics, the
    /// process is aborted.
    ///
    /// # Safety
    ///
    /// These bytes are initialised.
    unsafe fn add_len(&mut self, count: usize);
}

// SAFETY: `spare_capacity_mut` is behind the bytes of the vector, in the same allocation. The
// vector owns it, and moving the vector does not move it.
unsafe impl SpareBuf for Vec<u8> {
    fn spare(&mut self) -> (*mut u8, usize) {
        let spare = self.spare_capacity_mut();
        (spare.as_mut_ptr().cast(), spare.len())
    }

    unsafe fn add_len(&mut self, count: usize) {
        let count = count.min(self.capacity() - self.len());
        // SAFETY: the new length is at most the capacity, and the caller guarantees that these
        // bytes are initialised.
        unsafe { self.set_len(self.len() + count) }
    }
}

#[cfg(feature = "bytes")]
// SAFETY: `spare_capacity_mut` is behind the bytes of the buffer, in the same allocation, and no
// other handle can reach it.
unsafe impl SpareBuf for bytes::BytesMut {
    fn spare(&mut self) -> (*mut u8, usize) {
        let spare = self.spare_capacity_mut();
        (spare.as_mut_ptr().cast(), spare.len())
    }

    unsafe fn add_len(&mut self, count: usize) {
        let count = count.min(self.capacity() - self.len());
        // SAFETY: the new length is at most the capacity, and the caller guarantees that these
        // bytes are initialised.
        unsafe { self.set_len(self.len() + count) }
    }
}

macro_rules! owned {
    ($($(#[$attribute:meta])* $owner:ty;)*) => {$(
        $(#[$attribute])*
        // SAFETY: the bytes are on the heap, do not move when their owner moves, and are
        // initialised up to the owner's length.
        unsafe impl IoBuf for $owner {
            #[inline]
            fn byte_ptr(&self) -> *const u8 {
                self.as_ptr()
            }

            #[inline]
            fn byte_len(&self) -> usize {
                self.len()
            }
        }

        $(#[$attribute])*
        // SAFETY: the bytes are on the heap and do not move when their owner moves. It is their
        // only owner, and `as_mut_ptr` returns the same address as `as_ptr`.
        unsafe impl IoBufMut for $owner {
            #[inline]
            fn byte_mut_ptr(&mut self) -> *mut u8 {
                self.as_mut_ptr()
            }
        }
    )*};
}

owned! {
    Vec<u8>;
    Box<[u8]>;
    #[cfg(feature = "bytes")]
    bytes::BytesMut;
}

// SAFETY: there are no bytes to read.
unsafe impl IoBuf for () {
    fn byte_ptr(&self) -> *const u8 {
        NonNull::dangling().as_ptr()
    }

    fn byte_len(&self) -> usize {
        0
    }
}

macro_rules! shared {
    ($($(#[$attribute:meta])* $owner:ty;)*) => {$(
        $(#[$attribute])*
        // SAFETY: the bytes do not move when the value moves, and nobody can write to them while
        // the value exists.
        unsafe impl IoBuf for $owner {
            #[inline]
            fn byte_ptr(&self) -> *const u8 {
                self.as_ptr()
            }

            #[inline]
            fn byte_len(&self) -> usize {
                self.len()
            }
        }
    )*};
}

shared! {
    &'static [u8];
    &'static str;
    String;
    Box<str>;
    Arc<[u8]>;
    Arc<str>;
    Rc<[u8]>;
    Rc<str>;
    #[cfg(feature = "bytes")]
    bytes::Bytes;
}

// SAFETY: moving the box does not move the buffer in it, and that buffer's own impl guarantees that
// its bytes do not move and are initialised.
unsafe impl<B: IoBuf + ?Sized> IoBuf for Box<B> {
    #[inline]
    fn byte_ptr(&self) -> *const u8 {
        (**self).byte_ptr()
    }

    #[inline]
    fn byte_len(&self) -> usize {
        (**self).byte_len()
    }
}

// SAFETY: moving the box does not move the buffer in it, the box is its only owner, and that
// buffer's own impl guarantees that its bytes may be written.
unsafe impl<B: IoBufMut + ?Sized> IoBufMut for Box<B> {
    #[inline]
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        (**self).byte_mut_ptr()
    }
}

/// Zeroed memory that is aligned for `O_DIRECT`: see the
/// [how-to](crate::howto#direct-io-o_direct).
///
/// # Example: for a disk with blocks of 4 KiB
///
/// ```
/// use aio_sys::AlignedBuf;
///
/// let mut buf = AlignedBuf::new(16384, 4096)?;
/// assert!(buf.as_ptr() as usize % 4096 == 0 && buf.iter().all(|&byte| byte == 0));
/// buf[..5].copy_from_slice(b"hello");
/// assert_eq!(
///     AlignedBuf::new(1000, 512).unwrap_err().to_string(),
///     "invalid length 1000: expected a multiple of the alignment 512, greater than 0"
/// );
/// # Ok::<(), aio_sys::AlignedBufError>(())
/// ```
pub struct AlignedBuf {
    start: NonNull<u8>,
    layout: Layout,
}

/// Why an [`AlignedBuf`] could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlignedBufError {
    /// The alignment is not a power of two, or less than 512, the smallest block size.
    Alignment(usize),
    /// The length is 0, not a multiple of the alignment, or too large.
    Length {
        /// The length.
        len: usize,
        /// The alignment.
        align: usize,
    },
    /// There is not enough memory for this number of bytes.
    NoMemory(usize),
}

impl fmt::Display for AlignedBufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AlignedBufError::Alignment(align) => {
                write!(f, "invalid alignment {align}: expected a power of two, at least 512")
            }
            AlignedBufError::Length { len, align } => write!(
                f,
                "invalid length {len}: expected a multiple of the alignment {align}, greater than 0"
            ),
            AlignedBufError::NoMemory(len) => {
                write!(f, "no memory for a buffer of {len} bytes")
            }
        }
    }
}

impl std::error::Error for AlignedBufError {}

/// An error of the kind `OutOfMemory` or `InvalidInput`, with the [`AlignedBufError`] as the inner
/// error.
impl From<AlignedBufError> for std::io::Error {
    fn from(error: AlignedBufError) -> std::io::Error {
        let kind = match error {
            AlignedBufError::NoMemory(_) => std::io::ErrorKind::OutOfMemory,
            _ => std::io::ErrorKind::InvalidInput,
        };
        std::io::Error::new(kind, error)
    }
}

impl AlignedBuf {
    /// `len` bytes of zeros, whose address is a multiple of `align`, such as
    /// [`DirectAlignment::block`], and of 4096: ext4 does a direct write to space that was never
    /// written inside the submission if the address is not a multiple of the file system's block
    /// (`ext4_unaligned_io` in `fs/ext4/file.c`).
    ///
    /// # Errors
    ///
    /// See [`AlignedBufError`].
    pub fn new(len: usize, align: usize) -> Result<AlignedBuf, AlignedBufError> {
        if !align.is_power_of_two() || align < 512 {
            return Err(AlignedBufError::Alignment(align));
        }
        let layout = Layout::from_size_align(len, align.max(4096));
        let layout = layout.ok().filter(|_| len > 0 && len % align == 0);
        let layout = layout.ok_or(AlignedBufError::Length { len, align })?;
        // SAFETY: `len` is greater than 0, so the size of the layout is not 0.
        let start =
            NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(AlignedBufError::NoMemory(len))?;
        Ok(AlignedBuf { start, layout })
    }

    /// At least `len` bytes of zeros for direct I/O (`O_DIRECT`) on this file: [`AlignedBuf::new`]
    /// with [`DirectAlignment::block`], to a multiple of which `len` is rounded up. For a file that
    /// does not support direct I/O, that is 512 bytes.
    ///
    /// # Errors
    ///
    /// See [`AlignedBufError`].
    pub fn for_file(file: impl AsFd, len: usize) -> Result<AlignedBuf, AlignedBufError> {
        let align = DirectAlignment::of(file).map_or(512, |align| align.block());
        let rounded = len.checked_next_multiple_of(align);
        AlignedBuf::new(rounded.ok_or(AlignedBufError::Length { len, align })?, align)
    }

    /// The alignment of its address, in bytes: what was requested, and at least 4096.
    pub fn align(&self) -> usize {
        self.layout.align()
    }
}

// SAFETY: it is the only owner of its memory, which belongs to no thread.
unsafe impl Send for AlignedBuf {}
// SAFETY: a shared reference only gives read access to the memory.
unsafe impl Sync for AlignedBuf {}

impl Drop for AlignedBuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `start` was allocated by `alloc_zeroed` with this layout, and is freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `start` points to `layout.size()` bytes, initialised by `alloc_zeroed`, which
        // live as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: `start` points to `layout.size()` bytes, initialised by `alloc_zeroed`, which
        // live as long as `self` and are borrowed exclusively with it.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf")
            .field("len", &self.len())
            .field("align", &self.align())
            .finish()
    }
}

// SAFETY: the bytes are on the heap, do not move when the buffer moves, and were initialised by
// `alloc_zeroed`.
unsafe impl IoBuf for AlignedBuf {
    #[inline]
    fn byte_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    #[inline]
    fn byte_len(&self) -> usize {
        self.layout.size()
    }
}

// SAFETY: the bytes are on the heap and do not move when the buffer moves. The buffer is their only
// owner, and both methods return `start`.
unsafe impl IoBufMut for AlignedBuf {
    #[inline]
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}
