//! The kernel's release, since io_destroy(2) of some releases does not wait for the requests in
//! flight.
//!
//! It stopped waiting in Linux 3.11 (4fcc712f5c48, "aio: fix io_destroy() regression by using
//! call_rcu()"), and waits again since Linux 3.16 (e02ba72aabfa, "aio: block io_destroy() until all
//! context requests are completed").

use crate::sys::raw;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

/// A release of Linux, `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release(u16, u16);

impl Release {
    /// The first release since which io_destroy waits.
    pub(crate) const WAITS: Release = Release(3, 16);

    /// The first release with `aio_rw_flags` (9830f4be159b, "fs: Use RWF_* flags for AIO
    /// operations").
    #[cfg(feature = "std")]
    pub(crate) const RW_FLAGS: Release = Release(4, 13);

    /// The first release with `IOCB_CMD_POLL` (bfe4037e722e, "aio: implement IOCB_CMD_POLL").
    pub(crate) const POLL: Release = Release(4, 19);

    /// For a kernel that does not report its release. That is more likely a seccomp filter than
    /// such an old kernel.
    const UNKNOWN: Release = Release(u16::MAX, u16::MAX);

    /// The release of the running kernel, queried once.
    pub(crate) fn running() -> Release {
        static CACHE: AtomicU32 = AtomicU32::new(0);
        let packed = match CACHE.load(Ordering::Relaxed) {
            0 => {
                let Release(major, minor) = query().unwrap_or(Release::UNKNOWN);
                let queried = u32::from(major) << 16 | u32::from(minor);
                CACHE.store(queried, Ordering::Relaxed);
                queried
            }
            packed => packed,
        };
        Release((packed >> 16) as u16, packed as u16)
    }

    /// Parses the field `release` of uname(2).
    ///
    /// With the personality `UNAME26`, Linux 3.x reports 2.6.(40 + x), and 4.x, 5.x and later
    /// report 2.6.(60 + x) (`override_release` in kernel/sys.c). The last real release of 2.6 was
    /// 2.6.39.
    fn parse(release: &[u8]) -> Option<Release> {
        let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| {
            core::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok())
        });
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(match (major, minor, numbers.next().flatten()) {
            (2, 6, Some(patch @ 40..60)) => Release(3, patch - 40),
            (2, 6, Some(patch @ 60..)) => Release(4, patch - 60),
            _ => Release(major, minor),
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// `struct new_utsname` of `include/uapi/linux/utsname.h`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Utsname {
    sysname: [u8; 65],
    nodename: [u8; 65],
    release: [u8; 65],
    version: [u8; 65],
    machine: [u8; 65],
    domainname: [u8; 65],
}

fn query() -> Option<Release> {
    const NONE: [u8; 65] = [0; 65];
    let mut name = Utsname {
        sysname: NONE,
        nodename: NONE,
        release: NONE,
        version: NONE,
        machine: NONE,
        domainname: NONE,
    };
    // SAFETY: the kernel writes a `struct new_utsname`, whose layout `Utsname` has, and nothing
    // else.
    unsafe { raw::uname((&raw mut name).cast()) };
    Release::parse(&name.release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_compare() {
        for (release, read) in [
            ("3.15.10", Some(Release(3, 15))),
            ("3.16.0-4-amd64", Some(Release(3, 16))),
            ("3.10.0-1160.el7.x86_64", Some(Release(3, 10))),
            ("4.4.0", Some(Release(4, 4))),
            ("6.18.44-fc-v669", Some(Release(6, 18))),
            ("10.0-rc1", Some(Release(10, 0))),
            ("2.6.39.3", Some(Release(2, 6))),
            // With the personality `UNAME26`.
            ("2.6.55-generic", Some(Release(3, 15))),
            ("2.6.56", Some(Release(3, 16))),
            ("2.6.78-fc-v669", Some(Release(4, 18))),
            ("", None),
            ("\0\0", None),
            ("linux", None),
            ("6", None),
            ("99999.1", None),
        ] {
            assert_eq!(Release::parse(release.as_bytes()), read, "{release}");
        }
        assert!(Release(3, 15) < Release::WAITS && Release(2, 6) < Release::WAITS);
        assert!(Release(3, 16) >= Release::WAITS && Release(4, 0) > Release::WAITS);
        assert!(Release::UNKNOWN > Release::WAITS);
    }

    #[test]
    fn the_structure_is_that_of_the_c_library() {
        assert_eq!(size_of::<Utsname>(), size_of::<libc::utsname>());
        assert_eq!(
            core::mem::offset_of!(Utsname, release),
            core::mem::offset_of!(libc::utsname, release)
        );
    }
}
