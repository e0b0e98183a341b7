//! Shared code of the AIO tests: files, a child process to modify, a filter.
#![allow(dead_code, reason = "no test uses all of it")]

use aio_sys::nr::*;
use aio_sys::{AlignedBuf, IoBuf, IoBufMut};
use core::ffi::c_long;
use std::cell::Cell;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// arch/mips/include/uapi/asm/signal.h; libc 0.2.191 has other architectures' numbers on mips64,
/// which its new/glibc/sysdeps/unix/linux/mod.rs forgets.
const fn signal(libc: i32, mips: i32) -> i32 {
    if cfg!(target_arch = "mips64") { mips } else { libc }
}
pub const SIG_BLOCK: i32 = signal(libc::SIG_BLOCK, 1);
pub const SIGUSR1: i32 = signal(libc::SIGUSR1, 16);
pub const SIGCHLD: i32 = signal(libc::SIGCHLD, 18);
pub const SIGXFSZ: i32 = signal(libc::SIGXFSZ, 31);
pub const SIGSTOP: i32 = signal(libc::SIGSTOP, 23);
pub const SIGCONT: i32 = signal(libc::SIGCONT, 25);

/// A file with `bytes` bytes, with ascending values.
pub fn temp_file(bytes: usize) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&(0..bytes).map(|i| i as u8).collect::<Vec<_>>()).unwrap();
    file.rewind().unwrap();
    file
}

/// Writable at once, readable when the peer has written.
pub fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// The end that is read, and the end that is written.
pub fn pipe() -> (File, File) {
    let mut ends = [-1; 2];
    // SAFETY: the C library writes both.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: new descriptors, owned by nobody else.
    ends.map(|end| unsafe { File::from_raw_fd(end) }).into()
}

pub fn eventfd() -> OwnedFd {
    // SAFETY: a new descriptor, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK)) }
}

/// Whether a panic can be caught. Not on x32: std's data in the header of an exception overlaps
/// that of libgcc's unwinder, whose words have 64 bits (library/unwind/src/libunwind.rs), and the
/// process is aborted.
pub fn catches(what: &str) -> bool {
    let catches = cfg!(not(all(target_arch = "x86_64", target_pointer_width = "32")));
    if !catches {
        aio_tests::skip(what, "no panic can be caught on x32");
    }
    catches
}

pub fn aio_nr() -> u64 {
    std::fs::read_to_string("/proc/sys/fs/aio-nr").unwrap().trim().parse().unwrap()
}

/// For a test that creates a large context and checks `fs.aio-nr`, which is system-wide: one at a
/// time. Other tests have a few requests each.
pub fn quota() -> MutexGuard<'static, ()> {
    static QUOTA: Mutex<()> = Mutex::new(());
    QUOTA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This program, to run one ignored test of a module (`module_path!()`) and nothing else.
pub fn itself(module: &str, test: &str) -> Command {
    let path = match module.split_once("::") {
        Some((_, module)) => format!("{module}::{test}"),
        None => test.to_owned(),
    };
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", &path, "--ignored", "--nocapture"]);
    program
}

/// Runs `check` in a child process, for irreversible changes; `false`, a panic and a minute without
/// an exit fail the test.
pub fn in_child(check: impl FnOnce() -> bool) {
    match fork() {
        0 => {
            // SAFETY: it only makes the kernel kill this process if it hangs.
            unsafe { libc::alarm(60) };
            // A panic must not reach the harness, whose other threads the child does not have: it
            // would end with status 0.
            let passed =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).unwrap_or(false);
            leave(passed)
        }
        child => await_child(child),
    }
}

/// 0 in the child, which must [`leave`], and its id in the parent, which must [`await_child`].
pub fn fork() -> libc::pid_t {
    // SAFETY: the child makes system calls and leaves by _exit; it takes no lock that another
    // thread may have held.
    unsafe { libc::fork() }
}

pub fn leave(passed: bool) -> ! {
    // SAFETY: the child ends here, without unwinding into the test harness.
    unsafe { libc::_exit(i32::from(!passed)) }
}

pub fn await_child(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_ne!(status, libc::SIGALRM, "the child's check did not end");
    assert_eq!(status, 0, "the child's check failed");
}

/// The calls, including those with which only some ABIs wait.
pub const AIO_CALLS: &[c_long] = &[
    SYS_io_setup,
    SYS_io_destroy,
    SYS_io_submit,
    SYS_io_cancel,
    SYS_io_getevents,
    SYS_io_pgetevents,
    // x32's times have 64 bits.
    #[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
    SYS_io_pgetevents_time64,
];

