//! A queue as an event source of the crate `mio`.

use crate::queue::Queue;
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::os::fd::AsRawFd;

/// A queue that was created [`with_eventfd`](Queue::with_eventfd) is readable when there may be
/// completions. (Feature `mio`.)
///
/// `mio` is edge-triggered: it reports a change only once. So read the eventfd first and then take
/// all completions: [`clear_eventfd`](Queue::clear_eventfd), then [`reap`](Queue::reap). In the
/// other order, the signal of a completion that arrives between the two is lost.
///
/// Deregister the queue before it is dropped, like any source.
///
/// # Errors
///
/// Those of [`SourceFd`]; [`InvalidInput`](io::ErrorKind::InvalidInput) if the queue has no
/// eventfd.
///
/// # Example: one turn of a loop
///
/// ```
/// use aio_sys::{Queue, op};
/// use mio::{Events, Interest, Poll, Token};
/// use std::num::NonZeroU32;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(8).unwrap())?;
/// let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
/// poll.registry().register(&mut queue, Token(0), Interest::READABLE)?;
///
/// queue.submit(op::read_at(&file, vec![0; 4], 0)).unwrap();
/// let mut read = Vec::new();
/// while read.is_empty() {
///     if queue.pending() == 0 {
///         poll.poll(&mut events, None)?;
///     }
///     queue.clear_eventfd();
///     read.extend(queue.reap().map(|done| (done.result, done.buf.unwrap())));
/// }
/// assert_eq!(read, [(Ok(4), b"\x7fELF".to_vec())]);
///
/// let mut without = Queue::<Vec<u8>>::new(NonZeroU32::MIN)?;
/// let error = poll.registry().register(&mut without, Token(1), Interest::READABLE).unwrap_err();
/// assert_eq!(error.to_string(), "the queue has no eventfd: create it with Queue::with_eventfd");
/// # poll.registry().deregister(&mut queue)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<B> Source for Queue<B> {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        source(self, |fd| fd.register(registry, token, interests))
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        source(self, |fd| fd.reregister(registry, token, interests))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        source(self, |fd| fd.deregister(registry))
    }
}

fn source<B>(
    queue: &Queue<B>,
    run: impl FnOnce(&mut SourceFd<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let fd = queue.eventfd().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the queue has no eventfd: create it with Queue::with_eventfd",
        )
    })?;
    run(&mut SourceFd(&fd.as_raw_fd()))
}
