//! Conversions between Rust's types and the kernel's: `#[syscall]` applies them to each argument
//! and to the result.

use crate::sys::errno::Errno;
#[cfg(feature = "std")]
use crate::sys::types::iovec;
use core::convert::Infallible;
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::num::Saturating;
use core::ptr;
#[cfg(feature = "std")]
use std::io::{self, IoSlice, IoSliceMut};
#[cfg(feature = "std")]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A Rust type that an argument of `#[syscall]` can have where the kernel's prototype has `K`.
///
#[doc = include_str!("conversions.md")]
///
/// `None` is a null pointer. Other pointers are Rust expressions in the argument list, such as
/// `atomic.as_ptr()` and `ptr::null()`.
///
/// **Where the kernel's prototype has `void *`, neither the size nor the layout of a structure is
/// checked**, since the tables do not have it: see the safety section. System calls whose
/// structures may grow take the size as an argument, `size_of::<T>()`.
///
/// A crate may implement the trait for its own types. `M` distinguishes impls that would overlap;
/// it is inferred.
///
/// # Safety
///
/// The trait is safe to implement, because converting to a pointer is safe: only a system call uses
/// the pointer. `#[syscall]` makes that call, in a function that is an `unsafe fn` or has the token
/// `unsafe` in the attribute. The author of this `unsafe` is responsible for the pointers that the
/// arguments convert to.
///
/// - The impls of this crate return a pointer to the borrowed value, valid as long as the borrow. A
///   `*mut` is only made from an exclusive borrow, or from [`ReadOnly`].
/// - As `void *`, any `Copy` type is accepted. It must have at least the size that the kernel reads
///   or writes, and its layout.
/// - Nothing checks that what the kernel writes is a valid value of the type. All bytes are valid
///   for a structure of integers, but not for one with a `bool`.
/// - A type parameter (`impl Arg<K>`) may convert to any pointer at all. A function that takes one,
///   and whose system call uses the pointer, must be an `unsafe fn`.
// Where rustc suggests a borrow, it prints the message, but neither the label nor the note.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be converted to `{K}`, which the kernel's prototype has here (if it \
               is a `*mut` that the kernel only reads, wrap the argument in `ReadOnly(..)`)",
    label = "expected a type that converts to `{K}`",
    note = "integers may widen but not narrow: a length can be `std::num::Saturating(len)`, and a \
            literal can have the kernel's type, as in `0_u16`",
    note = "`&T` becomes `*const T`, and `&mut T` `*mut T`; a path or another string is a `&CStr`",
    note = "structures named `old_..32` have 32-bit time; calls named `..64` or `.._time64` have \
            64-bit time",
    note = "see `aio_sys::Arg`"
)]
pub trait Arg<K, M = ()> {
    /// Converts to the type that the function of [`raw`](crate::raw) takes. It is not a method, so
    /// that it does not shadow a method of `Self`.
    fn arg(value: Self) -> K;
}

/// Wraps an argument that the kernel only reads although its prototype has a `*mut`.
///
/// ```
/// # #[cfg(all(feature = "macros", feature = "std"))] {
/// use aio_sys::{ReadOnly, syscall};
/// use std::os::fd::{BorrowedFd, OwnedFd};
/// use std::{ffi::CStr, fs::File, io};
///
/// #[repr(C)]
/// #[derive(Clone, Copy, Default)]
/// pub struct open_how {
///     flags: u64,
///     mode: u64,
///     resolve: u64,
/// }
///
/// /// Opens `path` below `dir`.
/// #[syscall(
///     unsafe openat2(dir, path, ReadOnly(how), size_of::<open_how>()),
///     safe = "the kernel reads `path` and `how`, and returns a new descriptor"
/// )]
/// pub fn openat2(dir: BorrowedFd<'_>, path: &CStr, how: &open_how) -> io::Result<OwnedFd>;
///
/// # use std::os::fd::AsFd;
/// let proc = File::open("/proc")?;
/// # if !matches!(openat2(proc.as_fd(), c"self/exe", &open_how::default()),
/// #     Err(error) if error.raw_os_error() == Some(libc::ENOSYS)) {
/// openat2(proc.as_fd(), c"self/exe", &open_how::default())?;
/// # }
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly<T>(
    /// The argument, which converts to a `*const`.
    pub T,
);

