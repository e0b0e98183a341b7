//! `manual.toml`: which system calls have a page in the Linux man-pages.

use super::document::Block;

/// The file's name.
pub(crate) const FILE: &str = "manual.toml";

/// Section 2 of the man-pages.
pub(crate) struct Manual {
    /// Names of system calls, in order.
    pages: Vec<String>,
}

impl Manual {
    /// Whether a system call has a page of its name.
    pub(crate) fn has(&self, call: &str) -> bool {
        self.pages.binary_search_by(|page| page.as_str().cmp(call)).is_ok()
    }
}

/// `manual.toml`.
pub(super) fn read(top: &Block<'_>) -> Manual {
    top.only(&["version", "pages"]);
    top.string("version");
    let pages = top.strings("pages");
    if let Some(pair) = pages.windows(2).find(|pair| pair[0] >= pair[1]) {
        top.refuse(format!("`pages` is not in order: `{}`, then `{}`", pair[0], pair[1]));
    }
    Manual { pages }
}
