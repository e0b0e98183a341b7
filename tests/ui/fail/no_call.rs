use aio_sys::syscall;

#[syscall]
fn getppid() -> i32;

fn main() {}
