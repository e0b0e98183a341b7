//! Memory that may be lent to the kernel.

use crate::direct::DirectAlignment;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::slice;
use std::vec::Vec;

/// Memory that stays where it is while its owner is moved, so that the kernel can read it: what a
/// [`Queue`](crate::Queue) writes from.
///
/// Not `[u8; N]`, which moves with its owner; not `&mut [u8]`, whose borrow ends when the queue is
/// forgotten, and the kernel does not know: for that there is [`scope`](crate::scope()).
///
/// # Safety
///
/// `byte_ptr` and `byte_len` say the same for as long as the value is not changed through a `&mut`,
/// also when it is moved. So long the bytes can be read, are initialised, and nobody writes to
/// them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be lent to the kernel until a request ends",
    label = "the kernel may use it after it has moved, or its borrow has ended",
    note = "an owner of memory on the heap can be: `Vec<u8>`, `Box<[u8]>`, `AlignedBuf`; \
            `aio_sys::scope` takes borrowed slices"
)]
pub unsafe trait IoBuf: 'static {
    /// Where the bytes are.
    fn byte_ptr(&self) -> *const u8;
    /// How many.
    fn byte_len(&self) -> usize;
}

/// Memory that the kernel may also write to: what a [`Queue`](crate::Queue) reads into.
///
/// A read fills the bytes that there are, `byte_len` of them; it neither grows nor cuts the buffer.
///
/// # Safety
///
/// As of [`IoBuf`], and nobody else reads the bytes meanwhile; any bytes are valid there.
/// `byte_mut_ptr` is the same address as `byte_ptr`, and to call it changes nothing of what these
/// say.
#[diagnostic::on_unimplemented(
    message = "the kernel cannot be let write to `{Self}`",
    label = "not memory that is owned, stays where it is, and may be written",
    note = "`Vec<u8>`, `Box<[u8]>` and `AlignedBuf` are; `aio_sys::scope` takes borrowed slices"
)]
pub unsafe trait IoBufMut: IoBuf {
    /// Where the bytes are.
    fn byte_mut_ptr(&mut self) -> *mut u8;
}

/// Where the kernel writes, and how much.
pub(crate) fn target<B: IoBufMut>(buf: &mut B) -> (*mut u8, usize) {
    (buf.byte_mut_ptr(), buf.byte_len())
}

/// Where the kernel reads, and how much. It does not write there: the opcode is that of a write.
pub(crate) fn source<B: IoBuf>(buf: &mut B) -> (*mut u8, usize) {
    (buf.byte_ptr().cast_mut(), buf.byte_len())
}

