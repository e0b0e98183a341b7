//! The end of the log, where records are added.

use crate::common::reason;
use crate::format::{self, BLOCK, Found, GROUP, Reader};
use crate::input::Input;
use crate::{Result, cannot};
use aio_sys::{
    AlignedBuf, AlignmentSource, Completion, DirectAlignment, Errno, PollEvents, Queue, RwFlags,
    Token, op,
};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes in flight at most.
const WRITES: usize = 4;
/// Space is set aside so many bytes at a time: a write that makes the file longer waits for its
/// metadata, one at a time.
const STEP: u64 = 64 * GROUP as u64;

pub struct Log {
    /// Dropped first: buffers in flight are its own, and it waits for them.
    queue: Queue<AlignedBuf>,
    path: PathBuf,
    /// It has the lock.
    file: File,
    /// The same file past the page cache: only there is a write on its way when io_submit has
    /// returned.
    direct: Option<File>,
    spare: Vec<AlignedBuf>,
    /// Those whose records were not acknowledged, the oldest first.
    groups: VecDeque<Group>,
    /// Where the next goes.
    end: u64,
    /// How far space is set aside.
    room: u64,
    /// The last record that is in a group.
    last: u64,
    /// The last one that is on disk, as are all before it.
    durable: u64,
    /// Why nothing is added any more.
    failure: Option<String>,
}

/// Records that are written at once.
struct Group {
    token: Token,
    offset: u64,
    /// The part of the buffer that is being written.
    range: Range<usize>,
    last: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    InFlight,
    Durable,
    Failed,
}

impl Log {
    /// Opens a log, or makes one, and clears away what is behind its last whole record.
    pub fn open(path: &Path) -> Result<Log> {
        let error = |verb| move |error| cannot(verb, path, reason(&error));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(error("open"))?;
        let meta = file.metadata().map_err(error("open"))?;
        if !meta.is_file() {
            return Err(format!("{path:?} is not a regular file"));
        }
        lock(&file).map_err(|failure| match failure.kind() {
            io::ErrorKind::WouldBlock => format!("{path:?} is in use by another append"),
            _ => error("lock")(failure),
        })?;
        if format::is_begun(&file).map_err(error("read"))? {
            file.write_all_at(&format::first(), 0)
                .and_then(|()| file.sync_all())
                .map_err(error("create"))?;
        }
        sync_name(path).map_err(error("sync the directory of"))?;
        // Its place in the file is the reader's alone: all writes say where.
        let reader = file.try_clone().and_then(Reader::open).map_err(error("read"))?;
        let mut reader = reader.ok_or_else(|| format::foreign(path))?;
        loop {
            match reader.next().map_err(error("read"))? {
                Found::Record(..) => {}
                Found::End => break,
                Found::Torn => {
                    let _ = writeln!(
                        io::stderr(),
                        "wal: {}, which is cleared away",
                        format::torn(path, &reader)
                    );
                    break;
                }
            }
        }
        // What is behind may be whole records of writes that came after one that was lost: they
        // were not acknowledged, and must not reappear behind new ones. Space that is given
        // back reads as zeros when it is set aside again.
        file.set_len(reader.end()).and_then(|()| file.sync_all()).map_err(error("recover"))?;

        let capacity = const { NonZeroU32::new(WRITES as u32 + 1).unwrap() };
        let queue = Queue::new(capacity).map_err(|error| error.to_string())?;
        let spare: std::result::Result<_, _> =
            (0..WRITES).map(|_| AlignedBuf::new(GROUP, BLOCK)).collect();
        let end = reader.end().next_multiple_of(BLOCK as u64);
        Ok(Log {
            queue,
            path: path.to_owned(),
            direct: direct(&file).map_err(error("open"))?,
            file,
            spare: spare.map_err(|error| error.to_string())?,
            groups: VecDeque::with_capacity(WRITES),
            end,
            room: end,
            last: reader.number(),
            durable: reader.number(),
            failure: None,
        })
    }

    /// The last record that is on disk, as are all before it.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Makes records of lines until there are no more, and has those acknowledged that are on disk.
    pub fn append(
        &mut self,
        input: &mut Input,
        mut acknowledge: impl FnMut(RangeInclusive<u64>) -> Result<()>,
    ) -> Result<()> {
        let mut poll = None;
        let mut can_poll = true;
        let mut ended = Vec::with_capacity(WRITES + 1);
        loop {
            self.submit(input);
            let in_flight = self.groups.iter().any(|group| group.state == State::InFlight);
            if !in_flight {
                if let Some(sentence) = self.failure.take() {
                    return Err(sentence);
                }
                if input.is_over() {
                    return Ok(());
                }
            }
            if self.failure.is_none() && input.is_wanted() && poll.is_none() {
                if can_poll {
                    poll = Some(
                        self.queue
                            .submit(op::poll(input.fd(), PollEvents::IN))
                            .expect("a place is kept for it"),
                    );
                } else if !in_flight {
                    // Nobody waits for it.
                    input.fill()?;
                    continue;
                }
            }
            let ready = self.queue.wait(1, None);
            ended.extend(ready.map_err(|errno| format!("cannot wait for AIO: {errno}"))?);
            for done in ended.drain(..) {
                if poll.is_none_or(|poll| done.token != poll) {
                    self.written(done);
                    continue;
                }
                poll = None;
                match done.result {
                    Ok(_) => input.fill().unwrap_or_else(|sentence| self.failure = Some(sentence)),
                    // A terminal, for one, cannot be waited for in this way.
                    Err(_) => can_poll = false,
                }
            }
            let acknowledged = self.durable;
            while self.groups.front().is_some_and(|group| group.state == State::Durable) {
                self.durable = self.groups.pop_front().map_or(self.durable, |group| group.last);
            }
            if self.durable > acknowledged {
                acknowledge(acknowledged + 1..=self.durable)?;
            }
        }
    }