impl<T: Arg<*const K, M>, K, M> Arg<*mut K, M> for ReadOnly<T> {
    #[inline(always)]
    fn arg(value: Self) -> *mut K {
        T::arg(value.0).cast_mut()
    }
}

impl<T> Arg<T> for T {
    #[inline(always)]
    fn arg(value: T) -> T {
        value
    }
}

/// No value converts to this.
pub enum Unconvertible {}

/// Never used. Without it a reference to an unsized type, such as `&str`, would have only one impl,
/// and rustc would report mismatched types instead of the message of the trait.
#[doc(hidden)]
#[diagnostic::do_not_recommend]
impl<T: ?Sized> Arg<Unconvertible> for &T {
    fn arg(_: &T) -> Unconvertible {
        unreachable!("no prototype has the type")
    }
}

impl<T> Arg<*const T> for *mut T {
    #[inline(always)]
    fn arg(value: *mut T) -> *const T {
        value
    }
}

/// An array of exclusive references is an array of pointers. The kernel writes through them, so the
/// array must be borrowed exclusively, too.
impl<T> Arg<*mut *mut T> for *mut &mut T {
    #[inline(always)]
    fn arg(value: *mut &mut T) -> *mut *mut T {
        value.cast()
    }
}

impl Arg<*const c_char> for &CStr {
    #[inline(always)]
    fn arg(value: &CStr) -> *const c_char {
        value.as_ptr()
    }
}

/// Marks the impls for a pointer to `c_void`. Without it, those for `&c_void` would overlap.
pub struct Untyped;

/// Implements each conversion to a pointer to `T`, and to `c_void`. For `c_void` the bound excludes
/// types that are not plain structures: a `Vec`, or a reference to a reference.
macro_rules! references {
    ($($from:ty => $to:ident: |$value:ident| $pointer:expr;)*) => {$(
        impl<T> Arg<*$to T> for $from {
            #[inline(always)]
            fn arg($value: $from) -> *$to T {
                $pointer
            }
        }

        impl<T: Copy + 'static> Arg<*$to c_void, Untyped> for $from {
            #[inline(always)]
            fn arg($value: $from) -> *$to c_void {
                let pointer: *$to T = $pointer;
                pointer.cast()
            }
        }
    )*};
}

references! {
    &T => const: |value| value;
    &[T] => const: |value| value.as_ptr();
    Option<&T> => const: |value| value.map_or(ptr::null(), ptr::from_ref);
    &mut T => mut: |value| value;
    &mut [T] => mut: |value| value.as_mut_ptr();
    Option<&mut T> => mut: |value| value.map_or(ptr::null_mut(), ptr::from_mut);
}

/// For targets where `c_char` is signed; on the others it is `u8`.
impl Arg<*const i8> for &[u8] {
    #[inline(always)]
    fn arg(value: &[u8]) -> *const i8 {
        value.as_ptr().cast()
    }
}

/// For targets where `c_char` is signed; on the others it is `u8`.
impl Arg<*mut i8> for &mut [u8] {
    #[inline(always)]
    fn arg(value: &mut [u8]) -> *mut i8 {
        value.as_mut_ptr().cast()
    }
}

/// A structure that the kernel fills.
impl<T> Arg<*mut T> for &mut MaybeUninit<T> {
    #[inline(always)]
    fn arg(value: &mut MaybeUninit<T>) -> *mut T {
        value.as_mut_ptr()
    }
}

/// A buffer that the kernel fills.
impl<T> Arg<*mut T> for &mut [MaybeUninit<T>] {
    #[inline(always)]
    fn arg(value: &mut [MaybeUninit<T>]) -> *mut T {
        value.as_mut_ptr().cast()
    }
}

/// For targets where `c_char` is signed; on the others it is `u8`.
impl Arg<*mut i8> for &mut [MaybeUninit<u8>] {
    #[inline(always)]
    fn arg(value: &mut [MaybeUninit<u8>]) -> *mut i8 {
        value.as_mut_ptr().cast()
    }
}

/// An `IoSlice` has the layout of an `iovec`.
#[cfg(feature = "std")]
impl Arg<*const iovec> for &[IoSlice<'_>] {
    #[inline(always)]
    fn arg(value: Self) -> *const iovec {
        value.as_ptr().cast()
    }
}

