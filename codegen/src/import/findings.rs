//! The errors that an import finds in a source, and how each is handled: each kind once, in one
//! table.
//!
//! An import into the repository stops at everything doubtful, since all users depend on those
//! tables. An import into another directory continues with a warning: its user needs the numbers of
//! that kernel, including gaps and private calls. A finding that could make a number wrong stops
//! both.

use crate::Error;
use crate::source::{Source, ends, merged};
use crate::term::counted;
use std::cell::RefCell;
use std::sync::Arc;

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A merge conflict marker.
    Conflict,
    /// A table, or a header of numbers, that cannot be read.
    Unreadable,
    /// One number for two calls, or one call with two numbers.
    Twice,
    /// Tags that the kernel's own scripts would confuse.
    Tags,
    /// A base of an ABI's numbers that differs from `abis.toml`.
    Base,
    /// A call that one ABI does not have, but most others do.
    Gap,
    /// A call that is not in the committed tables.
    Private,
    /// A row that the kernel's scripts skip.
    Skipped,
    /// A row that is not in the order of the numbers.
    Unsorted,
    /// A number that is not below the count of the kernel's table.
    Beyond,
    /// A column or comment after the last known column.
    Column,
    /// A name in a header whose number cannot be evaluated.
    Unnumbered,
    /// A number in a header that depends on the configuration of the kernel.
    Optional,
    /// An entry point that is replaced by another in the list of a header.
    Replaced,
    /// An architecture with its own table, where the others share one.
    OwnTable,
    /// An ABI that is left out: only one of two places in the tree has it.
    LeftOut,
    /// A header whose additional names and aliases cannot be read.
    Names,
    /// A name that a header no longer defines.
    LostName,
    /// A last line without its newline.
    LastLine,
    /// A file other than a table or a header with a merge that is not finished.
    Merge,
    /// A configuration symbol that nothing declares.
    Undeclared,
    /// An entry point without definition.
    Undefined,
    /// A file with a definition that no makefile builds.
    Unbuilt,
    /// A directory that cannot be listed.
    Unlisted,
    /// A C or assembly file that cannot be searched for definitions.
    Code,
    /// A Kconfig file that cannot be followed.
    Kconfig,
    /// A makefile that cannot be followed.
    Makefile,
    /// Error numbers that are missing from their header.
    Errno,
    /// Constants that are missing from their header.
    Constant,
    /// A fault in an architecture that has no ABI here, in user-mode Linux, or in a file that an
    /// import does not need.
    Elsewhere,
}

/// How a finding is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An error: a number could be wrong.
    WrongNumber,
    /// An error in the repository, a warning elsewhere.
    Doubtful,
    /// Ignored.
    NotOurs,
}

/// Each kind, its class, and its name in the singular.
pub const KINDS: &[(Kind, Class, &str)] = &[
    (Kind::Conflict, Class::WrongNumber, "merge conflict"),
    (Kind::Unreadable, Class::WrongNumber, "unreadable table"),
    (Kind::Twice, Class::WrongNumber, "duplicate number or name"),
    (Kind::Tags, Class::WrongNumber, "mixed-up tag"),
    (Kind::Base, Class::WrongNumber, "other base"),
    (Kind::Gap, Class::Doubtful, "gap"),
    (Kind::Private, Class::Doubtful, "private call"),
    (Kind::Skipped, Class::Doubtful, "skipped row"),
    (Kind::Unsorted, Class::Doubtful, "unsorted row"),
    (Kind::Beyond, Class::Doubtful, "uncounted call"),
    (Kind::Column, Class::Doubtful, "unknown column"),
    (Kind::Unnumbered, Class::Doubtful, "unknown number"),
    (Kind::Optional, Class::Doubtful, "optional number"),
    (Kind::Replaced, Class::Doubtful, "replaced entry point"),
    (Kind::OwnTable, Class::Doubtful, "own table"),
    (Kind::LeftOut, Class::Doubtful, "left-out ABI"),
    (Kind::Names, Class::Doubtful, "unread header"),
    (Kind::LostName, Class::Doubtful, "lost name"),
    (Kind::LastLine, Class::Doubtful, "unfinished last line"),
    (Kind::Merge, Class::Doubtful, "unfinished merge"),
    (Kind::Undeclared, Class::Doubtful, "undeclared symbol"),
    (Kind::Undefined, Class::Doubtful, "undefined entry point"),
    (Kind::Unbuilt, Class::Doubtful, "unbuilt file"),
    (Kind::Unlisted, Class::Doubtful, "unlisted directory"),
    (Kind::Code, Class::Doubtful, "unread definition"),
    (Kind::Kconfig, Class::Doubtful, "unread Kconfig file"),
    (Kind::Makefile, Class::Doubtful, "unread makefile"),
    (Kind::Errno, Class::Doubtful, "unread error-number header"),
    (Kind::Constant, Class::Doubtful, "unread constant header"),
    (Kind::Elsewhere, Class::NotOurs, "fault elsewhere"),
];

