use aio_sys::syscall;

#[syscall(unsafe "getppid"(), safe = "it takes no argument and cannot fail")]
fn getppid() -> i32;

fn main() {}
