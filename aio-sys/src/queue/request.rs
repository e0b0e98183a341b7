//! What names a request, and what it ends in.

use crate::sys::errno::Errno;
use std::fmt;
use std::vec::Vec;

/// A request: what [`Completion::token`] says again when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// A number below what the queue was made for, which no other request has until this one's
    /// completion was handed out: an index for tables of one's own.
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// A poll, the one kind of request that can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollToken(pub(super) Token);

impl From<PollToken> for Token {
    fn from(poll: PollToken) -> Token {
        poll.0
    }
}

impl PartialEq<PollToken> for Token {
    fn eq(&self, poll: &PollToken) -> bool {
        *self == poll.0
    }
}

/// The end of a request, and its buffer.
#[derive(Debug)]
#[must_use = "a request may have failed"]
#[non_exhaustive]
pub struct Completion<B> {
    /// Which request.
    pub token: Token,
    /// The bytes that were transferred, which may be fewer than the buffer has; for a poll,
    /// [`PollEvents`](crate::PollEvents) as bits, 0 if it was cancelled before there were any; 0
    /// for a sync. The error may be of the submission or of the transfer: there is no difference
    /// here.
    pub result: Result<usize, Errno>,
    /// The buffer of a read or a write.
    pub buf: Option<B>,
    /// The buffers of a vectored read or write.
    pub bufs: Vec<B>,
}

/// There is no free slot: here is what was not submitted. Slots come back with completions.
#[derive(Debug)]
pub struct Full<T>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "as many requests are in flight as the queue was made for; slots come back with \
             completions",
        )
    }
}

impl<T: fmt::Debug> std::error::Error for Full<T> {}
