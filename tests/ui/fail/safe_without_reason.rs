use aio_sys::syscall;

#[syscall(unsafe getppid(), safe)]
fn getppid() -> i32;

fn main() {}
