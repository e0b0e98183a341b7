//! What a request costs: `Queue` against the same by hand, libaio, io_uring and plain calls. Prints a table.
//!
//! Medians of rounds that take turns, on one processor, in one run; the processor's time for this thread, in which all of it is
//! done, so that others on the machine disturb less: `cargo bench -p aio-tests --features bench --bench aio`.

use aio_sys::types::*;
use aio_sys::{AlignedBuf, Context, ContextId, PollEvents, Queue, io_destroy, io_getevents, io_setup, raw};
use aio_tests::{median, pin, thread_time};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::fs::File;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::time::{Duration, Instant};

const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(15);
const BATCHES: [usize; 4] = [1, 8, 32, 128];
const BLOCK: usize = 4096;

// --- allocations --------------------------------------------------------------------------------------------------------

struct Counting;

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

// SAFETY: the system's, and a number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// --- what is done ---------------------------------------------------------------------------------------------------------

/// What is asked for, `batch` times at once.
#[derive(Clone, Copy)]
enum Work<'a> {
    /// A poll for writing of an eventfd, which is ready.
    Poll(&'a OwnedFd),
    /// A read of a block that is in the page cache.
    Read(&'a File),
}

impl Work<'_> {
    fn fd(self) -> RawFd {
        match self {
            Work::Poll(fd) => fd.as_raw_fd(),
            Work::Read(file) => file.as_raw_fd(),
        }
    }

    fn iocb(self, data: u64, block: *mut u8) -> iocb {
        let request = iocb { aio_data: data, aio_fildes: self.fd() as u32, ..iocb::default() };
        match self {
            Work::Poll(_) => iocb { aio_lio_opcode: IOCB_CMD_POLL, aio_buf: PollEvents::OUT.bits().into(), ..request },
            Work::Read(_) => iocb {
                aio_lio_opcode: IOCB_CMD_PREAD,
                aio_buf: block.expose_provenance() as u64,
                aio_nbytes: BLOCK as u64,
                aio_offset: data as i64 * BLOCK as i64,
                ..request
            },
        }
    }
}

/// Does the work of one batch, and waits for it.
type Contender<'a> = Box<dyn FnMut() + 'a>;

/// Aligned, so that nobody is lucky with where the bytes go.
fn blocks(count: usize) -> AlignedBuf {
    AlignedBuf::new(count * BLOCK, BLOCK).unwrap()
}

fn look_at(result: i64) {
    assert!(black_box(result) > 0);
}

/// Requests by hand: an array of them, filled anew each time.
struct Hand {
    iocbs: Vec<iocb>,
    pointers: Vec<*mut iocb>,
    events: Vec<io_event>,
    blocks: AlignedBuf,
}

impl Hand {
    fn new(batch: usize) -> Hand {
        let (mut iocbs, blocks) = (vec![iocb::default(); batch], blocks(batch));
        let first = iocbs.as_mut_ptr();
        // SAFETY: inside of the array.
        let pointers = (0..batch).map(|i| unsafe { first.add(i) }).collect();
        Hand { iocbs, pointers, events: vec![io_event::default(); batch], blocks }
    }

    fn fill(&mut self, work: Work<'_>) {
        let blocks = self.blocks.as_mut_ptr();
        for (i, iocb) in self.pointers.iter().enumerate() {
            // SAFETY: one of `iocbs` each; the block is inside of `blocks`.
            unsafe { **iocb = work.iocb(i as u64, blocks.add(i * BLOCK)) };
        }
    }

    fn submit(&mut self, ctx: ContextId) {
        let count = self.iocbs.len() as c_long;
        // SAFETY: requests and blocks live until the batch has ended, before the next is filled in.
        let accepted = unsafe { raw::io_submit(ctx.as_raw(), count, self.pointers.as_mut_ptr()) };
        assert_eq!(accepted, count as isize);
    }
}

