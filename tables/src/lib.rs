//! The facts that `aio-codegen` reads, embedded so that published packages carry them.
#![no_std]

macro_rules! embed {
    ($directory:literal: $($name:literal)*) => {
        &[$(($name, include_str!(concat!("../", $directory, $name)))),*]
    };
}

/// The tables that people write: file name and text, in the order of the names.
pub const BY_HAND: &[(&str, &str)] = embed! { "":
    "abis.toml"
    "absent.toml"
    "corrections.toml"
    "functions.toml"
    "manual.toml"
};

/// What each release of Linux changed in the tables of numbers: file name and text. `cargo codegen
/// import` adds to it, and `cargo codegen history` builds it again.
pub const HISTORY: &[(&str, &str)] = embed! { "":
    "history.toml"
};

/// The tables that `cargo codegen import` writes, each of which names the kernel it is from: file
/// name and text, in the order of the names.
pub const IMPORTED: &[(&str, &str)] = embed! { "linux/":
    "alpha.toml"
    "arm.toml"
    "arm64-compat.toml"
    "asm-generic.toml"
    "errno.toml"
    "i386.toml"
    "ia64.toml"
    "lookup.toml"
    "m68k.toml"
    "microblaze.toml"
    "mips-n32.toml"
    "mips-n64.toml"
    "mips-o32.toml"
    "parisc.toml"
    "powerpc.toml"
    "prototypes.toml"
    "s390-31bit.toml"
    "s390.toml"
    "sh.toml"
    "sparc.toml"
    "uapi.toml"
    "x86_64.toml"
    "xtensa.toml"
};
