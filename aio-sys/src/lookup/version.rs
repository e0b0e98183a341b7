//! Versions of the kernel.

use core::fmt;
use core::str::FromStr;

/// A version of Linux. Versions compare as kernels follow one another.
///
/// A release has two numbers, such as 6.12; before 3.0 it has three, such as 2.6.39. What follows
/// them, of a stable update or of a distribution, is dropped, since system calls come with
/// releases.
///
/// ```
/// use aio_sys::Version;
///
/// let running: Version = "6.1.0-42-amd64".parse().unwrap();
/// assert_eq!(running, Version::new(6, 1));
/// assert!(running < Version::new(6, 12) && running > Version::old(2, 6, 39));
/// assert_eq!(running.to_string(), "6.1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u16; 3]);

impl Version {
    /// A release by its two numbers.
    pub const fn new(major: u16, minor: u16) -> Version {
        Version([major, minor, 0])
    }

    /// A release before 3.0, by its three numbers. From 3.0 on the third is that of a stable
    /// update, and is dropped.
    pub const fn old(major: u16, minor: u16, third: u16) -> Version {
        Version([major, minor, if major < 3 { third } else { 0 }])
    }

    /// A version as uname(2) or a user spells it: same as [`FromStr`], for constants. Behind two,
    /// three or four numbers there may be a suffix, which begins with `-`, `+`, `_` or `~`.
    ///
    /// ```
    /// use aio_sys::Version;
    ///
    /// const OLDEST: Version = Version::parse("5.10").unwrap();
    /// assert_eq!(OLDEST, Version::new(5, 10));
    /// assert_eq!(Version::parse("5.15.167.4-microsoft-standard-WSL2"), Version::parse("5.15"));
    /// assert_eq!(Version::parse("5"), None);
    /// assert_eq!(Version::parse("5.10.3garbage"), None);
    /// ```
    pub const fn parse(text: &str) -> Option<Version> {
        let Some((major, rest)) = number(text.as_bytes()) else { return None };
        let [b'.', rest @ ..] = rest else { return None };
        let Some((minor, rest)) = number(rest) else { return None };
        let Some((third, rest)) = Version::update(rest) else { return None };
        let Some((_, rest)) = Version::update(rest) else { return None };
        match rest {
            [] | [b'-' | b'+' | b'_' | b'~', ..] => Some(Version::old(major, minor, third)),
            _ => None,
        }
    }

    /// The number behind a point, or 0 if there is no point, and the rest.
    const fn update(text: &[u8]) -> Option<(u16, &[u8])> {
        match text {
            [b'.', rest @ ..] => number(rest),
            rest => Some((0, rest)),
        }
    }

    /// Whether it comes before another: `<`, for constants.
    pub const fn is_before(self, other: Version) -> bool {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        a < x || a == x && (b < y || b == y && c < z)
    }
}

/// The number that a text begins with, and the rest.
const fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let [b'0'..=b'9', ..] = text else { return None };
    let (mut value, mut rest) = (0_u16, text);
    while let [digit @ b'0'..=b'9', more @ ..] = rest {
        value = match value.checked_mul(10) {
            Some(value) => match value.checked_add((*digit - b'0') as u16) {
                Some(value) => value,
                None => return None,
            },
            None => return None,
        };
        rest = more;
    }
    Some((value, rest))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [major @ ..3, minor, third] => write!(f, "{major}.{minor}.{third}"),
            [major, minor, _] => write!(f, "{major}.{minor}"),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Version, UnknownVersion> {
        Version::parse(text).ok_or(UnknownVersion(()))
    }
}

/// The error for a text that is not a [`Version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVersion(());

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a version of Linux, such as 6.12 or 6.12.107")
    }
}

impl core::error::Error for UnknownVersion {}
