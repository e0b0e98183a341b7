//! Tokens of requests, and their completions.

use crate::queue::op::KeptOpen;
use crate::sys::errno::Errno;
use crate::sys::flags::PollEvents;
use std::string::ToString;
use std::vec::Vec;
use std::{fmt, io};

/// Identifies a request: its [`Completion`] has the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// A number less than the queue's capacity, unique until the request's completion is delivered:
    /// an index for tables of the caller.
    pub const fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// Identifies a poll, the only kind of request that can be cancelled.
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
    /// Identifies the request.
    pub token: Token,
    /// The value that was set by [`Op::user_data`](crate::op::Op::user_data).
    pub user_data: u64,
    /// The result, or the error of the submission or of the operation:
    ///
    /// - of a read or a write, the number of bytes transferred, which may be
    ///   [short](crate::howto#short-transfers);
    /// - of a poll, [`PollEvents`] as bits; of a poll that was cancelled 0, or the events that it
    ///   found just before;
    /// - of a sync, 0.
    pub result: Result<usize, Errno>,
    /// The buffer of a read or a write; `None` for other requests.
    pub buf: Option<B>,
    /// The buffers of a vectored read or write; empty for other requests.
    pub bufs: Vec<B>,
    /// Keeps the descriptor open. Dropping it may run the user's code.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "dropped with the completion"))]
    pub(crate) file: Option<KeptOpen>,
}

impl<B> Completion<B> {
    /// The result of a poll.
    ///
    /// # Errors
    ///
    /// The error of the request.
    pub fn poll_events(&self) -> Result<PollEvents, Errno> {
        self.result.map(|bits| PollEvents::from_bits_retain(bits as u16))
    }
}

impl<B> fmt::Debug for Completion<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Buffers are not printed: they may be long or secret.
        f.debug_struct("Completion")
            .field("token", &self.token)
            .field("user_data", &self.user_data)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// The error that no slot is free, with the buffers of the operation that was not accepted. A slot
/// is free again when its request's completion is delivered; in a split queue, when
/// [`Reaper::wait`](crate::Reaper::wait) or [`reap`](crate::Reaper::reap) has returned. A queue
/// that was [closed](crate::Submitter::close) has no free slots.
///
/// ```
/// use aio_sys::{Queue, op};
/// use std::num::NonZeroU32;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut queue = Queue::new(NonZeroU32::MIN)?;
/// queue.submit(op::read_at(&file, vec![0; 4], 0))?;
/// let full = queue.submit(op::read_at(&file, vec![1; 4], 4)).unwrap_err();
/// assert_eq!(
///     full.to_string(),
///     "the queue has no free slot: take completions before submitting more; a closed queue \
///      accepts nothing"
/// );
/// assert_eq!(full.0, [1; 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Full").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the queue has no free slot: take completions before submitting more; a closed queue \
             accepts nothing",
        )
    }
}

impl<T> std::error::Error for Full<T> {}

/// An error of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy).
impl<T> From<Full<T>> for io::Error {
    fn from(full: Full<T>) -> io::Error {
        io::Error::new(io::ErrorKind::ResourceBusy, full.to_string())
    }
}
