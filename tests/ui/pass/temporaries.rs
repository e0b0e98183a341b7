//! What the argument expressions make lives until the call has returned.

use aio_sys::{ContextId, Errno, syscall};
use std::cell::RefCell;

#[syscall(
    unsafe io_setup(nr_events, &mut *cell.borrow_mut()),
    safe = "the kernel writes only through the borrow"
)]
fn io_setup(nr_events: u32, cell: &RefCell<ContextId>) -> Result<(), Errno>;

#[syscall(unsafe io_setup(parse(nr_events)?, ctx), safe = "the kernel writes only through `ctx`")]
fn io_setup_parsed(nr_events: &str, ctx: &mut ContextId) -> Result<(), Errno>;

fn parse(text: &str) -> Result<u32, Errno> {
    text.parse().map_err(|_| Errno::EINVAL)
}

pub(crate) fn main() {
    let _ = (io_setup, io_setup_parsed);
    assert_eq!(io_setup_parsed("many", &mut ContextId::default()), Err(Errno::EINVAL));
}
