//! `corrections.toml`: rows in which a published tree differs from its release.

use super::document::Block;
use super::history::row;
use crate::version::Version;
use std::collections::BTreeSet;

/// The file's name.
pub(crate) const FILE: &str = "corrections.toml";

/// The known corrections.
pub(crate) struct Corrections {
    corrections: Vec<Correction>,
    unreadable: Vec<Unreadable>,
}

/// An ABI that older kernels have in a form that cannot be imported.
struct Unreadable {
    abi: String,
    before: Version,
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
        if self.unreadable(abi).is_some_and(|before| tree.series() < before.series()) {
            rows.clear();
        }
    }

    /// The first release from which an ABI can be imported, if the ABI is older.
    pub(crate) fn unreadable(&self, abi: &str) -> Option<&Version> {
        self.unreadable.iter().find(|known| known.abi == abi).map(|known| &known.before)
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
        block.string("why");
        Unreadable { abi: block.string("abi"), before: Version::new(block.string("before")) }
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
