use aio_sys::{Errno, syscall};

/// Reads into several buffers.
#[syscall(
    unsafe readv(fd, vectors, vectors.len()),
    safe = "the kernel writes only to the buffers"
)]
fn readv(fd: usize, vectors: &[u16]) -> Result<usize, Errno>;

/// The signals that are pending.
#[syscall(unsafe rt_sigpending(set, 8_usize), safe = "the kernel fills `set`")]
fn rt_sigpending(set: &mut u8) -> Result<(), Errno>;

fn main() {}
