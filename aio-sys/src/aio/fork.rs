//! Detects a fork: whether this is still the address space in which a context was created.
//!
//! A forked child has a copy of all memory, but not the contexts. Before Linux 7.1 it even inherits
//! the ring, writable and shared, so that reading events in the child takes them from the parent.
//! They are told apart by a page that the kernel fills with zeros in a child (`MADV_WIPEONFORK`): a
//! load and a compare, no system call. Threads, and children that share the address space (`vfork`,
//! `CLONE_VM`), share the page and the contexts.
//!
//! Without such a page, each check is two system calls: getpid(2), and io_submit(2) of no request,
//! which succeeds only if the context exists. Neither is enough alone: a child in a new PID
//! namespace may have the same process id as its parent, and may have created a context at the same
//! address.

use crate::sys::abi::{self, Word};
use crate::sys::calls::ContextId;
use crate::sys::errno::Errno;
use crate::sys::target::uapi_of_arch::*;
use crate::sys::{nr, raw};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The page, once it is mapped; `UNSUPPORTED` if the kernel cannot wipe it, as before Linux 4.14.
static PAGE: AtomicPtr<AtomicUsize> = AtomicPtr::new(ptr::null_mut());
const UNSUPPORTED: *mut AtomicUsize = ptr::dangling_mut();

/// The next value for a page of zeros. A child inherits this counter, so its value differs from all
/// values that it inherits.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// The address space that something belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    page: *const AtomicUsize,
    /// The value of the page in that address space; without a page, the process id.
    cookie: usize,
    ctx: ContextId,
}

// SAFETY: the page is never unmapped, belongs to no thread, and is accessed as an atomic only.
unsafe impl Send for Owner {}
// SAFETY: the page is never unmapped, and is accessed as an atomic only.
unsafe impl Sync for Owner {}

impl Owner {
    /// The current address space. `ctx` is a context that exists in it, or `NONE`: then only the
    /// process id is checked if there is no page.
    pub(crate) fn of(ctx: ContextId) -> Owner {
        let page = page();
        if page == UNSUPPORTED {
            return Owner { page, cookie: process_id(), ctx };
        }
        // SAFETY: `page` was returned by `map`: it is mapped, was zeroed, and is never unmapped
        // once it is in `PAGE`.
        let present = unsafe { &*page };
        let mut cookie = present.load(Ordering::Relaxed);
        if cookie == 0 {
            let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
            let set = present.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
            cookie = set.map_or_else(|other| other, |_| fresh);
        }
        Owner { page, cookie, ctx }
    }

    /// Whether the caller is in this address space.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        if ptr::eq(self.page, UNSUPPORTED) {
            return self.is_current_by_calls();
        }
        // SAFETY: the page is in `PAGE`, so it is mapped and never unmapped.
        unsafe { (*self.page).load(Ordering::Relaxed) == self.cookie }
    }

    #[cold]
    fn is_current_by_calls(self) -> bool {
        // SAFETY: `nr` is 0, so the kernel reads no request; it only looks up the context.
        let exists = || unsafe { raw::io_submit(self.ctx.as_raw(), 0, ptr::null_mut()) } == 0;
        process_id() == self.cookie && (self.ctx == ContextId::NONE || exists())
    }
}

fn process_id() -> usize {
    // SAFETY: getpid takes nothing and cannot fail.
    unsafe { raw::getpid() as usize }
}

fn page() -> *mut AtomicUsize {
    let current = PAGE.load(Ordering::Acquire);
    if !current.is_null() {
        return current;
    }
    let new = map().unwrap_or(UNSUPPORTED);
    match PAGE.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => new,
        Err(first) => {
            if new != UNSUPPORTED {
                // SAFETY: this call mapped the page, and did not store it in `PAGE`, so nobody else
                // has its address.
                unsafe { abi::syscall2(nr::SYS_munmap, Word::from(new), Word::from(BYTES)) };
            }
            first
        }
    }
}

/// The kernel rounds the length up to a page.
const BYTES: usize = size_of::<AtomicUsize>();

/// A private page that forks wipe.
fn map() -> Option<*mut AtomicUsize> {
    if cfg!(miri) {
        // Miri has neither these system calls nor forks.
        static NO_PAGE: AtomicUsize = AtomicUsize::new(0);
        return Some((&raw const NO_PAGE).cast_mut());
    }
    let (protection, flags) =
        ((PROT_READ | PROT_WRITE) as usize, (MAP_PRIVATE | MAP_ANONYMOUS) as usize);
    let arguments = [0, BYTES, protection, flags, usize::MAX, 0];
    // SAFETY: the mapping is anonymous, and address 0 lets the kernel choose a range where nothing
    // is mapped.
    let page = Errno::decode(unsafe { mmap(arguments) }).ok()?;
    // SAFETY: the page was mapped above and holds no data, so a child may find zeros in it. The
    // kernel refuses the other arguments and does nothing.
    let advise = |start: usize, advice: i32| unsafe {
        let (start, bytes) = (Word::from(start), Word::from(BYTES));
        Errno::decode(abi::syscall3(nr::SYS_madvise, start, bytes, Word::from(advice)))
    };
    // A seccomp filter or an emulator may return 0 and do nothing. The kernel refuses unknown
    // advice, and an address that is not page-aligned.
    if page != 0
        && advise(page, MADV_WIPEONFORK).is_ok()
        && advise(page, -1) == Err(Errno::EINVAL)
        && advise(page + 1, MADV_WIPEONFORK) == Err(Errno::EINVAL)
    {
        return Some(ptr::with_exposed_provenance_mut(page));
    }
    // SAFETY: the page was mapped above, and nobody else has its address.
    unsafe { abi::syscall2(nr::SYS_munmap, Word::from(page), Word::from(BYTES)) };
    None
}

/// # Safety
///
/// The mapping does not replace one that is in use, and its memory is accessed only as `arguments`
/// allow.
#[cfg(target_arch = "s390x")]
unsafe fn mmap(arguments: [usize; 6]) -> isize {
    // The kernel takes the address of an array of the arguments (arch/s390/kernel/syscall.c).
    // SAFETY: the caller guarantees that the mapping replaces none that is in use; the kernel only
    // reads the array, which lives during the call.
    unsafe { abi::syscall1(nr::SYS_mmap, Word::from(arguments.as_ptr())) }
}

/// # Safety
///
/// The mapping does not replace one that is in use, and its memory is accessed only as `arguments`
/// allow.
#[cfg(not(target_arch = "s390x"))]
unsafe fn mmap(arguments: [usize; 6]) -> isize {
    // 32-bit ABIs have mmap2, whose offset counts pages (it is 0 here); `mmap` of i386 takes other
    // arguments.
    #[cfg(not(all(
        target_pointer_width = "32",
        not(any(target_arch = "x86_64", target_arch = "mips64"))
    )))]
    use nr::SYS_mmap;
    #[cfg(all(
        target_pointer_width = "32",
        not(any(target_arch = "x86_64", target_arch = "mips64"))
    ))]
    use nr::SYS_mmap2 as SYS_mmap;

    let [a, b, c, d, e, f] = arguments.map(Word::from);
    // SAFETY: the caller guarantees that the mapping replaces none that is in use.
    unsafe { abi::syscall6(SYS_mmap, a, b, c, d, e, f) }
}
