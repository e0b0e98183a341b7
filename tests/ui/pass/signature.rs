//! What a declaration may look like, all of it passed through.

#![deny(warnings, missing_docs, unsafe_op_in_unsafe_fn)]

use aio_sys::types::iocb;
use aio_sys::{ContextId, Errno, syscall};
use std::borrow::BorrowMut;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The process that started this one.
#[syscall(unsafe getppid(), safe = "it takes no argument and cannot fail")]
#[must_use]
pub fn getppid() -> i32;

/// Makes a context for `nr_events` requests.
#[syscall(unsafe io_setup(nr_events, ctx), safe = "the kernel writes only through `ctx`")]
pub fn io_setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;

/// Submits `iocbs`.
///
/// # Safety
///
/// Buffers have to outlive their requests.
#[syscall(io_submit(ctx, iocbs.len(), iocbs.as_mut_ptr()))]
pub unsafe fn io_submit(ctx: ContextId, iocbs: &mut [&mut iocb]) -> Result<usize, Errno>;

/**
 * Closes `fd`, whose third part is not used.
 *
 * # Safety
 *
 * Nothing else may own `fd`.
 */
#[syscall(close(if high < low { low } else { high },))]
#[cold]
#[inline(never)]
pub(crate) unsafe fn close_greater((low, high): (i32, i32), _unused: u8) -> Result<(), Errno>;

/// A context, made in place.
#[syscall(
    unsafe io_setup(u32::from(nr), <C as BorrowMut<ContextId>>::borrow_mut(&mut ctx)),
    safe = r"it writes to `ctx` alone",
)]
pub fn generic<'a, C: BorrowMut<ContextId> + 'a, const N: usize>(
    #[allow(unused_variables)] nr: u8,
    mut ctx: C,
    _: fn(&'a u8, [u8; N]) -> Vec<Vec<u8>>,
) -> Result<(), Errno>
where
    C: Send;

/// Ends the process.
#[syscall(unsafe exit_group(code), safe = "there is nobody left to notice")]
pub fn exit(code: i32) -> !;

/// Code without `unsafe`, but for one declaration.
#[deny(unsafe_code)]
pub mod mostly_safe {
    /// The process.
    #[allow(unsafe_code)]
    #[aio_sys::syscall(unsafe getpid(), safe = "it takes no argument and cannot fail")]
    pub fn getpid() -> i32;
}

/// A descriptor.
pub struct Fd(i32);

impl Fd {
    /// Closes `fd`.
    ///
    /// # Safety
    ///
    /// Nothing may use it afterwards.
    #[syscall(close(fd.as_raw_fd()))]
    unsafe fn close(fd: BorrowedFd<'_>) -> Result<(), Errno>;
}

macro_rules! declare {
    ($(
        $(#[$attr:meta])*
        $vis:vis fn $name:ident($($param:ident: $ty:ty),*) -> $ret:ty
            = $call:ident($($arg:expr),*);
    )*) => {$(
        $(#[$attr])*
        #[syscall(unsafe $call($($arg),*), safe = "its caller said so")]
        $vis fn $name($($param: $ty),*) -> $ret;
    )*};
}

declare! {
    /// Whose parent?
    fn parent() -> i32 = getppid();
    /// A context.
    pub fn setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>
        = io_setup(nr_events + 1, ctx);
}

pub(crate) fn main() {
    fn inside() {
        #[syscall(unsafe getppid(), safe = "it takes no argument and cannot fail")]
        fn nested() -> i32;
        assert_eq!(nested(), getppid());
    }
    inside();
    assert_eq!(parent(), getppid());
    let _ = (
        exit,
        mostly_safe::getpid,
        setup,
        generic::<ContextId, 1>,
        io_setup,
        io_submit,
        close_greater,
        Fd::close,
        Fd(0).0,
    );
}
