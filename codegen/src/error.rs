//! What went wrong, and where.

use std::fmt;

/// An error message that says what is wrong and what to do, and the place it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where it was found.
    pub place: Place,
    /// The message.
    pub what: String,
}

/// What an error message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing that has a name: the tool itself, or what it prints.
    None,
    /// A whole file or directory, as the user knows it.
    File(String),
    /// A line of a file; the first is 1.
    Line(String, usize),
    /// An argument of the command line.
    Argument(&'static str),
}

impl Error {
    /// An error that has no place.
    pub fn plain(what: impl Into<String>) -> Error {
        Error { place: Place::None, what: what.into() }
    }

    /// An error about a whole file.
    pub fn in_file(file: impl Into<String>, what: impl Into<String>) -> Error {
        Error { place: Place::File(file.into()), what: what.into() }
    }

    /// An error at a line of a file.
    pub fn at(file: impl Into<String>, line: usize, what: impl Into<String>) -> Error {
        debug_assert!(line > 0, "lines count from 1");
        Error { place: Place::Line(file.into(), line), what: what.into() }
    }

    /// An error about an argument of the command line.
    pub fn argument(argument: &'static str, what: impl Into<String>) -> Error {
        Error { place: Place::Argument(argument), what: what.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::None => {}
            Place::File(file) => write!(f, "{file}: ")?,
            Place::Line(file, line) => write!(f, "{file}:{line}: ")?,
            Place::Argument(argument) => write!(f, "{argument}: ")?,
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
