//! What the calls on each context did, appended to a file when the context is destroyed, and at
//! exit for those that are left. `README.md` says what a line has.

use crate::contexts::{self, SLOTS};
use crate::settings::{self, AT_FDCWD, O_CLOEXEC};
use crate::time;
use aio_sys::raw;
use aio_sys::types::{aio_context_t, io_event, iocb};
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How long a submission has to take to be counted as one that blocked.
const BLOCKED_MICROSECONDS: usize = 1000;

/// Times below 1 µs, 2 µs, 4 µs and so on; the last bucket has all others.
const BUCKETS: usize = 28;

/// The requests in flight whose start is known, of all contexts; a power of two.
const STARTS: usize = 1 << 14;

static TRACES: [Trace; SLOTS] = [const { Trace::new() }; SLOTS];
static IN_FLIGHT: [Start; STARTS] =
    [const { Start { iocb: AtomicUsize::new(0), time: AtomicUsize::new(0) } }; STARTS];

/// When a request was submitted.
struct Start {
    iocb: AtomicUsize,
    time: AtomicUsize,
}

impl Start {
    fn of(iocb: usize) -> &'static Start {
        // The multiplier is 2 to the power of 32, divided by the golden ratio.
        let hash = ((iocb >> 4) as u32).wrapping_mul(0x9e37_79b9);
        &IN_FLIGHT[(hash >> (u32::BITS - STARTS.trailing_zeros())) as usize]
    }
}

/// One context's counts, and the time from a request's submission until its event was delivered.
struct Trace {
    counts: [AtomicUsize; NAMES.len()],
    latency: [AtomicUsize; BUCKETS],
}

/// What is counted, in the order of a line.
const NAMES: [&str; 10] = [
    "submits", "requests", "refusals", "blocked", "gets", "calls", "events", "untimed", "cancels",
    "errors",
];
const SUBMITS: usize = 0;
const REQUESTS: usize = 1;
const REFUSALS: usize = 2;
const BLOCKED: usize = 3;
const GETS: usize = 4;
const CALLS: usize = 5;
const EVENTS: usize = 6;
const UNTIMED: usize = 7;
const CANCELS: usize = 8;
const ERRORS: usize = 9;

impl Trace {
    const fn new() -> Trace {
        Trace {
            counts: [const { AtomicUsize::new(0) }; NAMES.len()],
            latency: [const { AtomicUsize::new(0) }; BUCKETS],
        }
    }

    /// That of a context, if there is tracing, and a slot for the context.
    #[inline]
    fn of(ctx: aio_context_t) -> Option<&'static Trace> {
        if settings::is_tracing() { Trace::find(ctx) } else { None }
    }

    #[cold]
    fn find(ctx: aio_context_t) -> Option<&'static Trace> {
        contexts::index(ctx).map(|index| &TRACES[index])
    }

    fn count(&self, what: usize, count: usize) {
        self.counts[what].fetch_add(count, Relaxed);
    }

    /// # Safety
    ///
    /// Same as [`events`].
    #[cold]
    unsafe fn events(&self, result: isize, events: *const io_event, call: bool) {
        self.count(GETS, 1);
        self.count(CALLS, call as usize);
        let Ok(count) = usize::try_from(result) else { return self.count(ERRORS, 1) };
        self.count(EVENTS, count);
        let now = if count == 0 { 0 } else { time::now() };
        for index in 0..count {
            // SAFETY: it is there.
            let iocb = unsafe { events.add(index).read_unaligned() }.obj as usize;
            let start = Start::of(iocb);
            let is_known = start.iocb.compare_exchange(iocb, 0, Relaxed, Relaxed).is_ok();
            let time = now.wrapping_sub(start.time.load(Relaxed));
            // A later request at the same address may have begun after this one.
            if is_known && time <= usize::MAX / 2 {
                let bucket = (usize::BITS - time.leading_zeros()) as usize;
                self.latency[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
            } else {
                self.count(UNTIMED, 1);
            }
        }
    }

    fn numbers(&self) -> impl Iterator<Item = &AtomicUsize> {
        self.counts.iter().chain(&self.latency)
    }
}

/// A call of io_submit that has begun.
pub struct Submit {
    trace: &'static Trace,
    begun: usize,
}

impl Submit {
    /// Nothing if the context is not traced.
    #[inline]
    pub fn begin(ctx: aio_context_t) -> Option<Submit> {
        Trace::of(ctx).map(|trace| Submit { trace, begun: time::now() })
    }

