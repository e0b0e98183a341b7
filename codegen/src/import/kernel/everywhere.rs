//! The symbols that any file of a tree declares: a fallback for symbols that are declared outside
//! the imported files.

use super::kconfig::is_kconfig;
use crate::Error;
use crate::import::c::text::is_word;
use crate::import::tree::Tree;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// The symbols that anything in the tree declares: Kconfig files of drivers and of architectures
/// without ABI here, and makefiles with `-DCONFIG_X`, as x86's had for x32 up to Linux 5.17.
pub(in crate::import) struct Everywhere<'t> {
    tree: &'t Tree<'t>,
    /// They are read on first use, which is rare.
    symbols: OnceCell<BTreeSet<String>>,
}

impl<'t> Everywhere<'t> {
    pub(in crate::import) fn new(tree: &'t Tree<'t>) -> Everywhere<'t> {
        Everywhere { tree, symbols: OnceCell::new() }
    }

    pub(in crate::import) fn declares(&self, symbol: &str) -> Result<bool, Error> {
        if let Some(symbols) = self.symbols.get() {
            return Ok(symbols.contains(symbol));
        }
        let source = self.tree.source;
        let top = source.list("").unwrap_or_default();
        let directories = top.iter().filter(|entry| entry.is_directory && entry.name != ".git");
        let directories = directories.map(|entry| entry.name.clone());
        let wanted = |name: &str| is_kconfig(name) || name.starts_with("Makefile");
        // An unreadable file declares nothing.
        let mut files = source.walk(directories, |_| true, wanted, |_| Ok(()))?;
        files.push("Makefile".to_owned());
        let (mut symbols, mut buffer) = (BTreeSet::new(), Vec::new());
        for file in files {
            let Ok(text) = source.skim(&file, &mut buffer) else { continue };
            for line in text.lines() {
                let mut words = line.split_whitespace();
                if let Some("config" | "menuconfig") = words.next() {
                    symbols.extend(words.next().map(str::to_owned));
                }
                let defined = line.split("-DCONFIG_").skip(1);
                symbols.extend(
                    defined
                        .map(|rest| rest.chars().take_while(|c| is_word(*c)).collect::<String>()),
                );
            }
        }
        Ok(self.symbols.get_or_init(|| symbols).contains(symbol))
    }
}
