//! Every ABI as a value: look-ups in data that is emitted from the tables.

mod data;
mod history;
mod multiplexed;
mod names;
mod prototype;
mod set;
mod text;
mod version;

use crate::lookup::data::{Facts, NONE};
use crate::lookup::text::same;
use core::fmt;
use core::iter::FusedIterator;

pub use history::{CallsOf, Dated, Removed, Since, Until};
pub use names::{AuditArch, UnknownAbi};
pub use prototype::{Argument, Prototype};
pub use set::{CallSet, CallSetIter};
pub use version::{UnknownVersion, Version};

/// An ABI of Linux: its system-call numbers, its word size and its error numbers. (Feature
/// `all-abis`.)
///
/// Every ABI of the tables is here, on every target: a program can read a trace from another host,
/// or create a filter for another ABI. A look-up allocates nothing and never panics: unknown names
/// and numbers return `None`. Most are `const`. Numbers are as user space loads them, including the
/// ABI's [`base`](Abi::base).
///
/// # Example: number and kernel function of a system call differ by ABI
///
/// ```
/// use aio_sys::Abi;
///
/// const IO_SUBMIT: Option<u32> = Abi::X32.number("io_submit");
/// assert_eq!(IO_SUBMIT, Some(0x4000_0000 + 544));
/// assert_eq!(Abi::X32.name(0x4000_0000 + 544), Some("io_submit"));
/// assert_eq!(Abi::X32.entry(0x4000_0000 + 544), Some("compat_sys_io_submit"));
/// assert_eq!(Abi::I386.entry(248), Some("sys_io_submit"));
/// assert_eq!(Abi::I386.compat(248), Some("compat_sys_io_submit"));
/// assert_eq!(Abi::translate(248, Abi::I386, Abi::Aarch64), Some(2));
/// ```
///
/// # Example: a filter for the ABI of a target, by name
///
/// ```
/// use aio_sys::Abi;
///
/// let abi = Abi::of("mips64-linux-gnuabin32").expect("a Linux target");
/// assert_eq!(abi, "mips-n32".parse().unwrap());
/// let aio = abi.calls().filter(|call| call.name.starts_with("io_"));
/// let numbers: Vec<u32> = aio.map(|call| call.number).collect();
/// assert_eq!(numbers[..5], [6200, 6201, 6202, 6203, 6204]);
/// assert_eq!(abi.errno("ENOSYS"), Some(89));
/// ```
pub use data::Abi;

impl Abi {
    /// Every ABI, in the order of the tables.
    pub const ALL: &'static [Abi] = &data::ALL;

    /// The ABI that this crate was built for.
    ///
    /// ```
    /// use aio_sys::{Abi, nr};
    ///
    /// assert_eq!(Abi::TARGET.number("io_submit"), Some(nr::SYS_io_submit as u32));
    /// ```
    pub const TARGET: Abi = match Abi::from_name(crate::sys::abi::ABI) {
        Some(abi) => abi,
        None => panic!("the target's ABI is one of all"),
    };

