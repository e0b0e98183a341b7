//! `history.toml`: what each release of Linux changed in the numbers of the ABIs.
//!
//! The file lists changes alone. What was there before the first change of a call is read off the
//! tables beside it, from which [`History::runs`] goes back release by release.

use super::document::Block;
use super::model::{Abi, KernelTable};
use crate::version::Version;
#[cfg(feature = "cli")]
use std::collections::BTreeSet;
use std::fmt;

/// The file's name.
pub(crate) const FILE: &str = "history.toml";

/// What releases changed, the oldest first.
#[cfg_attr(feature = "cli", derive(Clone, Debug, Default, PartialEq, Eq))]
pub struct History {
    /// Every release that a tree was read of.
    pub releases: Vec<Release>,
}

/// What one release changed.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Release {
    /// The release, such as 5.10 or 2.6.39.
    pub linux: Version,
    /// The version of the tree that was read: the release's own, or a stable update.
    pub tree: Version,
    /// The releases between the previous one here and this one: no tree of them was read.
    pub unseen: Vec<Version>,
    /// The ABIs that it is the first to show, and that may be older.
    pub seen: Vec<String>,
    /// The ABIs that it is the first to have.
    pub arrived: Vec<String>,
    /// The ABIs that the release before it was the last to have.
    pub left: Vec<String>,
    /// Changes of ABIs that it and the release before it have.
    pub changes: Vec<Changes>,
}

/// The rows that a release added to some ABIs and removed from them. A row is a number, base not
/// included, and a name.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Changes {
    /// The ABIs.
    pub abis: Vec<String>,
    /// The rows that the release has and the one before it does not have.
    pub added: Vec<(u32, String)>,
    /// The other way round.
    pub removed: Vec<(u32, String)>,
}

/// A name that a number of an ABI had in consecutive releases.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(Debug))]
pub struct Run<'t> {
    /// The number, base included.
    pub number: u32,
    /// The name.
    pub name: &'t str,
    /// The index of the first release with it.
    pub since: usize,
    /// The index of the last one; `None` if the newest release still has it.
    pub until: Option<usize>,
}

/// The releases that have an ABI: the indices of the first and the last.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: usize,
    /// `None` if the newest release has it.
    pub(crate) last: Option<usize>,
    /// Whether it may be older than the first.
    pub(crate) older: bool,
}

impl History {
    /// The releases that have an ABI, if any does.
    pub(crate) fn span(&self, abi: &Abi) -> Option<Span> {
        let with = |abis: &dyn Fn(&Release) -> &[String]| {
            self.releases.iter().position(|release| abis(release).contains(&abi.name))
        };
        let (seen, left) = (with(&|release| &release.seen), with(&|release| &release.left));
        let first = seen.or(with(&|release| &release.arrived))?;
        Some(Span { first, last: left.map(|left| left - 1), older: seen.is_some() })
    }

    /// Every run of an ABI, in order of number and release. `table` is what a kernel of these
    /// releases has. None, if the history does not know the ABI.
    pub fn runs<'t>(&'t self, abi: &Abi, table: &'t KernelTable) -> Vec<Run<'t>> {
        let Some(Span { first, last: until, .. }) = self.span(abi) else { return Vec::new() };
        let end = until.map_or(self.releases.len(), |until| until + 1);
        let known = table.linux.series();
        let later = |release: &Release| release.linux.series() > known;
        let from = (first + 1..end).find(|&at| later(&self.releases[at])).unwrap_or(end);
        let mut runs: Vec<Run<'_>> = Vec::new();
        for call in abi.calls(table) {
            runs.push(Run { number: call.number, name: call.name, since: first, until });
        }
        // Back: a row is there since it was added, and one that was removed is there before.
        for at in (first + 1..from).rev() {
            for ((nr, name), added) in self.releases[at].rows(abi) {
                let number = abi.base.saturating_add(nr);
                if added {
                    let open = |run: &&mut Run<'_>| {
                        run.number == number && run.name == name && run.since == first
                    };
                    if let Some(run) = runs.iter_mut().find(open) {
                        run.since = at;
                    }
                } else {
                    runs.push(Run { number, name, since: first, until: Some(at - 1) });
                }
            }
        }
        // And on, where the table is not of the last kernel that has the ABI.
        for at in from..end {
            for ((nr, name), added) in self.releases[at].rows(abi) {
                let number = abi.base.saturating_add(nr);
                if added {
                    runs.push(Run { number, name, since: at, until });
                    continue;
                }
                let open = |run: &&mut Run<'_>| {
                    run.number == number && run.name == name && run.until == until
                };
                if let Some(run) = runs.iter_mut().find(open) {
                    run.until = Some(at - 1);
                }
            }
        }
        runs.sort_by_key(|run| (run.number, run.since, run.name));
        runs
    }

    /// Which of the releases a kernel is of, if a tree of it was read.
    #[cfg(feature = "cli")]
    pub(crate) fn release_of(&self, linux: &Version) -> Option<usize> {
        self.releases.iter().position(|release| release.linux.series() == linux.series())
    }

    /// Since when a run of an ABI is there.
    pub fn since(&self, abi: &Abi, run: &Run<'_>) -> Since<'_> {
        let first = self.span(abi).is_some_and(|span| span.older && span.first == run.since);
        let Release { linux, unseen, .. } = &self.releases[run.since];
        let before = run.since.checked_sub(1).filter(|_| !first);
        let after = before.map(|before| &self.releases[before].linux);
        Since { after, by: linux, exact: after.is_some() && unseen.is_empty() }
    }

    /// Until when it is there; `None` if it still is.
    pub(crate) fn until(&self, run: &Run<'_>) -> Option<Until<'_>> {
        let Release { linux, unseen, .. } = self.releases.get(run.until? + 1)?;
        let last = &self.releases[run.until?].linux;
        Some(Until { last, gone_by: linux, exact: unseen.is_empty() })
    }

    /// The rows of an ABI in one release: number, base not included, and name. `None` if it did not
    /// have the ABI.
    #[cfg(feature = "cli")]
    pub(crate) fn rows(
        &self,
        abi: &Abi,
        table: &KernelTable,
        release: usize,
    ) -> Option<BTreeSet<(u32, String)>> {
        let there =
            |run: &Run<'_>| run.since <= release && run.until.is_none_or(|until| release <= until);
        let runs = self.runs(abi, table).into_iter().filter(there);
        let rows: BTreeSet<_> =
            runs.map(|run| (run.number - abi.base, run.name.to_owned())).collect();
        (!rows.is_empty()).then_some(rows)
    }
}

/// Since when a call is there, and what is known of that.
#[derive(Clone, Copy)]
pub struct Since<'h> {
    /// The last release that is known not to have it; `None` if all that are known have it.
    pub after: Option<&'h Version>,
    /// The first release that is known to have it.
    pub by: &'h Version,
    /// Whether no other release is between the two.
    pub exact: bool,
}

impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since { exact: true, by, .. } => write!(f, "{by}"),
            Since { after: Some(after), by, .. } => write!(f, "after {after}, by {by}"),
            Since { after: None, by, .. } => write!(f, "{by} or earlier"),
        }
    }
}

/// Until when a call was there.
#[derive(Clone, Copy)]
pub(crate) struct Until<'h> {
    /// The last release that is known to have it.
    pub(crate) last: &'h Version,
    /// The first release that is known not to have it any more.
    pub(crate) gone_by: &'h Version,
    /// Whether no other release is between the two.
    pub(crate) exact: bool,
}

#[cfg(feature = "cli")]
impl fmt::Display for Until<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until { exact: true, last, .. } => write!(f, "{last}"),
            Until { last, gone_by, .. } => write!(f, "{last}, gone by {gone_by}"),
        }
    }
}

impl Release {
    /// The rows of an ABI that it added, `true`, and that it removed.
    fn rows<'t>(&'t self, abi: &Abi) -> impl Iterator<Item = ((u32, &'t str), bool)> {
        let of_abi = self.changes.iter().filter(move |changes| changes.abis.contains(&abi.name));
        of_abi.flat_map(|Changes { added, removed, .. }| {
            let row = |row: &'t (u32, String)| (row.0, row.1.as_str());
            let added = added.iter().map(move |added| (row(added), true));
            added.chain(removed.iter().map(move |removed| (row(removed), false)))
        })
    }
}

/// `history.toml`.
pub(super) fn read(top: &Block<'_>) -> History {
    top.only(&["release"]);
    History { releases: top.list("release", release) }
}

fn release(block: &Block<'_>) -> Release {
    block.only(&["linux", "tree", "unseen", "seen", "arrived", "left", "change"]);
    let mut unseen = Vec::new();
    for version in block.strings("unseen") {
        unseen.push(Version::new(version));
    }
    Release {
        linux: Version::new(block.string("linux")),
        tree: Version::new(block.string("tree")),
        unseen,
        seen: block.strings("seen"),
        arrived: block.strings("arrived"),
        left: block.strings("left"),
        changes: block.list("change", changes),
    }
}

fn changes(block: &Block<'_>) -> Changes {
    block.only(&["abis", "added", "removed", "renamed", "renumbered"]);
    let mut changes = Changes { abis: block.strings("abis"), added: vec![], removed: vec![] };
    for key in ["added", "removed", "renamed", "renumbered"] {
        let texts = if block.has(key) { block.strings(key) } else { Vec::new() };
        for text in texts {
            if changes.read(key, &text).is_none() {
                block.refuse(format!("`{text}` in `{key}` is not what `import` writes there"));
            }
        }
    }
    changes
}

impl Changes {
    /// Reads one text of a key.
    fn read(&mut self, key: &str, text: &str) -> Option<()> {
        let (first, rest) = text.split_once(' ')?;
        match key {
            "added" => self.added.push(row(text)?),
            "removed" => self.removed.push(row(text)?),
            "renamed" => {
                let (nr, (old, new)) = (first.parse().ok()?, rest.split_once(' ')?);
                self.removed.push((nr, old.to_owned()));
                self.added.push((nr, new.to_owned()));
            }
            _ => {
                let (old, (new, name)) = (first.parse().ok()?, rest.split_once(' ')?);
                self.removed.push((old, name.to_owned()));
                self.added.push((new.parse().ok()?, name.to_owned()));
            }
        }
        Some(())
    }
}

/// A number and a name.
pub(super) fn row(text: &str) -> Option<(u32, String)> {
    let (nr, name) = text.split_once(' ')?;
    Some((nr.parse().ok()?, name.to_owned()))
}
