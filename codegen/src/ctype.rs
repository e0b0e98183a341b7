//! C types of kernel prototypes as Rust types. An unknown type has no Rust type: nothing is
//! guessed.

use crate::text::joined;

/// A Rust type for an argument.
pub(crate) struct Rust {
    pub(crate) name: String,
    pub(crate) width: Width,
}

/// How many registers an argument takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// One, whatever the ABI.
    Word,
    /// A 64-bit scalar on every ABI: one or two, as the ABI's `pairs` say.
    Wide,
    /// Two, in memory order.
    Halves,
}

impl Rust {
    fn word(name: &str) -> Rust {
        Rust { name: name.to_owned(), width: Width::Word }
    }
}

/// Structures that `aio_sys::types` defines; a pointer to any other is a pointer to `c_void`.
const STRUCTS: &[&str] = &[
    "iocb",
    "io_event",
    "__aio_sigset",
    "__kernel_timespec",
    "old_timespec32",
    "__kernel_itimerspec",
    "old_itimerspec32",
    "iovec",
    "sigset_t",
];

/// Scalars by the kernel's name. `include/linux/types.h`, `include/uapi/asm-generic/posix_types.h`,
/// `include/uapi/linux/{aio_abi,fs,quota}.h`.
fn scalar(name: &str) -> Option<&'static str> {
    Some(match name {
        "char" => "c_char",
        "unsigned char" | "u8" | "__u8" | "uint8_t" => "u8",
        "short" => "i16",
        "unsigned short" | "u16" | "__u16" | "uint16_t" | "umode_t" | "old_uid_t" | "old_gid_t" => {
            "u16"
        }
        "int" | "signed int" => "c_int",
        "unsigned" | "unsigned int" | "uint" => "c_uint",
        "s32" | "__s32" | "int32_t" | "pid_t" | "key_t" | "mqd_t" | "clockid_t" | "timer_t"
        | "key_serial_t" | "rwf_t" | "utrap_entry_t" => "i32",
        "u32" | "__u32" | "uint32_t" | "uid_t" | "gid_t" | "qid_t" => "u32",
        "long" | "long int" | "off_t" => "c_long",
        "unsigned long" | "unsigned long int" | "old_sigset_t" => "c_ulong",
        "size_t" | "uintptr_t" => "usize",
        "ssize_t" => "isize",
        "s64" | "__s64" | "int64_t" | "loff_t" | "long long" => "i64",
        "u64" | "__u64" | "uint64_t" | "unsigned long long" => "u64",
        // include/asm-generic/compat.h, include/linux/compat.h: the same on every ABI whose own
        // entry points take them.
        "compat_int_t" | "compat_long_t" | "compat_pid_t" | "compat_off_t" | "compat_key_t"
        | "compat_timer_t" | "compat_ssize_t" | "old_time32_t" => "i32",
        "compat_uint_t"
        | "compat_ulong_t"
        | "compat_size_t"
        | "compat_uptr_t"
        | "compat_aio_context_t" => "u32",
        // Only x86 has a different one, and it has no such entry point.
        "compat_mode_t" => "u32",
        "compat_s64" | "compat_loff_t" => "i64",
        "compat_u64" => "u64",
        "aio_context_t" => "aio_context_t",
        "void" => "c_void",
        _ => return None,
    })
}

/// Typedefs of pointers: `include/uapi/linux/capability.h`,
/// `include/uapi/asm-generic/signal-defs.h`, `arch/sparc/include/uapi/asm/utrap.h`.
const POINTERS: &[&str] =
    &["cap_user_header_t", "cap_user_data_t", "__sighandler_t", "utrap_handler_t"];

/// The Rust type of an argument declared as `c`.
pub(crate) fn rust(c: &str) -> Option<Rust> {
    // C passes a function or an array as a pointer.
    if c.contains("(*") || c.ends_with(']') {
        return Some(Rust::word("*mut c_void"));
    }
    let spaced = c.replace('*', " * ");
    let words: Vec<&str> = spaced
        .split_whitespace()
        .filter(|word| !["__user", "__force", "struct", "union"].contains(word))
        .collect();
    let stars = words.iter().position(|&word| word == "*").unwrap_or(words.len());
    let (base, pointers) = words.split_at(stars);
    let mut constant = base.contains(&"const");
    let base: Vec<&str> = base.iter().copied().filter(|&word| word != "const").collect();
    let base = joined(&base, " ");
    if base.is_empty() || !base.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ' ') {
        return None;
    }
    if pointers.is_empty() {
        if POINTERS.contains(&base.as_str()) {
            return Some(Rust::word("*mut c_void"));
        }
        if base.starts_with("enum ") {
            return Some(Rust::word("c_uint"));
        }
        if base == "SC_ARG64" {
            return Some(Rust { name: "u64".into(), width: Width::Halves });
        }
        let name = scalar(&base).filter(|name| *name != "c_void")?;
        let width = if ["i64", "u64"].contains(&name) { Width::Wide } else { Width::Word };
        return Some(Rust { name: name.into(), width });
    }
    let known = STRUCTS.iter().find(|name| **name == base).copied();
    let mut name = known.or_else(|| scalar(&base)).unwrap_or("c_void").to_owned();
    for word in pointers {
        match *word {
            "*" => {
                name = format!("*{} {name}", if constant { "const" } else { "mut" });
                constant = false;
            }
            "const" => constant = true,
            _ => return None,
        }
    }
    Some(Rust { name, width: Width::Word })
}

#[cfg(test)]
mod tests {
    use super::Width;

    #[test]
    fn c_types_become_rust_types() {
        let name = |c| super::rust(c).map(|rust| rust.name);
        for (c, rust) in [
            ("int", "c_int"),
            ("unsigned long", "c_ulong"),
            ("aio_context_t", "aio_context_t"),
            ("struct iocb __user * __user *", "*mut *mut iocb"),
            ("struct iocb __user *__user *", "*mut *mut iocb"),
            ("const char __user *const __user *", "*const *const c_char"),
            ("const struct __aio_sigset __user *", "*const __aio_sigset"),
            ("struct stat __user *", "*mut c_void"),
            ("const void __user *", "*const c_void"),
            ("unsigned int __user *", "*mut c_uint"),
            ("int (*)(void)", "*mut c_void"),
            ("int[2]", "*mut c_void"),
            ("compat_uptr_t", "u32"),
            ("compat_loff_t", "i64"),
            ("SC_ARG64", "u64"),
        ] {
            assert_eq!(name(c).as_deref(), Some(rust), "{c}");
        }
        for unknown in ["void", "compat_sigset_t", "u64 x", "struct x", "", "SC_ARG64(len)"] {
            assert_eq!(name(unknown), None, "{unknown}");
        }
        let width = |c| super::rust(c).unwrap().width;
        assert!(width("loff_t") == Width::Wide && width("SC_ARG64") == Width::Halves);
        assert!(width("loff_t __user *") == Width::Word && width("unsigned long") == Width::Word);
    }
}
