use aio_sys::{ContextId, Errno, syscall};

#[syscall(unsafe io_setup(nr_event, ctx), safe = "the kernel writes only through `ctx`")]
fn io_setup(_nr_events: u32, ctx: &mut ContextId) -> Result<(), Errno>;

fn main() {}
