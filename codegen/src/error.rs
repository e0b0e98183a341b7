//! What went wrong, and where.

use std::fmt;

/// An error message: what is wrong, what to do, and the place.
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
    /// No place: the tool itself, or its output.
    None,
    /// A file or directory, by the path that the user knows.
    File(String),
    /// A line of a file; the first is 1.
    Line(String, usize),
    /// An argument of the command line.
    Argument(&'static str),
}

impl Error {
    /// An error without a place.
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
