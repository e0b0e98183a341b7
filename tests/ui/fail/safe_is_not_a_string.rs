use aio_sys::syscall;

#[syscall(unsafe getppid(), safe = true)]
fn getppid() -> i32;

fn main() {}
