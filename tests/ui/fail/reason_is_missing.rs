use aio_sys::syscall;

#[syscall(getppid())]
fn getppid() -> i32;

fn main() {}
