use aio_sys::{Errno, syscall};

#[syscall(unsafe io_setup(nr_events), safe = "the kernel writes only through `ctx`")]
fn io_setup(nr_events: u32) -> Result<(), Errno>;

fn main() {}