    #[inline]
    const fn facts(self) -> &'static Facts {
        &data::FACTS[self as usize]
    }

    /// Its name: `mips-n32`.
    pub const fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The width of `long` and of a pointer, in bits.
    pub const fn bits(self) -> u32 {
        self.facts().bits
    }

    /// The number that the ABI adds to each number of the kernel's table.
    pub const fn base(self) -> u32 {
        self.facts().base
    }

    /// The version of the kernel that its numbers were imported from, such as `6.12.107`: for an
    /// ABI that was removed, the last that had it.
    pub const fn linux(self) -> &'static str {
        self.facts().linux
    }

    /// The slot of a number.
    #[inline]
    const fn slot(self, number: u32) -> Option<usize> {
        let mut runs = self.facts().runs;
        while let [run, rest @ ..] = runs {
            let at = number.wrapping_sub(run.first);
            if at < run.count {
                return Some(run.slot + at as usize);
            }
            runs = rest;
        }
        None
    }

    /// The number of a system call. Aliases that only a header defines are names, too, and so are
    /// calls that the kernel has removed or only reserved: [`entry`](Abi::entry) tells them apart.
    #[inline]
    pub const fn number(self, name: &str) -> Option<u32> {
        let Some(place) = Abi::name_place(name) else { return None };
        let at = data::SLOT_OF_NAME[self as usize * data::NAMES.len() + place] as u32;
        Calls::number(self, at)
    }

    /// The place of a name among those of all ABIs' calls.
    #[inline]
    const fn name_place(name: &str) -> Option<usize> {
        let place = data::place(name.as_bytes());
        match data::NAMES.get(place as u16) {
            Some(known) if same(known.as_bytes(), name.as_bytes()) => Some(place),
            _ => None,
        }
    }

    /// The name of a system call. If a number has several, the one in the kernel's table.
    #[inline]
    pub const fn name(self, number: u32) -> Option<&'static str> {
        match self.slot(number) {
            Some(slot) => data::NAMES.get(data::SLOT_NAME[slot]),
            None => None,
        }
    }

    /// The entry point of a number: the kernel function that implements it.
    ///
    /// `None`, or `sys_ni_syscall`, means that the call was removed or that the number is only
    /// reserved: it returns `ENOSYS`. The exceptions are ARM's own calls from
    /// [`base`](Abi::base) + 0xf0001 on, such as `cacheflush`: they are `None` because the kernel
    /// handles them outside of its table.
    pub const fn entry(self, number: u32) -> Option<&'static str> {
        match self.slot(number) {
            Some(slot) => data::ENTRIES.get(data::SLOT_ENTRY[slot]),
            None => None,
        }
    }

    /// The compat entry point: the kernel function that implements it when a 64-bit kernel runs
    /// code of this ABI, if that is another function.
    pub const fn compat(self, number: u32) -> Option<&'static str> {
        match self.slot(number) {
            Some(slot) => data::ENTRIES.get(data::SLOT_COMPAT[slot]),
            None => None,
        }
    }

    /// The prototype of [`entry`](Abi::entry). `None` if there is no entry point, or if the kernel
    /// has several definitions that differ.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// let io_submit = Abi::X86_64.prototype(209).unwrap();
    /// assert_eq!(
    ///     io_submit.to_string(),
    ///     "aio_context_t ctx_id, long nr, struct iocb __user *__user * iocbpp"
    /// );
    /// assert_eq!(io_submit.source(), "fs/aio.c");
    /// assert!(io_submit.line() > 1000);
    /// ```
    pub const fn prototype(self, number: u32) -> Option<Prototype> {
        let Some(slot) = self.slot(number) else { return None };
        match data::SLOT_ENTRY[slot] {
            NONE => None,
            entry => match data::ENTRY_PROTOTYPE[entry as usize] {
                NONE => None,
                prototype => Some(Prototype(prototype)),
            },
        }
    }

    /// Everything about a number.
    pub const fn call(self, number: u32) -> Option<Call> {
        match self.name(number) {
            Some(name) => {
                let (entry, compat, prototype) =
                    (self.entry(number), self.compat(number), self.prototype(number));
                Some(Call { number, name, entry, compat, prototype })
            }
            None => None,
        }
    }

    /// The system calls in order of their numbers, each once: without aliases.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// let first = Abi::X86_64.calls().next().unwrap();
    /// assert_eq!((first.number, first.name, first.entry), (0, "read", Some("sys_read")));
    /// ```
    pub const fn calls(self) -> Calls {
        let Facts { calls, .. } = self.facts();
        Calls { abi: self, next: 0, end: self.facts().numbers(), left: *calls as usize }
    }

    /// The number on `to` of the system call that has `number` on `from`, by its name. The
    /// arguments may differ: structures do, and so does how 64-bit values are passed.
    pub const fn translate(number: u32, from: Abi, to: Abi) -> Option<u32> {
        match from.name(number) {
            Some(name) => to.number(name),
            None => None,
        }
    }

    /// Why the ABI does not have a system call that others have, and what to use instead. `None`
    /// does not mean that the ABI has it: check [`number`](Abi::number).
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// let absent = Abi::Riscv32.absent("io_getevents").unwrap();
    /// assert_eq!(absent.calls, ["io_pgetevents_time64"]);
    /// let absent = Abi::I386.absent("semtimedop").unwrap();
    /// assert_eq!(absent.calls, ["semtimedop_time64", "ipc"]);
    /// assert_eq!(absent.instead, "`semtimedop_time64`, or `ipc` with SEMTIMEDOP");
    /// ```
    pub const fn absent(self, name: &str) -> Option<Absent> {
        let mut all = data::ABSENT;
        while let [(known, abis, absent), rest @ ..] = all {
            if *abis >> (self as u32) & 1 != 0 && same(known.as_bytes(), name.as_bytes()) {
                return Some(*absent);
            }
            all = rest;
        }
        None
    }

    /// The error number with this name: `ENOSYS` is 38 on most ABIs, and 89 on MIPS.
    pub const fn errno(self, name: &str) -> Option<u16> {
        let mut set = data::ERRNOS[self.facts().errnos as usize];
        while let [(value, known), rest @ ..] = set {
            if let Some(known) = data::ERRNO_NAMES.get(*known) {
                if same(known.as_bytes(), name.as_bytes()) {
                    return Some(*value);
                }
            }
            set = rest;
        }
        None
    }

    /// The name of an error number. If there are two, the one by which the other is defined.
    pub const fn errno_name(self, errno: u16) -> Option<&'static str> {
        let mut set = data::ERRNOS[self.facts().errnos as usize];
        while let [(value, name), rest @ ..] = set {
            if *value == errno {
                return data::ERRNO_NAMES.get(*name);
            }
            set = rest;
        }
        None
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A system call of an [`Abi`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Its number, as user space loads it.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its entry point: see [`Abi::entry`].
    pub entry: Option<&'static str>,
    /// Its compat entry point: see [`Abi::compat`].
    pub compat: Option<&'static str>,
    /// Its prototype: see [`Abi::prototype`].
    pub prototype: Option<Prototype>,
}

