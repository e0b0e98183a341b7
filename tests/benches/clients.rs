//! The cost for clients of native AIO: the block backend of a virtual machine monitor, and a
//! journal. Prints a table for each.
//!
//! - The backend implements cloud-hypervisor's `AsyncIo`: raw iovecs of guest memory, 64 bits and
//!   an eventfd of the caller, one io_submit(2) for each request. On `Queue`, and on
//!   `vmm_sys_util::aio::IoContext`, whose completions are read in groups of up to 32, or one by
//!   one as in cloud-hypervisor. CPU time of the thread, for a read of 4 KiB from the page cache in
//!   two iovecs, including the wait for the eventfd.
//! - The journal has several writers, and one thread that sleeps until something has completed and
//!   is stopped at the end. On `Submitter` and `Reaper`, on a `Queue` in a mutex with an eventfd,
//!   and by hand: a copied `ContextId`, io_submit(2) and a blocking io_getevents(2). Writes a
//!   second, and CPU time of the process for a write of 4 KiB.
//!
//! Medians of alternating rounds, in one run, and of each round's ratio: other processes slow down
//! all contenders of a round. `cargo bench -p aio-tests --features bench --bench clients --
//! [DIRECTORY]`. The directory, by default that for temporary files, needs 64 MiB; without
//! `O_DIRECT` there, the journal writes to the page cache only.

use aio_sys::types::{IOCB_CMD_POLL, IOCB_CMD_PWRITE, io_event, iocb};
use aio_sys::{
    AlignedBuf, Context, ContextId, Errno, PollEvents, Queue, io_getevents, io_submit, op,
};
use aio_tests::{median, pin, process_time, thread_time};
use libc::iovec;
use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{array, io, iter, mem};
use vmm_sys_util::aio::{
    IOCB_CMD_FSYNC, IOCB_CMD_PREADV, IOCB_CMD_PWRITEV, IOCB_FLAG_RESFD, IoContext, IoControlBlock,
    IoEvent,
};
use vmm_sys_util::eventfd::EventFd;

const BLOCK: usize = 4096;
const BLOCKS: u64 = 16384;

/// xorshift64
fn next_block(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % BLOCKS * BLOCK as u64
}

/// Three contenders alternate, in varying order.
fn order(round: usize) -> [usize; 3] {
    let mut order = [0, 1, 2];
    order.rotate_left(round % 3);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// Filled with ones, as the file is.
fn blocks(count: usize) -> Vec<AlignedBuf> {
    let block = || {
        let mut block = AlignedBuf::new(BLOCK, BLOCK).unwrap();
        block.fill(1);
        block
    };
    iter::repeat_with(block).take(count).collect()
}

// --- the backend
// -----------------------------------------------------------------------------

const DEPTH: NonZeroU32 = NonZeroU32::new(128).unwrap();

/// A completed request: the caller's 64 bits, and the number of bytes or a negated errno.
type Done = (u64, i32);

/// The interface that a device of the monitor needs.
trait AsyncIo {
    /// # Safety
    ///
    /// The memory is valid until the request has completed, and only the guest uses it.
    unsafe fn read_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()>;

    /// # Safety
    ///
    /// Same as [`AsyncIo::read_vectored`].
    unsafe fn write_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()>;

    fn fsync(&mut self, user_data: u64) -> io::Result<()>;

    fn punch_hole(&mut self, offset: u64, length: u64, user_data: u64) -> io::Result<()>;

    fn next_completed_request(&mut self) -> Option<Done>;
}

struct OnQueue<'f> {
    queue: Queue<()>,
    file: &'f File,
}

impl<'f> OnQueue<'f> {
    fn new(file: &'f File, eventfd: BorrowedFd<'_>) -> io::Result<OnQueue<'f>> {
        Ok(OnQueue { queue: Queue::with_shared_eventfd(DEPTH, eventfd)?, file })
    }
}

