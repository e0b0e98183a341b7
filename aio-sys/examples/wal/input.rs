//! Standard input, line by line, as far as it has come.

use crate::Result;
use crate::common::reason;
use crate::format::{GROUP, LINE};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

pub struct Input {
    file: File,
    /// What was read, from the first line that was not taken.
    bytes: Vec<u8>,
    start: usize,
    ended: bool,
    /// How many were taken.
    lines: u64,
}

impl Input {
    pub fn new(stdin: impl AsFd) -> Result<Input> {
        // Not through the buffer of `Stdin`, in which a poll cannot look.
        let file = stdin.as_fd().try_clone_to_owned().map(File::from);
        let file =
            file.map_err(|error| format!("cannot read standard input: {}", reason(&error)))?;
        Ok(Input { file, bytes: Vec::with_capacity(2 * GROUP), start: 0, ended: false, lines: 0 })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Whether to read more. Not as long as there is enough for a write.
    pub fn is_wanted(&self) -> bool {
        !self.ended && self.bytes.len() - self.start < GROUP
    }

    /// Whether all lines were taken.
    pub fn is_over(&self) -> bool {
        self.ended && self.start == self.bytes.len()
    }

    /// Reads once, which does not block if a poll has said so.
    pub fn fill(&mut self) -> Result<()> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let old = self.bytes.len();
        self.bytes.resize(old + GROUP, 0);
        let result = self.file.read(&mut self.bytes[old..]);
        self.bytes.truncate(old + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error)
                if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
            Err(error) => return Err(format!("cannot read standard input: {}", reason(&error))),
        }
        Ok(())
    }

    /// The next line, if all of it is there; the last one may lack its end.
    pub fn line(&self) -> Result<Option<&[u8]>> {
        let rest = &self.bytes[self.start..];
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        if end > LINE {
            return Err(format!(
                "line {} is longer than the {LINE} bytes that a record holds",
                self.lines + 1
            ));
        }
        let whole = end < rest.len() || self.ended && end > 0;
        Ok(whole.then(|| &rest[..end]))
    }

    /// Takes the line of so many bytes.
    pub fn take(&mut self, len: usize) {
        self.start = (self.start + len + 1).min(self.bytes.len());
        self.lines += 1;
    }
}
