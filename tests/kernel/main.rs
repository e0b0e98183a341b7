//! aio-sys on the kernel: calls, stubs, and each layer of AIO, a module for each subject.
//!
//! `ci/vm/cross` runs this program on kernels of other architectures, without tests that need more
//! than a kernel (`cfg(guest)`). Its tests run in parallel: one that checks `fs.aio-nr` holds
//! [`common::quota`], and one that changes its process, or whose descriptors no other process may
//! inherit, runs in a child ([`common::in_child`]).

mod common;

mod aio;
mod context;
mod declared;
mod errors;
mod names;
mod queue;
mod scope;
mod stubs;
mod wide;

#[cfg(not(guest))]
mod by_libc;
#[cfg(not(guest))]
mod contracts;
#[cfg(not(guest))]
mod direct;
#[cfg(not(guest))]
mod faults;
#[cfg(not(guest))]
mod flags;
#[cfg(not(guest))]
mod hostile;
#[cfg(not(guest))]
mod mio;
#[cfg(not(guest))]
mod stress;
#[cfg(not(guest))]
mod tokio;
#[cfg(not(guest))]
mod ways;
