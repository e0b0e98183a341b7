//! The first process of the guest that `ci/vm/boot` starts: it loads modules, mounts, runs programs
//! one after the other, and reports how each ended.
//!
//! It has no C library but the platform's `crt1.o`, which knows the registers that a program begins
//! with, and calls `__libc_start_main`: here that is ours. What it does stands in `/words`, each
//! word ended by a NUL. The first word is the mark. Each line of init begins with it, and no
//! program prints it by accident. The steps follow:
//!
//! | words | |
//! |---|---|
//! | `module` FILE | loads a module |
//! | `mount` TYPE DEVICE DIR | |
//! | `show` FILE | prints its line |
//! | `env` NAME=VALUE | for the programs that follow |
//! | `run` COUNT PROGRAM ARGUMENT… | COUNT words; then prints `PROGRAM ended with STATUS`, 128 added to a signal |
//!
//! At the end it prints `done` and restarts the guest. A step that fails is reported, and
//! ends it without that line.
#![no_std]
#![no_main]
// The memory functions below may not become calls of themselves.
#![no_builtins]

use aio_sys::{Errno, raw};
use core::ffi::{CStr, c_char, c_int};
use core::ptr;

/// include/uapi/linux/fcntl.h, wait.h and reboot.h.
const AT_FDCWD: c_int = -100;
const WALL: c_int = 0x4000_0000;
const REBOOT_MAGIC: [u32; 2] = [0xfee1_dead, 0x2812_1969];
const REBOOT_RESTART: u32 = 0x0123_4567;

/// One more than the strings that a program's arguments, its name included, or its environment may
/// be. `boot` has the same limits.
const MOST: usize = 1024;

/// One more than the bytes of the file of directives.
const LONGEST: usize = 1 << 16;

/// Pointers to C strings, the last one null: what `execve` takes.
struct Vector<'t> {
    strings: [Option<&'t CStr>; MOST],
    count: usize,
}

impl<'t> Vector<'t> {
    fn new() -> Vector<'t> {
        Vector { strings: [None; MOST], count: 0 }
    }

    fn push(&mut self, string: &'t CStr) -> Option<()> {
        // The last one stays free.
        *self.strings[..MOST - 1].get_mut(self.count)? = Some(string);
        self.count += 1;
        Some(())
    }

    fn pointers(&self) -> [*const c_char; MOST] {
        self.strings.map(|string| string.map_or(ptr::null(), CStr::as_ptr))
    }
}

/// `struct clone_args` of include/uapi/linux/sched.h, the first version.
#[derive(Default)]
#[repr(C)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// `struct iovec` of include/uapi/linux/uio.h.
#[derive(Clone, Copy)]
#[repr(C)]
struct Iovec {
    base: *const u8,
    length: usize,
}

/// A number in decimal, at the end of the buffer.
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[from..];
        }
    }
}

/// What reports, by lines that begin with the mark.
struct Init<'t> {
    mark: &'t [u8],
}

impl Init<'_> {
    /// Prints a line of at most six parts in one call: a program in the background cannot print in
    /// the middle of it.
    fn print(&self, text: &[&[u8]]) {
        let mut parts = [Iovec { base: ptr::null(), length: 0 }; 8];
        let line = [self.mark].into_iter().chain(text.iter().copied()).chain([&b"\n"[..]]);
        for (part, bytes) in parts.iter_mut().zip(line) {
            *part = Iovec { base: bytes.as_ptr(), length: bytes.len() };
        }
        // SAFETY: the kernel reads the parts. A failed write cannot be reported.
        let _ = unsafe { raw::writev(1, parts.as_ptr().cast(), parts.len() as _) };
    }

    /// Reports what failed; `None` ends everything.
    fn check(&self, result: isize, what: &[u8], of: &CStr) -> Option<usize> {
        match Errno::decode(result) {
            Ok(value) => Some(value),
            Err(error) => {
                let number = error.raw_os_error() as usize;
                self.print(&[
                    what,
                    b" ",
                    of.to_bytes(),
                    b": error ",
                    decimal(number, &mut [0; 20]),
                ]);
                None
            }
        }
    }

    fn open(&self, path: &CStr) -> Option<c_int> {
        // SAFETY: the kernel reads the path.
        let fd = unsafe { raw::openat(AT_FDCWD, path.as_ptr().cast(), 0, 0) };
        self.check(fd, b"open", path).map(|fd| fd as c_int)
    }

    fn module(&self, file: &CStr) -> Option<()> {
        let fd = self.open(file)?;
        // SAFETY: the kernel reads the file and the empty string.
        let loaded = unsafe { raw::finit_module(fd, c"".as_ptr().cast(), 0) };
        self.check(loaded, b"module", file)?;
        // SAFETY: the descriptor is this function's own.
        unsafe { raw::close(fd as u32) };
        Some(())
    }

    /// As much of the file as the buffer has room for.
    fn read<'b>(&self, file: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let fd = self.open(file)?;
        // SAFETY: the kernel writes `buffer`.
        let length = self.check(
            unsafe { raw::read(fd as u32, buffer.as_mut_ptr().cast(), buffer.len()) },
            b"read",
            file,
        )?;
        // SAFETY: the descriptor is this function's own.
        unsafe { raw::close(fd as u32) };
        buffer.get(..length)
    }

    fn mount(&self, kind: &CStr, device: &CStr, directory: &CStr) -> Option<()> {
        let [kind_, device_, directory_] =
            [kind, device, directory].map(|string| string.as_ptr().cast_mut().cast());
        // SAFETY: the kernel reads the path. The directory may be there already.
        let _ = unsafe { raw::mkdirat(AT_FDCWD, directory.as_ptr().cast(), 0o755) };
        // SAFETY: the kernel only reads the strings, whatever its prototype says.
        let mounted = unsafe { raw::mount(device_, directory_, kind_, 0, ptr::null_mut()) };
        self.check(mounted, b"mount", directory)?;
        Some(())
    }

    fn run(&self, program: &Vector<'_>, environment: &Vector<'_>) -> Option<()> {
        let path = program.strings[0]?;
        let (argv, envp) = (program.pointers(), environment.pointers());
        // No signal at its end, so that its number, which differs between architectures, is
        // nobody's concern.
        let mut fork = CloneArgs::default();
        // SAFETY: without flags the child has memory and stack of its own.
        let child = self.check(
            unsafe { raw::clone3((&raw mut fork).cast(), size_of::<CloneArgs>()) },
            b"clone3",
            path,
        )?;
        if child == 0 {
            // SAFETY: both arrays end in null; their strings live in this process's memory, which
            // execve copies.
            let failed = unsafe {
                raw::execve(path.as_ptr().cast(), argv.as_ptr().cast(), envp.as_ptr().cast())
            };
            self.check(failed, b"execve", path);
            // SAFETY: the child ends.
            unsafe { raw::exit_group(127) };
        }
        let mut status: c_int = 0;
        // SAFETY: the kernel writes `status`.
        let ended = unsafe { raw::wait4(child as i32, &raw mut status, WALL, ptr::null_mut()) };
        self.check(ended, b"wait4", path)?;
        let (signal, exit) = (status & 0x7f, status >> 8 & 0xff);
        let status = if signal == 0 { exit } else { 128 + signal } as usize;
        self.print(&[path.to_bytes(), b" ended with ", decimal(status, &mut [0; 20])]);
        Some(())
    }
}

