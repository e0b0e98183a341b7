//! The expansion names nothing that a module could hide.

#![allow(non_camel_case_types, dead_code)]

mod core {}
mod aio_sys {}
trait Arg {}
trait Ret {}
#[allow(dead_code)]
enum Result {}

#[::aio_sys::syscall(unsafe getppid(), safe = "it takes no argument and cannot fail")]
fn getppid() -> i32;

#[::aio_sys::syscall(unsafe io_setup(a0, a1), safe = "the kernel writes only through `a1`")]
fn io_setup(a0: u32, a1: &mut ::aio_sys::ContextId) -> ::std::result::Result<(), ::aio_sys::Errno>;

pub(crate) fn main() {
    assert!(getppid() >= 0);
    let _ = io_setup;
}
