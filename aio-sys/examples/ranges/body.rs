//! A part of a file as the body of a response.

use aio_sys::op::{self, Transferred};
use aio_sys::tokio::Queue;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Bytes of a read.
const PIECE: u64 = 128 << 10;

type Read = Pin<Box<dyn Future<Output = Transferred<Vec<u8>>> + Send>>;

/// The bytes of a file, piece by piece. The next piece is read while one is sent.
pub struct Piecewise {
    reads: Queue<Vec<u8>>,
    file: Arc<File>,
    /// What was not sent yet.
    range: Range<u64>,
    next: Option<Read>,
    /// What the next read has returned, if it completed as soon as it was submitted.
    ready: Option<Transferred<Vec<u8>>>,
}

impl Piecewise {
    pub fn new(reads: Queue<Vec<u8>>, file: File, range: Range<u64>) -> Piecewise {
        Piecewise { reads, file: Arc::new(file), range, next: None, ready: None }
    }

    /// The next piece, read in the background once it was polled.
    fn read(&self) -> Read {
        let (reads, file, at) = (self.reads.clone(), self.file.clone(), self.range.start);
        let len = PIECE.min(self.range.end - at) as usize;
        Box::pin(async move { reads.submit(op::read_at(file, vec![0; len], at)).await })
    }
}

impl Body for Piecewise {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.range.is_empty() {
            return Poll::Ready(None);
        }
        let (result, mut buf) = match self.ready.take() {
            Some(transferred) => transferred,
            None => {
                let mut read = self.next.take().unwrap_or_else(|| self.read());
                let Poll::Ready(transferred) = read.as_mut().poll(context) else {
                    self.next = Some(read);
                    return Poll::Pending;
                };
                transferred
            }
        };
        // The length was announced: if the file is shorter now, the connection is closed.
        let count = match result {
            Ok(0) => return Poll::Ready(Some(Err(ErrorKind::UnexpectedEof.into()))),
            Ok(count) => count,
            Err(errno) => return Poll::Ready(Some(Err(errno.into()))),
        };
        buf.truncate(count);
        self.range.start += count as u64;
        if !self.range.is_empty() {
            let mut read = self.read();
            match read.as_mut().poll(context) {
                Poll::Ready(transferred) => self.ready = Some(transferred),
                Poll::Pending => self.next = Some(read),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(buf.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.range.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.range.end - self.range.start)
    }
}
