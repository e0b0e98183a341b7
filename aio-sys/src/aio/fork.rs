//! Whether this is still the address space in which a context was made.
//!
//! A forked child has a copy of all memory, and none of the contexts. Before Linux 7.1 it even
//! inherits the ring, writable and shared, so that reading events in the child takes them from the
//! parent. What tells the two apart is a page that the kernel fills with zeros in a child
//! (`MADV_WIPEONFORK`): a load and a compare, no call. Threads, and children that share the address
//! space (`vfork`, `CLONE_VM`), share the page as they share the contexts.

use crate::sys::abi::{self, Word};
use crate::sys::errno::Errno;
use crate::sys::target::uapi_of_arch::*;
use crate::sys::{nr, raw};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The page, once there is one: `UNSUPPORTED` on kernels before 4.14, which cannot wipe it.
static PAGE: AtomicPtr<AtomicUsize> = AtomicPtr::new(ptr::null_mut());
const UNSUPPORTED: *mut AtomicUsize = ptr::dangling_mut();

/// The next value for a page of zeros. It is copied to children, so that theirs differs from all
/// that they inherit.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// The address space in which something was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    page: *const AtomicUsize,
    cookie: usize,
}

// SAFETY: the page is never unmapped, and holds an atomic.
unsafe impl Send for Owner {}
// SAFETY: what is shared is an atomic, in a page that is never unmapped.
unsafe impl Sync for Owner {}

impl Owner {
    /// This one.
    pub(crate) fn current() -> Owner {
        let page = page();
        let mut owner = Owner { page, cookie: 0 };
        owner.cookie = owner.present();
        if owner.cookie == 0 {
            let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
            // SAFETY: only a page holds 0, the process's id never is; it is mapped, zeroed at
            // first, and for good.
            let set =
                unsafe { (*page).compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) };
            owner.cookie = set.map_or_else(|other| other, |_| fresh);
        }
        owner
    }

    /// Whether the caller is in it.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.present() == self.cookie
    }

    #[inline]
    fn present(self) -> usize {
        if ptr::eq(self.page, UNSUPPORTED) {
            // SAFETY: getpid takes nothing and cannot fail.
            return unsafe { raw::getpid() } as usize;
        }
        // SAFETY: it is mapped, and for good.
        unsafe { (*self.page).load(Ordering::Relaxed) }
    }
}

fn page() -> *mut AtomicUsize {
    let known = PAGE.load(Ordering::Acquire);
    if !known.is_null() {
        return known;
    }
    let made = map().unwrap_or(UNSUPPORTED);
    match PAGE.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(first) => {
            if made != UNSUPPORTED {
                // SAFETY: mapped by this call, and known to nobody else.
                unsafe { abi::syscall2(nr::SYS_munmap, Word::from(made), Word::from(BYTES)) };
            }
            first
        }
    }
}

/// The kernel rounds it up to a page.
const BYTES: usize = size_of::<AtomicUsize>();

/// A private page that forks wipe.
fn map() -> Result<*mut AtomicUsize, Errno> {
    if cfg!(miri) {
        // There are no calls, and no forks.
        static NO_PAGE: AtomicUsize = AtomicUsize::new(0);
        return Ok((&raw const NO_PAGE).cast_mut());
    }
    let (protection, flags) =
        ((PROT_READ | PROT_WRITE) as usize, (MAP_PRIVATE | MAP_ANONYMOUS) as usize);
    let arguments = [0, BYTES, protection, flags, usize::MAX, 0];
    // SAFETY: an anonymous mapping where nothing is mapped.
    let page = Errno::decode(unsafe { mmap(arguments) })?;
    let page = ptr::with_exposed_provenance_mut::<AtomicUsize>(page);
    // SAFETY: the page is ours, and what it holds is not needed in children.
    let advised = unsafe {
        abi::syscall3(
            nr::SYS_madvise,
            Word::from(page),
            Word::from(BYTES),
            Word::from(MADV_WIPEONFORK),
        )
    };
    match Errno::decode(advised) {
        Ok(_) => Ok(page),
        Err(errno) => {
            // SAFETY: mapped above, and known to nobody else.
            unsafe { abi::syscall2(nr::SYS_munmap, Word::from(page), Word::from(BYTES)) };
            Err(errno)
        }
    }
}

/// # Safety
///
/// The mapping replaces none that is in use, and its memory is used as the arguments allow.
#[cfg(target_arch = "s390x")]
unsafe fn mmap(arguments: [usize; 6]) -> isize {
    // The kernel takes the address of the six (arch/s390/kernel/syscall.c).
    // SAFETY: the caller vouches for the mapping; the kernel only reads the array.
    unsafe { abi::syscall1(nr::SYS_mmap, Word::from(arguments.as_ptr())) }
}

/// # Safety
///
/// The mapping replaces none that is in use, and its memory is used as the arguments allow.
#[cfg(not(target_arch = "s390x"))]
unsafe fn mmap(arguments: [usize; 6]) -> isize {
    // With 32-bit registers the offset, which is 0, counts pages; i386 has another mmap under the
    // shorter name.
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
    // SAFETY: the caller vouches for the mapping.
    unsafe { abi::syscall6(SYS_mmap, a, b, c, d, e, f) }
}