/// Installs a seccomp filter on this thread: the calls return an error, which may be 0. It cannot
/// be removed.
pub fn refuse(refused: &[c_long], errno: i32) -> bool {
    let statement = |code: u32, jt, k| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (at, number) in refused.iter().enumerate() {
        let to_the_refusal = (refused.len() - at) as u8;
        program.push(statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            to_the_refusal,
            *number as u32,
        ));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    program.push(statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno as u32));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}

/// Keeps dropped buffers, to detect writes after the drop.
#[derive(Default)]
pub struct Graveyard {
    born: AtomicUsize,
    dead: Mutex<Vec<AlignedBuf>>,
}

/// A buffer that is buried when it is dropped; aligned for direct I/O.
pub struct Mortal {
    bytes: Option<AlignedBuf>,
    graveyard: Arc<Graveyard>,
}

/// The content of a file for [`Mortal`]s: different from that of buried buffers.
pub const ALIVE: u8 = 7;
const BURIED: u8 = 0xdd;

impl Graveyard {
    pub fn buffer(self: &Arc<Self>) -> Mortal {
        self.born.fetch_add(1, Ordering::SeqCst);
        Mortal {
            bytes: Some(AlignedBuf::new(Mortal::BYTES, 4096).unwrap()),
            graveyard: self.clone(),
        }
    }

    /// Buffers that were not dropped.
    pub fn alive(&self) -> usize {
        self.born.load(Ordering::SeqCst) - self.dead.lock().unwrap().len()
    }

    /// Whether no dropped buffer was written to.
    pub fn in_peace(&self) -> bool {
        self.dead.lock().unwrap().iter().all(|bytes| bytes.iter().all(|&byte| byte == BURIED))
    }
}

impl Mortal {
    pub const BYTES: usize = 4096;

    fn bytes(&self) -> &AlignedBuf {
        self.bytes.as_ref().expect("there until it is dropped")
    }

    /// Whether it was read into.
    pub fn is_read(&self) -> bool {
        self.bytes().iter().all(|&byte| byte == ALIVE)
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let mut bytes = self.bytes.take().expect("there until here");
        bytes.fill(BURIED);
        self.graveyard.dead.lock().unwrap().push(bytes);
    }
}

// SAFETY: the aligned buffer is heap memory that only this value accesses, and it does not move.
unsafe impl IoBuf for Mortal {
    fn byte_ptr(&self) -> *const u8 {
        self.bytes().byte_ptr()
    }
    fn byte_len(&self) -> usize {
        self.bytes().byte_len()
    }
}

// SAFETY: the aligned buffer is heap memory that only this value accesses, and it does not move.
unsafe impl IoBufMut for Mortal {
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut().expect("there until it is dropped").byte_mut_ptr()
    }
}

/// A file for [`Mortal`]s, `blocks` of them: with `O_DIRECT` if the file system supports it, so
/// that reads are in flight for a while.
pub fn direct_file(blocks: usize) -> File {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![ALIVE; blocks * Mortal::BYTES]).unwrap();
    File::open(file.path()).unwrap().sync_all().unwrap();
    let direct = File::options().read(true).custom_flags(libc::O_DIRECT).open(file.path());
    direct.unwrap_or_else(|_| {
        aio_tests::skip(
            "reads that are in flight for a while",
            "the file system takes no O_DIRECT",
        );
        File::open(file.path()).unwrap()
    })
}

/// The seeds of a random test: that of `AIO_SEED`, or as many as requested.
pub fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("AIO_SEED") {
        Ok(seed) => vec![seed.parse().expect("AIO_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

/// Pseudorandom numbers, the same for the same seed (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        // A state of 0 would stay 0.
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Panics on the n-th request of its address or length, from 0.
#[derive(Debug)]
pub struct Panics {
    pub bytes: Vec<u8>,
    at: Cell<u32>,
}

impl Panics {
    pub const NEVER: u32 = u32::MAX;

    pub fn new(at: u32) -> Panics {
        Panics { bytes: vec![0; 8], at: Cell::new(at) }
    }

    fn ask(&self) {
        let left = self.at.get();
        self.at.set(left.wrapping_sub(1));
        assert_ne!(left, 0, "on purpose");
    }
}

// SAFETY: the vector's memory is accessed only through this value, and does not move. A
// panic returns no address.
unsafe impl IoBuf for Panics {
    fn byte_ptr(&self) -> *const u8 {
        self.ask();
        self.bytes.byte_ptr()
    }
    fn byte_len(&self) -> usize {
        self.ask();
        self.bytes.byte_len()
    }
}

// SAFETY: the vector's memory is accessed only through this value, and does not move. A
// panic returns no address.
unsafe impl IoBufMut for Panics {
    fn byte_mut_ptr(&mut self) -> *mut u8 {
        self.ask();
        self.bytes.byte_mut_ptr()
    }
}
