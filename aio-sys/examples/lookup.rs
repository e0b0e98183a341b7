//! Print the number of a system call on every ABI.
//!
//! ```text
//! cargo run -p aio-sys --features all-abis --example lookup -- NAME
//! ```

use aio_sys::Abi;
use std::env;
use std::error::Error;
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("usage: lookup NAME")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{:14} {:>10}  kernel function", "ABI", "number")?;
    for &abi in Abi::ALL {
        match abi.number(&name) {
            Some(number) => {
                let entry = abi.entry(number).unwrap_or_default();
                writeln!(out, "{:14} {number:>10}  {entry}", abi.as_str())?;
            }
            // Newer ABIs do not have the oldest calls: `openat` has replaced `open`.
            None => writeln!(out, "{:14} {:>10}", abi.as_str(), "-")?,
        }
    }
    Ok(())
}