impl Kind {
    fn row(self) -> (Class, &'static str) {
        let row = KINDS.iter().find(|(kind, ..)| *kind == self);
        row.map_or((Class::WrongNumber, "error"), |(_, class, word)| (*class, word))
    }

    /// Its class.
    pub fn class(self) -> Class {
        self.row().0
    }
}

/// The findings of one import.
pub struct Findings {
    strict: bool,
    warnings: RefCell<Vec<(Kind, Error)>>,
}

impl Findings {
    /// For the repository: a doubtful finding is an error.
    pub fn strict() -> Findings {
        Findings { strict: true, warnings: RefCell::default() }
    }

    /// For any other directory: a doubtful finding is a warning.
    pub fn lenient() -> Findings {
        Findings { strict: false, warnings: RefCell::default() }
    }

    /// Whether the import is into the repository.
    pub(super) fn is_strict(&self) -> bool {
        self.strict
    }

    /// The warnings, in the order in which they were found, each once.
    pub fn warnings(&self) -> Vec<(Kind, Error)> {
        self.warnings.borrow().clone()
    }

    /// The same as lines to print.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.warnings.borrow().iter().map(|(_, error)| format!("warning: {error}")).collect()
    }

    /// `3 warnings: 2 gaps, 1 private call`; `None` if there are none.
    pub fn summary(&self) -> Option<String> {
        let warnings = self.warnings.borrow();
        let count = |kind: Kind| warnings.iter().filter(|(found, _)| *found == kind).count();
        let kinds: Vec<String> = KINDS
            .iter()
            .filter(|(kind, ..)| count(*kind) > 0)
            .map(|(kind, _, word)| counted(count(*kind), word))
            .collect();
        let all = counted(warnings.len(), "warning");
        (!kinds.is_empty()).then(|| format!("{all}: {}", kinds.join(", ")))
    }

    /// Records a finding.
    ///
    /// # Errors
    /// The finding stops this import.
    pub(super) fn judge(&self, kind: Kind, error: Error) -> Result<(), Error> {
        match kind.class() {
            Class::WrongNumber => Err(error),
            Class::Doubtful if self.strict => Err(error),
            Class::Doubtful => {
                let mut warnings = self.warnings.borrow_mut();
                if !warnings.iter().any(|(_, known)| *known == error) {
                    warnings.push((kind, error));
                }
                Ok(())
            }
            Class::NotOurs => Ok(()),
        }
    }

    /// The value, or its error as a finding.
    ///
    /// # Errors
    /// The finding stops this import.
    pub(super) fn accept<T>(
        &self,
        kind: Kind,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.judge(kind, error).map(|()| None),
        }
    }

    /// The handler for directories that cannot be listed.
    pub(super) fn unlisted(&self) -> impl FnMut(Error) -> Result<(), Error> + use<'_> {
        |error| self.judge(Kind::Unlisted, error)
    }

    /// The text of a file that should end with a newline.
    ///
    /// # Errors
    /// It cannot be read, or has no last newline, and that stops this import.
    pub(super) fn whole(&self, source: &Source, path: &str) -> Result<Arc<str>, Error> {
        let text = source.text(path)?;
        if let Err(fault) = merged(&text) {
            self.judge(Kind::Merge, source.fault(path, fault))?;
        }
        if let Err(fault) = ends(path, &text) {
            self.judge(Kind::LastLine, source.fault(path, fault))?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_class_and_one_word() {
        for (at, (kind, _, word)) in KINDS.iter().enumerate() {
            let before = &KINDS[..at];
            assert!(before.iter().all(|(other, _, words)| other < kind && words != word));
        }
        assert_eq!(KINDS.len(), Kind::Elsewhere as usize + 1);
    }

    #[test]
    fn a_doubt_stops_the_repository_alone() {
        let error = |what: &str| Error::in_file("a", what);
        let (strict, lenient) = (Findings::strict(), Findings::lenient());
        assert!(strict.judge(Kind::Gap, error("x")).is_err());
        assert!(strict.judge(Kind::Elsewhere, error("x")).is_ok());
        for what in ["x", "y", "x"] {
            assert!(lenient.judge(Kind::Gap, error(what)).is_ok());
        }
        assert!(lenient.judge(Kind::Twice, error("x")).is_err());
        assert_eq!(lenient.accept(Kind::Undefined, Err::<(), _>(error("z"))), Ok(None));
        assert_eq!(lenient.accept(Kind::Undefined, Ok(1)), Ok(Some(1)));
        let summary = lenient.summary();
        assert_eq!(summary.as_deref(), Some("3 warnings: 2 gaps, 1 undefined entry point"));
        assert_eq!((lenient.warnings().len(), strict.summary()), (3, None));
    }
}