macro_rules! owned {
    ($($(#[$attribute:meta])* $owner:ty;)*) => {$(
        $(#[$attribute])*
        // SAFETY: it owns memory on the heap, which stays there when the owner moves, and is
        // initialised up to its length.
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
        // SAFETY: it owns memory on the heap, which stays there when the owner moves, and is the
        // only owner of it; `as_mut_ptr` is the address that `as_ptr` is.
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

macro_rules! shared {
    ($($(#[$attribute:meta])* $owner:ty;)*) => {$(
        $(#[$attribute])*
        // SAFETY: the memory stays where it is when the value moves, and nobody can write to it as
        // long as that exists.
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
    #[cfg(feature = "bytes")]
    bytes::Bytes;
}

/// A part of a buffer: for the rest of a transfer that was short, without copying.
///
/// # Example: until all is written
///
/// ```
/// use aio_sys::{Part, Queue};
/// use std::num::NonZeroU32;
/// use std::os::fd::AsFd;
///
/// # let path = std::env::temp_dir().join(format!("aio-sys-part-{}", std::process::id()));
/// let file = std::fs::File::create(&path)?;
/// let mut queue = Queue::new(NonZeroU32::MIN)?;
/// let mut rest = Part::new(b"all of it".to_vec(), 0..9);
/// while !rest.range().is_empty() {
///     let start = rest.range().start;
///     queue.write(file.as_fd(), rest, start as u64).expect("a free slot");
///     let mut ended = None;
///     queue.wait(1, None, |completion| ended = Some(completion))?;
///     let ended = ended.expect("no signal, no timeout");
///     rest = Part::new(ended.buf.unwrap().into_inner(), start + ended.result?..9);
/// }
/// assert_eq!(std::fs::read(&path)?, b"all of it");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Part<B> {
    buf: B,
    range: Range<usize>,
}

impl<B: IoBuf> Part<B> {
    /// The bytes of `buf` in `range`.
    ///
    /// # Panics
    ///
    /// If the range ends before it starts, or outside of the buffer.
    pub fn new(buf: B, range: Range<usize>) -> Part<B> {
        let len = buf.byte_len();
        assert!(
            range.start <= range.end && range.end <= len,
            "{range:?} is no part of a buffer of {len} bytes"
        );
        Part { buf, range }
    }

    /// Which bytes.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// All of the buffer.
    pub fn into_inner(self) -> B {
        self.buf
    }
}

/// What the clone of a buffer is like is its own affair: a shorter one is refused, as by
/// [`Part::new`].
impl<B: IoBuf + Clone> Clone for Part<B> {
    fn clone(&self) -> Part<B> {
        Part::new(self.buf.clone(), self.range())
    }
}

// SAFETY: inside of the buffer, as `new` has made sure: its length is what it was, since nobody
// else can reach it.
unsafe impl<B: IoBuf> IoBuf for Part<B> {
    #[inline]
    fn byte_ptr(&self) -> *const u8 {
        // SAFETY: `new` has checked that the range is inside of the buffer.
        unsafe { self.buf.byte_ptr().add(self.range.start) }
    }

    #[inline]
    fn byte_len(&self) -> usize {
        self.range.len()
    }
}

// SAFETY: inside of the buffer, as `new` has made sure, and what the buffer's own type vouches for.
unsafe impl<B: IoBufMut> IoBufMut for Part<B> {
    #[inline]
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        // SAFETY: `new` has checked that the range is inside of the buffer.
        unsafe { self.buf.byte_mut_ptr().add(self.range.start) }
    }
}

/// Zeroed memory that is aligned as `O_DIRECT` wants it.
///
/// # Example: what a disk with blocks of 4 KiB takes
///
/// ```
/// use aio_sys::AlignedBuf;
///
/// let mut buf = AlignedBuf::new(16384, 4096)?;
/// assert!(buf.as_ptr() as usize % 4096 == 0 && buf.iter().all(|&byte| byte == 0));
/// buf[..5].copy_from_slice(b"hello");
/// assert_eq!(
///     AlignedBuf::new(1000, 512).unwrap_err().to_string(),
///     "an aligned buffer has a length that is a multiple of its alignment, and not 0: 1000 is \
///      not one of 512"
/// );
/// # Ok::<(), aio_sys::AlignedBufError>(())
/// ```
pub struct AlignedBuf {
    start: NonNull<u8>,
    layout: Layout,
}

/// Why there is no [`AlignedBuf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlignedBufError {
    /// The alignment is not a power of two, or less than 512, the smallest block that there is.
    Alignment(usize),
    /// The length is 0, no multiple of the alignment, or more than there can be.
    Length {
        /// The length.
        len: usize,
        /// The alignment.
        align: usize,
    },
    /// There is no memory for so many bytes.
    NoMemory(usize),
}

impl fmt::Display for AlignedBufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AlignedBufError::Alignment(align) => {
                write!(
                    f,
                    "an aligned buffer is aligned to a power of two from 512 on: {align} is none"
                )
            }
            AlignedBufError::Length { len, align } => write!(
                f,
                "an aligned buffer has a length that is a multiple of its alignment, and not 0: \
                 {len} is not one of {align}"
            ),
            AlignedBufError::NoMemory(len) => {
                write!(f, "there is no memory for a buffer of {len} bytes")
            }
        }
    }
}

impl std::error::Error for AlignedBufError {}

/// Of the kind `OutOfMemory` or `InvalidInput`, with the [`AlignedBufError`] as the inner error.
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
    /// `len` zeros, aligned to `align`.
    ///
    /// # Errors
    ///
    /// See [`AlignedBufError`].
    pub fn new(len: usize, align: usize) -> Result<AlignedBuf, AlignedBufError> {
        if !align.is_power_of_two() || align < 512 {
            return Err(AlignedBufError::Alignment(align));
        }
        let layout =
            Layout::from_size_align(len, align).ok().filter(|_| len > 0 && len % align == 0);
        let layout = layout.ok_or(AlignedBufError::Length { len, align })?;
        // SAFETY: the size is not 0.
        let start =
            NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(AlignedBufError::NoMemory(len))?;
        Ok(AlignedBuf { start, layout })
    }

    /// At least `len` zeros for direct I/O (`O_DIRECT`) on this file: aligned as
    /// [`DirectAlignment::of`] reports, and `len` rounded up to a multiple of that. For a file that
    /// takes none, aligned to 512.
    ///
    /// # Errors
    ///
    /// See [`AlignedBufError`].
    pub fn for_file(file: impl AsFd, len: usize) -> Result<AlignedBuf, AlignedBufError> {
        let wanted = DirectAlignment::of(file);
        let align = wanted.map_or(0, |align| align.memory.max(align.offset)).max(512);
        let rounded = len.checked_next_multiple_of(align);
        AlignedBuf::new(rounded.ok_or(AlignedBufError::Length { len, align })?, align)
    }

    /// What it is aligned to.
    pub fn align(&self) -> usize {
        self.layout.align()
    }
}

// SAFETY: it owns its memory, as a `Vec<u8>` does.
unsafe impl Send for AlignedBuf {}
// SAFETY: through a shared reference its memory can only be read.
unsafe impl Sync for AlignedBuf {}

impl Drop for AlignedBuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: from `alloc_zeroed`, with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: as many bytes are there, initialised since they were allocated, and borrowed with
        // the buffer.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as many bytes are there, initialised since they were allocated, and borrowed
        // exclusively with the buffer.
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

// SAFETY: it owns memory on the heap, which stays there when the owner moves.
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

// SAFETY: it is the only owner of memory on the heap, which stays there when the owner moves.
unsafe impl IoBufMut for AlignedBuf {
    #[inline]
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}
