//! The system-call instruction: `syscall0` to `syscall6` make any system call by its number. Each
//! argument is one register, a [`Word`]. On mips-o32 there is also `syscall7`, since the alignment
//! of a 64-bit argument may leave a register unused.
//!
//! A few system calls have a second result, in a register of its own. On mips and sparc, with the
//! feature `nightly`, `syscall0_both` to `syscall6_both` return both results; [`raw`](crate::raw)
//! lists these system calls.
//!
//! The other ways into the kernel are modules, and each says when it may be used: `int80` on
//! x86_64, `sysinfo` on i386, `scv` on powerpc64.
//!
//! On every ABI a failure is returned as `-errno`, in `-4095..=-1`.
//!
//! ```
//! use aio_sys::{Errno, abi, nr};
//!
//! // SAFETY: -1 is never a descriptor, so nothing is closed.
//! let result = unsafe { abi::syscall1(nr::SYS_close, abi::Word::from(-1)) };
//! assert_eq!(Errno::decode(result), Err(Errno::EBADF));
//! ```

pub use crate::sys::target::ABI;
pub use crate::sys::target::stub::*;

/// The value of one argument register. A pointer stays a pointer, so that the compiler knows that
/// the kernel may use its memory; on x32, whose registers are wider, it is zero-extended.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Word(Register);

#[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
type Register = *mut core::ffi::c_void;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
type Register = u64;

impl Word {
    /// The value for an operand of `asm!`.
    #[inline(always)]
    pub(crate) fn register(self) -> Register {
        self.0
    }

    /// Splits a 64-bit value for a pair of 32-bit registers, in memory order.
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    #[allow(
        dead_code,
        reason = "where the kernel declares the halves itself, as i386 does, nothing is left to \
                  split"
    )]
    #[inline(always)]
    pub(crate) fn halves(value: u64) -> [Word; 2] {
        let halves = [Word::from(value as u32), Word::from((value >> 32) as u32)];
        if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
    }
}

impl<T> From<*mut T> for Word {
    #[inline(always)]
    fn from(pointer: *mut T) -> Word {
        #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
        return Word(pointer.cast());
        #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
        return Word(pointer.expose_provenance() as u64);
    }
}

impl<T> From<*const T> for Word {
    #[inline(always)]
    fn from(pointer: *const T) -> Word {
        Word::from(pointer.cast_mut())
    }
}

macro_rules! from_integer {
    ($($integer:ty)*) => {$(
        /// Zero-extends an unsigned integer and sign-extends a signed one.
        impl From<$integer> for Word {
            #[inline(always)]
            fn from(value: $integer) -> Word {
                #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
                return Word(core::ptr::without_provenance_mut(value as usize));
                #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
                return Word(value as u64);
            }
        }
    )*};
}

from_integer!(u8 u16 u32 usize i8 i16 i32 isize);
#[cfg(any(target_pointer_width = "64", target_arch = "x86_64"))]
from_integer!(u64 i64);