/// An `IoSliceMut` has the layout of an `iovec`. The kernel only reads the array, and writes to the
/// bytes, so the array must be borrowed exclusively.
#[cfg(feature = "std")]
impl Arg<*const iovec> for &mut [IoSliceMut<'_>] {
    #[inline(always)]
    fn arg(value: Self) -> *const iovec {
        value.as_ptr().cast()
    }
}

macro_rules! lengths {
    ($($to:ty)*) => {$(
        impl Arg<$to> for Saturating<usize> {
            #[inline(always)]
            fn arg(value: Saturating<usize>) -> $to {
                value.0.try_into().unwrap_or(<$to>::MAX)
            }
        }
    )*};
}

lengths!(c_int c_uint);

#[cfg(feature = "std")]
macro_rules! descriptors {
    ($($to:ty)*) => {$(
        impl Arg<$to> for BorrowedFd<'_> {
            #[inline(always)]
            fn arg(value: Self) -> $to {
                value.as_raw_fd() as $to
            }
        }

        impl<F: AsFd> Arg<$to> for &F {
            #[inline(always)]
            fn arg(value: Self) -> $to {
                value.as_fd().as_raw_fd() as $to
            }
        }
    )*};
}

// u64: the `unsigned long` of readv(2) and its like.
#[cfg(feature = "std")]
descriptors!(c_int c_uint u64);

macro_rules! integers {
    ($($from:ident: $($to:ident)*;)*) => {$($(
        impl Arg<$to> for $from {
            #[inline(always)]
            fn arg(value: $from) -> $to {
                value as $to
            }
        }
    )*)*};
}

integers! {
    u8: u16 i16 u32 i32 u64 i64 usize isize;
    u16: i16 u32 i32 u64 i64 usize isize;
    i16: u16 u32 i32 u64 i64 usize isize;
    u32: i32 u64 i64 usize isize;
    i32: u32 u64 i64 usize isize;
    u64: i64;
    i64: u64;
    usize: isize u64 i64;
    isize: usize u64 i64;
}
#[cfg(target_pointer_width = "64")]
integers! {
    u64: usize isize;
    i64: usize isize;
}
#[cfg(target_pointer_width = "32")]
integers! {
    usize: u32 i32;
    isize: u32 i32;
}

/// A type that a function of `#[syscall]` can return.
///
/// `Result<T, Errno>` and `io::Result<T>`, where `T` is the value of success:
///
/// - `()`: the value is always 0, or not needed;
/// - `usize`, `u32`, `i32`, `u64`, `i64`, `u16`: a count or an id, truncated or extended to the
///   type;
/// - `*mut c_void`: an address;
/// - `OwnedFd`: a new descriptor that nobody else owns. The declaration promises this; write it in
///   the reason (`safe = ".."`). A value that is not a descriptor is `EBADF`. If a seccomp filter
///   returns 0 without making the call, that looks like descriptor 0;
/// - `Infallible`: a system call that returns only when it fails, such as execve(2).
///
/// `isize`, and `i32` for a call that cannot fail, are the result as the kernel returns it. `!` is
/// for a system call that does not return, such as exit(2); if it does, the function panics.
#[diagnostic::on_unimplemented(
    message = "the result of a system call cannot be converted to `{Self}`",
    label = "return `Result<usize, Errno>` or another type that implements `aio_sys::Ret`"
)]
pub trait Ret: Sized {
    /// Decodes the result.
    ///
    /// # Safety
    ///
    /// `result` was just returned by a system call. If the call succeeded, its value is what `Self`
    /// requires, such as a new descriptor.
    unsafe fn ret(result: isize) -> Self;
}

impl Ret for isize {
    #[inline(always)]
    unsafe fn ret(result: isize) -> isize {
        result
    }
}

impl Ret for i32 {
    #[inline(always)]
    unsafe fn ret(result: isize) -> i32 {
        result as i32
    }
}

