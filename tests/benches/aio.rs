//! The cost of a request: `Queue` against the same by hand, libaio, io_uring, linux-aio-tokio and
//! plain calls. Prints tables.
//!
//! Medians of alternating rounds, on one CPU, in one run. The CPU time of this thread, which does
//! all the work, is measured, so that other processes disturb less: `cargo bench -p aio-tests
//! --features bench --bench aio`. The feature `linux-aio-tokio` adds that crate, whose build needs
//! libclang.
//!
//! All contenders do the same: requests are filled in for each batch, all results are checked, each
//! block is a separate allocation. System calls are counted in a child under ptrace(2), which does
//! the same work there.

use aio_sys::types::*;
use aio_sys::{
    AlignedBuf, Context, ContextId, PollEvents, Queue, io_destroy, io_getevents, io_setup, op, raw,
};
use aio_tests::{Counting, median, pin, thread_time};
use std::ffi::{CStr, c_int, c_long, c_void};
use std::hint::black_box;
use std::mem::transmute;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::time::{Duration, Instant};

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(8);
const BATCHES: [usize; 4] = [1, 8, 32, 128];
const BLOCK: usize = 4096;

// --- allocations
// -----------------------------------------------------------------------------

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// --- what is done
// -----------------------------------------------------------------------------

/// The operation, submitted `batch` times at once.
#[derive(Clone, Copy)]
enum Work<'a> {
    /// A poll for writing of an eventfd, which is ready.
    Poll(BorrowedFd<'a>),
    /// A read of a block that is in the page cache.
    Read(BorrowedFd<'a>),
}

impl<'a> Work<'a> {
    fn fd(self) -> BorrowedFd<'a> {
        let (Work::Poll(fd) | Work::Read(fd)) = self;
        fd
    }

    fn iocb(self, data: u64, block: *mut u8) -> iocb {
        let request =
            iocb { aio_data: data, aio_fildes: self.fd().as_raw_fd() as u32, ..iocb::default() };
        match self {
            Work::Poll(_) => iocb {
                aio_lio_opcode: IOCB_CMD_POLL,
                aio_buf: PollEvents::OUT.bits().into(),
                ..request
            },
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

/// Aligned, so that all contenders have the same alignment.
fn new_blocks(count: usize) -> Vec<AlignedBuf> {
    (0..count).map(|_| AlignedBuf::new(BLOCK, BLOCK).unwrap()).collect()
}

fn look_at(result: i64) {
    assert!(black_box(result) > 0);
}

/// Handwritten requests: an array, filled again each time.
struct Hand {
    iocbs: Vec<iocb>,
    pointers: Vec<*mut iocb>,
    events: Vec<io_event>,
    blocks: Vec<AlignedBuf>,
}

impl Hand {
    fn new(batch: usize) -> Hand {
        let (mut iocbs, blocks) = (vec![iocb::default(); batch], new_blocks(batch));
        let first = iocbs.as_mut_ptr();
        // SAFETY: inside of the array.
        let pointers = (0..batch).map(|i| unsafe { first.add(i) }).collect();
        Hand { iocbs, pointers, events: vec![io_event::default(); batch], blocks }
    }

    fn fill(&mut self, work: Work<'_>) {
        for (i, (iocb, block)) in self.pointers.iter().zip(&mut self.blocks).enumerate() {
            // SAFETY: one of `iocbs` each.
            unsafe { **iocb = work.iocb(i as u64, block.as_mut_ptr()) };
        }
    }

    fn submit(&mut self, ctx: ContextId) {
        let count = self.iocbs.len() as c_long;
        // SAFETY: requests and blocks live until the batch has completed, before the next is filled
        // in.
        let accepted = unsafe { raw::io_submit(ctx.as_raw(), count, self.pointers.as_mut_ptr()) };
        assert_eq!(accepted, count as isize);
    }
}

fn queue(work: Work<'_>, batch: usize) -> Contender<'_> {
    let mut queue = Queue::<AlignedBuf>::new(NonZeroU32::new(batch as u32).unwrap()).unwrap();
    let mut blocks = new_blocks(batch);
    Box::new(move || {
        queue.batch(|requests| {
            for i in 0..batch {
                match work {
                    Work::Poll(fd) => drop(requests.push(op::poll(fd, PollEvents::OUT)).unwrap()),
                    Work::Read(fd) => {
                        let block = blocks.pop().unwrap();
                        let _token =
                            requests.push(op::read_at(fd, block, (i * BLOCK) as u64)).unwrap();
                    }
                }
            }
        });
        let ended = queue.wait(batch, None).map(|ready| {
            ready
                .map(|done| {
                    look_at(done.result.unwrap() as i64);
                    if let Some(block) = done.buf {
                        blocks.push(block);
                    }
                })
                .count()
        });
        assert_eq!(ended, Ok(batch));
    })
}

/// The fastest way, all unsafe: io_submit, and the ring.
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

type Setup = unsafe extern "C" fn(c_int, *mut *mut c_void) -> c_int;
type Destroy = unsafe extern "C" fn(*mut c_void) -> c_int;
type Submit = unsafe extern "C" fn(*mut c_void, c_long, *mut *mut iocb) -> c_int;
type Getevents =
    unsafe extern "C" fn(*mut c_void, c_long, c_long, *mut io_event, *mut libc::timespec) -> c_int;

/// The C library of native AIO.
#[derive(Clone, Copy)]
struct Libaio {
    setup: Setup,
    destroy: Destroy,
    submit: Submit,
    getevents: Getevents,
}

impl Libaio {
    /// If it is installed.
    fn load() -> Option<Libaio> {
        let names = [c"libaio.so.1", c"libaio.so.1t64"];
        // SAFETY: it runs only the library's constructors, which have no effect on this program.
        let open = |name: &CStr| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        let library = names.into_iter().map(open).find(|it| !it.is_null())?;
        // SAFETY: the library is loaded, and never unloaded.
        let function = |name: &CStr| unsafe { libc::dlsym(library, name.as_ptr()) };
        // SAFETY: functions of libaio.h, with these types; `iocb` and `io_event` have its layout.
        unsafe {
            Some(Libaio {
                setup: transmute::<*mut c_void, Setup>(function(c"io_setup")),
                destroy: transmute::<*mut c_void, Destroy>(function(c"io_destroy")),
                submit: transmute::<*mut c_void, Submit>(function(c"io_submit")),
                getevents: transmute::<*mut c_void, Getevents>(function(c"io_getevents")),
            })
        }
    }

    /// A context, which lives as long as the process unless it is destroyed.
    fn context(self, requests: usize) -> *mut c_void {
        let mut ctx = ptr::null_mut();
        // SAFETY: `ctx` is null, and written to.
        assert_eq!(unsafe { (self.setup)(requests as c_int, &mut ctx) }, 0);
        ctx
    }
}

fn libaio(work: Work<'_>, batch: usize) -> Option<Contender<'_>> {
    let library = Libaio::load()?;
    let ctx = library.context(batch);
    let mut hand = Hand::new(batch);
    let count = batch as c_long;
    Some(Box::new(move || {
        hand.fill(work);
        // SAFETY: `pointers` has `count` pointers to iocbs, which `fill` has set up on buffers that
        // live until their events are read.
        let submitted = unsafe { (library.submit)(ctx, count, hand.pointers.as_mut_ptr()) };
        assert_eq!(submitted, batch as c_int);
        // SAFETY: the array has room for that many events.
        let got = unsafe {
            (library.getevents)(ctx, count, count, hand.events.as_mut_ptr(), ptr::null_mut())
        };
        assert_eq!(got, batch as c_int);
        hand.events.iter().for_each(|event| look_at(event.res));
    }))
}

/// If the kernel allows it.
fn uring(work: Work<'_>, batch: usize) -> Option<Contender<'_>> {
    use io_uring::{IoUring, opcode, types::Fd};
    let mut ring = IoUring::new(batch as u32).ok()?;
    let mut blocks = new_blocks(batch);
    let fd = Fd(work.fd().as_raw_fd());
    Some(Box::new(move || {
        {
            let mut submission = ring.submission();
            for (i, block) in blocks.iter_mut().enumerate() {
                let entry = match work {
                    Work::Poll(_) => {
                        opcode::PollAdd::new(fd, PollEvents::OUT.bits().into()).build()
                    }
                    Work::Read(_) => opcode::Read::new(fd, block.as_mut_ptr(), BLOCK as u32)
                        .offset((i * BLOCK) as u64)
                        .build(),
                };
                // SAFETY: the block lives until the batch has completed.
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
    let mut blocks = new_blocks(batch);
    Box::new(move || match work {
        Work::Poll(fd) => {
            for _ in 0..batch {
                let mut poll =
                    libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
                // SAFETY: `1` is the length of the array.
                assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 1);
            }
        }
        Work::Read(fd) => {
            for (i, block) in blocks.iter_mut().enumerate() {
                // SAFETY: the block is owned by this function, and large enough.
                let read = unsafe {
                    libc::pread(
                        fd.as_raw_fd(),
                        block.as_mut_ptr().cast(),
                        BLOCK,
                        (i * BLOCK) as libc::off_t,
                    )
                };
                assert_eq!(read, BLOCK as isize);
            }
        }
    })
}

/// Futures that are polled together, on a runtime of this thread. It has no polls.
#[cfg(feature = "linux-aio-tokio")]
fn linux_aio_tokio(work: Work<'_>, batch: usize) -> Option<Contender<'_>> {
    use linux_aio_tokio::{File, LockedBuf, ReadFlags, local_aio_context};
    use std::{future, pin::Pin, task::Poll};

    let Work::Read(fd) = work else { return None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    let (context, handle, file) = tasks.block_on(&runtime, async {
        let (context, handle, events) = local_aio_context(batch, true).unwrap();
        tokio::task::spawn_local(events);
        let file = File::open(format!("/proc/self/fd/{}", fd.as_raw_fd()), false).await.unwrap();
        (context, handle, file)
    });
    let mut blocks: Vec<_> = (0..batch).map(|_| LockedBuf::with_size(BLOCK).unwrap()).collect();
    Some(Box::new(move || {
        let _alive = &context;
        let reads = blocks.iter_mut().enumerate().map(|(i, block)| {
            file.read_at(&handle, (i * BLOCK) as u64, block, BLOCK as u64, ReadFlags::empty())
        });
        let mut reads: Vec<Pin<Box<_>>> = reads.map(Box::pin).collect();
        tasks.block_on(
            &runtime,
            future::poll_fn(|cx| {
                reads.retain_mut(|read| match read.as_mut().poll(cx) {
                    Poll::Ready(bytes) => {
                        look_at(bytes.unwrap() as i64);
                        false
                    }
                    Poll::Pending => true,
                });
                if reads.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
    }))
}

#[cfg(not(feature = "linux-aio-tokio"))]
fn linux_aio_tokio(_: Work<'_>, _: usize) -> Option<Contender<'_>> {
    None
}

// --- system calls
// -----------------------------------------------------------------------------

/// System calls per operation, of a child that creates its own contender.
fn system_calls(make: Make, work: Work<'_>, batch: usize) -> Option<f64> {
    const BATCHES: usize = 64;
    // SAFETY: the process has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let contender = make(work, batch);
        // SAFETY: the parent traces this process; signals mark the section in which it counts.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            if let Some(mut contender) = contender {
                contender();
                let own = libc::getpid();
                libc::kill(own, libc::SIGUSR1);
                (0..BATCHES).for_each(|_| contender());
                libc::kill(own, libc::SIGUSR1);
            }
            // No destructors: they would take time.
            libc::_exit(0);
        }
    }
    let (mut stops, mut marks, mut status) = (0, 0, 0);
    // SAFETY: the child is ours, and has stopped whenever it is resumed.
    while unsafe { libc::waitpid(child, &mut status, 0) } == child && libc::WIFSTOPPED(status) {
        match libc::WSTOPSIG(status) {
            libc::SIGUSR1 => marks += 1,
            // Once on entry, once on exit.
            libc::SIGTRAP if marks == 1 => stops += 1,
            _ => {}
        }
        // SAFETY: the child is ours, and has stopped whenever it is resumed.
        unsafe { libc::ptrace(libc::PTRACE_SYSCALL, child, 0, 0) };
    }
    // The exit of the first kill(2) and the entry of the second are counted, too.
    (marks == 2).then(|| (stops / 2 - 1) as f64 / (BATCHES * batch) as f64)
}

// --- the table
// -----------------------------------------------------------------------------

type Make = fn(Work<'_>, usize) -> Option<Contender<'_>>;

/// The first is what the others are compared with.
const CONTENDERS: [(&str, Make); 7] = [
    ("Queue", |work, batch| Some(queue(work, batch))),
    ("by hand", |work, batch| Some(by_hand(work, batch))),
    ("calls", |work, batch| Some(calls(work, batch))),
    ("libaio", libaio),
    ("io_uring", uring),
    ("linux-aio-tokio", linux_aio_tokio),
    ("plain", |work, batch| Some(plain(work, batch))),
];

/// A line: nanoseconds of each contender, and the ratio.
fn compare(name: &str, work: Work<'_>, batch: usize) -> String {
    let mut contenders = CONTENDERS.map(|(_, make)| make(work, batch));
    let mut times = CONTENDERS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let Some(contender) = contender else { continue };
            contender();
            let (start, cpu, mut batches) = (Instant::now(), thread_time(), 0);
            while start.elapsed() < ROUND {
                (0..16).for_each(|_| contender());
                batches += 16;
            }
            times.push((thread_time() - cpu).as_nanos() as f64 / (batches * batch) as f64);
        }
    }
    let times = times.map(|times| (!times.is_empty()).then(|| median(times)));
    let own = times[0].unwrap();
    line(name, batch, times.map(|time| time.map(|time| format!("{time:.0} ({:.2})", own / time))))
}

/// A line: system calls and allocations of each contender for an operation.
fn count(name: &str, work: Work<'_>, batch: usize) -> String {
    line(
        name,
        batch,
        CONTENDERS.map(|(_, make)| {
            let calls = system_calls(make, work, batch)?;
            let mut contender = make(work, batch)?;
            contender();
            let before = Counting::so_far();
            (0..64).for_each(|_| contender());
            let allocations = (Counting::so_far() - before) as f64 / (64 * batch) as f64;
            Some(format!("{calls:.3}, {allocations:.2}"))
        }),
    )
}

fn line(
    name: &str,
    batch: impl std::fmt::Display,
    cells: [Option<String>; CONTENDERS.len()],
) -> String {
    let cells = cells.map(|cell| format!("{:>16}", cell.unwrap_or_else(|| "-".to_owned())));
    format!("{name:10}{batch:>6}{}", cells.concat())
}

fn main() {
    pin(0);
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![1; BATCHES[3] * BLOCK], 0).unwrap();
    // SAFETY: a new descriptor, which nobody else owns.
    let eventfd = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK)) };
    let works = [("poll", Work::Poll(eventfd.as_fd())), ("read 4 KiB", Work::Read(file.as_fd()))];
    let names = line("", "batch", CONTENDERS.map(|(name, _)| Some(name.to_owned())));

    println!(
        "ns per operation, median of {ROUNDS} rounds; in brackets the Queue's time divided by it\n\
         {names}"
    );
    for (name, work) in works {
        BATCHES.iter().for_each(|&batch| println!("{}", compare(name, work, batch)));
    }
    println!("\nsystem calls and allocations per operation\n{names}");
    for (name, work) in works {
        BATCHES.iter().for_each(|&batch| println!("{}", count(name, work, batch)));
    }
    println!();
    empty();
    contexts();
}

type Look<'a> = Box<dyn FnMut() -> usize + 'a>;

/// Polls an empty ring.
fn empty() {
    let requests = NonZeroU32::new(128).unwrap();
    let mut queue = Queue::<AlignedBuf>::new(requests).unwrap();
    let context = Context::new(requests).unwrap();
    // SAFETY: nobody else expects the events that it reads.
    let id = unsafe { context.id() };
    let mut events = [io_event::default(); 128];
    let libaio = Libaio::load().map(|library| (library, library.context(128)));
    let mut others = [io_event::default(); 128];
    let mut looks: [(_, Look); 3] = [
        ("Queue::reap", Box::new(|| queue.reap().map(|_| {}).count())),
        (
            "the call",
            Box::new(|| io_getevents(id, 0, &mut events, Some(&timespec::default())).unwrap()),
        ),
        (
            "libaio's io_getevents",
            Box::new(|| {
                let Some((library, ctx)) = libaio else { return usize::MAX };
                let mut zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                // SAFETY: the array has room for that many events.
                unsafe { (library.getevents)(ctx, 0, 128, others.as_mut_ptr(), &mut zero) as usize }
            }),
        ),
    ];
    let mut times = looks.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, look), times) in looks.iter_mut().zip(&mut times) {
            let cpu = thread_time();
            (0..10_000).for_each(|_| assert!(matches!(black_box(look()), 0 | usize::MAX)));
            times.push((thread_time() - cpu).as_nanos() as f64 / 10_000.0);
        }
    }
    let times =
        looks.iter().zip(times).map(|((name, _), times)| format!("{name} {:.1} ns", median(times)));
    println!("nothing there: {}", times.collect::<Vec<_>>().join(", "));
}

/// Creates and destroys contexts. Wall-clock times, since it waits.
fn contexts() {
    let requests = NonZeroU32::new(128).unwrap();
    let libaio = Libaio::load();
    let mut times: [Vec<f64>; 5] = Default::default();
    let micros = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64 / 1000.0
    };
    for _ in 0..ROUNDS {
        let mut contexts = Vec::with_capacity(2);
        times[0].push(micros(&mut || contexts.push(Context::new(requests).unwrap())));
        contexts.push(Context::new(requests).unwrap());
        times[1].push(micros(&mut || drop(contexts.pop())));
        times[2].push(micros(&mut || contexts.pop().unwrap().into_background()));
        if let Some(library) = libaio {
            let mut ctx = ptr::null_mut();
            times[3].push(micros(&mut || ctx = library.context(128)));
            // SAFETY: the context was created in this iteration and nobody else uses it.
            times[4].push(micros(&mut || assert_eq!(unsafe { (library.destroy)(ctx) }, 0)));
        }
    }
    let names =
        ["made", "destroyed", "sent into_background()", "made by libaio", "destroyed by libaio"];
    let times = names.iter().zip(times).filter(|(_, times)| !times.is_empty());
    let times: Vec<_> =
        times.map(|(name, times)| format!("{name} {:.0} us", median(times))).collect();
    println!("a context for 128: {}", times.join(", "));
}
