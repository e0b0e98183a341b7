//! Appending records at the end of the log.

use crate::common::{Result, cannot, reason};
use crate::format::{self, BLOCK, Found, GROUP, Reader};
use crate::input::Input;
use crate::space::Space;
use aio_sys::{
    AlignedBuf, AlignmentSource, Completion, DirectAlignment, Errno, PollEvents, Queue, RwFlags,
    Token, op,
};
use rustix::fs::{FlockOperation, flock};
use std::collections::VecDeque;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes in flight at most.
const WRITES: usize = 4;
/// Requests in flight at most: these, zeros, and a poll.
const REQUESTS: u32 = WRITES as u32 + 2;

pub struct Log {
    /// Dropped first, which waits for requests in flight.
    queue: Queue<AlignedBuf>,
    path: PathBuf,
    /// It holds the lock.
    file: File,
    /// The same file with `O_DIRECT`, without which io_submit(2) waits for a write.
    direct: Option<File>,
    spare: Vec<AlignedBuf>,
    /// Those whose records are not acknowledged, the oldest first.
    groups: VecDeque<Group>,
    /// Where the next group begins.
    end: u64,
    space: Space,
    /// The last record in a group.
    last: u64,
    /// This record and all before it are on disk.
    durable: u64,
    /// Waits for input.
    poll: Option<Token>,
    can_poll: bool,
    /// Why nothing more is appended.
    failure: Option<String>,
}

/// Records that are written together.
struct Group {
    state: State,
    offset: u64,
    /// The part of the buffer that is not yet written.
    range: Range<usize>,
    last: u64,
}

#[derive(PartialEq)]
enum State {
    InFlight(Token),
    Durable,
    Failed,
}

impl Log {
    /// Opens or creates a log, and discards what is behind its last complete record.
    pub fn open(path: &Path) -> Result<Log> {
        let file = open(path)?;
        let reader = recover(&file, path)?;
        let capacity = const { NonZeroU32::new(REQUESTS).unwrap() };
        let queue = Queue::new(capacity).map_err(|error| error.to_string())?;
        let spare: std::result::Result<_, _> =
            (0..WRITES).map(|_| AlignedBuf::new(GROUP, BLOCK)).collect();
        let end = reader.end().next_multiple_of(BLOCK as u64);
        Ok(Log {
            queue,
            path: path.to_owned(),
            direct: direct(&file),
            file,
            spare: spare.map_err(|error| error.to_string())?,
            groups: VecDeque::with_capacity(WRITES),
            end,
            space: Space::new(end).map_err(|error| error.to_string())?,
            last: reader.number(),
            durable: reader.number(),
            poll: None,
            can_poll: true,
            failure: None,
        })
    }

