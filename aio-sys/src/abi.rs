//! The system-call instruction: `syscall0` to `syscall6`, any number, one register-wide [`Word`] an argument.
//!
//! Whatever the ABI's own convention, a failure comes back in `-4095..=-1`, the value being `-errno`.
//!
//! ```
//! use aio_sys::{Errno, abi, nr};
//!
//! // SAFETY: close of a descriptor that is none does nothing.
//! let result = unsafe { abi::syscall1(nr::SYS_close, abi::Word::from(-1)) };
//! assert_eq!(Errno::decode(result), Err(Errno::EBADF));
//! ```

use core::ffi::c_void;
use core::ptr;

pub use crate::target::ABI;
pub use crate::target::stub::*;

/// What one argument register holds. A pointer stays one, so that the compiler sees it escape to the kernel.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Word(*mut c_void);

impl Word {
    /// For an operand of `asm!`.
    #[inline(always)]
    pub(crate) fn register(self) -> *mut c_void {
        self.0
    }

    /// A 64-bit value for a pair of 32-bit registers, in memory order.
    #[cfg(target_pointer_width = "32")]
    #[allow(dead_code, reason = "where the kernel declares the halves itself, as i386 does, nothing is left to split")]
    #[inline(always)]
    pub(crate) fn halves(value: u64) -> [Word; 2] {
        let halves = [Word::from(value as u32), Word::from((value >> 32) as u32)];
        if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
    }
}

impl<T> From<*mut T> for Word {
    #[inline(always)]
    fn from(pointer: *mut T) -> Word {
        Word(pointer.cast())
    }
}

impl<T> From<*const T> for Word {
    #[inline(always)]
    fn from(pointer: *const T) -> Word {
        Word(pointer.cast_mut().cast())
    }
}

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        /// Zero- or sign-extended, as the type is.
        impl From<$integer> for Word {
            #[inline(always)]
            fn from(value: $integer) -> Word {
                Word(ptr::without_provenance_mut(value as usize))
            }
        }
    )*};
}

from_integer!(u8 u16 u32 usize i8 i16 i32 isize);
#[cfg(target_pointer_width = "64")]
from_integer!(u64 i64);
