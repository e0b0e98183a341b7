//! Linux system calls without a C library, and native AIO (`io_submit`) on top.
//!
//! - Use it for asynchronous file I/O where io_uring is disabled ([when io_uring is the better
//!   choice](guide#when-to-use-this-and-when-io_uring)), for system calls that other crates do not
//!   have, without `std` or a C library, and to look up the system calls of any ABI. For common
//!   calls `rustix` has more wrappers.
//! - [`Queue`], [`scope`](scope()) and [`tokio::Queue`](tokio/struct.Queue.html) are safe: a buffer
//!   is leaked or waited for, never freed while the kernel may still use it.
//! - It needs Rust 1.85 or later and, for AIO, Linux 3.16 or later: older kernels are refused at
//!   run time. Targets: Linux and Android on x86, Arm, RISC-V, LoongArch, s390x, PowerPC (Rust
//!   1.95), MIPS, SPARC, m68k, C-SKY and Hexagon.
//! - The license is MIT or Apache-2.0. The code is tested on kernels of nine other ABIs.
//!
//! It is not on crates.io yet. Depend on a checkout by its path:
//!
//! ```toml
//! [dependencies]
//! aio-sys = { path = "../aio-sys/aio-sys" }
//! ```
//!
//! # Example: two reads with one system call
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use aio_sys::{Queue, op};
//! use std::num::NonZeroU32;
//!
//! let file = std::fs::File::open("/proc/self/exe")?;
//! let mut queue = Queue::new(NonZeroU32::new(8).unwrap())?;
//!
//! // The queue owns the buffers until the reads have completed.
//! queue.batch(|batch| {
//!     batch.push(op::read_at(&file, vec![0; 4], 0))?;
//!     batch.push(op::read_at(&file, vec![0; 64], 64))
//! })?;
//! for completion in queue.wait(2, None)? {
//!     assert_eq!(completion.result?, completion.buf.unwrap().len());
//! }
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Example: define a typed system call
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use aio_sys::{Errno, syscall};
//!
//! /// Fills the start of `buf` with random bytes, and returns how many.
//! #[syscall(unsafe getrandom(buf, buf.len(), 0), safe = "the kernel writes only to `buf`")]
//! pub fn getrandom(buf: &mut [u8]) -> Result<usize, Errno>;
//!
//! assert_eq!(getrandom(&mut [0; 16]), Ok(16));
//! # }
//! ```
//!
//! # Which layer do I need?
//!
//! The kernel's interface comes first; each layer uses only those further up in this table:
//!
//! | layer | for | example |
//! |---|---|---|
//! | [`nr`] | system-call numbers | `nr::SYS_io_submit` |
//! | [`abi`] | the system-call instruction | `abi::syscall1(nr::SYS_close, Word::from(fd))` |
//! | [`raw`] | system calls by name, as the kernel declares them | `raw::close(fd)` |
//! | this page | typed system calls, derived by [`#[syscall]`](macro@syscall) | [`io_submit`] |
//! | [`Context`], [`Ring`] | an owned AIO context, and its events without a system call | [`Context::submit`] |
//! | [`Queue`], [`scope`](scope()) | safe asynchronous I/O | [`Queue::submit`] |
//! | [module `tokio`](tokio/index.html) | safe asynchronous I/O for tasks of tokio | [`tokio::Queue::submit`](tokio/struct.Queue.html#method.submit) |
//!
//! - [How-to](howto): which layer to use, `O_DIRECT`, batches, short transfers, event loops,
//!   timeouts, shutdown, threads, seccomp filters, system calls of your own, no C library.
//! - [How it works](guide): one request followed through the kernel, from `io_submit` to its event.
//! - [`Abi`](enum.Abi.html) (feature `all-abis`): the system calls of every ABI by name and by
//!   number, and the kernel release that added each.
//!
//! Numbers, registers and prototypes are imported from the kernel's source; none is typed by hand.
//! Errors are [`Errno`] values; the C library's `errno` is never touched.
//!
//! # Cargo features
//!
#![doc = include_str!("features.md")]
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
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "std")]
extern crate std;

// `#[syscall]` and its committed expansion refer to the crate by its name, `aio_sys`.
extern crate self as aio_sys;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!("aio-sys supports only targets with a Linux kernel");

mod aio;
#[cfg(feature = "std")]
mod direct;
#[cfg(feature = "std")]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "std")]
#[doc = include_str!("howto.md")]
pub mod howto {}
#[cfg(feature = "all-abis")]
mod lookup;
#[cfg(feature = "std")]
mod queue;
#[cfg(feature = "serde")]
mod serde;
#[cfg(all(test, miri, feature = "std"))]
mod simulated;
mod sys;
#[cfg(feature = "tokio")]
pub mod tokio;

// The emitted text refers to modules of `sys` by paths such as `crate::errno`.
use sys::*;

pub use aio::context::{Capacity, Cause, Context, SetupError, SubmitError, SubmitOutcome};
pub use aio::ring::{Events, Ring, RingError};
#[cfg(feature = "macros")]
/// Declares a typed system call.
///
/// The [how-to](crate::howto#system-calls-of-your-own) has examples.
///
/// # Types of arguments
///
#[doc = include_str!("sys/conversions.md")]
///
/// [`Arg`] has the details, and [`Ret`] lists the types of results.
///
/// # Declaring a system call
///
#[doc(inline)]
pub use aio_macros::syscall;
#[cfg(feature = "std")]
pub use direct::{AlignmentSource, DirectAlignment};
#[cfg(feature = "all-abis")]
pub use lookup::{
    Abi, Absent, Argument, AuditArch, Call, CallSet, CallSetIter, Calls, CallsOf, Dated, Prototype,
    Removed, Since, UnknownAbi, UnknownVersion, Until, Version,
};
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