    /// This record and all before it are on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Appends a record for each line until the input ends, and acknowledges durable ones.
    pub fn append(
        &mut self,
        input: &mut Input,
        mut acknowledge: impl FnMut(RangeInclusive<u64>) -> Result<()>,
    ) -> Result<()> {
        let mut completed = Vec::with_capacity(REQUESTS as usize);
        loop {
            self.submit(input);
            if let Some(numbers) = self.newly_durable() {
                acknowledge(numbers)?;
            }
            let writing = self.queue.outstanding() > usize::from(self.poll.is_some());
            if !writing {
                if let Some(message) = self.failure.take() {
                    return Err(message);
                }
                if input.is_over() {
                    return Ok(());
                }
            }
            if self.failure.is_none() && input.is_wanted() && self.poll.is_none() {
                // Without a write there is nothing else to wait for.
                if !writing && input.fill()? {
                    continue;
                }
                if self.can_poll {
                    let poll = self.queue.submit(op::poll(input.fd(), PollEvents::IN));
                    self.poll = Some(poll.expect("the queue has a slot for it").into());
                }
            }
            let ready = self.queue.wait(1, None);
            completed.extend(ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))?);
            completed.drain(..).for_each(|done| self.complete(done, input));
        }
    }

    /// The records that have become durable, if there are any.
    fn newly_durable(&mut self) -> Option<RangeInclusive<u64>> {
        let first = self.durable + 1;
        while self.groups.front().is_some_and(|group| group.state == State::Durable) {
            self.durable = self.groups.pop_front()?.last;
        }
        (self.durable >= first).then_some(first..=self.durable)
    }

    fn complete(&mut self, done: Completion<AlignedBuf>, input: &mut Input) {
        if self.poll == Some(done.token) {
            self.poll = None;
            // Some terminals, for example, cannot be polled in this way.
            self.can_poll = done.result.is_ok();
            if self.can_poll {
                self.failure = input.fill().err().or(self.failure.take());
            }
        } else if let Some(done) = self.space.complete(done) {
            self.complete_write(done);
        }
    }

    /// Submits the lines that are there as groups, one for each spare buffer at most. While all
    /// buffers are in flight, lines gather for the next group.
    fn submit(&mut self, input: &mut Input) {
        while self.failure.is_none() {
            let Some(mut buf) = self.spare.pop() else { break };
            let limit = self.space.limit(self.end);
            let (len, last) = self.fill(input, &mut buf[..limit]);
            let place = self.end..self.end + len as u64;
            if len == 0 || !self.allocate(&place) {
                self.spare.push(buf);
                break;
            }
            let state = if self.groups.is_empty() && len == BLOCK {
                self.write_now(buf, place.start)
            } else {
                State::InFlight(self.write(buf, 0..len, place.start))
            };
            self.groups.push_back(Group { state, offset: place.start, range: 0..len, last });
            if let Some((zeros, ahead)) = self.space.zeros_after(&place) {
                let range = 0..(ahead.end - ahead.start) as usize;
                let token = self.write(zeros, range, ahead.start);
                self.space.in_flight(token);
            }
            (self.end, self.last) = (place.end, last);
        }
    }

    /// Makes records of the lines that are there, and fills up the last block with zeros. Returns
    /// how many bytes that is, and the number of the last record.
    fn fill(&mut self, input: &mut Input, buf: &mut [u8]) -> (usize, u64) {
        let (mut len, mut last) = (0, self.last);
        loop {
            let line = match input.line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(message) => {
                    self.failure = Some(message);
                    break;
                }
            };
            let Some(more) = format::encode(last + 1, line, &mut buf[len..]) else { break };
            let bytes = line.len();
            input.take(bytes);
            len += more;
            last += 1;
        }
        let whole = len.next_multiple_of(BLOCK);
        buf[len..whole].fill(0);
        (whole, last)
    }

    fn allocate(&mut self, place: &Range<u64>) -> bool {
        let result = self.space.allocate(&self.file, place);
        if let Err(error) = &result {
            let (bytes, reason) = (place.end - place.start, reason(error));
            let path = &self.path;
            self.failure =
                Some(format!("cannot make room in {path:?} for {bytes} bytes: {reason}"));
        }
        result.is_ok()
    }

    /// Submits a write that is durable when it completes.
    fn write(&mut self, buf: AlignedBuf, range: Range<usize>, offset: u64) -> Token {
        let file = self.direct.as_ref().unwrap_or(&self.file);
        let write = op::write_at(file, buf, offset).range(range).flags(RwFlags::DSYNC);
        self.queue.submit(write).expect("the queue has a slot for each buffer")
    }

    /// Writes a small group that has no other to overlap with: an AIO request would only add
    /// context switches, to a kernel thread that waits for the disk and back. Lines that arrive
    /// meanwhile gather for the next group.
    fn write_now(&mut self, buf: AlignedBuf, offset: u64) -> State {
        let file = self.direct.as_ref().unwrap_or(&self.file);
        let written = file.write_all_at(&buf[..BLOCK], offset).and_then(|()| file.sync_data());
        self.spare.push(buf);
        match written {
            Ok(()) => State::Durable,
            Err(error) => self.fail(offset, reason(&error)),
        }
    }

    fn complete_write(&mut self, done: Completion<AlignedBuf>) {
        let is_its = |group: &Group| group.state == State::InFlight(done.token);
        let at = self.groups.iter().position(is_its).expect("the write of a group");
        let group = &self.groups[at];
        let (start, end, offset) = (group.range.start, group.range.end, group.offset);
        let buf = done.buf.expect("a write has a buffer");
        // After a short write the rest follows, from a whole block on.
        let rest = match done.result {
            Ok(bytes) => start + bytes / BLOCK * BLOCK,
            Err(_) => start,
        };
        let state = match done.result {
            Ok(_) if rest == end => {
                self.spare.push(buf);
                State::Durable
            }
            Err(Errno::EINTR) => State::InFlight(self.write(buf, rest..end, offset + rest as u64)),
            Ok(_) if rest > start => {
                State::InFlight(self.write(buf, rest..end, offset + rest as u64))
            }
            Ok(bytes) => {
                let all = end - start;
                self.fail(
                    offset + start as u64,
                    format!("only {bytes} of {all} bytes are accepted"),
                )
            }
            Err(errno) => self.fail(offset + start as u64, errno),
        };
        self.groups[at].state = state;
        self.groups[at].range.start = rest;
    }

    /// The first failure is the one to report.
    fn fail(&mut self, offset: u64, reason: impl Display) -> State {
        let path = &self.path;
        self.failure
            .get_or_insert_with(|| format!("cannot write {path:?} at offset {offset}: {reason}"));
        State::Failed
    }
}

