//! Since which release of Linux an ABI has a system call.

use crate::lookup::data::{self, Past, Span};
use crate::lookup::text::same;
use crate::lookup::{Abi, Calls, Version};
use core::fmt;
use core::iter::FusedIterator;

/// The index that stands for no release.
const NONE: u8 = u8::MAX;

impl Abi {
    /// The release that gave a number its name. For a number that is no longer in use, of its last
    /// name. `None` for an unknown number.
    ///
    /// For a call that was removed and came back, it is the release in which it came back: from
    /// there on, each release has it. [`earlier`](Abi::earlier) has the period before.
    ///
    /// It is the first whose table or user-space header has the call. A kernel may have it earlier:
    /// `clone3` of aarch64 can be used from 5.3 on, and its header has it from 5.5.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// let io_uring_enter = Abi::X86_64.number("io_uring_enter").unwrap();
    /// let since = Abi::X86_64.since(io_uring_enter).unwrap();
    /// assert_eq!(since.exact(), Some(Version::new(5, 1)));
    /// // As old as what is known of releases.
    /// assert_eq!(Abi::X86_64.since(0).unwrap().to_string(), "2.6.12 or earlier");
    /// ```
    pub const fn since(self, number: u32) -> Option<Since> {
        match self.period(number) {
            Some(period) => Some(period.since(self)),
            None => None,
        }
    }

    /// The last release in which a number had its name. `None` if the newest release has it, and
    /// for an unknown number.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// assert_eq!(Abi::X86_64.until(0), None);
    /// // The whole ABI was removed from the kernel.
    /// let read = Abi::Ia64.number("read").unwrap();
    /// assert_eq!(Abi::Ia64.until(read).unwrap().exact(), Some(Version::new(6, 6)));
    /// ```
    pub const fn until(self, number: u32) -> Option<Until> {
        match self.period(number) {
            Some(period) => period.until(),
            None => None,
        }
    }

