//! The error type, and the only decoder of results.

use crate::sys::target::errno::NAMES;
use core::fmt;
use core::num::NonZeroU16;
#[cfg(feature = "std")]
use std::io;

/// An error number of the target, as a system call returns it. Displayed as
/// `EINVAL (Invalid argument)`, with the text of the kernel's header.
///
/// It converts to `std::io::Error`, with the same number.
///
/// ```
/// use aio_sys::Errno;
///
/// assert_eq!(Errno::EINVAL.name(), Some("EINVAL"));
/// assert_eq!(Errno::EINVAL.to_string(), "EINVAL (Invalid argument)");
/// assert_eq!(Errno::EINVAL.raw_os_error(), libc::EINVAL);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(NonZeroU16);

impl Errno {
    /// The largest error number that the kernel returns: `MAX_ERRNO` of `include/linux/err.h`.
    const MAX: u16 = 4095;

    /// The error with a number that is known to be valid.
    #[inline]
    pub(crate) const fn known(value: u16) -> Errno {
        match NonZeroU16::new(value) {
            Some(value) => Errno(value),
            None => panic!("0 is not an error number"),
        }
    }

    /// The error with this number; `None` unless it is in `1..=4095`, the numbers that the kernel
    /// returns.
    ///
    /// ```
    /// use aio_sys::Errno;
    ///
    /// assert_eq!(Errno::from_raw_os_error(libc::ENOSPC), Some(Errno::ENOSPC));
    /// assert_eq!(Errno::from_raw_os_error(0), None);
    /// ```
    pub const fn from_raw_os_error(number: i32) -> Option<Errno> {
        if number >= 1 && number <= Errno::MAX as i32 {
            Some(Errno::known(number as u16))
        } else {
            None
        }
    }

    /// The error with this name, such as `"EINVAL"`; `None` if the target's headers do not have it.
    pub fn from_name(name: &str) -> Option<Errno> {
        NAMES.iter().find(|(_, known, _)| *known == name).map(|(value, ..)| Errno::known(*value))
    }

    /// The error number in `error`; `None` if it does not come from the operating system.
    ///
    /// ```
    /// use aio_sys::Errno;
    ///
    /// let error = std::fs::File::open("/proc/none").unwrap_err();
    /// assert_eq!(Errno::from_io_error(&error), Some(Errno::ENOENT));
    /// ```
    #[cfg(feature = "std")]
    pub fn from_io_error(error: &io::Error) -> Option<Errno> {
        Errno::from_raw_os_error(error.raw_os_error()?)
    }

    /// The kind that the standard library gives to this number.
    #[cfg(feature = "std")]
    pub fn kind(self) -> io::ErrorKind {
        io::Error::from(self).kind()
    }

    /// The number.
    #[cfg(feature = "serde")]
    pub(crate) fn get(self) -> u16 {
        self.0.get()
    }

    /// Decodes the result of a system call: an error if it is in `-4095..=-1`, else a value.
    #[inline]
    pub const fn decode(result: isize) -> Result<usize, Errno> {
        if result < 0 && result >= -(Errno::MAX as isize) {
            Err(Errno::known(-result as u16))
        } else {
            Ok(result as usize)
        }
    }

    /// The number, as for `std::io::Error::from_raw_os_error`.
    pub const fn raw_os_error(self) -> i32 {
        self.0.get() as i32
    }

    /// The name, such as `"EINVAL"`; `None` if the target's headers have no name for the number.
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|(_, name, _)| *name)
    }

    fn entry(self) -> Option<&'static (u16, &'static str, &'static str)> {
        NAMES.iter().find(|(value, ..)| *value == self.0.get())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((_, name, text)) => write!(f, "{name} ({text})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl core::error::Error for Errno {}

/// The same number.
#[cfg(feature = "std")]
impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }
}
