//! Declare typed functions for system calls, and call them.
//!
//! ```text
//! cargo run -p aio-sys --example syscall
//! ```

use aio_sys::syscall;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;

/// Creates a file in memory, which has no path.
///
/// The declaration is checked against the kernel's prototype. `safe` is the reason why every call
/// is sound; without it the function is `unsafe`.
#[syscall(
    unsafe memfd_create(name, 0),
    safe = "the kernel only reads `name`, and returns a new descriptor that nobody else owns"
)]
fn memfd_create(name: &CStr) -> io::Result<OwnedFd>;

/// Fills the start of `buf` with random bytes, and returns how many.
#[syscall(unsafe getrandom(buf, buf.len(), 0), safe = "the kernel writes only to `buf`")]
fn getrandom(buf: &mut [u8]) -> io::Result<usize>;

fn main() -> io::Result<()> {
    let mut random = [0; 16];
    let bytes = getrandom(&mut random)?;

    let mut file = File::from(memfd_create(c"random")?);
    file.write_all(&random[..bytes])?;
    file.rewind()?;
    let mut copy = Vec::new();
    file.read_to_end(&mut copy)?;
    println!("{copy:02x?}");
    Ok(())
}
