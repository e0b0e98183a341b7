//! What is emitted from the tables, and what it is made of.
#![allow(missing_docs, reason = "an imported name is its own documentation")]

use crate::lookup::history::Period;
use crate::lookup::{Absent, AuditArch, Version};

#[cfg(feature = "generate")]
include!(concat!(env!("OUT_DIR"), "/abis.rs"));
#[cfg(not(feature = "generate"))]
include!("../generated/abis.rs");

/// The place of a call's name among all names.
#[inline]
pub(super) const fn place(name: &[u8]) -> usize {
    let hash = hash(name);
    slot(hash, SEEDS[bucket(hash, SEEDS.len())], NAMES.len())
}

/// What is known of an ABI besides its calls.
pub(super) struct Facts {
    pub(super) name: &'static str,
    pub(super) linux: &'static str,
    pub(super) bits: u32,
    pub(super) base: u32,
    /// Which set of error numbers.
    pub(super) errnos: u16,
    /// How many numbers are taken.
    pub(super) calls: u16,
    pub(super) runs: &'static [Run],
}

impl Facts {
    /// How many numbers the runs have, holes included.
    pub(super) const fn numbers(&self) -> u32 {
        let (mut numbers, mut runs) = (0, self.runs);
        while let [run, rest @ ..] = runs {
            numbers += run.count;
            runs = rest;
        }
        numbers
    }
}

/// Numbers that follow each other, and their slots. Few of them are holes.
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) slot: usize,
}

/// The releases in which an ABI was seen: indices of the first and, if it is gone, of the last.
pub(super) struct Span {
    pub(super) first: u8,
    pub(super) last: u8,
    /// Whether it may be older than the first.
    pub(super) older: bool,
}

/// A name that a number had in some releases.
pub(super) struct Past {
    pub(super) number: u32,
    pub(super) name: u16,
    pub(super) period: Period,
}

/// The index that stands for nothing.
pub(super) const NONE: u16 = u16::MAX;

/// Strings, one after the other. Only [`Strings::new`] makes one.
pub(super) struct Strings {
    text: &'static str,
    /// Where each begins, and where the last one ends.
    at: &'static [u16],
}

impl Strings {
    pub(super) const fn new(text: &'static str, at: &'static [u16]) -> Strings {
        assert!(text.is_ascii());
        Strings { text, at }
    }

    pub(super) const fn len(&self) -> usize {
        self.at.len() - 1
    }

    /// The string at that index; none for [`NONE`].
    #[inline]
    pub(super) const fn get(&self, index: u16) -> Option<&'static str> {
        let index = index as usize;
        if index + 1 >= self.at.len() {
            return None;
        }
        let (begin, end) = (self.at[index] as usize, self.at[index + 1] as usize);
        let Some((head, _)) = self.text.as_bytes().split_at_checked(end) else { return None };
        let Some((_, bytes)) = head.split_at_checked(begin) else { return None };
        // SAFETY: `new` has seen that the text is ASCII, of which every part is UTF-8.
        Some(unsafe { core::str::from_utf8_unchecked(bytes) })
    }
}
