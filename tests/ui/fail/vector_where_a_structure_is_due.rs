use aio_sys::{Errno, ReadOnly, syscall};

#[syscall(
    unsafe landlock_create_ruleset(attr, 8, 0),
    safe = "the kernel only reads `attr`"
)]
fn landlock_create_ruleset(attr: &Vec<u8>) -> Result<u32, Errno>;

#[syscall(
    unsafe openat2(-1, c"", ReadOnly(how), 24),
    safe = "the kernel only reads `how`"
)]
fn openat2(how: &Vec<u64>) -> Result<u32, Errno>;

#[syscall(unsafe openat2(-1, c"", how, 24), safe = "the kernel only reads `how`")]
fn openat2_without_wrapper(how: &[u64; 3]) -> Result<u32, Errno>;

#[syscall(
    unsafe landlock_create_ruleset(&attr, 8, 0),
    safe = "the kernel reads an address in place of `attr`"
)]
fn landlock_of_an_address(attr: &[u64; 1]) -> Result<u32, Errno>;

fn main() {}
