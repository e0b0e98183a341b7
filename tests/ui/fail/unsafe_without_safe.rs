use aio_sys::{Errno, syscall};

#[syscall(unsafe madvise(start, len, advice))]
fn madvise(start: usize, len: usize, advice: i32) -> Result<(), Errno>;

fn main() {}
