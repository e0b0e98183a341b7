use aio_sys::{ContextId, Errno, syscall};

#[syscall(unsafe io_setup(nr_events, ctx, flags), safe = "the kernel writes only through `ctx`")]
fn io_setup(nr_events: u32, ctx: &mut ContextId, flags: u32) -> Result<(), Errno>;

fn main() {}
