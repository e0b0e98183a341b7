use aio_sys::syscall;

#[syscall(unsafe clock_gettime(0, return), safe = "the kernel fills the structure")]
fn clock_gettime() -> usize;

fn main() {}