fn queue(work: Work<'_>, batch: usize) -> Contender<'_> {
    let mut queue = Queue::<AlignedBuf>::new(NonZeroU32::new(batch as u32).unwrap()).unwrap();
    let mut blocks: Vec<_> = (0..batch).map(|_| self::blocks(1)).collect();
    Box::new(move || {
        queue.batch(|requests| {
            for i in 0..batch {
                match work {
                    Work::Poll(fd) => drop(requests.poll(fd.as_fd(), PollEvents::OUT).unwrap()),
                    Work::Read(file) => {
                        let block = blocks.pop().unwrap();
                        let _token = requests.read(file.as_fd(), block, (i * BLOCK) as u64).unwrap();
                    }
                }
            }
        });
        let ended = queue.wait(batch, None, |done| {
            look_at(done.result.unwrap() as i64);
            blocks.extend(done.buf);
        });
        assert_eq!(ended, Ok(batch));
    })
}

/// As unsafe and as fast as it gets: io_submit, and the ring.
fn by_hand(work: Work<'_>, batch: usize) -> Contender<'_> {
    let mut context = Context::new(NonZeroU32::new(batch as u32).unwrap()).unwrap();
    let mut hand = Hand::new(batch);
    Box::new(move || {
        hand.fill(work);
        // SAFETY: it takes no events.
        hand.submit(unsafe { context.id() });
        let mut ended = 0;
        while ended < batch {
            ended += context.reap(|event| look_at(event.res)).unwrap();
        }
    })
}

/// io_submit and io_getevents, without libaio.
fn calls(work: Work<'_>, batch: usize) -> Contender<'_> {
    struct Owned(ContextId);
    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: nobody reads the ring.
            let _ = unsafe { io_destroy(self.0) };
        }
    }
    let mut owned = Owned(ContextId::NONE);
    io_setup(batch as u32, &mut owned.0).unwrap();
    let mut hand = Hand::new(batch);
    Box::new(move || {
        let owned = &owned;
        hand.fill(work);
        hand.submit(owned.0);
        assert_eq!(io_getevents(owned.0, batch, &mut hand.events, None), Ok(batch));
        hand.events.iter().for_each(|event| look_at(event.res));
    })
}

/// The C library of native AIO, if it is there.
fn libaio(work: Work<'_>, batch: usize) -> Option<Contender<'_>> {
    type Setup = unsafe extern "C" fn(c_int, *mut *mut c_void) -> c_int;
    type Submit = unsafe extern "C" fn(*mut c_void, c_long, *mut *mut iocb) -> c_int;
    type Getevents = unsafe extern "C" fn(*mut c_void, c_long, c_long, *mut io_event, *mut c_void) -> c_int;
    let names = [c"libaio.so.1", c"libaio.so.1t64"];
    // SAFETY: it runs no code but the library's, which has no constructors to speak of.
    let library = names
        .into_iter()
        .map(|name| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) })
        .find(|it| !it.is_null())?;
    // SAFETY: functions of libaio.h, with these types; `iocb` and `io_event` have its layout.
    let (setup, submit, getevents) = unsafe {
        (
            std::mem::transmute::<*mut c_void, Setup>(libc::dlsym(library, c"io_setup".as_ptr())),
            std::mem::transmute::<*mut c_void, Submit>(libc::dlsym(library, c"io_submit".as_ptr())),
            std::mem::transmute::<*mut c_void, Getevents>(libc::dlsym(library, c"io_getevents".as_ptr())),
        )
    };
    let mut ctx = ptr::null_mut();
    // SAFETY: `ctx` is null, and written to. The context lives as long as the process.
    assert_eq!(unsafe { setup(batch as c_int, &mut ctx) }, 0);
    let mut hand = Hand::new(batch);
    Some(Box::new(move || {
        hand.fill(work);
        // SAFETY: as of `Hand::submit`.
        assert_eq!(unsafe { submit(ctx, batch as c_long, hand.pointers.as_mut_ptr()) }, batch as c_int);
        // SAFETY: there is room for so many.
        let got =
            unsafe { getevents(ctx, batch as c_long, batch as c_long, hand.events.as_mut_ptr(), ptr::null_mut()) };
        assert_eq!(got, batch as c_int);
        hand.events.iter().for_each(|event| look_at(event.res));
    }))
}

