//! `socketcall` and `ipc`: one number for many calls.

use crate::lookup::data::{self, Abi};
use crate::lookup::text::same;

impl Abi {
    /// How the ABI makes a system call by `socketcall` or `ipc`: the number of that call, and the
    /// value of its first argument. `None` if the ABI does not have that call, or the call is none
    /// of theirs. Many ABIs have a [`number`](Abi::number) for the same call, too, and a filter has
    /// to know both.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// // `accept` is socketcall(SYS_ACCEPT, ..), and has no number of its own.
    /// assert_eq!(Abi::I386.multiplexed("accept"), Some((102, 5)));
    /// assert_eq!(Abi::I386.number("accept"), None);
    /// assert_eq!(Abi::X86_64.multiplexed("accept"), None);
    /// assert_eq!(Abi::I386.multiplexed_name(102, 5), Some("accept"));
    /// ```
    pub const fn multiplexed(self, name: &str) -> Option<(u32, u32)> {
        let mut all = data::SUB_CALLS;
        while let [(of, known, value), rest @ ..] = all {
            if same(known.as_bytes(), name.as_bytes()) {
                return match self.number(of) {
                    Some(number) if self.is_there(number) => Some((number, *value)),
                    _ => None,
                };
            }
            all = rest;
        }
        None
    }

    /// The system call that `number`, which is `socketcall` or `ipc`, makes when its first argument
    /// is `first`. The upper 16 bits of that of `ipc` are a version, and are ignored.
    pub const fn multiplexed_name(self, number: u32, first: u32) -> Option<&'static str> {
        let Some(name) = self.name(number) else { return None };
        let first = if same(name.as_bytes(), b"ipc") { first & 0xffff } else { first };
        let mut all = data::SUB_CALLS;
        while let [(of, known, value), rest @ ..] = all {
            if *value == first && same(of.as_bytes(), name.as_bytes()) && self.is_there(number) {
                return Some(*known);
            }
            all = rest;
        }
        None
    }

    /// Whether a number is more than a name whose kernel function was removed.
    const fn is_there(self, number: u32) -> bool {
        match self.entry(number) {
            Some(entry) => !same(entry.as_bytes(), b"sys_ni_syscall"),
            None => true,
        }
    }
}
