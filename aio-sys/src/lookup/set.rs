//! Sets of system calls.

use crate::lookup::data::{self, Abi};
use crate::lookup::text::same;
use crate::lookup::{Call, Calls, Version};
use core::fmt;
use core::iter::FusedIterator;

/// As many words as the ABI with the most numbers needs, holes included.
const WORDS: usize = {
    let (mut most, mut all) = (0, data::FACTS.as_slice());
    while let [facts, rest @ ..] = all {
        let numbers = facts.numbers();
        if numbers > most {
            most = numbers;
        }
        all = rest;
    }
    most.div_ceil(u64::BITS) as usize
};

/// A set of system calls of one [`Abi`]: a bit for each number. It allocates nothing, and nearly
/// everything is `const`.
///
/// An operation with a set of another ABI takes its calls by name: those that the own ABI does not
/// have are left out.
///
/// # Example: what a filter has to allow, on two ABIs
///
/// ```
/// use aio_sys::{Abi, CallSet};
///
/// const AIO: CallSet = CallSet::of_source(Abi::X86_64, "fs/aio.c");
/// const FILES: CallSet = match CallSet::of(Abi::X86_64, &["open", "openat", "close"]) {
///     Ok(files) => files,
///     Err(_) => panic!("a name is misspelt"),
/// };
/// const ALLOWED: CallSet = AIO.union(&FILES);
///
/// assert!(ALLOWED.contains(209) && !ALLOWED.contains(60));
/// let names: Vec<&str> = ALLOWED.on(Abi::Aarch64).iter().map(|call| call.name).collect();
/// assert_eq!(names[..5], ["io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents"]);
/// // aarch64 has no `open`.
/// assert_eq!(names[5..], ["openat", "close", "io_pgetevents"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallSet {
    abi: Abi,
    words: [u64; WORDS],
}

impl CallSet {
    /// No call.
    pub const fn new(abi: Abi) -> CallSet {
        CallSet { abi, words: [0; WORDS] }
    }

    /// Every call of the ABI.
    pub const fn all(abi: Abi) -> CallSet {
        let mut set = CallSet::new(abi);
        let mut at = 0;
        while at < abi.facts().numbers() {
            if let Some(number) = Calls::number(abi, at) {
                set.insert(number);
            }
            at += 1;
        }
        set
    }

    /// The calls that a release of Linux has, under the names that they still have: see
    /// [`Abi::had`]. A call that was removed, renamed or renumbered is in no set.
    ///
    /// ```
    /// use aio_sys::{Abi, CallSet, Version};
    ///
    /// const OLD: CallSet = CallSet::of_version(Abi::X86_64, Version::new(4, 19));
    /// const NEW: CallSet = OLD.complement();
    /// assert!(OLD.contains(209) && !NEW.contains(209));
    /// assert!(NEW.iter().any(|call| call.name == "io_uring_setup"));
    /// ```
    pub const fn of_version(abi: Abi, version: Version) -> CallSet {
        let mut set = CallSet::all(abi);
        let mut at = 0;
        while at < abi.facts().numbers() {
            if let Some(number) = Calls::number(abi, at) {
                if !abi.has_had(number, version) {
                    set.remove(number);
                }
            }
            at += 1;
        }
        set
    }

