use aio_sys::{Errno, syscall};

#[syscall(madvise(start, len, advice), safe = "it only gives advice")]
fn madvise(start: usize, len: usize, advice: i32) -> Result<(), Errno>;

fn main() {}