impl AsyncIo for OnQueue<'_> {
    unsafe fn read_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()> {
        // SAFETY: the caller guarantees that the memory is valid until the request completes.
        let read = unsafe { op::readv_raw_at(self.file, iovecs, offset) };
        self.queue.submit(read.user_data(user_data))?;
        Ok(())
    }

    unsafe fn write_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()> {
        // SAFETY: the caller guarantees that the memory is valid until the request completes.
        let write = unsafe { op::writev_raw_at(self.file, iovecs, offset) };
        self.queue.submit(write.user_data(user_data))?;
        Ok(())
    }

    fn fsync(&mut self, user_data: u64) -> io::Result<()> {
        self.queue.submit(op::fsync(self.file).user_data(user_data))?;
        Ok(())
    }

    fn punch_hole(&mut self, offset: u64, length: u64, user_data: u64) -> io::Result<()> {
        punch_hole(self.file, offset, length)?;
        self.queue.submit(op::completed(Ok(0)).user_data(user_data))?;
        Ok(())
    }

    fn next_completed_request(&mut self) -> Option<Done> {
        let done = self.queue.reap().next()?;
        Some((done.user_data, done.result.map_or_else(|e| -e.raw_os_error(), |n| n as i32)))
    }
}

/// Takes up to `EVENTS` completions by a call.
struct OnIoContext<'f, const EVENTS: usize> {
    context: IoContext,
    eventfd: EventFd,
    file: &'f File,
    done: VecDeque<Done>,
}

impl<'f, const EVENTS: usize> OnIoContext<'f, EVENTS> {
    fn new(file: &'f File, eventfd: &EventFd) -> io::Result<Self> {
        let (context, eventfd) = (IoContext::new(DEPTH.get())?, eventfd.try_clone()?);
        Ok(OnIoContext { context, eventfd, file, done: VecDeque::with_capacity(EVENTS) })
    }

    fn submit(&self, request: IoControlBlock) -> io::Result<()> {
        let mut request = IoControlBlock {
            aio_fildes: self.file.as_raw_fd() as u32,
            aio_flags: IOCB_FLAG_RESFD,
            aio_resfd: self.eventfd.as_raw_fd() as u32,
            ..request
        };
        self.context.submit(&[&mut request])?;
        Ok(())
    }

    fn vectored(
        &self,
        opcode: u32,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()> {
        self.submit(IoControlBlock {
            aio_data: user_data,
            aio_lio_opcode: opcode as u16,
            aio_buf: iovecs.as_ptr().expose_provenance() as u64,
            aio_nbytes: iovecs.len() as u64,
            aio_offset: offset as i64,
            ..IoControlBlock::default()
        })
    }
}

impl<const EVENTS: usize> AsyncIo for OnIoContext<'_, EVENTS> {
    unsafe fn read_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()> {
        self.vectored(IOCB_CMD_PREADV, offset, iovecs, user_data)
    }

    unsafe fn write_vectored(
        &mut self,
        offset: u64,
        iovecs: &[iovec],
        user_data: u64,
    ) -> io::Result<()> {
        self.vectored(IOCB_CMD_PWRITEV, offset, iovecs, user_data)
    }

    fn fsync(&mut self, user_data: u64) -> io::Result<()> {
        self.submit(IoControlBlock {
            aio_data: user_data,
            aio_lio_opcode: IOCB_CMD_FSYNC as u16,
            ..IoControlBlock::default()
        })
    }

    fn punch_hole(&mut self, offset: u64, length: u64, user_data: u64) -> io::Result<()> {
        punch_hole(self.file, offset, length)?;
        self.done.push_back((user_data, 0));
        self.eventfd.write(1)
    }

    fn next_completed_request(&mut self) -> Option<Done> {
        if self.done.is_empty() {
            let mut events = [IoEvent::default(); EVENTS];
            let count = self.context.get_events(0, &mut events, None).unwrap();
            self.done.extend(events[..count].iter().map(|event| (event.data, event.res as i32)));
        }
        self.done.pop_front()
    }
}

fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: it touches no memory.
    match unsafe { libc::fallocate(file.as_raw_fd(), mode, offset as i64, length as i64) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The guest's memory: two iovecs for each block.
fn halves(memory: &mut [AlignedBuf]) -> Vec<[iovec; 2]> {
    let half = |half: &mut [u8]| iovec { iov_base: half.as_mut_ptr().cast(), iov_len: half.len() };
    let split = |block: &mut AlignedBuf| {
        let (low, high) = block.split_at_mut(BLOCK / 2);
        [half(low), half(high)]
    };
    memory.iter_mut().map(split).collect()
}

/// Waits for the eventfd, as an event loop does.
fn wait(eventfd: &EventFd) {
    let mut poll = libc::pollfd { fd: eventfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the array has one element.
    assert_eq!(unsafe { libc::poll(&mut poll, 1, -1) }, 1);
    eventfd.read().unwrap();
}

/// Checks every method.
fn check(backend: &mut dyn AsyncIo, file: &File, eventfd: &EventFd) {
    let mut memory = blocks(1);
    let iovecs = halves(&mut memory)[0];
    let finish = |backend: &mut dyn AsyncIo, done: Done| {
        wait(eventfd);
        assert_eq!(backend.next_completed_request(), Some(done));
        assert_eq!(backend.next_completed_request(), None);
    };
    let end = BLOCKS * BLOCK as u64;
    // SAFETY: each request completes before the memory is used or freed.
    unsafe {
        backend.write_vectored(end, &iovecs, u64::MAX).unwrap();
        finish(backend, (u64::MAX, BLOCK as i32));
        backend.fsync(1).unwrap();
        finish(backend, (1, 0));
        backend.punch_hole(end, BLOCK as u64 / 2, 2).unwrap();
        finish(backend, (2, 0));
        backend.read_vectored(end - BLOCK as u64 / 2, &iovecs, 3).unwrap();
        finish(backend, (3, BLOCK as i32));
    }
    let (low, high) = memory[0].split_at(BLOCK / 2);
    assert!(low.iter().all(|&byte| byte == 1) && high.iter().all(|&byte| byte == 0));
    file.set_len(end).unwrap();
}

/// Nanoseconds of this thread for a read. As many as `memory` has parts are submitted, one by one,
/// and then waited for.
fn round(
    backend: &mut dyn AsyncIo,
    eventfd: &EventFd,
    memory: &[[iovec; 2]],
    random: &mut u64,
) -> f64 {
    const ROUND: Duration = Duration::from_millis(20);
    let (start, cpu, mut requests) = (Instant::now(), thread_time(), 0);
    while start.elapsed() < ROUND {
        for _ in 0..16 {
            for (iovecs, user_data) in memory.iter().zip(0..) {
                // SAFETY: nobody else uses the memory.
                unsafe { backend.read_vectored(next_block(random), iovecs, user_data).unwrap() };
            }
            let mut missing = memory.len();
            while missing > 0 {
                wait(eventfd);
                while let Some((_, bytes)) = backend.next_completed_request() {
                    assert_eq!(bytes, BLOCK as i32);
                    missing -= 1;
                }
            }
        }
        requests += 16 * memory.len();
    }
    (thread_time() - cpu).as_nanos() as f64 / requests as f64
}

fn backends(file: &File) {
    const ROUNDS: usize = 41;
    let eventfd = EventFd::new(libc::EFD_NONBLOCK).unwrap();
    // SAFETY: the descriptor is open until the end of this function.
    let borrowed = unsafe { BorrowedFd::borrow_raw(eventfd.as_raw_fd()) };
    let mut contenders: [(&str, Box<dyn AsyncIo + '_>); 3] = [
        ("Queue", Box::new(OnQueue::new(file, borrowed).unwrap())),
        ("IoContext", Box::new(OnIoContext::<32>::new(file, &eventfd).unwrap())),
        ("IoContext, one by one", Box::new(OnIoContext::<1>::new(file, &eventfd).unwrap())),
    ];
    println!(
        "block backend: ns of CPU per request, median of {ROUNDS} rounds; in brackets that of each \
         round's ratio of the Queue to it"
    );
    print!("{:>6}", "batch");
    for (name, backend) in &mut contenders {
        check(backend.as_mut(), file, &eventfd);
        print!("{name:>24}");
    }
    println!();
    let mut random = 0x9e37_79b9_7f4a_7c15;
    for batch in [1, 8, 32] {
        let mut memory = blocks(batch);
        let iovecs = halves(&mut memory);
        let mut times = [const { Vec::new() }; 3];
        for turn in 0..ROUNDS {
            for at in order(turn) {
                let backend = contenders[at].1.as_mut();
                times[at].push(round(backend, &eventfd, &iovecs, &mut random));
            }
        }
        print!("{batch:6}");
        for other in &times {
            let ratios = times[0].iter().zip(other).map(|(own, other)| own / other).collect();
            let cell = format!("{:.0} ({:.3})", median(other.clone()), median(ratios));
            print!("{cell:>24}");
        }
        println!();
    }
}

// --- the journal
// -----------------------------------------------------------------------------

const WRITERS: usize = 3;
/// The number of a writer's concurrent writes.
const EACH: usize = 8;
const IN_FLIGHT: NonZeroU32 = NonZeroU32::new((WRITERS * EACH) as u32).unwrap();

/// A writer waits here for its writes and their results.
struct Desk<T> {
    back: Mutex<Vec<T>>,
    complete: Condvar,
}

impl<T> Desk<T> {
    fn new() -> Desk<T> {
        Desk { back: Mutex::default(), complete: Condvar::new() }
    }

    fn put(&self, it: T) {
        let mut back = self.back.lock().unwrap();
        back.push(it);
        if back.len() == EACH {
            self.complete.notify_one();
        }
    }

    /// Waits for all writes, and swaps `emptied` with the results.
    fn exchange(&self, emptied: &mut Vec<T>) {
        let back = self.back.lock().unwrap();
        let mut back = self.complete.wait_while(back, |back| back.len() < EACH).unwrap();
        mem::swap(&mut *back, emptied);
    }
}

/// Runs writers until the time is over, then `stop`; in parallel `reap`, until it returns. Writes a
/// second, and microseconds of CPU time per write.
///
/// A writer calls the result of `writer` for each group of writes, with their offsets.
fn journal<W: FnMut(&[u64; EACH]) + Send>(
    writer: impl Fn(usize) -> W,
    reap: impl FnOnce() + Send,
    stop: impl FnOnce(),
) -> [f64; 2] {
    const ROUND: Duration = Duration::from_millis(100);
    let (start, cpu) = (Instant::now(), process_time());
    let writes: usize = thread::scope(|threads| {
        let reaper = threads.spawn(reap);
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (mut write, mut random) = (writer(number), number as u64 + 1);
                threads.spawn(move || {
                    let mut writes = 0;
                    while start.elapsed() < ROUND {
                        write(&array::from_fn(|_| next_block(&mut random)));
                        writes += EACH;
                    }
                    writes
                })
            })
            .collect();
        let writes = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        stop();
        reaper.join().unwrap();
        writes
    });
    let cpu = process_time() - cpu;
    [writes as f64 / start.elapsed().as_secs_f64(), cpu.as_nanos() as f64 / 1e3 / writes as f64]
}

fn halves_of_a_queue(file: &File) -> [f64; 2] {
    let (submitter, mut reaper) = Queue::split(IN_FLIGHT).unwrap();
    let desks: [_; WRITERS] = array::from_fn(|_| Desk::new());
    journal(
        |number| {
            let (submitter, desk, mut bufs) = (submitter.clone(), &desks[number], blocks(EACH));
            move |offsets| {
                submitter.batch(|batch| {
                    for (buf, &offset) in bufs.drain(..).zip(offsets) {
                        let write = op::write_at(file, buf, offset).user_data(number as u64);
                        batch.push(write).unwrap();
                    }
                });
                desk.exchange(&mut bufs);
            }
        },
        || {
            loop {
                let completions = reaper.wait(1, None).unwrap();
                if completions.len() == 0 {
                    return;
                }
                for done in completions {
                    assert_eq!(done.result, Ok(BLOCK));
                    desks[done.user_data as usize].put(done.buf.unwrap());
                }
            }
        },
        || submitter.close(),
    )
}

fn mutex_of_a_queue(file: &File) -> [f64; 2] {
    let eventfd = EventFd::new(libc::EFD_NONBLOCK).unwrap();
    // SAFETY: the descriptor is open until the end of this function.
    let borrowed = unsafe { BorrowedFd::borrow_raw(eventfd.as_raw_fd()) };
    let queue = Mutex::new(Queue::with_shared_eventfd(IN_FLIGHT, borrowed).unwrap());
    let desks: [_; WRITERS] = array::from_fn(|_| Desk::new());
    let stopped = AtomicBool::new(false);
    journal(
        |number| {
            let (queue, desk, mut bufs) = (&queue, &desks[number], blocks(EACH));
            move |offsets| {
                queue.lock().unwrap().batch(|batch| {
                    for (buf, &offset) in bufs.drain(..).zip(offsets) {
                        let write = op::write_at(file, buf, offset).user_data(number as u64);
                        batch.push(write).unwrap();
                    }
                });
                desk.exchange(&mut bufs);
            }
        },
        || {
            while !stopped.load(Ordering::Acquire) {
                wait(&eventfd);
                for done in queue.lock().unwrap().reap() {
                    assert_eq!(done.result, Ok(BLOCK));
                    desks[done.user_data as usize].put(done.buf.unwrap());
                }
            }
        },
        || {
            stopped.store(true, Ordering::Release);
            eventfd.write(1).unwrap();
        },
    )
}

/// Nothing ties the id to the context, nor the buffers to the requests.
fn by_hand(file: &File) -> [f64; 2] {
    const STOP: u64 = u64::MAX;
    let context = Context::new(IN_FLIGHT.saturating_add(1)).unwrap();
    // SAFETY: only the reaper below reads events.
    let id = unsafe { context.id() };
    let eventfd = EventFd::new(0).unwrap();
    let mut stop = iocb {
        aio_data: STOP,
        aio_lio_opcode: IOCB_CMD_POLL,
        aio_fildes: eventfd.as_raw_fd() as u32,
        aio_buf: PollEvents::IN.bits().into(),
        ..iocb::default()
    };
    // SAFETY: a poll has no buffer; the context exists.
    assert_eq!(unsafe { io_submit(id, &mut [&mut stop]) }, Ok(1));
    let desks: [_; WRITERS] = array::from_fn(|_| Desk::new());
    journal(
        |number| {
            let (desk, mut bufs, mut back) = (&desks[number], blocks(EACH), Vec::new());
            let fd = file.as_raw_fd();
            move |offsets| {
                let mut requests: [iocb; EACH] = array::from_fn(|at| iocb {
                    aio_data: number as u64,
                    aio_lio_opcode: IOCB_CMD_PWRITE,
                    aio_fildes: fd as u32,
                    aio_buf: bufs[at].as_mut_ptr().expose_provenance() as u64,
                    aio_nbytes: BLOCK as u64,
                    aio_offset: offsets[at] as i64,
                    ..iocb::default()
                });
                submit_all(id, &mut requests);
                back.clear();
                desk.exchange(&mut back);
            }
        },
        || {
            let mut events = [io_event::default(); IN_FLIGHT.get() as usize];
            loop {
                let count = match io_getevents(id, 1, &mut events, None) {
                    Err(Errno::EINTR) => continue,
                    other => other.unwrap(),
                };
                for event in &events[..count] {
                    if event.data == STOP {
                        return;
                    }
                    assert_eq!(event.res, BLOCK as i64);
                    desks[event.data as usize].put(());
                }
            }
        },
        || eventfd.write(1).unwrap(),
    )
}

fn submit_all(id: ContextId, requests: &mut [iocb; EACH]) {
    let mut requests = requests.each_mut();
    let mut rest = &mut requests[..];
    while !rest.is_empty() {
        // SAFETY: the context exists, and the writer waits before it uses its buffers.
        match unsafe { io_submit(id, rest) } {
            Ok(accepted) => rest = &mut rest[accepted..],
            Err(Errno::EAGAIN) => thread::yield_now(),
            Err(errno) => panic!("{errno}"),
        }
    }
}

fn journals(path: &Path) {
    const ROUNDS: usize = 31;
    type Contender = fn(&File) -> [f64; 2];
    const CONTENDERS: [(&str, Contender); 3] = [
        ("Submitter, Reaper", halves_of_a_queue),
        ("Mutex<Queue>", mutex_of_a_queue),
        ("by hand", by_hand),
    ];
    println!(
        "journal: writes/s, CPU µs per write; median of {ROUNDS} rounds, in brackets that of each \
         round's ratio to by hand"
    );
    for (kind, flags) in [("page cache", 0), ("O_DIRECT", libc::O_DIRECT)] {
        let Ok(file) = File::options().write(true).custom_flags(flags).open(path) else { continue };
        let mut rows = CONTENDERS.map(|_| Vec::new());
        for turn in 0..ROUNDS {
            for at in order(turn) {
                rows[at].push(CONTENDERS[at].1(&file));
            }
        }
        for ((name, _), own) in CONTENDERS.iter().zip(&rows) {
            let [rate, cpu] = [0, 1].map(|column| {
                let ratio = |(own, hand): (&[f64; 2], &[f64; 2])| own[column] / hand[column];
                let ratios = own.iter().zip(&rows[2]).map(ratio).collect();
                (median(own.iter().map(|row| row[column]).collect()), median(ratios))
            });
            println!(
                "{kind:12}{name:20}{:9.0} ({:.2}){:8.2} ({:.2})",
                rate.0, rate.1, cpu.0, cpu.1
            );
        }
    }
}

fn main() {
    // cargo gives `--bench`.
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let directory = directory.map_or_else(std::env::temp_dir, PathBuf::from);
    let file = tempfile::NamedTempFile::new_in(directory).unwrap();
    let part = vec![1; 1 << 20];
    for at in 0..(BLOCKS * BLOCK as u64) >> 20 {
        file.as_file().write_all_at(&part, at << 20).unwrap();
    }
    file.as_file().sync_all().unwrap();
    // The journal's threads run on all CPUs.
    journals(file.path());
    println!();
    pin(0);
    backends(file.as_file());
}
