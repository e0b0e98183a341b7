//! Linux system calls without a C library, and native AIO (`io_submit`) on top.
//!
//! Layers, each uses only those below:
//!
//! | layer | for | example |
//! |---|---|---|
//! | [`nr`] | numbers | `nr::SYS_io_submit` |
//! | [`abi`] | the system-call instruction | `abi::syscall1(nr::SYS_close, Word::from(fd))` |
//! | [`raw`] | calls by name, as the kernel declares them | `raw::close(fd)` |
//! | this module | typed calls, derived by [`#[syscall]`](macro@syscall) | [`io_submit`] |
//! | [`Context`], [`Ring`] | an AIO context that has an owner, and its events without a call | [`Context::submit`] |
//!
//! The numbers, the registers and the prototypes are imported from the kernel's sources; none is typed by hand.
//! The crate is `no_std` without the feature `std`, and never touches the C library's `errno`: errors are [`Errno`] values.
//!
//! # Example: a call of your own, in one line
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use aio_sys::{Errno, syscall};
//! use core::ffi::CStr;
//!
//! /// Makes a folder.
//! #[syscall(mkdir(path, mode), safe = "the kernel only reads `path`")]
//! pub fn mkdir(path: &CStr, mode: u16) -> Result<(), Errno>;
//!
//! assert_eq!(mkdir(c"/proc/1", 0o777), Err(Errno::EEXIST));
//! # }
//! ```
//!
//! # Features
//!
//! - `generate` (default): the target's numbers and stubs are emitted from the tables while the crate is built. Without it
//!   the committed copy of the same text serves, and there is no build dependency.
//! - `macros` (default): re-exports [`#[syscall]`](macro@syscall). Without it the calls here come from their committed
//!   expansion, and there is no proc macro to build.
//! - `std` (default): what needs memory, threads or `BorrowedFd`. Without it nothing is allocated.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

// `#[syscall]` and its committed expansion name the crate as its users do.
extern crate self as aio_sys;

/// What is emitted for the target; the modules below say what is in it.
mod target {
    #[cfg(feature = "generate")]
    include!(concat!(env!("OUT_DIR"), "/target.rs"));
    #[cfg(not(feature = "generate"))]
    include!("generated/target.rs");
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("aio-sys is for Linux: the target has another kernel");

pub mod abi;
#[cfg(feature = "std")]
mod background;
mod context;
mod convert;
mod errno;
mod flags;
mod fork;
pub mod nr;
pub mod raw;
mod ring;
pub mod types;
mod wait;

#[cfg(feature = "macros")]
mod calls;
#[cfg(not(feature = "macros"))]
#[path = "generated/calls.rs"]
#[rustfmt::skip]
mod calls;

#[cfg(feature = "macros")]
pub use aio_macros::syscall;
pub use calls::*;
pub use context::{Capacity, Cause, Context, SetupError, SubmitError, SubmitOutcome};
pub use convert::{Arg, Ret};
pub use errno::Errno;
pub use flags::{IocbFlags, PollEvents, RwFlags};
pub use ring::{Events, Ring, RingError};
