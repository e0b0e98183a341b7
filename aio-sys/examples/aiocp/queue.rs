//! The AIO context, the buffers, and what keeps the two together.

use crate::Result;
use aio_sys::types::{IOCB_CMD_FSYNC, IOCB_CMD_PREAD, IOCB_CMD_PWRITE, io_event, iocb};
use aio_sys::{ContextId, Errno, io_destroy, io_getevents, io_setup, io_submit};
use std::alloc::{Layout, alloc, dealloc};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::process::abort;
use std::ptr::NonNull;

/// Requests in flight at most, each with a buffer of its own: a copy takes `SLOTS * CHUNK` bytes of memory. More of it
/// was no faster on a disk, and slower where it did not fit the processor's cache.
pub const SLOTS: usize = 16;
/// Events to wait for at a time, and so requests to submit together. It saves calls, and leaves the disk enough to do.
const BATCH: usize = SLOTS / 4;
/// Bytes of a buffer. A multiple of every page size, so that no two buffers meet in one page of the page cache.
pub const CHUNK: usize = 256 << 10;

/// Requests on their way to the kernel and in it, and the memory that they transfer.
///
/// Safe to use: the memory is the kernel's alone (no reference to it is ever made), and it is freed only when the
/// kernel has let go of it. To forget a `Queue` is to leak it.
pub struct Queue {
    ctx: ContextId,
    buffers: Buffers,
    waiting: Vec<iocb>,
    events: [io_event; SLOTS],
    in_flight: usize,
    /// Requests that the kernel took so far.
    pub submitted: u64,
}

impl Queue {
    pub fn new() -> Result<Queue> {
        let buffers = Buffers::new().ok_or_else(|| format!("no memory for {SLOTS} buffers of {CHUNK} bytes"))?;
        let mut ctx = ContextId::NONE;
        io_setup(SLOTS as u32, &mut ctx).map_err(no_context)?;
        let (waiting, events) = (Vec::with_capacity(SLOTS), [io_event::default(); SLOTS]);
        Ok(Queue { ctx, buffers, waiting, events, in_flight: 0, submitted: 0 })
    }

    /// Prepares an `IOCB_CMD_PREAD` into `range` of a slot's buffer, or an `IOCB_CMD_PWRITE` from there, at `offset` of
    /// the file. The file must stay open until `submit`; from then on the kernel holds it.
    pub fn push(&mut self, opcode: u16, file: &File, slot: usize, range: Range<usize>, offset: u64) {
        assert!(slot < SLOTS && range.start <= range.end && range.end <= CHUNK, "inside the slot's buffer");
        assert!(matches!(opcode, IOCB_CMD_PREAD | IOCB_CMD_PWRITE), "the buffer is one, not an array of them");
        self.waiting.push(iocb {
            aio_data: slot as u64,
            aio_lio_opcode: opcode,
            aio_fildes: file.as_raw_fd() as u32,
            aio_buf: self.buffers.address(slot, range.start) as u64,
            aio_nbytes: range.len() as u64,
            aio_offset: offset as i64,
            ..iocb::default()
        });
    }

    /// Prepares an fsync of the file.
    pub fn push_fsync(&mut self, file: &File) {
        let aio_fildes = file.as_raw_fd() as u32;
        self.waiting.push(iocb { aio_lio_opcode: IOCB_CMD_FSYNC, aio_fildes, ..iocb::default() });
    }

    /// Hands the kernel what was prepared. A refused request comes back as its slot and the reason.
    pub fn submit(&mut self) -> std::result::Result<(), (usize, Errno)> {
        while !self.waiting.is_empty() {
            let requests: Vec<&mut iocb> = self.waiting.iter_mut().collect();
            // SAFETY: `push`, the only one to give a request a buffer, gives it a part of `self.buffers`. We never
            // access that memory, and `drop` does not let it be freed before the kernel is done with every request.
            match unsafe { io_submit(self.ctx, &requests) } {
                // The count may be short. Why the next one was not taken is only told when it is the first.
                Ok(taken) => {
                    self.waiting.drain(..taken);
                    self.in_flight += taken;
                    self.submitted += taken as u64;
                }
                // The kernel's slots come back when events are reaped, and only then: the rest waits for that.
                Err(Errno::EAGAIN) if self.in_flight > 0 => break,
                Err(errno) => return Err((self.waiting[0].aio_data as usize, errno)),
            }
        }
        Ok(())
    }

    /// Waits for requests to end, and yields each one's slot and result; nothing if none is in flight.
    pub fn reap(&mut self) -> Result<impl Iterator<Item = (usize, std::result::Result<usize, Errno>)> + use<>> {
        let mut ended = 0;
        while ended == 0 && self.in_flight > 0 {
            ended = match io_getevents(self.ctx, self.in_flight.min(BATCH), &mut self.events, None) {
                Ok(events) => events,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(format!("cannot wait for AIO: {errno}")),
            };
        }
        self.in_flight -= ended;
        let events = self.events;
        Ok(events.into_iter().take(ended).map(|event| (event.data as usize, Errno::decode(event.res as isize))))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: nobody reads the completion ring; `ctx` is ours since `new` and is destroyed here alone.
        if unsafe { io_destroy(self.ctx) }.is_err() {
            // Nothing was waited for, and the buffers would be freed next.
            abort();
        }
        // It has waited for every request; `buffers`, a field, is dropped after this.
    }
}

/// One allocation for all slots, aligned to `CHUNK`, and so to whatever `O_DIRECT` may want.
struct Buffers(NonNull<u8>);

impl Buffers {
    const LAYOUT: Layout = match Layout::from_size_align(SLOTS * CHUNK, CHUNK) {
        Ok(layout) => layout,
        Err(_) => panic!("CHUNK is a power of two"),
    };

    fn new() -> Option<Buffers> {
        // SAFETY: the layout's size is not 0.
        NonNull::new(unsafe { alloc(Buffers::LAYOUT) }).map(Buffers)
    }

    /// An address for the kernel, which is why the provenance is exposed.
    fn address(&self, slot: usize, at: usize) -> usize {
        self.0.as_ptr().expose_provenance() + slot * CHUNK + at
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: it comes from `alloc` with the same layout. The owner, a `Queue`, has destroyed its context by now,
        // or did not get as far as to have one.
        unsafe { dealloc(self.0.as_ptr(), Buffers::LAYOUT) }
    }
}

fn no_context(errno: Errno) -> String {
    let advice = match errno {
        Errno::EAGAIN => "; the system-wide quota is used up: raise it, e.g. `sysctl fs.aio-max-nr=1048576`",
        Errno::ENOSYS => "; the kernel has no CONFIG_AIO, or a seccomp filter hides it: use another kernel or filter",
        Errno::EPERM => "; a seccomp filter forbids it: let it pass io_setup, io_submit, io_getevents and io_destroy",
        _ => "",
    };
    format!("cannot set up AIO: {errno}{advice}")
}