/// If the kernel lets us.
fn uring(work: Work<'_>, batch: usize) -> Option<Contender<'_>> {
    use io_uring::{IoUring, opcode, types::Fd};
    let mut ring = IoUring::new(batch as u32).ok()?;
    let mut blocks = blocks(batch);
    let fd = Fd(work.fd());
    Some(Box::new(move || {
        {
            let mut submission = ring.submission();
            for (i, block) in blocks.chunks_exact_mut(BLOCK).enumerate() {
                let entry = match work {
                    Work::Poll(_) => opcode::PollAdd::new(fd, PollEvents::OUT.bits().into()).build(),
                    Work::Read(_) => {
                        opcode::Read::new(fd, block.as_mut_ptr(), BLOCK as u32).offset((i * BLOCK) as u64).build()
                    }
                };
                // SAFETY: the block lives until the batch has ended.
                unsafe { submission.push(&entry.user_data(i as u64)).unwrap() };
            }
        }
        ring.submit_and_wait(batch).unwrap();
        let mut ended = 0;
        for entry in ring.completion() {
            look_at(entry.result().into());
            ended += 1;
        }
        assert_eq!(ended, batch);
    }))
}

/// One plain call for each.
fn plain(work: Work<'_>, batch: usize) -> Contender<'_> {
    let mut blocks = blocks(batch);
    Box::new(move || match work {
        Work::Poll(fd) => {
            for _ in 0..batch {
                let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
                // SAFETY: one is there.
                assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 1);
            }
        }
        Work::Read(file) => {
            for (i, block) in blocks.chunks_exact_mut(BLOCK).enumerate() {
                assert_eq!(file.read_at(block, (i * BLOCK) as u64).unwrap(), BLOCK);
            }
        }
    })
}

// --- the table --------------------------------------------------------------------------------------------------------------

/// Of this thread, in user space and in the kernel.
fn main() {
    pin(0);
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![1; BATCHES[3] * BLOCK], 0).unwrap();
    // SAFETY: a new descriptor, owned by nobody else.
    let eventfd = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK)) };
    println!(
        "ns per operation, median of {ROUNDS} rounds, and how much of that the queue takes; in brackets allocations per operation"
    );
    println!(
        "{:14}{:>6}{:>16}{:>16}{:>16}{:>16}{:>16}{:>16}",
        "", "batch", "Queue", "by hand", "calls", "libaio", "io_uring", "plain"
    );
    for (name, work) in [("poll", Work::Poll(&eventfd)), ("read 4 KiB", Work::Read(&file))] {
        for batch in BATCHES {
            let mut contenders = [
                Some(queue(work, batch)),
                Some(by_hand(work, batch)),
                Some(calls(work, batch)),
                libaio(work, batch),
                uring(work, batch),
                Some(plain(work, batch)),
            ];
            let mut times = contenders.each_ref().map(|_| Vec::new());
            let mut allocations = [0.0; 6];
            for _ in 0..ROUNDS {
                for (i, contender) in contenders.iter_mut().enumerate() {
                    let Some(contender) = contender else { continue };
                    contender();
                    let (start, cpu, before, mut batches) = (Instant::now(), thread_time(), ALLOCATIONS.get(), 0);
                    while start.elapsed() < ROUND {
                        (0..16).for_each(|_| contender());
                        batches += 16;
                    }
                    let operations = (batches * batch) as f64;
                    let time = (thread_time() - cpu).as_nanos() as f64 / operations;
                    allocations[i] += (ALLOCATIONS.get() - before) as f64 / operations / ROUNDS as f64;
                    times[i].push(time);
                }
            }
            print!("{name:14}{batch:6}");
            let own = median(times[0].clone());
            for (times, allocations) in times.into_iter().zip(allocations) {
                let cell = match times.is_empty() {
                    true => "-".to_owned(),
                    false => {
                        let time = median(times);
                        let brackets = if allocations > 0.0 { format!("[{allocations:.1}]") } else { String::new() };
                        format!("{time:.0}{brackets} ({:.2})", own / time)
                    }
                };
                print!("{cell:>16}");
            }
            println!();
        }
    }
    let (mut made, mut destroyed, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let micros = |work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            start.elapsed().as_nanos() as f64 / 1000.0
        };
        let mut contexts = Vec::with_capacity(2);
        made.push(micros(&mut || contexts.push(Context::new(NonZeroU32::new(128).unwrap()).unwrap())));
        contexts.push(Context::new(NonZeroU32::new(128).unwrap()).unwrap());
        destroyed.push(micros(&mut || drop(contexts.pop())));
        sent.push(micros(&mut || contexts.pop().unwrap().into_background()));
    }
    let [made, destroyed, sent] = [made, destroyed, sent].map(median);
    println!(
        "a context for 128: made in {made:.0} us, destroyed in {destroyed:.0} us, sent into_background() in {sent:.0} us"
    );
}
