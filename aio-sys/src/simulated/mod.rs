//! A simulated kernel for Miri, which cannot make system calls: the system calls of queues and
//! scopes, by their names in [`raw`](crate::raw).
//!
//! Requests run on simulated [files](file) and complete later: on a thread of their context, in any
//! order, some of them before io_submit(2) returns. The order is random, from Miri's seed. The
//! kernel has its own copy of each `iocb` and `iovec`, and accesses a buffer only through the
//! address in it, when the request completes. So Miri reports a buffer that was freed, moved or
//! borrowed meanwhile, and an event that is read in a race with the kernel.
//!
//! The calling threads share few locks here: a lock would order accesses that the real kernel does
//! not order, and hide a race.

mod file;
mod list;
mod tests;

use crate::sys::errno::Errno;
use crate::sys::types::*;
use file::Work;
use list::List;
use std::alloc::{Layout, alloc, dealloc};
use std::collections::hash_map::RandomState;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::hash::{BuildHasher, Hasher};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::vec::Vec;
use std::{eprintln, process, ptr};

/// A random number less than `end`, which is not 0.
fn below(end: usize) -> usize {
    static SEED: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Under Miri the random numbers of the standard library come from Miri's seed.
    let seed = SEED.get_or_init(|| RandomState::new().build_hasher().finish());
    // SplitMix64.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bits = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ bits >> 31) % end as u64) as usize
}

