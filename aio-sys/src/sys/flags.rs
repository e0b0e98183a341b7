//! Flags, with a type for each field: the kernel ignores an `RWF_*` bit in `aio_flags`, and a write
//! that should be durable is not. Methods and operators are those of the crate `bitflags`.

use crate::sys::target::uapi_of_arch::*;
use crate::sys::types::*;
use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not, Sub, SubAssign};

macro_rules! operators {
    ($($name:ident: $op:ident $call:ident $assign:ident $call_assign:ident $method:ident;)*) => {$(
        impl $op for $name {
            type Output = $name;

            fn $call(self, other: $name) -> $name {
                self.$method(other)
            }
        }

        impl $assign for $name {
            fn $call_assign(&mut self, other: $name) {
                *self = self.$method(other);
            }
        }
    )*};
}

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $bits:ty {
        $($(#[$flag_doc:meta])* $flag:ident = $value:expr;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name($bits);

        impl $name {
            /// No flag.
            pub const NONE: $name = $name(0);
            $($(#[$flag_doc])* pub const $flag: $name = $name($value);)*

            /// All named flags.
            pub const fn all() -> $name {
                $name(0 $(| $value)*)
            }

            /// The flags with these bits; `None` if a bit is not a named flag.
            pub const fn from_bits(bits: $bits) -> Option<$name> {
                if bits & !$name::all().0 == 0 { Some($name(bits)) } else { None }
            }

            /// The named flags among these bits.
            pub const fn from_bits_truncate(bits: $bits) -> $name {
                $name(bits & $name::all().0)
            }

            /// The flags with these bits, including bits that are not named flags.
            pub const fn from_bits_retain(bits: $bits) -> $name {
                $name(bits)
            }

            /// The bits, as in the kernel's interface.
            pub const fn bits(self) -> $bits {
                self.0
            }

            /// Whether no flag is set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether all of `other` are set.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any of `other` is set.
            pub const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// `self | other`, in a constant.
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// `self & other`, in a constant.
            pub const fn intersection(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            /// `self - other`, in a constant: the flags of `self` that `other` does not have.
            pub const fn difference(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }

            /// `!self`, in a constant: all named flags that `self` does not have.
            pub const fn complement(self) -> $name {
                $name::from_bits_truncate(!self.0)
            }
        }

        operators! {
            $name: BitOr bitor BitOrAssign bitor_assign union;
            $name: BitAnd bitand BitAndAssign bitand_assign intersection;
            $name: Sub sub SubAssign sub_assign difference;
        }

        impl Not for $name {
            type Output = $name;

            fn not(self) -> $name {
                self.complement()
            }
        }

        /// `DSYNC | NOWAIT`; bits without a name in hexadecimal.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut rest = self.0;
                let mut separator = "";
                $(if self.contains($name::$flag) {
                    write!(f, "{separator}{}", stringify!($flag))?;
                    rest &= !$name::$flag.0;
                    separator = " | ";
                })*
                match (rest, separator) {
                    (0, "") => f.write_str("NONE"),
                    (0, _) => Ok(()),
                    _ => write!(f, "{separator}{rest:#x}"),
                }
            }
        }
    };
}

flags! {
    /// Flags of a read or a write: `RWF_*` of `include/uapi/linux/fs.h`, for
    /// [`iocb::aio_rw_flags`] only.
    ///
    /// If the kernel or the file does not support a flag, the kernel refuses the request with
    /// `EOPNOTSUPP`.
    ///
    /// # Example: durable when its event arrives
    ///
    /// ```
    /// use aio_sys::RwFlags;
    ///
    /// let flags = RwFlags::DSYNC | RwFlags::NOWAIT;
    /// assert_eq!(flags.bits(), libc::RWF_DSYNC | libc::RWF_NOWAIT);
    /// assert_eq!(format!("{flags:?}"), "DSYNC | NOWAIT");
    /// assert_eq!(flags - RwFlags::NOWAIT, RwFlags::DSYNC);
    /// ```
    RwFlags: i32 {
        /// High priority. Accepted, but without effect for native AIO. Since Linux 4.6.
        HIPRI = RWF_HIPRI;
        /// The written data is on disk before the event, as with `O_DSYNC`. Since Linux 4.7.
        DSYNC = RWF_DSYNC;
        /// The written data and all of the file's metadata are on disk before the event, as with
        /// `O_SYNC`. Since Linux 4.7.
        SYNC = RWF_SYNC;
        /// A request that would block yields `EAGAIN` instead. Since Linux 4.13.
        ///
        /// It yields `EOPNOTSUPP` where the file does not support the flag: all requests on
        /// overlayfs, FUSE and tmpfs, buffered writes on ext4. Some requests block all the same:
        /// see [Blocking](crate::Context#blocking).
        NOWAIT = RWF_NOWAIT;
        /// Writes at the end of the file, whatever the offset, as with `O_APPEND`. Since
        /// Linux 4.16.
        ///
        /// With `O_DIRECT`, have one append in flight at a time, or choose the offsets yourself. On
        /// XFS, direct appends that are in flight together overwrite each other, and all of them
        /// report success.
        APPEND = RWF_APPEND;
        /// Writes at the offset although the descriptor has `O_APPEND`. Since Linux 6.9.
        NOAPPEND = RWF_NOAPPEND;
        /// After a crash, all of the write or none of it is on disk; direct I/O only. Since
        /// Linux 6.11.
        ATOMIC = RWF_ATOMIC;
        /// Uses the page cache, but drops the pages afterwards. Since Linux 6.14.
        DONTCACHE = RWF_DONTCACHE;
        /// Does not raise `SIGPIPE`. Since Linux 6.18.
        NOSIGNAL = RWF_NOSIGNAL;
    }
}

flags! {
    /// Which optional fields of an [`iocb`] are used: `IOCB_FLAG_*` of
    /// `include/uapi/linux/aio_abi.h`, for [`iocb::aio_flags`] only. The kernel ignores bits that
    /// it does not know.
    ///
    /// ```
    /// use aio_sys::{IocbFlags, types::IOCB_FLAG_RESFD};
    ///
    /// assert_eq!(IocbFlags::RESFD.bits(), IOCB_FLAG_RESFD);
    /// ```
    IocbFlags: u32 {
        /// [`iocb::aio_resfd`] is an eventfd to signal. Since Linux 2.6.22.
        RESFD = IOCB_FLAG_RESFD;
        /// [`iocb::aio_reqprio`] is the I/O priority. Since Linux 4.18.
        IOPRIO = IOCB_FLAG_IOPRIO;
    }
}

flags! {
    /// The events that a poll waits for, and those that it found: `POLL*` of
    /// `include/uapi/asm-generic/poll.h`, as for poll(2).
    ///
    /// ```
    /// use aio_sys::PollEvents;
    ///
    /// assert_eq!((PollEvents::IN | PollEvents::PRI).bits() as i16, libc::POLLIN | libc::POLLPRI);
    /// ```
    PollEvents: u16 {
        /// There is data to read.
        IN = POLLIN;
        /// There is exceptional data to read, such as out-of-band data of TCP.
        PRI = POLLPRI;
        /// A write would not block.
        OUT = POLLOUT;
        /// An error; reported even if it was not requested.
        ERR = POLLERR;
        /// The other end has hung up; reported even if it was not requested.
        HUP = POLLHUP;
        /// The other end has shut down writing.
        RDHUP = POLLRDHUP;
    }
}

impl iocb {
    /// Sets [`aio_rw_flags`](iocb::aio_rw_flags).
    pub const fn with_rw_flags(mut self, flags: RwFlags) -> iocb {
        self.aio_rw_flags = flags.bits();
        self
    }

    /// Sets [`aio_flags`](iocb::aio_flags).
    pub const fn with_flags(mut self, flags: IocbFlags) -> iocb {
        self.aio_flags = flags.bits();
        self
    }
}
