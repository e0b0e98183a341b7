//! Standard input, line by line.

use crate::common::{Result, reason};
use crate::format::{GROUP, LINE};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

pub struct Input {
    file: File,
    bytes: Box<[u8]>,
    /// What was read and not yet taken is `bytes[start..end]`.
    start: usize,
    end: usize,
    is_closed: bool,
    /// The number of lines that were taken.
    lines: u64,
}

impl Input {
    pub fn new(stdin: impl AsFd) -> Result<Input> {
        // A poll does not know what is in the buffer of `Stdin`.
        let file = stdin.as_fd().try_clone_to_owned().map(File::from);
        let file = file.map_err(|error| cannot_read(&error))?;
        let bytes = vec![0; 2 * GROUP].into();
        Ok(Input { file, bytes, start: 0, end: 0, is_closed: false, lines: 0 })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Whether to read more: not while there is enough for a group.
    pub fn is_wanted(&self) -> bool {
        !self.is_closed && self.end - self.start < GROUP
    }

    /// Whether all lines were taken.
    pub fn is_over(&self) -> bool {
        self.is_closed && self.start == self.end
    }

    /// Reads once, and returns whether that brought bytes or the end of the input. It does not
    /// block after a poll has reported input.
    pub fn fill(&mut self) -> Result<bool> {
        if self.start == self.end || self.bytes.len() - self.end < GROUP {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.file.read(&mut self.bytes[self.end..]) {
            Ok(bytes) => {
                self.is_closed = bytes == 0;
                self.end += bytes;
                Ok(true)
            }
            Err(error)
                if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) =>
            {
                Ok(false)
            }
            Err(error) => Err(cannot_read(&error)),
        }
    }

    /// The next line, if all of it was read. The last line may end without a newline.
    pub fn line(&self) -> Result<Option<&[u8]>> {
        let rest = &self.bytes[self.start..self.end];
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        if end > LINE {
            let number = self.lines + 1;
            return Err(format!("line {number} is longer than the limit of {LINE} bytes"));
        }
        let is_whole = end < rest.len() || self.is_closed && end > 0;
        Ok(is_whole.then(|| &rest[..end]))
    }

    /// Takes the line of `len` bytes.
    pub fn take(&mut self, len: usize) {
        self.start = (self.start + len + 1).min(self.end);
        self.lines += 1;
    }
}

fn cannot_read(error: &std::io::Error) -> String {
    format!("cannot read standard input: {}", reason(error))
}
