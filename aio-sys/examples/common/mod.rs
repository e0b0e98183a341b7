//! What the example programs share.

use aio_sys::Errno;
use std::io;

/// The kernel's reason, as its headers word it.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error().map(|code| Errno::decode(-(code as isize))) {
        Some(Err(errno)) => errno.to_string(),
        _ => error.to_string(),
    }
}
