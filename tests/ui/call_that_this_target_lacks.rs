use aio_sys::{Errno, syscall};

#[syscall(io_pgetevents_time64(), safe = "it is never called")]
fn io_pgetevents() -> Result<usize, Errno>;

fn main() {}
