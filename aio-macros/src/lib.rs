//! `#[syscall]`: a typed Rust function from a Linux system call, in one line.
//!
//! This crate is the back of `aio_sys::syscall`; use it from there.
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
//! The attribute is the kernel's call, the function is its Rust face:
//!
//! - Each argument is an expression over the parameters. `aio_sys::Arg` turns it into what the
//!   kernel's prototype wants in that place, so a missing argument or one of another type is an
//!   error at its own tokens.
//! - `aio_sys::Ret` turns the kernel's answer into the return type.
//! - The expressions stand outside of the `unsafe` block, and what they borrow lives until the call
//!   has returned.
//! - A safe function needs a promise and its reason: `unsafe` before the call, and `safe = "..."`,
//!   which becomes the section "Why this is safe" of its docs. The token is the one of the `unsafe`
//!   block, so lints such as `unsafe_code` report it, and a search for `unsafe` finds it. An
//!   `unsafe fn` needs neither; it has a section "Safety", which its author writes.
//! - A call that the target lacks is an error that says what to use instead.
//!
//! Attributes, docs, visibility, generics and the signature pass through as they are.

mod check;
mod expand;
mod parse;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Gives the declaration below it a body that makes a system call.
///
/// ```ignore (aio-sys, which the expansion names, depends on this crate)
/// #[syscall(unsafe io_setup(nr_events, ctx), safe = "the kernel writes only through `ctx`")]
/// pub fn io_setup(nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;
/// ```
///
/// In the parentheses stand the call, by the name that the kernel gives it, and its arguments, at
/// most six. A name that is a keyword of Rust is written raw, as in `r#break()`.
///
/// `unsafe` and `safe = "..."` go together, on a function that is not `unsafe`: the promise that it
/// may be called with anything its types allow, and the reason. The promise includes what the types
/// of the arguments convert to, which `aio_sys::Arg` says, and that the call's success is what the
/// return type says, such as a new descriptor.
///
/// A call that is newer than the tables is declared by its number on the target's ABI, as in
/// `unsafe 471(a, b)`. It has no prototype: its arguments are integers and pointers, which
/// `aio_sys::abi::Word` is made from.
///
/// `crate = path` before the call says where `aio_sys` is, if the dependency has another name or is
/// re-exported: `#[syscall(crate = other_name, close(fd))]`.
///
/// `return` as an argument is a structure that the kernel fills and the function returns, as in
/// `unsafe clock_gettime(clock, return)`: the promise includes that a call which succeeds fills it.
///
/// Every parameter has to be used by an argument, unless its name starts with `_`. One that is a
/// `&mut` reference is borrowed again where it is an argument by itself, so a later argument can be
/// its length: `unsafe read(fd, buffer, buffer.len())`. Closures as arguments go into parentheses.
#[proc_macro_attribute]
pub fn syscall(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::syscall(attr.into(), item.into()).into()
}
