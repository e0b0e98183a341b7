//! What others call an [`Abi`]: names, target triples, and values of the kernel's audit.

use crate::lookup::data::{self, Abi};
use core::fmt;
use core::str::FromStr;

impl Abi {
    /// The ABI of that name: same as [`FromStr`], for constants.
    ///
    /// A name is the ABI's own, a [target triple](Abi::of), or what others call the ABI, in upper
    /// or lower case: `uname -m`, Debian, LLVM, Go, libseccomp, systemd, QEMU and strace. Before it
    /// may stand `SCMP_ARCH_`, as in libseccomp and in the profiles of container engines,
    /// `AUDIT_ARCH_`, or `qemu-`. A name that two ABIs could claim is the more usual one's: `arm`
    /// is the EABI, and `mips64` is n64.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// for name in ["riscv64", "SCMP_ARCH_RISCV64", "riscv64-linux-gnu", "qemu-riscv64"] {
    ///     assert_eq!(Abi::from_name(name), Some(Abi::Riscv64));
    /// }
    /// assert_eq!(Abi::from_name("amd64"), Some(Abi::X86_64));
    /// assert_eq!("SCMP_ARCH_MIPSEL64N32".parse(), Ok(Abi::MipsN32));
    /// ```
    pub const fn from_name(name: &str) -> Option<Abi> {
        let bare = data::bare(name.as_bytes());
        let mut all = Abi::ALL;
        while let [abi, rest @ ..] = all {
            if data::is_named(abi.as_str(), data::OTHER_NAMES[*abi as usize], bare) {
                return Some(*abi);
            }
            all = rest;
        }
        Abi::of(name)
    }

    /// The ABI of a target triple, as Rust, Debian, GCC or LLVM spell it, in upper or lower case.
    /// `None` for a triple of another kernel, and for one that is ambiguous, such as
    /// `mips64-linux-gnu`.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// assert_eq!(Abi::of("x86_64-unknown-linux-gnux32"), Some(Abi::X32));
    /// assert_eq!(Abi::of("arm-linux-gnueabihf"), Some(Abi::Arm));
    /// assert_eq!(Abi::of("x86_64-pc-windows-msvc"), None);
    /// ```
    pub const fn of(target_triple: &str) -> Option<Abi> {
        let mut all = Abi::ALL;
        while let [abi, rest @ ..] = all {
            if data::is_triple(data::TRIPLES[*abi as usize], target_triple.as_bytes()) {
                return Some(*abi);
            }
            all = rest;
        }
        None
    }

    /// The ABI of a system call that seccomp, ptrace or audit report: `arch` is `seccomp_data.arch`
    /// or `ptrace_syscall_info.arch`.
    ///
    /// An architecture can have several ABIs. `number` then tells which, as each has its own
    /// [`base`](Abi::base): x32 has bit 30 in its numbers. A negative number, such as the -1 by
    /// which a tracer skips a call, has no base.
    ///
    /// Calls of ARM's OABI are reported as those of [`Arm`](Abi::Arm): the kernel takes their base
    /// away (`__NR_SYSCALL_MASK`), and reports numbers below 0x100000. What it reports for 32-bit
    /// code on arm64 is the same, too.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
    /// assert_eq!(Abi::of_audit(AUDIT_ARCH_X86_64, 209), Some(Abi::X86_64));
    /// assert_eq!(Abi::of_audit(AUDIT_ARCH_X86_64, 0x4000_0000 + 544), Some(Abi::X32));
    /// assert_eq!(Abi::of_audit(AUDIT_ARCH_X86_64, -1_i32 as u32), Some(Abi::X86_64));
    /// ```
    pub const fn of_audit(arch: u32, number: u32) -> Option<Abi> {
        let number = if number > i32::MAX as u32 { 0 } else { number };
        let mut found: Option<Abi> = None;
        let mut all = Abi::ALL;
        while let [abi, rest @ ..] = all {
            let better = match found {
                Some(found) => found.base() < abi.base() && abi.base() <= number,
                None => true,
            };
            if better && abi.has_audit(arch) {
                found = Some(*abi);
            }
            all = rest;
        }
        found
    }

    const fn has_audit(self, arch: u32) -> bool {
        let mut audit = self.audit_archs();
        while let [known, rest @ ..] = audit {
            if known.value == arch {
                return true;
            }
            audit = rest;
        }
        false
    }

    /// The values by which the kernel's audit, seccomp and ptrace know the ABI: one for each byte
    /// order and processor family. None for SPU code, whose calls they do not see.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// let [big, little] = Abi::MipsN32.audit_archs() else { panic!() };
    /// assert_eq!((big.name(), big.value()), ("AUDIT_ARCH_MIPS64N32", 0xa000_0008));
    /// assert!(little.is_little_endian() && !big.is_little_endian());
    /// assert_eq!((little.machine(), Abi::MipsN32.bits()), (8, 32));
    /// ```
    pub const fn audit_archs(self) -> &'static [AuditArch] {
        data::AUDIT[self as usize]
    }
}

/// A value by which the kernel's audit, seccomp and ptrace know an ABI: see [`Abi::audit_archs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuditArch {
    pub(super) name: &'static str,
    pub(super) value: u32,
}

impl AuditArch {
    /// Its name in the kernel's `audit.h`. On little-endian 32-bit PowerPC that is an expression,
    /// as the header does not name what the kernel reports.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The value.
    pub const fn value(self) -> u32 {
        self.value
    }

    /// Whether the value is for little-endian code. The kernel reports one value for both byte
    /// orders on `aarch64` and `arm` (little) and on `microblaze` and `xtensa` (big), and for
    /// Hexagon, which is little-endian, the value of a big-endian one.
    pub const fn is_little_endian(self) -> bool {
        self.value & data::AUDIT_ARCH_LE != 0
    }

    /// The machine in the header of an ELF file for it: `e_machine`, such as `EM_X86_64`. The class
    /// of the file is `ELFCLASS32` or `ELFCLASS64` as the ABI's [`bits`](Abi::bits) are.
    pub const fn machine(self) -> u16 {
        self.value as u16
    }
}

impl FromStr for Abi {
    type Err = UnknownAbi;

    /// Same as [`Abi::from_name`].
    fn from_str(name: &str) -> Result<Abi, UnknownAbi> {
        Abi::from_name(name).ok_or_else(|| {
            let own = Abi::ALL.iter().map(|abi| abi.as_str());
            let others = data::OTHER_NAMES.iter().flat_map(|names| names.iter().copied());
            UnknownAbi { near: data::nearest(own.chain(others), name) }
        })
    }
}

/// The error for a text that is not the name of an [`Abi`]. Its message has a name that is near to
/// it, and lists the ABIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAbi {
    near: Option<&'static str>,
}

impl fmt::Display for UnknownAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown ABI")?;
        if let Some(near) = self.near {
            write!(f, " (did you mean `{near}`?)")?;
        }
        f.write_str("; expected one of")?;
        for (at, abi) in Abi::ALL.iter().enumerate() {
            write!(f, "{} {abi}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownAbi {}

#[cfg(test)]
mod tests {
    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*ab*ab", "abaab", true),
            ("*ab*ab", "aab", false),
            ("a*b*c", "a-b-b-c", true),
            ("a**c", "abc", true),
            ("abc", "abcd", false),
            ("a*", "b", false),
            ("aB*", "Abc", true),
        ] {
            assert_eq!(
                super::data::fits(pattern.as_bytes(), text.as_bytes()),
                fits,
                "`{pattern}` on `{text}`"
            );
        }
    }
}