/// The locked file. If it is new, its first block and its name are on disk.
fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path).map_err(cannot("open", path))?;
    if !file.metadata().map_err(cannot("open", path))?.is_file() {
        return Err(format!("{path:?} is not a regular file"));
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
        rustix::io::Errno::WOULDBLOCK => format!("{path:?} is in use by another append"),
        errno => cannot("lock", path)(errno.into()),
    })?;
    if format::is_begun(&file).map_err(cannot("read", path))? {
        file.write_all_at(&format::first(), 0)
            .and_then(|()| file.sync_all())
            .map_err(cannot("create", path))?;
    }
    sync_name(path).map_err(cannot("sync the directory of", path))?;
    Ok(file)
}

/// Reads up to the last complete record, and discards the rest.
fn recover(file: &File, path: &Path) -> Result<Reader> {
    // Nothing else uses the position in the file: all writes have an offset.
    let reader = file.try_clone().and_then(Reader::open).map_err(cannot("read", path))?;
    let mut reader = reader.ok_or_else(|| format::foreign(path))?;
    loop {
        match reader.next().map_err(cannot("read", path))? {
            Found::Record(..) => {}
            Found::End => break,
            Found::Torn => {
                let torn = format::torn(path, &reader);
                let _ = writeln!(io::stderr(), "wal: {torn}, which is discarded");
                break;
            }
        }
    }
    // There may be complete records of writes that followed a lost one. They were not acknowledged,
    // and must not reappear behind new ones. Space that is allocated again reads as zeros.
    let recovered = file.set_len(reader.end()).and_then(|()| file.sync_all());
    recovered.map_err(cannot("recover", path))?;
    Ok(reader)
}

/// Syncs the file's name. It is not known whether an earlier append did.
fn sync_name(path: &Path) -> io::Result<()> {
    // The file of a symbolic link is in another directory.
    let path = path.canonicalize()?;
    File::open(path.parent().expect("a file is in a directory"))?.sync_all()
}

/// The same file with `O_DIRECT`, if that works in blocks of this size.
fn direct(file: &File) -> Option<File> {
    let fits = |align: DirectAlignment| {
        align.source == AlignmentSource::Guess || BLOCK % align.memory.max(align.offset) == 0
    };
    DirectAlignment::of(file).filter(|&align| fits(align))?;
    // By descriptor, not by path, which may be another file's by now.
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(again).ok()
}
