//! What names a request, and what it ends in.

use crate::queue::op::KeptOpen;
use crate::sys::errno::Errno;
use crate::sys::flags::PollEvents;
use std::string::ToString;
use std::vec::Vec;
use std::{fmt, io};

/// Names a request: its [`Completion`] has the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// A number less than the queue's capacity, which no other request has until this one's
    /// completion was delivered: an index for tables of one's own.
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// Names a poll, the one kind of request that can be cancelled.
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

/// The result of a request, and its buffer.
#[must_use = "a request may have failed"]
#[non_exhaustive]
pub struct Completion<B> {
    /// Which request.
    pub token: Token,
    /// What [`Op::user_data`](crate::op::Op::user_data) has set.
    pub user_data: u64,
    /// The number of bytes that were transferred, which may be less than the buffer's; for a poll,
    /// [`PollEvents`] as bits (a poll that was cancelled has 0, or what it found just before); 0
    /// for a sync. The error is that of the submission or of the transfer.
    pub result: Result<usize, Errno>,
    /// The buffer of a read or a write.
    pub buf: Option<B>,
    /// The buffers of a vectored read or write.
    pub bufs: Vec<B>,
    /// What kept the descriptor open. To drop it may run code that is not ours.
    pub(crate) file: Option<KeptOpen>,
}

impl<B> Completion<B> {
    /// The result of a poll.
    ///
    /// # Errors
    ///
    /// That of the request.
    pub fn poll_events(&self) -> Result<PollEvents, Errno> {
        self.result.map(|bits| PollEvents::from_bits_retain(bits as u16))
    }
}

impl<B> fmt::Debug for Completion<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the buffers: they may be long, and secret.
        f.debug_struct("Completion")
            .field("token", &self.token)
            .field("user_data", &self.user_data)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// There is no free slot: here are the buffers of the operation that was not accepted. A slot is
/// free again when its request's completion is delivered.
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Full").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the queue is full: as many requests are in flight as its capacity; take completions \
             first",
        )
    }
}

impl<T> std::error::Error for Full<T> {}

/// Of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy).
impl<T> From<Full<T>> for io::Error {
    fn from(full: Full<T>) -> io::Error {
        io::Error::new(io::ErrorKind::ResourceBusy, full.to_string())
    }
}
