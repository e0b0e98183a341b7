use aio_sys::syscall;

#[syscall(unsafe clock_gettime(0, return), safe = "the kernel fills the structure")]
fn clock_gettime() -> std::io::Result<[i64; 2]>;

fn main() {}
