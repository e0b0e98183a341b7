use aio_sys::syscall;

#[syscall(getppid(), safe = true)]
fn getppid() -> i32;

fn main() {}
