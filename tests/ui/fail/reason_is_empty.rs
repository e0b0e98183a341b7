use aio_sys::syscall;

#[syscall(getppid(), safe = " ")]
fn getppid() -> i32;

fn main() {}
