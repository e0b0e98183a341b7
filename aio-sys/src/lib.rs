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
//! | [`Queue`], [`scope`](scope()) | safe asynchronous I/O | [`Queue::submit`] |
//!
//! The numbers, the registers and the prototypes are imported from the kernel's sources; none is
//! typed by hand. The crate never touches the C library's `errno`: errors are [`Errno`] values.
//!
//! [How it works](guide): one request followed through the kernel, from `io_submit` to its event,
//! and when to use this at all.
//!
//! # Example: a call of your own, in one line
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use aio_sys::{Errno, syscall};
//! use core::ffi::CStr;
//!
//! /// Makes a folder.
//! #[syscall(unsafe mkdir(path, mode), safe = "the kernel only reads `path`")]
//! pub fn mkdir(path: &CStr, mode: u16) -> Result<(), Errno>;
//!
//! assert_eq!(mkdir(c"/proc/1", 0o777), Err(Errno::EEXIST));
//! # }
//! ```
//!
//! # Features
//!
//! - `generate` (default): the target's numbers and stubs are emitted from the tables while the
//!   crate is built. Without it the committed copy of the same text serves, and there is no build
//!   dependency.
//! - `macros` (default): re-exports [`#[syscall]`](macro@syscall). Without it the calls here come
//!   from their committed expansion, and there is no proc macro to build.
//! - `all-abis`: the type `Abi`, the calls of every ABI by name and by number.
//! - `serde`: `Serialize` and `Deserialize` for [`Errno`], and for `Abi` if it is there.
//! - `std` (default): [`Queue`], [`scope`](scope()) and what else needs memory, threads or
//!   `BorrowedFd`. Without it the crate is `no_std`, and allocates nothing.
//! - `bytes`: buffers of the crate `bytes` in a [`Queue`].
//! - `tokio`: the module `tokio`, with a queue that tasks share.
//! - `nightly`: on the targets that only a nightly compiler has `asm!` for, the stubs are inline
//!   assembly as elsewhere, and not `libc::syscall`. It changes nothing on others.
//! - `mio`: a [`Queue`] made with an eventfd is a `mio::event::Source`.
#![no_std]
#![cfg_attr(
    all(
        feature = "nightly",
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
    ),
    feature(asm_experimental_arch)
)]

#[cfg(feature = "std")]
extern crate std;

// `#[syscall]` and its committed expansion name the crate as its users do.
extern crate self as aio_sys;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("aio-sys is for Linux: the target has another kernel");

mod aio;
#[cfg(feature = "std")]
mod direct;
#[cfg(feature = "std")]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "all-abis")]
mod lookup;
#[cfg(feature = "std")]
mod queue;
#[cfg(feature = "serde")]
mod serde;
mod sys;
#[cfg(feature = "tokio")]
pub mod tokio;

// The emitted text refers to modules of `sys` by paths such as `crate::errno`.
use sys::*;

pub use aio::context::{Capacity, Cause, Context, SetupError, SubmitError, SubmitOutcome};
pub use aio::ring::{Events, Ring, RingError};
#[cfg(feature = "macros")]
pub use aio_macros::syscall;
#[cfg(feature = "std")]
pub use direct::{AlignmentSource, DirectAlignment};
#[cfg(feature = "all-abis")]
pub use lookup::{Abi, Absent, Argument, Call, Calls, Prototype, UnknownAbi};
#[cfg(feature = "std")]
pub use queue::Queue;
#[cfg(feature = "std")]
pub use queue::batch::Batch;
#[cfg(feature = "std")]
pub use queue::buf::{AlignedBuf, AlignedBufError, IoBuf, IoBufMut, SpareBuf};
#[cfg(feature = "std")]
pub use queue::engine::Completions;
#[cfg(feature = "std")]
pub use queue::op;
#[cfg(feature = "std")]
pub use queue::request::{Completion, Full, PollToken, Token};
#[cfg(feature = "std")]
pub use queue::scope::{Borrowed, Scope, scope};
#[cfg(feature = "std")]
pub use queue::shared::{Reaped, Reaper, Submitter};
pub use sys::calls::*;
pub use sys::convert::{Arg, Filled, ReadOnly, Ret};
pub use sys::errno::Errno;
pub use sys::flags::{IocbFlags, PollEvents, RwFlags};
pub use sys::{abi, nr, raw, types};