fn one_in(count: usize) -> bool {
    below(count) == 0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(errno: Errno) -> isize {
    -(errno.raw_os_error() as isize)
}

/// Reports a bug of the caller. It does not panic, since a panic might be caught.
fn abort(what: &str) -> ! {
    eprintln!("simulated kernel: {what}");
    process::abort()
}

/// All contexts that were ever created.
static CONTEXTS: List<Context> = List::new();

struct Context {
    /// The address of the ring; 0 once the context is destroyed.
    id: AtomicUsize,
    /// The number of slots of the ring. One more than the accepted requests, so that the ring wraps
    /// often.
    nr: u32,
    slots: Mutex<Slots>,
    /// Locked to write to the ring.
    completion: Mutex<()>,
    /// Locked to read the ring. Threads that wait for events sleep here.
    reading: Mutex<()>,
    arrived: Condvar,
    messages: Sender<Message>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// A slot is in use from io_submit until the head of the ring has passed its event.
struct Slots {
    taken: u32,
    head: u32,
}

enum Message {
    Submit(Accepted),
    /// Cancels a poll, by the address of its iocb.
    Cancel(u64, Sender<bool>),
    /// A file has changed: check the polls.
    Check,
    /// Completes the requests, cancels the polls, and exits.
    End,
}

/// A request that was accepted.
struct Accepted {
    work: Work,
    data: u64,
    obj: u64,
    eventfd: Option<OwnedFd>,
    cancelled: bool,
}

impl Accepted {
    fn can_complete(&self) -> bool {
        self.cancelled || self.work.is_ready()
    }
}

impl Context {
    fn find(id: aio_context_t) -> Option<&'static Context> {
        let id = id as usize;
        CONTEXTS.iter().find(|context| id != 0 && context.id.load(Ordering::Acquire) == id)
    }

    fn layout(&self) -> Layout {
        Context::layout_of(self.nr)
    }

    fn layout_of(nr: u32) -> Layout {
        let bytes = size_of::<aio_ring>() + nr as usize * size_of::<io_event>();
        Layout::from_size_align(bytes, 4096).unwrap()
    }

    fn ring(&self) -> *mut aio_ring {
        ptr::with_exposed_provenance_mut(self.id.load(Ordering::Acquire))
    }

    fn head(&self) -> &AtomicU32 {
        // SAFETY: the ring is allocated until the context is destroyed, and `head` is accessed as
        // an atomic only.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.ring()).head) }
    }

    fn tail(&self) -> &AtomicU32 {
        // SAFETY: the ring is allocated until the context is destroyed, and `tail` is accessed as
        // an atomic only.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.ring()).tail) }
    }

    fn event(&self, index: u32) -> *mut io_event {
        // SAFETY: the index is less than `nr`, and `nr` events follow the header in the same
        // allocation.
        unsafe { self.ring().add(1).cast::<io_event>().add(index as usize) }
    }

    /// Reserves a slot. The load of `head` orders the reads of user space before the slot is
    /// reused.
    fn reserve(&self) -> bool {
        let mut slots = lock(&self.slots);
        let head = self.head().load(Ordering::Acquire) % self.nr;
        let read = (head + self.nr - slots.head) % self.nr;
        if read > slots.taken {
            abort("more events were read than requests were submitted");
        }
        *slots = Slots { taken: slots.taken - read, head };
        let is_free = slots.taken + 1 < self.nr;
        slots.taken += u32::from(is_free);
        is_free
    }

    /// # Safety
    ///
    /// The request and its iovecs can be read, and its key written; the buffers live until it
    /// completes.
    unsafe fn accept(&self, request: *mut iocb) -> Result<(), Errno> {
        // SAFETY: the caller guarantees that the request can be read.
        let copy = unsafe { request.read() };
        if copy.aio_reserved2 != 0 || copy.aio_nbytes > isize::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        if !self.reserve() {
            return Err(Errno::EAGAIN);
        }
        // SAFETY: the caller guarantees that the request and its iovecs can be read, and its key
        // written.
        let accepted = unsafe { Context::check(request, copy) }
            .inspect_err(|_| lock(&self.slots).taken -= 1)?;
        // A poll completes at once if the file is ready.
        if accepted.can_complete() && (accepted.work.is_poll() || one_in(4)) {
            self.complete(accepted);
        } else {
            self.send(Message::Submit(accepted));
        }
        Ok(())
    }

    /// # Safety
    ///
    /// The request and its iovecs can be read, and its key written; the buffers live until it
    /// completes.
    unsafe fn check(request: *mut iocb, copy: iocb) -> Result<Accepted, Errno> {
        let file = file::find(copy.aio_fildes)?;
        let eventfd = match copy.aio_flags & IOCB_FLAG_RESFD {
            0 => None,
            // SAFETY: `try_clone_to_owned` only passes the number to the kernel, which refuses one
            // that is not open.
            _ => Some(
                unsafe { BorrowedFd::borrow_raw(copy.aio_resfd as i32) }
                    .try_clone_to_owned()
                    .map_err(|_| Errno::EBADF)?,
            ),
        };
        // SAFETY: the caller guarantees that the request's key can be written.
        unsafe { (&raw mut (*request).aio_key).write(0) };
        // SAFETY: the caller guarantees that the request's iovecs can be read.
        let work = unsafe { Work::new(file, &copy)? };
        let obj = request.addr() as u64;
        Ok(Accepted { work, data: copy.aio_data, obj, eventfd, cancelled: false })
    }

    fn send(&self, message: Message) {
        // An error means that the worker has exited: nothing is in flight.
        let _ = self.messages.send(message);
    }

    /// Runs the operation, and writes the event, like `aio_complete`.
    fn complete(&self, request: Accepted) {
        let Accepted { work, data, obj, eventfd, .. } = request;
        let event = io_event { data, obj, res: work.run(), res2: 0 };
        {
            let _completion = lock(&self.completion);
            let tail = self.tail().load(Ordering::Relaxed);
            let next = (tail + 1) % self.nr;
            if next == self.head().load(Ordering::Relaxed) {
                abort("the ring overflows");
            }
            // SAFETY: the slot was reserved after its last event had been read, and `completion`
            // excludes other writers.
            unsafe { self.event(tail).write(event) };
            self.tail().store(next, Ordering::Release);
        }
        if let Some(eventfd) = eventfd {
            let one = 1u64;
            // SAFETY: the call reads 8 bytes, the size of `one`.
            unsafe { libc::write(eventfd.as_raw_fd(), (&raw const one).cast(), 8) };
        }
        drop(lock(&self.reading));
        self.arrived.notify_all();
    }

    /// The body of the context's thread.
    fn work(&self, inbox: &Receiver<Message>) {
        let mut requests: Vec<Accepted> = Vec::new();
        let mut is_ending = false;
        while !(is_ending && requests.is_empty()) {
            let is_idle = !is_ending && !requests.iter().any(Accepted::can_complete);
            let message = if is_idle { inbox.recv().ok() } else { inbox.try_recv().ok() };
            let more = message.is_some();
            match message {
                Some(Message::Submit(request)) => requests.push(request),
                Some(Message::Cancel(obj, reply)) => {
                    let found = requests.iter_mut().find(|request| {
                        request.obj == obj && request.work.is_poll() && !request.cancelled
                    });
                    let _ = reply.send(found.map(|request| request.cancelled = true).is_some());
                }
                Some(Message::End) => is_ending = true,
                Some(Message::Check) | None => {}
            }
            if is_ending {
                requests.iter_mut().for_each(|request| request.cancelled |= request.work.is_poll());
            }
            if more && one_in(2) {
                continue;
            }
            (0..below(1 << below(7))).for_each(|_| thread::yield_now());
            let ready: Vec<usize> =
                (0..requests.len()).filter(|&index| requests[index].can_complete()).collect();
            if !ready.is_empty() {
                self.complete(requests.swap_remove(ready[below(ready.len())]));
            }
        }
    }

    /// Copies up to `max` events out of the ring.
    ///
    /// # Safety
    ///
    /// `events` has room for `max` events, and the ring exists.
    unsafe fn read(&self, events: *mut io_event, max: usize) -> usize {
        let first = self.head().load(Ordering::Relaxed);
        let mut head = first % self.nr;
        let tail = self.tail().load(Ordering::Acquire);
        let mut count = 0;
        while head != tail && count < max {
            // SAFETY: `head` is less than `nr`, so the event is in the ring, and the caller
            // guarantees room for `max` events.
            unsafe { events.add(count).write(self.event(head).read()) };
            head = (head + 1) % self.nr;
            count += 1;
        }
        if one_in(4) {
            thread::yield_now();
        }
        let moved = self.head().compare_exchange(first, head, Ordering::Release, Ordering::Relaxed);
        if moved.is_err() {
            abort("two threads read the ring at a time");
        }
        count
    }
}

/// # Safety
///
/// `ctxp` can be read and written.
pub unsafe fn io_setup(nr_events: c_uint, ctxp: *mut aio_context_t) -> isize {
    // SAFETY: the caller guarantees that `ctxp` can be read.
    if unsafe { ctxp.read() } != 0 || nr_events == 0 {
        return error(Errno::EINVAL);
    }
    let nr = nr_events + 1;
    // SAFETY: the size of the layout is not 0, since the header's is not.
    let ring = unsafe { alloc(Context::layout_of(nr)) }.cast::<aio_ring>();
    let header = aio_ring {
        id: 0,
        nr,
        head: 0,
        tail: 0,
        magic: AIO_RING_MAGIC,
        compat_features: AIO_RING_COMPAT_FEATURES,
        incompat_features: AIO_RING_INCOMPAT_FEATURES,
        header_length: size_of::<aio_ring>() as u32,
    };
    // SAFETY: `ring` was allocated above and has room for the header. The events stay
    // uninitialised, since nobody reads them before they are written.
    unsafe { ring.write(header) };
    let id = ring.expose_provenance();
    let (messages, inbox) = channel();
    let context = CONTEXTS.push(Context {
        id: AtomicUsize::new(id),
        nr,
        slots: Mutex::new(Slots { taken: 0, head: 0 }),
        completion: Mutex::default(),
        reading: Mutex::default(),
        arrived: Condvar::new(),
        messages,
        worker: Mutex::default(),
    });
    *lock(&context.worker) = Some(thread::spawn(move || context.work(&inbox)));
    // SAFETY: the caller guarantees that `ctxp` can be written.
    unsafe { ctxp.write(id as aio_context_t) };
    0
}

/// # Safety
///
/// Nobody reads the ring any more.
pub unsafe fn io_destroy(ctx: aio_context_t) -> isize {
    let Some(context) = Context::find(ctx) else { return error(Errno::EINVAL) };
    let Some(worker) = lock(&context.worker).take() else { return error(Errno::EINVAL) };
    context.send(Message::End);
    if worker.join().is_err() {
        abort("a context's thread has panicked");
    }
    let ring = context.ring();
    {
        let _reading = lock(&context.reading);
        context.id.store(0, Ordering::Release);
    }
    context.arrived.notify_all();
    // SAFETY: `io_setup` allocated the ring with this layout. The worker has exited, so no request
    // is in flight, and the caller guarantees that nobody reads the ring any more.
    unsafe { dealloc(ring.cast(), context.layout()) };
    0
}

/// # Safety
///
/// The requests can be read and written, and so can their buffers until they complete.
pub unsafe fn io_submit(ctx_id: aio_context_t, nr: c_long, iocbpp: *mut *mut iocb) -> isize {
    let Some(context) = Context::find(ctx_id).filter(|_| nr >= 0) else {
        return error(Errno::EINVAL);
    };
    let mut accepted = 0;
    while accepted < (nr as usize).min(context.nr as usize) {
        if accepted > 0 && one_in(8) {
            // As if there were no memory for the next request.
            break;
        }
        // SAFETY: the caller guarantees `nr` pointers at `iocbpp`, and requests that can be read
        // and written.
        match unsafe { context.accept(iocbpp.add(accepted).read()) } {
            Ok(()) => accepted += 1,
            Err(errno) if accepted == 0 => return error(errno),
            Err(_) => break,
        }
    }
    accepted as isize
}

/// # Safety
///
/// The iocb's key can be read.
pub unsafe fn io_cancel(ctx_id: aio_context_t, iocb: *mut iocb, _result: *mut io_event) -> isize {
    // SAFETY: the caller guarantees that the iocb's key can be read.
    let key = unsafe { (&raw const (*iocb).aio_key).read() };
    let Some(context) = Context::find(ctx_id).filter(|_| key == 0) else {
        return error(Errno::EINVAL);
    };
    let (reply, answer) = channel();
    context.send(Message::Cancel(iocb.addr() as u64, reply));
    error(if answer.recv() == Ok(true) { Errno::EINPROGRESS } else { Errno::EINVAL })
}

/// # Safety
///
/// `events` has room for `nr` events, and `timeout` is null or can be read. Nobody else reads the
/// ring.
pub unsafe fn io_getevents(
    ctx_id: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut timespec,
) -> isize {
    // SAFETY: the caller guarantees that `timeout` is null or can be read.
    let deadline = unsafe { timeout.as_ref() }
        .map(|time| Instant::now() + Duration::new(time.tv_sec as u64, time.tv_nsec as u32));
    let Some(context) = Context::find(ctx_id).filter(|_| (0..=nr).contains(&min_nr)) else {
        return error(Errno::EINVAL);
    };
    let (min, max) = (min_nr as usize, nr as usize);
    let mut reading = lock(&context.reading);
    let mut count = 0;
    loop {
        if context.id.load(Ordering::Acquire) == 0 {
            return error(Errno::EINVAL);
        }
        // SAFETY: the context exists, since its id is not 0 while `reading` is locked, and the
        // caller guarantees room for `nr` events.
        count += unsafe { context.read(events.add(count), max - count) };
        if count >= min {
            return count as isize;
        }
        if one_in(8) {
            // As if a signal had arrived.
            return if count > 0 { count as isize } else { error(Errno::EINTR) };
        }
        let arrived = &context.arrived;
        reading = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        {
            None => arrived.wait(reading).unwrap_or_else(PoisonError::into_inner),
            Some(Duration::ZERO) => return count as isize,
            Some(left) => {
                arrived.wait_timeout(reading, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// # Safety
///
/// None: it accesses no memory.
pub unsafe fn eventfd2(count: c_uint, flags: c_int) -> isize {
    if flags & !(libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) != 0 {
        return error(Errno::EINVAL);
    }
    // SAFETY: eventfd accesses no memory.
    unsafe { libc::eventfd(count, flags) as isize }
}

/// # Safety
///
/// `buf` has room for `count` bytes.
pub unsafe fn read(fd: c_uint, buf: *mut c_char, count: usize) -> isize {
    // SAFETY: the caller guarantees room for `count` bytes at `buf`.
    unsafe { libc::read(fd as c_int, buf.cast(), count) }
}

/// # Safety
///
/// `count` bytes at `buf` can be read.
pub unsafe fn write(fd: c_uint, buf: *const c_char, count: usize) -> isize {
    // SAFETY: the caller guarantees that `count` bytes at `buf` can be read.
    unsafe { libc::write(fd as c_int, buf.cast(), count) }
}

/// # Safety
///
/// `name` has room for a `utsname`.
pub unsafe fn uname(name: *mut c_void) -> isize {
    let release = c"7.1.0";
    // SAFETY: the caller guarantees room for a `utsname`; its field `release` has room for the
    // string and its NUL.
    unsafe {
        let to = &raw mut (*name.cast::<libc::utsname>()).release;
        to.cast::<c_char>().copy_from(release.as_ptr(), release.count_bytes() + 1);
    }
    0
}

/// Destroys all remaining contexts when it is dropped, as the exit of a process does (`exit_aio`).
struct Process;

impl Drop for Process {
    fn drop(&mut self) {
        for context in CONTEXTS.iter() {
            // SAFETY: the process is ending: nothing submits requests or reads rings any more.
            unsafe { io_destroy(context.id.load(Ordering::Acquire) as aio_context_t) };
        }
    }
}
