//! The space at the end of the log, prepared before records need it.
//!
//! A write that makes the file longer waits for the file system's metadata, so space is allocated
//! in large steps. Allocated space is still marked as unwritten, and the first durable write to it
//! waits for a commit of the file system's journal. So zeros are written ahead of small groups:
//! their own writes then change no metadata. A large group is worth a commit of its own.

use crate::format::{BLOCK, GROUP};
use aio_sys::{AlignedBuf, AlignedBufError, Completion, Token};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;

/// Bytes that are allocated at a time.
const STEP: u64 = 64 * GROUP as u64;
/// Zeros are written ahead of groups of up to so many bytes.
const SMALL: u64 = GROUP as u64 / 8;
/// Zeros that are written at a time.
const ZEROS: usize = 4 * GROUP;

pub struct Space {
    /// Space is allocated up to here. `u64::MAX` where the file system cannot allocate it.
    allocated: u64,
    /// What follows the records has been written up to here.
    written: u64,
    zeros: Zeros,
}

enum Zeros {
    Ready(AlignedBuf),
    /// They are being written from `written` on.
    InFlight(Token),
    /// They could not be written. Records need none, and their own writes report what is wrong.
    Failed,
}

impl Space {
    /// For records from `end` on, with nothing behind.
    pub fn new(end: u64) -> Result<Space, AlignedBufError> {
        let zeros = Zeros::Ready(AlignedBuf::new(ZEROS, BLOCK)?);
        Ok(Space { allocated: end, written: end, zeros })
    }

    /// How many bytes a group at `end` may have: none go where zeros are being written.
    pub fn limit(&self, end: u64) -> usize {
        match self.zeros {
            Zeros::InFlight(_) => (self.written - end).min(GROUP as u64) as usize,
            _ => GROUP,
        }
    }

    /// Allocates space for a group, and more for those after it.
    pub fn allocate(&mut self, file: &File, group: &Range<u64>) -> io::Result<()> {
        // What is left of the disk is used, even if it is less than a step.
        for target in [group.end.next_multiple_of(STEP), group.end] {
            if self.allocated >= group.end {
                break;
            }
            let (start, bytes) = (self.allocated, target - self.allocated);
            match fallocate(file, FallocateFlags::empty(), start, bytes) {
                Ok(()) => self.allocated = target,
                // Then each write allocates its own.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.allocated = u64::MAX,
                Err(errno) if target == group.end => return Err(errno.into()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Zeros to write behind a group that is being written, and where: none as long as there are
    /// enough. Call [`Space::in_flight`] when they are submitted.
    pub fn zeros_after(&mut self, group: &Range<u64>) -> Option<(AlignedBuf, Range<u64>)> {
        if matches!(self.zeros, Zeros::InFlight(_)) {
            return None;
        }
        self.written = self.written.max(group.end);
        let end = self.allocated.min(self.written + ZEROS as u64);
        let enough = self.written - group.end >= ZEROS as u64 / 2 || self.written >= end;
        if enough || group.end - group.start > SMALL {
            return None;
        }
        match mem::replace(&mut self.zeros, Zeros::Failed) {
            Zeros::Ready(buf) => Some((buf, self.written..end)),
            _ => None,
        }
    }

    pub fn in_flight(&mut self, zeros: Token) {
        self.zeros = Zeros::InFlight(zeros);
    }

    /// Takes the completion of zeros, and returns any other.
    pub fn complete(&mut self, done: Completion<AlignedBuf>) -> Option<Completion<AlignedBuf>> {
        if !matches!(self.zeros, Zeros::InFlight(zeros) if zeros == done.token) {
            return Some(done);
        }
        self.zeros = match (done.result, done.buf) {
            (Ok(bytes @ 1..), Some(buf)) => {
                // Groups begin at blocks.
                self.written += (bytes / BLOCK * BLOCK) as u64;
                Zeros::Ready(buf)
            }
            _ => Zeros::Failed,
        };
        None
    }
}