    /// Writes the lines that are there, as many at once as come together while all buffers are in
    /// flight.
    fn submit(&mut self, input: &mut Input) {
        while self.failure.is_none() {
            let Some(mut buf) = self.spare.pop() else { break };
            let (mut len, mut last) = (0, self.last);
            loop {
                let line = match input.line() {
                    Ok(Some(line)) => line,
                    Ok(None) => break,
                    Err(sentence) => {
                        self.failure = Some(sentence);
                        break;
                    }
                };
                let Some(more) = format::encode(last + 1, line, &mut buf[len..]) else { break };
                let taken = line.len();
                input.take(taken);
                len += more;
                last += 1;
            }
            let whole = len.next_multiple_of(BLOCK);
            if len == 0 || !self.make_room(whole) {
                self.spare.push(buf);
                break;
            }
            buf[len..whole].fill(0);
            let offset = self.end;
            let range = 0..whole;
            let token = self.write(buf, range.clone(), offset);
            self.groups.push_back(Group { token, offset, range, last, state: State::InFlight });
            self.end += whole as u64;
            self.last = last;
        }
    }

    /// Durable when it is complete.
    fn write(&mut self, buf: AlignedBuf, range: Range<usize>, offset: u64) -> Token {
        let file = self.direct.as_ref().unwrap_or(&self.file);
        let write = op::write_at(file, buf, offset).range(range).flags(RwFlags::DSYNC);
        self.queue.submit(write).expect("no more buffers than the queue has room for")
    }

    /// Takes in how a write ended.
    fn written(&mut self, done: Completion<AlignedBuf>) {
        let group = self
            .groups
            .iter()
            .position(|group| group.token == done.token)
            .expect("a write of ours");
        let buf = done.buf.expect("a write");
        let range = self.groups[group].range.clone();
        let at = self.groups[group].offset + range.start as u64;
        // After a short write the rest of it follows, from a whole block on.
        let rest = match done.result {
            Ok(bytes) if bytes == range.len() => {
                self.groups[group].state = State::Durable;
                self.spare.push(buf);
                return;
            }
            Ok(bytes) => range.start + bytes / BLOCK * BLOCK,
            Err(_) => range.start,
        };
        if rest > range.start || done.result == Err(Errno::EINTR) {
            let offset = self.groups[group].offset + rest as u64;
            let range = rest..range.end;
            self.groups[group].token = self.write(buf, range.clone(), offset);
            self.groups[group].range = range;
            return;
        }
        self.groups[group].state = State::Failed;
        let reason = match done.result {
            Err(errno) => errno.to_string(),
            Ok(bytes) => format!("only {bytes} of {} bytes are taken", range.len()),
        };
        self.failure.get_or_insert_with(|| {
            format!("cannot write {:?} at offset {at}: {reason}", self.path)
        });
    }

    /// Sees to it that there is space for so many bytes more.
    fn make_room(&mut self, bytes: usize) -> bool {
        let wanted = self.end + bytes as u64;
        // What is left of the disk, if it is less than a step, is used as well.
        for target in [wanted.next_multiple_of(STEP), wanted] {
            if self.room >= wanted {
                break;
            }
            match allocate(&self.file, self.room, target - self.room) {
                Ok(()) => self.room = target,
                // Then each write finds its own.
                Err(error)
                    if [Some(libc::EOPNOTSUPP), Some(libc::ENOSYS)]
                        .contains(&error.raw_os_error()) =>
                {
                    self.room = u64::MAX;
                }
                Err(error) if target == wanted => {
                    let sentence = format!(
                        "cannot make room in {:?} for {bytes} bytes: {}",
                        self.path,
                        reason(&error)
                    );
                    self.failure = Some(sentence);
                }
                Err(_) => {}
            }
        }
        self.room >= wanted
    }
}

/// The file's name, on disk. Whether an append before this one came as far as that, nobody knows.
fn sync_name(path: &Path) -> io::Result<()> {
    // The file of a symbolic link is in another directory.
    let path = path.canonicalize()?;
    File::open(path.parent().expect("a file is in a directory"))?.sync_all()
}

/// The same file past the page cache, if it takes that in blocks.
fn direct(file: &File) -> io::Result<Option<File>> {
    let fits = |align: DirectAlignment| {
        align.source == AlignmentSource::Guess || BLOCK % align.memory.max(align.offset) == 0
    };
    if !DirectAlignment::of(file).is_some_and(fits) {
        return Ok(None);
    }
    // By descriptor, not by path: it is the same file, whatever became of its name.
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    match OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(again) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps other appends away, for as long as the file is open.
fn lock(file: &File) -> io::Result<()> {
    // SAFETY: it touches no memory.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets space aside, which reads as zeros.
fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    // A file cannot be so long that they do not fit.
    let (offset, len) = (offset as libc::off_t, len as libc::off_t);
    // SAFETY: it touches no memory.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
