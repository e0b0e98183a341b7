use aio_sys::syscall;

#[syscall(getppid(), sfae = "it takes no argument and cannot fail")]
fn getppid() -> i32;

fn main() {}