    /// Counts what it did.
    ///
    /// # Safety
    ///
    /// The kernel has accepted `result` requests of `iocbs`, if it is positive.
    #[cold]
    pub unsafe fn end(self, result: isize, iocbs: *const *mut iocb) {
        let Submit { trace, begun } = self;
        trace.count(SUBMITS, 1);
        trace.count(BLOCKED, (time::now().wrapping_sub(begun) >= BLOCKED_MICROSECONDS) as usize);
        let Ok(accepted) = usize::try_from(result) else { return trace.count(REFUSALS, 1) };
        trace.count(REQUESTS, accepted);
        for index in 0..accepted {
            // SAFETY: the kernel has read it.
            let iocb = unsafe { iocbs.add(index).read_unaligned() } as usize;
            let start = Start::of(iocb);
            start.time.store(begun, Relaxed);
            start.iocb.store(iocb, Relaxed);
        }
    }
}

/// Counts a call of io_cancel.
#[inline]
pub fn cancel(ctx: aio_context_t) {
    if let Some(trace) = Trace::of(ctx) {
        trace.count(CANCELS, 1);
    }
}

/// Counts what io_getevents did, by a system call or without one.
///
/// # Safety
///
/// There are `result` events at `events`, if it is positive.
#[inline]
pub unsafe fn events(ctx: aio_context_t, result: isize, events: *const io_event, call: bool) {
    if let Some(trace) = Trace::of(ctx) {
        // SAFETY: the caller guarantees `result` events at `events`, if it is positive.
        unsafe { trace.events(result, events, call) };
    }
}

/// Begins the trace of a context that will have this slot.
pub fn created(index: usize) {
    if settings::is_tracing() {
        TRACES[index].numbers().for_each(|number| number.store(0, Relaxed));
    }
}

/// Writes the trace of a context, which has this slot.
pub fn destroyed(index: usize, ctx: aio_context_t) {
    let Some(path) = settings::trace() else { return };
    let trace = &TRACES[index];
    let mut line = Line { buffer: [0; 1024], length: 0 };
    line.text("pid=");
    // SAFETY: it takes nothing.
    line.number(unsafe { raw::getpid() } as usize);
    line.text(" context=");
    line.number(ctx as usize);
    for (name, count) in NAMES.iter().zip(&trace.counts) {
        line.text(" ");
        line.text(name);
        line.text("=");
        line.number(count.load(Relaxed));
    }
    for (bucket, count) in trace.latency.iter().enumerate() {
        let count = count.load(Relaxed);
        if count != 0 {
            line.text(if bucket < BUCKETS - 1 { " us<" } else { " us>=" });
            line.number(1 << bucket.min(BUCKETS - 2));
            line.text("=");
            line.number(count);
        }
    }
    line.text("\n");
    append(path, &line.buffer[..line.length]);
}

/// What runs at exit.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: extern "C" fn() = finish;

extern "C" fn finish() {
    if settings::is_tracing() {
        contexts::all().for_each(|(index, ctx)| destroyed(index, ctx));
    }
}

struct Line {
    buffer: [u8; 1024],
    length: usize,
}

impl Line {
    fn text(&mut self, text: &str) {
        self.extend(text.as_bytes());
    }

    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.buffer.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }

    fn number(&mut self, number: usize) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.extend(&digits[first..]);
    }
}

/// A line is written by one call, so that those of several processes do not mix. It does not wait
/// for the reader of a FIFO.
fn append(path: &CStr, bytes: &[u8]) {
    /// O_WRONLY, O_CREAT, O_APPEND and O_NONBLOCK: arch/mips/include/uapi/asm/fcntl.h,
    /// arch/sparc/include/uapi/asm/fcntl.h, and include/uapi/asm-generic/fcntl.h for all others
    /// that Rust compiles for.
    const FLAGS: c_int = match () {
        _ if cfg!(any(target_arch = "mips", target_arch = "mips64")) => 1 | 0x100 | 8 | 0x80,
        _ if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) => 1 | 0x200 | 8 | 0x4000,
        _ => 1 | 0x40 | 0x400 | 0x800,
    };
    const MODE: u16 = 0o600;
    // SAFETY: the kernel reads the path.
    let file = unsafe { raw::openat(AT_FDCWD, path.as_ptr(), FLAGS | O_CLOEXEC, MODE) };
    if file >= 0 {
        // SAFETY: the kernel reads the bytes. What cannot be written cannot be reported.
        unsafe { raw::write(file as _, bytes.as_ptr().cast(), bytes.len()) };
        // SAFETY: it was opened above.
        unsafe { raw::close(file as _) };
    }
}