fn number(word: &CStr) -> usize {
    word.to_bytes().iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

fn all() -> Option<()> {
    let mut text = [0; LONGEST];
    let text = Init { mark: b"" }.read(c"/words", &mut text)?;
    let mut words = text
        .split_inclusive(|byte| *byte == 0)
        .map_while(|word| CStr::from_bytes_with_nul(word).ok());
    let init = Init { mark: words.next()?.to_bytes() };
    let mut environment = Vector::new();
    while let Some(directive) = words.next() {
        match directive.to_bytes() {
            b"module" => init.module(words.next()?)?,
            b"mount" => init.mount(words.next()?, words.next()?, words.next()?)?,
            b"show" => init.print(&[init.read(words.next()?, &mut [0; 256])?.trim_ascii_end()]),
            b"env" => environment.push(words.next()?)?,
            b"run" => {
                let mut program = Vector::new();
                for _ in 0..number(words.next()?) {
                    program.push(words.next()?)?;
                }
                init.run(&program, &environment)?;
            }
            _ => return None,
        }
    }
    init.print(&[b"done"]);
    Some(())
}

/// Where `crt1.o` goes.
#[unsafe(no_mangle)]
extern "C" fn __libc_start_main() -> ! {
    all();
    let [magic, magic2] = REBOOT_MAGIC.map(|magic| magic as c_int);
    // SAFETY: what there is to lose was made for this run. Where it fails, the kernel panics at the
    // end of its init.
    unsafe {
        raw::sync();
        raw::reboot(magic, magic2, REBOOT_RESTART, ptr::null_mut());
    }
    ended()
}

fn ended() -> ! {
    loop {
        // SAFETY: the process ends.
        unsafe { raw::exit_group(1) };
    }
}

/// `crt1.o` mentions them.
#[unsafe(no_mangle)]
extern "C" fn main() {}
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    ended()
}

/// ARM's tables for unwinding, which nobody reads here, mention them.
#[cfg(target_arch = "arm")]
mod unwind {
    #[unsafe(no_mangle)]
    extern "C" fn __aeabi_unwind_cpp_pr0() {}
    #[unsafe(no_mangle)]
    extern "C" fn __aeabi_unwind_cpp_pr1() {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    Init { mark: b"" }.print(&[b"init: panicked"]);
    ended()
}

/// What the compiler calls.
mod memory {
    /// # Safety
    ///
    /// Same as C's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        for at in 0..count {
            // SAFETY: the caller's promise.
            unsafe { *to.add(at) = *from.add(at) };
        }
        to
    }

    /// # Safety
    ///
    /// Same as C's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
        for at in 0..count {
            // SAFETY: the caller's promise.
            unsafe { *to.add(at) = byte as u8 };
        }
        to
    }

    /// # Safety
    ///
    /// Same as C's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
        for at in 0..count {
            // SAFETY: the caller's promise.
            let (left, right) = unsafe { (*left.add(at), *right.add(at)) };
            if left != right {
                return i32::from(left) - i32::from(right);
            }
        }
        0
    }

    /// # Safety
    ///
    /// Same as C's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
        // SAFETY: the caller guarantees `count` readable bytes at both pointers.
        unsafe { memcmp(left, right, count) }
    }

    /// # Safety
    ///
    /// Same as C's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(string: *const u8) -> usize {
        let mut length = 0;
        // SAFETY: the caller's promise: there is a NUL.
        while unsafe { *string.add(length) } != 0 {
            length += 1;
        }
        length
    }
}