    /// The calls of these names. Those that only other ABIs have are left out.
    ///
    /// # Errors
    /// The first of the names that no ABI has.
    pub const fn of<'n>(abi: Abi, names: &[&'n str]) -> Result<CallSet, &'n str> {
        let mut set = CallSet::new(abi);
        let mut names = names;
        while let [name, rest @ ..] = names {
            match abi.number(name) {
                Some(number) => _ = set.insert(number),
                None if Abi::name_place(name).is_some() => {}
                None => return Err(name),
            }
            names = rest;
        }
        Ok(set)
    }

    /// The calls whose entry point is defined in a file of the kernel's source, such as `fs/aio.c`.
    pub const fn of_source(abi: Abi, source: &str) -> CallSet {
        let mut set = CallSet::new(abi);
        let mut at = 0;
        while at < abi.facts().numbers() {
            if let Some(number) = Calls::number(abi, at) {
                if let Some(prototype) = abi.prototype(number) {
                    if same(prototype.source().as_bytes(), source.as_bytes()) {
                        set.insert(number);
                    }
                }
            }
            at += 1;
        }
        set
    }

    /// The ABI that the calls are of.
    pub const fn abi(&self) -> Abi {
        self.abi
    }

    /// The word and the bit of a number.
    const fn place(&self, number: u32) -> Option<(usize, u64)> {
        match (self.abi.slot(number), self.abi.facts().runs) {
            // A hole has a slot, too.
            (Some(slot), [first, ..]) if self.abi.name(number).is_some() => {
                let at = slot - first.slot;
                Some((at / u64::BITS as usize, 1 << (at % u64::BITS as usize)))
            }
            _ => None,
        }
    }

    /// Adds the call of a number. Returns whether it was added, as the standard library's sets do:
    /// not if the set had it, and not if the number is not that of a call.
    pub const fn insert(&mut self, number: u32) -> bool {
        match self.place(number) {
            Some((word, bit)) if self.words[word] & bit == 0 => self.words[word] |= bit,
            _ => return false,
        }
        true
    }

    /// Removes the call of a number. Returns whether the set had it.
    pub const fn remove(&mut self, number: u32) -> bool {
        let had = self.contains(number);
        if let Some((word, bit)) = self.place(number) {
            self.words[word] &= !bit;
        }
        had
    }

    /// Whether the set has the call of a number.
    pub const fn contains(&self, number: u32) -> bool {
        match self.place(number) {
            Some((word, bit)) => self.words[word] & bit != 0,
            None => false,
        }
    }

    /// How many calls it has.
    pub const fn len(&self) -> usize {
        let (mut len, mut words) = (0, self.words.as_slice());
        while let [word, rest @ ..] = words {
            len += word.count_ones() as usize;
            words = rest;
        }
        len
    }

    /// Whether it has no call.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls of the same names on another ABI.
    pub const fn on(&self, abi: Abi) -> CallSet {
        if self.abi as usize == abi as usize {
            return *self;
        }
        let mut set = CallSet::new(abi);
        let mut at = 0;
        while at < self.abi.facts().numbers() {
            if let Some(number) = Calls::number(self.abi, at) {
                if self.contains(number) {
                    if let Some(number) = Abi::translate(number, self.abi, abi) {
                        set.insert(number);
                    }
                }
            }
            at += 1;
        }
        set
    }

    /// The calls in either set.
    pub const fn union(&self, other: &CallSet) -> CallSet {
        let (mut set, other, mut at) = (*self, other.on(self.abi), 0);
        while at < WORDS {
            set.words[at] |= other.words[at];
            at += 1;
        }
        set
    }

    /// The calls in both sets.
    pub const fn intersection(&self, other: &CallSet) -> CallSet {
        let (mut set, other, mut at) = (*self, other.on(self.abi), 0);
        while at < WORDS {
            set.words[at] &= other.words[at];
            at += 1;
        }
        set
    }

    /// The calls that the other set does not have.
    pub const fn difference(&self, other: &CallSet) -> CallSet {
        let (mut set, other, mut at) = (*self, other.on(self.abi), 0);
        while at < WORDS {
            set.words[at] &= !other.words[at];
            at += 1;
        }
        set
    }

    /// The calls of the ABI that the set does not have.
    pub const fn complement(&self) -> CallSet {
        CallSet::all(self.abi).difference(self)
    }

    /// Its calls, in order of their numbers.
    pub fn iter(&self) -> CallSetIter {
        CallSetIter { set: *self, calls: self.abi.calls() }
    }
}

impl fmt::Debug for CallSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallSet({}) ", self.abi)?;
        f.debug_set().entries(self.iter().map(|call| call.name)).finish()
    }
}

impl IntoIterator for CallSet {
    type Item = Call;
    type IntoIter = CallSetIter;

    fn into_iter(self) -> CallSetIter {
        self.iter()
    }
}

impl IntoIterator for &CallSet {
    type Item = Call;
    type IntoIter = CallSetIter;

    fn into_iter(self) -> CallSetIter {
        self.iter()
    }
}

/// An iterator over the calls of a [`CallSet`].
#[derive(Clone, Debug)]
pub struct CallSetIter {
    set: CallSet,
    calls: Calls,
}

impl Iterator for CallSetIter {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        self.calls.by_ref().find(|call| self.set.contains(call.number))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.set.len()))
    }
}

impl FusedIterator for CallSetIter {}
