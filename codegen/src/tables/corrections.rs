//! `corrections.toml`: rows in which a published tree differs from its release.

use super::document::Block;
use super::history::row;
use crate::version::Version;
use std::collections::BTreeSet;
use std::fmt;

/// The file's name.
pub(crate) const FILE: &str = "corrections.toml";

/// The known corrections.
pub(crate) struct Corrections {
    corrections: Vec<Correction>,
    unreadable: Vec<Unreadable>,
}

/// An ABI that older kernels have in a form that cannot be imported.
pub(crate) struct Unreadable {
    abi: String,
    /// The first release from which it can be imported.
    before: Version,
    /// Which form that is.
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not read from kernels before Linux {}: {}", self.before, self.why)
    }
}

impl Corrections {
    /// Corrects the rows of an ABI from a tree.
    pub(crate) fn apply(&self, abi: &str, tree: &Version, rows: &mut BTreeSet<(u32, String)>) {
        let about = |known: &&Correction| {
            known.tree.as_str() == tree.as_str() && known.abis.iter().any(|name| name == abi)
        };
        for Correction { missing, foreign, .. } in self.corrections.iter().filter(about) {
            rows.retain(|row| !foreign.contains(row));
            rows.extend(missing.iter().cloned());
        }
        if self.unreadable_in(abi, tree).is_some() {
            rows.clear();
        }
    }

    /// Whether, and why, an ABI cannot be imported from older kernels.
    pub(crate) fn unreadable(&self, abi: &str) -> Option<&Unreadable> {
        self.unreadable.iter().find(|known| known.abi == abi)
    }

    /// The same, if a kernel is one of these.
    pub(crate) fn unreadable_in(&self, abi: &str, kernel: &Version) -> Option<&Unreadable> {
        self.unreadable(abi).filter(|known| kernel.series() < known.before.series())
    }
}

/// What is wrong with the rows of a tree.
struct Correction {
    /// The version of the tree.
    tree: Version,
    /// The ABIs with these rows.
    abis: Vec<String>,
    /// Rows of the release that the tree does not have.
    missing: Vec<(u32, String)>,
    /// Rows of the tree that the release does not have.
    foreign: Vec<(u32, String)>,
}

/// `corrections.toml`.
pub(super) fn read(top: &Block<'_>) -> Corrections {
    top.only(&["correction", "unreadable"]);
    let unreadable = top.list("unreadable", |block| {
        block.only(&["abi", "before", "why"]);
        let (abi, why) = (block.string("abi"), block.string("why"));
        Unreadable { abi, before: Version::new(block.string("before")), why }
    });
    let corrections = top.list("correction", |block| {
        block.only(&["tree", "abis", "missing", "foreign", "why"]);
        block.string("why");
        let rows = |key: &str| {
            let rows = block.strings(key).into_iter();
            let row = |text: String| match row(&text) {
                Some(row) => row,
                None => {
                    block.refuse(format!("`{text}` in `{key}` is not a number and a name"));
                    (0, text)
                }
            };
            rows.map(row).collect()
        };
        Correction {
            tree: Version::new(block.string("tree")),
            abis: block.strings("abis"),
            missing: rows("missing"),
            foreign: rows("foreign"),
        }
    });
    Corrections { corrections, unreadable }
}
