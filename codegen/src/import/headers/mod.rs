//! Headers, as a C compiler reads them for an ABI: where they look for each other, and what is
//! predefined.

pub(super) mod constants;
pub(super) mod installed;
pub(super) mod names;

use super::c::Unit;
use crate::Error;
use crate::source::{Doubt, Source};
use crate::tables::Abi;
use std::sync::Arc;

/// Where `#include <…>` looks, in order.
pub(super) struct SearchPath<'s> {
    pub(super) source: &'s Source,
    directories: Vec<String>,
}

impl<'s> SearchPath<'s> {
    /// The user-space headers of a kernel tree.
    pub(super) fn of_tree(source: &'s Source, arch: &str) -> SearchPath<'s> {
        let directories = vec![format!("arch/{arch}/include/uapi/"), "include/uapi/".to_owned()];
        SearchPath { source, directories }
    }

    /// Installed headers.
    pub(super) fn installed(source: &'s Source) -> SearchPath<'s> {
        SearchPath { source, directories: vec![String::new()] }
    }

    /// The path that a name stands for, which may be that of something that cannot be read. In a
    /// kernel tree, a header `asm/x.h` that is in no directory is the generic one. Installed
    /// headers have them all.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        let generic = name
            .strip_prefix("asm/")
            .filter(|_| !self.source.is_installed())
            .map(|name| format!("asm-generic/{name}"));
        let names = [Some(name), generic.as_deref()].into_iter().flatten();
        let mut paths = names.flat_map(|name| {
            self.directories.iter().map(move |directory| format!("{directory}{name}"))
        });
        paths.find(|path| self.source.exists(path))
    }

    /// What to say of an included header that is not there.
    pub(super) fn lacks(&self, name: &str, file: &str, line: usize) -> Error {
        let what = format!("includes <{name}>, which is not there");
        self.source.incomplete_at(file, line, what)
    }

    /// Preprocesses a header; the names of those that it includes come with it. `generated` stands
    /// in for a header that the kernel makes while it is built: its name as in
    /// `<asm/unistd_64.h>`, and its text. Of the headers that architectures have of their own,
    /// no other may be missing: what it defines would have another value.
    pub(super) fn preprocess(
        &self,
        header: &str,
        predefined: &[(String, String)],
        generated: Option<(&str, &str)>,
    ) -> Result<(Unit, Vec<String>), Error> {
        let text = self.source.text(header)?;
        let mut included = Vec::new();
        let include = |name: &str, (from, line): (&str, usize)| {
            if let Some((_, text)) = generated.filter(|(generated, _)| *generated == name) {
                return Ok(Some((name.to_owned(), Arc::from(text))));
            }
            match self.find(name) {
                Some(path) => {
                    included.push(name.to_owned());
                    let text = self.source.text(&path)?;
                    if text.is_empty() {
                        return Err(self.source.incomplete(&path, Doubt::Missing, "is empty"));
                    }
                    Ok(Some((self.source.name(&path), text)))
                }
                // A C file of the kernel includes more than user space gets.
                None if name.starts_with("asm")
                    && !name.starts_with("asm/unistd")
                    && !from.ends_with(".c") =>
                {
                    Err(self.lacks(name, from, line))
                }
                None => Ok(None),
            }
        };
        let unit = Unit::preprocess(&self.source.name(header), &text, predefined, include)?;
        // Without it, every word has 0 bits.
        let defined = unit.macros().iter().any(|found| found.name == "__BITS_PER_LONG");
        match self
            .find("asm/bitsperlong.h")
            .filter(|_| included.iter().any(|name| name == "asm/bitsperlong.h"))
        {
            Some(path) if !defined => {
                let what = "defines no __BITS_PER_LONG";
                Err(self.source.incomplete(&path, Doubt::Missing, what))
            }
            _ => Ok((unit, included)),
        }
    }
}

/// The macros of a C compiler for the ABI that these headers ask for.
pub(super) fn predefined(abi: &Abi) -> Vec<(String, String)> {
    let bytes = (abi.bits / 8).to_string();
    let words =
        [("__CHAR_BIT__", "8"), ("__SIZEOF_LONG__", &bytes), ("__SIZEOF_POINTER__", &bytes)];
    let width = (abi.bits == 64).then_some(("__LP64__", "1"));
    let own = abi.predefined.iter().map(|text| text.split_once('=').unwrap_or((text, "1")));
    words
        .into_iter()
        .chain(width)
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