    /// Whether a release is known to have the number, under whatever name. Where no tree of the
    /// release was read, a call that came or went there counts as unknown.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// const CLONE3: u32 = Abi::X86_64.number("clone3").unwrap();
    /// const { assert!(Abi::X86_64.had(CLONE3, Version::new(5, 3))) };
    /// const { assert!(!Abi::X86_64.had(CLONE3, Version::new(5, 2))) };
    /// ```
    pub const fn had(self, number: u32, version: Version) -> bool {
        if let Some(period) = self.present(number) {
            if period.contains(version) {
                return true;
            }
        }
        let Removed { next: mut at, end, .. } = self.former();
        while at < end {
            let Past { number: past, period, .. } = &data::PAST[at as usize];
            if *past == number && period.contains(version) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// The calls that a release is known to have, as [`had`](Abi::had) knows it: first those that
    /// are still there, then those that were removed since. A number that had two names is there
    /// twice. None, for a release that is older than the ABI or than all that is known; for a newer
    /// one, the calls of the newest release.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// let calls_of = |version| Abi::Aarch64.calls_of(version).map(|call| call.name);
    /// assert!(calls_of(Version::new(5, 9)).any(|name| name == "openat2"));
    /// assert!(!calls_of(Version::new(5, 5)).any(|name| name == "openat2"));
    /// assert_eq!(calls_of(Version::new(3, 6)).count(), 0);
    /// ```
    pub const fn calls_of(self, version: Version) -> CallsOf {
        CallsOf { version, calls: self.calls(), former: self.former() }
    }

    /// The names that numbers had and do not have any more: calls that were removed, renamed or
    /// renumbered, in order of their numbers. None of them is a [`number`](Abi::number) of today
    /// under the same name.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// let names = |number| Abi::I386.removed().filter(move |call| call.number == number);
    /// let former = names(322).next().unwrap();
    /// assert_eq!((former.name, Abi::I386.name(322)), ("timerfd", Some("timerfd_create")));
    /// ```
    pub const fn removed(self) -> Removed {
        self.past(0, 1)
    }

    /// Earlier periods of names that numbers have today: calls that were removed and came back, and
    /// names that are an alias of a newer one today.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// let sysctl = Abi::Arm64Compat.number("_sysctl").unwrap();
    /// let before = Abi::Arm64Compat.earlier().find(|call| call.number == sysctl).unwrap();
    /// assert_eq!(before.until.unwrap().last(), Version::new(5, 8));
    /// assert_eq!(Abi::Arm64Compat.since(sysctl).unwrap().by(), Version::new(6, 11));
    /// assert!(!Abi::Arm64Compat.had(sysctl, Version::new(6, 1)));
    /// ```
    pub const fn earlier(self) -> Removed {
        self.past(1, 2)
    }

    /// Both: removed calls, and earlier periods of those of today.
    const fn former(self) -> Removed {
        self.past(0, 2)
    }

    /// From one of the ABI's two parts of `PAST` to another.
    const fn past(self, from: usize, to: usize) -> Removed {
        let parts = 2 * self as usize;
        Removed { abi: self, next: data::PAST_OF[parts + from], end: data::PAST_OF[parts + to] }
    }

    /// The last name that a number had and does not have any more.
    pub const fn removed_call(self, number: u32) -> Option<Dated> {
        match self.last_removed(Some(number), None) {
            Some(at) => Some(self.dated(at)),
            None => None,
        }
    }

    /// The last number that a name had and does not have any more.
    ///
    /// ```
    /// use aio_sys::{Abi, Version};
    ///
    /// let former = Abi::X32.removed_number("io_submit").unwrap();
    /// assert_eq!(former.number, Abi::X32.base() + 209);
    /// assert_eq!(former.until.unwrap().last(), Version::new(3, 14));
    /// ```
    pub const fn removed_number(self, name: &str) -> Option<Dated> {
        match self.last_removed(None, Some(name)) {
            Some(at) => Some(self.dated(at)),
            None => None,
        }
    }

    /// The index of the removed call with that number or name that was there last.
    const fn last_removed(self, number: Option<u32>, name: Option<&str>) -> Option<u16> {
        let Removed { next: mut at, end, .. } = self.removed();
        let mut found: Option<(u16, u8)> = None;
        while at < end {
            let past = &data::PAST[at as usize];
            let wanted = match (number, name, data::PAST_NAMES.get(past.name)) {
                (Some(number), ..) => past.number == number,
                (_, Some(name), Some(known)) => same(name.as_bytes(), known.as_bytes()),
                _ => false,
            };
            let later = match found {
                Some((_, last)) => past.period.last > last,
                None => true,
            };
            if wanted && later {
                found = Some((at, past.period.last));
            }
            at += 1;
        }
        match found {
            Some((at, _)) => Some(at),
            None => None,
        }
    }

    /// Whether a release had the call that a number is now, under that name.
    pub(super) const fn has_had(self, number: u32, version: Version) -> bool {
        let (Some(period), Some(name)) = (self.present(number), self.name(number)) else {
            return false;
        };
        if period.contains(version) {
            return true;
        }
        let Removed { next: mut at, end, .. } = self.earlier();
        while at < end {
            let past = &data::PAST[at as usize];
            let is_it = match data::PAST_NAMES.get(past.name) {
                Some(known) => past.number == number && same(name.as_bytes(), known.as_bytes()),
                None => false,
            };
            if is_it && past.period.contains(version) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// The period of a number's name, if it has one.
    const fn present(self, number: u32) -> Option<Period> {
        match self.slot(number) {
            Some(slot) if data::SLOT_SINCE[slot] != NONE => Some(Period {
                first: data::SLOT_SINCE[slot],
                last: data::SPANS[self as usize].last,
            }),
            _ => None,
        }
    }

    /// The period of the last name that a number had.
    const fn period(self, number: u32) -> Option<Period> {
        match self.present(number) {
            None => match self.last_removed(Some(number), None) {
                Some(at) => Some(data::PAST[at as usize].period),
                None => None,
            },
            present => present,
        }
    }

    const fn dated(self, at: u16) -> Dated {
        let Past { number, name, period } = &data::PAST[at as usize];
        let name = match data::PAST_NAMES.get(*name) {
            Some(name) => name,
            None => "",
        };
        Dated { number: *number, name, since: period.since(self), until: period.until() }
    }
}

/// From which to which release a number had a name: indices of releases, [`NONE`] for a `last` that
/// has not come yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) first: u8,
    pub(super) last: u8,
}

impl Period {
    const fn since(self, abi: Abi) -> Since {
        let Span { first, older, .. } = data::SPANS[abi as usize];
        Since { first: self.first, older: older && self.first == first }
    }

    const fn until(self) -> Option<Until> {
        if self.last == NONE { None } else { Some(Until { last: self.last }) }
    }

    /// Whether every release of the version's kind is known to be inside.
    const fn contains(self, version: Version) -> bool {
        let ended = self.last != NONE && release(self.last).is_before(version);
        !ended && !version.is_before(release(self.first))
    }
}

const fn release(at: u8) -> Version {
    data::RELEASES[at as usize].0
}

/// Whether trees were read of all releases between this one and the one before it.
const fn follows(at: u8) -> bool {
    data::RELEASES[at as usize].1
}

/// Since when a number has a name. Displayed as the release, or as what is known of it: `5.1`,
/// `after 6.14, by 6.17`, `2.6.12 or earlier`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Since {
    first: u8,
    /// Whether the ABI may have had it before.
    older: bool,
}

impl Since {
    /// The first release that is known to have it.
    pub const fn by(self) -> Version {
        release(self.first)
    }

    /// The last release before that which is known not to have it. `None` if it is older than all
    /// that is known.
    pub const fn after(self) -> Option<Version> {
        if self.older { None } else { Some(release(self.first - 1)) }
    }

    /// The release that brought it, if that is known.
    ///
    /// Of some releases the tree that was read is a stable update, to which a call of the next
    /// release may have been backported. No such case is known: all dates were compared with an
    /// independent record of every release, in which about 200 dates rest on a stable update and
    /// have no second witness. `cargo codegen explain` shows the tree.
    pub const fn exact(self) -> Option<Version> {
        if !self.older && follows(self.first) { Some(self.by()) } else { None }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exact(), self.after()) {
            (Some(release), _) => write!(f, "{release}"),
            (None, Some(after)) => write!(f, "after {after}, by {}", self.by()),
            (None, None) => write!(f, "{} or earlier", self.by()),
        }
    }
}

impl fmt::Debug for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Since({self})")
    }
}

