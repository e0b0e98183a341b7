//! What went wrong, and where.

use std::fmt;

/// A sentence that says what is wrong and what to do, with the place it was seen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as the user knows it.
    pub file: String,
    /// Line in it, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// The sentence.
    pub what: String,
}

impl Error {
    /// An error at a line of a file (0: the whole file).
    pub fn new(file: impl Into<String>, line: usize, what: impl Into<String>) -> Error {
        Error { file: file.into(), line, what: what.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for Error {}
