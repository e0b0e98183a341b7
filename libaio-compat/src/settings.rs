//! The environment variables, read when the library is loaded.
//!
//! They are read from `/proc/self/environ`: no C library is needed, and not every dynamic linker
//! passes the environment to those whom it initializes. A process that runs with more privileges
//! than its user ignores them.

use aio_sys::raw;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Every io_getevents is a system call.
const SYSCALLS: &[u8] = b"LIBAIO_COMPAT_SYSCALLS=";
/// The file that traces are appended to.
const TRACE: &[u8] = b"LIBAIO_COMPAT_TRACE=";

/// include/uapi/linux/fcntl.h.
pub const AT_FDCWD: c_int = -100;
/// arch/sparc/include/uapi/asm/fcntl.h, and include/uapi/asm-generic/fcntl.h for all others that
/// Rust compiles for.
pub const O_CLOEXEC: c_int =
    if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) { 0x40_0000 } else { 0x8_0000 };
/// include/uapi/linux/auxvec.h.
const AT_SECURE: usize = 23;

static RING: AtomicBool = AtomicBool::new(true);
static TRACING: AtomicBool = AtomicBool::new(false);
static PATH: Path = Path(UnsafeCell::new([0; LONGEST]));

/// Of a variable, with its name.
const LONGEST: usize = 1024;

struct Path(UnsafeCell<[u8; LONGEST]>);

// SAFETY: it is written before `TRACING` is, by the initialization, which runs once and alone.
unsafe impl Sync for Path {}

/// Whether events are taken from the ring.
#[inline]
pub fn ring() -> bool {
    RING.load(Relaxed)
}

/// Whether there is a file that traces are appended to.
#[inline]
pub fn is_tracing() -> bool {
    TRACING.load(Relaxed)
}

/// The file that traces are appended to, if there is one.
pub fn trace() -> Option<&'static CStr> {
    if !is_tracing() {
        return None;
    }
    // SAFETY: it is not written any more.
    CStr::from_bytes_until_nul(unsafe { &*PATH.0.get() }).ok()
}

/// What the dynamic linker calls, or a statically linked program's start.
#[used]
#[unsafe(link_section = ".init_array")]
static INITIALIZE: extern "C" fn() = initialize;

extern "C" fn initialize() {
    if is_privileged() {
        return;
    }
    let mut variable = [0; LONGEST];
    let mut length = 0;
    read(c"/proc/self/environ", |bytes: &[u8]| {
        for &byte in bytes {
            if byte != 0 {
                if let Some(place) = variable.get_mut(length) {
                    *place = byte;
                }
                length += 1;
                continue;
            }
            // One that is too long is not one of these.
            let variable = variable.get(..length).unwrap_or_default();
            length = 0;
            if let Some(value) = variable.strip_prefix(SYSCALLS) {
                RING.store(matches!(value, b"" | b"0"), Relaxed);
            } else if let Some(value) = variable.strip_prefix(TRACE) {
                if value.is_empty() {
                    TRACING.store(false, Relaxed);
                    continue;
                }
                // SAFETY: nobody else accesses it before `TRACING` is set.
                let path = unsafe { &mut *PATH.0.get() };
                // The name was at least as long as the NUL that follows.
                path[..value.len()].copy_from_slice(value);
                path[value.len()..].fill(0);
                TRACING.store(true, Relaxed);
            }
        }
    });
}

/// Whether the program has privileges that its user does not have, or may have: its user may have
/// it run out of descriptors.
fn is_privileged() -> bool {
    let mut privileged = true;
    read(c"/proc/self/auxv", |bytes: &[u8]| {
        const WORD: usize = size_of::<usize>();
        for pair in bytes.chunks_exact(2 * WORD) {
            let word = |from: usize| {
                let mut word = [0; WORD];
                word.copy_from_slice(&pair[from..from + WORD]);
                usize::from_ne_bytes(word)
            };
            if word(0) == AT_SECURE {
                privileged = word(WORD) != 0;
            }
        }
    });
    privileged
}

/// Whether this is the only thread of the process; `false` if that cannot be known.
pub fn is_single_threaded() -> bool {
    /// Of the fields that follow the name in proc_pid_stat(5), the one with the number of threads.
    const THREADS: usize = 17;
    let mut single = false;
    read(c"/proc/self/stat", |bytes: &[u8]| {
        // The name is in parentheses, and may have some itself.
        if let Some(name) = bytes.iter().rposition(|&byte| byte == b')') {
            let mut fields = bytes[name + 1..].trim_ascii().split(|&byte| byte == b' ');
            single = fields.nth(THREADS) == Some(b"1");
        }
    });
    single
}

/// Calls `take` with each piece of a file, whose lengths are multiples of 16 but for the last one.
fn read(path: &CStr, mut take: impl FnMut(&[u8])) {
    // SAFETY: the kernel reads the path.
    let file = unsafe { raw::openat(AT_FDCWD, path.as_ptr(), O_CLOEXEC, 0) };
    if file < 0 {
        return;
    }
    let mut buffer = [0_u8; 1024];
    loop {
        // SAFETY: the kernel writes no more than the buffer's length.
        let count = unsafe { raw::read(file as _, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(count).ok().and_then(|count| buffer.get(..count)) {
            None | Some([]) => break,
            Some(bytes) => take(bytes),
        }
    }
    // SAFETY: it was opened above.
    unsafe { raw::close(file as _) };
}