/// Until when a number had a name. Displayed as the release, or as what is known of it: `3.12`,
/// `5.12, gone by 5.14`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Until {
    last: u8,
}

impl Until {
    /// The last release that is known to have it.
    pub const fn last(self) -> Version {
        release(self.last)
    }

    /// The first release after that which is known not to have it.
    pub const fn gone_by(self) -> Version {
        release(self.last + 1)
    }

    /// The last release with it, if that is known.
    pub const fn exact(self) -> Option<Version> {
        if follows(self.last + 1) { Some(self.last()) } else { None }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact() {
            Some(release) => write!(f, "{release}"),
            None => write!(f, "{}, gone by {}", self.last(), self.gone_by()),
        }
    }
}

impl fmt::Debug for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Until({self})")
    }
}

/// A number of an [`Abi`], a name that it had, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dated {
    /// The number, as user space loads it.
    pub number: u32,
    /// The name.
    pub name: &'static str,
    /// Since when it had the name.
    pub since: Since,
    /// Until when; `None` if it still has it.
    pub until: Option<Until>,
}

/// An iterator over former names of an [`Abi`]'s numbers: see [`Abi::removed`] and
/// [`Abi::earlier`].
#[derive(Clone, Debug)]
pub struct Removed {
    abi: Abi,
    next: u16,
    end: u16,
}

impl Iterator for Removed {
    type Item = Dated;

    fn next(&mut self) -> Option<Dated> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(self.abi.dated(self.next - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.end - self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Removed {}
impl FusedIterator for Removed {}

/// An iterator over the calls of a release: see [`Abi::calls_of`].
#[derive(Clone, Debug)]
pub struct CallsOf {
    version: Version,
    calls: Calls,
    former: Removed,
}

impl Iterator for CallsOf {
    type Item = Dated;

    fn next(&mut self) -> Option<Dated> {
        let (abi, version) = (self.former.abi, self.version);
        let present = self.calls.find_map(|call| {
            let period = abi.present(call.number).filter(|period| period.contains(version))?;
            let (since, until) = (period.since(abi), period.until());
            Some(Dated { number: call.number, name: call.name, since, until })
        });
        present.or_else(|| {
            let there = |call: &Dated| {
                let until = call.until.is_none_or(|until| !until.last().is_before(version));
                until && !version.is_before(call.since.by())
            };
            self.former.find(there)
        })
    }
}

impl FusedIterator for CallsOf {}
