//! The kernel's interface: numbers, the system-call instruction, system calls by name, and typed
//! system calls.

/// Declares a system call that the target does not have, so that the compiler explains why: no type
/// implements the trait in its bound, which is an error at each use, with the trait's message.
macro_rules! absent {
    ($trait:ident, $name:ident($($parameter:ident: $type:ty),*), $message:tt) => {
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(message = $message, label = "not available on this target")]
        pub trait $trait {}

        #[doc(hidden)]
        #[allow(unused_variables)]
        #[inline]
        pub unsafe fn $name($($parameter: $type),*) -> isize
        where
            for<'a> (): $trait,
        {
            -1
        }
    };
}

/// The code that is emitted for the target; [`abi`], [`nr`], [`raw`] and [`types`] re-export and
/// document it.
#[cfg_attr(all(test, miri), allow(dead_code, reason = "the simulation hides some calls"))]
pub(crate) mod target {
    #[cfg(feature = "generate")]
    include!(concat!(env!("OUT_DIR"), "/target.rs"));
    #[cfg(not(feature = "generate"))]
    include!("../generated/target.rs");
}

pub mod abi;
#[cfg(all(
    not(feature = "nightly"),
    any(
        target_arch = "mips",
        target_arch = "mips32r6",
        target_arch = "mips64",
        target_arch = "mips64r6",
        target_arch = "sparc",
        target_arch = "sparc64",
        target_arch = "m68k",
        target_arch = "csky",
        target_arch = "hexagon"
    )
))]
#[allow(dead_code, reason = "only some ABIs have calls with two results")]
pub(crate) mod by_libc;
pub(crate) mod convert;
pub(crate) mod errno;
pub(crate) mod flags;
pub mod nr;
pub mod raw;
#[allow(dead_code, reason = "only some ABIs have calls with two results")]
pub(crate) mod results;
pub mod types;

#[cfg(feature = "macros")]
pub(crate) mod calls;
#[cfg(not(feature = "macros"))]
#[path = "../generated/calls.rs"]
#[rustfmt::skip]
pub(crate) mod calls;