/// A type that a function of `#[syscall]` can return if one argument is `return`: a structure that
/// the kernel fills. `Result<T, Errno>` or `io::Result<T>`.
///
/// **Where the kernel's prototype has `void *`, `T` is not checked**: any `Copy` type is accepted.
/// The same holds for each structure that [`types`](crate::types) does not have, such as those of
/// stat and statx. The author promises that `T` has at least the size that the kernel writes, its
/// layout, and no invalid values. A `T` that is too small is a buffer overflow.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use aio_sys::{Errno, syscall};
///
/// /// How many bytes of memory this process may lock: the soft limit and the hard one.
/// #[syscall(
///     unsafe prlimit64(0, libc::RLIMIT_MEMLOCK as u32, std::ptr::null(), return),
///     safe = "a limit is read, and the kernel fills the structure if it succeeds"
/// )]
/// pub fn memory_lock_limit() -> Result<libc::rlimit64, Errno>;
///
/// let limit = memory_lock_limit()?;
/// assert!(limit.rlim_cur <= limit.rlim_max);
/// # }
/// # Ok::<(), aio_sys::Errno>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a function with the argument `return` cannot return `{Self}`",
    label = "the kernel fills a `{T}` here: return `Result<{T}, Errno>` or `io::Result<{T}>`",
    note = "structures named `old_..32` have 32-bit time; calls named `..64` or `.._time64` have \
            64-bit time"
)]
pub trait Filled<T>: Sized {
    /// The structure, or the error.
    ///
    /// # Safety
    ///
    /// `result` was just returned by a system call. If the call succeeded, it has filled `value`,
    /// which was zeroed before.
    unsafe fn filled(result: isize, value: MaybeUninit<T>) -> Self;
}

impl<T> Filled<T> for Result<T, Errno> {
    #[inline(always)]
    unsafe fn filled(result: isize, value: MaybeUninit<T>) -> Result<T, Errno> {
        // SAFETY: the caller guarantees that a successful system call has filled `value`, and
        // `decode` shows that it was successful.
        Errno::decode(result).map(|_| unsafe { value.assume_init() })
    }
}

#[cfg(feature = "std")]
impl<T> Filled<T> for io::Result<T> {
    #[inline(always)]
    unsafe fn filled(result: isize, value: MaybeUninit<T>) -> io::Result<T> {
        // SAFETY: the caller guarantees that `result` was returned by a system call that fills
        // `value` when it succeeds.
        Ok(unsafe { Result::<T, Errno>::filled(result, value) }?)
    }
}

/// Gives `!` a name: stable Rust has the type only as the result of a function.
pub trait Returns {
    /// The result of the function.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

#[diagnostic::do_not_recommend]
impl Ret for <fn() -> ! as Returns>::Type {
    #[inline(always)]
    unsafe fn ret(result: isize) -> Self {
        returned(result)
    }
}

#[cold]
fn returned<T>(result: isize) -> T {
    panic!("a system call that does not return has returned {result}")
}

macro_rules! results {
    ($($(#[$attr:meta])* $to:ty: |$value:ident| $convert:expr;)*) => {$(
        $(#[$attr])*
        impl Ret for Result<$to, Errno> {
            #[inline(always)]
            unsafe fn ret(result: isize) -> Result<$to, Errno> {
                Errno::decode(result).and_then(|$value| $convert)
            }
        }

        #[cfg(feature = "std")]
        impl Ret for io::Result<$to> {
            #[inline(always)]
            unsafe fn ret(result: isize) -> io::Result<$to> {
                // SAFETY: the caller guarantees that `result` was returned by a system call whose
                // success is what the type requires.
                Ok(unsafe { Result::<$to, Errno>::ret(result) }?)
            }
        }
    )*};
}

results! {
    (): |_value| Ok(());
    usize: |value| Ok(value);
    u32: |value| Ok(value as u32);
    i32: |value| Ok(value as i32);
    u64: |value| Ok(value as u64);
    i64: |value| Ok(value as isize as i64);
    u16: |value| Ok(value as u16);
    *mut c_void: |value| Ok(ptr::with_exposed_provenance_mut(value));
    Infallible: |value| returned(value as isize);
    #[cfg(feature = "std")]
    OwnedFd: |value| {
        let descriptor = i32::try_from(value).map_err(|_| Errno::EBADF)?;
        // SAFETY: the descriptor is not negative, and the caller guarantees that the system call
        // returned a new one that nobody else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    };
}
