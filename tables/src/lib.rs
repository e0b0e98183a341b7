//! The facts that `aio-codegen` reads, embedded so that published packages carry them.
//!
//! `abis.toml`, `absent.toml` and `functions.toml` are written by hand; the others are imported
//! from kernel trees by `cargo codegen import`, and say from which.
#![no_std]

macro_rules! embed {
    ($($name:literal)*) => {
        /// Every table: file name and text, in the order of their names.
        pub const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../", $name)))),*];
    };
}

embed! {
    "abis.toml"
    "absent.toml"
    "alpha.toml"
    "arm.toml"
    "arm64-compat.toml"
    "asm-generic.toml"
    "errno.toml"
    "functions.toml"
    "i386.toml"
    "ia64.toml"
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
}
