use aio_sys::syscall;

#[syscall(unsafe getppid(0, 1, 2, 3, 4, 5, 6), safe = "it takes no argument and cannot fail")]
fn getppid() -> i32;

fn main() {}
