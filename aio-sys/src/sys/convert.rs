//! Between Rust's types and the kernel's: what `#[syscall]` puts around each argument and around
//! the result.

use crate::sys::errno::Errno;
use core::ffi::{CStr, c_char};

/// A Rust value where the kernel's prototype says `K`.
///
/// Integers convert to those of the same width, whatever the sign, and to wider ones, sign- or
/// zero-extended as their own type is; never to narrower ones. References convert to pointers that
/// allow no more than they do, and `Option` of one to a pointer that may be null. Anything else is
/// for the argument list to say, in Rust (`slice.as_ptr()`, `.cast_mut()`).
///
/// A crate may implement it for its own types.
///
/// # Who is responsible
///
/// The trait is safe to implement, because a pointer is: it breaks nothing before a call uses it.
/// That call is made by `#[syscall]`, on a function that is `unsafe` or has `unsafe` in the
/// attribute. Whoever writes this `unsafe` vouches for the pointers that the arguments' types
/// convert to, as for those of any other safe function. The impls of this crate give a pointer to
/// what is borrowed, valid as long as the borrow is, and a `*mut` only from what is borrowed
/// exclusively. A type parameter (`impl Arg<K>`) may give any pointer at all, so a function that
/// takes one has to be an `unsafe fn` where the call uses the pointer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the kernel takes here: its prototype says `{K}`",
    label = "the kernel's prototype says `{K}`",
    note = "integers may widen but not narrow; `&mut T` and `Option<&mut T>` become `*mut T`; see \
            `aio_sys::Arg`"
)]
pub trait Arg<K> {
    /// The value as the raw function takes it.
    fn arg(self) -> K;
}

impl<T> Arg<T> for T {
    #[inline(always)]
    fn arg(self) -> T {
        self
    }
}

impl<T> Arg<*const T> for &T {
    #[inline(always)]
    fn arg(self) -> *const T {
        self
    }
}

impl<T> Arg<*mut T> for &mut T {
    #[inline(always)]
    fn arg(self) -> *mut T {
        self
    }
}

impl<T> Arg<*const T> for Option<&T> {
    #[inline(always)]
    fn arg(self) -> *const T {
        self.map_or(core::ptr::null(), core::ptr::from_ref)
    }
}

impl<T> Arg<*mut T> for Option<&mut T> {
    #[inline(always)]
    fn arg(self) -> *mut T {
        self.map_or(core::ptr::null_mut(), core::ptr::from_mut)
    }
}

impl<T> Arg<*const T> for *mut T {
    #[inline(always)]
    fn arg(self) -> *const T {
        self
    }
}

/// An array of exclusive references is one of pointers. The kernel writes through them, so the
/// array has to be borrowed exclusively, too.
impl<T> Arg<*mut *mut T> for *mut &mut T {
    #[inline(always)]
    fn arg(self) -> *mut *mut T {
        self.cast::<*mut T>()
    }
}

impl Arg<*const c_char> for &CStr {
    #[inline(always)]
    fn arg(self) -> *const c_char {
        self.as_ptr()
    }
}

macro_rules! integers {
    ($($from:ident: $($to:ident)*;)*) => {$($(
        impl Arg<$to> for $from {
            #[inline(always)]
            fn arg(self) -> $to {
                self as $to
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

/// A Rust result from the register that the kernel answers in.
///
/// `Result<T, Errno>` for the `T` that a call's success is: nothing, a count, a descriptor or id,
/// an address. `isize`, and `i32` for a call that cannot fail, are the kernel's answer as it is.
#[diagnostic::on_unimplemented(
    message = "the kernel's answer cannot become `{Self}`",
    label = "return `Result<usize, Errno>` or another type that implements `aio_sys::Ret`"
)]
pub trait Ret: Sized {
    /// Decodes the answer.
    ///
    /// # Safety
    ///
    /// `result` is what a system call has just returned, and its success is what `Self` says it is.
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

macro_rules! results {
    ($($to:ty: |$value:ident| $convert:expr;)*) => {$(
        impl Ret for Result<$to, Errno> {
            #[inline(always)]
            unsafe fn ret(result: isize) -> Result<$to, Errno> {
                Errno::decode(result).map(|$value| $convert)
            }
        }
    )*};
}

results! {
    (): |_value| ();
    usize: |value| value;
    u32: |value| value as u32;
    i32: |value| value as i32;
    *mut core::ffi::c_void: |value| core::ptr::with_exposed_provenance_mut(value);
}
