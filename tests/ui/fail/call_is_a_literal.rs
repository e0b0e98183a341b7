use aio_sys::syscall;

#[syscall(unsafe 110, safe = "it takes no argument and cannot fail")]
fn getppid() -> i32;

fn main() {}
