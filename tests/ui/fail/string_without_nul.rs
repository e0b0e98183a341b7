use aio_sys::{Errno, syscall};
use std::path::Path;

#[syscall(unsafe rename(old, new), safe = "the kernel only reads the paths")]
fn rename(old: &str, new: &Path) -> Result<(), Errno>;

fn main() {}
