//! `#[syscall]`: a typed Rust function from a Linux system call, in one line.
//!
//! This crate implements `aio_sys::syscall`; use it from there.
//!
//! ```ignore (aio-sys, which the expansion names, depends on this crate)
//! use aio_sys::{Errno, syscall};
//!
//! /// Closes `fd`.
//! ///
//! /// # Safety
//! ///
//! /// Nothing else may own `fd`.
//! #[syscall(close(fd))]
//! pub unsafe fn close(fd: i32) -> Result<(), Errno>;
//!
//! /// The process that started this one.
//! #[syscall(unsafe getppid(), safe = "it takes no argument and cannot fail")]
//! pub fn getppid() -> i32;
//! ```
//!
//! The attribute names the system call, and the function is its Rust signature:
//!
//! - Each argument is an expression over the parameters. `aio_sys::Arg` converts it to the type in
//!   the kernel's prototype, so a missing argument or one of another type is an error at its own
//!   tokens. Where the prototype has `void *`, any `Copy` type is accepted.
//! - `aio_sys::Ret` converts the result to the return type.
//! - The expressions are outside the `unsafe` block, and what they borrow lives until the system
//!   call has returned.
//! - A safe function needs a promise and its reason: `unsafe` before the call, and `safe = "..."`,
//!   which becomes the section "Why this is safe" of its docs. The token becomes that of the
//!   `unsafe` block, so lints such as `unsafe_code` report it, and a search for `unsafe` finds it.
//!   An `unsafe fn` needs neither; its docs have a section "Safety".
//! - A system call that the target does not have is an error, which says what to use instead.
//!
//! Attributes, docs, visibility, generics and the signature are kept as they are.

mod check;
mod expand;
mod parse;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Turns the declaration of a function into a typed system call.
///
/// ```ignore (aio-sys, which the expansion names, depends on this crate)
/// #[syscall(unsafe io_setup(nr_events, ctx), safe = "the kernel writes only through `ctx`")]
/// pub fn io_setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;
/// ```
///
/// The parentheses contain the system call, and up to six arguments. Its name is that of `__NR_` in
/// the kernel's headers: `uname`, not `newuname`, which is a kernel function. A name that is a
/// keyword of Rust is written raw, as in `r#break()`. `aio_sys::Arg` lists the types of arguments,
/// and `aio_sys::Ret` those of results; `aio_sys::howto` has examples.
///
/// `unsafe` and `safe = "..."` go together, on a function that is not `unsafe`: they promise that
/// every call that its types allow is sound, and say why. The promise includes the pointers that
/// the arguments convert to (see `aio_sys::Arg`), and that a successful result is what the return
/// type requires, such as a new descriptor.
///
/// **Where the prototype has `void *`, the structure is not checked**: any `Copy` type is accepted,
/// and its size and layout are part of the promise. The same holds for each structure that
/// `aio_sys::types` does not have, such as those of stat, statx and openat2.
///
/// A system call that is newer than the tables is declared by its number on the target's ABI, as in
/// `unsafe 471(a, b)`. It has no prototype: its arguments are integers and pointers, which convert
/// to `aio_sys::abi::Word`.
///
/// `crate = path` before the call is the path of `aio_sys`, if the dependency has another name or
/// is re-exported: `#[syscall(crate = other_name, close(fd))]`.
///
/// `return` as an argument is a structure that the kernel fills and the function returns, as in
/// `unsafe clock_gettime(clock, return)`. The promise includes that a successful call fills it.
///
/// Every parameter must be used by an argument, unless its name starts with `_`. A parameter that
/// is a `&mut` reference is reborrowed if it is an argument by itself, so a later argument can be
/// its length: `unsafe read(fd, buffer, buffer.len())`.
#[proc_macro_attribute]
pub fn syscall(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::syscall(attr.into(), item.into()).into()
}