/// An iterator over the system calls of an [`Abi`]: see [`Abi::calls`].
#[derive(Clone, Debug)]
pub struct Calls {
    abi: Abi,
    /// Slots of the ABI, holes included, that are still to come.
    next: u32,
    end: u32,
    left: usize,
}

impl Calls {
    fn at(&self, at: u32) -> Option<Call> {
        self.abi.call(Calls::number(self.abi, at)?)
    }

    /// The number at a place among an ABI's numbers, holes included.
    #[inline]
    const fn number(abi: Abi, at: u32) -> Option<u32> {
        let (mut at, mut runs) = (at, abi.facts().runs);
        while let [run, rest @ ..] = runs {
            if at < run.count {
                return Some(run.first + at);
            }
            at -= run.count;
            runs = rest;
        }
        None
    }
}

impl Iterator for Calls {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        while self.next < self.end {
            self.next += 1;
            if let Some(call) = self.at(self.next - 1) {
                self.left -= 1;
                return Some(call);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Calls {
    fn next_back(&mut self) -> Option<Call> {
        while self.next < self.end {
            self.end -= 1;
            if let Some(call) = self.at(self.end) {
                self.left -= 1;
                return Some(call);
            }
        }
        None
    }
}

impl ExactSizeIterator for Calls {}
impl FusedIterator for Calls {}

/// Why an [`Abi`] does not have a system call, and what to use instead: see [`Abi::absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Absent {
    /// The reason.
    pub why: &'static str,
    /// The system calls to use instead, the best one first. The ABI has each of them.
    pub calls: &'static [&'static str],
    /// What to use instead, in words, with the calls in backquotes. Empty if nothing replaces the
    /// call.
    pub instead: &'static str,
}
